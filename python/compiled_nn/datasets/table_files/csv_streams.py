"""Tables of CSV files, some rows at a time: of files, and of pipes whose rows are read as they arrive."""

from __future__ import annotations

import copy
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...data.table import Table
from . import csv_arrow, csv_rows
from .column_cells import ListCells
from .csv_dialects import Layout
from .csv_tables import Columns, ListPart, Part, first_row, layout_of, no_rows
from .table_options import Options
from .table_sources import Opened, Utf8, n_breaks

_CHUNK = 1 << 23  # bytes that are read together
_SMALLEST_CHUNK = 1 << 16
_SAMPLE_BLOCKS = 128  # of rows that the csv module reads, from which types are detected
_PAUSE = 0.1  # seconds without a byte, after which the rows of a pipe are read that have arrived
_LONGEST_WAIT = 0.5  # seconds for the bytes of a pipe that arrives without pauses
_SETTLED_ROWS = 200  # rows that settle the layout of a file without known names


class Places:
    """Lines of the rows of a file that is read some rows at a time."""

    def __init__(self) -> None:
        self._first: list[int] = []  # row of each part
        self._before: list[int] = []  # lines in front of it
        self._parts: list[Part | None] = []  # None: one line per row

    def add(self, row: int, before: int, part: Part | None) -> None:
        """Note the part that begins with a row."""
        self._first.append(row)
        self._before.append(before)
        self._parts.append(part)

    def forget(self, row: int) -> None:
        """Free the memory of parts that end before a row."""
        for i in range(bisect_right(self._first, row) - 1):
            if self._parts[i] is not None:
                self._parts[i], self._before[i] = None, -1

    def line(self, row: int) -> int | None:
        """Return the line with the end of a row; None if it is not known any more."""
        i = bisect_right(self._first, row) - 1
        if i < 0 or self._before[i] < 0:
            return None
        part, row = self._parts[i], row - self._first[i]
        return self._before[i] + row + 1 if part is None else part.line(row)


def iterate(
    opened: Opened, options: Options, batch_rows: int, places: Places | None = None
) -> Iterator[Table]:
    """Iterate over the rows of a CSV file, of which only some are in memory together."""
    stream = _Stream(opened, options, Places() if places is None else places)
    parts: list[Table] = []
    n_rows = n_done = 0
    for table in stream.tables():
        parts.append(table)
        n_rows += len(table)
        while n_rows >= batch_rows or (n_rows and stream.flows):
            whole = Table.concatenate(parts) if len(parts) > 1 else parts[0]
            yield whole.take(slice(0, batch_rows))
            parts = [whole.take(slice(batch_rows, None))]
            n_done += n_rows - len(parts[0])
            n_rows = len(parts[0])
            stream.places.forget(n_done)
    if n_rows:
        yield Table.concatenate(parts)


def line_of(opened: Opened, options: Options, row: int) -> int | None:
    """Return the line with the end of a row, counted from 0; None if the file has fewer rows."""
    text = Utf8(opened, options.encoding)
    content, ended = _more(b"", text, _CHUNK)
    layout = layout_of(content, options, complete=ended)
    lines = _lines(content[first_row(content, layout) :], text)
    for block in csv_rows.blocks(lines, layout, [], before=layout.n_lines, max_bytes=options.max_bytes):
        if row < len(block.lines):
            return block.lines[row]
        row -= len(block.lines)
    return None


