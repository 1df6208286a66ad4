"""Files of estimators: a network file with the parameters and fitted attributes in its metadata.

The file is that of ``network_file.py``, and ``compiled_nn.load`` reads it as a network. A Checkpoint callback writes
that of ``checkpoint_file.py``. The metadata have one more key, ``compiled_nn_estimator``:

    format_version    2; 1 before there were tensors
    estimator         name of the class
    parameters        parameters that differ from their defaults, by name, as values of ``json_values.py``
    attributes        fitted attributes, by name
    progress          counts and best values so far, which warm starts and partial_fit continue

The losses and scores of the epochs are tensors, in the dtype of the network: ``training.estimator.losses`` and
``.scores``, and ``.curve`` for the losses of "lbfgs". An attribute that is one of them has the value
``{"tensor": name}``. In format 1 they are lists in `attributes` and `progress`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..common import checks
from ..data.arrays import Array
from ..files import checkpoint_file, extras, network_file, recorded
from ..files.documents import parse_json
from ..files.network_file import ESTIMATOR, ESTIMATOR_TENSORS
from ..files.safetensors_file import open_tensors, write_tensors
from ..spec.configuration import PARAMETERS
from . import file_schemas
from .json_values import from_json, to_json
from .network import EstimatorNetwork
from .progress import Progress

if TYPE_CHECKING:
    from ..artefact.parts import Parts
    from ..files.places import Readable, Writable
    from .parameters import Parameters

_VERSION = 2
_FIELDS = ("format_version", "estimator", "parameters", "attributes", "progress")
_OLD_NAMES = "feature_names_in_"  # attribute that files of format 4 do not have: the network has the names
_CURVES = ("losses", "scores")  # attributes of `Progress` that are tensors
_NOT_STORED = ("best_state", "has_begun")  # of `Progress`: they concern one call of fit
_PROGRESS = tuple(each.name for each in fields(Progress) if each.name not in (*_NOT_STORED, *_CURVES))
_LONG = (
    100_000  # epochs of a curve that is stored in float64, so that the file pays for the memory of its list
)
_MEMORY = 32  # bytes of a number in a list
_FREE, _TIMES = 12 << 20, 4  # bytes of the list of a curve for any file, and for each byte of it
_SKIPPED = ("callbacks",)  # parameters that a checkpoint does not contain


def write(
    path: Writable,
    model: Parameters,
    network: EstimatorNetwork,
    progress: Progress,
    metadata: dict[str, Any] | None = None,
    mappable: bool = False,
) -> None:
    """Write a fitted estimator; an existing file is replaced only after the new one is complete on the disk."""
    parts = network._parts_with(metadata, mappable)
    tensors, content = network_file.make_content(parts, __version__)
    curves, document = described(model, network.dtype, vars(model), progress)
    card = recorded.documents(content, tensors, parts)
    write_tensors(path, tensors | curves, {network_file.KEY: content, ESTIMATOR: document, **card})


def described(
    model: Parameters, dtype: str, attributes: dict[str, Any], progress: Progress, without: Iterable[str] = ()
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the JSON document of an estimator.

    Parameters
    ----------
    model : Parameters
        Estimator.
    dtype : {"float32", "float64"}
        Dtype of the network.
    attributes : dict
        Fitted attributes; others are skipped.
    progress : Progress
        Losses and scores so far.
    without : iterable of str
        Names of parameters that are left out.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or an object that JSON cannot represent.
    """
    _check_parameters(model)
    given = {name: value for name, value in model.changed().items() if name not in without}
    curves = {name: vars(progress)[name] for name in _CURVES if vars(progress)[name]}
    stored = {name: attributes[name] for name in file_schemas.ATTRIBUTE_NAMES if name in attributes}
    for name in ("loss_curve_", "validation_scores_"):
        if isinstance(stored.get(name), list):
            tensor = next((key for key, curve in curves.items() if curve == stored[name]), "curve")
            curves[tensor] = stored[name]
            stored[name] = _Tensor(tensor)
    document = {
        "format_version": _VERSION,
        "estimator": type(model).__name__,
        "parameters": {name: to_json(name, value) for name, value in given.items()},
        "attributes": {name: _attribute_to_json(name, value) for name, value in stored.items()},
        "progress": {name: to_json(name, vars(progress)[name]) for name in _PROGRESS},
    }
    return {
        f"{ESTIMATOR_TENSORS}{name}": _as_tensor(curve, dtype) for name, curve in curves.items()
    }, document


