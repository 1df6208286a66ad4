"""Encoders of single table columns: numeric columns with missing values, categorical columns, and those left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any, TypeAlias

import numpy as np

from ..common import checks
from ..common.text import printable
from ..data import arrays, cells, class_labels, column_types, dates
from ..data.arrays import Array
from ..data.coded import Coded, coded, objects
from ..data.column_types import ColumnType
from .dates import MISSING, Date

_SHOWN, _LONGEST_SHOWN = 4, 20  # categories in a repr, and their characters
_OTHER = -2  # code of values that need a closer look: missing, unknown, or of another type
EXACT = 1 << 53  # the floats up to it have all whole numbers
_PLAIN_NUMBERS = {int, float, bool, type(None)}


@dataclass(frozen=True)
class Numeric:
    """Fitted encoder of a numeric column.

    Attributes
    ----------
    name : str or None
        Name of the column; None if the table has no names.
    mean : float
        Mean of the numbers that are not missing, which replaces missing numbers; 0 if all are missing.
    indicator : bool
        Whether the result has a second column, which is 1 for rows with a missing number. True if numbers were missing
        during fit.
    """

    name: str | None
    mean: float
    indicator: bool

    @classmethod
    def fit(cls, column: Array | Coded, name: str | None, where: str, *, stated: bool = False) -> Numeric:
        """Return an encoder fitted on a column (m,); `where` names the column in errors.

        `stated` is whether `column_types` states that the column has numbers.
        """
        reason = "it is not in categorical_features. Add it to them, or convert it to numbers."
        if stated:
            reason = (
                "column_types states that it has numbers. Convert it, for example with pandas.to_numeric."
            )
        _refuse_others(column, where, reason)
        numbers = _numbers(column, where)
        gaps = np.isnan(numbers)
        mean = numbers[~gaps].mean(dtype=np.float64) if not gaps.all() else 0.0
        return cls(name, float(mean), bool(gaps.any()))

    def fill(self, column: Array | Coded, where: str) -> tuple[Array, Array]:
        """Return the numbers (m,) with missing ones replaced by the mean, and a boolean mask (m,) of the missing ones.

        The numbers have one of the dtypes in `arrays.CORE_DTYPES`.
        """
        _refuse_others(
            column,
            where,
            "during fit it held only numbers. Convert it to numbers, or fit a new model with it in"
            " categorical_features.",
        )
        numbers = _numbers(column, where)
        gaps = np.isnan(numbers)
        return np.where(gaps, numbers.dtype.type(self.mean), numbers) if gaps.any() else numbers, gaps

    @property
    def n_numbers(self) -> int:
        """Number of columns of the result besides the indicator."""
        return 1

    @property
    def column_type(self) -> ColumnType:
        """Type of the column."""
        return ColumnType("number")

    @property
    def details(self) -> str:
        """Fitted values, for a repr."""
        return f"mean {self.mean:.4g}{MISSING if self.indicator else ''}"

    def to_config(self) -> dict[str, Any]:
        """Return the encoder as a JSON-serialisable dict."""
        return {"name": self.name, "mean": self.mean, "indicator": self.indicator}


@dataclass(frozen=True)
class Categorical:
    """Fitted one-hot encoder of a categorical column.

    Attributes
    ----------
    name : str or None
        Name of the column; None if the table has no names.
    categories : tuple of str, or of numbers
        Sorted categories, each of which becomes one column.
    rare : bool
        Whether the result has one more column, for rare and unknown categories.
    """

    name: str | None
    categories: tuple[Any, ...]
    rare: bool

    @property
    def width(self) -> int:
        """Number of columns of the result."""
        return len(self.categories) + self.rare

    @classmethod
    def fit(
        cls, column: Array | Coded, name: str | None, where: str, min_frequency: float | None
    ) -> Categorical:
        """Return an encoder fitted on a column (m,).

        Categories that occur in fewer rows than `min_frequency`, or in a smaller share of the rows if it is below 1,
        are rare. `where` names the column in errors.
        """
        _refuse_dates(column, where)
        _refuse_rounded(column, where)
        counts = _counts(column, where)
        _check_categories(list(counts), where)
        least: float = min_frequency or 0
        if 0 < least < 1:
            least *= len(column)
        frequent = sorted(category for category, rows in counts.items() if rows >= least)
        return cls(name, tuple(frequent), rare=len(frequent) < len(counts))

    @cached_property
    def _codes(self) -> dict[Any, int]:
        """Code of each category."""
        return {category: code for code, category in enumerate(self.categories)}

    @property
    def has_large(self) -> bool:
        """Whether a category is an integer that may be rounded in a column of floats."""
        ends = (self.categories[0], self.categories[-1]) if self.categories else ()
        return any(isinstance(end, int) and abs(end) >= EXACT for end in ends)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields, without the table of codes, for copies and pickles."""
        return {field: value for field, value in vars(self).items() if field != "_codes"}

    def codes(self, column: Array | Coded, where: str) -> Array:
        """Return, for each row (m,), the index of the result column that is 1; -1 if none is."""
        if self.has_large:
            _refuse_rounded(column, where)
        if isinstance(column, Coded):
            return column.mapped(self._codes_of(column.values, where), -1)
        return self._codes_of(column.tolist(), where)

    def _codes_of(self, values: list[Any], where: str) -> Array:
        """Return the code of each of some values; the values that are not categories need a closer look."""
        try:
            codes = np.fromiter(map(self._codes.get, values, repeat(_OTHER)), np.int64, len(values))
        except TypeError as error:  # a value without a hash
            raise _not_categories(where, values, error) from error
        (others,) = np.nonzero(codes == _OTHER)
        seen: dict[Any, int] = {None: -1}
        for place in others.tolist():
            value = values[place]
            if value not in seen:
                seen[value] = self._code_of_other(value, where)
            codes[place] = seen[value]
        return codes

    def _code_of_other(self, value: Any, where: str) -> int:
        """Return the code of a value that is not among the keys of the table of codes."""
        if cells.is_missing(value):
            return -1
        table = self._codes
        text = bool(table) and isinstance(self.categories[0], str)
        if table and isinstance(value, (str, bytes)) != text:
            raise TypeError(
                f"{where} holds {value!r}; during fit it held only {'text' if text else 'numbers'}."
            )
        return table.get(_plain(value), len(table) if self.rare else -1)

    @property
    def column_type(self) -> ColumnType:
        """Type of the column."""
        return ColumnType("category")

    @property
    def details(self) -> str:
        """Fitted values, for a repr."""
        n = len(self.categories)
        shown = ", ".join(printable(str(category)[:_LONGEST_SHOWN]) for category in self.categories[:_SHOWN])
        levels = f"{n:,} {'category' if n == 1 else 'categories'}{': ' if n else ''}{shown}"
        return f"{levels}{', ...' if n > _SHOWN else ''}{'; a column for rare ones' if self.rare else ''}"

    def to_config(self) -> dict[str, Any]:
        """Return the encoder as a JSON-serialisable dict."""
        return {"name": self.name, "categories": list(self.categories), "rare": self.rare}


