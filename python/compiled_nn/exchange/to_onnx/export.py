"""Export of a model to a file of ONNX, which onnxruntime has computed before it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..._version import __version__
from ...common import checks, optional
from ...files import places
from ...preprocessing.dates import Date
from .. import verification
from . import inputs, outputs
from .graph import ML, Graph
from .network import needs_float64

if TYPE_CHECKING:
    from ...artefact.predictor import Predictor
    from ...data.arrays import Array
    from ...files.places import Writable
    from ..description import Description
    from ..verification import Probe, Verification
    from .inputs import Input

Form: TypeAlias = Literal["auto", "tensor", "columns"]
FORMS: tuple[Form, ...] = ("auto", "tensor", "columns")
OPSET, OLDEST, NEWEST = 17, 17, 22  # default, and those that the graph has the same meaning in
_OPSET_ML, _IR = 3, 8
_LARGEST = (1 << 31) - (1 << 20)  # bytes of a protocol buffer, with room for the graph
_DTYPES = ("float32", "float64")
_TOGETHER = 1 << 22  # encoded numbers of rows that are verified in one call
_STEPS = 0.01  # largest difference for int8: inputs of a layer that are rounded to the neighbouring number
_ALONE = 256  # rows that are verified one by one as well


def export(
    description: Description,
    predictor: Predictor,
    path: Writable | None,
    *,
    form: Form,
    dtype: str | None,
    opset: int,
    tolerance: float | None,
    fingerprint: str | None,
) -> Any:
    """Return a model as a ModelProto, after writing it to a file; documented in :meth:`Exchanging.to_onnx`."""
    checks.choice("to_onnx", "inputs", form, FORMS)
    dtype = description.dtype if dtype is None else checks.choice("to_onnx", "dtype", dtype, _DTYPES)
    if not OLDEST <= checks.integer("to_onnx", "opset", opset, minimum=1) <= NEWEST:
        raise ValueError(
            f"The 'opset' parameter of to_onnx must be from {OLDEST} to {NEWEST}. Got {opset} instead."
        )
    if tolerance is not None:
        tolerance = checks.real("to_onnx", "tolerance", tolerance, above=0, below=1)
    if description.ranges and dtype != "float32":
        raise ValueError(
            f"A model that predicts with int8 is exported in float32; dtype is {dtype!r}. Leave it out."
        )
    onnx, runtime = _libraries()
    _check_size(description, dtype)
    given = inputs.inputs_of(description, form, dtype)
    probe = verification.probe_rows(replace(description, dtype=dtype), predictor)
    ours = verification.answers(description, predictor, probe.X)
    both = dtype == description.dtype == "float64"
    bound = tolerance or _bound(description, "float64" if both else "float32")
    try:
        model = _model(onnx, description, given, dtype, dtype, opset)
        result = _verify(runtime, model, description, given, probe, ours, bound)
    except ArithmeticError:
        if dtype == "float64" or description.ranges:
            raise
        # The operators of float32 are not exact enough for this model.
        model = _model(onnx, description, given, dtype, "float64", opset)
        result = _verify(runtime, model, description, given, probe, ours, bound)
    compared = {**result.to_config(), "bound": bound}
    onnx.helper.set_model_props(
        model, _properties(description, given, dtype, fingerprint) | {"verification": json.dumps(compared)}
    )
    if path is not None:
        places.write(path, [model.SerializeToString(deterministic=True)])
    return model


def _bound(description: Description, dtype: str) -> float:
    """Return the largest difference that is allowed, relative to the largest output."""
    return _STEPS if description.ranges else verification.BOUNDS[dtype]


def _libraries() -> tuple[Any, Any]:
    """Return the modules onnx, with its helpers, and onnxruntime."""
    purpose = {"purpose": "export to ONNX", "extra": "onnx"}
    onnx = optional.load("onnx", library="onnx", **purpose)
    for part in ("helper", "numpy_helper", "checker"):
        optional.load(f"onnx.{part}", library="onnx", **purpose)
    return onnx, optional.load("onnxruntime", library="onnxruntime", **purpose)


def _check_size(description: Description, dtype: str) -> None:
    """Raise ValueError for weights that are larger than a file of ONNX can be."""
    numbers = sum(
        array.size
        for chain in description.networks
        for layer in chain.layers
        for array in (layer.weight, layer.bias, layer.gain)
        if array is not None
    )
    if numbers * np.dtype(dtype).itemsize > _LARGEST:
        raise ValueError(
            f"The weights take {numbers * np.dtype(dtype).itemsize:,} bytes in {dtype}; a file of ONNX without external"
            " data has at most 2 GiB. Use the format of Network.save."
        )


# ---- the model


def _model(
    onnx: Any, description: Description, given: Sequence[Input], dtype: str, real: str, opset: int
) -> Any:
    """Return the checked model; `real` is the dtype of its arithmetic."""
    types = outputs.output_types(description, dtype)
    graph = Graph(onnx, real, [*(each.name for each in given), *types])
    wide = "float64" if _is_wide(description, given) else real
    if description.is_certain:
        outputs.add_certain(graph, description, given[0].name, dtype)
    else:
        X, lookups = inputs.encoded(graph, description, given, wide)
        outputs.add(graph, description, X, lookups, wide, dtype)
    value = onnx.helper.make_tensor_value_info
    proto = onnx.helper.make_graph(
        graph.nodes,
        "compiled_nn",
        [value(each.name, graph.element(each.dtype), ["batch", *each.shape]) for each in given],
        [
            value(name, graph.element(kind), ["batch"] if n is None else ["batch", n])
            for name, (kind, n) in types.items()
        ],
        graph.initializers,
    )
    domains = [onnx.helper.make_opsetid("", opset)]
    if any(node.domain == ML for node in graph.nodes):
        domains.append(onnx.helper.make_opsetid(ML, _OPSET_ML))
    model = onnx.helper.make_model(
        proto,
        opset_imports=domains,
        ir_version=_IR,
        producer_name="compiled-nn",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _is_wide(description: Description, given: Sequence[Input]) -> bool:
    """Whether the rows are encoded and scaled in float64, although the networks compute in float32."""
    dates = any(isinstance(column, Date) and column.parts for column in description.columns or ())
    numbers = any(each.dtype == "float64" for each in given if each.kind == "number")
    return dates or numbers or needs_float64(description)


def _properties(
    description: Description, given: Sequence[Input], dtype: str, fingerprint: str | None
) -> dict[str, str]:
    """Return the metadata of a model."""
    found: dict[str, Any] = {
        "compiled_nn_version": __version__,
        "dtype": dtype,
        "inputs": inputs.described(given, description),
    }
    if fingerprint is not None:
        found["fingerprint"] = fingerprint
    if description.classes is not None:
        found["classes"] = outputs.stored_classes(description.classes).tolist()
    return {
        name: value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        for name, value in found.items()
    }


# ---- the other side


def _verify(
    runtime: Any,
    model: Any,
    description: Description,
    given: Sequence[Input],
    probe: Probe,
    ours: dict[str, Array],
    bound: float,
) -> Verification:
    """Return the comparison with onnxruntime, of all rows together and of single rows."""
    feed = {each.name: each.feed(description, probe) for each in given}
    names = list(outputs.output_types(description, description.dtype))
    try:
        session = _session(runtime, model)
        together = _run(session, names, feed, max(1, _TOGETHER // description.n_columns))
        alone = _run(session, names, {name: x[:_ALONE] for name, x in feed.items()}, 1)
    except Exception as error:  # the library has no common class of its errors
        raise ValueError(
            f"onnxruntime {runtime.__version__} cannot run the model of ONNX, so that nothing was written: {error}"
        ) from error
    against = f"onnxruntime {runtime.__version__}"
    stored = dict(ours)
    if "label" in stored and description.classes is not None and description.kind == "classes":
        stored["label"] = _as_stored(stored["label"], description.classes)
    results = [
        verification.check(
            {name: numbers[: len(theirs[name])] for name, numbers in stored.items()},
            theirs,
            description.dtype,
            against,
            bound=bound,
            what="model of ONNX",
        )
        for theirs in (alone, together)
    ]
    return replace(results[1], largest_difference=max(each.largest_difference for each in results))


def _session(runtime: Any, model: Any) -> Any:
    """Return a session that computes in one thread, and raises its errors."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(session: Any, names: list[str], feed: dict[str, Array], n_rows: int) -> dict[str, Array]:
    """Return the outputs of a session by name, from at most `n_rows` rows at a time."""
    m = len(next(iter(feed.values())))
    parts = [
        session.run(names, {name: x[start : start + n_rows] for name, x in feed.items()})
        for start in range(0, m, n_rows)
    ]
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def _as_stored(labels: Array, classes: Array) -> Array:
    """Return labels as the graph has them."""
    if classes.dtype.kind == "S":
        return np.array([label.decode() for label in labels.tolist()])
    return labels
