"""Rows of a table in batches, with the columns that a model takes."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from argparse import Namespace
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ...datasets import limits
from ...datasets.tables import Table, iter_table
from . import columns
from .arguments import reading_options
from .columns import Choice, Expected
from .outputs import Columns
from .source import Source
from .terminal import UsageError, print_note

_ROW = re.compile(r"\brow (\d+)\b")
_WORDS = (  # words of the command line by those of Python
    (re.compile(r"\bX\[('[^']*'|[^\]]*)\]"), r"column \1"),
    (re.compile(r"\bInput X contains"), "the data contain"),
    (re.compile(r"\bX has\b"), "the data have"),
    (re.compile(r"\bX contains\b"), "the data contain"),
)


class Rows(NamedTuple):
    """Consecutive rows.

    Attributes
    ----------
    X : Table, or ndarray (m, k)
        Columns in the order of the model; a matrix for a model without names and encoder.
    y : ndarray (m,) or None
        Targets; None if they were not read.
    kept : dict
        Columns that are copied to the output.
    numbers : ndarray (m,) of int
        Number of each row in the data, from 0.
    """

    X: Any
    y: NDArray[Any] | None
    kept: Columns
    numbers: NDArray[Any]


class TableBatches:
    """Batches of a table for a model. Iteration reads the source once.

    Parameters
    ----------
    source : Source
        Table.
    options : Namespace
        Options of the command.
    expected : Expected
        Columns that the model takes.
    labels : bool
        Whether the targets are required.
    keep : sequence of str, default ()
        Columns that are copied to the output.

    Attributes
    ----------
    name : str
        Name of the data.

    Raises
    ------
    ValueError
        If the source is not a table, or a column is missing.
    """

    def __init__(
        self,
        source: Source,
        options: Namespace,
        expected: Expected,
        *,
        labels: bool,
        keep: Sequence[str] = (),
    ) -> None:
        self.name = source.stem
        self._source, self._expected = source, expected
        self._opened = _Opened(source, reading_options(options), expected)
        with located(source.path):
            self._choice = columns.choose(
                self._opened.names, expected, target=options.target, labels=labels, keep=keep
            )

    def __iter__(self) -> Iterator[Rows]:
        """Iterate over the rows."""
        choice, first = self._choice, 0
        if choice.unused:
            noun = "column is" if len(choice.unused) == 1 else "columns are"
            print_note(f"{len(choice.unused)} {noun} not used: {columns.listed(choice.unused)}")
        for table in self._opened.batches(choice):
            y = None if choice.target is None else table[choice.target]
            kept = {str(name): table[name] for name in choice.kept}
            yield Rows(self._features(table), y, kept, np.arange(first, first + len(table)))
            first += len(table)

    def _features(self, table: Table) -> Any:
        """Return the columns of the model; without names, those that it does not use are empty."""
        found = {name: table[cell] for name, cell in self._choice.features.items()}
        if self._expected.names is not None:
            return Table(found)
        if not self._expected.has_encoder:
            return np.stack([values.astype(np.float64) for values in found.values()], axis=1)
        empty = np.full(len(table), None, dtype=object)
        return Table({i: found.get(i, empty) for i in range(len(self._expected.types))})


class _Opened:
    """Table whose names are known before its columns are chosen."""

    def __init__(self, source: Source, keywords: dict[str, Any], expected: Expected) -> None:
        limit = keywords.get("max_bytes", limits.MAX_BYTES)
        if isinstance(source.place, str):
            with open(source.place, "rb") as file:
                content = file.read()
        else:
            content = source.place.read(limit + 1)
            source.place.close()
        if content[:2] == b"\x1f\x8b":
            try:
                content = gzip.decompress(content)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{source.path} is a damaged gzip file: {error}") from error
        limits.Budget(limit).check(len(content), f"{source.path}: the content")
        self._content, self._keywords = content, keywords
        first = self._first()
        if "header" not in keywords and isinstance(first.column_names[0], int):
            known = {*expected.titles, expected.target}
            if not known.isdisjoint(str(values[0]) for values in first.to_dict().values()):
                keywords["header"] = True
                first = self._first()
        self.names = first.column_names

    def _first(self) -> Table:
        batches = cast("Generator[Table]", iter_table(io.BytesIO(self._content), **self._keywords))
        with closing(batches):
            return next(batches)

    def batches(self, choice: Choice) -> Iterator[Table]:
        """Iterate over the batches of the chosen columns."""
        types = cast("dict[Any, Any]", choice.types)
        yield from iter_table(
            io.BytesIO(self._content), columns=choice.read, column_types=types, **self._keywords
        )


@contextmanager
def located(path: str) -> Iterator[None]:
    """Put the name of a file in front of the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@contextmanager
def in_data(name: str, numbers: NDArray[Any] | None = None) -> Iterator[None]:
    """Name the data, the column and the row in errors of a network, in the words of the command line.

    Parameters
    ----------
    name : str
        Name of the data.
    numbers : ndarray (m,) of int, optional
        Number of each row of a batch in the data. Default: the batch is all of the data.
    """
    try:
        yield
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        text = str(error)
        for pattern, words in _WORDS:
            text = pattern.sub(words, text)
        if numbers is not None:
            text = _ROW.sub(lambda match: f"row {numbers[int(match[1])]}", text)
        raise ValueError(f"{name}: {text}") from error
