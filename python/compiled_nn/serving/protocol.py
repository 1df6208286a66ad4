"""Open Inference Protocol, version 2: tensors in requests and answers.

Inputs are one tensor named ``X`` (m, k), or one tensor (m,) or (m, 1) per column, named after it. Outputs are

    label            (m,), or (m, n) of 0 and 1 for several labels per row
    probabilities    (m, n_classes)
    set              (m, n_classes): whether a class is in the set, for a calibrated model
    values           (m, n): one column per column of y, or per quantile
    deviations       (m, n): standard deviations, for the loss "gaussian_nll"
    lower, upper     (m, n): bounds of intervals, for a calibrated model

The first ones have the names of the outputs of an export to ONNX.

Data are flat or nested lists. Text has the datatype BYTES. A missing value is null, as in the plain route.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import did_you_mean
from ..preprocessing.columns import Categorical, LeftOut, Numeric
from .answers import Answers, finite
from .documents import kind_of, shown
from .plain import check_number
from .question import Question
from .request_errors import RequestError

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .model import ServedModel
    from .settings import Settings
    from .store import Slot

MATRIX = "X"  # name of the input that has all columns
_WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_REAL = ("FP16", "FP32", "FP64")
DATATYPES = ("BOOL", *_WHOLE, *_REAL, "BYTES")
_REQUEST = ("id", "parameters", "inputs", "outputs")
_TENSOR = ("name", "shape", "datatype", "parameters", "data")
_MOST_DIMENSIONS = 8


class Tensors(Question):
    """Tensors of a request."""

    def __init__(self, document: dict[str, Any], slot: Slot, model: ServedModel, settings: Settings) -> None:
        _check_keys(document, _REQUEST, "The request")
        self._id = document.get("id")
        if self._id is not None and not isinstance(self._id, str):
            raise RequestError(400, f"id is {kind_of(self._id)}; expected a text.")
        parameters = _parameters(document, "The request")
        super().__init__(slot, model, parameters.get("coverage"))
        self._wanted = _wanted(document.get("outputs"), output_names(model, self.margin is not None))
        self.rows = model.rows.read(_rows(document.get("inputs"), model, settings))

    def answer(self, answers: Answers) -> dict[str, Any]:
        """Return the body of the answer."""
        tensors = dict(_tensors(self._model, answers))
        found = {"model_name": self._slot.name, "model_version": self._slot.version}
        outputs = [{"name": name, **tensors[name]} for name in self._wanted]
        return found | ({} if self._id is None else {"id": self._id}) | {"outputs": outputs}


# ---- inputs


def _check_keys(document: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in names:
            hint = did_you_mean(key, names)
            raise RequestError(400, f"{where} has the key {shown(key)}; expected {', '.join(names)}.{hint}")


def _parameters(document: dict[str, Any], where: str) -> dict[str, Any]:
    parameters = document.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(400, f"{where}: parameters is {kind_of(parameters)}; expected an object.")
    for name in parameters:
        if name.startswith("binary_data"):
            raise RequestError(
                400, f"{where}: the service takes no binary tensors. Send the data as JSON, without {name}."
            )
    return parameters


def _rows(inputs: Any, model: ServedModel, settings: Settings) -> list[Any]:
    """Return the rows in tensors, as lists or dicts."""
    if not isinstance(inputs, list) or not inputs:
        raise RequestError(400, "inputs must be a list with at least one tensor.")
    tensors: dict[str, tuple[list[int], list[Any]]] = {}
    for i, tensor in enumerate(inputs):
        name, shape, values = _tensor(tensor, i, settings)
        if name in tensors:
            raise RequestError(400, f"Several inputs are named {shown(name)}. Send one tensor for each name.")
        tensors[name] = shape, values
    titles = model.rows.titles
    if MATRIX in tensors and (len(tensors) == 1 or MATRIX not in titles):
        if len(tensors) > 1:
            other = next(name for name in tensors if name != MATRIX)
            raise RequestError(
                400, f"The input {MATRIX} has all columns, so that {shown(other)} cannot be sent with it."
            )
        shape, values = tensors[MATRIX]
        if not (len(titles) == 1 and MATRIX in titles and len(shape) == 1):
            return _matrix_rows(shape, values, model)
    return _column_rows(tensors, titles)


def _tensor(tensor: Any, i: int, settings: Settings) -> tuple[str, list[int], list[Any]]:
    """Return the name, the shape and the values of a tensor, checked."""
    where = f"inputs[{i}]"
    if not isinstance(tensor, dict):
        raise RequestError(400, f"{where} is {kind_of(tensor)}; expected an object.")
    _check_keys(tensor, _TENSOR, where)
    for key in ("name", "shape", "datatype", "data"):
        if key not in tensor:
            raise RequestError(400, f"{where} lacks {key}.")
    name, shape, datatype = tensor["name"], tensor["shape"], tensor["datatype"]
    if not isinstance(name, str):
        raise RequestError(400, f"{where}: name is {kind_of(name)}; expected a text.")
    where = f"The input {shown(name)}"
    _parameters(tensor, where)
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        hint = did_you_mean(datatype, DATATYPES) if isinstance(datatype, str) else ""
        given = shown(datatype) if isinstance(datatype, str) else kind_of(datatype)
        raise RequestError(400, f"{where} has the datatype {given}; there are {', '.join(DATATYPES)}.{hint}")
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= _MOST_DIMENSIONS
        or not all(type(n) is int and 0 < n < 1 << 40 for n in shape)
    ):
        raise RequestError(
            400, f"{where}: shape must be a list of up to {_MOST_DIMENSIONS} whole numbers above 0."
        )
    check_number(shape[0], settings.max_rows)
    values = _flat(tensor["data"], where)
    if math.prod(shape) != len(values):
        raise RequestError(
            400, f"{where} has {len(values):,} values; its shape {shape} needs {math.prod(shape):,}."
        )
    _check_values(values, datatype, where)
    return name, shape, values


def _flat(data: Any, where: str) -> list[Any]:
    """Return flat or nested lists as one list."""
    if not isinstance(data, list):
        raise RequestError(400, f"{where}: data is {kind_of(data)}; expected a list.")
    for _ in range(_MOST_DIMENSIONS):
        if not any(isinstance(part, list) for part in data):
            break
        if not all(isinstance(part, list) for part in data):
            raise RequestError(400, f"{where}: data has values and lists at the same level.")
        data = [value for part in data for value in part]
    return list(data)


def _check_values(values: list[Any], datatype: str, where: str) -> None:
    """Raise a RequestError for a value that is not of the datatype; null is a missing value of any of them."""
    types: tuple[type, ...] = (int, float)
    if datatype == "BYTES":
        types = (str,)
    elif datatype == "BOOL":
        types = (bool,)
    elif datatype in _WHOLE:
        types = (int,)
    allowed = {*types, type(None)}
    if set(map(type, values)) <= allowed:
        return
    i = next(i for i, value in enumerate(values) if type(value) not in allowed)
    raise RequestError(
        400, f"{where}: value {i} of data is {kind_of(values[i])}; the datatype is {datatype}."
    )


def _matrix_rows(shape: list[int], values: list[Any], model: ServedModel) -> list[Any]:
    """Return the rows of a tensor that has all columns."""
    image, k = model.inputs.shape, len(model.rows.titles)
    if len(shape) < 2:
        raise RequestError(400, f"The input {MATRIX} has the shape {shape}; expected [rows, {k}].")
    is_image = image is not None and tuple(shape[1:]) in (image, (*image, 1))
    if shape[1:] != [k] and not is_image:
        form = f"{k}]" if image is None else f"{k}] or [rows, {', '.join(map(str, image))}]"
        raise RequestError(400, f"The input {MATRIX} has the shape {shape}; expected [rows, {form}.")
    width = math.prod(shape[1:])
    return [values[start : start + width] for start in range(0, len(values), width)]


def _column_rows(
    tensors: dict[str, tuple[list[int], list[Any]]], titles: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return the rows of one tensor per column, as dicts."""
    first = next(iter(tensors))
    for name, (shape, values) in tensors.items():
        if name not in titles:
            hint = did_you_mean(name, titles)
            raise RequestError(
                400,
                f"The model has no input named {shown(name)}; expected {MATRIX}, or one input per column.{hint}",
                column=name,
            )
        if len(shape) > 2 or shape[1:] not in ([], [1]):
            raise RequestError(
                400,
                f"The input {shown(name)} has the shape {shape}; expected [rows] or [rows, 1] for a column.",
                column=name,
            )
        if len(values) != len(tensors[first][1]):
            raise RequestError(
                400,
                f"The input {shown(name)} has {len(values)} rows; the input {shown(first)} has"
                f" {len(tensors[first][1])}.",
                column=name,
            )
    columns = (values for _, values in tensors.values())
    return [dict(zip(tensors, row, strict=True)) for row in zip(*columns, strict=True)]


