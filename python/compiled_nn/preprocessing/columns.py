"""Encoders of single table columns: numeric columns with missing values, categorical columns, and those left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any, TypeAlias

import numpy as np

from ..common import checks
from ..common.text import printable
from ..data import cells, column_types
from ..data.arrays import Array
from ..data.coded import Coded
from ..data.column_facts import MOST_LEVELS
from ..data.column_types import ColumnType
from ..data.counted import Counted
from .column_values import (
    EXACT,
    NumberSums,
    check_categories,
    count_values,
    numbers_of,
    plain,
    refuse_categories,
    refuse_others,
    refuse_rounded,
)
from .dates import MISSING, Date

_SHOWN, _LONGEST_SHOWN = 4, 20  # categories in a repr, and their characters
_OTHER = -2  # code of values that need a closer look: missing, unknown, or of another type


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

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> cnn.preprocessing.Tabular().fit({"age": [31.0, None, 25.0]}).columns_[0]
    Numeric(name='age', mean=28.0, indicator=True)
    """

    name: str | None
    mean: float
    indicator: bool

    @classmethod
    def fit(cls, column: Array | Coded, name: str | None, where: str, *, stated: bool = False) -> Numeric:
        """Return an encoder fitted on a column (m,); `where` names the column in errors.

        `stated` is whether `column_types` states that the column has numbers.
        """
        return cls.of_sums(NumberSums.of(column, where, stated=stated), name)

    @classmethod
    def of_sums(cls, sums: NumberSums, name: str | None) -> Numeric:
        """Return an encoder of a column with these sums."""
        mean = sums.total / np.float64(sums.present) if sums.present else 0.0
        return cls(name, float(mean), sums.present < sums.rows)

    def fill(self, column: Array | Coded, where: str) -> tuple[Array, Array]:
        """Return the numbers (m,) with missing ones replaced by the mean, and a boolean mask (m,) of the missing ones.

        The numbers have one of the dtypes in `arrays.CORE_DTYPES`.
        """
        refuse_others(
            column,
            where,
            "during fit it held only numbers. Convert it to numbers, or fit a new model with it in"
            " categorical_features.",
        )
        numbers = numbers_of(column, where)
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

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> column = cnn.preprocessing.Tabular().fit({"city": ["Ulm", "Bonn", "Ulm"]}).columns_[0]
    >>> column.categories, column.rare, column.width
    (('Bonn', 'Ulm'), False, 2)
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
        refuse_categories(column, where)
        return cls.of_counts(count_values(column, where), name, where, min_frequency)

    @classmethod
    def of_counts(
        cls, counted: Counted, name: str | None, where: str, min_frequency: float | None
    ) -> Categorical:
        """Return an encoder of a column with these values; the parameters are those of :meth:`fit`."""
        if counted.counts is None:
            raise ValueError(
                f"{where} has more than {MOST_LEVELS:,} categories. Leave the column out, or group its categories."
            )
        check_categories(list(counted.counts), where)
        least: float = min_frequency or 0
        if 0 < least < 1:
            least *= counted.rows
        frequent = sorted(category for category, rows in counted.counts.items() if rows >= least)
        return cls(name, tuple(frequent), rare=len(frequent) < len(counted.counts))

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
            refuse_rounded(column, where)
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
        return table.get(plain(value), len(table) if self.rare else -1)

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

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X = {"id": [1, 2, 3], "age": [31.0, 48.0, 25.0]}
    >>> cnn.preprocessing.Tabular(column_types={"id": "ignore"}).fit(X).columns_[0]
    LeftOut(name='id', kind='ignore', reason='ignored by column_types')
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
    check_categories(categories, "the encoder")
    if any(not low < high for low, high in pairwise(categories)):
        raise ValueError("categories are not sorted, or not distinct")
    checks.flag("the encoder", "rare", fields["rare"])
    return Categorical(**{**fields, "categories": tuple(categories)})


def _not_categories(where: str, values: list[Any], error: TypeError) -> TypeError:
    """Return the error for values that cannot be hashed."""
    return TypeError(f"{where} holds values that are not categories: {error}.")
