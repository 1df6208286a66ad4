"""Rows in which some columns have the values of other rows, for permutations of columns without a copy of all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import clock
from . import samples
from .arrays import Array
from .samples import Samples


class MixedRows:
    """Rows, converted for the core, of which blocks with permuted columns are made.

    Columns of one group are permuted together. The rows are not changed.

    Parameters
    ----------
    rows : ndarray (m, k) or SparseRows
        Rows.
    groups : ndarray of int (k,)
        Group of each column.
    """

    def __init__(self, rows: Samples, groups: Array) -> None:
        self._rows, self._groups = rows, groups
        self._width, self._aligned = rows.shape[1], None
        if isinstance(rows, SparseRows):
            self._width = max(1, len(rows.data) // len(rows))
            self._aligned = self._groups_by_place(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _groups_by_place(self, rows: SparseRows) -> Array | None:
        """Return the group of each entry of a sparse row, if it is the same in every row; otherwise None.

        It is in encoded tables, where each row has one entry for each categorical column.
        """
        lengths = np.diff(rows.indptr)
        if not len(rows) or (lengths != lengths[0]).any() or not lengths[0]:
            return None
        first: Array = self._groups[rows.indices[: lengths[0]]]
        for part in rows.blocks():
            clock.check()
            _, columns, _ = rows.entries(part)
            if (self._groups[columns].reshape(-1, len(first)) != first).any():
                return None
        return first

    def blocks(self, group: int | None = None, order: Array | None = None) -> Iterator[Samples]:
        """Yield all rows in blocks; row i has the values of row ``order[i]`` in the columns of `group`.

        Without `group`, the rows are yielded as they are.
        """
        rows, chosen = self._rows, self._groups == group
        for part in samples.parts(rows, self._width):
            clock.check()
            block: Any = samples.between(rows, part.start, part.stop)
            if order is None:
                yield block
            elif isinstance(rows, SparseRows):
                if self._aligned is None:
                    yield self._mixed_sparse(block, rows.select(order[part]), group)
                else:
                    yield _mixed_aligned(rows, part, order[part], self._aligned == group)
            else:
                mixed = block.copy()
                for place in np.flatnonzero(chosen).tolist():
                    mixed[:, place] = rows[order[part], place]
                yield mixed

    def _mixed_sparse(self, block: SparseRows, others: SparseRows, group: int | None) -> SparseRows:
        """Return the rows of a block with the entries that other rows have in the columns of `group`."""
        found = []
        for rows, inside in ((block, False), (others, True)):
            row, column, number = rows.entries(slice(0, len(rows)))
            kept = (self._groups[column] == group) == inside
            found.append((row[kept], column[kept], number[kept]))
        row, column, number = (np.concatenate(parts) for parts in zip(*found, strict=True))
        sort = np.lexsort((column, row))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(block)))])
        return SparseRows(indptr, column[sort], number[sort], block.shape[1])


def _mixed_aligned(rows: SparseRows, part: slice, others: Array, chosen: Array) -> SparseRows:
    """Return a slice of rows that all have `len(chosen)` entries, with the chosen entries of other rows."""
    shape, used = (len(rows), len(chosen)), int(rows.indptr[-1])

    def mixed(array: Array) -> Array:
        entries = array[:used].reshape(shape)
        block = entries[part].copy()
        for place in np.flatnonzero(chosen).tolist():
            block[:, place] = entries[others, place]
        return block.reshape(-1)

    return SparseRows(rows.indptr[: len(others) + 1], mixed(rows.indices), mixed(rows.data), rows.shape[1])
