"""Rows of a CSV file by pyarrow, where it splits them as the csv module does: columns of cells as text."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from ...data.arrays import Array
from .arrow_cells import ArrowCells, load
from .csv_dialects import Dialect, Layout

_LONGEST = 131_072  # bytes of a cell; the csv module refuses longer ones
_FEWEST_BYTES = 1 << 14  # smaller texts are read by the csv module, which is faster than an import of pyarrow
_BREAKS = tuple(b"\r\n")


def takes(content: Any, layout: Layout) -> bool:
    """Whether pyarrow is to read a text: it is installed, reads the dialect, and is faster."""
    dialect = layout.dialect
    if len(content) < _FEWEST_BYTES * max(1, layout.width // 16) or dialect.escape or dialect.skip_spaces:
        return False
    if not (dialect.delimiter.isascii() and dialect.quote.isascii()):
        return False
    try:
        return find_spec("pyarrow") is not None
    except ValueError:  # hidden by a None in sys.modules
        return False


class Quotes(NamedTuple):
    """Quotes of a text.

    Attributes
    ----------
    regular : bool
        Whether each quote is at the begin or the end of a cell, or doubled, and the last one closes a cell.
    end : int
        End of the last row that is whole.
    breaks : bool
        Whether a line break is within quotes.
    """

    regular: bool
    end: int
    breaks: bool


def quotes(content: Any, dialect: Dialect, *, last: bool) -> Quotes:
    """Examine the quotes of a text that begins with a row; `last`: it ends with one."""
    text = np.frombuffer(content, np.uint8)
    is_quote = text == ord(dialect.quote) if dialect.quote else np.zeros(0, bool)
    if not is_quote.any():
        return Quotes(True, len(text) if last else _last_break(text), False)
    places = np.flatnonzero(is_quote)
    breaks = np.flatnonzero((text == _BREAKS[0]) | (text == _BREAKS[1]))
    inside = np.searchsorted(places, breaks) % 2 == 1
    end = len(text)
    if not last:
        outside = breaks[~inside]
        end = int(outside[-1]) + 1 if len(outside) else 0
        if end == len(text) and text[-1] == _BREAKS[0]:  # a line feed may follow
            end = int(outside[-2]) + 1 if len(outside) > 1 else 0
        n = int(np.searchsorted(places, end))
        places, inside = places[:n], inside[breaks < end]
    regular = len(places) % 2 == 0 and _at_ends(text, places, ord(dialect.delimiter), end)
    return Quotes(regular, end, bool(inside.any()))


def _last_break(text: Array) -> int:
    """Return the end of the last line that is whole; 0 if there is none. A line feed may follow a last return."""
    content = text[: len(text) - (text[-1:] == _BREAKS[0]).sum()].tobytes()
    return max(content.rfind(b"\n"), content.rfind(b"\r")) + 1


def _at_ends(text: Array, places: Array, delimiter: int, end: int) -> bool:
    opening, closing = places[0::2], places[1::2]
    before = text[np.maximum(opening - 1, 0)]
    starts = (opening == 0) | (before == delimiter) | (before == _BREAKS[0]) | (before == _BREAKS[1])
    starts[1:] |= opening[1:] == closing[:-1] + 1  # doubled
    after = text[np.minimum(closing + 1, len(text) - 1)]
    ends = (closing == end - 1) | (after == delimiter) | (after == _BREAKS[0]) | (after == _BREAKS[1])
    ends[:-1] |= closing[:-1] + 1 == opening[1:]
    return bool(starts.all() and ends.all())


def columns(content: Any, layout: Layout, chosen: Sequence[int], breaks: bool) -> list[ArrowCells] | None:
    """Return the cells of the chosen columns; None if pyarrow refuses the text, or a cell is too long.

    Parameters
    ----------
    content : bytes-like
        Text, which begins with a row and has regular quotes.
    layout : Layout
    chosen : sequence of int
        Indices of columns.
    breaks : bool
        Whether a line break is within quotes.
    """
    arrow, csv = load("pyarrow"), load("pyarrow.csv")
    names = [str(i) for i in range(layout.width)]
    wanted = [names[i] for i in chosen]
    try:
        table = csv.read_csv(
            arrow.BufferReader(arrow.py_buffer(content)),
            read_options=csv.ReadOptions(column_names=names),
            parse_options=csv.ParseOptions(
                delimiter=layout.dialect.delimiter,
                quote_char=layout.dialect.quote or False,
                newlines_in_values=breaks,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, arrow.string()),
                include_columns=wanted,
                null_values=[],
                quoted_strings_can_be_null=False,
            ),
        )
    except arrow.ArrowInvalid:
        return None
    found = [table.column(i) for i in range(table.num_columns)]
    if any(_longest(cells) > _LONGEST for cells in found):
        return None
    return [ArrowCells(cells) for cells in found]


def _longest(cells: Any) -> int:
    """Return the number of bytes of the longest cell."""
    most = 0
    for chunk in cells.chunks:
        if len(chunk):
            ends = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            most = max(most, int(np.diff(ends).max()))
    return most
