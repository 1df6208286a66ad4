"""Batches for ``fit`` from Parquet files, with one row group in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..common import checks, optional
from ..common.errors import count, did_you_mean
from ..data import dataframes
from ..data.arrays import Array


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

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If a file cannot be read.
    TypeError, ValueError
        If a parameter is invalid, a column does not exist, or a target or a weight is missing. The content of columns
        is checked during iteration.

    Examples
    --------
    >>> from compiled_nn.datasets import ParquetBatches
    >>> batches = ParquetBatches("flights.parquet", target="delay")  # doctest: +SKIP
    >>> net.fit(batches, epochs=5)  # doctest: +SKIP
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Any,
        target: str,
        columns: Sequence[str] | None = None,
        batch_rows: int = 65536,
        weights: str | None = None,
    ) -> None:
        arrow = optional.load("pyarrow.dataset", purpose="reading Parquet", library="pyarrow", extra="arrow")
        self._data = source if isinstance(source, arrow.Dataset) else _unbuffered(arrow, source)
        self.batch_rows = checks.integer("ParquetBatches", "batch_rows", batch_rows, minimum=1)
        names = list(self._data.schema.names)
        self.target, self.weights = target, weights
        apart = {target, weights, *dataframes.index_columns(self._data.schema)}
        self.columns = [name for name in names if name not in apart] if columns is None else list(columns)
        for name in (target, *([] if weights is None else [weights]), *self.columns):
            if name not in names:
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
        for batch in self._data.to_batches(
            columns=list(dict.fromkeys([*self.columns, *apart])),
            batch_size=self.batch_rows,
            batch_readahead=1,
            fragment_readahead=1,
        ):
            if batch.num_rows:
                yield (batch.select(self.columns), *(_values(batch, name) for name in apart))


def _unbuffered(arrow: Any, source: Any) -> Any:
    """Open Parquet files without read-ahead; by default, pyarrow may read all row groups into memory."""
    options = arrow.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    return arrow.dataset(source, format=arrow.ParquetFileFormat(default_fragment_scan_options=options))


def _values(batch: Any, name: str) -> Array:
    """Return a column that may not have missing values."""
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"Column {name!r} has missing values; fill them, or filter their rows out.")
    return np.asarray(dataframes.decoded(column))
