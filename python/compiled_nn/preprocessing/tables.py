"""Tables and arrays of mixed columns, opened to read the columns that are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnn_core.sparse import SparseRows

from ..common.errors import count
from ..data import coded_columns, dataframes
from ..data.arrays import Array, advice_on_shape, as_array
from ..data.coded import Coded


class OpenTable(NamedTuple):
    """Table whose columns are read one by one.

    Attributes
    ----------
    names : sequence of str, or None
        Names of the columns; None if they are not text.
    n_columns : int
        Number of columns.
    column : callable
        Function from the index of a column to its values (m,).
    of_numbers : bool
        Whether it is an array whose dtype is not that of objects, so that the caller has decided what its columns are.
    """

    names: Sequence[str] | None
    n_columns: int
    column: Callable[[int], Array | Coded]
    of_numbers: bool = False


def open_table(X: Any) -> OpenTable:
    """Return a table or an array with its columns."""
    X = dataframes.opened(X)
    titles = dataframes.table_names(X)
    if titles is not None:
        names = dataframes.text_names(titles)
        table = OpenTable(names, len(titles), coded_columns.reader(X, titles))
    elif hasattr(X, "tocsr") or isinstance(X, SparseRows):
        raise TypeError(
            "X is sparse; categorical_features takes tables and dense arrays. Pass a dense array, such as X.toarray()."
        )
    else:
        # dtype=object, because NumPy would otherwise convert the numbers in lists with text to text.
        array = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else as_array(X, "X")
        if array.ndim == 1 and not array.size:
            array = array.reshape(0, 0)
        if array.ndim != 2:
            advice = advice_on_shape(X, array.ndim)
            raise ValueError(f"X has {count(array.ndim, 'dimension')}; expected 2.{advice}")
        if len(array) == 0:
            refuse_empty(0, array.shape[1])
        table = OpenTable(
            None, array.shape[1], lambda i: coded_columns.of_array(array[:, i]), array.dtype.kind != "O"
        )
    if table.n_columns == 0:
        refuse_empty(0, 0)
    return table


def refuse_empty(m: int, k: int) -> None:
    """Raise ValueError if a table (m, k) has no rows or no columns."""
    if m == 0 or k == 0:
        raise ValueError(f"X is empty: it has {count(m, 'row')} and {count(k, 'column')}.")


def where(i: int, names: Sequence[str] | None) -> str:
    """Return the place of a column for errors: its name, or its index."""
    return f"Column {i} of X" if names is None else f"X[{names[i]!r}]"
