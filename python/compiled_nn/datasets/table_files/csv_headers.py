"""Whether the first line of a CSV file has the names of the columns, and these names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ...common.errors import count
from ..texts import shown
from . import column_conversion, date_formats, number_formats
from .table_options import Options

_WHOLE = re.compile(r"[0-9]+")
_YEARS = range(1900, 2101)
_FEWEST_STEPS = 5  # numbers at equal distances that may be names
_LISTED = 5  # names in a message
_FEWEST_ROWS = 3  # of numbers with a decimal mark, below whole numbers


class FirstRow(NamedTuple):
    """First row of a file, and the rows below it.

    Attributes
    ----------
    cells : list of str
        Cells of the first row.
    below : list of list of str
        Cells of each column in the other rows.
    line : int
        Line of the first row.
    quoted : bool
        Whether all cells of the first row are within quotes, and those of no other row.
    """

    cells: list[str]
    below: list[list[str]]
    line: int
    quoted: bool


def has_names(first: FirstRow, options: Options) -> bool:
    """Whether the first row has the names of the columns: as the options say, or by comparison with the rows below.

    Raises
    ------
    ValueError
        If that does not follow from the rows.
    """
    if options.header is not None:
        return options.header
    formats = options.date_format
    by_name = () if isinstance(formats, str) or formats is None else formats
    if any(isinstance(name, str) for name in (*(options.columns or ()), *options.column_types, *by_name)):
        return True
    known = _has_known_names(first, options.known)
    return _differs(first) if known is None else known


def named(names: list[str], line: int) -> list[str]:
    """Return the names of columns; an empty one is replaced as pandas does."""
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        places = [str(i + 1) for i, name in enumerate(names) if name == twice]
        raise ValueError(
            f"line {line}: {count(len(places), 'column')} are named {shown(twice)}: columns {', '.join(places[:10])}; "
            "rename them, or pass header=False if the line has no names"
        )
    return names


def _has_known_names(first: FirstRow, known: frozenset[str]) -> bool | None:
    """Whether the first row has names that are known; None if this does not follow from them.

    A number can be a name or a value, so that one alone tells nothing.
    """
    cells = first.cells
    found = known.intersection(cells)
    if any(not column_conversion.is_typed(name) for name in found):
        return True
    if not found or len(set(cells)) < len(cells):
        return None
    complete = found == known or len(found) == len(cells)
    again = any(cell in below for cell, below in zip(cells, first.below, strict=True))
    if complete and not (again and len(cells) < 3):
        return True
    if 2 * len(found) >= len(cells):
        cell = next(cell for cell in cells if cell in found)
        raise _unclear(first.line, cells.index(cell), cell, "is the name of a column, or a number")
    return None


def _differs(first: FirstRow) -> bool:
    """Whether the first row has names, because it differs from the rows below."""
    cells, below, line = first.cells, first.below, first.line
    data = {i for i, cell in enumerate(cells) if _kind(cell)}
    if data and first.quoted and any(_is_typed_column(below[i]) for i in data):
        return True
    data -= {i for i in data if _is_typed_column(below[i]) and _kind(cells[i]) not in _kinds(below[i])}
    texts = [i for i, cell in enumerate(cells) if i not in data and not column_conversion.is_missing(cell)]
    names = [i for i in texts if _is_typed_column(below[i])]
    again = [i for i in texts if cells[i] in below[i]]
    if not data:
        if names or not again:
            return True
        if len(again) >= len(texts) / 2:
            return False
        raise _unclear(line, again[0], cells[again[0]], "occurs again below")
    if not names and (not texts or again):
        if len(data) == len(cells) and _may_be_names(cells, below):
            numbers = ", ".join(cells[:_LISTED]) + ", ..." * (len(cells) > _LISTED)
            raise ValueError(
                f"line {line}: the numbers {numbers} may be the names of the columns, or the first row; pass "
                "header=True if they are names, header=False if not"
            )
        return False
    raise _unclear(line, texts[0], cells[texts[0]], "is not a number, but other columns of the line are")


def _kind(cell: str) -> str:
    """Return the kind of value that a cell has; "" for text and missing values."""
    if not column_conversion.is_typed(cell):
        return ""
    if number_formats.is_number(cell):
        return "number"
    return "date" if date_formats.looks_like_a_date(cell) else "boolean"


def _kinds(cells: Sequence[str]) -> set[str]:
    return {kind for cell in cells if (kind := _kind(cell))}


def _may_be_names(cells: list[str], below: list[list[str]]) -> bool:
    """Whether numbers in the first row may be names: years, 0, 1, 2, ..., or whole numbers above decimal ones."""
    rows = list(zip(*below, strict=True))
    if not rows or len(cells) < 2 or len(set(cells)) < len(cells):
        return False
    if _are_steps_of_names(cells):
        return not any(map(_are_steps_of_names if len(cells) == 2 else _step, rows))
    if not all(map(_WHOLE.fullmatch, cells)) or len(rows) < _FEWEST_ROWS:
        return False
    present = [cell for row in rows for cell in row if not column_conversion.is_missing(cell)]
    return bool(present) and not any(map(_WHOLE.fullmatch, (cell.lstrip("+-") for cell in present)))


def _are_steps_of_names(cells: Sequence[str]) -> bool:
    """Whether numbers rise in steps that names have."""
    step = _step(cells)
    if not step or step < 0:
        return False
    first, last = float(cells[0]), float(cells[-1])
    if len(cells) >= _FEWEST_STEPS or (first in _YEARS and last in _YEARS):
        return True
    return len(cells) > 2 and first in (0, 1) and step == 1


def _step(cells: Sequence[str]) -> float | None:
    """Return the distance of consecutive numbers, if it is the same; None for other cells."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    steps = {round(after - before, 6) for before, after in pairwise(numbers)}
    return steps.pop() if len(steps) == 1 else None


def _is_typed_column(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells if not column_conversion.is_missing(cell)]
    return bool(present) and all(map(column_conversion.is_typed, present))


def _unclear(line: int, column: int, cell: str, why: str) -> ValueError:
    return ValueError(
        f"line {line}, column {column + 1}: {shown(cell)} {why}, so that it is not clear whether the line has the "
        "names of the columns; pass header=True if it has, header=False if not"
    )
