"""Columns of values that repeat: each distinct value once, and for each row its index.

Work that depends on a value, such as the look-up of a category or the reading of a date, is then done once for each
distinct value, and the rest are operations on arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import cells

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Coded:
    """Column (m,) of values that repeat.

    Attributes
    ----------
    codes : ndarray (m,) of int
        Index in `values` for each row; -1 for a missing value.
    values : list
        Values; some may be in no row, equal, or missing.
    """

    codes: Array
    values: list[Any]

    def __len__(self) -> int:
        return len(self.codes)

    def counts(self) -> Array:
        """Return the number of rows of each of the values."""
        codes = self.codes if not len(self) or self.codes.min() >= 0 else self.codes[self.codes >= 0]
        return np.bincount(codes, minlength=len(self.values))

    def present(self) -> list[Any]:
        """Return the values that are in a row and not missing."""
        counts = self.counts().tolist()
        return [
            value for value, n in zip(self.values, counts, strict=True) if n and not cells.is_missing(value)
        ]

    def mapped(self, results: Array, missing: Any) -> Array:
        """Return, for each row (m,), the item of `results` at its value, or `missing`."""
        table = np.empty(len(results) + 1, results.dtype)
        table[:-1], table[-1] = results, missing
        return table[self.codes]

    def objects(self) -> Array:
        """Return the value of each row (m,), None for missing ones."""
        return self.mapped(np.fromiter(self.values, object, len(self.values)), None)

    def row(self, condition: Callable[[Any], bool]) -> int:
        """Return the first row whose value meets the condition; there must be one."""
        hits = np.array([bool(condition(value)) for value in self.values], bool)
        return int(np.argmax(self.mapped(hits, False)))


def coded(column: Array | Coded, where: str = "X") -> Coded:
    """Return a column of text or objects by its distinct values; `where` is its place in errors.

    Raises
    ------
    TypeError
        If a value cannot be hashed.
    """
    if isinstance(column, Coded):
        return column
    try:
        return coded_values(column.tolist())
    except TypeError as error:
        raise TypeError(f"{where} holds values that are not categories: {error}.") from error


def coded_values(values: list[Any]) -> Coded:
    """Return a column of values, given one by one, by its distinct values."""
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return Coded(np.fromiter(map(codes.__getitem__, values), np.int64, len(values)), list(codes))


def objects(column: Array | Coded) -> Array:
    """Return a column as an array, that of :meth:`Coded.objects` if it is coded."""
    return column.objects() if isinstance(column, Coded) else column


def types(column: Array | Coded) -> set[type]:
    """Return the types of the values of a column of objects, except None."""
    return set(map(type, column.values if isinstance(column, Coded) else column.tolist())) - {type(None)}
