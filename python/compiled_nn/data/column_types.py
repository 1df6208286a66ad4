"""Types of the columns of a table, inferred from their values.

number      numbers, which are scaled
category    text or other values with few levels, which are encoded one by one
date        dates and times, which are encoded by their parts; also text of which each value is a date of ISO 8601
identifier  all different: names a row and says nothing about others; left out
constant    one value in every row, or no value at all; left out
text        text of many levels; left out

Nothing is left out of a table with less than `FEWEST_ROWS` rows, where such columns cannot be recognised.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from . import cells, dates
from .coded import Array, Coded, coded, objects, types
from .column_facts import MOST_LEVELS, NumberFacts

Word: TypeAlias = Literal["number", "category", "date", "ignore"]  # what a user may say of a column
Kind: TypeAlias = Literal["number", "category", "date", "identifier", "constant", "text", "ignore"]

WORDS: tuple[Word, ...] = ("number", "category", "date", "ignore")
LEFT_OUT: tuple[Kind, ...] = ("identifier", "constant", "text", "ignore")
# Kinds of the columns that are used, in the plural.
PLURALS: dict[str, str] = {"number": "numbers", "category": "categories", "date": "dates"}
FEWEST_ROWS = 50  # with fewer rows, nothing is left out
_MANY = 0.5  # share of the rows with a value; text with more levels is free text
_DIFFERENT, _SAME, _EMPTY = (
    "its values are all different",
    "it has the same value in every row",
    "it has no values",
)
_AS_TEXT = ", and are decimal numbers written as text: convert them to numbers"
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|NaN")
_NUMBERS = (numbers.Real, Decimal, np.bool_)
_PLAIN = {int, float, bool}
# Names of identifiers: "id", "customer_id", "customerID", "userid", "row_index"; not "paid" or "price_index".
_IDENTIFIER = re.compile(
    r"(?i:^(.*[\W_])?(id|key|uuid|guid)$|^id[\W_]|^(row[\W_]?)?(index|idx)$)"
    r"|(?i:^(row|user|customer|client|patient|order)id$)"
    r"|(?<=[a-z])(ID|Id|Key)$"
)


class ColumnType(NamedTuple):
    """Type of a column.

    Attributes
    ----------
    kind : {"number", "category", "date", "identifier", "constant", "text", "ignore"}
        Type; "ignore" if the user said so.
    reason : str
        Reason for which the column is left out; "" if it is used.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> table = cnn.datasets.Table({"id": np.arange(60), "age": np.arange(60) % 7})
    >>> encoder = cnn.preprocessing.Tabular(column_types={"id": "ignore"}).fit(table)
    >>> encoder.column_types_["id"]
    ColumnType(kind='ignore', reason='ignored by column_types')
    """

    kind: Kind
    reason: str = ""

    @property
    def used(self) -> bool:
        """Whether a network learns from the column."""
        return self.kind not in LEFT_OUT


def infer(column: Array | Coded, name: Any = None, *, categories: bool = False) -> ColumnType:
    """Return the type of a column (m,).

    Parameters
    ----------
    column : ndarray or Coded (m,)
        Values.
    name : object, optional
        Name of the column.
    categories : bool, default False
        Whether its values are categories also if they are numbers, or text of dates.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return _constant(column, np.isnat(column)) or ColumnType("date")
    text, is_date = holds_text(column), dates.holds_dates(column)
    if text or is_date or categories:
        try:
            distinct = coded(column)
        except TypeError:  # a value without a hash, which the encoder refuses with the name of the column
            return ColumnType("category")
        is_date = is_date or (not categories and dates.is_iso(distinct.present()))
        kind: Kind = "date" if is_date else "category"
        return _of_levels(distinct, kind)
    array = plain_numbers(column)
    if array.dtype.kind not in "biuf":
        return ColumnType("number")  # the encoder refuses it with the name of the column
    if len(array) < FEWEST_ROWS:
        return ColumnType("number")
    return of_numbers(NumberFacts.of(array, named=is_identifier(name)))


