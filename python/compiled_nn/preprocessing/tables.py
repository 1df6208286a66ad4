"""Tables and arrays of mixed columns, as columns with their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_core.sparse import SparseRows

from ..common.errors import count
from ..data import dataframes
from ..data.arrays import Array, advice_on_shape, as_array


def read_table(X: Any) -> tuple[Sequence[str] | None, list[Array]]:
    """Return the column names, or None if they are not text, and the columns (m,)."""
    X = dataframes.opened(X)
    if dataframes.is_table(X):
        names = dataframes.feature_names(X)
        table = [column for _, column in dataframes.columns(X)]
    elif hasattr(X, "tocsr") or isinstance(X, SparseRows):
        raise TypeError("X is sparse; categorical_features takes tables and dense arrays.")
    else:
        # dtype=object, because NumPy would otherwise convert the numbers in lists with text to text.
        array = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else as_array(X, "X")
        if array.ndim != 2:
            advice = advice_on_shape(X, array.ndim)
            raise ValueError(f"X has {count(array.ndim, 'dimension')}; expected 2.{advice}")
        names, table = None, list(array.T)
    if not table or len(table[0]) == 0:
        rows = len(table[0]) if table else 0
        raise ValueError(f"X is empty: it has {count(rows, 'row')} and {count(len(table), 'column')}.")
    return names, table


def where(i: int, names: Sequence[str] | None) -> str:
    """Return the place of a column for errors: its name, or its index."""
    return f"Column {i} of X" if names is None else f"X[{names[i]!r}]"
