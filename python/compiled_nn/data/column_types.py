"""Types of the columns of a table, inferred from their values.

number      numbers, which are scaled
category    text or other values with few levels, which are encoded one by one
date        dates and times, which are encoded by their parts
identifier  all different: names a row and says nothing about others; left out
constant    one value in every row; left out
text        text of many levels; left out
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from . import cells
from .arrays import Array

Word: TypeAlias = Literal["number", "category", "date", "ignore"]  # what a user may say of a column
Kind: TypeAlias = Literal["number", "category", "date", "identifier", "constant", "text"]

WORDS: tuple[Word, ...] = ("number", "category", "date", "ignore")
_USED = ("number", "category", "date")
_FEWEST_ROWS = 50  # with fewer rows, columns whose values all differ are not taken for identifiers
_MANY = 0.5  # share of the rows; text with more levels is free text
_IDENTIFIER = re.compile(
    r"(^|[\W_])(id|key|index|idx|uuid|guid)($|[\W_])|(?<=[a-z])(ID|Id|Key|Index)$", re.IGNORECASE
)


class ColumnType(NamedTuple):
    """Type of a column.

    Attributes
    ----------
    kind : {"number", "category", "date", "identifier", "constant", "text"}
        Type.
    reason : str
        Reason for which the column is left out; "" if it is used.
    """

    kind: Kind
    reason: str = ""

    @property
    def used(self) -> bool:
        """Whether a network learns from the column."""
        return self.kind in _USED


def infer(column: Array, name: Any = None) -> ColumnType:
    """Return the type of a column (m,); `name` is its name, None if it has none."""
    present = _present(column)
    texts = present.dtype.kind in "OUST"
    kind: Kind = "date" if present.dtype.kind == "M" else "category" if texts else "number"
    if len(present) in (0, len(column)):
        levels = len(set(present.tolist())) if texts else len(np.unique(present))
        if levels <= 1:
            return ColumnType(
                "constant", "it has the same value in every row" if levels else "it has no values"
            )
    elif kind != "category":
        return ColumnType(kind)
    else:
        levels = len(set(present.tolist()))
    m = len(column)
    if kind == "date" or m < _FEWEST_ROWS:
        return ColumnType(kind)
    if levels == m and (texts or _names_rows(present, name)):
        return ColumnType("identifier", "its values are all different")
    if texts and levels > _MANY * m:
        return ColumnType("text", f"it is text with {levels:,} levels in {m:,} rows")
    return ColumnType(kind)


def _present(column: Array) -> Array:
    """Return the values that are not missing, as numbers if all are."""
    if column.dtype.kind in "fM":
        return column[~np.isnan(column)] if column.dtype.kind == "f" else column[~np.isnat(column)]
    if column.dtype.kind != "O":
        return column
    values = [value for value in column.tolist() if not cells.is_missing(value)]
    if all(isinstance(value, (int, float, np.number)) for value in values):
        return np.array(values)
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _names_rows(numbers: Array, name: Any) -> bool:
    """Whether different numbers are whole, and evenly spaced in row order or named like an identifier."""
    if numbers.dtype.kind not in "iu" and not (
        numbers.dtype.kind == "f" and (numbers == np.rint(numbers)).all()
    ):
        return False
    if isinstance(name, str) and _IDENTIFIER.search(name):
        return True
    return len(np.unique(np.diff(numbers))) == 1
