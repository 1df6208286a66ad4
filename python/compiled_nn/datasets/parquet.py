"""Parquet files as batches for ``fit``, one row group in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..common import checks, optional
from ..common.errors import count, did_you_mean
from ..data.arrays import Array


class ParquetBatches:
    """The rows of Parquet files, or of any data set that pyarrow reads, as batches for ``Network.fit``.

    Each iteration reads the files anew, a batch at a time.

    Parameters
    ----------
    source : str, path-like, or pyarrow.dataset.Dataset
        A file, a folder of files, or a data set, which decides itself how much of it is read ahead.
    target : str
        The column that is y.
    columns : sequence of str, optional
        Those that are X, in this order; numbers or booleans. Default: all but the target.
    batch_rows : int, default 65536
        Most rows of a batch.

    Raises
    ------
    ImportError
        When pyarrow is not installed.
    OSError
        When a file cannot be read.
    TypeError, ValueError
        When a parameter cannot be used, or a column is missing, is not of numbers or has missing values.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Any,
        target: str,
        columns: Sequence[str] | None = None,
        batch_rows: int = 65536,
    ) -> None:
        arrow = optional.load("pyarrow.dataset", purpose="reading Parquet", library="pyarrow", extra="arrow")
        self._data = source if isinstance(source, arrow.Dataset) else _unbuffered(arrow, source)
        self.batch_rows = checks.integer("ParquetBatches", "batch_rows", batch_rows, minimum=1)
        names = list(self._data.schema.names)
        self.target = target
        self.columns = [name for name in names if name != target] if columns is None else list(columns)
        for name in (target, *self.columns):
            if name not in names:
                raise ValueError(
                    f"there is no column {name!r}; there are {', '.join(map(repr, names))}.{did_you_mean(name, names)}"
                )
        if not self.columns:
            raise ValueError(f"there are {count(0, 'column')} besides the target {target!r}")

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Give X (m, k) and y (m,), a batch at a time."""
        names = [*self.columns, self.target]
        for batch in self._data.to_batches(
            columns=names, batch_size=self.batch_rows, batch_readahead=1, fragment_readahead=1
        ):
            if batch.num_rows:
                yield (
                    np.column_stack([_numbers(batch, name) for name in self.columns]),
                    _column(batch, self.target),
                )


def _unbuffered(arrow: Any, source: Any) -> Any:
    """Open Parquet files so that row groups are read when it is their turn; by default all may be in memory."""
    options = arrow.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    return arrow.dataset(source, format=arrow.ParquetFileFormat(default_fragment_scan_options=options))


def _column(batch: Any, name: str) -> Array:
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"Column {name!r} has missing values.")
    values: Array = column.to_numpy(zero_copy_only=False)
    return values


def _numbers(batch: Any, name: str) -> Array:
    values = _column(batch, name)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"Column {name!r} is of type {batch.column(name).type}; X takes numbers.")
    return values
