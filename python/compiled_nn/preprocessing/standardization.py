"""Scaling inside the network: a centre and a scale for each column, measured before training.

(a) In training the core scales rows while it gathers them (`Layers.standardize`): no copy of X is ever made. Targets
    are scaled once, before training.
(b) In prediction the first and the last layer do it at no cost: see `folding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from cnn_core.sparse import SparseRows

from ..data.arrays import Array
from ..data.samples import Samples

_BLOCK = 1 << 17  # numbers looked at together: as float64 they stay in the level-2 cache
_WIDTH = 512  # columns of them at most
_COLUMNS = 1 << 20  # numbers in whole columns looked at together, where a column has not more of its own


class Statistics(NamedTuple):
    """Of the columns of X: centres (k,) and scales (k,), 1 where there is no spread; float64.

    Means and standard deviations, unless another method measured them.
    """

    mean: Array
    scale: Array


# ---- measured


def fit_statistics(
    X: Samples, method: str = "standard", name: str = "X", rows: Array | None = None
) -> Statistics:
    """Return the statistics of a finite X (m, k), in float64 whatever its dtype.

    Parameters
    ----------
    X : ndarray or SparseRows (m, k)
    method : {"standard", "robust", "minmax"}
        Mean and standard deviation; median and interquartile range; or smallest number and range.
    name : str
        What X is called in an error.
    rows : ndarray of int, optional
        The rows that count, each once. Default: all.

    Raises
    ------
    ValueError
        When the scale of a column, or its reciprocal, is beyond the range of float64.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        if rows is not None and isinstance(X, SparseRows):
            X, rows = X.select(rows), None
        mean, scale = METHODS[method](X, rows)
        usable = np.isfinite(mean) & np.isfinite(scale) & np.isfinite(1 / scale)
    if not usable.all():
        column = int(np.argmin(usable))
        raise ValueError(
            f"Column {column} of {name} has the {_SPREADS[method]} {scale[column]:g}: it cannot be standardised."
        )
    return Statistics(mean, scale)


def _standard(X: Samples, chosen: Array | None) -> tuple[Array, Array]:
    """Mean and deviation in one pass over X. Blocks are joined by the formula of Chan, Golub and LeVeque (1979); a
    column is constant when its smallest number is its largest."""
    k = X.shape[1]
    mean, squares = np.zeros(k), np.zeros(k)
    smallest, largest = np.full(k, np.inf), np.full(k, -np.inf)
    for rows, columns, block in _blocks(X, chosen):
        np.minimum(smallest[columns], block.min(axis=0), out=smallest[columns])
        np.maximum(largest[columns], block.max(axis=0), out=largest[columns])
        here = block.mean(axis=0)
        block -= here
        shift, share = here - mean[columns], len(block) / (rows.start + len(block))
        squares[columns] += np.einsum("mk,mk->k", block, block) + shift**2 * (rows.start * share)
        mean[columns] += shift * share
    scale = np.sqrt(squares / (len(X) if chosen is None else len(chosen)))
    constant = smallest == largest
    mean[constant], scale[constant] = smallest[constant], 1
    return mean, scale


def _robust(X: Samples, chosen: Array | None) -> tuple[Array, Array]:
    """Median and interquartile range, the quartiles interpolated between neighbours; a range of 0 becomes 1."""
    median, scale = np.empty(X.shape[1]), np.empty(X.shape[1])
    for columns, block in _whole_columns(X, chosen):
        low, median[columns], high = np.percentile(block, (25, 50, 75), axis=0, overwrite_input=True)
        scale[columns] = high - low
    scale[scale == 0] = 1
    return median, scale


def _minmax(X: Samples, chosen: Array | None) -> tuple[Array, Array]:
    smallest, largest = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for _, columns, block in _blocks(X, chosen):
        np.minimum(smallest[columns], block.min(axis=0), out=smallest[columns])
        np.maximum(largest[columns], block.max(axis=0), out=largest[columns])
    scale = largest - smallest
    scale[scale == 0] = 1
    return smallest, scale


METHODS: dict[str, Callable[[Samples, Array | None], tuple[Array, Array]]] = {
    "standard": _standard,
    "robust": _robust,
    "minmax": _minmax,
}
_SPREADS = {"standard": "standard deviation", "robust": "interquartile range", "minmax": "range"}


# ---- in parts


def _cuts(m: int, k: int) -> tuple[list[slice], list[slice]]:
    """Rows and columns to look at together: cut alike for every layout of X, so that the bits are those of the numbers
    alone."""
    height = max(1, _BLOCK // min(k, _WIDTH))
    rows = [slice(start, min(start + height, m)) for start in range(0, m, height)]
    return rows, [slice(start, min(start + _WIDTH, k)) for start in range(0, k, _WIDTH)]


def _blocks(X: Samples, chosen: Array | None) -> Iterator[tuple[slice, slice, Array]]:
    """Blocks of X, or of its chosen rows, in float64, in the order in which they lie in memory."""
    if isinstance(X, SparseRows):
        yield from _filled(X)
        return
    all_rows, all_columns = _cuts(len(X) if chosen is None else len(chosen), X.shape[1])
    order: Iterable[tuple[slice, slice]] = product(all_rows, all_columns)
    if abs(X.strides[1]) > abs(X.strides[0]):
        order = ((rows, columns) for columns, rows in product(all_columns, all_rows))
    for rows, columns in order:
        block = X[rows, columns] if chosen is None else X[chosen[rows], columns]
        yield rows, columns, block.astype(np.float64, order="C")


def _filled(X: SparseRows) -> Iterator[tuple[slice, slice, Array]]:
    """The same blocks of sparse rows, with their zeros."""
    all_rows, all_columns = _cuts(*X.shape)
    for rows in all_rows:
        for columns, block in _filled_columns(X, rows, all_columns):
            yield rows, columns, block


def _filled_columns(X: SparseRows, rows: slice, cuts: list[slice]) -> Iterator[tuple[slice, Array]]:
    row, column, number = X.entries(rows)
    order = np.argsort(column, kind="stable")
    row, column, number = row[order], column[order], number[order]
    for columns in cuts:
        here = slice(*np.searchsorted(column, (columns.start, columns.stop)))
        block = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
        block[row[here], column[here] - columns.start] = number[here]
        yield columns, block


def _whole_columns(X: Samples, chosen: Array | None) -> Iterator[tuple[slice, Array]]:
    """All rows of some columns, in float64; of sparse rows the entries are sorted for it, in a copy."""
    k, m = X.shape[1], len(X) if chosen is None else len(chosen)
    width = max(1, _COLUMNS // m)
    cuts = [slice(start, min(start + width, k)) for start in range(0, k, width)]
    if isinstance(X, SparseRows):
        yield from _filled_columns(X, slice(0, m), cuts)
        return
    for columns in cuts:
        yield columns, (X[:, columns] if chosen is None else X[chosen, columns]).astype(np.float64)
