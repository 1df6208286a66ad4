"""The samples a user passes, dense or sparse, as the core takes them.

(a) Whatever can tell its compressed rows (`tocsr`: matrices and arrays of scipy.sparse) is never filled with zeros as a
    whole: the core fills the rows of a chunk. What holds floats in compressed rows already is not copied.
(b) A number that comes in parts, as scipy.sparse allows, is summed once, into a copy.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from cnn_core.sparse import SparseRows

from ..common.errors import count
from . import arrays
from .arrays import Array

Samples: TypeAlias = "Array | SparseRows"


class Encoder(Protocol):
    """What makes numbers of a table."""

    def transform(self, X: Any) -> Samples:
        """Return the rows as numbers."""


def read(X: Any, *, dtype: str, n_features: int | None = None, encoder: Encoder | None = None) -> Samples:
    """Return the samples as the core takes them, finite, sharing memory with `X` whenever that is possible.

    Parameters
    ----------
    X : array-like of shape (m, k), images, or a sparse matrix
        As for :func:`compiled_nn.arrays.design`; sparse is what has the method ``tocsr``.
    dtype : {"float32", "float64"}
        Dtype of the network: numbers beyond its range are refused.
    n_features : int, optional
        Columns that the network takes; any number of them when None.
    encoder : Tabular, optional
        What makes numbers of X first.

    Raises
    ------
    TypeError, ValueError
        When X cannot be used.
    """
    if encoder is not None:
        X = encoder.transform(X)
    if type(X) is np.ndarray or not (isinstance(X, SparseRows) or hasattr(X, "tocsr")):
        return arrays.design(X, dtype=dtype, n_features=n_features)
    rows = X if isinstance(X, SparseRows) else _sparse(X)
    arrays.check_shape(rows.shape, n_features)
    _check_finite(rows, dtype)
    return rows


def select(X: Samples, rows: Array) -> Samples:
    """Return copies of the rows of these numbers."""
    return X.select(rows) if isinstance(X, SparseRows) else X[rows]


def _sparse(X: Any) -> SparseRows:
    csr = X.tocsr()
    if len(csr.shape) != 2:
        raise ValueError(f"X has {count(len(csr.shape), 'dimension')}; expected 2.")
    try:
        rows = SparseRows(csr.indptr, _whole(csr.indices), arrays.floats(csr.data, "X"), csr.shape[1])
    except ValueError as error:
        raise ValueError(f"X is no sparse matrix of shape {csr.shape}: {error}.") from error
    if len(rows) != csr.shape[0]:
        raise ValueError(f"X is no sparse matrix of shape {csr.shape}: its indptr is for {len(rows)} rows.")
    return _summed(rows) if rows.has_duplicates() else rows


def _whole(indices: Array) -> Array:
    wanted = np.int32 if indices.dtype == np.int32 else np.int64
    return np.ascontiguousarray(indices, dtype=wanted)


def _summed(rows: SparseRows) -> SparseRows:
    """Return rows that have each column once; parts are summed in the order in which they are stored."""
    indptr, indices, data = [np.zeros(1, np.int64)], [], []
    for part in rows.blocks():
        row, column, number = rows.entries(part)
        place, which = np.unique(row * rows.shape[1] + column, return_inverse=True)
        sums = np.zeros(len(place), number.dtype)
        np.add.at(sums, which, number)
        ends = np.searchsorted(place, np.arange(1, part.stop - part.start + 1) * rows.shape[1])
        indptr.append(indptr[-1][-1] + ends)
        indices.append((place % rows.shape[1]).astype(rows.indices.dtype))
        data.append(sums)
    starts, columns, numbers = (np.concatenate(parts) for parts in (indptr, indices, data))
    return SparseRows(starts, columns, numbers, rows.shape[1])


def _check_finite(rows: SparseRows, dtype: str) -> None:
    used = rows.data[: rows.indptr[-1]]
    at = arrays.first_unusable(used, dtype)
    if at is not None:
        row = int(np.searchsorted(rows.indptr, at, "right")) - 1
        arrays.refuse(used[at], "X", dtype, row, int(rows.indices[at]))
