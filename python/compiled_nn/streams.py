"""Data that do not fit memory: epochs over batches that come one after the other, and Parquet files as such batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import checks, optional, targets, training
from .arrays import Array
from .divergence import Divergence, LastFinite
from .errors import count, did_you_mean
from .training import Data, History, Trainer

if TYPE_CHECKING:
    import os

    from .configuration import Configuration
    from .optimizers import Optimizer
    from .samples import Encoder
    from .targets import Targets

Batches: TypeAlias = Iterable[tuple[Any, Any]] | Callable[[], Iterable[tuple[Any, Any]]]


def check(
    n_batches: object,
    validation_fraction: object,
    validation_groups: object,
    sample_weight: object,
    class_weight: object,
) -> None:
    """Refuse parameters of fit that are for data at hand."""
    given = {
        "sample_weight": sample_weight,
        "class_weight": class_weight,
        "n_batches": n_batches,
        "validation_fraction": validation_fraction,
        "validation_groups": validation_groups,
    }
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is for data at hand; y is None, so that X gives batches.")


def begin(batches: Batches) -> Iterator[tuple[Any, Any]]:
    """Return the pairs (X, y) of one epoch, from the first one on.

    Raises
    ------
    TypeError
        When there is no iterating over `batches`, or an item is no pair.
    """
    items = batches() if callable(batches) else batches
    if not isinstance(items, Iterable):
        raise TypeError(
            f"y is None: X must then be an iterable of pairs (X, y). Got {type(items).__name__} instead."
        )
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise TypeError(f"y is None: X must then give pairs (X, y). Got {type(item).__name__} instead.")
        yield item[0], item[1]


def first(batches: Batches) -> tuple[Any, Any]:
    """Return the first pair of batches that can be iterated over as often as wanted.

    Raises
    ------
    TypeError
        When they are an iterator, which has no second epoch.
    ValueError
        When there is none.
    """
    if isinstance(batches, Iterator):
        raise TypeError(
            "X is an iterator of batches, which can be read only once. Give an object whose __iter__ begins anew, or"
            " the function that makes the iterator."
        )
    for pair in begin(batches):
        return pair
    raise ValueError("X gives no batch.")


class Streamed:
    """Epochs over batches that are read anew for each of them.

    Parameters
    ----------
    trainer : Trainer
    batches : iterable of (X, y), or callable returning one
    cut : callable
        From the number of rows of an item to how they are cut.
    configuration : Configuration
    known : Targets
    terms : dict
        What the core minimises, as keywords of its calls.
    encoder : Encoder or None
        What makes numbers of each X.
    """

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        cut: Callable[[int], training.Batches],
        configuration: Configuration,
        known: Targets,
        terms: dict[str, Any],
        encoder: Encoder | None,
    ) -> None:
        self._trainer, self._batches, self._cut = trainer, batches, cut
        self._configuration, self._known, self._terms = configuration, known, terms
        self._encoder = encoder

    def run(self, optimizer: Optimizer, most: int, deadline: float) -> tuple[History, Divergence | None]:
        """Train for one epoch."""
        trainer, start = self._trainer, perf_counter()
        trainer.set_optimizer(optimizer)
        finite = LastFinite(trainer.stack)
        epoch, rows, total, columns = trainer.epochs, 0, 0.0, dict[str, list[Any]]()
        nothing: History = {name: [] for name in ("loss", "penalty", "learning_rate", "seconds")}
        for X, y in begin(self._batches):
            if perf_counter() >= deadline:
                return nothing, None
            n_features = trainer.stack.sizes[0]
            X, y, _ = targets.prepare(
                self._configuration, X, y, n_features, self._known, encoder=self._encoder
            )
            trainer.epochs = epoch  # all of these batches are one
            columns, divergence = trainer.run(
                Data(X, y, self._cut(len(X))), optimizer, self._terms, finite, 1, deadline
            )
            if divergence is not None or not columns["loss"]:
                return nothing, divergence
            rows, total = rows + len(X), total + len(X) * columns["loss"][0]
        if not rows:
            raise ValueError("X gave batches for the first epoch, and none for another.")
        return {**columns, "loss": [total / rows], "seconds": [perf_counter() - start]}, None


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
