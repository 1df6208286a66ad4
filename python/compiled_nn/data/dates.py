"""Dates and times of tables as ``datetime64[us]``, whatever the library or the type that holds them.

Dates with a time zone become those of UTC, without a zone. Text is read if it is a date of ISO 8601 with year, month
and day, and optionally a time: ``2024-03-01``, ``2024-03-01 12:30``, ``2024-03-01T12:30:05.25+01:00``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, Never

import numpy as np

from . import cells
from .coded import Array, Coded, coded, types

UNIT = "datetime64[us]"
_YEARS = 290_000  # before and after 1970 that it holds
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_REMEDY = (
    " A column of dates holds dates of the module datetime, of NumPy, pandas, polars or Arrow, or text such as"
    " 2024-03-01 or 2024-03-01 12:30. Convert it first, for example with pandas.to_datetime."
)


def is_iso(texts: Iterable[Any]) -> bool:
    """Whether all of some values, which are not missing, are text with a date of ISO 8601; False for none."""
    found = False
    for text in texts:
        if not isinstance(text, str) or not _ISO.fullmatch(text):
            return False
        found = True
    return found


def holds_dates(column: Array | Coded) -> bool:
    """Whether the values of a column that are not missing are dates, which are not text."""
    if isinstance(column, Coded) or column.dtype.kind == "O":
        kinds = types(column)
        dated = {kind for kind in kinds if issubclass(kind, (date, np.datetime64))}
        return bool(dated) and all(kind is float or kind.__name__ == "NAType" for kind in kinds - dated)
    return column.dtype.kind == "M"


def in_range(values: Iterable[Any]) -> bool:
    """Whether all dates among some values are in the range of `UNIT`, beyond which NumPy converts to other dates."""
    kinds = (value for value in values if isinstance(value, np.datetime64) and not np.isnat(value))
    return all(abs(int(value.astype("datetime64[Y]").astype(np.int64))) < _YEARS for value in kinds)


def zones(column: Array | Coded) -> frozenset[bool]:
    """Return whether a column of text or objects has dates with a time zone, and dates without; both can be true.

    The set has True for dates with a time zone, and False for those without.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind not in "OUT":
        return frozenset()
    found = set()
    for value in coded(column).values:
        if isinstance(value, datetime):
            found.add(value.tzinfo is not None)
        elif isinstance(value, str) and (match := _ISO.fullmatch(value)):
            found.add(match[4] is not None)
    return frozenset(found)


def read(column: Array | Coded, where: str) -> Array:
    """Return a column of dates (m,) as ``datetime64[us]``, with NaT for missing ones; `where` names it in errors.

    Raises
    ------
    TypeError, ValueError
        If a value is not a date.
    """
    if isinstance(column, Coded) or column.dtype.kind in "OUT":
        distinct = coded(column, where)
        return distinct.mapped(_of_values(distinct, where), "NaT")
    if column.dtype.kind == "f" and np.isnan(column).all():  # what a library makes of a column without values
        return np.full(len(column), "NaT", UNIT)
    if column.dtype.kind != "M":
        kind = "numbers" if column.dtype.kind in "biuf" else cells.kind_of_array(column)
        raise TypeError(f"{where} holds {kind}, not dates.{_REMEDY}")
    if np.datetime_data(column.dtype)[0] in ("Y", "M", "W", "D", "h", "m", "s", "ms"):
        years = column.astype("datetime64[Y]").astype(np.int64)
        beyond = (np.abs(years) >= _YEARS) & ~np.isnat(column)
        if beyond.any():
            row = int(np.argmax(beyond))
            raise ValueError(f"{where} has a date beyond the range of {UNIT} in row {row}: {column[row]}.")
    return column.astype(UNIT)


def _of_values(distinct: Coded, where: str) -> Array:
    """Return the dates of the distinct values of a column."""
    values, kinds = distinct.values, types(distinct)
    if kinds == {str} and None not in values and all(map(_ISO.fullmatch, values)):
        with suppress(ValueError):  # no date, such as 2023-02-30, which is found below
            values, kinds = list(map(datetime.fromisoformat, values)), {datetime}
    if kinds == {date} or (kinds == {datetime} and None not in values and _have_no_zone(values)):
        return np.array(values, UNIT)
    return np.array(_moments(distinct, where), UNIT)


def _have_no_zone(moments: Iterable[datetime]) -> bool:
    return set(map(attrgetter("tzinfo"), moments)) <= {None}


def _moments(distinct: Coded, where: str) -> list[date | np.datetime64[Any] | None]:
    """Return each of the distinct values of a column as a date without a time zone, None if it is missing."""
    found: list[date | np.datetime64[Any] | None] = []
    kinds = set()
    for value in distinct.values:
        if cells.is_missing(value):
            found.append(None)
            continue
        moment = _parsed(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            kinds.add(moment.tzinfo is None)
            if moment.tzinfo is not None:
                try:
                    moment = moment.astimezone(UTC).replace(tzinfo=None)
                except OverflowError:  # the first or the last hours of the module datetime
                    raise ValueError(f"{where} has a date that is none in UTC: {moment}.") from None
        elif not isinstance(moment, (date, np.datetime64)):
            _refuse(value, distinct, where)
        elif not in_range((moment,)):
            raise ValueError(f"{where} has a date beyond the range of {UNIT}: {moment}.")
        found.append(moment)
    check_zones(kinds, where)
    return found


def check_zones(found: Collection[bool], where: str) -> None:
    """Raise a ValueError if a column has dates with a time zone and others without."""
    if len(found) > 1:
        raise ValueError(
            f"{where} mixes dates with and without a time zone. Convert all of them to one zone, or remove the zones."
        )


def _parsed(text: str) -> datetime | None:
    """Return the date of a text, None if it is none."""
    try:
        return datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        return None


def _refuse(value: Any, distinct: Coded, where: str) -> Never:
    row = distinct.row(lambda other: other is value)
    error = ValueError if isinstance(value, str) else TypeError
    raise error(f"{where} holds {value!r} in row {row}, which is not a date.{_REMEDY}")
