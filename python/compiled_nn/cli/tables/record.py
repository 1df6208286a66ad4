"""Record of ``compiled-nn train`` in the metadata of a model: the target column, and the rows that were held out.

    target           name of the target column, or null
    target_column    its index, or null if the data are not a table
    split            null if train has not split the rows; else
                     {"fraction", "seed", "stratified", "time", "group", "test_rows", "hashes"}: rule of the split, and
                     the hash of each test row, 8 bytes in base64
    trained          hashes of training rows: the `_SKETCH` smallest ones
    interval         coverage of the intervals that predict adds to its output, or null
    date_formats     formats of the dates of a table in text, by the name of the column

The hash of a row includes the columns that the model uses, in its order, and its target, so that rows are found again
in any order, and also in a file with other columns or of another format.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..support.results import Model
from . import hashes
from .hashes import Hashes

KEY = "compiled-nn train"
SEED = 0  # of the split
_SKETCH = 256


def _none() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(frozen=True)
class Record:
    """Content of the record.

    Attributes
    ----------
    target : str or None
        Name of the target column.
    target_column : int or None
        Its index.
    split : dict or None
        Rule of the split, without the hashes; None without a split.
    held_out : ndarray of uint64
        Sorted hashes of the test rows.
    trained : ndarray of uint64
        Sorted hashes of some training rows.
    interval : float or None
        Coverage of the intervals that predict adds to its output.
    date_formats : dict
        Formats of dates by the name of the column.
    columns : tuple of str or int, or None
        Columns of a table that the model uses, by name or, without names, by index; None for a model that takes arrays.
        It is derived from the encoder of the model, and not part of the metadata.
    """

    target: str | None = None
    target_column: int | None = None
    split: dict[str, Any] | None = None
    held_out: Hashes = field(default_factory=_none)
    trained: Hashes = field(default_factory=_none)
    interval: float | None = None
    date_formats: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str | int, ...] | None = None

    def to_metadata(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        split = None if self.split is None else {**self.split, "hashes": _encoded(self.held_out)}
        return {
            "target": self.target,
            "target_column": self.target_column,
            "split": split,
            "trained": _encoded(self.trained),
            "interval": self.interval,
            "date_formats": dict(self.date_formats),
        }

    def find(self, X: Any, y: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows were held out, and which others are known to have been trained on, each (m,).

        Equal rows count as held out as often as they were among the test rows.

        Parameters
        ----------
        X : Table, or ndarray (m, ...)
            Rows, with the columns that the model uses.
        y : ndarray (m,) or (m, n)
            Their targets.
        """
        return self.finder().find(X, y)

    def finder(self) -> Finder:
        """Return an object that finds rows in batches."""
        return Finder(self)


