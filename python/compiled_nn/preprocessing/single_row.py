"""Reader of one row in the form of a dict, for services that predict one row at a time.

It gives the same numbers as a table of one row, without the arrays that a table is converted to column by column, and
reads only what it can read without a doubt: plain values under the right keys. Anything else is left to the general
way, which accepts it or raises its error.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..data import records
from ..data.arrays import Array
from .column_values import EXACT
from .columns import Categorical, LeftOut, Numeric
from .dates import Date
from .tabular import Tabular

_PLAIN = frozenset((int, float, bool))


class RowReader:
    """Reader of rows as dicts.

    Parameters
    ----------
    names : sequence
        Keys, in the order of the columns of fit.
    encoder : Tabular or None
        Fitted encoder of the table; None for rows of numbers.
    dtype : {"float32", "float64"}
        Dtype of the network; larger numbers are not read.
    """

    def __init__(self, names: Sequence[Hashable], encoder: Tabular | None, dtype: str) -> None:
        self._largest = float(np.finfo(dtype).max)
        self._left_out: list[Hashable] = []
        self._dates: list[tuple[Hashable, Date, slice, int]] = []
        self._categories: list[tuple[Hashable, dict[Any, int], int, bool]] = []
        # Each number: its key, its place, and for missing ones their replacement and the place of the indicator.
        self._numbers: list[tuple[Hashable, int, float | None, int]] = []
        if encoder is None:
            self._numbers = [(name, i, None, -1) for i, name in enumerate(names)]
            self._zeros, self._n_used = np.zeros((1, len(names))), len(names)
            return
        self._zeros = np.zeros((1, encoder.n_columns_))
        sources = encoder.sources()
        for i, (name, column) in enumerate(zip(names, encoder.columns_, strict=True)):
            places = np.flatnonzero(sources == i).tolist()
            if isinstance(column, LeftOut):
                self._left_out.append(name)
            elif isinstance(column, Categorical):
                rare = places[-1] if column.rare else -1
                text = not column.categories or isinstance(column.categories[0], str)
                table = dict(
                    zip(column.categories, places, strict=False)
                )  # the last place may be the rare ones'
                self._categories.append((name, table, rare, text))
            else:
                indicator = places[-1] if column.indicator else -1
                if isinstance(column, Numeric):
                    self._numbers.append((name, places[0], column.mean, indicator))
                else:
                    start = places[0] if places else 0
                    self._dates.append((name, column, slice(start, start + column.n_numbers), indicator))
        self._n_used = len(names) - len(self._left_out)

    def read(self, row: dict[Any, Any]) -> Array | None:
        """Return a row (1, n) of float64; None if it has to be read as a table."""
        found = self._zeros.copy()
        numbers = found[0]
        try:
            if not (self._read_numbers(row, numbers) and self._read_categories(row, numbers)):
                return None
            for name, column, places, indicator in self._dates:
                value = row[name]
                if isinstance(value, (list, tuple, np.ndarray)):
                    return None
                parts, gaps = column.fill(records.typed([value]), f"X[{name!r}]")
                numbers[places] = [part[0] for part in parts]
                if indicator >= 0:
                    numbers[indicator] = gaps[0]
        except (
            KeyError,
            TypeError,
            ValueError,
        ):  # a missing key, a value without a hash, or text that is not a date
            return None
        n_left_out = sum(name in row for name in self._left_out)
        return found if len(row) == self._n_used + n_left_out else None

    def _read_numbers(self, row: dict[Any, Any], numbers: Array) -> bool:
        """Write the numbers of a row, and return whether all of them could be read."""
        largest = self._largest
        for name, place, mean, indicator in self._numbers:
            value = row[name]
            if type(value) in _PLAIN or isinstance(value, (np.floating, np.integer)):
                if -largest <= value <= largest:
                    numbers[place] = value
                    continue
                if value == value:
                    return False
            elif value is not None:
                return False
            if mean is None:
                return False
            numbers[place] = mean
            if indicator >= 0:
                numbers[indicator] = 1.0
        return True

    def _read_categories(self, row: dict[Any, Any], numbers: Array) -> bool:
        """Write 1 in the column of each category of a row, and return whether all of them could be read."""
        for name, places, rare, text in self._categories:
            value = row[name]
            if not text and isinstance(value, float) and abs(value) >= EXACT:
                return False
            place = places.get(value)
            if place is None:
                if value is None or value != value:
                    continue
                if not (text and type(value) is str):
                    return False
                place = rare
            if place >= 0:
                numbers[place] = 1.0
        return True
