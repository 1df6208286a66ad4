"""Selection and concatenation of rows of arrays, tables, columns and sparse matrices, which keep their type.

The libraries are recognised by the methods of their objects, so that none of them is imported: pandas by `iloc`, polars
by `gather` (columns) and `get_column` (frames), Arrow by `take` together with `column_names` or `type`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import dataframes, records
from .arrays import Array, as_array
from .table import Table


def _is_arrow(X: Any) -> bool:
    return hasattr(X, "take") and (hasattr(X, "column_names") or hasattr(X, "type"))


def of(X: Any, name: str = "X") -> Any:
    """Return X itself if its library has rows to take; dicts and other tables as a Table, and others as an array.

    `name` is the name of X in errors.
    """
    if type(X) is np.ndarray:
        return X
    if name == "X" and (isinstance(X, records.Records) or records.is_records(X)):
        return Table(dict(dataframes.columns(X)))
    if any(hasattr(X, method) for method in ("iloc", "gather", "get_column", "tocsr")) or _is_arrow(X):
        return X
    return (
        as_array(X, name) if dataframes.table_names(X) is None else Table(dict(dataframes.columns(X, name)))
    )


def shape(X: Any) -> tuple[int, ...]:
    """Return the shape of the result of :func:`of`."""
    return tuple(X.shape) if hasattr(X, "shape") else (len(X),)


def take(X: Any, indices: Array) -> Any:
    """Return a copy of the rows with these indices (n,), of the same type as X, the result of :func:`of`."""
    if isinstance(X, np.ndarray):
        return X[indices]
    if hasattr(X, "iloc"):
        return X.iloc[indices]
    if hasattr(X, "tocsr"):
        return X.tocsr()[indices]
    return X.take(indices) if _is_arrow(X) else X[indices]


def concatenate(parts: list[Any]) -> Any:
    """Return the rows of all parts, which are of one type, as one object of this type."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, Table):
        return Table.concatenate(parts)
    library = sys.modules[type(first).__module__.partition(".")[0]]
    if hasattr(first, "tocsr"):
        return sys.modules["scipy.sparse"].vstack(parts, format="csr")
    if not _is_arrow(first):
        return library.concat(parts)
    if hasattr(first, "column_names"):
        return library.concat_tables(parts)
    return library.chunked_array([chunk for part in parts for chunk in getattr(part, "chunks", [part])])


def names(X: Any) -> tuple[str, ...]:
    """Return the column names of a table as text; () if it has none."""
    return tuple(map(str, X.column_names if hasattr(X, "column_names") else getattr(X, "columns", ())))
