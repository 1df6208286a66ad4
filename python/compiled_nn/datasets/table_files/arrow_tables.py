"""Tables of Parquet and Arrow files: whole, or some rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...common import optional
from ...data import column_names, dataframes
from ...data.arrays import Array
from ...data.table import Table
from .. import limits, parquet
from . import arrow_sizes, column_conversion
from .arrow_cells import ArrowCells
from .cell_errors import CellError
from .column_cells import EXACT
from .table_options import Options
from .table_sources import Opened

_TEXTS = ("string", "large_string", "string_view")


def _load(module: str) -> Any:
    return optional.load(module, purpose="reading Parquet and Arrow files", library="pyarrow", extra="arrow")


def read(opened: Opened, options: Options) -> Table:
    """Read a file."""
    budget = limits.Budget(options.max_bytes)
    with _damage(opened.name):
        file = _File(opened, options.max_bytes, together=True)
    options, names = _names(file, options)
    with _damage(opened.name):
        file.check(names, None, budget)
    found = {}
    for name in names:
        with _damage(opened.name):
            column = file.column(name)
            column.validate(full=True)
        found[name] = _values(column, name, options, budget, 0)
    table = Table(found)
    if not len(table):
        raise ValueError("the file holds no rows")
    return table


def iterate(opened: Opened, options: Options, batch_rows: int) -> Iterator[Table]:
    """Iterate over the rows of a file, of which only some are in memory together."""
    with _damage(opened.name):
        file = _File(opened, options.max_bytes, together=False)
    options, names = _names(file, options)
    with _damage(opened.name):
        file.check(names, batch_rows, limits.Budget(options.max_bytes))
        batches = iter(file.batches(names, batch_rows))
    n_rows, first = 0, None  # columns of text in the first rows
    while True:
        with _damage(opened.name):
            batch = next(batches, None)
            if batch is not None:
                batch.validate(full=True)
        if batch is None:
            break
        budget = limits.Budget(options.max_bytes)
        arrow = _load("pyarrow")
        for start in range(0, batch.num_rows, batch_rows):
            rows = arrow.Table.from_batches([batch.slice(start, batch_rows)])
            found = {name: _values(rows.column(name), name, options, budget, n_rows) for name in names}
            texts = {name for name, values in found.items() if values.dtype.kind == "O"}
            if first is None:
                first = texts
                options = options._replace(
                    column_types={**dict.fromkeys(texts, "category"), **options.column_types}
                )
            for name in texts - first:
                raise ValueError(
                    f"row {n_rows + 1} or later, column {name!r}: whole numbers with more digits than a float holds,"
                    f" and missing ones, are text, but the rows before have numbers; pass column_types={{{name!r}:"
                    " 'category'}, or 'number' to round them"
                )
            yield Table(found)
            n_rows += rows.num_rows
    if not n_rows:
        raise ValueError("the file holds no rows")


def _names(file: _File, options: Options) -> tuple[Options, list[str]]:
    """Return the options for the columns of a file, and the names of the columns to read."""
    names = [name for name in file.schema.names if name not in dataframes.unnamed_index(file.schema)]
    column_names.check_distinct(names)
    options = options.for_names(names)
    return options, [names[i] for i in options.selected(names)]


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Raise a ValueError for errors of pyarrow, also where a damaged file asks for more memory than there is."""
    try:
        with parquet.damage(name):
            yield
    except MemoryError as error:
        raise ValueError(f"{name}: its content does not fit into memory: {error}") from error


def _parquet_file(source: Any) -> Any:
    """Open a Parquet file; columns of text are read as dictionaries, which are not larger than the file has them."""
    make: Any = _load("pyarrow.parquet").ParquetFile
    file = make(source, pre_buffer=False)
    texts = [field.name for field in file.schema_arrow if parquet.has_texts(field.type)]
    return make(source, pre_buffer=False, read_dictionary=texts) if texts else file


class _File:
    """Parquet or Arrow file.

    Parameters
    ----------
    opened : Opened
    max_bytes : int
        Bytes that its content may take in memory.
    together : bool
        Whether all rows of a file of Arrow are read together.
    """

    def __init__(self, opened: Opened, max_bytes: int, *, together: bool) -> None:
        arrow = _load("pyarrow")
        file = opened.path or opened.seekable
        content = opened.file.whole(limits.Budget(max_bytes), opened.size) if file is None else None
        self._parquet: Any = None
        self._table: Any = None
        self._reader: Any = None
        if opened.format == "parquet":
            self._parquet = _parquet_file(io.BytesIO(content or b"") if file is None else file)
            self.schema = self._parquet.schema_arrow
            return
        if opened.path is not None:
            source = arrow.OSFile(opened.path)
        elif file is not None:
            source = arrow.PythonFile(file, "r")
        else:
            source = arrow.BufferReader(arrow.py_buffer(content))
        if opened.format != "feather":
            arrow_sizes.check(source, limits.Budget(max_bytes), together=together)
        source.seek(0)
        if opened.format == "feather":
            self._table = _load("pyarrow.feather").read_table(source)
            self.schema = self._table.schema
            return
        ipc = _load("pyarrow.ipc")
        self._reader = (ipc.open_file if opened.format == "arrow" else ipc.open_stream)(source)
        self.schema = self._reader.schema

    def check(self, names: list[str], batch_rows: int | None, budget: limits.Budget) -> None:
        """Raise a ValueError if the metadata of the file announce more bytes than a budget has."""
        if self._parquet is not None:
            parquet.check_metadata(self._parquet.metadata, names, batch_rows, budget)
            if not self._parquet.metadata.num_rows:
                raise ValueError("the file holds no rows")

    def column(self, name: str) -> Any:
        """Return a column."""
        if self._parquet is not None:
            return self._parquet.read(columns=[name], use_threads=False).column(0)
        if self._table is None:
            self._table = self._reader.read_all()
        return self._table.column(name)

    def batches(self, names: list[str], batch_rows: int) -> Iterator[Any]:
        """Iterate over record batches."""
        if self._parquet is not None:
            yield from self._parquet.iter_batches(batch_rows, columns=names, use_threads=False)
        elif self._table is not None:
            yield from self._table.select(names).to_batches(batch_rows)
        elif hasattr(self._reader, "get_batch"):
            for i in range(self._reader.num_record_batches):
                yield self._reader.get_batch(i).select(names)
        else:
            for batch in self._reader:
                yield batch.select(names)


