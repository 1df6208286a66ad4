"""CSV and Parquet files as DATA: which of their columns are the features and the target of a model."""

from __future__ import annotations

import io
import os
import stat
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from ...common import optional
from ...common.errors import did_you_mean
from ...datasets import Dataset
from ...datasets.csv import Columns, default_columns, read_open, target_column
from ...datasets.csv_targets import parse_number
from ...network.network import Network
from . import record
from .terminal import Terminal

Target = tuple[str | None, int]  # name, None without a header, and index of the target column

_LISTED = 10  # names in a message


class Source(NamedTuple):
    """File, or the content of standard input or a pipe, which can be read once.

    Attributes
    ----------
    path : str
    content : bytes or None
        Content; None for a file.
    """

    path: str
    content: bytes | None

    @classmethod
    def of(cls, path: str) -> Source:
        """Return the source of a path; ``-`` is standard input."""
        if path == "-":
            return cls("stdin", sys.stdin.buffer.read())
        if stat.S_ISREG(os.stat(path).st_mode):
            return cls(path, None)
        with open(path, "rb") as file:
            return cls(path, file.read())

    def open(self) -> BinaryIO:
        """Return the content as a file with a method ``peek``."""
        if self.content is None:
            return open(self.path, "rb")
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(self.content))))


class Expected(NamedTuple):
    """Columns that a model takes.

    Attributes
    ----------
    n_columns : int
        Number of features.
    names : tuple of str, or None
        Their names; None if the model has none.
    target : str or None
        Name of the target in training.
    target_column : int or None
        Index of the target in training.
    text_targets : bool
        Whether the classes are text.
    """

    n_columns: int
    names: tuple[str, ...] | None
    target: str | None
    target_column: int | None
    text_targets: bool

    @classmethod
    def by(cls, net: Network) -> Expected:
        """Return the columns that a network takes."""
        known = record.of(net)
        names = getattr(net, "feature_names_in_", None)
        text = hasattr(net, "classes_") and net.classes_.dtype.kind in "UO"
        titles = None if names is None else tuple(map(str, names))
        return cls(net.n_features_, titles, known.target, known.target_column, text)


def read(
    source: Source, options: Namespace, labels: bool, expected: Expected | None
) -> tuple[Dataset, Target | None]:
    """Read a CSV or Parquet file, and return its data, and the name and the index of its target column.

    Parameters
    ----------
    source : Source
    options : Namespace
        Options of the command.
    labels : bool
        Whether the target is required.
    expected : Expected or None
        Columns of the model; None in training.
    """
    with source.open() as file:
        parquet = file.peek(4)[:4] == b"PAR1"  # type: ignore[attr-defined]
    if parquet:
        options = Namespace(**{**vars(options), "header": True})
    ignored: list[str] = []
    targets: list[Target] = []

    def choose(cells: list[str], line: int) -> Columns:
        if expected is None:
            target = -1 if options.target is None else options.target
            columns = default_columns(cells, line, target, options.header)
        elif expected.names is None:
            columns = _by_position(cells, line, options, labels, expected)
        else:
            columns = _by_name(cells, line, options, labels, expected)
        if not labels:
            columns = columns._replace(target=None)
        if columns.target is not None:
            targets.append((cells[columns.target] if columns.header else None, columns.target))
        if columns.header:
            taken = {*columns.features, columns.target}
            ignored.extend(cell for i, cell in enumerate(cells) if i not in taken)
        return columns

    text = expected is not None and expected.text_targets
    try:
        if parquet:
            data = _read_parquet(source, choose)
        else:
            with source.open() as file:
                data = read_open(file, source.path, choose, options.delimiter or ",", text_targets=text)
    except ValueError as error:
        raise ValueError(str(error).replace("pass header", "give header")) from error
    if ignored:
        noun = "column is" if len(ignored) == 1 else "columns are"
        Terminal(sys.stderr).print(f"note: {len(ignored)} {noun} not used: {_listed(ignored)}")
    return data, targets[0] if targets else None


# ---- columns of a model


def _by_position(
    cells: list[str], line: int, options: Namespace, labels: bool, expected: Expected
) -> Columns:
    """Return the columns for a model without names: the target, and all others in their order."""
    target: int | str | None = options.target
    if target is None:
        target = -1 if expected.target_column is None else expected.target_column
        if not labels and len(cells) != expected.n_columns + 1:
            target = None
    return default_columns(cells, line, target, options.header)


def _by_name(cells: list[str], line: int, options: Namespace, labels: bool, expected: Expected) -> Columns:
    """Return the columns for a model with names; without a header, those of a file of the right width."""
    names = expected.names or ()
    if not _has_header(cells, options, expected):
        return _without_header(cells, line, options, labels, expected)
    _refuse_missing(cells, line, names)
    features = [cells.index(name) for name in names]
    target = None
    if options.target is not None:
        target = target_column(options.target, cells, len(cells))
    elif expected.target is not None:
        target = cells.index(expected.target) if expected.target in cells else None
    elif labels:
        target = len(cells) - 1
    if labels and target is None:
        hint = did_you_mean(expected.target, [cell for cell in cells if cell not in names])
        raise ValueError(
            f"line {line}: no column is named {expected.target!r}, the target in training; name the target with "
            f"--target.{hint}"
        )
    if target in features:
        column = f"column {cells[target or 0]!r} cannot be the target, because it is a feature of the model"
        raise ValueError(f"line {line}: {column}; name the target with --target")
    return Columns(True, target, features)