@dataclass(frozen=True)
class LeftOut:
    """Column that does not become any column of the result.

    Attributes
    ----------
    name : str or None
        Name of the column; None if the table has no names.
    kind : {"identifier", "constant", "text", "ignore"}
        Type of the column; "ignore" if the user said so.
    reason : str
        Reason for which it is left out.
    """

    name: str | None
    kind: column_types.Kind
    reason: str

    @property
    def column_type(self) -> ColumnType:
        """Type of the column."""
        return ColumnType(self.kind, self.reason)

    @property
    def details(self) -> str:
        """Reason for which the column is left out, for a repr."""
        return f"left out: {printable(self.reason)}"

    def to_config(self) -> dict[str, Any]:
        """Return the column as a JSON-serialisable dict."""
        return {"name": self.name, "kind": self.kind, "reason": self.reason}


Column: TypeAlias = Numeric | Categorical | Date | LeftOut
_FIELDS = {
    "mean": ("name", "mean", "indicator"),
    "categories": ("name", "categories", "rare"),
    "first": ("name", "first", "parts", "means", "indicator"),
    "kind": ("name", "kind", "reason"),
}
_LATER = ("first", "kind")  # in format 4
_LONGEST_REASON = 200


def is_later(config: object) -> bool:
    """Whether the result of ``to_config`` for a column, as read from a file, needs format 4."""
    return isinstance(config, dict) and any(field in config for field in _LATER)


