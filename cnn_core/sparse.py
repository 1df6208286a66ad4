"""Sparse rows as the core reads them: for each row its non-zero numbers and their columns."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_BLOCK = 1 << 18  # numbers whose columns are compared at once


class SparseRows:
    """Matrix (m, k) in compressed rows: row i has ``data[indptr[i] : indptr[i + 1]]`` in the columns ``indices``.

    The columns of a row are in any order, each at most once; all other numbers are zero. Numbers and columns are not
    copied, and the core never writes to them. Each call of the core copies and checks the starts of the rows again: the
    attributes and arrays can change.

    Parameters
    ----------
    indptr : array-like (m + 1,) of int
        Start of each row, and the end of the last one; starts with 0. Copied.
    indices : ndarray of int32 or int64
        Column of each number.
    data : ndarray of float32 or float64
        Numbers; both arrays have at least ``indptr[-1]`` entries.
    n_columns : int
        Number of columns k.
    tick : callable, optional
        Function without arguments that is called between blocks of the check; its exceptions are raised.

    Raises
    ------
    TypeError
        If an array has another dtype, or `n_columns` is not an integer.
    ValueError
        If an array has another shape, is not contiguous, or does not describe a matrix with `n_columns` columns.
    """

    __slots__ = ("data", "indices", "indptr", "shape")

    def __init__(
        self,
        indptr: ArrayLike,
        indices: NDArray[Any],
        data: NDArray[Any],
        n_columns: int,
        tick: Callable[[], None] | None = None,
    ) -> None:
        if not isinstance(indices, np.ndarray) or not isinstance(data, np.ndarray):
            raise TypeError(
                f"indices is {type(indices).__name__} and data {type(data).__name__}; both must be arrays"
            )
        starts, indices, data = np.array(indptr), np.asarray(indices), np.asarray(data)
        if starts.dtype.kind not in "iu" or indices.dtype not in (np.int32, np.int64):
            raise TypeError(
                f"indptr has dtype {starts.dtype}, indices {indices.dtype}; these must be integers, int32 or int64"
            )
        if data.dtype not in (np.float32, np.float64):
            raise TypeError(f"data has dtype {data.dtype}; it must be float32 or float64")
        self.indptr = starts.astype(np.int64)
        self.indptr.flags.writeable = False
        self.indices, self.data = indices, data
        self.shape = (len(self.indptr) - 1 if starts.ndim == 1 else -1, operator.index(n_columns))
        self._check(tick)

    def _check(self, tick: Callable[[], None] | None) -> None:
        m, k = self.shape
        indptr, indices, data = self.arrays
        if m < 0 or k < 0 or indices.ndim != 1 or data.ndim != 1:
            raise ValueError("indptr, indices and data must be vectors, and indptr not empty")
        if not all(array.flags.c_contiguous and array.flags.aligned for array in self.arrays):
            raise ValueError("indptr, indices and data must be contiguous and aligned")
        if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
            raise ValueError("indptr must start with 0 and never fall")
        if indptr[-1] > min(len(indices), len(data)):
            raise ValueError(
                f"indptr ends with {indptr[-1]}; there are {len(indices)} indices and {len(data)} numbers"
            )
        for start in range(0, int(indptr[-1]), _BLOCK):  # in blocks, so that signals are handled between them
            used = indices[start : min(start + _BLOCK, int(indptr[-1]))]
            if used.min() < 0 or used.max() >= k:
                raise ValueError(
                    f"indices reach from {used.min()} to {used.max()}; the matrix has {k} columns"
                )
            if tick is not None:
                tick()

    @property
    def arrays(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """indptr, indices and data."""
        return self.indptr, self.indices, self.data

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def blocks(self, numbers: int = _BLOCK) -> Iterator[slice]:
        """Yield slices of rows with about `numbers` numbers, each of at least one row."""
        start = 0
        while start < len(self):
            behind = int(np.searchsorted(self.indptr, self.indptr[start] + numbers, "right")) - 1
            stop = min(max(behind, start + 1), len(self))
            yield slice(start, stop)
            start = stop

    def entries(self, rows: slice) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Return row (counted from `rows.start`), column and number of each entry of a slice of rows."""
        starts = self.indptr[rows.start : rows.stop + 1]
        within = slice(int(starts[0]), int(starts[-1]))
        return np.repeat(np.arange(len(starts) - 1), np.diff(starts)), self.indices[within], self.data[within]

    def has_duplicates(self, tick: Callable[[], None] | None = None) -> bool:
        """Whether a column occurs twice in a row; `tick` is called between blocks."""
        for rows in self.blocks():
            if tick is not None:
                tick()
            row, column, _ = self.entries(rows)
            place = row * self.shape[1] + column
            if (place[1:] <= place[:-1]).any() and (np.diff(np.sort(place)) == 0).any():
                return True
        return False

    def select(self, rows: NDArray[np.integer[Any]]) -> SparseRows:
        """Return the rows with these indices, sparse."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.indptr[rows] - indptr[:-1], lengths) + np.arange(indptr[-1])
        return SparseRows(indptr, self.indices[places], self.data[places], self.shape[1])

    def toarray(self) -> NDArray[Any]:
        """Return all rows as a dense array."""
        return self.take(np.arange(len(self)))

    def take(self, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the rows with these indices as a dense array."""
        full = np.zeros((len(rows), self.shape[1]), self.dtype)
        for target, row in zip(full, rows, strict=True):
            within = slice(self.indptr[row], self.indptr[row + 1])
            target[self.indices[within]] = self.data[within]
        return full