class _Stream:
    """Rows of a file, in parts of any size.

    The rows of a pipe are read as they arrive where their types are known, and the names of the columns are found in
    the first line. What is decided by such rows, such as the decimal mark, is decided again if later rows (of the first
    8 MiB) contradict; if that changes a value of earlier rows, it is an error.

    Attributes
    ----------
    flows : bool
        Whether rows are read as they arrive.
    places : Places
        Lines of the rows.
    """

    def __init__(self, opened: Opened, options: Options, places: Places) -> None:
        self._file, self._text, self._options = opened.file, Utf8(opened, options.encoding), options
        self._size = min(_CHUNK, max(_SMALLEST_CHUNK, options.max_bytes // 16))
        self.flows = options.choose is not None and opened.file.has_pauses
        self.places = places
        self._n_rows = 0
        self._is_early = self.flows
        self._sample = bytearray()  # the first rows of a pipe
        self._early: list[Table] = []  # and their values

    def tables(self) -> Iterator[Table]:
        """Iterate over the rows; their types are decided by the first part."""
        content, ended = self._more(b"", self._is_settled)
        layout = layout_of(content, self._options, complete=ended)
        columns = Columns(layout, self._options)
        rows, before = content[first_row(content, layout) :], layout.n_lines
        for part, text in self._parts(columns, rows, before, ended=ended):
            columns, table = self._table(columns, part, text)
            n, n_lines = len(table), n_breaks(text)
            is_even = n == n_lines + (bytes(text[-1:]) not in (b"", b"\n", b"\r"))
            self.places.add(self._n_rows, before, None if is_even else part)
            self._n_rows, before = self._n_rows + n, before + n_lines
            yield table
        if not self._n_rows:
            raise no_rows(layout)

    # ---- text

    def _more(self, content: bytes, is_enough: Callable[[bytes], bool]) -> tuple[bytes, bool]:
        """Return text followed by more, and whether it ends there."""
        if not self.flows:
            return _more(content, self._text, self._size)
        found, most, start = content, len(content) + self._size, time.monotonic()
        while len(found) < most:
            waits = time.monotonic() - start > _LONGEST_WAIT or self._file.pauses(_PAUSE)
            if waits and is_enough(found):
                return found, False
            piece = self._text.read(most - len(found))
            if not piece:
                return found, True
            found += piece
        return found, False

    def _is_settled(self, content: bytes) -> bool:
        """Whether the first rows of a pipe tell its columns: by known names in its first line, or by many rows."""
        if n_breaks(content) < 2:
            return False
        try:
            layout = layout_of(content, self._options, complete=False)
        except ValueError:
            return False
        names = layout.header and not self._options.known.isdisjoint(layout.names)
        return (names or n_breaks(content) > _SETTLED_ROWS) and self._has_row(
            content[first_row(content, layout) :], layout
        )

    def _has_row(self, content: bytes, layout: Layout) -> bool:
        """Whether text contains a whole row."""
        return csv_arrow.quotes(content, layout.dialect, last=False).end > 0

    def _parts(
        self, columns: Columns, content: bytes, before: int, *, ended: bool
    ) -> Iterator[tuple[Part, memoryview]]:
        """Iterate over parts, with their text; that of rows whose quotes only the csv module can read is empty."""
        layout = columns.layout
        longest = max(self._size, self._options.max_bytes // 16)
        while content:
            found = csv_arrow.quotes(content, layout.dialect, last=ended)
            if not found.regular or (found.end == 0 and len(content) > longest):
                yield from ((part, memoryview(b"")) for part in self._by_lines(columns, content, before))
                return
            if found.end:
                rows = memoryview(content)[: found.end]
                part = columns.part(rows, before)
                if len(part.cells[0]):
                    yield part, rows
                before += n_breaks(rows)
                content = content[found.end :]
            if ended:
                return
            content, ended = self._more(content, lambda found: self._has_row(found, layout))

    def _by_lines(self, columns: Columns, content: bytes, before: int) -> Iterator[Part]:
        """Iterate over the rows of text whose quotes only the csv module can read."""
        lines, most = _lines(content, self._text), self._options.max_bytes
        sample: list[csv_rows.Block] = []
        for block in csv_rows.blocks(lines, columns.layout, columns.chosen, before=before, max_bytes=most):
            sample.append(block)
            if columns.forms or len(sample) == _SAMPLE_BLOCKS:
                yield _listed(sample)
                sample = []
        if sample:
            yield _listed(sample)

    # ---- values

    def _table(self, columns: Columns, part: Part, text: memoryview) -> tuple[Columns, Table]:
        """Return the values of a part, and the columns, which may have been decided again."""
        if not self._n_rows:
            columns.decide(part)
        self._is_early &= len(text) > 0 and len(self._sample) + len(text) <= self._size
        if not self._is_early:
            self._early, self._sample = [], bytearray()
            return columns, columns.table(part)
        self._sample += text
        try:
            table = columns.table(part)
        except ValueError:
            if not self._early:
                raise
            columns, table = self._decided_again(columns)
        self._early.append(table)
        return columns, table

    def _decided_again(self, columns: Columns) -> tuple[Columns, Table]:
        """Return columns with forms that follow from all rows up to now, and the values of the last part.

        Raises
        ------
        ValueError
            If there are none, or a value of an earlier row has been another one.
        """
        columns = copy.copy(columns)
        whole = columns.part(memoryview(bytes(self._sample)), columns.layout.n_lines)
        columns.decide(whole)
        table, early = columns.table(whole), Table.concatenate(self._early)
        for name, values in early.to_dict().items():
            again = table[name][: len(early)]
            (changed,) = np.nonzero(~_are_equal(values, again))
            if len(changed):
                row = int(changed[0])
                raise ValueError(
                    f"line {whole.line(row)}, column {name!r}: {again[row]} by later rows, but {values[row]} by the "
                    "rows that had arrived; pass the form of its values with decimal=..., thousands=... or "
                    "date_format=..."
                )
        return columns, table.take(slice(len(early), None))


def _are_equal(first: Any, second: Any) -> Any:
    """Return which values are equal, or both missing."""
    if first.dtype.kind != second.dtype.kind and "O" in (first.dtype.kind, second.dtype.kind):
        return np.zeros(len(first), bool)
    return (first == second) | ((first != first) & (second != second))


def _more(content: bytes, text: Utf8, size: int) -> tuple[bytes, bool]:
    """Return text followed by about `size` bytes more, and whether it ends there."""
    found, most = bytearray(content), len(content) + size
    while len(found) < most:
        piece = text.read(most - len(found))
        if not piece:
            return bytes(found), True
        found += piece
    return bytes(found), False


def _lines(content: bytes, text: Utf8) -> Any:
    """Return the lines of text in memory and of what follows it."""
    pieces = iter([content])
    return csv_rows.lines_of(lambda: next(pieces, b"") or text.read())


def _listed(blocks: Sequence[csv_rows.Block]) -> ListPart:
    """Return the rows of some blocks."""
    columns = zip(*(block.columns for block in blocks), strict=True)
    lines = [line for block in blocks for line in block.lines]
    return ListPart([ListCells([cell for part in parts for cell in part]) for parts in columns], lines)
