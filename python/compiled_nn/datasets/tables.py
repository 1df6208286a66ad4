"""Tables of files: CSV, Parquet, Arrow and Excel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..common import checks
from ..data.column_types import Word
from ..data.table import Table
from . import limits
from .table_files import arrow_tables, csv_streams, csv_tables, excel, table_options, table_sources
from .table_files.csv_streams import Places

__all__ = ["Places", "Table", "iter_table", "read_table"]

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
    """Read a table from a CSV, Parquet, Arrow (Feather) or Excel file.

    The format follows from the content of the file, and so does everything about a CSV file that no option says. What
    is ambiguous is refused: the error names the place and the option. With pyarrow (``compiled-nn[arrow]``) large CSV
    files are read several times as fast, with the same result.

    Parameters
    ----------
    source : path-like or file object
        File, or an open file of bytes or text, which is read once from its present position on and may be a pipe. CSV
        files may be compressed with gzip.
    column_types : mapping of str or int to {"number", "category", "date", "ignore"}, optional
        Types of columns by name: "number" (a cell that is none is an error), "category" (text exactly as it is written,
        also of numbers, so that 007 and 7 differ), "date", "ignore" (not read). Default: by all cells of the column,
        numbers, booleans or dates of one format if all cells are; else text. Whole numbers with leading zeros, and
        those with more digits than their storage holds, are text.
    columns : sequence of str or int, optional
        Names of the columns to read, in this order. Default: all columns.
    header : bool, optional
        Whether the first line has the names of the columns; otherwise they are 0, 1, ... Default: by comparison with
        the lines below. An option that names columns by text implies True.
    delimiter : str, optional
        Character between two cells. Default: comma, semicolon, tab, bar or spaces, whichever gives rows of the same
        length.
    quote : str, optional
        Character around cells that contain the delimiter; "" for none. Default: ``"``, or ``'`` if it is around all
        cells of a column.
    encoding : str, optional
        Encoding of the text. Default: UTF-8, or UTF-16 and UTF-32 with a byte order mark.
    decimal : {".", ","}, optional
        Decimal mark of numbers. Default: by the numbers of each column, and where they do not tell, of the file.
    thousands : str, optional
        Mark between groups of three digits. Default: a comma or point, space or apostrophe, if all numbers of the
        column fit.
    date_format : str or mapping of str or int to str, optional
        Format of dates, as of `datetime.strptime`, or formats by column. Default: ISO 8601 with or without a time and
        an offset; 31.12.2024; 31/12/2024 and 12/31/2024, if the dates of the column tell which. Times with an offset
        are converted to UTC. Columns of plain numbers such as 20241231 are dates only by `column_types` or by their own
        format.
    missing : sequence of str, optional
        Further spellings of a missing value, in all columns. Empty cells are always missing, and so are NaN, <NA> and
        #N/A; words such as NA, None, null, ``-`` and ``?`` in columns of numbers, booleans and dates only, because
        categories can have these names.
    sheet : str or int, optional
        Name or index of the sheet of an Excel file. Default: the first one.
    max_bytes : int, default 4 GiB
        Largest number of bytes that the content of the file, and the arrays of its numbers and texts, may take.

    Returns
    -------
    Table
        Numbers are int64 if all are whole and none is missing, else float64 with NaN; booleans bool, or float64 if some
        are missing; dates datetime64[us] with NaT; text objects of str, without surrounding spaces, and None.

    Raises
    ------
    ImportError
        If Parquet, Arrow or Excel files need a library that is not installed.
    ValueError
        If the file is damaged, has no rows, rows of several lengths or two columns of one name, a cell is not of its
        type, something is ambiguous, or the content takes more memory than it may. The message has the file, line and
        column.
    TypeError
        If an option has a wrong type.

    Examples
    --------
    >>> import io
    >>> from compiled_nn.datasets import read_table
    >>> read_table(io.StringIO("city;rent;since\\nUlm;1.250,50;31.12.2019\\nBonn;980,00;\\n"))
    Table of 2 rows and 3 columns
      city   category  Ulm, Bonn
      rent   number    1250.5, 980
      since  date      2019-12-31, None
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
    """Read a table from a file, some rows at a time, in bounded memory.

    Types are those that :func:`read_table` finds in the first rows (8 MiB of a CSV file). A later cell that is of
    another type is an error, which names its line and column: pass the type of the column in `column_types`.

    Parameters
    ----------
    source : path-like or file object
        Same as in :func:`read_table`. An Excel file is read whole, and so is a Parquet or Arrow file that is compressed
        with gzip, or in a file object without random access, such as a pipe.
    batch_rows : int, default 65536
        Number of rows per table; the last one may have fewer.
    column_types : mapping of str or int to {"number", "category", "date", "ignore"}, optional
        Types of columns by name: "number" (a cell that is none is an error), "category" (text exactly as it is written,
        also of numbers, so that 007 and 7 differ), "date", "ignore" (not read). Default: by all cells of the column,
        numbers, booleans or dates of one format if all cells are; else text. Whole numbers with leading zeros, and
        those with more digits than their storage holds, are text.
    columns : sequence of str or int, optional
        Names of the columns to read, in this order. Default: all columns.
    header : bool, optional
        Whether the first line has the names of the columns; otherwise they are 0, 1, ... Default: by comparison with
        the lines below. An option that names columns by text implies True.
    delimiter : str, optional
        Character between two cells. Default: comma, semicolon, tab, bar or spaces, whichever gives rows of the same
        length.
    quote : str, optional
        Character around cells that contain the delimiter; "" for none. Default: ``"``, or ``'`` if it is around all
        cells of a column.
    encoding : str, optional
        Encoding of the text. Default: UTF-8, or UTF-16 and UTF-32 with a byte order mark.
    decimal : {".", ","}, optional
        Decimal mark of numbers. Default: by the numbers of each column, and where they do not tell, of the file.
    thousands : str, optional
        Mark between groups of three digits. Default: a comma or point, space or apostrophe, if all numbers of the
        column fit.
    date_format : str or mapping of str or int to str, optional
        Format of dates, as of `datetime.strptime`, or formats by column. Default: ISO 8601 with or without a time and
        an offset; 31.12.2024; 31/12/2024 and 12/31/2024, if the dates of the column tell which. Times with an offset
        are converted to UTC. Columns of plain numbers such as 20241231 are dates only by `column_types` or by their own
        format.
    missing : sequence of str, optional
        Further spellings of a missing value, in all columns. Empty cells are always missing, and so are NaN, <NA> and
        #N/A; words such as NA, None, null, ``-`` and ``?`` in columns of numbers, booleans and dates only, because
        categories can have these names.
    sheet : str or int, optional
        Name or index of the sheet of an Excel file. Default: the first one.
    max_bytes : int, default 4 GiB
        Largest number of bytes of memory for the rows that are in memory together.

    Returns
    -------
    iterator of Table
        Tables with the same columns; numbers may be int64 in one and float64 in another.

    Raises
    ------
    ImportError, TypeError, ValueError
        Same as in :func:`read_table`; those about the content are raised during iteration.

    Examples
    --------
    >>> import io
    >>> from compiled_nn.datasets import iter_table
    >>> [len(table) for table in iter_table(io.StringIO("a,b\\n1,x\\n2,y\\n3,z\\n"), batch_rows=2)]
    [2, 1]
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


def iter_chosen(
    source: Any,
    choose: Callable[[list[Any]], tuple[Sequence[Any], Mapping[Any, Word]]],
    *,
    known: Iterable[str] = (),
    hints: Mapping[Any, str] | None = None,
    batch_rows: int = 65536,
    places: Places | None = None,
    **given: Any,
) -> Iterator[Table]:
    """Read columns of a table that are chosen when its names are known, some rows at a time.

    The rows of a CSV file from a pipe are read as they arrive.

    Parameters
    ----------
    source : path-like or file object
        File.
    choose : callable
        Function that returns `columns` and `column_types`, as for :func:`iter_table`, for the names of all columns.
    known : iterable of str, default ()
        Names of which one in the first line tells that it has the names of the columns.
    hints : mapping of str or int to str, optional
        Formats of dates for columns in which day and month may be in either order.
    batch_rows : int, default 65536
        Number of rows of a batch.
    places : Places, optional
        Object that has the lines of the rows of a CSV file, up to those of the last batch.
    **given
        Further options of :func:`iter_table`.

    Yields
    ------
    Table
    """
    options = _options(given)._replace(known=frozenset(known), hints=hints or {}, choose=choose)
    return _batches(source, options, batch_rows, places)


def line_of(path: str, row: int, *, known: Iterable[str] = (), **given: Any) -> int | None:
    """Return the line of a CSV file with the end of a row, counted from 0; None for other files.

    Parameters
    ----------
    path : str
        File.
    row : int
        Number of the row.
    known, **given
        Same as in :func:`iter_chosen`.
    """
    with table_sources.opened(path, "line_of") as opened:
        if opened.format != "csv":
            return None
        return csv_streams.line_of(opened, _options(given)._replace(known=frozenset(known)), row)


def _options(given: Mapping[str, Any]) -> table_options.Options:
    """Return options of :func:`iter_table`, checked."""
    text = ("header", "delimiter", "quote", "encoding", "decimal", "thousands", "date_format", "missing")
    every = dict.fromkeys((*text, "sheet", "columns", "column_types")) | {"max_bytes": limits.MAX_BYTES}
    return table_options.check("iter_table", **{**every, **given})


def _batches(
    source: Any, options: table_options.Options, batch_rows: int, places: Places | None = None
) -> Iterator[Table]:
    with table_sources.opened(source, "iter_table") as opened, _named(opened.name):
        if opened.format == "csv":
            yield from csv_streams.iterate(opened, options, batch_rows, places)
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
