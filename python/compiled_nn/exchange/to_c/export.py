"""Export to C: the plan, its verification, and the two files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...artefact import calibration_rows
from ...common import checks
from ...data.arrays import Array
from ...files import replacing
from ...preprocessing.columns import Categorical, LeftOut
from .. import verification
from ..verification import BOUNDS, Probe, Verification
from . import compiler as compilers
from . import emulation, names, templates
from .emulation import BLOCK
from .fields import inputs_of, rows
from .header import write_header
from .outcome import n_out
from .plan import Plan, given_ranges, make_plan, quantized
from .source import write_source

if TYPE_CHECKING:
    from ...artefact.predictor import Predictor
    from ..description import Description

DTYPES = ("float32", "float64", "int8")
_MOST_ROWS = 256  # of calibration rows, for the verification
_UNDECIDED = 1e-3  # difference of probabilities below which another index of the class may be returned
_ROUNDING = 1.5  # of the bound of int8: another math library can round a number to its neighbour


def export(
    description: Description,
    predictor: Predictor,
    path: str | os.PathLike[str],
    *,
    name: str | None,
    dtype: str | None,
    test_rows: int,
    calibration: Any,
) -> Verification:
    """Write a C source file and its header; documented in :meth:`compiled_nn.Network.to_c`."""
    target = os.fsdecode(path)
    stem, suffix = os.path.splitext(os.path.basename(target))
    if suffix != ".c":
        raise ValueError(
            f"The path is {target!r}; expected one that ends in .c, beside which the header is written."
        )
    if not stem.isprintable() or any(text in stem for text in ('"', "\\", "??")):  # ?? can begin a trigraph
        raise ValueError(f"The file name {stem!r} cannot be included in C source.")
    name = _name_of(stem) if name is None else names.check_name(name)
    dtype = _dtype_of(description, dtype, calibration)
    _check_texts(description)
    test_rows = checks.integer("to_c", "test_rows", test_rows, minimum=1)
    real = "float32" if dtype == "int8" else dtype
    plan = make_plan(description, real)
    if dtype == "int8" and calibration is not None:
        rows_of = calibration
    else:
        probe = _rounded(description, verification.probe_rows(description, predictor), real)
        rows_of, x = probe.X, inputs(plan, probe)
    ours = verification.answers(description, predictor, rows_of)
    lines: list[str] = []
    if dtype == "int8":
        samples = predictor.inputs.read(rows_of)
        if calibration is not None:
            calibration_rows.check(samples, predictor.inputs)
        encoded, known = _encoded(plan, samples), description.ranges
        plan = quantized(plan, given_ranges(plan, known or predictor.measure_ranges(samples)))
        found = _answers(plan, *emulation.outputs_of(plan, *encoded))
        lines = _quality(ours, found, "probe rows" if calibration is None else "calibration rows", known)
        some = np.unique(np.linspace(0, len(encoded[0]) - 1, _MOST_ROWS).astype(int))
        x = inputs_of(plan.fields, *(each[some] for each in encoded))
        ours = {key: value[some] for key, value in ours.items()}
    source, head, result = _verified(plan, name, x, ours, test_rows, lines)
    replacing.write(os.path.join(os.path.dirname(target), f"{stem}.h"), [head.encode()])
    replacing.write(target, [source.replace(f'#include "{name}.h"', f'#include "{stem}.h"', 1).encode()])
    return result


def _dtype_of(description: Description, dtype: str | None, calibration: object) -> str:
    """Return the numbers in C; raise ValueError if they, or calibration rows, contradict the model."""
    is_quantized = bool(description.ranges)
    if dtype is not None:
        checks.choice("to_c", "dtype", dtype, DTYPES)
    found = dtype or ("int8" if is_quantized else "float32")
    if is_quantized and found != "int8":
        raise ValueError(
            f"dtype is {found!r}, but this model predicts with int8. Leave dtype out, or use to_c of the model that"
            " quantize was called on."
        )
    if is_quantized and calibration is not None:
        raise ValueError(
            "calibration_data has no effect for a quantised model, whose ranges are those of quantize. Leave it out."
        )
    if calibration is not None and found != "int8":
        raise ValueError(f"calibration_data is for dtype='int8'; dtype is {found!r}.")
    return found


def _check_texts(description: Description) -> None:
    """Raise ValueError for a label or a category with a character that ends a text in C."""
    texts = (
        []
        if description.classes is None
        else [("The model has the label", each) for each in description.classes.tolist()]
    )
    for title, column in zip(description.titles, description.columns or (), strict=False):
        if isinstance(column, Categorical):
            texts += [(f"Column {title!r} has the category", each) for each in column.categories]
    for what, text in texts:
        if (isinstance(text, str) and "\0" in text) or (isinstance(text, bytes) and b"\0" in text):
            raise ValueError(
                f"{what} {text!r}, whose null character ends a text in C. Replace it, and fit the model again."
            )


def _name_of(stem: str) -> str:
    """Return a name for a file name."""
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_")[:40] or "model"
    return name if names.is_name(name) else f"model_{name}"[:40]


def _rounded(description: Description, probe: Probe, real: str) -> Probe:
    """Return the rows with numbers that C represents, so that both sides predict for the same numbers."""
    if description.dtype == real or real == "float64":
        return probe
    columns = tuple(
        each.astype(real).astype(each.dtype) if each.dtype.kind == "f" else each for each in probe.columns
    )
    if description.columns is None:
        return Probe(columns, np.stack(columns, axis=1))
    return Probe(columns, verification.table_of(description, columns))


def inputs(plan: Plan, probe: Probe) -> Array:
    """Return the inputs of the C function for rows."""
    if plan.description.columns is None:
        return np.stack(probe.columns, axis=1).astype(plan.dtype)
    left_out = [isinstance(column, LeftOut) for column in plan.description.columns]
    return rows(plan.fields, probe.columns, left_out, plan.dtype)


def _encoded(plan: Plan, samples: Any) -> tuple[Array, Array]:
    """Return numbers and rows of the table for samples that the model has read."""
    numbers = np.asarray(samples if isinstance(samples, np.ndarray) else samples.toarray())
    fields = plan.fields
    at = np.full((len(numbers), len(fields.categorical)), -1)
    for i, field in enumerate(fields.categorical):
        assert isinstance(field.column, Categorical)
        start = fields.n_numbers + field.place
        chosen = numbers[:, start : start + field.column.width]
        if chosen.shape[1]:
            at[:, i] = np.where(chosen.any(axis=1), field.place + chosen.argmax(axis=1), -1)
    return np.ascontiguousarray(numbers[:, : fields.n_numbers] - fields.offsets).astype(plan.dtype), at


def _answers(plan: Plan, returned: Array, out: Array) -> dict[str, Array]:
    """Return results of C in the form of `verification.answers`."""
    description = plan.description
    if description.kind == "indicator":
        return {"label": (out >= 0.5).astype(int), "probabilities": out}
    if description.classes is not None:
        return {"label": description.classes[returned], "probabilities": out}
    if description.loss.name != "gaussian_nll":
        return {"values": out}
    n = out.shape[1] // 2
    return {"values": out[:, :n], "deviations": out[:, n:]}


def emulated_answers(plan: Plan, x: Array) -> dict[str, Array]:
    """Return the answers of the emulation for rows of inputs."""
    return _answers(plan, *emulation.outputs(plan, x))


def _quality(ours: Mapping[str, Array], found: Mapping[str, Array], what: str, known: object) -> list[str]:
    """Return lines about what int8 changes; `known` is not empty if the model predicts with int8 itself."""
    difference = verification.largest_difference(ours, found)
    n = len(next(iter(ours.values())))
    model = "the model in int8" if known else "the model in float"
    lines = [f"Largest difference from {model} on {n} {what}: {difference:.3g} of the largest output."]
    if "label" in ours:
        other = int((np.asarray(ours["label"]) != found["label"]).reshape(n, -1).any(axis=1).sum())
        lines.append(f"Another label for {other} of these rows.")
    return lines


def _verified(
    plan: Plan, name: str, x: Array, ours: Mapping[str, Array], test_rows: int, lines: list[str]
) -> tuple[str, str, Verification]:
    """Return source and header, after the C compiler or NumPy has computed the same predictions from them."""
    bound = BOUNDS["float64" if plan.dtype == plan.description.dtype == "float64" else "float32"]
    emulated = emulated_answers(plan, x)
    if plan.quantized:
        bound = max(_ROUNDING * verification.largest_difference(ours, emulated), BOUNDS["float32"])
    test = _self_test(plan, name, x, ours, test_rows, bound)
    compiler = compilers.find_compiler()
    _, stack = write_source(plan, name, "", "")
    if compiler is None:
        against, theirs = f"an emulation in numpy {np.__version__}", emulated
    else:
        against = compiler.version
        source, _ = write_source(plan, name, "", test)
        head = write_header(plan, name, stack, [])
        try:
            found = compilers.predict(compiler, name, source, head, x, n_out(plan))
        except RuntimeError as error:
            raise ArithmeticError(
                f"The exported C source cannot be verified, so that nothing was written. {error}"
            ) from error
        theirs = _answers(plan, *found)
    result = verification.check(
        _comparable(plan, ours, theirs), theirs, plan.dtype, against, bound=bound, what="C code"
    )
    lines = [
        f"Verified on {result.rows} rows by {against}: the largest difference from the model",
        f"is {result.largest_difference:.3g} of the largest output.",
        *lines,
    ]
    comment = (
        f"/* {name}: see {name}.h. Weights of a network of compiled-nn, and the functions that predict. */"
    )
    source, _ = write_source(plan, name, f"{comment}\n", test)
    return source, write_header(plan, name, stack, [names.comment_line(line) for line in lines]), result


def _comparable(plan: Plan, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return our answers; with int8, without the labels, which may differ as much as the probabilities."""
    return {key: value for key, value in ours.items() if key != "label"} if plan.quantized else ours