def described_in_training(
    model: Parameters, dtype: str, attributes: dict[str, Any], progress: Progress
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the document of an estimator in training, for a checkpoint."""
    return described(model, dtype, vars(model) | attributes, progress, without=_SKIPPED)


class _Tensor(str):
    """Name of the tensor that an attribute is stored as."""


def _attribute_to_json(name: str, value: Any) -> Any:
    return {"tensor": str(value)} if isinstance(value, _Tensor) else to_json(name, value)


def _as_tensor(curve: list[float], dtype: str) -> Array:
    numbers = np.array(curve, np.float64)
    if len(curve) > _LONG:
        return numbers
    fits = (np.abs(numbers[np.isfinite(numbers)]) <= np.finfo(dtype).max).all()
    return numbers.astype(dtype) if fits else numbers


def read(path: Readable, owner: type[Any], *, mmap: bool = False) -> Any:
    """Return the estimator of class `owner` from a file written by :func:`write`, or from a checkpoint."""
    with open_tensors(path, mmap=mmap) as file:
        described = network_file.describe(file)
        parts = network_file.parts_of_network(file, described)
        text = (file.metadata() or {}).get(ESTIMATOR)
        if text is None:
            raise ValueError("it holds a network without an estimator; read it with compiled_nn.load")
        document = parse_json(text, file.n_bytes)
        version = document.get("format_version") if isinstance(document, dict) else None
        if type(version) is not int or not 1 <= version <= _VERSION:
            raise ValueError(
                f"its estimator has format version {version!r}; this version of compiled_nn reads versions up to"
                f" {_VERSION}"
            )
        document = checks.fields("the estimator", document, _FIELDS)
        if document["estimator"] != owner.__name__:
            raise ValueError(f"it holds an estimator {document['estimator']!r}, not {owner.__name__}")
        model = _with_parameters(owner, document["parameters"])
        curves = _curves(file, version)
        attributes = file_schemas.ATTRIBUTES("attributes", document["attributes"])
        file_schemas.check_network(owner, parts, attributes["n_features_in_"])
        _set_progress(model, document["progress"], curves, version)
        _set_attributes(model, attributes, curves, parts)
        names = attributes.get(_OLD_NAMES)
        if names is not None and parts.inputs.encoder is None:
            parts = parts.replace(inputs=parts.inputs.replace(names=_names(names, parts.inputs.n_columns)))
        model.network_ = EstimatorNetwork._of_parts(parts)
        if checkpoint_file.is_checkpoint(file):
            model.network_.resume(*checkpoint_file.parse_training(file, parts))
        model.network_.n_threads = model.n_threads
        recorded.verify(file, described.document, described.card)
    return model


def _with_parameters(owner: type[Any], config: Any) -> Any:
    parameters = checks.fields("parameters", config, (), owner().get_params())
    model = owner(**{name: from_json(value, tuple) for name, value in parameters.items()})
    if model.callbacks:
        raise ValueError(f"parameters.callbacks is {model.callbacks!r}; a file has no callbacks")
    _check_parameters(model)
    model._remember_parameters(model._optimizer())
    return model


def _check_parameters(model: Any) -> None:
    """Raise a TypeError or a ValueError for a parameter of an estimator in a file that fit would refuse."""
    model._check(combined=False)
    checks.optional_integer(type(model).__name__, "n_threads", model.n_threads, minimum=1)
    for name, value in model._network_options().items():
        PARAMETERS[name][1](name, value)


def _curves(file: Any, version: int) -> dict[str, list[float]]:
    if version == 1:
        return {}
    names = [name for name in file.keys() if name.startswith(ESTIMATOR_TENSORS)]  # noqa: SIM118 - not a mapping
    for name in names:
        tensor = file.get_slice(name)
        if tensor.get_dtype() not in ("F32", "F64") or len(tensor.get_shape()) != 1:
            raise ValueError(
                f"{name} is {tensor.get_dtype()} {tensor.get_shape()}; expected one dimension of reals"
            )
        if (length := tensor.get_shape()[0]) * _MEMORY > _FREE + _TIMES * file.n_bytes:
            raise ValueError(
                f"{name} has {length} numbers; their list would take {_MEMORY * length >> 20} MiB"
            )
    curves = {name.removeprefix(ESTIMATOR_TENSORS): file.get_tensor(name).tolist() for name in names}
    for name, curve in curves.items():
        file_schemas.check_curve(name, curve)
    return curves


def _set_progress(model: Any, config: Any, curves: dict[str, list[float]], version: int) -> None:
    progress = {name: curves.get(name, []) for name in _CURVES} | file_schemas.PROGRESS[version](
        "progress", config
    )
    if version == 1:
        file_schemas.count_dropped(progress)
    file_schemas.check_progress(progress)
    model._progress = Progress(**progress)


def _set_attributes(
    model: Any, attributes: dict[str, Any], curves: dict[str, list[float]], parts: Parts
) -> None:
    for name, value in attributes.items():
        if name == _OLD_NAMES:
            continue
        if isinstance(value, dict):
            if value["tensor"] not in curves:
                raise ValueError(f"it lacks the tensor {ESTIMATOR_TENSORS}{value['tensor']}")
            setattr(model, name, curves[value["tensor"]])
        else:
            setattr(model, name, value)
    if "_label_dtype" in attributes:
        model._label_dtype = file_schemas.label_dtype(attributes["_label_dtype"], parts)
    elif model._kind == "classifier":
        raise ValueError("attributes lacks ['_label_dtype']")


def _names(names: Any, n_columns: int) -> tuple[str, ...]:
    """Return the names of columns in a file of a format before 4."""
    read: tuple[str, ...] = extras.read_inputs({"inputs": {"names": names}}, n_columns)["names"]
    return read