def read_encoder(config: object) -> Column:
    """Return the encoder from the result of ``to_config``; any other `config` raises ValueError or TypeError."""
    given = config if isinstance(config, dict) else {}
    kind = next((field for field in _FIELDS if field in given), "mean")
    fields: dict[str, Any] = checks.fields("a column of the encoder", config, _FIELDS[kind])
    if fields["name"] is not None and not isinstance(fields["name"], str):
        raise ValueError("the name of a column is not a str")
    if kind == "first":
        return Date.read(fields)
    if kind == "kind":
        checks.choice("the encoder", "kind", fields["kind"], column_types.LEFT_OUT)
        if not isinstance(fields["reason"], str) or len(fields["reason"]) > _LONGEST_REASON:
            raise ValueError(f"the reason of a column is not a str of at most {_LONGEST_REASON} characters")
        return LeftOut(**fields)
    if kind == "mean":
        checks.real("the encoder", "mean", fields["mean"])
        checks.flag("the encoder", "indicator", fields["indicator"])
        return Numeric(**fields)
    categories = fields["categories"]
    if not isinstance(categories, list):
        raise ValueError("categories is not a list")
    _check_categories(categories, "the encoder")
    if any(not low < high for low, high in pairwise(categories)):
        raise ValueError("categories are not sorted, or not distinct")
    checks.flag("the encoder", "rare", fields["rare"])
    return Categorical(**{**fields, "categories": tuple(categories)})


def _refuse_others(column: Array | Coded, where: str, reason: str) -> None:
    """Raise TypeError with the reason if a value of a column is text, or all of them are dates."""
    if dates.holds_dates(column):
        raise TypeError(f"{where} holds dates; {reason}")
    if column_types.holds_text(column):
        values = objects(column).tolist()
        row = next(i for i, value in enumerate(values) if isinstance(value, (str, bytes)))
        raise TypeError(f"{where} holds {_plain(values[row])!r} in row {row}; {reason}")


def _refuse_dates(column: Array | Coded, where: str) -> None:
    """Raise TypeError if a column of categories has a dtype of dates or of time differences."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "Mm":
        raise TypeError(
            f"{where} holds {cells.kind_of_array(column)}; categories are text, integers, booleans or finite numbers."
            " Convert it to text, or leave it out of the categories."
        )


def _refuse_rounded(column: Array | Coded, where: str) -> None:
    """Raise ValueError for floats that may be other whole numbers, rounded: they would be another category."""
    values: list[Any] = column.values if isinstance(column, Coded) else column.tolist()
    large = (v for v in values if isinstance(v, (float, np.floating)) and EXACT <= abs(float(v)) < np.inf)
    value = next(large, None)
    if value is not None:
        row = column.row(lambda v: v is value) if isinstance(column, Coded) else values.index(value)
        raise ValueError(
            f"{where} holds {float(value)!r} in row {row}; a float beyond 2**53 may be a whole number that was rounded,"
            " and thus another category. Convert the column to text, or to integers without missing values."
        )


def _counts(column: Array | Coded, where: str) -> Counter[Any]:
    """Return the number of rows of each category (plain values) that is not missing."""
    counts = Counter[Any]()
    distinct = coded(column, where)
    for value, rows in zip(distinct.values, distinct.counts().tolist(), strict=True):
        if rows and not cells.is_missing(value):
            counts[_plain(value)] += rows
    return counts


def _not_categories(where: str, values: list[Any], error: TypeError) -> TypeError:
    """Return the error for values that cannot be hashed."""
    return TypeError(f"{where} holds values that are not categories: {error}.")


def _plain(value: Any) -> Any:
    """Return a number of NumPy, or of the modules decimal and fractions, as one of Python; other values unchanged."""
    if isinstance(value, (np.number, np.bool_, np.str_)):
        return value.item()
    if isinstance(value, (str, bytes, int, float)) or not hasattr(value, "as_integer_ratio"):
        return value
    if hasattr(value, "is_finite") and not value.is_finite():
        return float(value)
    return int(value) if value == int(value) else float(value)


def _numbers(column: Array | Coded, where: str) -> Array:
    """Return a column of numbers with NaN in place of None; raise an error for other values and for infinity."""
    column = objects(column)
    if column.dtype.kind == "O":
        values = column.tolist()
        if set(map(type, values)) <= _PLAIN_NUMBERS:
            values = [np.nan if value is None else value for value in values]
        else:
            values = [np.nan if cells.is_missing(value) else _plain(value) for value in values]
        column = np.array(values, dtype=object)
    numbers = arrays.real(column, where)
    if np.isinf(numbers).any():
        raise ValueError(f"{where} contains infinity: row {int(np.argmax(np.isinf(numbers)))}.")
    return numbers


def _check_categories(categories: list[Any], where: str) -> None:
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
