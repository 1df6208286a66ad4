"""Values of single table columns: read as numbers, or counted as categories, with the errors for other values."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from ..data import arrays, cells, class_labels, column_types, dates
from ..data.arrays import Array
from ..data.coded import Coded, coded, objects
from ..data.counted import Counted

EXACT = 1 << 53  # the floats up to it have all whole numbers
_PLAIN = {int, float, bool, type(None)}


class NumberSums(NamedTuple):
    """Sums of a column of numbers, from which its encoder follows; those of several parts can be joined.

    Attributes
    ----------
    rows, present : int
        Number of rows, and of those whose number is not missing.
    total : float
        Sum of these numbers.
    """

    rows: int
    present: int
    total: float

    @classmethod
    def of(cls, column: Array | Coded, where: str, *, stated: bool) -> NumberSums:
        """Return those of a column (m,); the parameters are those of :meth:`Numeric.fit`."""
        reason = "it is not in categorical_features. Add it to them, or convert it to numbers."
        if stated:
            reason = (
                "column_types states that it has numbers. Convert it, for example with pandas.to_numeric."
            )
        refuse_others(column, where, reason)
        numbers = numbers_of(column, where)
        gaps = np.isnan(numbers)
        present = numbers[~gaps] if gaps.any() else numbers
        return cls(len(numbers), len(present), float(present.sum(dtype=np.float64)))

    @classmethod
    def missing(cls, rows: int) -> NumberSums:
        """Return those of a column in which all numbers are missing."""
        return cls(rows, 0, 0.0)

    def joined(self, other: NumberSums) -> NumberSums:
        """Return those of the rows of both columns."""
        with np.errstate(over="ignore"):
            total = float(np.float64(self.total) + other.total)
        return NumberSums(self.rows + other.rows, self.present + other.present, total)


def refuse_others(column: Array | Coded, where: str, reason: str) -> None:
    """Raise TypeError with the reason if a value of a column is text, or all of them are dates."""
    if dates.holds_dates(column):
        raise TypeError(f"{where} holds dates; {reason}")
    if column_types.holds_text(column):
        values = objects(column).tolist()
        row = next(i for i, value in enumerate(values) if isinstance(value, (str, bytes)))
        raise TypeError(f"{where} holds {plain(values[row])!r} in row {row}; {reason}")


def refuse_categories(column: Array | Coded, where: str) -> None:
    """Raise an error if a column of categories has a dtype of dates or time differences, or floats that were rounded.

    These are floats that may be other whole numbers, which would be another category.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "Mm":
        raise TypeError(
            f"{where} holds {cells.kind_of_array(column)}; categories are text, integers, booleans or finite numbers."
            " Convert it to text, or leave it out of the categories."
        )
    refuse_rounded(column, where)


def refuse_rounded(column: Array | Coded, where: str) -> None:
    """Raise ValueError for floats that may be other whole numbers, rounded: they would be another category."""
    values: list[Any] = column.values if isinstance(column, Coded) else column.tolist()
    large = (v for v in values if isinstance(v, (float, np.floating)) and EXACT <= abs(float(v)) < np.inf)
    value = next(large, None)
    if value is not None:
        row = column.row(lambda v: v is value) if isinstance(column, Coded) else values.index(value)
        raise rounded_error(where, value, f" in row {row}")


def rounded_error(where: str, value: Any, place: str = "") -> ValueError:
    """Return the error for a float that may be another whole number, rounded."""
    return ValueError(
        f"{where} holds {float(value)!r}{place}; a float beyond 2**53 may be a whole number that was rounded, and thus"
        " another category. Convert the column to text, or to integers without missing values."
    )


def count_values(column: Array | Coded, where: str) -> Counted:
    """Return the number of rows of each category (plain values) that is not missing."""
    counts = Counter[Any]()
    distinct = coded(column, where)
    for value, rows in zip(distinct.values, distinct.counts().tolist(), strict=True):
        if rows and not cells.is_missing(value):
            counts[plain(value)] += rows
    dtype = column.dtype if isinstance(column, np.ndarray) and column.dtype.kind in "biuf" else None
    return Counted(len(distinct), counts.total(), dict(counts), dtype)


def plain(value: Any) -> Any:
    """Return a number of NumPy, or of the modules decimal and fractions, as one of Python; other values unchanged."""
    if isinstance(value, (np.number, np.bool_, np.str_)):
        return value.item()
    if isinstance(value, (str, bytes, int, float)) or not hasattr(value, "as_integer_ratio"):
        return value
    if hasattr(value, "is_finite") and not value.is_finite():
        return float(value)
    return int(value) if value == int(value) else float(value)


def numbers_of(column: Array | Coded, where: str) -> Array:
    """Return a column of numbers with NaN in place of None; raise an error for other values and for infinity."""
    column = objects(column)
    if column.dtype.kind == "O":
        values = column.tolist()
        if set(map(type, values)) <= _PLAIN:
            values = [np.nan if value is None else value for value in values]
        else:
            values = [np.nan if cells.is_missing(value) else plain(value) for value in values]
        column = np.array(values, dtype=object)
    numbers = arrays.real(column, where)
    if np.isinf(numbers).any():
        raise ValueError(f"{where} contains infinity: row {int(np.argmax(np.isinf(numbers)))}.")
    return numbers


def check_categories(categories: list[Any], where: str) -> None:
    """Raise an error for categories that cannot be sorted, or that cannot be stored in a file."""
    texts = sum(isinstance(category, str) for category in categories)
    if 0 < texts < len(categories):
        raise TypeError(f"{where} mixes text with other categories; all must be of one type.")
    for category in categories:
        if not isinstance(category, (str, int, float)) or category in (np.inf, -np.inf):
            raise TypeError(
                f"{where} holds {category!r}; categories are text, integers, booleans or finite numbers."
            )
        if isinstance(category, str) and len(category) > class_labels.LONGEST:
            raise ValueError(
                f"{where} has a category of {len(category)} characters; the longest allowed has"
                f" {class_labels.LONGEST}."
            )
