"""Columns of the training history: created, extended and cut to one length."""

from __future__ import annotations

import math
from typing import Any

from ..common.protocols import History
from ..data.arrays import Array

_COLUMNS = ("epoch", "loss", "penalty", "learning_rate", "seconds")


def new_history() -> History:
    """Return a history of no epochs."""
    return {name: [] for name in _COLUMNS}


def append_epochs(history: History, columns: dict[str, list[Any]]) -> None:
    """Append epochs to `history`, a list a column; where a column begins or ends midway, the gap is NaN."""
    epochs, more = len(history["epoch"]), len(columns["epoch"])
    for name in columns:
        if name not in history:
            history[name] = [math.nan] * epochs
    for name, column in history.items():
        column.extend(columns.get(name, [math.nan] * more))


def compact_column(values: Array) -> list[Any]:
    """Return `values` as a list; of one number where all are equal, which short epochs feel."""
    if len(values) > 1 and values.min() == values.max():
        return [float(values[0])] * len(values)
    return list(values.tolist())


def trim_columns(history: History) -> None:
    """Cut the columns to one length, which an interrupt in the midst of `extend` may have spoiled."""
    epochs = min(map(len, history.values()))
    for column in history.values():
        del column[epochs:]
