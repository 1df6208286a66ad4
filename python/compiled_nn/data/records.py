"""Tables in the form of Python objects: a list of dicts, one dict for a row, or a dict of columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from ..common.errors import count

Array = np.ndarray[Any, np.dtype[Any]]

_NONE = type(None)
_MISSING = ("NAType", "NaTType")  # of pandas, which is not imported here


class Records:
    """Table made of dicts, in which the order of the columns has no meaning.

    Parameters
    ----------
    columns : dict
        Values of each column (m,) by its name.
    """

    def __init__(self, columns: dict[Any, Array]) -> None:
        self.column_names = list(columns)
        self._columns = list(columns.values())

    def __len__(self) -> int:
        return len(self._columns[0]) if self._columns else 0

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return len(self), len(self._columns)

    def column(self, i: int) -> Array:
        """Return the column with the index `i`."""
        return self._columns[i]


def is_records(X: Any) -> bool:
    """Whether X is a dict, or a list or tuple that begins with one; tables and sparse matrices are none."""
    if type(X) in (list, tuple):
        return bool(X) and isinstance(X[0], Mapping)
    return type(X) is dict or (
        isinstance(X, Mapping) and not hasattr(X, "column_names") and not hasattr(X, "tocsr")
    )


def read(X: Any, name: str = "X") -> Records:
    """Return dicts as a table.

    The columns of a list of dicts are all its keys, in the order in which they first occur; a value is missing where a
    dict lacks the key. A dict is one row if its values are single values, and a table if all of them are columns.

    Parameters
    ----------
    X : dict, or list of dict
        Rows.
    name : str, default "X"
        Name of X in errors.

    Raises
    ------
    TypeError
        If an item of the list is not a dict, or a dict has single values and columns.
    ValueError
        If the columns of a dict have different numbers of rows.
    """
    if isinstance(X, Mapping):
        return Records(_of_dict(X, name))
    keys = dict.fromkeys(key for row in X if isinstance(row, Mapping) for key in row)
    for i, row in enumerate(X):
        if not isinstance(row, Mapping):
            raise TypeError(
                f"{name}[{i}] is of the type {type(row).__name__}, and {name}[0] is a dict. Pass one dict for each row."
            )
    return Records({key: typed([row.get(key) for row in X]) for key in keys})


def _of_dict(X: Mapping[Any, Any], name: str) -> dict[Any, Array]:
    columns = [key for key, value in X.items() if _is_column(value)]
    if not columns:
        for key, value in X.items():
            if isinstance(value, Mapping):
                raise TypeError(
                    f"{name}[{key!r}] is a dict. Pass one dict for each row, or one list for each column, such as"
                    " df.to_dict('records') and df.to_dict('list') of a data frame."
                )
        return {key: typed([value]) for key, value in X.items()}
    single = [key for key in X if key not in set(columns)]
    if single:
        raise TypeError(
            f"{name} is a dict with a column, {columns[0]!r}, and a single value, {single[0]!r}. Pass a dict of single"
            " values for one row, or a dict of columns for a table."
        )
    found = {key: typed(list(v)) if isinstance(v, (list, tuple)) else v for key, v in X.items()}
    first = columns[0]
    for key, values in found.items():
        if len(values) != len(found[first]):
            raise ValueError(
                f"{name}[{key!r}] has {count(len(values), 'row')}; {name}[{first!r}] has {len(found[first])}."
            )
    return found


def _is_column(value: Any) -> bool:
    if isinstance(value, (str, bytes, Mapping)):
        return False
    return isinstance(value, (list, tuple)) or (hasattr(value, "__len__") and getattr(value, "ndim", 1) > 0)


def typed(values: list[Any]) -> Array:
    """Return single values as an array: numbers with NaN, dates with NaT, and others as objects, with None."""
    kinds = set(map(type, values))
    if np.ndarray in kinds:  # a single value may be an array without dimensions
        values = [v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v for v in values]
        kinds = set(map(type, values))
    gaps = {kind for kind in kinds if kind.__name__ in _MISSING}
    if gaps:
        values, kinds = [None if type(value) in gaps else value for value in values], kinds - gaps | {_NONE}
    present = kinds - {_NONE}
    missing = len(present) < len(kinds)
    try:
        if present and all(issubclass(kind, (int, float, np.number)) for kind in present - {bool}):
            if bool not in present:
                whole = not missing and all(issubclass(kind, (int, np.integer)) for kind in present)
                return np.array(values, np.int64 if whole else np.float64)
            if kinds == {bool}:
                return np.array(values)
        elif present and all(issubclass(kind, (date, np.datetime64)) for kind in present):
            zones = any(getattr(value, "tzinfo", None) for value in values)
            from . import dates  # imported here to keep `import compiled_nn` fast

            plain = not zones and (np.datetime64 not in present or dates.in_range(values))
            return np.array(values, dates.UNIT) if plain else np.fromiter(values, object)
    except OverflowError:
        return np.fromiter(values, object)  # an integer beyond the range of int64 or float64
    return np.fromiter(values, object)  # which may be lists: their error names row and column
