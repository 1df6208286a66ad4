"""Dialect of a CSV file, from its first rows: delimiter, quotes, and whether the first line has the names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from . import column_conversion, csv_headers
from .table_options import Options

_DELIMITERS = (",", ";", "\t", "|")
_ROWS, _CELLS = 200, 5000  # that are examined
_SEPARATOR = re.compile(r'\s*"?sep=(.)"?\s*(?:\r\n|\n|\r|$)', re.IGNORECASE)
MOST_COLUMNS = 1 << 18


class Dialect(NamedTuple):
    """How the text of a file is split into cells.

    Attributes
    ----------
    delimiter : str
        Character between two cells.
    quote : str
        Character around cells; "" for none.
    escape : bool
        Whether a backslash is in front of quotes within quotes; otherwise they are doubled.
    skip_spaces : bool
        Whether spaces after a delimiter are skipped, so that a quote may follow.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: bool = False
    skip_spaces: bool = False

    def rows(self, lines: Iterable[str]) -> Any:
        """Return a `csv.reader` of lines."""
        options: dict[str, Any] = {"delimiter": self.delimiter, "strict": True}
        options["skipinitialspace"] = self.skip_spaces
        if self.escape:
            options |= {"doublequote": False, "escapechar": "\\"}
        if not self.quote:
            return csv.reader(lines, quoting=csv.QUOTE_NONE, **options)
        return csv.reader(lines, quotechar=self.quote, **options)


class OpenQuoteError(ValueError):
    """The first row of a text has a quote that is not closed."""


class Layout(NamedTuple):
    """Dialect of a file, its columns, and where its rows begin.

    Attributes
    ----------
    dialect : Dialect
    names : list of str or int
        Names of the columns.
    width : int
        Number of cells of a row: that of `names`, or one more if all rows end with a delimiter.
    n_lines : int
        Number of lines in front of the first row.
    header : bool
        Whether one of these lines has the names.
    unnamed : frozenset of int
        Indices of columns without a name in the header.
    """

    dialect: Dialect
    names: list[Any]
    width: int
    n_lines: int
    header: bool
    unnamed: frozenset[int] = frozenset()


class _Trial(NamedTuple):
    dialect: Dialect
    rows: list[list[str]]
    lines: list[int]  # of the rows
    whole: bool  # whether the csv module read the sample to its end
    quoted: bool = False  # whether all cells of the first row are within quotes, and those of no other row

    @property
    def even(self) -> bool:
        """Whether all rows have the same number of cells, or end with a delimiter."""
        return (self.whole and len({*map(len, self.rows)}) == 1) or self.trailing

    @property
    def trailing(self) -> bool:
        """Whether all rows below the first one have one more cell, which is empty."""
        if not self.whole or len(self.rows) < 2:
            return False
        width = len(self.rows[0]) + 1
        return all(len(row) == width and not row[-1].strip() for row in self.rows[1:])

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    def typed(self) -> float:
        """Return the share of cells that are numbers, dates or booleans."""
        cells = [cell.strip() for cell in islice(chain.from_iterable(self.rows), _CELLS)]
        present = [cell for cell in cells if not column_conversion.is_missing(cell)]
        return sum(map(column_conversion.is_typed, present)) / max(1, len(present))


def detect(sample: str, options: Options, *, complete: bool) -> Layout:
    """Return the layout of a file.

    Parameters
    ----------
    sample : str
        Beginning of the file.
    options : Options
    complete : bool
        Whether it is all of the file.

    Raises
    ------
    ValueError
        If the file has no rows, or a part of the layout does not follow from the sample and is not given.
    """
    before, delimiters = 0, _DELIMITERS if options.delimiter is None else (options.delimiter,)
    if (match := _SEPARATOR.match(sample)) and options.delimiter in (None, match[1]):
        before, delimiters = (
            sample[: match.end()].count("\n") or sample[: match.end()].count("\r"),
            (match[1],),
        )
        sample = sample[match.end() :]
    lines = _whole_lines(sample, complete)
    trial = _best(lines, delimiters, options)
    trial = trial._replace(quoted=_only_first_is_quoted(lines, trial))
    if not trial.rows and not trial.whole:
        line, quote = before + 1, trial.dialect.quote
        raise OpenQuoteError(
            f"line {line}: a quote {quote} is not closed before the end of the file; double quotes within a cell, or "
            'pass quote="" if the file has no quotes'
        )
    return _layout(trial, options, before)


def _only_first_is_quoted(lines: list[str], trial: _Trial) -> bool:
    """Whether all cells of the first row are within quotes, and those of no other row."""
    quote, most = trial.dialect.quote, 2 * trial.width
    if not quote or not trial.rows:
        return False
    n_first, n_lines = trial.lines[0], trial.lines[-1]
    return sum(line.count(quote) for line in lines[:n_first]) == most and all(
        line.count(quote) < most for line in lines[n_first:n_lines]
    )


def layout_of(rows: list[list[str]], lines: list[int], options: Options) -> Layout:
    """Return the layout of a table whose rows are known, with the numbers of their lines."""
    return _layout(_Trial(Dialect(), rows[:_ROWS], lines[:_ROWS], True), options, 0)


