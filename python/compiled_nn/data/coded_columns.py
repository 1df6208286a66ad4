"""Columns of tables in the form in which they are encoded: text and categories by their distinct values.

Each library finds the distinct values itself: pandas by `factorize`, Arrow by `dictionary_encode`, polars by a cast to
an Enum. For arrays of objects a dict does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from . import dataframes
from .coded import Array, Coded, coded_values

_PLAIN = {int, float, bool, type(None)}
_EXACT = {frozenset({float}): np.float64, frozenset({int}): np.int64, frozenset({bool}): np.bool_}
_FEW = 32  # rows up to which values are read one by one, which is faster than a call of the library
_ARROW_TEXT = ("string", "large_string", "string_view")


Column: TypeAlias = "Array | Coded"


def reader(X: Any, names: Sequence[Any]) -> Callable[[int], Column]:
    """Return the function from the index of a column of a table, which is opened, to its values (m,).

    The function raises a TypeError if a cell of the column has several values.
    """
    if hasattr(X, "iloc"):
        series = [column for _, column in X.items()]
        return lambda i: _checked(names[i], _read_pandas(series[i]))
    if hasattr(X, "get_column"):
        return lambda i: _checked(names[i], _read_polars(X.get_column(names[i])))
    return lambda i: _checked(names[i], _read_other(X.column(i)))


def _checked(name: Any, column: Column) -> Column:
    dataframes.check_cells(f"X[{name!r}]", column)
    return column


def of_array(array: Array) -> Column:
    """Return an array (m,) of objects or text by its distinct values; any other unchanged.

    Objects that are all float or missing, all int, or all bool become an array of numbers. Others that are all numbers,
    or that cannot be hashed, are returned unchanged.
    """
    if array.dtype.kind not in "OUST":
        return array
    values = array.tolist()
    text = len(values) > 0 and isinstance(values[0], str)  # then the types of other values need not be known
    kinds = set() if text else set(map(type, values))
    if kinds and kinds <= _PLAIN:
        exact = _EXACT.get(frozenset(kinds - {type(None)} if float in kinds else kinds))
        try:
            return array if exact is None else np.array(values, exact)
        except OverflowError:  # an integer beyond the range of int64
            return array
    try:
        return coded_values(values)
    except TypeError:
        return array


def _read_pandas(column: Any) -> Column:
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind not in "OUS":
        return np.asarray(column)
    text = getattr(dtype, "kind", "") in "OUS" or hasattr(dtype, "categories")
    if len(column) > _FEW and text and not str(dtype).startswith("period"):
        with suppress(TypeError, NotImplementedError):  # a value without a hash
            codes, values = column.factorize()
            return Coded(codes, values.tolist())
    return of_array(dataframes.as_column(column))


def _read_polars(column: Any) -> Column:
    found = _of_polars(column) if len(column) > _FEW and hasattr(column, "to_physical") else None
    return of_array(dataframes.as_column(column)) if found is None else found


def _read_other(column: Any) -> Column:
    found = _of_arrow(column) if len(column) > _FEW and hasattr(column, "dictionary_encode") else None
    return of_array(dataframes.as_column(column)) if found is None else found


def _of_polars(column: Any) -> Coded | None:
    kind = str(column.dtype).partition("(")[0]
    if kind not in ("String", "Categorical", "Enum"):
        return None
    polars = sys.modules["polars"]
    levels = column.drop_nulls().unique()
    texts = levels.cast(polars.String)
    if kind == "String":
        codes = column.cast(polars.Enum(texts)).to_physical()
        return Coded(codes.cast(polars.Int64).fill_null(-1).to_numpy(), texts.to_list())
    physical = levels.to_physical().to_numpy()
    order = np.argsort(physical)
    present = column.is_not_null().to_numpy()
    given = column.to_physical().fill_null(0).to_numpy().astype(np.int64)
    codes = order[np.searchsorted(physical[order], given) % max(len(order), 1)] if len(order) else given
    return Coded(np.where(present, codes, -1), texts.to_list())


def _of_arrow(column: Any) -> Coded | None:
    kind = column.type
    if not hasattr(kind, "index_type"):
        if str(kind) not in _ARROW_TEXT:
            return None
        column = column.dictionary_encode()
    parts = getattr(column, "chunks", [column])
    if len(parts) > 1:
        parts = column.unify_dictionaries().chunks
    if not parts:
        return Coded(np.empty(0, np.int64), [])
    codes = [part.indices.fill_null(-1).to_numpy(zero_copy_only=False) for part in parts]
    return Coded(codes[0] if len(codes) == 1 else np.concatenate(codes), parts[0].dictionary.to_pylist())
