"""Dates as nodes of ONNX: their parts, from int64 in microseconds since 1970-01-01.

Year, month and day follow from the number of days by whole-number arithmetic of the proleptic Gregorian calendar, in
years that begin in March, so that a leap day is the last day of its year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import Graph

if TYPE_CHECKING:
    from ...preprocessing.dates import Date

MISSING = np.iinfo(np.int64).min  # NaT of NumPy
_DAY, _HOUR = 86_400_000_000, 3_600_000_000  # microseconds
_MARCH = 719_468  # days from 0000-03-01 to 1970-01-01
_ERA = 146_097  # days of 400 years


def parts(graph: Graph, column: Date, x: str, wide: str) -> tuple[list[str], str]:
    """Add the parts of a column of dates `x` (m, 1), and return them in `wide`, and whether the date is missing."""
    calendar = _Calendar(graph, x)
    gaps = graph.node("Equal", x, graph.constant("NaT", [[MISSING]], "int64"), name=f"date/{x}/missing")
    found = []
    for part, mean in zip(column.parts, column.means, strict=True):
        number = _in_units(graph, part, calendar, column.first, wide)
        means = graph.constant(f"date/{x}/mean", [[mean]], wide)
        found.append(graph.node("Where", gaps, means, number, name=f"date/{x}/{part}"))
    return found, gaps


def _in_units(graph: Graph, part: str, calendar: _Calendar, first: int, wide: str) -> str:
    """Return a part of dates (m, 1); the time of day is a fraction of the days and of the hours."""
    title = f"{calendar.title}/{part}"
    if part not in ("days", "hour"):
        return graph.cast(calendar.part(part), wide, f"{title}/Cast")
    start, unit = (float(first), _DAY) if part == "days" else (0.0, _HOUR)
    whole = calendar.x if part == "days" else calendar("Mod", calendar.x, _DAY)
    number = graph.cast(whole, "float64", f"{title}/Cast")
    if start:
        number = graph.node("Sub", number, graph.constant("first", start, "float64"), name=f"{title}/Sub")
    number = graph.node("Div", number, graph.constant("unit", float(unit), "float64"), name=f"{title}/Div")
    return number if wide == "float64" else graph.cast(number, wide, f"{title}/Cast")


class _Calendar:
    """Whole-number arithmetic on dates; results that several parts need are added once."""

    def __init__(self, graph: Graph, x: str) -> None:
        self.graph, self.x, self.title = graph, x, f"date/{x}"
        self.found: dict[str, str] = {}

    def __call__(self, op: str, a: str, b: str | int) -> str:
        """Return a node of two whole numbers."""
        other = b if isinstance(b, str) else self.graph.constant(str(b), b, "int64")
        return self.graph.node(op, a, other, name=f"{self.title}/{op}")

    def part(self, name: str) -> str:
        """Return a part as int64 (m, 1)."""
        if name not in self.found:
            self.found[name] = getattr(self, f"_{name}")()
        return self.found[name]

    def _floor(self, a: str, b: int) -> str:
        """Return the largest whole number that is not above a / b; Div of ONNX rounds towards zero."""
        return self("Div", self("Sub", a, self("Mod", a, b)), b)

    def _date(self) -> str:
        return self._floor(self.x, _DAY)

    def _weekday(self) -> str:
        return self("Mod", self("Add", self.part("date"), 3), 7)  # 1970-01-01 was a Thursday

    def _era(self) -> str:
        return self._floor(self("Add", self.part("date"), _MARCH), _ERA)

    def _day_of_era(self) -> str:
        return self("Mod", self("Add", self.part("date"), _MARCH), _ERA)

    def _year_of_era(self) -> str:
        """Days without leap days, divided by 365: one every 4 years, none every 100 years, one every 400 years."""
        day = self.part("day_of_era")
        plain = self("Sub", day, self("Div", day, 1460))
        plain = self("Sub", self("Add", plain, self("Div", day, 36_524)), self("Div", day, 146_096))
        return self("Div", plain, 365)

    def _day_of_year(self) -> str:
        year = self.part("year_of_era")
        days = self("Sub", self("Add", self("Mul", year, 365), self("Div", year, 4)), self("Div", year, 100))
        return self("Sub", self.part("day_of_era"), days)

    def _month_from_march(self) -> str:
        return self("Div", self("Add", self("Mul", self.part("day_of_year"), 5), 2), 153)

    def _month(self) -> str:
        return self("Add", self("Mod", self("Add", self.part("month_from_march"), 2), 12), 1)

    def _day(self) -> str:
        before = self("Div", self("Add", self("Mul", self.part("month_from_march"), 153), 2), 5)
        return self("Add", self("Sub", self.part("day_of_year"), before), 1)

    def _year(self) -> str:
        """January and February are the last months of the year that begins in March."""
        year = self("Add", self("Mul", self.part("era"), 400), self.part("year_of_era"))
        return self("Add", year, self("Div", self.part("month_from_march"), 10))
