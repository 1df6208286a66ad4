"""Reader of the nodes of a graph into layers: from one tensor that all later ones depend on to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.arrays import Array
from ..assembly import Assembly, PlainNetwork
from .graph import Graph, checked, columns_of, outputs_of, pruned
from .node import FLOATS, Node
from .recognition import Found, recognise

if TYPE_CHECKING:
    from ...spec.configuration import DType

_NOTHING = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast")
_ONLY = (
    "The nodes of a network of dense layers can be imported: Gemm, MatMul, Add, Mul and other operations with"
    " constants, activations, norms and a softmax."
)


@dataclass(frozen=True, eq=False)
class Imported:
    """Network of a graph.

    Attributes
    ----------
    plain : PlainNetwork
        Layers.
    dtype : {"float32", "float64"}
        Dtype of the inputs.
    classes : ndarray or None
        Labels in the order of the outputs, if the graph has some.
    names : tuple of str or None
        Names of the columns, if each is an input.
    outputs : callable
        Function of rows X that returns the outputs as onnxruntime computes them.
    """

    plain: PlainNetwork
    dtype: DType
    classes: Array | None
    names: tuple[str, ...] | None
    outputs: Callable[[Array], Array]


def read_network(graph: Graph, runtime: Any) -> Imported:
    """Return the network of a graph.

    Raises
    ------
    ValueError
        If a node cannot be expressed; the message names it.
    """
    with checked():
        return _read(graph, runtime)


def _read(graph: Graph, runtime: Any) -> Imported:
    output, classes = outputs_of(graph)
    nodes = graph.leading_to(output)
    start, names = _start(graph, nodes)
    model = pruned(graph, output)
    body = [node for node in nodes if node.output != start]
    width = sum(columns_of(value) or 0 for value in graph.inputs) or None
    assembly = Assembly(width if len(graph.inputs) > 1 or len(_dims(graph.inputs[0])) == 2 else None)
    walk = _Walk(graph, assembly)
    walk.read(start, output, body)
    both = walk.both
    plain = assembly.finish()
    run = _Runner(runtime, model, [value.name for value in graph.inputs], plain.n_inputs, graph)
    dtype: Any = graph.dtype
    return Imported(plain, dtype, classes, names, lambda X: run(X)[:, 1:] if both else run(X))


def _dims(value: Any) -> list[Any]:
    return list(value.type.tensor_type.shape.dim)


def _start(graph: Graph, nodes: Sequence[Node]) -> tuple[str, tuple[str, ...] | None]:
    """Return the tensor of all columns, and their names if each of them is an input."""
    names = tuple(value.name for value in graph.inputs)
    if len(names) == 1:
        return names[0], None
    joined = next((node for node in nodes if node.op == "Concat"), None)
    if joined is None or joined.inputs != names or joined.number("axis", 1) not in (1, -1):
        raise ValueError(
            f"The model has {len(names)} inputs, which are not joined to one table by a Concat over the columns, in"
            " their order. Export it with one input (rows, columns)."
        )
    return joined.output, names if all(columns_of(value) == 1 for value in graph.inputs) else None


class _Walk:
    """Reader of nodes into an assembly."""

    def __init__(self, graph: Graph, assembly: Assembly) -> None:
        self._graph, self._assembly = graph, assembly
        self.both = False  # whether the outputs are the probabilities of both classes

    def read(self, start: str, end: str, nodes: Sequence[Node]) -> None:
        """Read the nodes that compute a tensor from another one."""
        spans = list(self._spans(start, end, nodes))
        i = 0
        while i < len(spans):
            tensor, between = spans[i]
            if len(between) == 1:
                self._node(between[0], tensor)
            elif not self._several(tensor, between):
                i += 1
                if i == len(spans) or not self._several(tensor, [*between, *spans[i][1]]):
                    raise ValueError(f"{between[0].title} begins a part that is not known. {_ONLY}")
            i += 1

    def _spans(self, start: str, end: str, nodes: Sequence[Node]) -> Iterator[tuple[str, list[Node]]]:
        """Yield each tensor that all later nodes depend on, with the nodes up to the next one."""
        last_use = {name: i for i, node in enumerate(nodes) for name in node.inputs}
        live, before, between = {start}, start, []
        for i, node in enumerate(nodes):
            between.append(node)
            live |= {name for name in node.outputs if last_use.get(name, -1) > i or name == end}
            live = {name for name in live if last_use.get(name, -1) > i or name == end}
            if live == {node.output}:
                yield before, between
                before, between = node.output, []
        if between:
            raise ValueError(f"{between[0].title} does not lead to one output. {_ONLY}")

    # ---- several nodes

    def _several(self, start: str, nodes: Sequence[Node]) -> bool:
        """Read nodes that compute an activation, a norm or a residual layer together; return whether they do."""
        last = nodes[-1]
        self._assembly.where = last.title
        found = recognise(nodes, self._graph.constants, start, last.output, self._assembly.width)
        if found is not None:
            self._apply(found)
            return True
        if last.op in ("Add", "Sum") and start in last.inputs and len(last.inputs) == 2:
            (inner,) = [name for name in last.inputs if name != start] or [start]
            if inner != start and inner not in self._graph.constants:
                self._assembly.residual(lambda: self.read(start, inner, nodes[:-1]))
                return True
        return False

    def _apply(self, found: Found) -> None:
        assembly = self._assembly
        if found.kind == "activation":
            assembly.activation(found.name)
        elif found.kind == "norm":
            assembly.row_norm(found.name, None, None, found.epsilon)  # type: ignore[arg-type]
        elif found.kind == "both":
            self.both = True
        else:
            assembly.end(found.kind)  # type: ignore[arg-type]

    # ---- one node

    def _node(self, node: Node, start: str) -> None:
        self._assembly.where = node.title
        if node.op == "Cast" and node.number("to", 0) not in FLOATS:
            raise ValueError(
                f"{node.title} converts to another type than float32 or float64, which cannot be expressed. Remove it."
            )
        training = (
            self._graph.constants.get(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else False
        )
        if node.op == "Dropout" and (training is None or np.any(training)):
            raise ValueError(f"{node.title} is in the mode of training. Export the network for inference.")
        if node.op in _NOTHING:
            return
        read = _READERS.get(node.op)
        if read is not None:
            read(self._assembly, node, [self._graph.constants.get(name) for name in node.inputs])
        elif not self._several(start, [node]):
            raise ValueError(f"{node.title} is not supported. {_ONLY}")


Inputs = Sequence[Array | None]


def _constant(node: Node, inputs: Inputs, i: int) -> Array:
    """Return an input that must be a constant."""
    value = inputs[i] if i < len(inputs) else None
    if value is None or value.dtype.kind not in "fiu":
        raise ValueError(
            f"{node.title} has no constant as input {i}, but a tensor that depends on X. {_ONLY}"
        )
    return value.astype(np.float32) if value.dtype == np.float16 else value


def _gemm(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    alpha, beta = (node.number(name, 1.0) for name in ("alpha", "beta"))
    if node.number("transA", 0):
        raise ValueError(f"{node.title} transposes the rows, which cannot be expressed.")
    W = _constant(node, inputs, 1)
    assembly.linear(W.T if node.number("transB", 0) else W)
    if alpha != 1:
        assembly.affine(alpha, None)
    if len(inputs) > 2 and node.inputs[2]:
        b = _constant(node, inputs, 2)
        assembly.affine(None, b if beta == 1 else b.astype(np.float64) * beta)


def _matmul(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    if inputs[0] is not None:
        raise ValueError(f"{node.title} multiplies a constant by the rows; expected the rows first.")
    assembly.linear(_constant(node, inputs, 1))


def _add(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    assembly.affine(None, _constant(node, inputs, 0 if inputs[0] is not None else 1))


def _sub(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    if inputs[0] is not None:
        assembly.affine(-1.0, _constant(node, inputs, 0))
    else:
        assembly.affine(None, -_constant(node, inputs, 1).astype(np.float64))


def _mul(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    assembly.affine(_constant(node, inputs, 0 if inputs[0] is not None else 1), None)


def _div(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    divisor = _constant(node, inputs, 1).astype(np.float64)
    if not divisor.all():
        raise ValueError(f"{node.title} divides by 0.")
    assembly.affine(1 / divisor, None)


def _batch_norm(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    if node.number("training_mode", 0) or len(node.outputs) > 1:
        raise ValueError(f"{node.title} is in the mode of training. Export the network for inference.")
    gain, shift, mean, variance = (_constant(node, inputs, i) for i in range(1, 5))
    assembly.batch_norm(gain, shift, mean, variance, node.number("epsilon", 1e-5))


def _row_norm(norm: Any) -> Callable[[Assembly, Node, Inputs], None]:
    def read(assembly: Assembly, node: Node, inputs: Inputs) -> None:
        if node.number("axis", -1) not in (-1, 1):
            raise ValueError(f"{node.title} has axis={node.number('axis', -1):g}; expected -1.")
        shift = _constant(node, inputs, 2) if len(inputs) > 2 and node.inputs[2] else None
        assembly.row_norm(norm, _constant(node, inputs, 1), shift, node.number("epsilon", 1e-5))

    return read


def _clip(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    low, high = node.number("min", -np.inf), node.number("max", np.inf)
    if len(inputs) > 1 and node.inputs[1]:
        low = float(_constant(node, inputs, 1).reshape(-1)[0])
    if len(inputs) > 2 and node.inputs[2]:
        high = float(_constant(node, inputs, 2).reshape(-1)[0])
    largest = np.finfo(np.float32).max
    assembly.clip(low, high if high < largest else np.inf)


def _hard_sigmoid(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    alpha, beta = (node.number(name, default) for name, default in (("alpha", 0.2), ("beta", 0.5)))
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        assembly.activation("hard_sigmoid")
    else:
        assembly.activation("hard_sigmoid", bend=(6 * alpha, 6 * beta - 3))


def _softmax(link: Any) -> Callable[[Assembly, Node, Inputs], None]:
    def read(assembly: Assembly, node: Node, inputs: Inputs) -> None:
        if node.number("axis", -1) not in (-1, 1):
            raise ValueError(
                f"{node.title} has axis={node.number('axis', -1):g}; a softmax over the outputs has axis=1."
            )
        assembly.end(link)

    return read


def _scaler(assembly: Assembly, node: Node, inputs: Inputs) -> None:
    offset, scale = (
        node.attributes.get(name, [default]) for name, default in (("offset", 0.0), ("scale", 1.0))
    )
    if not all(isinstance(each, float) for each in (*offset, *scale)):
        raise ValueError(f"{node.title} has offsets or scales that are not numbers.")
    assembly.affine(None, -np.array(offset))
    assembly.affine(np.array(scale), None)


_READERS: dict[str, Callable[[Assembly, Node, Inputs], None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Neg": lambda assembly, node, inputs: assembly.affine(-1.0, None),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _row_norm("layer"),
    "RMSNormalization": _row_norm("rms"),
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": lambda assembly, node, inputs: assembly.leaky_relu(node.number("alpha", 0.01)),
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Scaler": _scaler,
}


class _Runner:
    """Session of onnxruntime, on one thread."""

    def __init__(self, runtime: Any, model: Any, names: list[str], n_inputs: int, graph: Graph) -> None:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised
        try:
            self._session = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # of classes that onnxruntime does not export
            raise ValueError(f"onnxruntime cannot compute the model: {error}") from error
        widths = [columns_of(value) or n_inputs for value in graph.inputs]
        self._parts = list(zip(names, np.cumsum([0, *widths[:-1]]).tolist(), widths, strict=True))
        self._shapes = [[dim.dim_value for dim in _dims(value)][1:] for value in graph.inputs]
        self._dtype = graph.dtype

    def __call__(self, X: Array) -> Array:
        feed = {
            name: X[:, at : at + width]
            .reshape(len(X), *(shape if all(shape) else [width]))
            .astype(self._dtype)
            for (name, at, width), shape in zip(self._parts, self._shapes, strict=True)
        }
        try:
            (outputs,) = self._session.run(None, feed)
        except Exception as error:  # of classes that onnxruntime does not export
            raise ValueError(f"onnxruntime cannot compute the model: {error}") from error
        result: Array = np.asarray(outputs)
        return result.reshape(len(X), -1)
