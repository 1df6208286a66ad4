"""Rows of DATA for a command that has a model: those of --part, which are found by the record of training."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.errors import count
from ...datasets import Dataset, limits
from ...datasets.tables import Table
from ..learning import targets
from ..support import results
from ..support.results import Model
from ..support.terminal import UsageError, print_note
from . import columns, inputs, record
from .batches import Rows, TableBatches
from .columns import Expected
from .record import Record

_TOGETHER = 65_536  # rows of an array that are predicted together

Array = NDArray[Any]


class Part(NamedTuple):
    """Labelled rows.

    Attributes
    ----------
    X, y : Table or ndarray (m, ...), ndarray (m,) or (m, n)
        Rows and their targets; for classes with one label per row, y has the labels.
    part : {"train", "test", "all"}
        Name of the part.
    name : str
        Name of the data.
    class_names : tuple of str
        Names of the classes; () if they are not known.
    numbers : ndarray (m,) of int or None
        Number of each row in the data; None if they are all of it.
    place : callable or None
        Function that returns the place of such a row in a file.
    """

    X: Any
    y: Array
    part: str
    name: str
    class_names: tuple[str, ...]
    numbers: NDArray[np.int64] | None = None
    place: Callable[[int], str] | None = None


def labelled(options: Namespace, net: Model, *, held_out_first: bool = False) -> Part:
    """Return the rows of --part with their targets.

    Without --part, they are the test part of the data itself; if it has none, all rows, with a note if the model was
    trained on some; with `held_out_first`, the rows that train held out, if the data have any.

    Raises
    ------
    UsageError
        An option does not apply to the data.
    OSError, ValueError
        The data cannot be read, or have no such part.
    """
    known, part = record.of(net), options.part
    source = inputs.source_of(options)
    if source is None or source.kind != "table":
        data = inputs.arrays(options, source)
        if part is None and held_out_first and not len(data.X_test) and len(known.held_out):
            part = "test" if known.find(data.X, _labels(data.y))[0].any() else None
        X, y, part = _of_arrays(data, part, known)
        return Part(X, _labels(y) if results.classifies(net) else y, part, data.name, data.class_names)
    batches = TableBatches(source, options, Expected.by(net), labels=True)
    X, y, numbers = _with_target(batches, options)
    held, trained = known.find(_hashed(X, known), y)
    name = batches.name
    if part is None and held_out_first and held.any():
        part = "test"
    if part in (None, "all"):
        if part is None and trained.any():
            _note_repeated(int(held.sum()))
        return _checked(Part(X, y, "all", name, (), numbers, batches.place), net)
    _check_part(name, part, known)
    if not held.any() and part == "test":
        raise ValueError(_missing(name, len(known.held_out)))
    _note_missing(name, int(held.sum()), len(known.held_out))
    chosen = held if part == "test" else ~held
    return _checked(
        Part(_taken(X, chosen), y[chosen], str(part), name, (), numbers[chosen], batches.place), net
    )


def _with_target(batches: TableBatches, options: Namespace) -> tuple[Any, Array, NDArray[np.int64]]:
    """Return the rows of a table that have a target, their targets, and their numbers in the data."""
    every = list(_within(batches, options))
    X = _joined([rows.X for rows in every])
    y = np.concatenate([rows.y for rows in every if rows.y is not None])
    missing = targets.missing_rows(y)
    numbers = np.flatnonzero(~missing)
    if not len(numbers):
        raise ValueError(
            f"{batches.path}: the target {batches.target!r} has no value in any row; name another column with --target"
        )
    if missing.any():
        targets.note_missing(int(missing.sum()), batches.target)
        X, y = _taken(X, ~missing), y[numbers]
    return X, _labels(y), numbers


def _checked(part: Part, net: Model) -> Part:
    """Return the part; raise a ValueError if a target is not a class of the model."""
    if not results.classifies(net) or part.numbers is None or part.place is None:
        return part
    unknown = ~np.isin(part.y, net.classes_)
    if unknown.any():
        first = int(np.argmax(unknown))
        n_more = int(unknown.sum()) - 1
        more = f", and {count(n_more, 'more row')}" if n_more else ""
        classes = net.classes_.tolist()
        raise ValueError(
            f"{part.name}: the target {str(part.y[first])!r} is not a class of the model: "
            f"{part.place(int(part.numbers[first]))}{more}. The classes are {columns.listed(classes)}; correct these "
            "rows, or leave them out"
        )
    return part


def _within(batches: TableBatches, options: Namespace) -> Iterator[Rows]:
    """Yield batches that are kept; raise a ValueError if all of them take more memory than --max-bytes."""
    budget = limits.Budget(inputs.limit_of(options))
    for rows in batches:
        k = len(rows.X.column_names) if isinstance(rows.X, Table) else rows.X.shape[1]
        budget.take(8 * len(rows.X) * (k + 1), f"{batches.path}: the table")
        yield rows


def used_columns(net: Model) -> list[bool]:
    """Return which columns of the model it uses."""
    return [word != "ignore" for word in Expected.by(net).types]


def _of_arrays(data: Dataset, name: str | None, known: Record) -> tuple[Array, Array, str]:
    """Return X, y and the name of a part of arrays.

    Parameters
    ----------
    data : Dataset
        Data with targets, if the parts are to be found by the record.
    name : {"train", "test", "all"} or None
        Part. None: the rows that train held out, if the data have a test part; else all rows.
    known : Record
        Record of the model.
    """
    own = len(data.X_test) > 0
    if not len(known.trained) or not len(data.y) or name == "all":
        return _own_part(data, name)
    X, y = data.X, data.y
    held, trained = known.find(X, _labels(y))
    n_held, n_known = int(held.sum()), len(known.held_out)
    if name is None and not (own and n_held):
        if trained.any() and not own:
            _note_repeated(n_held)
        return _own_part(data, name)
    if not n_held:
        if own or name == "train":
            return _own_part(data, name)
        raise ValueError(_missing(data.name, n_known))
    _note_missing(data.name, n_held, n_known)
    chosen = ~held if name == "train" else held
    return X[chosen], y[chosen], name or "test"


def _own_part(data: Dataset, name: str | None) -> tuple[Array, Array, str]:
    """Return X, y and the name of a part of the data set itself."""
    if name is None:
        name = "test" if len(data.X_test) else "all"
    if name == "test" and not len(data.X_test):
        raise ValueError(f"{data.name} has no test part; give --part all")
    if name == "all":
        return data.X, data.y, name
    return (data.X_test, data.y_test, name) if name == "test" else (data.X_train, data.y_train, name)


def _labels(y: Array) -> Array:
    """Return one label per row, if y can be read so; else y."""
    labels = inputs.class_labels(y)
    return y if labels is None else labels


def _hashed(X: Any, known: Record) -> Any:
    """Return the rows in the form that the record takes: a table, or the matrix of a model without encoder."""
    is_plain = not isinstance(X, Table) or known.columns is not None
    return X if is_plain else np.stack([*X.to_dict().values()], axis=1)


def _joined(parts: Sequence[Any]) -> Any:
    """Return the rows of all batches."""
    return Table.concatenate(parts) if isinstance(parts[0], Table) else np.concatenate(parts)


def _taken(X: Any, chosen: NDArray[np.bool_]) -> Any:
    return X.take(chosen) if isinstance(X, Table) else X[chosen]


def _check_part(name: str, part: str, known: Record) -> None:
    """Raise a ValueError if a table has no such part."""
    if part == "test" and not len(known.held_out):
        raise ValueError(
            _missing(name, 0) if len(known.trained) else f"{name} has no test part; give --part all"
        )


def _missing(name: str, n_known: int) -> str:
    reason = (
        f"holds none of the {n_known:,} rows that train held out"
        if n_known
        else "has no test part: the model was trained on all rows"
    )
    return f"{name} {reason}; give --part all"


def _note_missing(name: str, n_held: int, n_known: int) -> None:
    if n_held < n_known:
        print_note(f"{name} holds {n_held:,} of the {n_known:,} rows that train held out")


def _note_repeated(n_held: int) -> None:
    remedy = f"; --part test uses the {n_held:,} rows that train held out" if n_held else ""
    print_note(
        f"the rows include those that the model was trained on, so that its score on new rows may be lower{remedy}"
    )


# ---- without targets, in batches


class Answered:
    """Rows of --part to predict, in batches. Iteration reads the data once.

    Parameters
    ----------
    options : Namespace
        Options of a command that has the arguments MODEL and DATA.
    net : Network or Ensemble
        Network that takes the data.
    keep : sequence of str, default ()
        Columns of a table that are copied to the output.

    Attributes
    ----------
    name : str
        Name of the data.
    part : {"train", "test", "all"}
        Name of the part.
    n_rows : int
        Number of rows up to now.
    """

    def __init__(self, options: Namespace, net: Model, keep: Sequence[str] = ()) -> None:
        self.n_rows = 0
        self._known = record.of(net)
        self._by_hash = options.part in ("train", "test") and len(self._known.held_out) > 0
        source = inputs.source_of(options)
        self._table: TableBatches | None = None
        if source is not None and source.kind == "table":
            self._table = TableBatches(source, options, Expected.by(net), labels=self._by_hash, keep=keep)
            self.name, self.part = self._table.name, options.part or "all"
            _check_part(self.name, self.part, self._known)
            return
        if keep:
            raise UsageError(f"--keep is for tables, and DATA is {options.data!r}; omit --keep")
        data = inputs.arrays(options, source, labels=self._by_hash)
        self.name = data.name
        self._X, _, self.part = _of_arrays(data, options.part, self._known)

    @property
    def place(self) -> Callable[[int], str] | None:
        """Function that returns the place of a row in a file; None for arrays."""
        return None if self._table is None else self._table.place

    def __iter__(self) -> Iterator[Rows]:
        """Iterate over batches that have at least one row."""
        for rows in self._of_array() if self._table is None else self._of_table(self._table):
            if len(rows.X):
                self.n_rows += len(rows.X)
                yield rows

    def _of_array(self) -> Iterator[Rows]:
        for start in range(0, len(self._X), _TOGETHER):
            X = self._X[start : start + _TOGETHER]
            yield Rows(X, None, {}, np.arange(start, start + len(X)))

    def _of_table(self, table: TableBatches) -> Iterator[Rows]:
        finder = self._known.finder()
        for rows in table:
            if rows.y is None:
                yield rows
                continue
            held, _ = finder.find(_hashed(rows.X, self._known), _labels(rows.y))
            chosen = held if self.part == "test" else ~held
            kept = {name: values[chosen] for name, values in rows.kept.items()}
            yield Rows(_taken(rows.X, chosen), rows.y[chosen], kept, rows.numbers[chosen])
        n_held, n_known = finder.n_held, len(self._known.held_out)
        if self.part == "test" and not n_held:
            raise ValueError(_missing(self.name, n_known))
        if self._by_hash:
            _note_missing(self.name, n_held, n_known)
