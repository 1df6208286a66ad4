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
from typing import Any

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
    """

    name: str | None
    first: int
    parts: tuple[str, ...]
    means: tuple[float, ...]
    indicator: bool

    @classmethod
    def fit(cls, column: Array | Coded, name: str | None, where: str) -> Date:
        """Return an encoder fitted on a column (m,); `where` names the column in errors."""
        moments = dates.read(column, where)
        gaps = np.isnat(moments)
        present = moments[~gaps]
        if not len(present):
            return cls(name, 0, (), (), True)
        first = int(present.min().astype(np.int64))
        numbers = {part: _number(part, present, first) for part in PARTS}
        parts = [part for part, values in numbers.items() if part == "days" or values.min() < values.max()]
        means = tuple(float(numbers[part].mean()) for part in parts)
        return cls(name, first, tuple(parts), means, bool(gaps.any()))

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