# ---- outputs


def output_names(model: ServedModel, has_margin: bool = False) -> list[str]:
    """Return the names of the outputs of a model; `has_margin`: a request states a coverage."""
    answering = model.answering
    regions = answering.has_default_regions or has_margin
    if answering.classifies:
        return ["label", "probabilities", *(["set"] if regions else [])]
    deviations = ["deviations"] if answering.has_deviations else []
    return ["values", *deviations, *(["lower", "upper"] if regions else [])]


def _wanted(outputs: Any, names: list[str]) -> list[str]:
    """Return the names of the outputs that a request asks for; all without a list of them."""
    if outputs is None:
        return names
    if not isinstance(outputs, list) or not outputs:
        raise RequestError(
            400, "outputs must be a list with at least one output; leave it out for all of them."
        )
    wanted = []
    for i, output in enumerate(outputs):
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise RequestError(400, f"outputs[{i}] must be an object with the key name.")
        _check_keys(output, ("name", "parameters"), f"outputs[{i}]")
        name = output["name"]
        _parameters(output, f"The output {shown(name)}")
        if name not in names:
            hint = did_you_mean(name, names)
            raise RequestError(
                400, f"The model has no output named {shown(name)}; there are {', '.join(names)}.{hint}"
            )
        wanted.append(name)
    return list(dict.fromkeys(wanted))


