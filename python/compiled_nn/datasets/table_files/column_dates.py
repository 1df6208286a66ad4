"""Formats of the dates of columns: given, or detected from all cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..texts import shown
from . import date_formats
from .cell_errors import CellError, row_of
from .column_cells import Cells


def maybe_format(present: Sequence[str], name: Any, given: str | None, hint: str | None) -> str:
    """Return the format of dates; "" if the cells are not dates."""
    if given is not None:
        if (
            date_formats.parse(present[:1], given)[0] is not None
            and date_formats.parse(present, given)[0] is not None
        ):
            return given
        return ""
    found = _detected(present, name, hint)
    return found or ""


def _detected(present: Sequence[str], name: Any, hint: str | None) -> str | None:
    """Return the format of dates, of two possible ones the `hint`; None if the cells are not dates of one format."""
    try:
        found = date_formats.detect(present)
        return None if found is None else found.format
    except date_formats.AmbiguousDatesError as error:
        if hint in error.formats:
            return hint
        first, second = error.formats
        raise CellError(
            None,
            f"in {shown(error.cell)} and all other dates, day and month may be in either order; pass "
            f"date_format={first!r} or date_format={second!r}, or column_types={{{name!r}: 'category'}}",
        ) from None


def format_of(cells: Cells, present: Sequence[str], name: Any, given: str | None, hint: str | None) -> str:
    """Return the format of a column of dates; raise a CellError if a cell is none."""
    if not present:
        return date_formats.ISO
    if given is not None:
        bad = date_formats.parse(present, given)[1]
        if bad >= 0:
            raise CellError(
                row_of(cells, present[bad]), f"{shown(present[bad])} is not a date of the format {given!r}"
            )
        return given
    found = _detected(present, name, hint)
    if found is not None:
        return found
    for cell in present:
        try:
            alone = date_formats.detect([cell])
        except date_formats.AmbiguousDatesError:
            continue
        if alone is None:
            raise CellError(
                row_of(cells, cell), f"{shown(cell)} is not a date of a known format; pass date_format=..."
            )
    raise CellError(
        row_of(cells, present[-1]), "the dates of the column have several formats; pass date_format=..."
    )
