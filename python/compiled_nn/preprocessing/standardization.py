"""Standardization inside the network: the centre and the scale of each column, computed before training.

(a) During training the core scales rows while it gathers them (`Layers.standardize`), so that X is never copied.
    Targets are scaled once, before training.
(b) For prediction the scaling is folded into the weights of the first and the last layer, at no cost: see the module
    `folding`.

Blocks of rows are merged by the formula of [1]_. "robust_smooth_clip" is the scaling of [2]_: the core clips the scaled
columns of numbers, z to z / sqrt(1 + (z / 3)^2), which cannot be folded, so that (a) also holds for prediction.

References
----------
.. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
   variances", Technical Report STAN-CS-79-773, Stanford University, 1979.
.. [2] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
   tabular data", Advances in Neural Information Processing Systems 37, 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import clock
from ..data.arrays import Array
from ..data.samples import Samples

_BLOCK = 1 << 17  # numbers per block: as float64 they stay in the level-2 cache
_WIDTH = 512  # maximum number of columns per block
_COLUMNS = 1 << 20  # numbers per group of whole columns; a longer column is a group by itself


class Statistics(NamedTuple):
    """Centres (k,) and scales (k,) of the columns of X, float64; the scale of a column without spread is 1.

    They are means and standard deviations, or what another method of :func:`fit_statistics` computes.
    """

    mean: Array
    scale: Array


# ---- statistics


def fit_statistics(
    X: Samples,
    method: str = "standard",
    name: str = "X",
    rows: Array | None = None,
    weights: Array | None = None,
) -> Statistics:
    """Return the statistics of a finite X (m, k), in float64 whatever its dtype.

    Parameters
    ----------
    X : ndarray or SparseRows (m, k)
        Finite samples.
    method : {"standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"}
        Centre and scale: mean and standard deviation; median and interquartile range, for "robust_smooth_clip" half the
        range if that is 0; or minimum and range.
    name : str
        Name of X in errors.
    rows : ndarray of int, optional
        Distinct indices of the rows to use. Default: all rows.
    weights : ndarray (m,), optional
        Weight of each row of X, at least 0; rows of weight 0 are left out. Default: 1 for each row.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If the centre or the scale of a column, or the reciprocal of the scale, is beyond the range of float64.
    """
    rows, weights = used_rows(rows, weights)
    with _silent():
        if rows is not None and isinstance(X, SparseRows):
            X, rows = X.select(rows), None
        mean, scale = METHODS[method](X, rows, weights)
        if isinstance(X, np.ndarray):
            # The squares of numbers of other columns are beyond the range.
            for column in np.flatnonzero(~_usable(mean, scale)).tolist():
                mean[column], scale[column] = _of_extreme(X[:, column], method, rows, weights)
    return checked(mean, scale, method, name)


def joined_statistics(
    moments: Moments, sample: Samples, method: str, weights: Array | None, name: str = "X"
) -> Statistics:
    """Return the statistics of the rows of all parts, of which `sample` (n, k) is a sample with its weights (n,).

    Medians and quartiles are those of the sample, as are the statistics of columns the squares of whose numbers are
    beyond the range of float64; everything else is that of all rows.

    Raises
    ------
    ValueError
        As :func:`fit_statistics`.
    """
    with _silent():
        if method in SAMPLED:
            return fit_statistics(sample, method, name, weights=weights)
        mean, scale = moments.standard if METHODS[method] is _standard else moments.minmax
        beyond = ~_usable(mean, scale)
        if beyond.any() and isinstance(sample, np.ndarray):
            mean[beyond], scale[beyond] = fit_statistics(sample[:, beyond], method, name, weights=weights)
    return checked(mean, scale, method, name)


def _silent() -> np.errstate:
    return np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore")


def _usable(mean: Array, scale: Array) -> Array:
    """Return whether the centre and the scale of each column are in the range of float64."""
    with _silent():
        usable: Array = np.isfinite(mean) & np.isfinite(scale) & np.isfinite(1 / scale)
    return usable


def checked(mean: Array, scale: Array, method: str, name: str) -> Statistics:
    """Return statistics, or raise the ValueError for a column of X or y, `name`, that cannot be standardised."""
    usable = _usable(mean, scale)
    if not usable.all():
        column = int(np.argmin(usable))
        raise ValueError(
            f"Column {column} of {name} has the {_SPREADS[method]} {scale[column]:g}: it cannot be standardised."
        )
    return Statistics(mean, scale)


def used_rows(rows: Array | None, weights: Array | None) -> tuple[Array | None, Array | None]:
    """Return the indices of the rows whose weight is not 0, None for all, and their weights, None if all are equal."""
    if weights is None:
        return rows, None
    of_rows = weights if rows is None else weights[rows]
    used = of_rows > 0
    if used.any() and not used.all():
        rows = np.flatnonzero(used) if rows is None else rows[used]
        of_rows = of_rows[used]
    return rows, None if (of_rows == of_rows[0]).all() else of_rows


def _of_extreme(column: Array, method: str, rows: Array | None, weights: Array | None) -> tuple[float, float]:
    """Return centre and scale of a column of huge or tiny numbers, computed from them times a power of 2."""
    numbers = column.astype(np.float64)
    _, exponent = np.frexp(abs(numbers).max())
    mean, scale = METHODS[method](np.ldexp(numbers, -exponent)[:, np.newaxis], rows, weights)
    constant = scale[0] == 1 and numbers.min() == numbers.max()
    return float(np.ldexp(mean[0], exponent)), 1.0 if constant else float(np.ldexp(scale[0], exponent))


class Moments(NamedTuple):
    """Sums of the columns of rows, each of shape (k,) in float64; those of several parts of the rows can be joined.

    Attributes
    ----------
    weight : ndarray
        Sum of the weights of the rows.
    mean, squares : ndarray
        Mean, and weighted sum of the squared distances from it.
    smallest, largest : ndarray
        Smallest and largest number.
    """

    weight: Array
    mean: Array
    squares: Array
    smallest: Array
    largest: Array

    @classmethod
    def none(cls, k: int) -> Moments:
        """Return those of no rows with k columns."""
        return cls(np.zeros(k), np.zeros(k), np.zeros(k), np.full(k, np.inf), np.full(k, -np.inf))

    @classmethod
    def of(cls, X: Samples, rows: Array | None = None, weights: Array | None = None) -> Moments:
        """Return those of X (m, k); `rows` and `weights` as for :func:`fit_statistics`, but all weights may be 0."""
        if 0 in X.shape or (weights is not None and not (weights if rows is None else weights[rows]).any()):
            return cls.none(X.shape[1])
        rows, of_rows = used_rows(rows, weights)
        factor = 1.0
        if weights is not None and of_rows is None:  # all weights are equal, and need not be 1
            factor = float(weights[0] if rows is None else weights[rows[0]])
        with _silent():
            if rows is not None and isinstance(X, SparseRows):
                X, rows = X.select(rows), None
            found = cls._of_blocks(X, rows, of_rows)
            return found._replace(weight=found.weight * factor, squares=found.squares * factor)

    @classmethod
    def _of_blocks(cls, X: Samples, chosen: Array | None, weights: Array | None) -> Moments:
        """Return those of the chosen rows from one pass over X, in blocks.

        `einsum` would fuse products with sums on processors whose baseline can, as that of aarch64.
        """
        found = cls.none(X.shape[1])
        for rows, columns, block in _iterate_blocks(X, chosen):
            smallest, largest = block.min(axis=0), block.max(axis=0)
            if weights is None:
                mean, weight = block.mean(axis=0), float(len(block))
                block -= mean
                squares = np.square(block, out=block).sum(axis=0)
            else:
                w = weights[rows]
                weight = float(w.sum())
                mean = (block * w[:, np.newaxis]).sum(axis=0) / weight
                block -= mean
                squares = (w[:, np.newaxis] * block * block).sum(axis=0)
            found._add(columns, weight, mean, squares, smallest, largest)
        return found

    def _add(
        self,
        columns: slice,
        weight: Array | float,
        mean: Array,
        squares: Array,
        smallest: Array,
        largest: Array,
    ) -> None:
        """Add the moments of other rows of some columns."""
        np.minimum(self.smallest[columns], smallest, out=self.smallest[columns])
        np.maximum(self.largest[columns], largest, out=self.largest[columns])
        before = self.weight[columns]
        shift, share = mean - self.mean[columns], weight / (before + weight)
        self.squares[columns] += squares + shift**2 * (before * share)
        self.mean[columns] += shift * share
        self.weight[columns] = before + weight

    def joined(self, other: Moments) -> Moments:
        """Return those of the rows of both."""
        if not other.weight.any() or not self.weight.any():
            return self if self.weight.any() else other
        found = Moments(*(array.copy() for array in self))
        with _silent():
            found._add(slice(None), *other)
        return found

    @property
    def standard(self) -> tuple[Array, Array]:
        """Means and standard deviations; a column is constant if its minimum equals its maximum."""
        mean, scale = self.mean.copy(), np.sqrt(self.squares / self.weight)
        constant = self.smallest == self.largest
        mean[constant], scale[constant] = self.smallest[constant], 1
        return mean, scale

    @property
    def minmax(self) -> tuple[Array, Array]:
        """Minima and ranges; a range of 0 becomes 1."""
        scale = self.largest - self.smallest
        scale[scale == 0] = 1
        return self.smallest, scale


def _standard(X: Samples, chosen: Array | None, weights: Array | None) -> tuple[Array, Array]:
    """Return means and standard deviations, with blocks merged by the formula of Chan, Golub and LeVeque (1979)."""
    return Moments._of_blocks(X, chosen, weights).standard


def _robust(X: Samples, chosen: Array | None, weights: Array | None) -> tuple[Array, Array]:
    """Return medians and interquartile ranges, with linearly interpolated quartiles; a range of 0 becomes 1."""
    median, scale = np.empty(X.shape[1]), np.empty(X.shape[1])
    for columns, block in _iterate_whole_columns(X, chosen):
        low, median[columns], high = _quartiles_of(block, weights)
        scale[columns] = high - low
    scale[scale == 0] = 1
    return median, scale


def _robust_or_range(X: Samples, chosen: Array | None, weights: Array | None) -> tuple[Array, Array]:
    """Return medians and interquartile ranges; half the range instead of an interquartile range of 0."""
    median, scale = np.empty(X.shape[1]), np.empty(X.shape[1])
    for columns, block in _iterate_whole_columns(X, chosen):
        low, median[columns], high = _quartiles_of(block, weights)
        spread = high - low
        scale[columns] = np.where(spread == 0, block.max(axis=0) / 2 - block.min(axis=0) / 2, spread)
    scale[scale == 0] = 1
    return median, scale


def _quartiles_of(block: Array, weights: Array | None) -> Iterable[Array]:
    """Return the three quartiles of each column of a block, which may be sorted by this."""
    if weights is None:
        quartiles: Array = np.percentile(block, (25, 50, 75), axis=0, overwrite_input=True)
        return quartiles
    shares = np.array([0.25, 0.5, 0.75])
    orders = (np.argsort(column, kind="stable") for column in block.T)
    return np.transpose(
        [
            weighted_quantiles(column[order], weights[order], shares)
            for column, order in zip(block.T, orders, strict=True)
        ]
    )


def weighted_quantiles(numbers: Array, weights: Array, q: Array) -> Array:
    """Return quantiles of sorted numbers with weights; equal weights give those of :func:`numpy.quantile`.

    Weights that are multiples of the smallest weight u give the quantiles of repeated numbers. On an axis of summed
    weights, a number extends from the sum of the weights before it to the sum with its own weight, less u; the gaps
    between numbers are interpolated.
    """
    ends, unit = np.cumsum(weights), weights.min()
    places = np.column_stack([ends - weights, ends - unit]).ravel()
    quantiles: Array = np.interp(q * (ends[-1] - unit), places, np.repeat(numbers, 2))
    return quantiles


def _minmax(X: Samples, chosen: Array | None, weights: Array | None) -> tuple[Array, Array]:
    """Return minima and ranges, which do not depend on the weights; a range of 0 becomes 1."""
    found = Moments.none(X.shape[1])
    for _, columns, block in _iterate_blocks(X, chosen):
        np.minimum(found.smallest[columns], block.min(axis=0), out=found.smallest[columns])
        np.maximum(found.largest[columns], block.max(axis=0), out=found.largest[columns])
    return found.minmax


METHODS: dict[str, Callable[[Samples, Array | None, Array | None], tuple[Array, Array]]] = {
    "standard": _standard,
    "robust": _robust,
    "standard_smooth_clip": _standard,
    "robust_smooth_clip": _robust_or_range,
    "minmax": _minmax,
}
SAMPLED = frozenset(
    method for method, function in METHODS.items() if function not in (_standard, _minmax)
)  # methods that need all numbers of a column at once
_SPREADS = {
    "standard": "standard deviation",
    "robust": "interquartile range",
    "standard_smooth_clip": "standard deviation",
    "robust_smooth_clip": "interquartile range",
    "minmax": "range",
}


# ---- blocks


def _cut(m: int, k: int) -> tuple[list[slice], list[slice]]:
    """Return the row slices and the column slices of the blocks.

    They do not depend on the memory layout of X, so that the bits of the statistics do not depend on it either.
    """
    height = max(1, _BLOCK // min(k, _WIDTH))
    rows = [slice(start, min(start + height, m)) for start in range(0, m, height)]
    return rows, [slice(start, min(start + _WIDTH, k)) for start in range(0, k, _WIDTH)]


def _iterate_blocks(X: Samples, chosen: Array | None) -> Iterator[tuple[slice, slice, Array]]:
    """Iterate over the blocks of X, or of its chosen rows, in float64, in the order of their addresses in memory."""
    if isinstance(X, SparseRows):
        yield from _iterate_filled(X)
        return
    all_rows, all_columns = _cut(len(X) if chosen is None else len(chosen), X.shape[1])
    order: Iterable[tuple[slice, slice]] = product(all_rows, all_columns)
    if abs(X.strides[1]) > abs(X.strides[0]):
        order = ((rows, columns) for columns, rows in product(all_columns, all_rows))
    for rows, columns in order:
        clock.check()
        block = X[rows, columns] if chosen is None else X[chosen[rows], columns]
        yield rows, columns, block.astype(np.float64, order="C")


def _iterate_filled(X: SparseRows) -> Iterator[tuple[slice, slice, Array]]:
    """Iterate over the same blocks of sparse rows, as dense arrays."""
    all_rows, all_columns = _cut(*X.shape)
    for rows in all_rows:
        clock.check()
        for columns, block in _iterate_filled_columns(X, rows, all_columns):
            yield rows, columns, block


def _iterate_filled_columns(X: SparseRows, rows: slice, cuts: list[slice]) -> Iterator[tuple[slice, Array]]:
    row, column, number = X.entries(rows)
    order = np.argsort(column, kind="stable")
    row, column, number = row[order], column[order], number[order]
    for columns in cuts:
        entries = slice(*np.searchsorted(column, (columns.start, columns.stop)))
        block = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
        block[row[entries], column[entries] - columns.start] = number[entries]
        yield columns, block


def _iterate_whole_columns(X: Samples, chosen: Array | None) -> Iterator[tuple[slice, Array]]:
    """Iterate over groups of whole columns in float64; the entries of sparse rows are copied and sorted for this."""
    k, m = X.shape[1], len(X) if chosen is None else len(chosen)
    width = max(1, _COLUMNS // m)
    cuts = [slice(start, min(start + width, k)) for start in range(0, k, width)]
    if isinstance(X, SparseRows):
        yield from _iterate_filled_columns(X, slice(0, m), cuts)
        return
    for columns in cuts:
        clock.check()
        yield columns, (X[:, columns] if chosen is None else X[chosen, columns]).astype(np.float64)
