"""Graph of ONNX under construction: nodes, and the arrays that they read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...data.arrays import Array

ML = "ai.onnx.ml"  # domain of the operators for strings


class Graph:
    """Nodes and initializers in the order in which they are added.

    Parameters
    ----------
    onnx : module
        The library onnx.
    real : {"float32", "float64"}
        Dtype of the arithmetic.
    reserved : iterable of str
        Names of inputs and outputs, which no other tensor may have.

    Attributes
    ----------
    nodes : list of NodeProto
        Nodes so far.
    initializers : list of TensorProto
        Arrays so far.
    """

    def __init__(self, onnx: Any, real: str, reserved: Iterable[str] = ()) -> None:
        self.onnx, self.real = onnx, real
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._names = set(reserved)
        self._shared: dict[tuple[str, bytes], str] = {}

    def name(self, wanted: str) -> str:
        """Return a name that no other tensor has: `wanted`, with a number if that is taken."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}_{number}"
        self._names.add(name)
        return name

    def constant(self, name: str, value: Any, dtype: str | None = None) -> str:
        """Add an array, by default of the dtype of the arithmetic, and return its name.

        Small ones of the same content are added once.
        """
        array: Array = np.asarray(value)
        if array.dtype.kind not in "US":
            array = np.ascontiguousarray(array, dtype or self.real).reshape(np.shape(value))
        key = (f"{array.dtype.str}{array.shape}", array.tobytes() if array.size <= 64 else b"")
        if key[1] and key in self._shared:
            return self._shared[key]
        found = self.name(name)
        self.initializers.append(self._tensor(found, array))
        if key[1]:
            self._shared[key] = found
        return found

    def _tensor(self, name: str, array: Array) -> Any:
        if array.dtype.kind not in "US":
            return self.onnx.numpy_helper.from_array(array, name)
        texts = [text if isinstance(text, bytes) else text.encode() for text in array.ravel().tolist()]
        return self.onnx.helper.make_tensor(name, self.onnx.TensorProto.STRING, array.shape, texts)

    def node(
        self, op: str, *inputs: str, name: str = "", output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output, and return the name of the output.

        `name` is that of the node and of its output, by default the operator, with a number if it is taken; `output` is
        a reserved name instead.
        """
        result = output or self.name(name or op)
        node = self.onnx.helper.make_node(op, inputs, [result], name=result, domain=domain, **attributes)
        self.nodes.append(node)
        return result

    def cast(self, x: str, dtype: str, name: str = "Cast", output: str = "") -> str:
        """Add a conversion to another dtype."""
        return self.node("Cast", x, name=name, output=output, to=self.element(dtype))

    def finish(self, x: str, given: str, dtype: str, output: str) -> None:
        """Make a tensor of the dtype `given`, which a node returns, an output of the graph, of the dtype `dtype`."""
        if given != dtype:
            self.cast(x, dtype, output=output)
            return
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    names[i] = output if name == x else name

    def element(self, dtype: Any) -> int:
        """Return the code of ONNX for a dtype of NumPy; text and bytes are strings."""
        found = np.dtype(dtype)
        if found.kind in "USO":
            return int(self.onnx.TensorProto.STRING)
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(found))
