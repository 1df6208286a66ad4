"""Tables of files: CSV, Parquet, Arrow and Excel."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..common import checks, optional
from ..common.errors import did_you_mean
from ..data import dataframes
from ..data.column_types import Word
from ..data.table import Table
from . import limits

__all__ = ["Table", "iter_table", "read_table"]

_MISSING = frozenset(("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "-"))


def read_table(
    source: Any,
    *,
    column_types: Mapping[Any, Word] | None = None,
    columns: Sequence[str | int] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | Mapping[Any, str] | None = None,
    missing: Sequence[str] | None = None,
    sheet: str | int | None = None,
    max_bytes: int = limits.MAX_BYTES,
) -> Table:
    """Read a table from a file.

    Parameters
    ----------
    source : path-like or file object
        File.
    column_types : mapping of str or int to {"number", "category", "date", "ignore"}, optional
        Types of columns by their names.
    columns : sequence of str or int, optional
        Names of the columns to read, in this order.
    header : bool, optional
        Whether the first line has the names of the columns.
    delimiter, quote, encoding, decimal, thousands : str, optional
        Details of a CSV file.
    date_format : str or mapping of str or int to str, optional
        Format of dates.
    missing : sequence of str, optional
        Further spellings of a missing value.
    sheet : str or int, optional
        Sheet of an Excel file.
    max_bytes : int, default 4 GiB
        Largest number of bytes of memory that the content may take.

    Returns
    -------
    Table
    """
    import csv

    checks.integer("read_table", "max_bytes", max_bytes, minimum=1)
    name = "the file"
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        with open(source, "rb") as file:
            content = file.read()
    else:
        content = source.read()
    if content[:4] == b"PAR1":
        parquet = optional.load(
            "pyarrow.parquet", purpose="reading Parquet", library="pyarrow", extra="arrow"
        )
        found = parquet.read_table(io.BytesIO(content))
        return Table(dict(dataframes.columns(found)))
    text = content.decode(encoding or "utf-8-sig")
    if delimiter is None:
        line = text.split("\n", 1)[0]
        delimiter = max(",;\t|", key=line.count)
    cells = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not cells:
        raise ValueError(f"{name}, line 1: the file holds no rows")
    types = dict(column_types or {})
    if header is None:
        header = not any(_number(cell) is not None for cell in cells[0])
    names: list[Any] = cells[0] if header else list(range(len(cells[0])))
    for wanted in [*types, *(columns or ())]:
        if wanted not in names:
            raise ValueError(f"{name}: no column is named {wanted!r}.{did_you_mean(wanted, names)}")
    read = {}
    for i, (title, values) in enumerate(zip(names, zip(*cells[bool(header) :], strict=True), strict=True)):
        word = types.get(title)
        if word != "ignore":
            read[title] = _converted([value.strip() for value in values], word, f"{name}, column {i + 1}")
    return Table(read if columns is None else {title: read[title] for title in columns})


def iter_table(
    source: Any,
    *,
    batch_rows: int = 65536,
    column_types: Mapping[Any, Word] | None = None,
    columns: Sequence[str | int] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | Mapping[Any, str] | None = None,
    missing: Sequence[str] | None = None,
    sheet: str | int | None = None,
    max_bytes: int = limits.MAX_BYTES,
) -> Iterator[Table]:
    """Read a table from a file, some rows at a time.

    Parameters
    ----------
    source : path-like or file object
        File.
    batch_rows : int, default 65536
        Number of rows of a batch.
    column_types, columns, header, delimiter, quote, encoding, decimal, thousands, date_format, missing, sheet
        Same as in :func:`read_table`.
    max_bytes : int, default 4 GiB
        Largest number of bytes of memory that a batch may take.

    Yields
    ------
    Table
    """
    checks.integer("iter_table", "batch_rows", batch_rows, minimum=1)
    table = read_table(
        source,
        column_types=column_types,
        columns=columns,
        header=header,
        delimiter=delimiter,
        quote=quote,
        encoding=encoding,
        decimal=decimal,
        thousands=thousands,
        date_format=date_format,
        missing=missing,
        sheet=sheet,
        max_bytes=max_bytes,
    )
    for start in range(0, len(table), batch_rows):
        yield table.take(slice(start, start + batch_rows))


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _converted(cells: list[str], word: Word | None, place: str) -> Any:
    present = [cell for cell in cells if cell not in _MISSING]
    found = None if word in ("category", "date") else [_number(cell) for cell in present]
    zeros = any(len(cell) > 1 and cell[0] == "0" and cell.isdigit() for cell in present)
    if found is not None and None not in found and (word == "number" or not zeros):
        if len(present) == len(cells) and all(cell.lstrip("+-").isdigit() for cell in cells):
            return np.array([int(cell) for cell in cells])
        values = iter(found)
        return np.array([np.nan if cell in _MISSING else next(values) for cell in cells], np.float64)
    if found is not None and word == "number":
        bad = present[found.index(None)]
        raise ValueError(f"{place}: {bad!r} is not a number")
    if word != "category" and present:
        try:
            dates = np.array(present, "datetime64[us]")
            filled = iter(dates)
            return np.array(
                [np.datetime64("NaT") if c in _MISSING else next(filled) for c in cells], "datetime64[us]"
            )
        except ValueError:
            pass
    texts = np.empty(len(cells), object)
    texts[:] = [cell or None for cell in cells]
    return texts