def _tensors(model: ServedModel, answers: Answers) -> Any:
    """Yield each output by its name: shape, datatype and data."""
    answering = model.answering
    if answering.classifies:
        label, probabilities = answers.label, answers.probabilities
        assert label is not None
        assert probabilities is not None
        if answering.certain:
            probabilities = np.ones((len(label), 1), probabilities.dtype)
        yield "label", _described(label)
        yield "probabilities", _described(probabilities)
        if answers.in_set is not None:
            yield "set", _described(answers.in_set)
        return
    named = {
        "values": answers.value,
        "deviations": answers.std,
        "lower": answers.lower,
        "upper": answers.upper,
    }
    for name, values in named.items():
        if values is not None:
            yield name, _described(values)


def datatype_of(dtype: np.dtype[Any]) -> str:
    """Return the datatype of the protocol for an array."""
    if dtype.kind in "SU":
        return "BYTES"
    if dtype.kind == "b":
        return "BOOL"
    kinds = {"i": "INT", "u": "UINT", "f": "FP"}
    return f"{kinds[dtype.kind]}{8 * dtype.itemsize}"


def _described(values: Array) -> dict[str, Any]:
    flat = values.reshape(-1)
    data = flat.tolist()
    if values.dtype.kind == "f":
        data = [finite(number) for number in data]
    elif values.dtype.kind == "S":
        data = [text.decode("utf-8", "backslashreplace") for text in data]
    return {"shape": list(values.shape), "datatype": datatype_of(values.dtype), "data": data}


# ---- metadata


def metadata(slot: Slot, model: ServedModel, versions: list[str]) -> dict[str, Any]:
    """Return the metadata of a model in the words of the protocol."""
    return {
        "name": slot.name,
        "versions": versions,
        "platform": "compiled_nn",
        "inputs": input_metadata(model),
        "outputs": _output_metadata(model),
    }


def input_metadata(model: ServedModel) -> list[dict[str, Any]]:
    encoder, real = model.inputs.encoder, "FP32" if model.inputs.dtype == "float32" else "FP64"
    if encoder is None:
        shape = model.inputs.shape or (len(model.rows.titles),)
        return [{"name": MATRIX, "datatype": real, "shape": [-1, *shape]}]
    found = []
    for title, column in zip(model.rows.titles, encoder.columns_, strict=True):
        if isinstance(column, LeftOut):
            continue
        numbers = isinstance(column, Numeric) or (
            isinstance(column, Categorical)
            and column.categories
            and not isinstance(column.categories[0], str)
        )
        found.append({"name": title, "datatype": "FP64" if numbers else "BYTES", "shape": [-1]})
    return found


def _output_metadata(model: ServedModel) -> list[dict[str, Any]]:
    answers = model.answering.compute(np.zeros((1, model.inputs.n_columns)))
    return [
        {"name": name, "datatype": tensor["datatype"], "shape": [-1, *tensor["shape"][1:]]}
        for name, tensor in _tensors(model, answers)
    ]