def _values(column: Any, name: str, options: Options, budget: limits.Budget, before: int) -> Array:
    """Return a column in the storage of tables; raise a ValueError that names it, and the row."""
    budget.take(8 * len(column), f"column {name!r}")
    try:
        return _converted(column, name, options, budget)
    except CellError as error:
        row = "" if error.row is None else f"row {error.row + before + 1}, "
        raise ValueError(f"{row}column {name!r}: {error}") from None


def _converted(column: Any, name: str, options: Options, budget: limits.Budget) -> Array:
    types, word = _load("pyarrow.types"), options.word_of(name)
    if types.is_dictionary(column.type):
        if parquet.has_texts(column.type.value_type):
            budget.take(
                sum(map(parquet.text_bytes, column.chunks)), f"column {name!r}, with {len(column)} texts,"
            )
        column = column.cast(column.type.value_type)
    kind = column.type
    if any(getattr(types, f"is_{text}")(kind) for text in _TEXTS if hasattr(types, f"is_{text}")):
        return _texts(column.cast("string"), name, options)
    if types.is_null(kind):
        empty = {"category": (None, object), "date": ("NaT", "datetime64[us]")}
        return np.full(len(column), *empty.get(word or "", (np.nan, np.float64)))
    if word == "number" and types.is_temporal(kind):
        what = "times of day" if types.is_time(kind) else "dates" if _has_dates(kind) else "time differences"
        raise CellError(None, f"it has {what}; they cannot be read as numbers")
    if (types.is_time(kind) and word != "date") or (word == "category" and _has_single_values(kind)):
        values = np.empty(len(column), object)
        values[:] = [None if value is None or value != value else str(value) for value in column.to_pylist()]
        return values
    if _has_dates(kind):
        return _moments(column)
    if word == "date":
        raise CellError(None, f"it has values of the type {kind}; expected dates")
    if types.is_decimal(kind):
        column = dataframes.decoded(column)
    elif types.is_integer(kind):
        return _integers(column, word)
    elif types.is_boolean(kind):
        return np.asarray((column.cast("int8").cast("float64") if column.null_count else column).to_numpy())
    elif not types.is_floating(kind):
        raise CellError(
            None,
            f"values of the type {kind} cannot be read; leave the column out: column_types={{{name!r}: 'ignore'}}",
        )
    return np.asarray(column.cast("float64").to_numpy())


def _has_dates(kind: Any) -> bool:
    types = _load("pyarrow.types")
    return bool(types.is_timestamp(kind) or types.is_date(kind))


def _has_single_values(kind: Any) -> bool:
    """Whether values of an Arrow type can be written as text."""
    types = _load("pyarrow.types")
    return _has_dates(kind) or any(
        is_kind(kind)
        for is_kind in (
            types.is_integer,
            types.is_floating,
            types.is_decimal,
            types.is_boolean,
            types.is_time,
        )
    )


def _moments(column: Any) -> Array:
    """Return dates in microseconds; nanoseconds are cut off."""
    arrow = _load("pyarrow")
    try:
        found = column.cast(arrow.timestamp("us"), safe=getattr(column.type, "unit", "") != "ns")
    except arrow.ArrowInvalid as error:
        raise CellError(None, f"it has a date beyond the range of datetime64[us]: {error}") from None
    return np.asarray(found.to_numpy())


def _integers(column: Any, word: str | None) -> Array:
    """Return whole numbers, as text if they have more digits than their storage."""
    arrow = _load("pyarrow")
    if not column.null_count:
        try:
            return np.asarray(column.cast("int64").to_numpy())
        except arrow.ArrowInvalid:
            pass
    values = np.asarray(column.cast("float64", safe=False).to_numpy())
    if word is None and (np.abs(values[~np.isnan(values)]) > EXACT).any():
        texts = np.empty(len(column), object)
        texts[:] = [None if value is None else str(value) for value in column.to_pylist()]
        return texts
    return values


def _texts(column: Any, name: str, options: Options) -> Array:
    """Return a column of text, as numbers or dates if its type says so."""
    if options.word_of(name) in ("number", "date"):
        cells = ArrowCells(column.fill_null(""))
        form = column_conversion.decide(cells, name, options)
        if len(form.forms) > 1:
            raise column_conversion.ambiguous(cells, form.forms, options)
        return (
            form.values
            if form.values is not None
            else column_conversion.convert(cells, form.forms[0], options)
        )
    encoded = column.dictionary_encode().unify_dictionaries()
    levels = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
    words = np.empty(len(levels) + 1, object)
    words[:-1] = [None if level in options.missing else level for level in levels]
    codes = [chunk.indices.fill_null(len(levels)).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    found: Array = words[np.concatenate(codes)] if codes else words[:0]
    return found
