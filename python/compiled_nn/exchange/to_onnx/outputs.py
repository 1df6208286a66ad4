"""Outputs of an ONNX graph: labels and probabilities, or values in units of y."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...artefact import folding
from ...common.text import is_unicode
from ..description import Chain, Description
from .activations import activation, link
from .graph import Graph
from .lookups import Lookup, without
from .network import logits

if TYPE_CHECKING:
    from ...data.arrays import Array

# Largest rounding error, in units of the scale of y, that float32 may add to values; values are float64 above it.
_LARGEST_ERROR = 1e-4


def values_dtype(description: Description, dtype: str) -> str:
    """Return the dtype of values: `dtype`, or float64 if float32 would lose the digits of y."""
    factor, shift = description.factor, description.shift
    if dtype == "float32" and factor is not None and shift is not None:
        lost = np.abs(shift) * np.finfo(np.float32).eps > _LARGEST_ERROR * factor
        return "float64" if lost.any() else dtype
    return dtype


def output_types(description: Description, dtype: str) -> dict[str, tuple[Any, int | None]]:
    """Return dtype and number of columns (None: no column, one number for each row) of the outputs of a graph."""
    if description.classes is not None:
        n_classes = description.n_outputs if description.kind == "indicator" else len(description.classes)
        if description.kind == "indicator":
            return {"label": ("int64", n_classes), "probabilities": (dtype, n_classes)}
        return {
            "label": (stored_classes(description.classes).dtype, None),
            "probabilities": (dtype, n_classes),
        }
    n = description.n_outputs // (2 if description.loss.name == "gaussian_nll" else 1)
    dtype = values_dtype(description, dtype)
    names = ("values", "deviations") if description.loss.name == "gaussian_nll" else ("values",)
    return {name: (dtype, n) for name in names}


def stored_classes(classes: Array) -> Array:
    """Return labels as the graph has them: text and bytes as text, booleans, int64 for integers, else float64.

    Raises
    ------
    ValueError
        If labels are bytes or text that is not Unicode.
    """
    kind = classes.dtype.kind
    if kind == "S":
        try:
            return np.array([label.decode() for label in classes.tolist()])
        except UnicodeDecodeError as error:
            raise ValueError(
                f"The label {error.object!r} is not text in UTF-8, which labels of ONNX are. Fit on labels of text."
            ) from None
    if kind in "UO":
        for label in classes.tolist():
            if isinstance(label, str) and not is_unicode(label):
                raise ValueError(
                    f"The label {label!r} has surrogates, which are not Unicode. ONNX has no such text."
                )
        return np.array([str(label) for label in classes.tolist()])
    if kind == "b":
        return classes
    if kind == "f":
        return classes.astype(np.float64)
    return classes if classes.dtype == np.uint64 and int(classes[-1]) >= 1 << 63 else classes.astype(np.int64)


# ---- the nodes


def add(
    graph: Graph, description: Description, X: str, lookups: Sequence[Lookup], wide: str, dtype: str
) -> None:
    """Add networks and outputs for encoded rows.

    Parameters
    ----------
    graph : Graph
        Graph to add to.
    description : Description
        Description of the model.
    X : str
        Encoded rows (m, n) of the dtype `wide`, without the columns that are looked up.
    lookups : sequence of Lookup
        Columns that are looked up.
    wide : {"float32", "float64"}
        Dtype of X.
    dtype : {"float32", "float64"}
        Dtype of the outputs.
    """
    d = without(description, lookups)
    scopes = [f"network_{i}/" for i in range(len(d.networks))] if len(d.networks) > 1 else [""]
    zs = [
        logits(graph, d, _for_graph(d, chain, dtype), X, wide, scope, lookups)
        for chain, scope in zip(d.networks, scopes, strict=True)
    ]
    if d.loss.ordered:
        _ordered(graph, d, zs, dtype)
    elif d.classes is not None:
        _classes(graph, d, zs, dtype)
    else:
        _values(graph, d, zs, dtype)


def add_certain(graph: Graph, description: Description, X: str, dtype: str) -> None:
    """Add the outputs of a model that has one label, for an input X with one row for each row of the outputs."""
    assert description.classes is not None
    rows = graph.node("Shape", X, name="shape", end=1)
    one = graph.constant("one", [1], "int64")
    index = graph.node("ConstantOfShape", rows, name="index", value=_filled(graph, 0, "int64"))
    _write_labels(graph, description.classes, index)
    shape = graph.node("Concat", rows, one, name="shape/Concat", axis=0)
    graph.node("ConstantOfShape", shape, output="probabilities", value=_filled(graph, 1, dtype))


def _filled(graph: Graph, number: int, dtype: str) -> Any:
    """Return a tensor of one number, as an attribute."""
    return graph.onnx.numpy_helper.from_array(np.array([number], dtype))


def _is_binary(description: Description) -> bool:
    """Whether one sigmoid output stands for two classes."""
    return description.kind == "classes" and description.link == "sigmoid" and description.n_outputs == 1


def _for_graph(description: Description, chain: Chain, dtype: str) -> Chain:
    """Return a network with the last layer as the graph has it.

    One sigmoid output of two classes becomes two outputs, of which the first is 0: their softmax is the probability of
    both classes. The units of y become a part of a single network with outputs of any range.
    """
    layer, n = chain.layers[-1], len(chain.layers[-1].weight)
    numbers = layer.quantized
    if _is_binary(description) and not description.loss.ordered:
        W = np.concatenate([np.zeros((n, 1), layer.weight.dtype), layer.weight], axis=1)
        b = None if layer.bias is None else np.append(np.zeros(1, layer.bias.dtype), layer.bias)
        numbers = None if numbers is None else numbers.with_zero()
    elif _folds(description, dtype):
        assert description.factor is not None
        assert description.shift is not None
        W, b = folding.unscaled((layer.weight, layer.bias), description.factor, description.shift)
        numbers = None if numbers is None else numbers.in_units(description.factor, description.shift)
    else:
        return chain
    last = replace(layer, weight=W, bias=b, quantized=numbers)
    return replace(chain, layers=(*chain.layers[:-1], last))


def _folds(description: Description, dtype: str) -> bool:
    """Whether the conversion to units of y is a part of the last layer."""
    alone = len(description.networks) == 1 and description.link == "identity"
    return alone and description.factor is not None and values_dtype(description, dtype) == dtype


def _weighted(graph: Graph, description: Description, forms: Sequence[str], name: str) -> str:
    """Return the mean of tensors (m, n), weighted by the weights of the networks."""
    if len(forms) == 1:
        return forms[0]
    shares = [
        graph.node("Mul", form, graph.constant("share", weight), name=f"{name}/Mul")
        for form, weight in zip(forms, description.weights, strict=True)
    ]
    return graph.node("Sum", *shares, name=name)


# ---- classes


def _classes(graph: Graph, description: Description, zs: list[str], dtype: str) -> None:
    """Add probabilities of classes, of which one or any number is true, and labels."""
    kind = "softmax" if _is_binary(description) else description.link
    if len(zs) > 1 and description.temperature != 1:
        zs = [_logits_of_mean(graph, description, zs, kind)]
    each = [link(graph, kind, z, f"output/{i}" if len(zs) > 1 else "output") for i, z in enumerate(zs)]
    p = _weighted(graph, description, each, "mean")
    if description.kind == "indicator":
        half = graph.constant("half", 0.5)
        positive = graph.node("GreaterOrEqual", p, half, name="label/GreaterOrEqual")
        graph.cast(positive, "int64", "label/Cast", output="label")
    else:
        last = int(_is_binary(description))  # of equal probabilities, the second of two classes is predicted
        index = graph.node("ArgMax", p, name="label/ArgMax", axis=1, keepdims=0, select_last_index=last)
        assert description.classes is not None
        _write_labels(graph, description.classes, index)
    graph.finish(p, graph.real, dtype, "probabilities")


def _write_labels(graph: Graph, classes: Array, index: str) -> None:
    """Add the output of the labels at indices (m,)."""
    labels = graph.constant("classes", stored_classes(classes), str(stored_classes(classes).dtype))
    graph.node("Gather", labels, index, output="label", axis=0)


def _logits_of_mean(graph: Graph, description: Description, zs: list[str], kind: str) -> str:
    """Return the outputs whose link is the mean of the probabilities, divided by the temperature."""
    logs = [math.log(weight) for weight in description.weights]
    temperature = graph.constant("temperature", description.temperature)
    if kind == "softmax":
        each = [graph.node("LogSoftmax", z, name=f"output/{i}/LogSoftmax", axis=1) for i, z in enumerate(zs)]
        return graph.node("Div", _log_of_mean(graph, each, logs), temperature, name="output/Div")
    true = [_log_sigmoid(graph, z) for z in zs]
    false = [_log_sigmoid(graph, graph.node("Neg", z, name="output/Neg")) for z in zs]
    odds = graph.node(
        "Sub", _log_of_mean(graph, true, logs), _log_of_mean(graph, false, logs), name="output/Sub"
    )
    return graph.node("Div", odds, temperature, name="output/Div")


def _log_sigmoid(graph: Graph, z: str) -> str:
    """Return log(sigmoid(z)) = -softplus(-z)."""
    opposite = graph.node("Neg", z, name="output/Neg")
    return graph.node("Neg", activation(graph, "softplus", opposite, "output"), name="output/log")


def _log_of_mean(graph: Graph, logs: list[str], log_weights: list[float]) -> str:
    """Return the logarithm of the weighted mean of the exponentials of tensors."""
    total = ""
    for log, weight in zip(logs, log_weights, strict=True):
        term = graph.node("Add", log, graph.constant("log_weight", weight), name="mean/Add")
        if not total:
            total = term
            continue
        largest = graph.node("Max", total, term, name="mean/Max")
        distance = graph.node("Abs", graph.node("Sub", total, term, name="mean/Sub"), name="mean/Abs")
        e = graph.node("Exp", graph.node("Neg", distance, name="mean/Neg"), name="mean/Exp")
        more = graph.node("Add", e, graph.constant("1", 1.0), name="mean/Add")
        total = graph.node("Add", largest, graph.node("Log", more, name="mean/Log"), name="mean/total")
    return total


def _ordered(graph: Graph, description: Description, zs: list[str], dtype: str) -> None:
    """Add probabilities of classes in an order, and the median class."""
    exceedances = [_exceedance(graph, z, description.n_outputs) for z in zs]
    above = [link(graph, "sigmoid", a, "output") for a in exceedances]
    mean = _weighted(graph, description, above, "mean")
    n = description.n_outputs
    # P(y = 0) = 1 - P(y > 0), P(y = k) = P(y > k - 1) - P(y > k), and P(y = n) = P(y > n - 1)
    differences = np.zeros((n, n + 1))
    differences[np.arange(n), np.arange(n)] = -1
    differences[np.arange(n), np.arange(n) + 1] = 1
    first = np.zeros(n + 1)
    first[0] = 1
    matrix, shift = graph.constant("differences", differences), graph.constant("first", first)
    p = graph.node("Gemm", mean, matrix, shift, name="output/Gemm")
    median, level = (exceedances[0], 0.0) if len(zs) == 1 else (mean, 0.5)
    over = graph.node("GreaterOrEqual", median, graph.constant("level", level), name="label/GreaterOrEqual")
    counted, axes = graph.cast(over, "int64", "label/Cast"), graph.constant("axes", [1], "int64")
    index = graph.node("ReduceSum", counted, axes, name="label/ReduceSum", keepdims=0)
    assert description.classes is not None
    _write_labels(graph, description.classes, index)
    graph.finish(p, graph.real, dtype, "probabilities")


def _exceedance(graph: Graph, z: str, n: int) -> str:
    """Return the logits of P(y > j): the first output, minus the softplus of all others up to j."""
    if n == 1:
        return z
    first = graph.node("Gather", z, graph.constant("0", [0], "int64"), name="output/first", axis=1)
    places = graph.constant("others", list(range(1, n)), "int64")
    others = graph.node("Gather", z, places, name="output/others", axis=1)
    steps = graph.node("Neg", activation(graph, "softplus", others, "output"), name="output/steps")
    terms = graph.node("Concat", first, steps, name="output/Concat", axis=1)
    return graph.node("CumSum", terms, graph.constant("axis", 1, "int64"), name="output/CumSum")


# ---- values


def _values(graph: Graph, description: Description, zs: list[str], dtype: str) -> None:
    """Add values in units of y, and for the loss "gaussian_nll" standard deviations."""
    scopes = [f"output/{i}" if len(zs) > 1 else "output" for i in range(len(zs))]
    after = [link(graph, description.link, z, scope) for z, scope in zip(zs, scopes, strict=True)]
    name, n = description.loss.name, description.n_outputs
    if name == "gaussian_nll":
        _distribution(graph, description, after, dtype)
        return
    if name == "quantile":
        after = [_sorted(graph, values, n) for values in after]
    y = _in_units(graph, description, _weighted(graph, description, after, "mean"), slice(0, n), dtype)
    graph.finish(y, values_dtype(description, graph.real), values_dtype(description, dtype), "values")


def _sorted(graph: Graph, values: str, n: int) -> str:
    """Return the numbers of each row in increasing order."""
    count = graph.constant("count", [n], "int64")
    result, places = graph.name("sorted"), graph.name("sorted/places")
    node = graph.onnx.helper.make_node(
        "TopK", [values, count], [result, places], name=result, axis=1, largest=0, sorted=1
    )
    graph.nodes.append(node)
    return result


def _in_units(graph: Graph, description: Description, values: str, part: slice, dtype: str) -> str:
    """Return some of the outputs in units of y, in the dtype of the values if they have to be converted."""
    factor, shift = description.factor, description.shift
    if factor is None or shift is None or _folds(description, dtype):
        return values
    wide = values_dtype(description, graph.real)
    if wide != graph.real:
        values = graph.cast(values, wide, "values/Cast")
    scaled = graph.node("Mul", values, graph.constant("factor", factor[part], wide), name="values/Mul")
    return graph.node("Add", scaled, graph.constant("shift", shift[part], wide), name="values/Add")


def _distribution(graph: Graph, description: Description, outputs: list[str], dtype: str) -> None:
    """Add means and standard deviations; several networks are the mixture of their distributions."""
    n = description.n_outputs // 2
    means = [_columns(graph, each, 0, n) for each in outputs]
    logs = [_columns(graph, each, n, 2 * n) for each in outputs]
    mean = _weighted(graph, description, means, "mean")
    if len(outputs) == 1:
        log = _in_units(graph, description, logs[0], slice(n, 2 * n), dtype)
        half = graph.constant("half", 0.5, values_dtype(description, graph.real))
        deviation = graph.node(
            "Exp", graph.node("Mul", log, half, name="deviations/Mul"), name="deviations/Exp"
        )
    else:
        seconds = []
        for own, log in zip(means, logs, strict=True):
            distance = graph.node("Sub", own, mean, name="deviations/Sub")
            square = graph.node("Mul", distance, distance, name="deviations/square")
            variance = graph.node("Exp", log, name="deviations/Exp")
            seconds.append(graph.node("Add", variance, square, name="deviations/Add"))
        root = graph.node("Sqrt", _weighted(graph, description, seconds, "variance"), name="deviations/Sqrt")
        deviation = root
        if description.factor is not None:
            scale = graph.constant("deviations/factor", description.factor[:n])
            deviation = graph.node("Mul", root, scale, name="deviations/in_units")
    y = _in_units(graph, description, mean, slice(0, n), dtype)
    given, kind = values_dtype(description, graph.real), values_dtype(description, dtype)
    graph.finish(y, given, kind, "values")
    graph.finish(deviation, given if len(outputs) == 1 else graph.real, kind, "deviations")


def _columns(graph: Graph, outputs: str, start: int, stop: int) -> str:
    """Return some of the columns of outputs."""
    places = graph.constant(f"columns_{start}", list(range(start, stop)), "int64")
    return graph.node("Gather", outputs, places, name="output/Gather", axis=1)
