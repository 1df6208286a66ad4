"""Recognition of what several nodes compute together, by their results for some rows.

Exporters write activations and norms as several nodes, such as z * Sigmoid(z) for silu, in forms that differ between
versions. The nodes between two tensors are computed in NumPy, and compared with what the core computes. Since the whole
network is compared with its source as well, a wrong recognition cannot go unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from ...spec.activations import ELEMENTWISE
from . import numpy_nodes

if TYPE_CHECKING:
    from .node import Node

_TOLERANCE = 1e-6  # of results, relative to the largest: constants may be those of float32
_MOST_NUMBERS = 1 << 16  # in the rows that are computed, except for two very long ones
_LARGEST_EPSILON = 0.1
RowNorm: TypeAlias = Literal["layer", "rms"]


class Found(NamedTuple):
    """Result of the recognition.

    Attributes
    ----------
    kind : {"activation", "norm", "softmax", "log_softmax", "both"}
        Kind of the function; "both" is [1 - p, p] of one column p.
    name : str
        Name of the activation or of the norm.
    epsilon : float
        Epsilon of the norm.
    """

    kind: str
    name: str = ""
    epsilon: float = 0.0


def recognise(
    nodes: Sequence[Node], constants: dict[str, Array], start: str, end: str, width: int | None
) -> Found | None:
    """Return the function that nodes compute between two tensors (m, width); None if it is not known."""
    n = 7 if width is None else width
    rows = _rows(n)
    values = {name: constants[name] for node in nodes for name in node.inputs if name in constants}
    result = numpy_nodes.compute(nodes, {**values, start: rows}, end, rows=False)
    if result is not None and result.shape == rows.shape:
        for name in ELEMENTWISE:
            if _same(result, arithmetic.activate(name, rows)):
                return Found("activation", name)
    result = numpy_nodes.compute(nodes, {**values, start: rows}, end, rows=True)
    if result is None:
        return None
    if n == 1 and result.shape == (len(rows), 2) and _same(result, np.concatenate([1 - rows, rows], axis=1)):
        return Found("both")
    if result.shape != rows.shape:
        return None
    softmax = arithmetic.activate("softmax", rows)
    if _same(result, softmax):
        return Found("softmax")
    if _same(result, np.log(softmax)):
        return Found("log_softmax")
    return _norm(result, rows, values)


def _rows(n: int) -> Array:
    """Return rows (m, n) of numbers around 0, up to 12."""
    m = max(2, min(64, _MOST_NUMBERS // n))
    random = np.random.default_rng(4)
    rows: Array = random.normal(size=(m, n)) * np.linspace(0.3, 4.0, m)[:, np.newaxis]
    return np.clip(rows, -12, 12)


def _same(a: Array, b: Array) -> bool:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.abs(a - b).max() <= _TOLERANCE * max(1.0, float(np.abs(b).max())))


def _norm(result: Array, rows: Array, constants: dict[str, Array]) -> Found | None:
    """Return the norm over the units of rows, with one of the small constants as its epsilon."""
    for epsilon in _epsilons(constants):
        for name, centre in (("layer", rows.mean(axis=1, keepdims=True)), ("rms", 0.0)):
            centred = rows - centre
            deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
            if _same(result, centred / deviation):
                return Found("norm", name, epsilon)
    return None


def _epsilons(constants: dict[str, Array]) -> Iterator[float]:
    for array in constants.values():
        if array.size == 1 and 0 < (value := float(array.reshape(()))) <= _LARGEST_EPSILON:
            yield value
