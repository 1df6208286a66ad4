"""Table: named columns as NumPy arrays, in the form of a table that networks read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from ..common.errors import count, did_you_mean
from ..common.text import shortened
from . import column_types
from .arrays import Array
from .column_types import ColumnType

_SHOWN = 3  # first values of a column in the repr
_LONGEST = 24  # characters of a name or a value in the repr
_MOST_COLUMNS = 60  # in the repr


class Table:
    """Named columns with the same number of rows.

    Parameters
    ----------
    columns : mapping of str or int to array-like (m,)
        Values of each column by its name; the names of a file without a header are 0, 1, ... Arrays are not copied.
        Numbers are NaN where they are missing, dates (datetime64) NaT, text (dtype object) None.

    Attributes
    ----------
    column_names : list of str or int
        Names of the columns.
    shape : tuple of int
        Numbers of rows and columns.
    reading : dict
        What :func:`compiled_nn.datasets.read_table` found in a file and may not follow from another file of the same
        kind: its options `decimal`, `thousands` and `date_format`, as far as the file needed them. The tables of
        :func:`compiled_nn.datasets.iter_table`, and parts of a table, have it as well.

    Raises
    ------
    ValueError
        If there is no column, or the columns differ in their numbers of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import Table
    >>> table = Table({"age": np.array([31.0, 48.0]), "city": np.array(["Ulm", None], dtype=object)})
    >>> table.shape
    (2, 2)
    >>> table["age"].mean()
    np.float64(39.5)
    """

    def __init__(self, columns: Mapping[Any, Any]) -> None:
        self._columns: dict[Any, Array] = {name: np.asarray(values) for name, values in columns.items()}
        if not self._columns:
            raise ValueError("A table needs at least one column. Got 0 instead.")
        self.reading: dict[str, Any] = {}
        first, *others = self._columns.items()
        for name, values in others:
            if len(values) != len(first[1]):
                raise ValueError(
                    f"Column {name!r} has {count(len(values), 'row')}; column {first[0]!r} has {len(first[1])}."
                )

    @property
    def column_names(self) -> list[Any]:
        return list(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str | int) -> Array:
        """Return the values (m,) of the column with this name; raise a KeyError if there is none."""
        if name not in self._columns:
            raise KeyError(f"No column is named {name!r}.{did_you_mean(name, map(str, self._columns))}")
        values: Array = self._columns[name]
        return values

    def column(self, i: int) -> Array:
        """Return the values (m,) of the column with the index `i`."""
        values: Array = list(self._columns.values())[i]
        return values

    def select(self, names: Sequence[str | int]) -> Table:
        """Return the columns with these names, in this order."""
        return self._with({name: self[name] for name in names})

    def drop(self, *names: str | int) -> Table:
        """Return the columns that have other names than these."""
        return self._with({name: values for name, values in self._columns.items() if name not in names})

    def take(self, rows: Any) -> Table:
        """Return the rows with these indices, or those of a slice or a boolean mask."""
        return self._with({name: values[rows] for name, values in self._columns.items()})

    def to_dict(self) -> dict[Any, Array]:
        """Return the columns by name; ``pandas.DataFrame(table.to_dict())`` makes a data frame of them."""
        return dict(self._columns)

    @classmethod
    def concatenate(cls, parts: Sequence[Table]) -> Table:
        """Return the rows of tables that have the same columns; `reading` is kept if it is the same in all of them."""
        found = cls({name: np.concatenate([part[name] for part in parts]) for name in parts[0].column_names})
        if all(part.reading == parts[0].reading for part in parts):
            found.reading = dict(parts[0].reading)
        return found

    def _with(self, columns: Mapping[Any, Any]) -> Table:
        """Return a table of some of the columns, or some of their rows, with what is known about reading them."""
        found = Table(columns)
        found.reading = dict(self.reading)
        formats = {
            name: form for name, form in self.reading.get("date_format", {}).items() if name in columns
        }
        if formats:
            found.reading["date_format"] = formats
        else:
            found.reading.pop("date_format", None)
        return found

    @cached_property
    def column_types(self) -> dict[Any, ColumnType]:
        """Type of each column by its name, inferred from its values."""
        return {name: column_types.infer(values, name) for name, values in self._columns.items()}

    def __repr__(self) -> str:
        """Return one line per column: its name, its type and its first values."""
        m, k = self.shape
        lines = []
        for name in self.column_names[:_MOST_COLUMNS]:
            values = ", ".join(_short(value) for value in self[name][:_SHOWN].tolist())
            more = ", ..." if m > _SHOWN else ""
            lines.append((_short(name), self.column_types[name].kind, values + more))
        widths = [max((len(line[i]) for line in lines), default=0) for i in range(2)]
        rows = [f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {values}" for name, kind, values in lines]
        rest = [f"  and {k - _MOST_COLUMNS:,} more"] if k > _MOST_COLUMNS else []
        return "\n".join([f"Table of {m:,} row{'s' * (m != 1)} and {count(k, 'column')}", *rows, *rest])


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        text = text.removesuffix(" 00:00:00")  # a date without a time of day
    return shortened(text, _LONGEST)
