"""CSV and Parquet files as DATA: which of their columns are the features and the target of a model."""

from __future__ import annotations

import io
import os
import stat
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, cast

from ...common.errors import did_you_mean
from ...datasets import Dataset, limits
from ...datasets.csv import Columns, default_columns, read_open, target_column
from ...datasets.csv_targets import parse_number
from ...network.network import Network
from . import parquet, record
from .terminal import print_note

Target = tuple[str | None, int]  # name, None without a header, and index of the target column

_LISTED = 10  # names in a message
_STEP = 1 << 20  # bytes of a pipe that are read in one step


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
    def of(cls, path: str, max_bytes: int) -> Source:
        """Return the source of a path; ``-`` is standard input. Raise a ValueError if a pipe has more bytes."""
        if path == "-":
            return cls("stdin", _content(sys.stdin.buffer, "stdin", max_bytes))
        if stat.S_ISREG(os.stat(path).st_mode):
            return cls(path, None)
        with open(path, "rb") as file:
            return cls(path, _content(file, path, max_bytes))

    def open(self) -> BinaryIO:
        """Return the content as a file with a method ``peek``."""
        if self.content is None:
            return open(self.path, "rb")
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(self.content))))


def _content(file: BinaryIO, path: str, max_bytes: int) -> bytes:
    """Return the content of a pipe, of which at most `max_bytes` are read."""
    content = bytearray()
    while part := file.read(min(_STEP, max_bytes + 1 - len(content))):
        content += part
    if len(content) > max_bytes:
        raise ValueError(
            f"{path} has more bytes than max_bytes, which is {max_bytes}; pass a larger max_bytes"
        )
    return bytes(content)


def limit_of(options: Namespace) -> int:
    """Return the number of bytes of --max-bytes."""
    limit: int | None = getattr(options, "max_bytes", None)
    return limits.MAX_BYTES if limit is None else limit


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
        is_parquet = file.peek(4)[:4] == b"PAR1"  # type: ignore[attr-defined]
    if is_parquet:
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
        if is_parquet:
            data = parquet.read(source.path, source.content, choose, limits.Budget(limit_of(options)))
        else:
            with source.open() as file:
                delimiter = options.delimiter or ","
                data = read_open(
                    file, source.path, choose, delimiter, text_targets=text, max_bytes=limit_of(options)
                )
    except ValueError as error:
        raise ValueError(str(error).replace("pass header", "give header")) from error
    if ignored:
        noun = "column is" if len(ignored) == 1 else "columns are"
        print_note(f"{len(ignored)} {noun} not used: {_listed(ignored)}")
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
    places = {name: i for i, name in enumerate(cells)}
    features = [places[name] for name in names]
    target = None
    if options.target is not None:
        target = target_column(options.target, cells, len(cells))
    elif expected.target is not None:
        target = cells.index(expected.target) if expected.target in cells else None
    elif labels:
        target = len(cells) - 1
    if labels and target is None:
        taken = set(names)
        hint = did_you_mean(expected.target, [cell for cell in cells if cell not in taken])
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
    counts, wanted = Counter(cells), set(names)
    missing = [name for name in names if name not in counts]
    others = [cell for cell in cells if cell not in wanted]
    if len(missing) == 1:
        hint = did_you_mean(missing[0], others)
        raise ValueError(f"line {line}: no column is named {missing[0]!r}, which the model takes.{hint}")
    if missing:
        raise ValueError(
            f"line {line}: {len(missing)} of the {len(names)} columns that the model takes are missing: "
            f"{_listed(missing)}; the file has {_listed(cells)}{'; check --delimiter' * (len(cells) == 1)}"
        )
    for name in names:
        if counts[name] > 1:
            raise ValueError(
                f"line {line}: {counts[name]} columns are named {name!r}, so that the one to take is not clear; "
                "rename one of them"
            )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more
