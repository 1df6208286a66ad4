"""Columns of the training history: creating, extending and cutting them to one length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..data.arrays import Array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..common.protocols import History

_COLUMNS = ("epoch", "loss", "penalty", "learning_rate", "seconds")


def new_history() -> History:
    """Return a history without epochs: an empty list per column."""
    return {name: [] for name in _COLUMNS}


def last_epoch(history: History) -> int:
    """Return the number of the last epoch, 0 before training."""
    return int(history["epoch"][-1]) if history["epoch"] else 0


def keep_last(history: History, n_epochs: int) -> None:
    """Remove all epochs except for the last `n_epochs`; their numbers stay the same."""
    for column in history.values():
        del column[:-n_epochs]


def append_epochs(history: History, columns: Mapping[str, Sequence[Any]]) -> None:
    """Append the epochs in `columns` to `history`; epochs for which a column has no value get NaN."""
    epochs, more = len(history["epoch"]), len(columns["epoch"])
    for name in columns:
        if name not in history:
            history[name] = [math.nan] * epochs
    for name, column in history.items():
        column.extend(columns[name] if name in columns else [math.nan] * more)


def compact_column(values: Array) -> list[Any]:
    """Return `values` as a list; equal values become one shared float, which is faster for many short epochs."""
    if len(values) > 1 and values.min() == values.max():
        return [float(values[0])] * len(values)
    return list(values.tolist())


def trim_columns(history: History) -> None:
    """Cut the columns to the shortest length: an interrupt during `append_epochs` can leave different lengths."""
    epochs = min(map(len, history.values()))
    for column in history.values():
        del column[epochs:]
