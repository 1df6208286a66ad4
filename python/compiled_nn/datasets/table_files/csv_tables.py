"""Tables of CSV files: whole, or some rows at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from ...data.table import Table
from .. import limits
from . import column_conversion, csv_arrow, csv_dialects, csv_rows
from .cell_errors import CellError
from .column_cells import Cells, LaterCells, ListCells, Numbers, joined
from .column_conversion import Decided, Form
from .csv_dialects import Layout
from .table_options import Options
from .table_sources import Opened, Utf8, n_breaks, n_of

_SAMPLE = 1 << 18  # bytes from which the layout is detected
_FEWEST_LINES = 4  # of it
_BYTES_PER_CELL = 8
_BREAK = re.compile(rb"\r\n|\n|\r")
_NONE = ListCells(())
_MOST_KEPT = 1 << 16  # different cells of a column that are kept as one object each


def read(opened: Opened, options: Options) -> Table:
    """Read a CSV file; the message of an error begins with its line."""
    budget = limits.Budget(options.max_bytes)
    if opened.size is not None:
        budget.check(opened.size, "the content")
    text, content = Utf8(opened, options.encoding), bytearray()
    while piece := text.read(1 << 22):
        content += piece
        if len(content) > budget.left:
            budget.check(len(content), "the content, of which a part was read,")
    budget.take(len(content), "the content")
    layout = layout_of(content, options, complete=True)
    n_cells = n_of(content, layout.dialect.delimiter) + n_breaks(content)
    budget.check(_BYTES_PER_CELL * n_cells, f"a table of {n_cells} cells")
    columns = Columns(layout, options)
    part = columns.part(memoryview(content)[first_row(content, layout) :], layout.n_lines)
    if not len(part.cells[0]):
        raise no_rows(layout)
    columns.decide(part)
    return columns.table(part, last=True)


def layout_of(content: bytes | bytearray, options: Options, *, complete: bool) -> Layout:
    """Return the layout of a file by its beginning; `complete`: by all of it."""
    size = _SAMPLE
    while size < len(content) and n_breaks(memoryview(content)[:size]) < _FEWEST_LINES:
        size *= 4
    while True:
        sample, whole = bytes(content[:size]).decode("utf-8", "ignore"), len(content) <= size
        try:
            return csv_dialects.detect(sample, options, complete=complete and whole)
        except csv_dialects.OpenQuoteError:
            if whole:
                raise
            size *= 4


def first_row(content: bytes | bytearray, layout: Layout) -> int:
    """Return the place of the first row, after the lines in front of it."""
    place = 0
    for _ in range(layout.n_lines):
        match = _BREAK.search(content, place)
        place = len(content) if match is None else match.end()
    return place


def no_rows(layout: Layout) -> ValueError:
    """Return the error for a file without rows."""
    return ValueError(f"line {max(1, layout.n_lines)}: a header, but no rows below it")


class Part(Protocol):
    """Some rows: the cells of each column that is read, and the lines of rows."""

    cells: list[Cells]

    def line(self, row: int) -> int:
        """Return the line with the end of a row."""


class _ContentPart:
    """Rows of a text in memory; lines are counted when they are needed."""

    def __init__(self, cells: Sequence[Cells], content: memoryview, before: int, columns: Columns) -> None:
        self.cells, self._content, self._before, self._columns = list(cells), content, before, columns

    def line(self, row: int) -> int:
        for block in self._columns.blocks(self._content, self._before, []):
            if row < len(block.lines):
                return block.lines[row]
            row -= len(block.lines)
        raise AssertionError("a reader found more rows than the csv module")


class ListPart:
    """Rows that the csv module split."""

    def __init__(self, cells: Sequence[Cells], lines: Sequence[int]) -> None:
        self.cells, self._lines = list(cells), lines

    def line(self, row: int) -> int:
        return self._lines[row]


class Columns:
    """Columns that are read from a file.

    Parameters
    ----------
    layout : Layout
    options : Options
    typed : bool, default False
        Whether the file itself tells numbers from text, so that the decimal mark of its numbers is known.

    Attributes
    ----------
    forms : list of Form
        Forms of the columns, once they are decided.
    """

    def __init__(self, layout: Layout, options: Options, *, typed: bool = False) -> None:
        self.layout, self._typed = layout, typed
        try:
            self.options = options.for_names(layout.names)
            self.chosen = self.options.selected(layout.names)
        except ValueError as error:
            raise ValueError(f"line {max(1, layout.n_lines)}: {error}") from None
        self.names = [layout.names[i] for i in self.chosen]
        self.forms: list[Form] = []
        self._values: list[Any] = []
        self._empty: set[int] = set()

    # ---- splitting text

    def blocks(self, content: memoryview, before: int, chosen: Sequence[int]) -> Iterator[csv_rows.Block]:
        """Iterate over rows of a text in memory by the csv module."""
        text = csv_rows.lines_of_content(content)
        return csv_rows.blocks(text, self.layout, chosen, before=before, max_bytes=None)

    def part(self, content: memoryview, before: int) -> Part:
        """Return all rows of a text, which `before` lines precede."""
        dialect = self.layout.dialect
        if csv_arrow.takes(content, self.layout):
            quotes = csv_arrow.quotes(content, dialect, last=True)
            if quotes.regular:
                cells = csv_arrow.columns(content, self.layout, self.chosen, quotes.breaks)
                if cells is not None:
                    return _ContentPart(cells, content, before, self)
        return self._by_lists(content, before)

    def _by_lists(self, content: memoryview, before: int) -> Part:
        """Return all rows of a text by the csv module; the text of numbers is not kept."""
        missing = column_conversion.missing_numbers(self.options)
        numbers: list[list[Numbers] | None] = [[] for _ in self.chosen]
        texts: dict[int, _Kept] = {}
        n_rows, again = 0, set()
        for block in self.blocks(content, before, self.chosen):
            for i, cells in enumerate(block.columns):
                parts = numbers[i]
                if parts is not None:
                    some = ListCells(cells).numbers(missing)
                    if some and not column_conversion.stays_text(some, self.names[i], self.options):
                        parts.append(some)
                        continue
                    numbers[i] = None
                    if n_rows:
                        again.add(i)
                if i not in again:
                    texts.setdefault(i, _Kept()).extend(cells)
            n_rows += len(block.lines)

        def read(places: Sequence[int]) -> list[ListCells]:
            kept = [_Kept() for _ in places]
            chosen = [self.chosen[i] for i in places]
            for block in self.blocks(content, before, chosen):
                for each, cells in zip(kept, block.columns, strict=True):
                    each.extend(cells)
            return [ListCells(each.cells) for each in kept]

        order = sorted(again)
        second = dict(zip(order, read(order) if order else [], strict=True))
        found: list[Cells] = []
        for i, parts in enumerate(numbers):
            if parts:
                found.append(LaterCells(joined(parts), i, read))
            else:
                found.append(second.get(i) or ListCells(texts.pop(i).cells if i in texts else []))
            numbers[i] = None
        return _ContentPart(found, content, before, self)

    # ---- values

    @contextmanager
    def _place(self, i: int, part: Part) -> Iterator[None]:
        """Raise a ValueError with line and column for errors of a cell of the column with the index `i`."""
        try:
            yield
        except CellError as error:
            name = f" ({self.names[i]!r})" if self.layout.header else ""
            line = "" if error.row is None else f"line {part.line(error.row)}, "
            raise ValueError(f"{line}column {self.chosen[i] + 1}{name}: {error}") from None

    def decide(self, part: Part) -> None:
        """Find the forms of the columns, and the values of some, from all rows or from the first ones."""
        decided: list[Decided] = []
        for i, cells in enumerate(part.cells):
            with self._place(i, part):
                decided.append(column_conversion.decide(cells, self.names[i], self.options))
        if not self._typed and any(len(each.forms) > 1 or each.fraction == "," for each in decided):
            decided = [
                column_conversion.examined(cells, self.options) if each.fraction == "?" else each
                for each, cells in zip(decided, part.cells, strict=True)
            ]
        forms = column_conversion.resolve(decided)
        for i, several in enumerate(forms):
            if len(several) > 1:
                with self._place(i, part):
                    raise column_conversion.ambiguous(part.cells[i], several, self.options)
        self.forms = [several[0] for several in forms]
        self._values = [each.values for each in decided]
        self._empty = {i for i, place in enumerate(self.chosen) if self._is_empty(place, self._values[i])}
        if len(self._empty) == len(self.chosen):
            self._empty = set()

    def _is_empty(self, place: int, values: Any) -> bool:
        """Whether a column has no name and no values: that behind a delimiter at the end of each line."""
        return place in self.layout.unnamed and values is not None and bool(np.isnan(values).all())

    def table(self, part: Part, *, last: bool = False) -> Table:
        """Return rows as values; `last`: the cells are not needed after it."""
        columns: dict[Any, Any] = {}
        values, self._values = self._values or [None] * len(self.forms), []
        for i, form in enumerate(self.forms):
            with self._place(i, part):
                found = values[i]
                if found is None:
                    found = column_conversion.convert(part.cells[i], form, self.options)
                if i not in self._empty:
                    columns[self.names[i]] = found
                elif (present := ~np.isnan(found)).any():
                    raise CellError(
                        int(np.argmax(present)), "the column has values, but no name; give it one"
                    )
            values[i] = None
            if last:
                part.cells[i] = _NONE
        table = Table(columns)
        table.reading = column_conversion.found_options(self.names, self.forms)
        return table


class _Kept:
    """Cells of a column of text, of which equal ones are one object."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self._known: dict[str, str] = {}

    def extend(self, cells: Sequence[str]) -> None:
        """Append cells."""
        known = self._known
        if len(known) < _MOST_KEPT:
            keep = known.setdefault
            self.cells.extend([keep(cell, cell) for cell in cells])
        else:
            find = known.get
            self.cells.extend([find(cell, cell) for cell in cells])
