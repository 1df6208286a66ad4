"""Nodes of ONNX in NumPy and float64, to recognise what several nodes compute together, and to compute constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from .node import FLOATS, Node

_LEAST = 1 << 16  # numbers that a result may always have
_TYPES = {  # codes of ONNX
    **FLOATS,
    2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    12: "uint32", 13: "uint64",
}  # fmt: skip
_MOST_NODES = 100  # that compute an activation or a norm together


class _Function(Protocol):
    def __call__(self, node: Node, *inputs: Any) -> Any: ...


def _reduced(function: Callable[..., Any]) -> _Function:
    def reduce(node: Node, x: Array, axes: Array | None = None) -> Any:
        given = node.attributes.get("axes") if axes is None else axes.tolist()
        keep = bool(node.attributes.get("keepdims", 1))
        return function(x, axis=None if not given else tuple(given), keepdims=keep)

    return reduce


def _plain(function: Callable[..., Any]) -> _Function:
    return lambda node, *inputs: function(*inputs)


def _core(name: str) -> _Function:
    return lambda node, x: arithmetic.activate(name, np.asarray(x, np.float64))


def _many(function: Callable[[Any, Any], Any]) -> _Function:
    def compute(node: Node, *inputs: Any) -> Any:
        result = inputs[0]
        for each in inputs[1:]:
            result = function(result, each)
        return result

    return compute


def _clip(node: Node, x: Array, low: Any = None, high: Any = None) -> Any:
    low = node.attributes.get("min", -np.inf) if low is None else low
    high = node.attributes.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x, low), high)


def _elu(node: Node, x: Array) -> Any:
    return np.where(x > 0, x, node.number("alpha", 1.0) * np.expm1(np.minimum(x, 0)))


def _selu(node: Node, x: Array) -> Any:
    alpha, gamma = (
        node.number("alpha", 1.6732631921768188),
        node.number("gamma", 1.0507010221481323),
    )
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _celu(node: Node, x: Array) -> Any:
    alpha = node.number("alpha", 1.0)
    return np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x, 0) / alpha), 0)


def _hard_sigmoid(node: Node, x: Array) -> Any:
    return np.clip(node.number("alpha", 0.2) * x + node.number("beta", 0.5), 0, 1)


def _gelu(node: Node, x: Array) -> Any:
    kind = node.attributes.get("approximate", b"none")
    return arithmetic.activate("gelu_tanh" if kind == b"tanh" else "gelu", np.asarray(x, np.float64))


def _cast(node: Node, x: Array) -> Any:
    if node.attributes.get("to") not in FLOATS:
        raise ValueError("only conversions to float32 and float64 keep numbers as they are")
    return x


def _cast_constant(node: Node, x: Array) -> Any:
    """Return a constant of another type."""
    name = _TYPES.get(int(node.number("to", 0)))
    if name is None:
        raise ValueError(f"the type {node.attributes.get('to')} is not supported")
    return x.astype(name)


def _divide_constants(node: Node, x: Array, y: Array) -> Any:
    """Return a quotient; of whole numbers, without its fraction."""
    if x.dtype.kind in "iu" and y.dtype.kind in "iu":
        return (np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))).astype(x.dtype)
    return np.divide(x, y)


def _swish(node: Node, x: Array) -> Any:
    return x * arithmetic.activate("sigmoid", node.number("alpha", 1.0) * np.asarray(x, np.float64))


ELEMENTWISE: dict[str, _Function] = {
    "Identity": _plain(lambda x: x),
    "Cast": _cast,
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _plain(np.divide),
    "Neg": _plain(np.negative),
    "Abs": _plain(np.abs),
    "Exp": _plain(np.exp),
    "Log": _plain(np.log),
    "Sqrt": _plain(np.sqrt),
    "Reciprocal": _plain(np.reciprocal),
    "Pow": _plain(np.power),
    "Sin": _plain(np.sin),
    "Sign": _plain(np.sign),
    "Max": _many(np.maximum),
    "Min": _many(np.minimum),
    "Sum": _many(np.add),
    "Clip": _clip,
    "Erf": _plain(np.vectorize(math.erf, otypes=[np.float64])),
    "Relu": _plain(lambda x: np.maximum(x, 0)),
    "Sigmoid": _core("sigmoid"),
    "Tanh": _core("tanh"),
    "Softplus": _core("softplus"),
    "Softsign": _core("softsign"),
    "Mish": _core("mish"),
    "HardSwish": _core("hard_swish"),
    "LeakyRelu": lambda node, x: np.where(x > 0, x, node.number("alpha", 0.01) * x),
    "Elu": _elu,
    "Selu": _selu,
    "Celu": _celu,
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "Swish": _swish,
    "Where": _plain(np.where),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Not": _plain(np.logical_not),
}
OF_ROWS: dict[str, _Function] = {
    "ReduceMean": _reduced(np.mean),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "Concat": lambda node, *inputs: np.concatenate(inputs, axis=int(node.number("axis", 1))),
}
_OF_CONSTANTS: dict[str, _Function] = {"Cast": _cast_constant, "Div": _divide_constants}
_SHAPES: dict[str, _Function] = {
    "Transpose": lambda node, x: np.transpose(x, node.attributes.get("perm")),
    "Reshape": lambda node, x, shape: np.reshape(
        x, [x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())]
    ),
    "Unsqueeze": lambda node, x, axes=None: np.expand_dims(x, _axes(node, axes)),
    "Squeeze": lambda node, x, axes=None: np.squeeze(
        x, None if _axes(node, axes) is None else _axes(node, axes)
    ),
    "Flatten": lambda node, x: x.reshape(len(x), -1),
    "Concat": lambda node, *inputs: np.concatenate(inputs, axis=int(node.number("axis", 0))),
}


def _axes(node: Node, axes: Array | None) -> Any:
    given = node.attributes.get("axes") if axes is None else axes.tolist()
    return None if given is None else tuple(given)


def compute_constant(node: Node, inputs: Sequence[Array | None]) -> Array | None:
    """Return the result of a node for constants; None if it is not supported, or larger than its inputs."""
    function = _SHAPES.get(node.op) or _OF_CONSTANTS.get(node.op) or ELEMENTWISE.get(node.op)
    if function is None or any(each is not None and each.dtype.kind not in "fiub" for each in inputs):
        return None
    given = [each for each in inputs if each is not None]
    if node.op == "Concat" and _size(node, given) > _LEAST:
        return None
    if node.op not in _SHAPES and _size(node, given) > max(each.size for each in given):
        return None
    try:
        with np.errstate(all="ignore"):
            result: Array = np.asarray(function(node, *inputs))
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{node.title} cannot be computed: {error}.") from error
    return result


def compute(nodes: Sequence[Node], values: dict[str, Array], output: str, *, rows: bool) -> Array | None:
    """Return a tensor that nodes compute, in float64.

    Parameters
    ----------
    nodes : sequence of Node
        Nodes in order.
    values : dict of str to ndarray
        Tensors by name; those of the nodes are added.
    output : str
        Name of the result.
    rows : bool
        Whether nodes may combine the numbers of a row.

    Returns
    -------
    ndarray or None
        None if a node has another operator, or a result that is larger than the rows.
    """
    if len(nodes) > _MOST_NODES:
        return None
    most = max(_LEAST, 4 * max(array.size for array in values.values()))
    for node in nodes:
        function = ELEMENTWISE.get(node.op) or (OF_ROWS.get(node.op) if rows else None)
        if function is None or len(node.outputs) != 1:
            return None
        inputs = [values[name] if name else None for name in node.inputs]
        if _size(node, inputs) > most:
            return None
        try:
            with np.errstate(all="ignore"):
                values[node.output] = np.asarray(function(node, *inputs))
        except (ValueError, TypeError, IndexError):
            return None
    return values.get(output)


def _size(node: Node, inputs: Sequence[Array | None]) -> int:
    """Return the largest number of numbers that a node can compute from these inputs."""
    given = [each for each in inputs if each is not None]
    if node.op == "Concat":
        return sum(each.size for each in given)
    if node.op in OF_ROWS:
        return given[0].size
    try:
        return math.prod(np.broadcast_shapes(*(each.shape for each in given)))
    except ValueError:
        return 0  # the operation raises the error