def holds_text(column: Array | Coded) -> bool:
    """Whether any value of a column is text."""
    if isinstance(column, Coded) or column.dtype.kind == "O":
        return any(issubclass(kind, (str, bytes)) for kind in types(column))
    return column.dtype.kind in "UST"


def are_decimals(values: Iterable[Any]) -> bool:
    """Whether all values that are not missing are text of numbers, some of them with a decimal point."""
    texts = [value for value in values if not cells.is_missing(value)]
    return (
        bool(texts)
        and all(isinstance(text, str) and _DECIMAL.fullmatch(text.strip()) for text in texts)
        and any("." in text for text in texts)
    )


def _constant(column: Array, missing: Array) -> ColumnType | None:
    """Return the type of an array in which all values are missing or the same; None for other ones."""
    if len(column) < FEWEST_ROWS:
        return None
    if missing.any():
        return ColumnType("constant", _EMPTY) if missing.all() else None
    return ColumnType("constant", _SAME) if (column == column[0]).all() else None


def of_numbers(facts: NumberFacts) -> ColumnType:
    """Return the type of a column of numbers."""
    if facts.rows >= FEWEST_ROWS:
        if facts.gaps == facts.rows:
            return ColumnType("constant", _EMPTY)
        if facts.same:
            return ColumnType("constant", _SAME)
        if facts.all_different:
            return ColumnType("identifier", _DIFFERENT)
    return ColumnType("number")


def of_levels(
    kind: Kind, rows: int, present: int, levels: int | None, decimals: Callable[[], bool]
) -> ColumnType:
    """Return the type of a column of categories or dates: `kind`, unless it is left out.

    Parameters
    ----------
    kind : {"category", "date"}
        Type of a column that is used.
    rows, present : int
        Number of rows, and of those with a value.
    levels : int or None
        Number of distinct values; None for more than `MOST_LEVELS`.
    decimals : callable
        Function that returns whether the values are decimal numbers written as text.
    """
    if rows < FEWEST_ROWS:
        return ColumnType(kind)
    if levels == 0:
        return ColumnType("constant", _EMPTY)
    if levels == 1 and present == rows:
        return ColumnType("constant", _SAME)
    if kind == "date" or present < FEWEST_ROWS:
        return ColumnType(kind)
    if levels == rows:
        return ColumnType("identifier", _DIFFERENT + (_AS_TEXT if decimals() else ""))
    if levels is None or levels > _MANY * present:
        shown = f"more than {MOST_LEVELS:,}" if levels is None else f"{levels:,}"
        reason = f"it is text with {shown} levels in {present:,} rows"
        if decimals():
            reason = f"its values have {shown} levels in {present:,} rows{_AS_TEXT}"
        return ColumnType("text", reason)
    return ColumnType(kind)


def _of_levels(distinct: Coded, kind: Kind) -> ColumnType:
    """Return the type of a column of categories or dates: `kind`, unless it is left out."""
    if len(distinct) < FEWEST_ROWS:
        return ColumnType(kind)
    counts = distinct.counts().tolist()
    rows = [n for value, n in zip(distinct.values, counts, strict=True) if n and not cells.is_missing(value)]
    return of_levels(kind, len(distinct), sum(rows), len(rows), lambda: are_decimals(distinct.values))


def plain_numbers(column: Array | Coded) -> Array:
    """Return objects that are all numbers or missing as an array of numbers; anything else as objects."""
    array = objects(column)
    if array.dtype.kind != "O":
        return array
    kinds, values = types(array), array.tolist()
    if not all(issubclass(kind, _NUMBERS) or kind.__name__ == "NAType" for kind in kinds):
        return array
    with suppress(OverflowError):  # beyond the range of int64
        if kinds == {int} and None not in values:
            return np.array(values, np.int64)  # in float64, different ones may become equal
    try:
        if kinds - _PLAIN:
            values = [None if cells.is_missing(value) else float(value) for value in values]
        return np.array(values, np.float64)  # None becomes NaN
    except OverflowError:  # an integer beyond the range of float64
        return array


def is_identifier(name: Any) -> bool:
    """Whether a column has the name of an identifier."""
    return isinstance(name, str) and _IDENTIFIER.search(name) is not None
