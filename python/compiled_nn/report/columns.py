"""Table of the columns: their types, missing values and ranges, and what the model makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data import cells, dataframes, rows
from ..data.arrays import Array
from ..preprocessing.columns import Categorical, LeftOut, Numeric
from ..preprocessing.dates import Date

HEAD = ("column", "type", "missing", "values", "in the model")
_MOST = 500  # columns in the table
_SHOWN = 3  # levels that are named


def describe(network: Any, X: Any) -> tuple[list[list[str]], str]:
    """Return one row of text for each column of X, and a note on columns that are not shown."""
    encoder = getattr(network, "encoder_", None)
    scaled = hasattr(network, "mean_")
    found = _columns(X)
    fitted = {} if encoder is None else {_key(column, i): column for i, column in enumerate(encoder.columns_)}
    table = []
    for i, (name, values) in enumerate(found[:_MOST]):
        column = fitted.get(name, fitted.get(str(i)))
        missing = _missing(values)
        share = f"{missing.mean():.1%}" if missing.any() else ""
        kind, made = _treatment(column, scaled)
        shown = (
            ""
            if isinstance(column, LeftOut) and column.kind == "constant"
            else _values(values[~missing], kind)
        )
        table.append([name, kind, share, shown, made])
    rest = len(found) - _MOST
    return table, f"{rest:,} further columns are not shown." if rest > 0 else ""


def _key(column: Any, i: int) -> str:
    return str(i) if column.name is None else str(column.name)


def _columns(X: Any) -> list[tuple[str, Array]]:
    X = rows.of(dataframes.opened(X))
    if dataframes.is_table(X):
        return [(str(name), np.asarray(values)) for name, values in dataframes.columns(X)]
    if hasattr(X, "tocsr"):
        return []
    flat = X.reshape(len(X), -1)
    return [(f"x{i}", flat[:, i]) for i in range(flat.shape[1])]


def _missing(values: Array) -> Array:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "M":
        return np.isnat(values)
    if values.dtype.kind == "O":
        return np.array([cells.is_missing(value) for value in values.tolist()], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def _treatment(column: Any, scaled: bool) -> tuple[str, str]:
    """Return the type of a column, and what the model makes of it."""
    marked = ", one more column marks them" if getattr(column, "indicator", False) else ""
    if isinstance(column, LeftOut):
        return column.kind, f"left out: {column.reason}"
    if isinstance(column, Date):
        return "date", f"{', '.join(column.parts)}{'; missing: their means' + marked if marked else ''}"
    if isinstance(column, Categorical):
        n = len(column.categories)
        rare = ", and one for rare levels" if column.rare else ""
        return "category", f"{n:,} column{'s' if n != 1 else ''} of 0 and 1{rare}"
    made = "scaled" if scaled else "as it is"
    filled = f"; missing: the mean{marked}" if isinstance(column, Numeric) and marked else ""
    return "number", made + filled


def _values(present: Array, kind: str) -> str:
    """Return the range of numbers and dates, or the number of levels and the most frequent ones."""
    if not len(present):
        return "none"
    if present.dtype.kind in "biufM" and kind in ("number", "date"):
        low, high = present.min(), present.max()
        if present.dtype.kind == "M":
            return f"{np.datetime_as_string(low, 'D')} to {np.datetime_as_string(high, 'D')}"
        return f"{low:g} to {high:g}"
    counts = Counter(_texts(present))
    if kind in ("identifier", "text"):
        return f"{len(counts):,} different"
    named = sorted(counts, key=lambda level: (-counts[level], level))[:_SHOWN]
    more = ", ..." if len(counts) > _SHOWN else ""
    return f"{len(counts):,}: {', '.join(named)}{more}"


def _texts(values: Array) -> Iterator[str]:
    """Yield values as text, without a copy of all of them."""
    if values.dtype.kind == "b":
        return ("true" if value else "false" for value in values.tolist())
    if values.dtype.kind == "M":
        values = np.datetime_as_string(values, "D")
    return (str(value) for value in values.tolist())
