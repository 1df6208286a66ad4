"""Rows of a CSV file by the csv module: some of them at a time, as columns of cells."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat
from operator import attrgetter
from typing import Any, NamedTuple

from .csv_dialects import MOST_COLUMNS, Layout

_BYTES_PER_CHARACTER = 16  # of a line and its cells
_SHORT = 1 << 16  # characters that are read together whatever `max_bytes` is
_ROWS, _CELLS = 512, 1 << 18  # of a block; with more rows, the garbage collector takes most of the time


class Block(NamedTuple):
    """Some rows.

    Attributes
    ----------
    columns : list of sequence of str
        Cells of each chosen column.
    lines : sequence of int
        Line with the end of each row.
    """

    columns: list[Sequence[str]]
    lines: Sequence[int]


class _Raw(io.RawIOBase):
    """Binary file of a function that returns some bytes, b"" at the end."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read, self._rest = read, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not len(self._rest):
            self._rest = memoryview(self._read())
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n


def lines_of(read: Callable[[], bytes]) -> io.TextIOWrapper:
    """Return the lines of UTF-8 text that a function returns in pieces; b"" is its end."""
    raw = io.BufferedReader(_Raw(read), 1 << 20)
    return io.TextIOWrapper(raw, encoding="utf-8", newline="")


def lines_of_content(content: Any) -> io.TextIOWrapper:
    """Return the lines of UTF-8 text in memory."""
    pieces = iter([content])
    return lines_of(lambda: next(pieces, b""))


class _Lines:
    """Lines of a text; those that are in memory together take at most `max_bytes`."""

    def __init__(self, text: io.TextIOWrapper, delimiter: str, before: int, max_bytes: int) -> None:
        self._text, self._delimiter, self._before = text, delimiter, before
        self._max_bytes = max_bytes
        self._most = max(_SHORT, min(max_bytes // _BYTES_PER_CHARACTER, sys.maxsize))
        self.left = self._most

    def start(self) -> None:
        """Begin a block of rows."""
        self.left = self._most

    def __iter__(self) -> Iterator[str]:
        number, read = self._before, self._text.readline
        while line := read(self._most):
            number += 1
            self.left -= len(line)
            if self.left < 0 or (len(line) == self._most and line[-1] not in "\r\n"):
                raise ValueError(
                    f"line {number}: the row has {self._most} characters or more, which may take {self._max_bytes} "
                    f"bytes of memory; max_bytes is {self._max_bytes}. If the file is to be trusted, pass a larger "
                    "max_bytes"
                )
            if len(line) > MOST_COLUMNS and line.count(self._delimiter) >= MOST_COLUMNS:
                raise ValueError(
                    f"line {number}: the row has more than {MOST_COLUMNS} columns; write such data to a Parquet file"
                )
            yield line


def blocks(
    text: io.TextIOWrapper, layout: Layout, chosen: Sequence[int], *, before: int, max_bytes: int | None
) -> Iterator[Block]:
    """Iterate over the rows of a text, some at a time.

    Parameters
    ----------
    text : text file
        Text, at the begin of the first row.
    layout : Layout
    chosen : sequence of int
        Indices of the columns to return.
    before : int
        Number of lines in front of the text, for errors.
    max_bytes : int or None
        Largest number of bytes of memory for some rows; None for a text that is in memory already.

    Raises
    ------
    ValueError
        If a row has another number of columns than the others, or its quotes are wrong. The message begins with its
        line.
    """
    lines = None if max_bytes is None else _Lines(text, layout.dialect.delimiter, before, max_bytes)
    reader = layout.dialect.rows(text if lines is None else iter(lines))
    numbered = zip(reader, map(attrgetter("line_num"), repeat(reader)), strict=False)
    n_rows = max(1, min(_ROWS, _CELLS // max(1, layout.width)))
    end = 0
    while True:
        if lines is not None:
            lines.start()
        found: list[tuple[list[str], int]] = []
        try:
            found.extend(islice(numbered, n_rows))
        except csv.Error as error:
            last = found[-1][1] if found else end
            raise _refusal(error, layout, before + last + 1, before + reader.line_num) from error
        if not found:
            return
        rows, ends = zip(*found, strict=True)
        if {*map(len, rows)} != {layout.width}:
            kept = _checked(found, layout, before)
            rows, ends = tuple(row for row, _ in kept), tuple(end for _, end in kept)
        end = found[-1][1]
        if rows:
            columns = list(zip(*rows, strict=True))
            yield Block([columns[i] for i in chosen], array("q", [before + line for line in ends]))


def _checked(
    found: Sequence[tuple[list[str], int]], layout: Layout, before: int
) -> list[tuple[list[str], int]]:
    """Return rows without blank lines; raise a ValueError for a row with another number of columns."""
    kept = []
    for row, end in found:
        if not row or (len(row) == 1 < layout.width and not row[0].strip()):
            continue
        if len(row) != layout.width:
            raise _ragged(row, layout, before + end)
        kept.append((row, end))
    return kept


def _ragged(row: Sequence[str], layout: Layout, line: int) -> ValueError:
    n, width, delimiter = len(row), layout.width, layout.dialect.delimiter
    first = "the header" if layout.header else "the first row"
    advice = f"check the delimiter, which is {delimiter!r}"
    if row[0].lstrip().startswith("#"):
        advice = "lines with comments are not skipped, so remove them"
    elif n > width:
        advice = "put quotes around cells that have the delimiter" + f" {delimiter!r}"
        if layout.header and n == width + 1:
            advice += ", or give a name to the first column if its header is missing"
    elif n == 1:
        advice = "remove lines that are not rows of the table"
    return ValueError(f"line {line}: {n} column{'s' * (n != 1)}; {first} has {width}; {advice}")


def _refusal(error: csv.Error, layout: Layout, start: int, line: int) -> ValueError:
    """Return the error for a row whose quotes are wrong; `start` is its first line."""
    text, quote = str(error), layout.dialect.quote
    if "unexpected end of data" in text:
        what = f"line {start}: a quote {quote} is not closed before the end of the file"
    elif "field larger" in text:
        what = f"line {start}: a cell has more than {csv.field_size_limit()} characters: a quote may be open"
    elif "expected after" in text:
        what = f"line {line}: a closing quote {quote} is not followed by the delimiter {layout.dialect.delimiter!r}"
    else:
        return ValueError(f"line {line}: {text}")
    return ValueError(f'{what}; double quotes within a cell, or pass quote="" if the file has no quotes')
