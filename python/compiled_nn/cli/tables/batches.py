"""Rows of a table in batches, with the columns that a model takes."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...datasets.tables import Places, Table, iter_chosen
from ..support.arguments import reading_options
from ..support.terminal import UsageError, print_note
from . import columns
from .columns import Choice, Expected, Name
from .outputs import Columns
from .source import Source
from .unknown_categories import UnknownCategories

_ROW = re.compile(r"\brow (\d+)\b")
_WORDS = (  # words of the command line by those of Python
    (re.compile(r"\bX\[('[^']*'|[^\]]*)\]"), r"column \1"),
    (re.compile(r"\bInput X contains"), "the data contain"),
    (re.compile(r"\bof X has\b"), "of the data has"),
    (re.compile(r"\bX has\b"), "the data have"),
    (re.compile(r"\bX contains\b"), "the data contain"),
    (
        re.compile(r"Some value\(s\) of y are .*?\. (\w+) takes y ([^;]+); (row \d+), column 0 is (\S+)\.$"),
        r"the loss \1 takes targets \2, and that of \3 is \4",
    ),
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
    name, path : str
        Name of the data, and of their file.
    target : str, int or None
        Name of the target in the file, once the first rows are read; None if it is not read.
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
        self.name, self.path = source.stem, source.path
        self._source, self._options, self._expected = source, options, expected
        self._labels, self._keep = labels, keep
        self._places = Places()
        self.target: Name | None = None

    def __iter__(self) -> Iterator[Rows]:
        """Iterate over the rows."""
        chosen: list[Choice] = []

        def choose(names: list[Any]) -> tuple[Sequence[Name], Mapping[Name, Any]]:
            choice = columns.choose(
                names, self._expected, target=self._options.target, labels=self._labels, keep=self._keep
            )
            chosen.append(choice)
            self.target = choice.target
            if choice.unused:
                noun = "column is" if len(choice.unused) == 1 else "columns are"
                print_note(f"{len(choice.unused)} {noun} not used: {columns.listed(choice.unused)}")
            return choice.read, choice.types

        hints, first, unknown = self._expected.date_formats, 0, UnknownCategories(self._expected.categories)
        reading = {"hints": hints, "places": self._places, **self._reading()}
        for table in iter_chosen(self._source.place, choose, **reading):
            (choice,) = chosen
            y = None if choice.target is None else table[choice.target]
            kept = {str(name): table[name] for name in choice.kept}
            numbers = np.arange(first, first + len(table))
            unknown.count(table, choice.features)
            yield Rows(self._features(table, choice), y, kept, numbers)
            first += len(table)
        unknown.note(first)

    def _reading(self) -> dict[str, Any]:
        """Return keywords of the reader."""
        known = [name for name in (*self._expected.titles, self._expected.target) if name]
        return {"known": known, **reading_options(self._options)}

    def place(self, row: int) -> str:
        """Return the place of a row, counted from 0: its line in a CSV file, else its number from 1."""
        line = self._places.line(row)
        return self._source.place_of(row, self._reading()) if line is None else f"line {line}"

    def _features(self, table: Table, choice: Choice) -> Any:
        """Return the columns of the model; without names, those that it does not use are empty."""
        found = {name: table[cell] for name, cell in choice.features.items()}
        if self._expected.names is not None:
            return Table(found)
        if not self._expected.has_encoder:
            return np.stack([values.astype(np.float64) for values in found.values()], axis=1)
        empty = np.full(len(table), None, dtype=object)
        return Table({i: found.get(i, empty) for i in range(len(self._expected.types))})


@contextmanager
def in_data(
    name: str, numbers: NDArray[Any] | None = None, place: Callable[[int], str] | None = None
) -> Iterator[None]:
    """Name the data, the column and the row in errors of a network, in the words of the command line.

    Parameters
    ----------
    name : str
        Name of the data.
    numbers : ndarray (m,) of int, optional
        Number of each row of a batch in the data. Default: the batch is all of the data.
    place : callable, optional
        Function that returns the place of a row in a file. Default: its number, counted from 0.
    """
    try:
        yield
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        text = str(error)
        for pattern, words in _WORDS:
            text = pattern.sub(words, text)

        def replaced(match: re.Match[str]) -> str:
            row = int(match[1]) if numbers is None else int(numbers[int(match[1])])
            return f"row {row}, counted from 0" if place is None else place(row)

        raise ValueError(f"{name}: {_ROW.sub(replaced, text)}") from error
