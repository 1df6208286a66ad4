"""Tables of files: CSV, Parquet, Arrow and Excel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..common import checks
from ..data.column_types import Word
from ..data.table import Table
from . import arrow_tables, csv_tables, excel, limits, table_options, table_sources

__all__ = ["Table", "iter_table", "read_table"]

_PLACES = ("line ", "column ", "row ")


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
    options = table_options.check(
        "read_table",
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
    with table_sources.opened(source, "read_table") as opened, _named(opened.name):
        if opened.format == "csv":
            return csv_tables.read(opened, options)
        if opened.format == "excel":
            return excel.read(opened, options)
        return arrow_tables.read(opened, options)


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
    options = table_options.check(
        "iter_table",
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
    checks.integer("iter_table", "batch_rows", batch_rows, minimum=1)
    return _batches(source, options, batch_rows)


def _batches(source: Any, options: table_options.Options, batch_rows: int) -> Iterator[Table]:
    with table_sources.opened(source, "iter_table") as opened, _named(opened.name):
        if opened.format == "csv":
            yield from csv_tables.iterate(opened, options, batch_rows)
        elif opened.format == "excel":
            table = excel.read(opened, options)
            for start in range(0, len(table), batch_rows):
                yield table.take(slice(start, start + batch_rows))
        else:
            yield from arrow_tables.iterate(opened, options, batch_rows)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the name of a file in front of an error about its content."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if text.startswith((f"{name}:", f"{name},", f"{name} ")):
            raise
        raise ValueError(f"{name}, {text}" if text.startswith(_PLACES) else f"{name}: {text}") from error