class Finder:
    """Search for the rows of a record in consecutive batches.

    Parameters
    ----------
    record : Record

    Attributes
    ----------
    n_held : int
        Number of held-out rows that were found.
    """

    def __init__(self, record: Record) -> None:
        self._columns, self._trained = record.columns, record.trained
        self._held, self._left = np.unique(record.held_out, return_counts=True)
        self.n_held = 0

    def find(self, X: Any, y: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the masks of :meth:`Record.find` for a batch; rows of earlier batches are counted."""
        found = row_hashes(X, y, self._columns)
        held = np.zeros(len(found), np.bool_)
        if len(self._held):
            places = np.minimum(np.searchsorted(self._held, found), len(self._held) - 1)
            (candidates,) = np.nonzero(self._held[places] == found)
            places = places[candidates]
            order = np.argsort(places, kind="stable")
            first = np.searchsorted(places[order], places[order])
            allowed = np.arange(len(order)) - first < self._left[places[order]]
            held[candidates[order[allowed]]] = True
            np.subtract.at(self._left, places[order[allowed]], 1)
            self.n_held += int(allowed.sum())
        return held, np.isin(found, self._trained) & ~held


def of_training(
    parts: Mapping[str, tuple[Any, NDArray[Any]]],
    *,
    target: tuple[str | None, int] | None,
    split: dict[str, Any] | None,
    columns: Sequence[str | int] | None = None,
    interval: float | None = None,
    date_formats: Mapping[str, str] | None = None,
) -> Record:
    """Return the record of training.

    Parameters
    ----------
    parts : mapping
        X and y of the "train" and the "test" rows. For classes, y has one label per row.
    target : (str or None, int), or None
        Name and index of the target column of a table.
    split : dict or None
        Rule of the split; None if there are no test rows.
    columns : sequence of str or int, optional
        Columns of a table that the model uses.
    interval : float, optional
        Coverage of intervals.
    date_formats : mapping, optional
        Formats of dates by the name of the column.
    """
    name, column = (None, None) if target is None else target
    used = None if columns is None else tuple(columns)
    trained = np.unique(row_hashes(*parts["train"], used))[:_SKETCH]
    held_out = _none()
    if split is not None:
        held_out = np.sort(row_hashes(*parts["test"], used))
        split = {**split, "test_rows": len(held_out)}
    return Record(name, column, split, held_out, trained, interval, dict(date_formats or {}), used)


def of(net: Model) -> Record:
    """Return the record of a model; documented at :func:`parsed`."""
    encoder = getattr(net, "encoder_", None)
    return parsed(net.metadata.get(KEY), None if encoder is None else used_columns(encoder))


def used_columns(encoder: Any) -> tuple[str | int, ...]:
    """Return the columns that an encoder of tables uses, by name or, without names, by index."""
    types = encoder.column_types_
    if encoder.feature_names_in_ is not None:
        return tuple(name for name, kind in types.items() if kind.used)
    return tuple(i for i, kind in enumerate(types.values()) if kind.used)


def parsed(content: Any, columns: tuple[str | int, ...] | None = None) -> Record:
    """Return the record from JSON values; an empty one from None, for a model that train has not made.

    Raises
    ------
    ValueError
        If the record is not one that ``compiled-nn train`` writes.
    """
    if content is None:
        return Record(columns=columns)
    try:
        split, held_out = content["split"], ""
        if split is not None:
            split = dict(split)
            held_out = split.pop("hashes")
        target, column = content["target"], content["target_column"]
        interval, formats = content["interval"], content["date_formats"]
        if not isinstance(target, str | None) or not isinstance(column, int | None):
            raise TypeError
        if not isinstance(interval, float | None) or not all(
            isinstance(text, str) for text in formats.values()
        ):
            raise TypeError
        found = (_decoded(held_out), _decoded(content["trained"]))
        return Record(target, column, split, *found, interval, formats, columns)
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ValueError(
            f"the entry {KEY!r} in the metadata of the model is not one that train writes; save the model without it"
        ) from error


def split_text(split: Mapping[str, Any]) -> str:
    """Return the rule of a split as text."""
    by_group = (
        f"whole groups by {split['group']!r}, drawn" if split["group"] is not None else "held out by train"
    )
    how = (
        f"{by_group} with seed {split['seed']}"
        if split["time"] is None
        else f"the last ones by {split['time']!r}"
    )
    return f"{split['test_rows']:,}, {split['fraction']:g} of the rows, {how}"


def row_hashes(X: Any, y: NDArray[Any], columns: Sequence[str | int] | None = None) -> Hashes:
    """Return a hash per row of its features and target; `columns` are those of a table X."""
    if columns is None:
        features = [np.asarray(X)] if len(X) else []
    else:
        features = [X.column(each) if isinstance(each, int) else X[each] for each in columns]
    return hashes.of_rows([*features, y], len(y))


def _encoded(values: Hashes) -> str:
    return base64.b64encode(np.sort(values).astype("<u8").tobytes()).decode()


def _decoded(text: str) -> Hashes:
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)
