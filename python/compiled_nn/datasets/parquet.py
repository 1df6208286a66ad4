"""Batches for ``fit`` from Parquet files, with one row group in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..common import checks, optional
from ..common.errors import count, did_you_mean
from ..data.arrays import Array


class ParquetBatches:
    """Batches of rows for ``Network.fit``, from Parquet files or any other data set that pyarrow reads.

    Each iteration reads the files from the start, one batch at a time.

    Parameters
    ----------
    source : str, path-like, or pyarrow.dataset.Dataset
        File, folder of files, or pyarrow data set. A data set keeps the read-ahead options that it was opened with.
    target : str
        Name of the column that becomes y.
    columns : sequence of str, optional
        Names of the columns that become X, in this order; they must have numbers or booleans. Default: all columns
        except `target`.
    batch_rows : int, default 65536
        Maximum number of rows per batch.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If a file cannot be read.
    TypeError, ValueError
        If a parameter is invalid, or if a column does not exist, is not numeric or has missing values. The content of
        columns is checked during iteration.

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
            raise ValueError(
                f"there are {count(0, 'column')} for X: {target!r} is the target; X takes at least 1 other column"
            )

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Iterate over batches of X (m, k) and y (m,)."""
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
    """Open Parquet files without read-ahead; by default, pyarrow may read all row groups into memory."""
    options = arrow.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    return arrow.dataset(source, format=arrow.ParquetFileFormat(default_fragment_scan_options=options))


def _column(batch: Any, name: str) -> Array:
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"Column {name!r} has missing values; fill them, or filter their rows out.")
    values: Array = column.to_numpy(zero_copy_only=False)
    return values


def _numbers(batch: Any, name: str) -> Array:
    values = _column(batch, name)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"Column {name!r} has the type {batch.column(name).type}; X takes numbers.")
    return values