def _layout(trial: _Trial, options: Options, before: int) -> Layout:
    if not trial.rows:
        raise ValueError("line 1: the file holds no rows")
    if trial.width > MOST_COLUMNS:
        raise ValueError(
            f"line {trial.lines[0] + before}: the row has more than {MOST_COLUMNS} columns; write such data to a "
            "Parquet file"
        )
    first = [cell.strip() for cell in trial.rows[0]]
    first_line = trial.lines[0] + before
    body = [row for row in trial.rows[1:] if len(row) >= len(first)]
    below = [[row[i].strip() for row in body] for i in range(len(first))]
    width = trial.width + trial.trailing
    if not csv_headers.has_names(csv_headers.FirstRow(first, below, first_line, trial.quoted), options):
        return Layout(trial.dialect, list(range(width)), width, before, False)
    names = first + [""] * trial.trailing
    unnamed = frozenset(i for i, name in enumerate(names) if not name)
    return Layout(trial.dialect, csv_headers.named(names, first_line), width, first_line, True, unnamed)


def _whole_lines(sample: str, complete: bool) -> list[str]:
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", sample)
    return lines if complete or len(lines) < 2 else lines[:-1]


def _trial(lines: list[str], dialect: Dialect) -> _Trial:
    reader = dialect.rows(lines)
    rows: list[list[str]] = []
    numbers: list[int] = []
    whole = True
    try:
        for row in reader:
            if not row or (len(row) == 1 and row[0].isspace()):
                continue
            rows.append(row)
            numbers.append(reader.line_num)
            if len(rows) == _ROWS:
                break
    except csv.Error:
        whole = False
    return _Trial(dialect, rows, numbers, whole)


def _best(lines: list[str], delimiters: Sequence[str], options: Options) -> _Trial:
    """Return the trial with the dialect of the file."""
    trials = list(_trials(lines, delimiters, options))
    even = [trial for trial in trials if trial.even and trial.width > 1]
    if not even and len(delimiters) > 1 and (spaced := _spaced(lines, options)):
        return spaced
    if len(even) > 1:
        ranks = [(round(trial.typed(), 6), trial.width) for trial in even]
        best = max(ranks)
        chosen = [trial for trial, rank in zip(even, ranks, strict=True) if rank == best]
        if len({trial.dialect.delimiter for trial in chosen}) > 1:
            marks = " or ".join(repr(trial.dialect.delimiter) for trial in chosen)
            raise ValueError(f"line {chosen[0].lines[0]}: the delimiter may be {marks}; pass delimiter=...")
        return chosen[0]
    return even[0] if even else max(trials, key=_likeness)


def _likeness(trial: _Trial) -> tuple[float, int]:
    """Return the share of rows that have as many cells as the first one, where it has several."""
    if trial.width < 2:
        return 0, 0
    same = sum(len(row) == trial.width for row in trial.rows)
    return same / len(trial.rows), trial.width


def _trials(lines: list[str], delimiters: Sequence[str], options: Options) -> Iterator[_Trial]:
    text = "".join(lines)
    for delimiter in delimiters:
        quote = '"' if options.quote is None and delimiter != '"' else options.quote or ""
        trial = _trial(lines, Dialect(delimiter, quote))
        mark, end = re.escape(quote), re.escape(delimiter)
        if quote and delimiter != " " and re.search(rf"{end} +{mark}", text):
            trial = _better(trial, _trial(lines, trial.dialect._replace(skip_spaces=True)))
        if quote and f"\\{quote}" in text:
            trial = _better(trial, _trial(lines, trial.dialect._replace(escape=True)))
        if options.quote is None and '"' not in text and "'" in text and delimiter != "'":
            trial = _apostrophes(trial, _trial(lines, Dialect(delimiter, "'")))
        yield trial._replace(dialect=trial.dialect._replace(skip_spaces=True)) if delimiter == " " else trial


def _better(first: _Trial, second: _Trial) -> _Trial:
    """Return the second trial if it is even; of two such, the first one unless it has quotes within its cells."""
    if not second.even:
        return first
    stray = any(first.dialect.quote in cell for row in first.rows for cell in row)
    return second if not first.even or stray else first


def _apostrophes(plain: _Trial, quoted: _Trial) -> _Trial:
    """Return the trial with apostrophes as quotes, if they are around all cells of a column or hold a delimiter."""
    if not quoted.even:
        return plain
    if not plain.even:
        return quoted
    body = plain.rows[1:] or plain.rows
    for column in zip(*(row for row in body if len(row) == len(body[0])), strict=True):
        cells = [cell.strip() for cell in column if cell.strip()]
        if cells and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells):
            return quoted
    return plain


def _spaced(lines: list[str], options: Options) -> _Trial | None:
    """Return the trial with spaces as delimiters, if they make even rows with a column of numbers or dates."""
    (trial,) = _trials(lines, (" ",), options)
    trial = _trial(lines, trial.dialect)
    if not trial.even or trial.width < 2 or len(trial.rows) < 2:
        return None
    columns = zip(*(row[: trial.width] for row in trial.rows[1:]), strict=True)
    typed = any(all(column_conversion.is_typed(cell) for cell in column) for column in columns)
    return trial if typed else None
