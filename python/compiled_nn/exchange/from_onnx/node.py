"""Node of a graph of ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FLOATS = {1: "float32", 11: "float64"}  # dtypes by their code in ONNX


@dataclass(frozen=True, eq=False)
class Node:
    """Node of a graph.

    Attributes
    ----------
    op : str
        Operator.
    inputs, outputs : tuple of str
        Names of its tensors; "" for an optional input that is absent.
    attributes : dict
        Attributes by name.
    title : str
        Name and operator, for messages.
    proto : NodeProto
        Node of the file.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    title: str
    proto: Any

    @property
    def output(self) -> str:
        """Name of the first output."""
        return self.outputs[0]

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number.

        Raises
        ------
        ValueError
            If it is something else.
        """
        value = self.attributes.get(name, default)
        if not isinstance(value, (int, float)):
            raise ValueError(f"{self.title} has {name}={value!r}; expected a number.")
        return float(value)
