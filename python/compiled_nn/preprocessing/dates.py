"""Encoder of a table column of dates: the days since the first date, and the parts of the date that vary.

(a) The days, with the time of day as their fraction, are the trend. They are the only part that continues beyond the
    dates of fit.
(b) Year, month, day of the month, weekday (Monday is 0) and hour (with minutes and seconds as its fraction) are what
    repeats or has steps. Parts that have the same value for all dates of fit are left out: the hour of dates without a
    time, the year of dates within one.
(c) All are columns of numbers, which are scaled with `standardize`. A missing date has the mean of each part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..common import checks
from ..data import dates
from ..data.arrays import Array
from ..data.coded import Coded
from ..data.column_types import ColumnType

MISSING = "; an indicator of missing values"  # in a repr
_DAY, _HOUR = 86_400_000_000, 3_600_000_000  # microseconds


def _whole(moments: Array, unit: str) -> Array:
    """Return dates as whole numbers of a unit since 1970."""
    return moments.astype(f"datetime64[{unit}]").astype(np.int64)


def _day(moments: Array) -> Array:
    days = moments.astype("datetime64[D]")
    first: Array = days.astype("datetime64[M]").astype("datetime64[D]")
    return (days - first).astype(np.int64) + 1


# Each part as a function of dates (m,) in microseconds that are not missing.
_PARTS: dict[str, Callable[[Array], Array]] = {
    "year": lambda moments: _whole(moments, "Y") + 1970,
    "month": lambda moments: _whole(moments, "M") % 12 + 1,
    "day": _day,
    "weekday": lambda moments: (_whole(moments, "D") + 3) % 7,  # 1970-01-01 was a Thursday
    "hour": lambda moments: (moments.astype(np.int64) % _DAY) / _HOUR,
}
PARTS = ("days", *_PARTS)


class DateFacts(NamedTuple):
    """Facts about a column of dates, from which its encoder follows; facts about several parts can be joined.

    Attributes
    ----------
    rows, gaps : int
        Number of rows, and of those whose date is missing.
    first, last : int
        First and last date, in microseconds since 1970.
    sums, lowest, highest : ndarray (6,)
        Sum, lowest and highest value of each of the parts of the dates, of which the days are those since `first`.
    zones : frozenset of bool
        Result of :func:`compiled_nn.data.dates.zones`.
    """

    rows: int
    gaps: int
    first: int
    last: int
    sums: Array
    lowest: Array
    highest: Array
    zones: frozenset[bool] = frozenset()

    @classmethod
    def of(cls, moments: Array, zones: frozenset[bool] = frozenset()) -> DateFacts:
        """Return those of a column (m,) in microseconds."""
        present = moments[~np.isnat(moments)]
        if not len(present):
            return cls.missing(len(moments))
        first, last = (int(end.astype(np.int64)) for end in (present.min(), present.max()))
        parts = [_number(part, present, first) for part in PARTS]
        sums, lowest, highest = np.array([[part.sum(), part.min(), part.max()] for part in parts]).T
        return cls(len(moments), len(moments) - len(present), first, last, sums, lowest, highest, zones)

    @classmethod
    def missing(cls, rows: int) -> DateFacts:
        """Return those of a column in which all dates are missing."""
        sums, lowest, highest = np.zeros((3, len(PARTS)))
        return cls(rows, rows, 0, 0, sums, lowest, highest)

    def joined(self, other: DateFacts) -> DateFacts:
        """Return those of the rows of both columns."""
        rows, gaps = self.rows + other.rows, self.gaps + other.gaps
        for one, another in ((self, other), (other, self)):
            if another.gaps == another.rows:
                return one._replace(rows=rows, gaps=gaps)
        first = min(self.first, other.first)
        sums = self.sums + other.sums
        for part in (self, other):  # whose days are those since another date
            sums[0] += (part.first - first) / _DAY * (part.rows - part.gaps)
        return DateFacts(
            rows,
            gaps,
            first,
            max(self.last, other.last),
            sums,
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
            self.zones | other.zones,
        )


@dataclass(frozen=True)
class Date:
    """Fitted encoder of a column of dates.

    Attributes
    ----------
    name : str or None
        Name of the column; None if the table has no names.
    first : int
        First date of fit, in microseconds since 1970-01-01 (UTC, or without a time zone).
    parts : tuple of {"days", "year", "month", "day", "weekday", "hour"}
        Columns of the result: the days since the first date, and the parts that differed between the dates of fit. None
        if all dates were missing.
    means : tuple of float
        Mean of each part over the dates that are not missing, which replaces that of missing dates.
    indicator : bool
        Whether the result has one more column, which is 1 for rows with a missing date. True if dates were missing
        during fit.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X = {"born": ["1993-05-01", "1976-11-30", "2001-05-14"]}
    >>> encoder = cnn.preprocessing.Tabular().fit(X)
    >>> encoder.columns_[0].parts
    ('days', 'year', 'month', 'day', 'weekday')
    """

    name: str | None
    first: int
    parts: tuple[str, ...]
    means: tuple[float, ...]
    indicator: bool

    @classmethod
    def fit(cls, column: Array | Coded, name: str | None, where: str) -> Date:
        """Return an encoder fitted on a column (m,); `where` names the column in errors."""
        return cls.of_facts(DateFacts.of(dates.read(column, where)), name)

    @classmethod
    def of_facts(cls, facts: DateFacts, name: str | None) -> Date:
        """Return an encoder of a column with these facts."""
        n = facts.rows - facts.gaps
        if not n:
            return cls(name, 0, (), (), True)
        varied = (facts.lowest < facts.highest) | (np.arange(len(PARTS)) == 0)  # "days" is always used
        parts = tuple(part for part, used in zip(PARTS, varied.tolist(), strict=True) if used)
        return cls(name, facts.first, parts, tuple((facts.sums[varied] / n).tolist()), facts.gaps > 0)

    def fill(self, column: Array | Coded, where: str) -> tuple[list[Array], Array]:
        """Return the numbers (m,) of each part, with the mean for missing dates, and a boolean mask (m,) of those."""
        moments = dates.read(column, where)
        gaps = np.isnat(moments)
        if not gaps.any():
            return [_number(part, moments, self.first) for part in self.parts], gaps
        filled = []
        for part, mean in zip(self.parts, self.means, strict=True):
            numbers = np.full(len(moments), mean)
            numbers[~gaps] = _number(part, moments[~gaps], self.first)
            filled.append(numbers)
        return filled, gaps

    @property
    def n_numbers(self) -> int:
        """Number of columns of the result besides the indicator."""
        return len(self.parts)

    @property
    def column_type(self) -> ColumnType:
        """Type of the column."""
        return ColumnType("date")

    @property
    def details(self) -> str:
        """Fitted values, for a repr."""
        first = str(np.datetime64(self.first, "us").astype("datetime64[s]")).removesuffix("T00:00:00")
        start = f"{', '.join(self.parts)}; from {first}" if self.parts else "no dates"
        return f"{start}{MISSING if self.indicator else ''}"

    def to_config(self) -> dict[str, Any]:
        """Return the encoder as a JSON-serialisable dict."""
        return {
            "name": self.name,
            "first": self.first,
            "parts": list(self.parts),
            "means": list(self.means),
            "indicator": self.indicator,
        }

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Date:
        """Return the encoder from the result of :meth:`to_config`, whose names and name have been checked."""
        first, parts, means = fields["first"], fields["parts"], fields["means"]
        if type(first) is not int or abs(first) >= 1 << 63:
            raise ValueError(f"first is {repr(first)[:60]}; expected a date in microseconds since 1970-01-01")
        if not isinstance(parts, list) or parts != [part for part in PARTS if part in parts]:
            raise ValueError(
                f"parts is {repr(parts)[:60]}; expected distinct ones of {', '.join(PARTS)}, in this order"
            )
        if not isinstance(means, list) or len(means) != len(parts):
            raise ValueError(f"means is not a list of {len(parts)} numbers")
        numbers = tuple(checks.real("the encoder", "means", mean) for mean in means)
        indicator = checks.flag("the encoder", "indicator", fields["indicator"])
        return cls(fields["name"], first, tuple(parts), numbers, indicator)


def _number(part: str, moments: Array, first: int) -> Array:
    """Return a part of dates (m,) that are not missing, in float64."""
    if part == "days":
        return (moments.astype(np.int64).astype(np.float64) - float(first)) / _DAY
    return _PARTS[part](moments).astype(np.float64)
