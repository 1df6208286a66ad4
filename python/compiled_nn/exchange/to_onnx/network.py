"""Networks as nodes of ONNX: scaling, clip and bins of the rows, and the layers up to the outputs before the link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..description import EPSILON, LIMIT
from .activations import activation
from .graph import Graph
from .lookups import Lookup, divided
from .lookups import add as add_lookups

if TYPE_CHECKING:
    from ...data.arrays import Array
    from ..description import Chain, DenseLayer, Description, QuantizedWeights

_HUGE = (
    1e15  # of scaled numbers, whose square is in the range of float32, and whose clip is exactly the limit
)
# Largest rounding error, in units of its deviation, that a mean in float32 may add to a scaled number.
_LARGEST_ERROR = 1e-6


def needs_float64(description: Description) -> bool:
    """Whether a number of X has to be scaled in float64.

    Its mean is large compared with its deviation; or the first layer is normalised, which divides rounding errors of
    rows near the mean by the small deviation of their units.
    """
    eps = np.finfo(np.float32).eps
    return any(
        chain.mean is not None
        and chain.deviation is not None
        and (
            chain.layers[0].norm is not None
            or bool((np.abs(chain.mean) * eps > _LARGEST_ERROR * chain.deviation).any())
        )
        for chain in description.networks
    )


def logits(
    graph: Graph,
    description: Description,
    chain: Chain,
    X: str,
    wide: str,
    scope: str,
    lookups: Sequence[Lookup] = (),
) -> str:
    """Add one network, and return its outputs before the link (m, n).

    Parameters
    ----------
    graph : Graph
        Graph to add to.
    description : Description
        Description of the model, whose encoded rows lack the columns that are looked up.
    chain : Chain
        Network.
    X : str
        Encoded rows (m, n_columns) of the dtype `wide`; "" without columns.
    wide : {"float32", "float64"}
        Dtype of X.
    scope : str
        Start of the names.
    lookups : sequence of Lookup
        Columns that are looked up.
    """
    first, tables = divided(chain.layers[0], lookups)
    a, scale = _first_inputs(graph, description, chain, X, wide, scope) if X else ("", 1.0)
    for i, layer in enumerate((first, *chain.layers[1:])):
        title = f"{scope}layer_{i}"
        if i > 0:
            u = _product(graph, layer, a, title, 1.0, biased=True)
        else:
            u = _product(graph, layer, a, title, scale, biased=not lookups) if a else ""
            u = add_lookups(graph, description, chain, u, lookups, tables, title)
        u = _normalised(graph, layer, u, title, biased=i > 0 or not lookups)
        if i == len(chain.layers) - 1:
            return u
        b = activation(graph, layer.activation, u, title)
        a = graph.node("Add", b, a, name=f"{title}/residual") if layer.residual else b
    raise AssertionError  # a network has a layer


def _first_inputs(
    graph: Graph, description: Description, chain: Chain, X: str, wide: str, scope: str
) -> tuple[str, float]:
    """Return the rows as the first layer takes them, and a factor of them that its weights have to include."""
    z, scale = X, 1.0
    if chain.mean is not None and chain.deviation is not None:
        z = graph.node("Sub", z, graph.constant("mean", chain.mean, wide), name=f"{scope}centred")
        z = graph.node("Div", z, graph.constant("deviation", chain.deviation, wide), name=f"{scope}scaled")
    elif description.bins is None and not chain.layers[0].residual and not description.ranges:
        scale = description.scale
    elif description.scale != 1:
        z = graph.node("Mul", z, graph.constant("scale", description.scale, wide), name=f"{scope}scaled")
    if wide != graph.real:
        z = graph.cast(z, graph.real, f"{scope}rounded")
    return _with_bins(graph, description, _clipped(graph, description, z, scope), z, scope), scale


def _clipped(graph: Graph, description: Description, z: str, scope: str) -> str:
    """Return scaled rows with their first columns clipped: z / sqrt(1 + (z / 3)^2), and z / sqrt(1 + 0) for others."""
    if description.n_clipped == 0:
        return z
    shares = np.zeros(description.n_columns)
    shares[: description.n_clipped] = 1 / LIMIT
    bounds = [graph.constant(f"{bound:.6g}", bound) for bound in (-_HUGE, _HUGE)]
    near = graph.node("Clip", z, *bounds, name=f"{scope}clip/Clip")
    share = graph.node("Mul", near, graph.constant("clip/shares", shares), name=f"{scope}clip/Mul")
    square = graph.node("Mul", share, share, name=f"{scope}clip/Mul")
    one = graph.node("Add", square, graph.constant("1", 1.0), name=f"{scope}clip/Add")
    root = graph.node("Sqrt", one, name=f"{scope}clip/Sqrt")
    return graph.node("Div", near, root, name=f"{scope}clipped")


def _with_bins(graph: Graph, description: Description, a: str, z: str, scope: str) -> str:
    """Return rows `a` with the positions in bins of the columns of `z`, which are not clipped, as further columns."""
    bins = description.bins
    if bins is None:
        return a

    def constant(name: str, numbers: Array) -> str:
        return graph.constant(f"bins/{name}", numbers)

    columns = graph.constant("bins/columns", bins.sources, "int64")
    source = graph.node("Gather", z, columns, name=f"{scope}bins/Gather", axis=1)
    above = graph.node("Sub", source, constant("lower", bins.lower), name=f"{scope}bins/Sub")
    position = graph.node("Mul", above, constant("factor", bins.factor), name=f"{scope}bins/Mul")
    position = graph.node("Max", position, constant("low", bins.low), name=f"{scope}bins/Max")
    position = graph.node("Min", position, constant("high", bins.high), name=f"{scope}bins/Min")
    return graph.node("Concat", a, position, name=f"{scope}with_bins", axis=1)


def _product(graph: Graph, layer: DenseLayer, a: str, scope: str, scale: float, *, biased: bool) -> str:
    """Return a W; plus b if the layer is `biased` here, and has no norm in between."""
    if layer.quantized is not None:
        return _quantized_product(graph, layer, layer.quantized, a, scope)
    W = graph.constant(f"{scope}/weight", layer.weight * np.float64(scale))
    if layer.norm is not None or not biased:
        return graph.node("MatMul", a, W, name=f"{scope}/MatMul")
    b = [] if layer.bias is None else [graph.constant(f"{scope}/bias", layer.bias)]
    return graph.node("Gemm", a, W, *b, name=f"{scope}/Gemm")


def _quantized_product(graph: Graph, layer: DenseLayer, numbers: QuantizedWeights, a: str, scope: str) -> str:
    """Return a W as QuantizeLinear and DequantizeLinear; plus b if the layer has no norm.

    The factors and shifts of the inputs are before QuantizeLinear, whose scale is 1: its zero point is one whole number
    of 8 bits, but the shifts of the columns of X differ, and have any size.
    """
    weight, scale, bias, factor, shift = numbers
    one, zero = graph.constant("1", 1.0), graph.constant("zero", 0, "uint8")
    x = graph.node("Mul", a, graph.constant(f"{scope}/factor", factor), name=f"{scope}/input/Mul")
    if shift.any():
        x = graph.node("Add", x, graph.constant(f"{scope}/shift", shift), name=f"{scope}/input/Add")
    x = graph.node("QuantizeLinear", x, one, zero, name=f"{scope}/input/QuantizeLinear")
    x = graph.node("DequantizeLinear", x, one, zero, name=f"{scope}/input/DequantizeLinear")
    W = graph.node(
        "DequantizeLinear",
        graph.constant(f"{scope}/weight", weight, "int8"),
        graph.constant(f"{scope}/scale", scale),
        graph.constant(f"{scope}/zeros", np.zeros(len(scale)), "int8"),
        name=f"{scope}/weight/DequantizeLinear",
        axis=1,
    )
    u = graph.node("MatMul", x, W, name=f"{scope}/MatMul")
    return graph.node("Add", u, graph.constant(f"{scope}/bias", bias), name=f"{scope}/biased")


def _normalised(graph: Graph, layer: DenseLayer, u: str, scope: str, *, biased: bool) -> str:
    """Return u, normalised if the layer has a norm, plus b; u of a layer without one has b already if `biased`."""
    if layer.norm is None and biased:
        return u
    b = None if layer.bias is None else graph.constant(f"{scope}/bias", layer.bias)
    y = u
    if layer.norm is not None:
        gain = graph.constant(f"{scope}/gain", layer.gain)
        if layer.norm == "layer" and graph.real == "float32":
            shift = [] if b is None else [b]
            name = f"{scope}/LayerNormalization"
            return graph.node("LayerNormalization", u, gain, *shift, name=name, axis=1, epsilon=EPSILON)
        if layer.norm == "layer":
            u = graph.node("Sub", u, _mean(graph, u, layer, f"{scope}/mean"), name=f"{scope}/norm/Sub")
        square = graph.node("Mul", u, u, name=f"{scope}/norm/Mul")
        variance = _mean(graph, square, layer, f"{scope}/variance")
        above = graph.node("Add", variance, graph.constant("epsilon", EPSILON), name=f"{scope}/norm/Add")
        root = graph.node("Sqrt", above, name=f"{scope}/norm/Sqrt")
        hat = graph.node("Div", u, root, name=f"{scope}/norm/Div")
        y = graph.node("Mul", hat, gain, name=f"{scope}/norm/Mul")
    title = f"{scope}/Add" if layer.norm is None else f"{scope}/norm/Add"
    return y if b is None else graph.node("Add", y, b, name=title)


def _mean(graph: Graph, u: str, layer: DenseLayer, scope: str) -> str:
    """Return the mean over the units of each row (m, 1)."""
    axes = graph.constant("axes", [1], "int64")
    total = graph.node("ReduceSum", u, axes, name=f"{scope}/ReduceSum", keepdims=1)
    return graph.node("Div", total, graph.constant("n", float(layer.weight.shape[1])), name=scope)
