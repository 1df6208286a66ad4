"""Dates and times in text: ISO 8601 in all its common forms, day and month in either order, and given formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from ...data.arrays import Array

ISO = "ISO 8601"
ISO_ZONED = "ISO 8601 with an offset"
_TOGETHER = 1 << 16  # cells
_DAY_US = 86_400_000_000
_DATE = ((0, 4), (5, 7), (8, 10))  # places of year, month and day
_TAILS = ("", "Z", "+00", "+0000", "+00:00")  # ends of a time that name its offset
_LOCAL = re.compile(
    r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})"
    r"(?:([ T])([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(?:( ?)([AaPp][Mm]))?)?"
)
_BEGINS = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}(?![0-9])")
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


class AmbiguousDatesError(Exception):
    """All dates of a column can be read with the day first and with the month first.

    Attributes
    ----------
    formats : tuple of str
        The two formats.
    cell : str
        A date that differs between them.
    """

    def __init__(self, formats: tuple[str, str], cell: str) -> None:
        super().__init__(cell)
        self.formats, self.cell = formats, cell


class Dates(NamedTuple):
    """Dates and their format.

    Attributes
    ----------
    values : ndarray (m,) of datetime64[us]
    format : str
        `ISO`, `ISO_ZONED`, or a format of `strptime`.
    """

    values: Array
    format: str


def looks_like_a_date(cell: str) -> bool:
    """Whether a cell begins like a date."""
    return _BEGINS.match(cell) is not None


def detect(cells: Sequence[str]) -> Dates | None:
    """Return the dates in cells, none of which is missing; None if one is not a date, or they have several formats.

    Raises
    ------
    AmbiguousDatesError
        If the order of day and month does not follow from the cells.
    """
    if not cells or not looks_like_a_date(cells[0]):
        return None
    for zoned in (False, True):
        values = _iso(cells, zoned=zoned)
        if values is not None:
            return Dates(values, ISO_ZONED if zoned else ISO)
    return _local(cells)


def parse(cells: Sequence[str], form: str) -> tuple[Array | None, int]:
    """Return the dates in cells of a known format; None and the index of the first other cell."""
    if form in (ISO, ISO_ZONED):
        values = _iso(cells, zoned=form == ISO_ZONED)
        if values is not None:
            return values, -1
        return None, next(i for i, cell in enumerate(cells) if _iso([cell], zoned=form == ISO_ZONED) is None)
    found = np.empty(len(cells), "datetime64[us]")
    for i, cell in enumerate(cells):
        try:
            found[i] = _microseconds(datetime.strptime(cell, form))
        except (ValueError, OverflowError):
            return None, i
    return found, -1


def _microseconds(moment: datetime) -> np.datetime64:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64((moment - _EPOCH) // _MICROSECOND, "us")


# ---- ISO 8601, all cells of one length at a time


def _iso(cells: Sequence[str], *, zoned: bool) -> Array | None:
    """Return dates as YYYY-MM-DD, or with a time after a space or T; None if a cell is none."""
    if len(cells) <= _TOGETHER:
        return _some_iso(cells, zoned)
    found = np.empty(len(cells), "datetime64[us]")
    for start in range(0, len(cells), _TOGETHER):
        values = _some_iso(cells[start : start + _TOGETHER], zoned)
        if values is None:
            return None
        found[start : start + _TOGETHER] = values
    return found


def _some_iso(cells: Sequence[str], zoned: bool) -> Array | None:
    lengths = np.fromiter(map(len, cells), np.intp, len(cells))
    found = np.empty(len(cells), np.int64)
    for length in np.unique(lengths):
        chosen = np.flatnonzero(lengths == length)
        text = "".join(cells if len(chosen) == len(cells) else [cells[i] for i in chosen.tolist()])
        if not text.isascii() or length < 10 or length > 35:
            return None
        values = _of_one_length(np.frombuffer(text.encode(), np.uint8).reshape(-1, length), zoned)
        if values is None:
            return None
        found[chosen] = values
    return found.view("datetime64[us]")


def _of_one_length(text: Array, zoned: bool) -> Array | None:
    m, length = text.shape
    found, left = np.empty(m, np.int64), np.ones(m, bool)
    for tail in _TAILS[1:] if zoned else _TAILS[:1]:
        size = length - len(tail)
        if size not in (10, 16, 19, *range(21, 30)) or (tail and size == 10):
            continue
        fits = _has_tail(text, tail) & left
        if not fits.any():
            continue
        values, valid = _moments(text[fits, :size])
        if not valid.all():
            if tail in ("", "Z"):
                return None
            fits[np.flatnonzero(fits)[~valid]] = False
            values = values[valid]
        found[fits] = values - _offset(text[fits, size:], tail)
        left &= ~fits
    return None if left.any() else found


def _has_tail(text: Array, tail: str) -> Array:
    m, n = len(text), len(tail)
    if not tail:
        return np.ones(m, bool)
    end = text[:, -n:]
    if tail == "Z":
        zulu: Array = (end[:, 0] == ord("Z")) | (end[:, 0] == ord("z"))
        return zulu
    fits: Array = (end[:, 0] == ord("+")) | (end[:, 0] == ord("-"))
    for i, character in enumerate(tail[1:], 1):
        fits &= end[:, i] == ord(":") if character == ":" else _is_digit(end[:, i])
    if n > 3:
        fits &= end[:, -2] < ord("6")
    fits &= _number(end[:, 1:3]) < 24
    return fits


def _offset(end: Array, tail: str) -> Array:
    """Return offsets in microseconds."""
    if tail in ("", "Z"):
        return np.zeros(len(end), np.int64)
    minutes = 60 * _number(end[:, 1:3]) + (_number(end[:, -2:]) if len(tail) > 3 else 0)
    return np.where(end[:, 0] == ord("-"), -minutes, minutes) * 60_000_000


def _is_digit(text: Array) -> Array:
    found: Array = (text >= ord("0")) & (text <= ord("9"))
    return found


def _number(digits: Array) -> Array:
    value = np.zeros(len(digits), np.int64)
    for i in range(digits.shape[1]):
        value = 10 * value + digits[:, i] - ord("0")
    return value


def _moments(text: Array) -> tuple[Array, Array]:
    """Return microseconds since 1970 of texts of one length, and which of them are valid."""
    length = text.shape[1]
    places = list(_DATE)
    separators = text[:, 4]
    valid = ((separators == ord("-")) | (separators == ord("/"))) & (text[:, 7] == separators)
    if length > 10:
        valid &= (text[:, 10] == ord(" ")) | (text[:, 10] == ord("T"))
        valid &= text[:, 13] == ord(":")
        places += [(11, 13), (14, 16)]
    if length > 16:
        valid &= text[:, 16] == ord(":")
        places.append((17, 19))
    if length > 19:
        valid &= (text[:, 19] == ord(".")) | (text[:, 19] == ord(","))
        places.append((20, length))
    for start, end in places:
        valid &= _is_digit(text[:, start:end]).all(axis=1)
    parts = [_number(text[:, start:end]) for start, end in places]
    year, month, day = parts[:3]
    valid &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0)
    first, after = (
        (months + i).view("datetime64[M]").astype("datetime64[D]").view(np.int64) for i in range(2)
    )
    valid &= day <= after - first
    found = (first + day - 1) * _DAY_US
    for part, most, unit in zip(
        parts[3:6], (23, 59, 59), (3_600_000_000, 60_000_000, 1_000_000), strict=False
    ):
        valid &= part <= most
        found = found + part * unit
    if length > 19:
        n_digits = length - 20
        fraction = parts[6]
        found = found + (
            fraction * 10 ** (6 - n_digits) if n_digits <= 6 else fraction // 10 ** (n_digits - 6)
        )
    return found, valid


# ---- day and month first


def _local(cells: Sequence[str]) -> Dates | None:
    """Return dates such as 31.12.2024, 12/31/2024 5:30 PM; None if a cell is none, or they have several formats."""
    day_first = month_first = False
    first, differs = None, None
    for cell in cells:  # their groups are not kept, because they take more memory than the dates
        match = _LOCAL.fullmatch(cell)
        if match is None:
            return None
        groups = match.groups()
        if first is None:
            first, shape = groups, _shape(groups)
        elif _shape(groups) != shape:
            return None
        a, b = int(groups[0]), int(groups[2])
        day_first, month_first = day_first or a > 12, month_first or b > 12
        differs = cell if differs is None and a != b else differs
    if first is None:
        return None
    mark, rest = first[1], _time_format(first)
    if mark == ".":
        month_first, day_first = False, True
    formats = (f"%d{mark}%m{mark}%Y{rest}", f"%m{mark}%d{mark}%Y{rest}")
    if day_first and month_first:
        return None
    if not day_first and not month_first and differs is not None:
        raise AmbiguousDatesError(formats, differs)
    values = np.empty(len(cells), "datetime64[us]")
    for i, match in enumerate(map(_LOCAL.fullmatch, cells)):
        moment = None if match is None else _moment(match.groups(), month_first)
        if moment is None:
            return None
        values[i] = moment
    return Dates(values, formats[month_first])


def _shape(groups: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the properties that all dates of one format share: separators, and the parts of a time."""
    return (groups[1], groups[4], groups[9], *(group is None for group in groups[5:]))


def _time_format(groups: tuple[Any, ...]) -> str:
    if groups[5] is None:
        return ""
    text = groups[4] + ("%H:%M" if groups[10] is None else "%I:%M")
    text += ":%S" * (groups[7] is not None) + ".%f" * (groups[8] is not None)
    return text if groups[10] is None else f"{text}{groups[9]}%p"


def _moment(groups: tuple[Any, ...], month_first: bool) -> np.datetime64 | None:
    first, second, year = int(groups[0]), int(groups[2]), int(groups[3])
    month, day = (first, second) if month_first else (second, first)
    hour, minute, second = int(groups[5] or 0), int(groups[6] or 0), int(groups[7] or 0)
    if groups[10] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (groups[10] in ("PM", "pm", "Pm", "pM"))
    try:
        moment = datetime(year, month, day, hour, minute, second, int((groups[8] or "0").ljust(6, "0")))
    except ValueError:
        return None
    return _microseconds(moment)
