"""Graph of ONNX: its nodes in order, constants as arrays, and the part of it that leads to the outputs of a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...common import optional
from ...data.arrays import Array
from . import numpy_nodes
from .node import FLOATS, Node

ML = "ai.onnx.ml"
_DOMAINS = ("", "ai.onnx", ML)
_COMPUTED = 1 << 20  # numbers of constants that nodes compute from others, besides those that are given
_LABELS = ("label", "output_label")


@dataclass(eq=False)
class Graph:
    """Graph of a model.

    Attributes
    ----------
    onnx : module
        Module onnx.
    model : ModelProto
        Model of the file.
    inputs : list of ValueInfoProto
        Inputs, without the constants.
    constants : dict of str to ndarray
        Constants by name, also those that nodes compute from constants.
    producers : dict of str to Node
        Node of each tensor that is not a constant.
    dtype : {"float32", "float64"}
        Dtype of the inputs.
    """

    onnx: Any
    model: Any
    inputs: list[Any] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    producers: dict[str, Node] = field(default_factory=dict)
    dtype: str = "float32"

    def leading_to(self, output: str) -> list[Node]:
        """Return the nodes that an output is computed from, in order."""
        needed, found = {output}, []
        for node in reversed(list(dict.fromkeys(self.producers.values()))):
            if needed & set(node.outputs):
                needed.update(name for name in node.inputs if name not in self.constants)
                found.append(node)
        return found[::-1]


def load_onnx() -> tuple[Any, Any]:
    """Return the modules onnx and onnxruntime."""
    options = {"purpose": "import from ONNX", "extra": "onnx"}
    onnx = optional.load("onnx", library="onnx", **options)
    for part in ("helper", "numpy_helper"):
        optional.load(f"onnx.{part}", library="onnx", **options)
    return onnx, optional.load("onnxruntime", library="onnxruntime", **options)


def read(onnx: Any, path: Any) -> Graph:
    """Return the graph of a file, or of a ModelProto.

    Raises
    ------
    ValueError
        If it is not a model of ONNX, or has parts that are not supported.
    """
    model = path
    if not isinstance(path, onnx.ModelProto):
        model = onnx.ModelProto()
        content = _content(path)
        try:
            model.ParseFromString(content)
        except Exception as error:  # the class depends on the version of protobuf
            raise ValueError(f"{_name(path)} is not a model of ONNX: {error}.") from error
    if not model.graph.node:
        raise ValueError(f"{_name(path)} is not a model of ONNX: it has no nodes.")
    if model.functions:
        raise ValueError(
            f"The model has functions, such as {model.functions[0].name!r}, which are not supported. Inline them with"
            " onnx.inliner.inline_local_functions."
        )
    graph = Graph(onnx, model)
    with checked():
        _read_constants(graph)
        _read_nodes(graph)
        _read_inputs(graph)
    return graph


@contextmanager
def checked() -> Iterator[None]:
    """Turn errors about attributes and tensors of the wrong kind, which only a damaged file has, into a ValueError."""
    try:
        yield
    except (
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        OverflowError,
        NotImplementedError,
        UnicodeError,
    ) as error:
        raise ValueError(f"The model of ONNX is damaged: {error}.") from error


def _name(path: Any) -> str:
    return os.fspath(path) if isinstance(path, (str, os.PathLike)) else "The content"


def _content(path: Any) -> bytes:
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as file:
            return file.read()
    if isinstance(path, (bytes, bytearray, memoryview)):
        return bytes(path)
    if hasattr(path, "read"):
        content: bytes = path.read()
        return content
    raise TypeError(
        f"from_onnx takes the path of a file, its content as bytes, or a ModelProto. Got {type(path).__name__} instead."
    )


def _array(graph: Graph, tensor: Any, name: str) -> Array:
    """Return a tensor of the file as an array."""
    if tensor.data_location == graph.onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(
            f"The constant {name!r} is in another file, and such files are not read. Load the model with onnx.load,"
            " which reads them, and pass the result to from_onnx."
        )
    try:
        array: Array = graph.onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # of several classes, for sizes and types that contradict each other
        raise ValueError(f"The constant {name!r} cannot be read: {error}.") from error
    return array


def _read_constants(graph: Graph) -> None:
    proto = graph.model.graph
    if proto.sparse_initializer:
        raise ValueError("The model has sparse constants, which are not supported. Store them as dense ones.")
    for tensor in proto.initializer:
        graph.constants[tensor.name] = _array(graph, tensor, tensor.name)


def _read_nodes(graph: Graph) -> None:
    known = {*graph.constants, *(value.name for value in graph.model.graph.input)}
    computed, given = 0, sum(array.size for array in graph.constants.values())
    for i, proto in enumerate(graph.model.graph.node):
        title = f"Node {proto.name or i!r} ({proto.op_type})"
        if proto.domain not in _DOMAINS:
            raise ValueError(
                f"{title} is of the domain {proto.domain!r}, which is not supported. Export the model with the"
                " operators of ONNX."
            )
        lacking = [name for name in proto.input if name and name not in known]
        if lacking:
            raise ValueError(f"{title} uses {lacking[0]!r}, which no node before it computes.")
        known.update(proto.output)
        attributes = {}
        for attribute in proto.attribute:
            if attribute.type == graph.onnx.AttributeProto.TENSOR:
                attributes[attribute.name] = _array(graph, attribute.t, attribute.name)
            else:
                attributes[attribute.name] = graph.onnx.helper.get_attribute_value(attribute)
        node = Node(proto.op_type, tuple(proto.input), tuple(proto.output), attributes, title, proto)
        if not node.outputs:
            continue
        value = _constant(graph, node)
        computed += 0 if value is None or node.op == "Constant" else value.size
        if computed > _COMPUTED + 4 * given:
            raise ValueError(f"{title} is one of many that compute constants. Fold them before the export.")
        if value is None:
            graph.producers.update(dict.fromkeys(filter(None, node.outputs), node))
        else:
            graph.constants[node.output] = value


def _constant(graph: Graph, node: Node) -> Array | None:
    """Return the result of a node whose inputs are constants; None for other nodes."""
    if node.op == "Constant":
        values = [
            node.attributes[name] for name in ("value", "value_float", "value_int") if name in node.attributes
        ]
        for name, dtype in (("value_floats", np.float32), ("value_ints", np.int64)):
            if name in node.attributes:
                values.append(np.array(node.attributes[name], dtype))
        if "value_float" in node.attributes:
            values = [np.float32(values[0])]
        return None if not values else np.asarray(values[0])
    inputs = [name for name in node.inputs if name]
    if not inputs or any(name not in graph.constants for name in inputs):
        return None
    return numpy_nodes.compute_constant(node, [graph.constants.get(name) for name in node.inputs])


def _read_inputs(graph: Graph) -> None:
    initial = {tensor.name for tensor in graph.model.graph.initializer}
    graph.inputs = [value for value in graph.model.graph.input if value.name not in initial]
    if not graph.inputs:
        raise ValueError("The model has no inputs.")
    for value in graph.inputs:
        kind = value.type.tensor_type.elem_type
        if kind not in FLOATS:
            raise ValueError(
                f"The input {value.name!r} of the model is not of float32 or float64 numbers. Only models of numbers"
                " can be imported."
            )
        graph.dtype = FLOATS[kind]


def columns_of(value: Any) -> int | None:
    """Return the number of columns of an input (m, k), or of the numbers of an image; None if it is not fixed."""
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:]
    return int(np.prod(dims, dtype=np.int64)) if dims and all(dim > 0 for dim in dims) else None


# ---- outputs


def outputs_of(graph: Graph) -> tuple[str, Array | None]:
    """Return the name of the tensor of probabilities or values, and the labels, if the graph has some.

    Raises
    ------
    ValueError
        If the graph has several outputs, and none of them is the labels.
    """
    names = [value.name for value in graph.model.graph.output]
    labels = [name for name in names if name in _LABELS]
    others = [name for name in names if name not in labels]
    if len(others) != 1:
        raise ValueError(
            f"The model has the outputs {names}; expected one output, and besides it one with the name 'label'. Remove"
            " the others."
        )
    output, classes = others[0], None
    node = graph.producers.get(output)
    if node is not None and node.op == "ZipMap":
        classes = _listed(node.attributes)
        output = node.inputs[0]
    if labels:
        classes = _gathered(graph, labels[0])
    return output, classes


def _listed(attributes: dict[str, Any]) -> Array | None:
    """Return the labels in the attributes of a ZipMap."""
    texts = attributes.get("classlabels_strings")
    if texts:
        return np.array([text.decode() for text in texts])
    numbers = attributes.get("classlabels_int64s")
    return np.array(numbers, np.int64) if numbers else None


def _gathered(graph: Graph, label: str) -> Array | None:
    """Return the constant from which the labels are taken by their indices; None if there is none."""
    for node in reversed(graph.leading_to(label)):
        if node.op in ("ArrayFeatureExtractor", "Gather") and node.inputs[0] in graph.constants:
            found = graph.constants[node.inputs[0]].reshape(-1)
            if found.dtype.kind == "O":
                found = np.array(
                    [each.decode() if isinstance(each, bytes) else str(each) for each in found.tolist()]
                )
            return found
    return None


def pruned(graph: Graph, output: str) -> Any:
    """Return a model with one output, and the nodes and constants of the file that it depends on.

    Constants are computed by onnxruntime from the nodes of the file, so that the comparison includes our own folding.
    """
    helper, old = graph.onnx.helper, graph.model
    needed, nodes = {output}, []
    for proto in reversed(old.graph.node):
        if needed.intersection(proto.output):
            nodes.append(proto)
            needed.update(filter(None, proto.input))
    proto = helper.make_graph(
        nodes[::-1],
        "imported",
        graph.inputs,
        [graph.onnx.ValueInfoProto(name=output)],  # onnxruntime infers the type
        [tensor for tensor in old.graph.initializer if tensor.name in needed],
    )
    return helper.make_model(proto, opset_imports=old.opset_import, ir_version=old.ir_version)
