"""Batches for ``fit`` from Parquet files, with one row group in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..common import checks, optional
from ..common.errors import count, did_you_mean
from ..data import dataframes
from ..data.arrays import Array
from . import limits

_FEWEST_BYTES = 8  # of a cell


class ParquetBatches:
    """Batches of rows for ``Network.fit``, from Parquet files or any other data set that pyarrow reads.

    Each iteration reads the files from the start, one batch at a time. The X of a batch is a ``pyarrow.RecordBatch``,
    so that the network has the names of the columns.

    Parameters
    ----------
    source : str, path-like, or pyarrow.dataset.Dataset
        File, folder of files, or pyarrow data set. A data set keeps the read-ahead options that it was opened with.
    target : str
        Name of the column that becomes y.
    columns : sequence of str, optional
        Names of the columns that become X, in this order. Default: all columns except `target`, `weights`, and the
        index of a pandas data frame that was written to the file.
    batch_rows : int, default 65536
        Maximum number of rows per batch.
    weights : str, optional
        Name of the column with the weight of each row. Default: all rows have weight 1.
    max_bytes : int, default 4 GiB
        Largest number of bytes of one batch, and of one row group before it is decoded, by the sizes in the metadata of
        the files.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If a file cannot be opened.
    TypeError, ValueError
        If a parameter is invalid, a file is damaged, a column does not exist, a target or a weight is missing, or a
        batch is larger than `max_bytes`. The content of columns is checked during iteration.

    See Also
    --------
    iter_table : Parts of a table file, with columns of any type.

    Examples
    --------
    >>> import numpy as np
    >>> import pyarrow
    >>> import pyarrow.parquet
    >>> import compiled_nn as cnn
    >>> x = np.linspace(0, 1, 1000)
    >>> pyarrow.parquet.write_table(pyarrow.table({"x": x, "delay": 3 * x}), "flights.parquet")
    >>> batches = cnn.datasets.ParquetBatches("flights.parquet", target="delay", batch_rows=100)
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.Adam(0.1), seed=0).fit(batches, epochs=20)
    >>> net.predict([[0.5]]).round(1)
    array([1.5])
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Any,
        target: str,
        columns: Sequence[str] | None = None,
        batch_rows: int = 65536,
        weights: str | None = None,
        *,
        max_bytes: int = limits.MAX_BYTES,
    ) -> None:
        arrow = optional.load("pyarrow.dataset", purpose="reading Parquet", library="pyarrow", extra="arrow")
        self.batch_rows = checks.integer("ParquetBatches", "batch_rows", batch_rows, minimum=1)
        self.max_bytes = checks.integer("ParquetBatches", "max_bytes", max_bytes, minimum=1)
        self._place = str(source) if isinstance(source, (str, os.PathLike)) else "the data set"
        with damage(self._place):
            self._data = source if isinstance(source, arrow.Dataset) else _unbuffered(arrow, source)
            names = list(self._data.schema.names)
        self.target, self.weights = target, weights
        apart = {target, weights, *dataframes.index_columns(self._data.schema)}
        self.columns = [name for name in names if name not in apart] if columns is None else list(columns)
        known = set(names)
        for name in (target, *([] if weights is None else [weights]), *self.columns):
            if name not in known:
                raise ValueError(
                    f"there is no column {name!r}; there are {', '.join(map(repr, names))}.{did_you_mean(name, names)}"
                )
        if not self.columns:
            raise ValueError(
                f"there are {count(0, 'column')} for X: {target!r} is the target; X takes at least 1 other column"
            )

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over batches: a ``pyarrow.RecordBatch`` (m, k), y (m,), and weights (m,) if there are any."""
        apart = [self.target] if self.weights is None else [self.target, self.weights]
        wanted = list(dict.fromkeys([*self.columns, *apart]))
        batches = iter(self._batches(wanted))
        while True:
            with damage(self._place):
                batch = next(batches, None)
                if batch is None:
                    return
                batch = decoded_texts(batch, limits.Budget(self.max_bytes))
                found = [_values(batch, name) for name in apart]
            if batch.num_rows:
                yield (batch.select(self.columns), *found)

    def _batches(self, wanted: Sequence[str]) -> Iterator[Any]:
        """Iterate over the batches of all files, whose metadata are checked first."""
        for fragment in self._data.get_fragments():
            metadata = getattr(fragment, "metadata", None)  # None for formats other than Parquet
            if metadata is not None:
                check_metadata(metadata, wanted, self.batch_rows, limits.Budget(self.max_bytes))
        yield from self._data.to_batches(
            columns=wanted, batch_size=self.batch_rows, batch_readahead=1, fragment_readahead=1
        )


@contextmanager
def damage(place: str) -> Iterator[None]:
    """Raise a ValueError with the name of the file for errors of pyarrow that a damaged file causes."""
    arrow = optional.load("pyarrow", purpose="reading Parquet", library="pyarrow", extra="arrow")
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError):
        raise
    except (arrow.ArrowException, OSError, ValueError, IndexError) as error:
        text = str(error)
        raise ValueError(text if text.startswith(place) else f"{place}: {text}") from error


def check_metadata(
    metadata: Any, wanted: Sequence[str], batch_rows: int | None, budget: limits.Budget
) -> None:
    """Raise a ValueError if the metadata of a Parquet file announce more bytes than a budget has.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
    wanted : sequence of str
        Names of the columns that are read.
    batch_rows : int or None
        Number of rows that are read together; None for all.
    budget : Budget
    """
    n_columns, most = len(set(wanted)), metadata.num_rows if batch_rows is None else 0
    for i in range(metadata.num_row_groups):
        # Nothing is read of its columns here: pyarrow 26 ends the process for damaged statistics of a column.
        group = metadata.row_group(i)
        if batch_rows is not None:
            most = max(most, min(batch_rows, group.num_rows))
        budget.check(group.total_byte_size, f"row group {i}")
    budget.check(_FEWEST_BYTES * most * n_columns, f"{count(most, 'row')} of {count(n_columns, 'column')}")


def decoded_texts(batch: Any, budget: limits.Budget) -> Any:
    """Return a batch or table with its dictionaries of text replaced by their texts, whose sizes are compared first."""
    arrow = optional.load("pyarrow", purpose="reading Parquet", library="pyarrow", extra="arrow")
    for i, field in enumerate(batch.schema):
        if not arrow.types.is_dictionary(field.type) or not has_texts(field.type.value_type):
            continue
        column = batch.column(i)
        n_bytes = sum(map(text_bytes, getattr(column, "chunks", [column])))
        budget.take(n_bytes, f"column {field.name!r}, with {len(column)} texts,")
        batch = batch.set_column(i, field.name, column.cast(field.type.value_type))
    batch.validate(full=True)  # also that texts are UTF-8
    return batch


def has_texts(kind: Any) -> bool:
    """Whether an Arrow type has values of any length."""
    arrow = optional.load("pyarrow", purpose="reading Parquet", library="pyarrow", extra="arrow")
    return any(
        getattr(arrow.types, f"is_{name}")(kind)
        for name in ("string", "large_string", "binary", "large_binary")
    )


def text_bytes(column: Any) -> int:
    """Return the number of bytes of the texts of a dictionary array."""
    compute = optional.load("pyarrow.compute", purpose="reading Parquet", library="pyarrow", extra="arrow")
    lengths = compute.cast(compute.binary_length(column.dictionary), "int64")
    return int(compute.sum(lengths.take(column.indices)).as_py() or 0)


def _unbuffered(arrow: Any, source: Any) -> Any:
    """Open Parquet files without read-ahead; by default, pyarrow may read all row groups into memory.

    Columns of text are read as dictionaries, which are not larger than the file has them.
    """
    options = arrow.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    data = arrow.dataset(source, format=arrow.ParquetFileFormat(default_fragment_scan_options=options))
    texts = [field.name for field in data.schema if has_texts(field.type)]
    if not texts:
        return data
    form = arrow.ParquetFileFormat(
        read_options=arrow.ParquetReadOptions(dictionary_columns=texts), default_fragment_scan_options=options
    )
    return arrow.dataset(source, format=form)


def _values(batch: Any, name: str) -> Array:
    """Return a column that may not have missing values."""
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"Column {name!r} has missing values; fill them, or filter their rows out.")
    return np.asarray(dataframes.decoded(column))