def _self_test(
    plan: Plan, name: str, x: Array, ours: Mapping[str, Array], test_rows: int, bound: float
) -> str:
    """Return the source of the self-test for some rows, one of which has the largest output."""
    results = np.concatenate([each for key, each in ours.items() if key != "label"], axis=1)
    rows_of = np.linspace(0, len(x) - 1, min(test_rows, len(x))).astype(int)
    rows_of[-1] = int(np.abs(results).max(axis=1).argmax())
    return templates.fill(templates.SELF_TEST, name, plan.dtype, BLOCK).format(
        rows=len(rows_of),
        x=names.numbers(x[rows_of], plan.dtype),
        out=names.numbers(results[rows_of], plan.dtype),
        classes=names.numbers(_indices(plan, ours, results)[rows_of], plan.dtype),
        bound=f"{bound:.3g}",
    )


def _indices(plan: Plan, ours: Mapping[str, Array], results: Array) -> Array:
    """Return the index of the class of each row, -1 where rounding may change it."""
    description = plan.description
    classes = description.classes
    if classes is None or description.kind == "indicator":
        return np.zeros(len(results), int)
    index = np.array([int(np.argmax(classes == label)) for label in ours["label"]])
    if description.is_certain:
        return index
    if plan.quantized:
        return np.full(len(results), -1)
    highest = np.sort(results, axis=1)
    near = highest[:, -1] - highest[:, -2] < _UNDECIDED
    if description.loss.ordered:
        near = (np.abs(np.cumsum(results, axis=1) - 0.5) < _UNDECIDED).any(axis=1)
    return np.where(near, -1, index)
