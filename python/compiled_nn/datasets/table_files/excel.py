"""Tables of Excel files."""

from __future__ import annotations

import datetime
import io
import zipfile
import zlib
from typing import Any

from ...common import optional
from ...common.errors import did_you_mean
from ...data.table import Table
from .. import limits
from . import csv_dialects
from .column_cells import ListCells
from .csv_tables import Columns, ListPart
from .table_options import Options, listed
from .table_sources import Opened

_ERRORS = frozenset(("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"))
_BYTES_PER_CELL = 64
# Exceptions of openpyxl, and of the modules for archives and XML, for damaged files.
_DAMAGES = (
    *(KeyError, TypeError, AttributeError, IndexError, OverflowError, SyntaxError, EOFError, OSError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError),
)


def read(opened: Opened, options: Options) -> Table:
    """Read a sheet."""
    openpyxl = optional.load("openpyxl", purpose="reading Excel files", library="openpyxl", extra="excel")
    budget = limits.Budget(options.max_bytes)
    content = io.BytesIO(opened.file.whole(budget, opened.size))
    _check_archive(content, budget)
    options = options._replace(missing=options.missing | _ERRORS)
    try:
        book = openpyxl.load_workbook(content, read_only=True, data_only=True, keep_links=False)
        rows, lines = _rows(_sheet(book, options), options, budget)
    except _DAMAGES as error:
        raise ValueError(f"it is a damaged Excel file: {error}") from error
    layout = csv_dialects.layout_of(rows, lines, options)
    body = [(row, line) for row, line in zip(rows, lines, strict=True) if line > layout.n_lines]
    if not body:
        raise ValueError(f"line {max(1, layout.n_lines)}: a header, but no rows below it")
    columns = Columns(layout, options, typed=True)
    cells = [ListCells([row[i] for row, _ in body]) for i in columns.chosen]
    part = ListPart(cells, [line for _, line in body])
    columns.decide(part)
    return columns.table(part)


def _check_archive(content: io.BytesIO, budget: limits.Budget) -> None:
    """Raise a ValueError if the file is not one of Excel, or its parts are larger than a budget."""
    try:
        with zipfile.ZipFile(content) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(f"it is a damaged Excel file: {error}") from error
    names = {member.filename for member in members}
    if any(name.endswith(".npy") for name in names):
        raise ValueError("it is an npz file, which read_npz reads")
    if "[Content_Types].xml" not in names:
        raise ValueError("it is a zip archive of other content than an Excel file")
    for member in members:
        budget.take(member.file_size, f"the part {member.filename}")


def _sheet(book: Any, options: Options) -> Any:
    sheets = book.worksheets
    titles = [sheet.title for sheet in sheets]
    if isinstance(options.sheet, str):
        if options.sheet not in titles:
            hint = did_you_mean(options.sheet, titles)
            raise ValueError(f"no sheet is named {options.sheet!r}; the sheets are {listed(titles)}.{hint}")
        return sheets[titles.index(options.sheet)]
    if (options.sheet or 0) >= len(sheets):
        raise ValueError(
            f"there is no sheet {options.sheet or 0}, counted from 0; the file has {len(sheets)}"
        )
    return sheets[options.sheet or 0]


def _rows(sheet: Any, options: Options, budget: limits.Budget) -> tuple[list[list[str]], list[int]]:
    """Return the cells of the rows that are not empty, as text, and their numbers."""
    sheet.reset_dimensions()
    decimal = options.decimal or "."
    rows, lines = [], []
    for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
        row = [_text(value, decimal) for value in values]
        while row and not row[-1]:
            row.pop()
        if row:
            budget.take(_BYTES_PER_CELL * len(row) + sum(map(len, row)), f"line {line}")
            rows.append(row)
            lines.append(line)
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows], lines


def _text(value: Any, decimal: str) -> str:
    """Return a cell as it would be in a CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value).strip()
