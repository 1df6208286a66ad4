"""Bins of the piecewise-linear encoding of numbers: their edges, names, and the form in which the core takes them.

(a) Only columns of numbers have bins: not the columns of 0 and 1 into which an encoder of tables turns categories and
    missing numbers, and not columns of two values, which the column itself describes.
(b) Edges are in the units of X. The core computes with numbers z that are scaled or standardised: edges become z in the
    dtype of the network, which distinguishes each of them from the next one: `separated` leaves out the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..common.immutable import Immutable
from ..data.arrays import Array
from .standardization import Statistics

# For each dtype: largest absolute value of an edge z, so that differences are finite; least distance of edges in
# relation to their size, so that positions in a bin are exact to a thousandth; least distance.
_LIMITS = {"float32": (1e30, 2.0**-13, 1e-30), "float64": (1e290, 2.0**-40, 1e-290)}
Encoding = tuple[Array, Array, Array, Array, Array, Array]


class Bins(Immutable):
    """Bins of the columns of numbers. They are immutable.

    Attributes
    ----------
    edges : tuple of ndarray
        Edges of the bins of each column of the encoded X, in its units, increasing; without numbers for a column
        without bins.
    gain : float
        Input of a bin at its upper edge.
    """

    edges: tuple[Array, ...]
    gain: float

    def __init__(self, edges: Sequence[Array], gain: float) -> None:
        self._set(edges=tuple(edges), gain=gain)

    @property
    def counts(self) -> list[int]:
        """Number of bins of each column."""
        return [max(0, len(edges) - 1) for edges in self.edges]

    @property
    def n_bins(self) -> int:
        """Number of bins of all columns."""
        return sum(self.counts)

    def titles(self, names: Sequence[str]) -> list[str]:
        """Return the names of the bins, such as "age[30, 42.5)", for the names of the columns."""
        return [
            f"{name}[{low:.6g}, {high:.6g})"
            for name, edges in zip(names, self.edges, strict=True)
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]

    def encoding(self, statistics: Statistics | None, scale: float, dtype: str) -> Encoding | None:
        """Return the arguments of ``Layers.encode``; None if no column has bins.

        Parameters
        ----------
        statistics : Statistics or None
            Centres and scales of the columns, if they are standardised.
        scale : float
            Factor of X otherwise.
        dtype : {"float32", "float64"}
            Dtype of the network.
        """
        columns = np.flatnonzero(self.counts)
        if not len(columns):
            return None
        parts = []
        for column in columns.tolist():
            z = scaled_edges(self.edges[column], column, statistics, scale, dtype)
            factor = self.gain / np.maximum(np.diff(z), _LIMITS[dtype][2])
            low, high = np.zeros(len(factor)), np.full(len(factor), self.gain)
            low[0], high[-1] = -self.gain, 2 * self.gain
            parts.append((z[:-1], factor, low, high))
        lower, factors, lows, highs = map(np.concatenate, zip(*parts, strict=True))
        return columns, np.array(self.counts)[columns], lower, factors, lows, highs


def scaled_edges(edges: Array, column: int, statistics: Statistics | None, scale: float, dtype: str) -> Array:
    """Return edges of a column as the core compares them: scaled or standardised, in numbers of the dtype."""
    limit = _LIMITS[dtype][0]
    with np.errstate(over="ignore", under="ignore"):
        z = edges * scale
        if statistics is not None:
            z = (edges - statistics.mean[column]) * np.reciprocal(statistics.scale[column])
        return np.clip(z, -limit, limit).astype(dtype).astype(np.float64)


def separated(edges: Array, z: Array, dtype: str) -> Array:
    """Return those of the edges of a column that differ enough as numbers z; fewer than 3 edges are none.

    The first and the last edge are kept, and of the others each one that is far enough from the one before.
    """
    _, share, least = _LIMITS[dtype]
    kept: list[int] = []
    for i in range(len(edges)):
        while kept and z[i] - z[kept[-1]] < max(share * max(abs(z[i]), abs(z[kept[-1]])), least):
            if i < len(edges) - 1 or len(kept) == 1:
                break
            kept.pop()
        else:
            kept.append(i)
    return edges[kept] if len(kept) > 2 else edges[:0]
