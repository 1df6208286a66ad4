"""Summary of the values of a column in one part of a table; the summaries of all parts result in its encoder.

(a) The encoder is that of the joined column, up to the rounding of means, in which numbers are those of the common
    dtype of all parts and anything else is an object. A part without values fits all others.
(b) An error that depends on the type of the column is kept, and raised only if the joined column has this type.
(c) Distinct values are counted up to `MOST_LEVELS` of a column; text with more of them is free text. Those of numbers
    and of dates are counted only in a second pass, if another part has text in the same column.
(d) A categorical dtype counts if all parts that have values have one, whatever their categories are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ..data import column_types, dates
from ..data.arrays import Array
from ..data.coded import Coded
from ..data.column_facts import NumberFacts
from ..data.column_types import ColumnType, Word
from ..data.counted import Counted
from .column_values import (
    EXACT,
    NumberSums,
    count_values,
    refuse_categories,
    rounded_error,
)
from .columns import Categorical, Column, LeftOut, Numeric
from .dates import Date, DateFacts

F = TypeVar("F", NumberFacts, NumberSums, Counted, DateFacts)


@dataclass(frozen=True)
class ColumnSummary:
    """Summary of a column.

    Attributes
    ----------
    rows : int
        Number of rows.
    content : frozenset of {"numbers", "dates", "text", "others"}
        Kinds of the values that are not missing; with text, other kinds may be left out.
    dated : bool
        Whether the dtype is one of dates.
    categories : bool
        Whether the column has a categorical dtype.
    is_iso : bool
        Whether all values are text of dates of ISO 8601.
    facts, sums, counted, dates : NumberFacts, NumberSums, Counted, DateFacts; an exception; or None
        Values as numbers, distinct values, and values as dates; the exception if they cannot be that; None if they were
        not computed.
    refusal : exception or None
        Exception if the values cannot be categories, although they can be counted.
    """

    rows: int
    content: frozenset[str] = frozenset()
    dated: bool = False
    categories: bool = False
    is_iso: bool = True
    facts: NumberFacts | None = None
    sums: NumberSums | Exception | None = None
    counted: Counted | Exception | None = None
    dates: DateFacts | Exception | None = None
    refusal: Exception | None = None

    # ---- one part

    @classmethod
    def stated(cls, column: Array | Coded, word: Word, where: str, *, zoned: bool) -> ColumnSummary:
        """Return the summary of a column (m,) whose type the user states."""
        summary = cls(len(column))
        if word == "number":
            return replace(summary, sums=_tried(NumberSums.of, column, where, stated=True))
        if word == "category":
            return summary._with_counts(column, where)
        return replace(summary, dates=_tried(_date_facts, column, where, zoned=zoned))

    @classmethod
    def of(
        cls,
        column: Array | Coded,
        where: str,
        *,
        inferred: bool = True,
        named: bool = False,
        categories: bool = False,
        zoned: bool = False,
        counts: bool = False,
    ) -> ColumnSummary:
        """Return the summary of a column (m,).

        Parameters
        ----------
        column : ndarray or Coded (m,)
            Values.
        where : str
            Place of the column in errors.
        inferred : bool
            Whether the column may be one of categories.
        named : bool
            Whether it has the name of an identifier.
        categories : bool
            Whether it has a categorical dtype.
        zoned : bool
            Whether its dtype is one of dates with a time zone.
        counts : bool
            Whether to count the distinct values whatever they are.
        """
        summary = cls(len(column), dated=_is_dated(column), categories=categories)
        if column_types.holds_text(column):
            summary = replace(summary, content=frozenset(["text"]), is_iso=_is_iso(column))
            if not inferred:
                summary = replace(summary, sums=_tried(NumberSums.of, column, where, stated=False))
            if summary.is_iso:
                summary = replace(summary, dates=_tried(_date_facts, column, where, zoned=zoned))
            counts = True
        elif dates.holds_dates(column):
            facts = _tried(_date_facts, column, where, zoned=zoned)
            is_empty = isinstance(facts, DateFacts) and facts.gaps == facts.rows
            summary = replace(summary, dates=facts, content=frozenset([] if is_empty else ["dates"]))
        else:
            summary = summary._with_numbers(column, where, named)
            counts = counts or categories
        if counts and isinstance(column, np.ndarray) and column.dtype.kind == "M":
            column = column.astype(dates.UNIT).astype(object)  # as they are in a column with other objects
        return summary._with_counts(column, where) if counts else summary

    def _with_numbers(self, column: Array | Coded, where: str, named: bool) -> ColumnSummary:
        """Return the summary with the values of a column as numbers."""
        sums = _tried(NumberSums.of, column, where, stated=False)
        array = column_types.plain_numbers(column)
        if array.dtype.kind not in "biuf":
            return replace(self, content=frozenset(["others"]), sums=sums)
        facts = NumberFacts.of(array, named=named)
        content = frozenset(["numbers"] if facts.gaps < facts.rows else [])
        return replace(self, content=content, facts=facts, sums=sums)

    def _with_counts(self, column: Array | Coded, where: str) -> ColumnSummary:
        """Return the summary with the distinct values of a column."""
        counted = _tried(count_values, column, where)
        refusal = _tried(refuse_categories, column, where)
        return replace(
            self, counted=counted if isinstance(counted, Exception) else counted.limited(), refusal=refusal
        )

    def locate(self, place: str) -> None:
        """Put `place` in front of the messages of the exceptions that are kept."""
        for error in (self.sums, self.counted, self.dates, self.refusal):
            if isinstance(error, Exception) and len(error.args) == 1:
                error.args = (f"{place}: {error}",)

    def without_counts(self) -> ColumnSummary:
        """Return the summary without the distinct values, which are too many with those of other parts."""
        counted = self.counted
        return self if not isinstance(counted, Counted) else replace(self, counted=counted.dropped())

    # ---- all parts

    def joined(self, other: ColumnSummary) -> ColumnSummary:
        """Return the summary of the rows of both columns, in this order."""
        a, b = self, other
        categories = a.categories and b.categories
        if bool(a.content) != bool(b.content):
            categories = (a if a.content else b).categories
        return ColumnSummary(
            a.rows + b.rows,
            a.content | b.content,
            a.dated or b.dated,
            categories,
            a.is_iso and b.is_iso,
            _both(a, b, a.facts, b.facts, NumberFacts.missing),
            _both(a, b, a.sums, b.sums, NumberSums.missing),
            _both(a, b, a.counted, b.counted, Counted.missing),
            _both(a, b, a.dates, b.dates, DateFacts.missing),
            a.refusal or b.refusal,
        )

    @property
    def is_date(self) -> bool:
        """Whether all values are dates that are not text."""
        return self.content == {"dates"} or (self.dated and not self.content)

    @property
    def lacks_counts(self) -> bool:
        """Whether the type of the column depends on distinct values that were not counted in all parts."""
        is_counted = "text" in self.content or (self.categories and not self.is_date)
        return is_counted and self.counted is None

    def column_type(self, *, inferred: bool, plain: bool) -> ColumnType:
        """Return the type of the column, if the user does not state it.

        Parameters
        ----------
        inferred : bool
            Whether columns may be categories. False: they are numbers, or dates.
        plain : bool
            Whether it is a column of arrays that are not ones of objects, which is never left out.
        """
        if self.is_date and (plain or not inferred):
            return ColumnType("date")
        if plain or not inferred:
            return ColumnType("category" if inferred and "text" in self.content else "number")
        if self.is_date:
            return self._type_of_dates()
        if "text" in self.content or self.categories:
            return self._type_of_levels()
        if self.facts is None or self.content & {"dates", "others"}:
            return ColumnType("number")  # which raises an error
        return column_types.of_numbers(self.facts)

    def _type_of_dates(self) -> ColumnType:
        if not isinstance(self.dates, DateFacts):
            return ColumnType("date")
        present = self.dates.rows - self.dates.gaps
        levels = min(present, 2)
        if self.dates.first == self.dates.last and len(self.dates.zones) < 2:
            levels = min(present, 1)
        return column_types.of_levels("date", self.rows, present, levels, lambda: False)

    def _type_of_levels(self) -> ColumnType:
        counted = self.counted
        if not isinstance(counted, Counted):
            return ColumnType("category")  # which raises an error
        is_iso = self.content == {"text"} and self.is_iso and not self.categories and counted.present > 0
        levels = None if counted.counts is None else len(counted.counts)
        return column_types.of_levels(
            "date" if is_iso else "category",
            self.rows,
            counted.present,
            levels,
            lambda: counted.are_decimals,
        )

    def encoder(
        self,
        type_: ColumnType,
        name: str | None,
        where: str,
        min_frequency: float | None,
    ) -> Column:
        """Return the encoder of the column with its type; `where` is the place of the column in errors."""
        kinds = sorted(self.content & {"dates", "numbers", "text"})
        if len(kinds) > 1 and (type_.kind in ("number", "category") or "dates" in kinds):
            raise TypeError(
                f"{where} holds {kinds[0]} in some parts and {kinds[1]} in others. Convert all of them to {kinds[0]},"
                f" or to {kinds[1]}."
            )
        if type_.kind == "number":
            return Numeric.of_sums(_usable(self.sums), name)
        if type_.kind == "date":
            facts = _usable(self.dates)
            dates.check_zones(facts.zones, where)
            return Date.of_facts(facts, name)
        if type_.kind != "category":
            return LeftOut(name, *type_)
        if self.refusal is not None:
            raise self.refusal
        counted = _usable(self.counted)
        if counted.dtype is not None and counted.dtype.kind == "f":
            large = next((v for v in counted.counts or () if EXACT <= abs(v) < np.inf), None)
            if large is not None:  # a whole number of a part that is rounded if all parts are floats
                raise rounded_error(where, large)
        return Categorical.of_counts(counted, name, where, min_frequency)


def _is_dated(column: Array | Coded) -> bool:
    return isinstance(column, np.ndarray) and column.dtype.kind == "M"


def _is_iso(column: Array | Coded) -> bool:
    """Whether all values of a column are missing, or text of dates of ISO 8601."""
    if not isinstance(column, Coded):
        return False  # a value has no hash
    present = column.present()
    return not present or dates.is_iso(present)


def _date_facts(column: Array | Coded, where: str, *, zoned: bool) -> DateFacts:
    zones = dates.zones(column)
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        zones = frozenset([zoned])
    return DateFacts.of(dates.read(column, where), zones)


def _tried(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return the result of a function, or its exception if it is a TypeError or a ValueError."""
    try:
        return function(*args, **options)
    except (TypeError, ValueError) as error:
        return error.with_traceback(None)


def _both(
    a: ColumnSummary,
    b: ColumnSummary,
    first: F | Exception | None,
    second: F | Exception | None,
    missing: Callable[[int], F],
) -> Any:
    """Return joined facts of two columns; those of a column without values, if they are not known, are `missing`."""
    for found in (first, second):
        if isinstance(found, Exception):
            return found
    first = missing(a.rows) if first is None and not a.content else first
    second = missing(b.rows) if second is None and not b.content else second
    if first is None or second is None:
        return None
    return first.joined(second)  # type: ignore[arg-type, union-attr]


def _usable(facts: F | Exception | None) -> F:
    """Return facts that were computed, or raise their exception."""
    if isinstance(facts, Exception):
        raise facts
    assert facts is not None
    return facts
