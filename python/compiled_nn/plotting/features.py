"""One column of the rows of a picture: its name, its values, and copies of the rows with other values in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..common.errors import count, did_you_mean
from ..data import arrays, dataframes, dates, records, rows
from ..data.arrays import Array
from ..data.table import Table


class Column(NamedTuple):
    """Column of an array or a table.

    Attributes
    ----------
    name : str
        Name; "x3" for the column 3 of an array.
    place : int
        Index in the array or table.
    values : ndarray (m,)
        Values.
    """

    name: str
    place: int
    values: Array


def opened(X: Any) -> Any:
    """Return X as a matrix or a table whose columns can be replaced; images become rows of their numbers."""
    X = rows.of(dataframes.opened(X))
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return X.reshape(len(X), -1)
    return X.toarray() if hasattr(X, "tocsr") else X


def find(X: Any, name: str | int) -> Column:
    """Return the column of X with a name or an index.

    Raises
    ------
    KeyError
        If the table has no column of this name.
    ValueError
        If there is no column with this index.
    """
    X = opened(X)
    names = rows.names(X)
    n = len(names) or rows.shape(X)[1]
    if str(name) in names and not (isinstance(name, int) and dataframes.feature_names(X) is not None):
        i = names.index(str(name))
    elif isinstance(name, str):
        hint = did_you_mean(name, names) if names else " X is an array; pass the index of a column."
        raise KeyError(f"No column is named {name!r}.{hint}")
    elif 0 <= name < n:
        i = int(name)
    else:
        raise ValueError(f"column is {name}; X has {count(n, 'column')}, counted from 0.")
    if names:
        return Column(names[i], i, _typed(dataframes.columns(X)[i][1], f"X[{names[i]!r}]"))
    return Column(f"x{i}", i, _typed(arrays.as_array(X, "X")[:, i], f"Column {i} of X"))


def _typed(values: Array, where: str) -> Array:
    """Return values with the dtype of numbers or dates if they are objects of one of these kinds."""
    if values.dtype.kind != "O":
        return values
    return dates.read(values, where) if dates.holds_dates(values) else records.typed(values.tolist())


def dated(net: Any, column: Column) -> Column:
    """Return a column with dates in place of text, if the encoder of a network takes its text as dates."""
    if kind_of(net, column) != "date" or column.values.dtype.kind == "M":
        return column
    return column._replace(values=dates.read(column.values, f"X[{column.name!r}]"))


def kind_of(net: Any, column: Column) -> str:
    """Return the type of a column in the encoder of a network; "" if it has no encoder."""
    network = getattr(net, "network_", net)
    types = getattr(getattr(network, "encoder_", None), "column_types_", {})
    found = types.get(column.name, types.get(column.place))
    return "" if found is None else str(found.kind)


def replaced(X: Any, column: Column, value: Any) -> Any:
    """Return a copy of X, the result of :func:`opened`, whose column has the same value in every row."""
    if not rows.names(X):
        copy = np.array(X, dtype=np.result_type(X, np.float64) if X.dtype.kind in "biu" else None)
        copy[:, column.place] = value
        return copy
    values = np.full(len(column.values), value, dtype=column.values.dtype)
    if hasattr(X, "isetitem"):
        frame = X.copy()
        frame.isetitem(column.place, values)
        return frame
    found = dataframes.columns(X)
    return Table({name: values if i == column.place else old for i, (name, old) in enumerate(found)})


def numbers_or_dates(column: Column) -> Array:
    """Return the values of a column of numbers or dates; raise ValueError for one of any other kind."""
    values = column.values
    if values.dtype.kind not in "biufM":
        raise ValueError(
            f"The column {column.name!r} has {values.dtype} values; the rows are sorted by numbers or dates."
        )
    return values
