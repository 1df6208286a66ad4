"""Edges of bins that are learned from the training rows: quantiles of a column, the splits of a tree on y, or both."""

from __future__ import annotations

import heapq

import numpy as np

from ..common import clock
from ..data.arrays import Array
from .piecewise_linear import Bins, scaled_edges, separated
from .standardization import Statistics, used_rows, weighted_quantiles

_ROWS_PER_BIN = 50
_FEWEST_BINS = 2
_ROUNDS = 10  # in which the weights of frequent numbers are cut to the mean of a bin
_CANDIDATES = 256  # groups of equal or neighbouring numbers between which a tree splits
_FEWEST_ROWS = 8  # of a leaf; at least as many as 1 of _LEAVES of all rows
_LEAVES = 128


def learn(
    X: Array,
    n_numeric: int,
    *,
    bins: int,
    gain: float,
    statistics: Statistics | None,
    scale: float,
    dtype: str,
    y: Array | None = None,
    mixed: bool = False,
    rows: Array | None = None,
    weights: Array | None = None,
) -> Bins:
    """Return the bins of the columns of X.

    Parameters
    ----------
    X : ndarray (m, n)
        Columns of finite numbers, which are the first ones of the encoded X.
    n_numeric : int
        Number of columns of the encoded X; those that X does not have get no bins.
    bins : int
        Largest number of bins of a column.
    gain : float
        Input of a bin at its upper edge.
    statistics, scale, dtype
        As for :meth:`Bins.encoding`.
    y : ndarray (m,) of int64, or (m, n_outputs), optional
        Class indices or values, on which trees are grown. Default: quantiles.
    mixed : bool, default False
        Whether half of the bins with `y` are those of quantiles, into which the tree's splits are inserted.
    rows : ndarray of int, optional
        Indices of the rows to learn from. Default: all rows.
    weights : ndarray (m,), optional
        Weight of each row of X; rows of weight 0 are left out.
    """
    rows, weights = used_rows(rows, weights)
    m = len(X) if rows is None else len(rows)
    most = min(bins, max(_FEWEST_BINS, m // _ROWS_PER_BIN))
    target = None if y is None else _Target(y if rows is None else y[rows], weights)
    edges = [np.empty(0)] * n_numeric
    for j in range(X.shape[1]):
        clock.check()
        column = (X[:, j] if rows is None else X[rows, j]).astype(np.float64)
        found = _of_column(column, most, target, weights, mixed=mixed)
        if len(found):
            edges[j] = separated(found, scaled_edges(found, j, statistics, scale, dtype), dtype)
    return Bins(edges, gain)


def _of_column(
    column: Array, most: int, target: _Target | None, weights: Array | None, *, mixed: bool
) -> Array:
    """Return the edges of the bins of a column; none for a column of two values or one."""
    order = np.argsort(column, kind="stable") if target is not None or weights is not None else None
    numbers = np.sort(column) if order is None else column[order]
    if not ((numbers > numbers[0]) & (numbers < numbers[-1])).any():
        return column[:0]
    splits = numbers[:0]
    if target is not None and order is not None:
        if not mixed:
            return target.edges(numbers, order, most)
        share = max(_FEWEST_BINS, most // 2)
        splits = target.edges(numbers, order, most - share + 1)
        most = share
    w = None if weights is None or order is None else weights[order]
    edges = np.unique(quantiles(numbers, np.linspace(0, 1, most + 1), w))
    if len(edges) <= most:
        edges = _beside_repeated(numbers, w, most, edges)
    return np.unique(np.append(edges, splits))


def _beside_repeated(numbers: Array, weights: Array | None, most: int, edges: Array) -> Array:
    """Return edges for sorted numbers of which some are so frequent that quantiles are equal.

    Frequent numbers count no more than a bin does, so that the other ones have bins too: one for each `_ROWS_PER_BIN`
    of their rows. `edges` are returned if these are fewer.
    """
    starts = np.flatnonzero(np.append(True, numbers[1:] > numbers[:-1]))
    counts = np.diff(np.append(starts, len(numbers)))
    mass = counts.astype(np.float64) if weights is None else np.add.reduceat(weights, starts)
    frequent = mass > mass.sum() / most
    bins = min(most, int(frequent.sum() + counts[~frequent].sum() // _ROWS_PER_BIN))
    if bins < len(edges):
        return edges
    values: Array = numbers[starts]
    if len(values) <= bins + 1:
        return values
    for _ in range(_ROUNDS):
        mass = np.minimum(mass, mass.sum() / bins)
    places = np.searchsorted(np.cumsum(mass), mass.sum() * (1 - 1e-9) * np.arange(1, bins) / bins)
    chosen: Array = values[np.unique([0, *places, len(values) - 1])]
    return chosen


def quantiles(numbers: Array, q: Array, weights: Array | None = None) -> Array:
    """Return quantiles of sorted numbers, linearly interpolated; weights are those of repeated numbers.

    Weights are used as :func:`compiled_nn.preprocessing.standardization.weighted_quantiles` describes.
    """
    if weights is not None:
        return weighted_quantiles(numbers, weights, q)
    place = q * (len(numbers) - 1)
    below = np.minimum(place.astype(np.int64), len(numbers) - 2)
    share = place - below
    found: Array = numbers[below] * (1 - share) + numbers[below + 1] * share
    return found


class _Target:
    """Sums of y by group, from which the gain of a split follows.

    The gain is the decrease of the sum of squared errors; for classes this is the decrease of Gini's impurity.

    Parameters
    ----------
    y : ndarray (m,) of int64, or (m, n_outputs)
        Class indices, or values.
    weights : ndarray (m,), optional
        Weight of each row.
    """

    def __init__(self, y: Array, weights: Array | None) -> None:
        self._weights = weights
        self._classes = y.ndim == 1 and y.dtype.kind in "iu"
        self._y = y if y.ndim == 2 or self._classes else y[:, np.newaxis]
        self._n = int(y.max()) + 1 if self._classes else self._y.shape[1]
        if not self._classes:
            with np.errstate(over="ignore", invalid="ignore"):  # no splits on y whose range is beyond float64
                values = self._y.astype(np.float64)
                spread = values.max(axis=0) - values.min(axis=0)
                self._y = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)

    def edges(self, numbers: Array, order: Array, most: int) -> Array:
        """Return smallest number, splits and largest number of a column; `numbers` are sorted by `order`."""
        starts = _groups(numbers)
        sums, weights, counts = self._sums(starts, order)
        chosen = _grow(sums, weights, counts, most)
        if not chosen:
            return numbers[:0]
        first = starts[sorted(chosen)]
        between = numbers[first - 1] / 2 + numbers[first] / 2
        return np.unique([numbers[0], *between, numbers[-1]])

    def _sums(self, starts: Array, order: Array) -> tuple[Array, Array, Array]:
        """Return sums of y (groups + 1, n), of weights and of rows (groups + 1,): before each group, and of all."""
        m, groups = len(order), len(starts)
        counts = np.diff(np.append(starts, m))
        w = None if self._weights is None else self._weights[order]
        y = self._y[order]
        if self._classes:
            cells = np.repeat(np.arange(groups), counts) * self._n + y
            sums = np.bincount(cells, w, groups * self._n).reshape(groups, self._n).astype(np.float64)
        else:
            sums = np.add.reduceat(y if w is None else y * w[:, np.newaxis], starts, axis=0)
        weights = counts.astype(np.float64) if w is None else np.add.reduceat(w, starts)
        return _before(sums), _before(weights), _before(counts)


def _before(parts: Array) -> Array:
    return np.concatenate([np.zeros_like(parts[:1]), np.cumsum(parts, axis=0)])


def _groups(numbers: Array) -> Array:
    """Return the index of the first number of each group of sorted numbers; equal numbers are in one group."""
    starts = np.flatnonzero(np.append(True, numbers[1:] > numbers[:-1]))
    if len(starts) <= _CANDIDATES:
        return starts
    places = np.linspace(0, len(numbers), _CANDIDATES, endpoint=False)
    return np.unique(starts[np.searchsorted(starts, places, side="right") - 1])


def _grow(sums: Array, weights: Array, counts: Array, most: int) -> list[int]:
    """Return the groups that begin a leaf, without the first one; the leaf whose split gains most is split next."""
    fewest = max(_FEWEST_ROWS, int(counts[-1]) // _LEAVES)
    least = 1e-9 * float(weights[-1])
    leaves: list[tuple[float, int, int, int]] = []

    def add(first: int, last: int) -> None:
        """Add the leaf of the groups from `first` to `last` - 1, if it can be split."""
        inner = np.arange(first + 1, last)
        inner = inner[(counts[inner] - counts[first] >= fewest) & (counts[last] - counts[inner] >= fewest)]
        if not len(inner):
            return
        below, above = sums[inner] - sums[first], sums[last] - sums[inner]
        gains = (below**2).sum(axis=1) / (weights[inner] - weights[first])
        gains += (above**2).sum(axis=1) / (weights[last] - weights[inner])
        gains -= ((sums[last] - sums[first]) ** 2).sum() / (weights[last] - weights[first])
        best = int(np.argmax(gains))
        if gains[best] > least:
            heapq.heappush(leaves, (-float(gains[best]), first, last, int(inner[best])))

    add(0, len(counts) - 1)
    chosen: list[int] = []
    while leaves and len(chosen) < most - 1:
        _, first, last, split = heapq.heappop(leaves)
        chosen.append(split)
        add(first, split)
        add(split, last)
    return chosen