def _has_header(cells: Sequence[str], options: Namespace, expected: Expected) -> bool:
    """Whether the first line of a file has names: as the options say, or one that is known, or no numbers."""
    if options.header is not None:
        return bool(options.header)
    known = {*(expected.names or ()), expected.target}
    return (
        isinstance(options.target, str)
        or not known.isdisjoint(cells)
        or all(parse_number(cell) is None for cell in cells)
    )


def _without_header(
    cells: Sequence[str], line: int, options: Namespace, labels: bool, expected: Expected
) -> Columns:
    n, width = expected.n_columns, len(cells)
    if width == n and not labels and options.target is None:
        return Columns(False, None, list(range(n)))
    if width != n + 1:
        takes = f"{n + 1} with the target" if labels else f"{n}, or {n + 1} with the target"
        raise ValueError(
            f"line {line}: {width} columns and no header; a file without a header has as many columns as the "
            f"model takes: {takes}. Give the file a header, or --header if it has one"
        )
    place = options.target
    if place is None:
        place = -1 if expected.target_column is None else expected.target_column
    target = target_column(place, None, width)
    return Columns(False, target, [i for i in range(width) if i != target])


def _refuse_missing(cells: Sequence[str], line: int, names: Sequence[str]) -> None:
    """Raise a ValueError if a name is missing, or has several columns."""
    missing = [name for name in names if name not in cells]
    others = [cell for cell in cells if cell not in names]
    if len(missing) == 1:
        hint = did_you_mean(missing[0], others)
        raise ValueError(f"line {line}: no column is named {missing[0]!r}, which the model takes.{hint}")
    if missing:
        raise ValueError(
            f"line {line}: {len(missing)} of the {len(names)} columns that the model takes are missing: "
            f"{_listed(missing)}; the file has {_listed(cells)}{'; check --delimiter' * (len(cells) == 1)}"
        )
    for name in names:
        if cells.count(name) > 1:
            raise ValueError(
                f"line {line}: {cells.count(name)} columns are named {name!r}, so that the one to take is not clear; "
                "rename one of them"
            )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


# ---- Parquet


def _parquet(source: Source) -> Any:
    """Return an open Parquet file."""
    parquet = optional.load("pyarrow.parquet", purpose="reading Parquet", library="pyarrow", extra="arrow")
    return parquet.ParquetFile(source.path if source.content is None else io.BytesIO(source.content))


def _read_parquet(source: Source, choose: Callable[[list[str], int], Columns]) -> Dataset:
    """Read a Parquet file whose features are numbers."""
    file = _parquet(source)
    cells = list(file.schema_arrow.names)
    try:
        _, target, features = choose(cells, 1)
    except ValueError as error:
        raise ValueError(f"{source.path}, {str(error).removeprefix('line 1: ')}") from error
    wanted = [cells[i] for i in features] + ([] if target is None else [cells[target]])
    table = file.read(columns=wanted)
    if not features or not table.num_rows:
        raise ValueError(f"{source.path}: {'no rows' if features else 'no column beside the target'}")
    X = np.empty((table.num_rows, len(features)))
    for i, name in enumerate(wanted[: len(features)]):
        column = np.asarray(table.column(name).to_numpy())
        if column.dtype.kind not in "biuf":
            kind = table.schema.field(name).type
            raise ValueError(f"{source.path}, column {name!r}: it has the type {kind}; expected numbers")
        X[:, i] = column
    finite = np.isfinite(X)
    if not finite.all():
        row, bad = np.argwhere(~finite)[0].tolist()
        raise ValueError(
            f"{source.path}, column {wanted[bad]!r}: row {row}, counted from 0, is missing or not finite"
        )
    y = (
        np.empty(0, np.int64)
        if target is None
        else _parquet_target(source, table.column(cells[target]), cells[target])
    )
    return Dataset(
        X,
        y,
        X[:0],
        y[:0],
        class_names=tuple(np.unique(y).tolist()) if y.dtype.kind == "U" else (),
        feature_names=tuple(wanted[: len(features)]),
        name=os.path.splitext(os.path.basename(source.path))[0],
    )


def _parquet_target(source: Source, column: Any, name: str) -> Any:
    if column.null_count:
        raise ValueError(f"{source.path}, column {name!r}: {column.null_count} targets are missing")
    values = column.to_numpy()
    if values.dtype.kind == "O":
        values = np.array([str(value) for value in values.tolist()])
    return values.astype(np.int64) if values.dtype.kind in "iu" else values
