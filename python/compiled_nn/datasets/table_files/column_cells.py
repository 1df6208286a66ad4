"""Cells of a column of text, as lists of the standard library: their numbers, and their different values."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...data.arrays import Array
from .number_formats import PLAIN

_ZEROS = re.compile(r"[+-]?0[0-9]+")
_SPACE, _MINUS, _PLUS, _ZERO, _NINE = b" -+09"
_TOGETHER = 1 << 16  # cells
_NOT_WHOLE = frozenset(".eEnN")  # n: inf
HEAD = 200  # cells
EXACT = 1 << 53  # smaller whole numbers are exact in float64


class Numbers(NamedTuple):
    """Numbers of a column, or of some of its rows.

    Attributes
    ----------
    values : ndarray (m,) of int64 or float64
        Numbers, NaN where they are missing. int64 if all are whole, and none is missing.
    whole : bool
        Whether all numbers are written as whole numbers.
    zeros : bool
        Whether a whole number has leading zeros.
    exact : bool
        Whether `values` hold all whole numbers exactly.
    """

    values: Array
    whole: bool
    zeros: bool
    exact: bool

    @property
    def are_labels(self) -> bool:
        """Whether labels would become equal as numbers: by leading zeros, or digits beyond those of a float."""
        return self.zeros or (self.whole and not self.exact)


class Cells(Protocol):
    """Cells of a column as text."""

    def __len__(self) -> int: ...

    def numbers(self, missing: frozenset[str]) -> Numbers | None:
        """Return the numbers, if all cells are plain numbers or missing; otherwise None."""

    def levels(self) -> tuple[list[str], Array]:
        """Return the different cells, without surrounding white space, and the index (m,) of that of each row."""

    def head(self) -> list[str]:
        """Return some of the first cells, without surrounding white space."""

    def texts(self, missing: frozenset[str]) -> Array:
        """Return the cells (m,) as objects, without surrounding white space; None where they are missing."""


class ListCells:
    """Cells of a column in a list of str.

    Parameters
    ----------
    cells : sequence of str
        Cells.
    """

    def __init__(self, cells: Sequence[str]) -> None:
        self._cells = cells
        self._levels: tuple[list[str], Array] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def numbers(self, missing: frozenset[str]) -> Numbers | None:
        """Return the numbers, if all cells are plain numbers or missing; otherwise None."""
        if len(self._cells) <= _TOGETHER:
            return _fast_numbers(self._cells) or _numbers_of_levels(self, missing)
        some = (self._cells[start : start + _TOGETHER] for start in range(0, len(self._cells), _TOGETHER))
        return joined_or_none(ListCells(cells).numbers(missing) for cells in some)

    def levels(self) -> tuple[list[str], Array]:
        """Return the different cells, without surrounding white space, and the index (m,) of that of each row."""
        if self._levels is None:
            places = dict.fromkeys(self._cells, 0)
            for i, cell in enumerate(places):
                places[cell] = i
            codes = np.fromiter(map(places.__getitem__, self._cells), np.int32, len(self._cells))
            levels = list(places)
            del places
            self._levels = stripped(levels, codes)
        return self._levels

    def head(self) -> list[str]:
        """Return some of the first cells, without surrounding white space."""
        return [cell.strip() for cell in self._cells[:HEAD]]

    def texts(self, missing: frozenset[str]) -> Array:
        """Return the cells (m,) as objects, without surrounding white space; None where they are missing."""
        found = np.empty(len(self._cells), object)
        for start in range(0, len(found), _TOGETHER):
            cells = self._cells[start : start + _TOGETHER]
            changed: dict[str, str | None] = {}
            for cell in dict.fromkeys(cells):
                text = cell.strip()
                if text in missing or text != cell:
                    changed[cell] = None if text in missing else text
            found[start : start + len(cells)] = list(map(changed.get, cells, cells)) if changed else cells
        return found


class LaterCells:
    """Cells of a column of numbers whose text is read once more if it is needed.

    Parameters
    ----------
    found : Numbers
        Numbers of all rows.
    place : int
        Number of the column.
    read : callable
        Function that returns all cells of some columns, by their numbers.
    """

    __slots__ = ("_cells", "_found", "_place", "_read")

    def __init__(
        self, found: Numbers, place: int, read: Callable[[Sequence[int]], Sequence[ListCells]]
    ) -> None:
        self._found, self._place, self._read = found, place, read
        self._cells: ListCells | None = None

    def __len__(self) -> int:
        return len(self._found.values)

    def _text(self) -> ListCells:
        if self._cells is None:
            (self._cells,) = self._read([self._place])
        return self._cells

    def numbers(self, missing: frozenset[str]) -> Numbers | None:
        """Return the numbers, which were found with the same spellings of missing values."""
        return self._found

    def levels(self) -> tuple[list[str], Array]:
        """Return the different cells, without surrounding white space, and the index (m,) of that of each row."""
        return self._text().levels()

    def head(self) -> list[str]:
        """Return no cells: all of them are numbers."""
        return []

    def texts(self, missing: frozenset[str]) -> Array:
        """Return the cells (m,) as objects, without surrounding white space; None where they are missing."""
        return self._text().texts(missing)


def stripped(levels: list[str], codes: Array) -> tuple[list[str], Array]:
    """Return levels without surrounding white space; those that become equal are one."""
    plain = [level.strip() for level in levels]
    if plain == levels:
        return levels, codes
    places: dict[str, int] = {}
    order = np.array([places.setdefault(level, len(places)) for level in plain], np.int32)
    return list(places), order[codes]


def _fast_numbers(cells: Sequence[str]) -> Numbers | None:
    """Return the numbers in cells that Python and this library read in the same way; None for all others."""
    joined = " " + " ".join(cells)
    # float() reads other digits than 0 to 9, underscores and control characters as well.
    if not (joined.isascii() and joined.isprintable()) or "_" in joined:
        return None
    whole = not any(character in joined for character in _NOT_WHOLE)
    zeros = _may_have_zeros(joined) and any(_ZEROS.fullmatch(cell.strip()) for cell in cells)
    try:
        if whole:
            try:
                return Numbers(_compact(array("q", map(int, cells))), True, zeros, True)
            except OverflowError:
                return Numbers(_compact(array("d", map(float, cells))), True, zeros, False)
        values = _compact(array("d", map(float, cells)))
    except ValueError:
        return None
    return None if np.isnan(values).any() else Numbers(values, False, zeros, True)


def _compact(numbers: array[Any]) -> Array:
    """Return numbers as a separate array, because a view would keep 400 bytes of other objects."""
    return np.frombuffer(numbers, numbers.typecode).copy()


def _may_have_zeros(joined: str) -> bool:
    """Whether a number begins with zero and another digit; each one follows a space."""
    text = np.frombuffer(joined.encode(), np.uint8)
    pairs = np.flatnonzero((text[1:-1] == _ZERO) & (text[2:] >= _ZERO) & (text[2:] <= _NINE))
    before = text[pairs]
    signed = ((before == _MINUS) | (before == _PLUS)) & (text[np.maximum(pairs - 1, 0)] == _SPACE)
    return bool(((before == _SPACE) | signed).any())


def _numbers_of_levels(cells: Cells, missing: frozenset[str]) -> Numbers | None:
    levels, codes = cells.levels()
    return numbers_of_levels(levels, codes, missing)


def numbers_of_levels(levels: list[str], codes: Array, missing: frozenset[str]) -> Numbers | None:
    """Return the numbers of rows whose different values are known."""
    if not levels:
        return Numbers(np.empty(0, np.int64), True, False, True)
    if len(levels) > _TOGETHER:
        some = (levels[start : start + _TOGETHER] for start in range(0, len(levels), _TOGETHER))
        found_some = joined_or_none(numbers_of_levels(part, np.arange(len(part)), missing) for part in some)
        return found_some and found_some._replace(values=found_some.values[codes])
    present = [level for level in levels if level not in missing]
    if not PLAIN.matches(present):
        return None
    whole = not any(character in level for level in present for character in _NOT_WHOLE)
    zeros = any(map(_ZEROS.fullmatch, present))
    found = np.array([float("nan") if level in missing else float(level) for level in levels])
    if not whole or not present:
        return Numbers(found[codes], whole, zeros, True)
    if len(present) == len(levels):
        try:
            return Numbers(np.array([int(level) for level in levels], np.int64)[codes], True, zeros, True)
        except (OverflowError, ValueError):  # ValueError: more digits than int() reads
            return Numbers(found[codes], True, zeros, False)
    exact = bool((np.abs(found[~np.isnan(found)]) <= EXACT).all())
    return Numbers(found[codes], True, zeros, exact)


def joined_or_none(parts: Iterable[Numbers | None]) -> Numbers | None:
    """Return the numbers of all rows from those of some rows each; None if some rows have other cells."""
    found = []
    for part in parts:
        if part is None:
            return None
        found.append(part)
    return joined(found)


def joined(parts: Sequence[Numbers]) -> Numbers:
    """Return the numbers of all rows from those of some rows each."""
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    whole = all(part.whole for part in parts)
    exact = all(part.exact for part in parts)
    if whole and exact and values.dtype.kind == "f":
        exact = all(_are_exact(part.values) for part in parts)
    return Numbers(values, whole, any(part.zeros for part in parts), exact)


def _are_exact(values: Array) -> bool:
    """Whether whole numbers are exact in float64."""
    if not len(values) or values.dtype.kind == "f":
        return True
    return int(values.max()) <= EXACT and int(values.min()) >= -EXACT
