"""Dense and sparse samples in the form that the core reads.

(a) Sparse input is any object with a method `tocsr`, such as the matrices and arrays of scipy.sparse. It is never
    expanded to a dense matrix as a whole: the core expands the rows of one chunk at a time. A CSR matrix of floats is
    not copied.
(b) Duplicate entries, which scipy.sparse allows, are summed once, into a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import clock
from ..common.errors import count
from . import arrays, dataframes
from .arrays import Array

Samples: TypeAlias = "Array | SparseRows"
TOGETHER = 1 << 20  # numbers of the rows that are computed together, where all of them would take much memory


class Reader(Protocol):
    """Description of the inputs of a network, such as :class:`compiled_nn.artefact.inputs.Inputs`."""

    def read(self, X: Any) -> Samples:
        """Return the rows, converted for the core."""


class Encoder(Protocol):
    """Encoder of tables, such as :class:`compiled_nn.preprocessing.Tabular`."""

    def transform(self, X: Any) -> Samples:
        """Return the encoded rows."""

    def get_feature_names_out(self) -> Array:
        """Return the names of the encoded columns."""


def read(X: Any, *, dtype: str, n_features: int | None = None, encoder: Encoder | None = None) -> Samples:
    """Return finite samples in the form that the core reads, sharing memory with `X` if possible.

    Parameters
    ----------
    X : array-like of shape (m, k), images, or a sparse matrix
        Samples. Array-likes and images are read by :func:`arrays.design`; an object with a method ``tocsr`` is read
        as a sparse matrix.
    dtype : {"float32", "float64"}
        Dtype of the network; numbers beyond its range are rejected.
    n_features : int, optional
        Number of columns that the network takes. Default: any number.
    encoder : Tabular, optional
        Fitted encoder that is applied to X first.

    Returns
    -------
    ndarray or SparseRows (m, k)

    Raises
    ------
    TypeError, ValueError
        If X is not a matrix of finite real numbers, or has another number of columns.
    """
    title = None
    if encoder is not None:
        X = encoder.transform(X)
        title = _titles(encoder)
    if type(X) is np.ndarray or not (isinstance(X, SparseRows) or hasattr(X, "tocsr")):
        return arrays.design(X, dtype=dtype, n_features=n_features, title=title)
    rows = X if isinstance(X, SparseRows) else _sparse(X)
    arrays.check_shape(rows.shape, n_features)
    _check_finite(rows, dtype, title or int)
    return rows


def plain(X: Any) -> Any:
    """Return array-likes as an ndarray, sharing memory with `X` if possible; tables and sparse matrices unchanged."""
    if type(X) is np.ndarray or isinstance(X, SparseRows) or hasattr(X, "tocsr") or dataframes.is_table(X):
        return X
    return arrays.as_array(X, "X")


def stated_rows(a: Any, ndim: int) -> int | None:
    """Return the number of rows that an array, a table or a list states, without reading it.

    None if it states none, or has fewer than `ndim` dimensions.
    """
    shape = getattr(a, "shape", None)
    if isinstance(shape, tuple):
        return shape[0] if len(shape) >= ndim and isinstance(shape[0], int) else None
    if type(a) not in (list, tuple) or not a:
        return None
    return len(a) if ndim == 1 or isinstance(a[0], (list, tuple, dict, np.ndarray)) else None


def check_lengths(X: Any, **others: Any) -> None:
    """Raise ValueError if X and others with one item per row state different numbers of rows; nothing is read.

    The names of the others are those in the message; None is skipped.
    """
    m = stated_rows(X, 2)
    for name, other in others.items():
        n = stated_rows(other, 1)
        if m and n and m != n:
            arrays.check_rows(range(m), range(n), y_name=name)


def between(X: Samples, start: int, stop: int) -> Samples:
    """Return the rows start, ..., stop - 1, without a copy of their numbers."""
    if not isinstance(X, SparseRows):
        return X[start:stop]
    first, last = int(X.indptr[start]), int(X.indptr[stop])
    indptr = X.indptr[start : stop + 1] - first
    return SparseRows(indptr, X.indices[first:last], X.data[first:last], X.shape[1])


def parts(X: Samples, width: int) -> Iterator[slice]:
    """Yield slices of rows, which have about `TOGETHER` numbers if each row has `width` of them."""
    height = max(1, TOGETHER // width)
    for start in range(0, len(X), height):
        yield slice(start, min(start + height, len(X)))


def select(X: Samples, rows: Array) -> Samples:
    """Return a copy of the rows with the indices `rows`."""
    return X.select(rows) if isinstance(X, SparseRows) else X[rows]


def concatenated(parts: Sequence[Samples]) -> Samples:
    """Return the rows of several parts, which are all sparse or all dense, as one."""
    if len(parts) == 1:
        return parts[0]
    dense = [X for X in parts if isinstance(X, np.ndarray)]
    if dense:
        return np.concatenate(dense)
    sparse = [X for X in parts if isinstance(X, SparseRows)]
    ends = [int(X.indptr[-1]) for X in sparse]
    starts = np.cumsum([0, *ends])
    indptr = [X.indptr[1:] + start for X, start in zip(sparse, starts[:-1], strict=True)]
    return SparseRows(
        np.concatenate([[0], *indptr]),
        np.concatenate([X.indices[:end] for X, end in zip(sparse, ends, strict=True)]),
        np.concatenate([X.data[:end] for X, end in zip(sparse, ends, strict=True)]),
        sparse[0].shape[1],
    )


def _sparse(X: Any) -> SparseRows:
    csr = X.tocsr()
    if len(csr.shape) != 2:
        raise ValueError(f"X has {count(len(csr.shape), 'dimension')}; expected 2.")
    try:
        rows = SparseRows(
            csr.indptr, _whole(csr.indices), arrays.floats(csr.data, "X"), csr.shape[1], clock.check
        )
    except ValueError as error:
        raise ValueError(f"X is not a sparse matrix of shape {csr.shape}: {error}.") from error
    if len(rows) != csr.shape[0]:
        raise ValueError(
            f"X is not a sparse matrix of shape {csr.shape}: its indptr is for {len(rows)} rows."
        )
    return _summed(rows) if rows.has_duplicates(clock.check) else rows


def aligned(X: Samples) -> Samples:
    """Return rows whose arrays are aligned, as the core needs them; in a message of another process they may not be."""
    if isinstance(X, np.ndarray):
        return np.require(X, requirements=["A"])
    if X.indices.flags.aligned and X.data.flags.aligned and X.indptr.flags.aligned:
        return X
    return SparseRows(X.indptr, X.indices.copy(), X.data.copy(), X.shape[1])


def _whole(indices: Array) -> Array:
    dtype = np.int32 if indices.dtype == np.int32 else np.int64
    return np.require(indices, dtype, ["C", "A"])


def _summed(rows: SparseRows) -> SparseRows:
    """Return the rows with duplicate entries summed, in the order in which they are stored."""
    indptr, indices, data = [np.zeros(1, np.int64)], [], []
    for part in rows.blocks():
        clock.check()
        row, column, number = rows.entries(part)
        keys, which = np.unique(row * rows.shape[1] + column, return_inverse=True)
        sums = np.zeros(len(keys), number.dtype)
        np.add.at(sums, which, number)
        ends = np.searchsorted(keys, np.arange(1, part.stop - part.start + 1) * rows.shape[1])
        indptr.append(indptr[-1][-1] + ends)
        indices.append((keys % rows.shape[1]).astype(rows.indices.dtype))
        data.append(sums)
    starts, columns, numbers = (np.concatenate(parts) for parts in (indptr, indices, data))
    return SparseRows(starts, columns, numbers, rows.shape[1])


def _titles(encoder: Encoder) -> arrays.Title:
    return lambda i: str(encoder.get_feature_names_out()[i])


def _check_finite(rows: SparseRows, dtype: str, title: arrays.Title) -> None:
    used = rows.data[: rows.indptr[-1]]
    at = arrays.first_unusable(used, dtype)
    if at is not None:
        row = int(np.searchsorted(rows.indptr, at, "right")) - 1
        arrays.refuse(used[at], "X", dtype, row, title(int(rows.indices[at])))
