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
        """Names of the columns.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> Table({"age": np.array([31.0, 48.0]), "city": np.array(["Ulm", "Bonn"])}).column_names
        ['age', 'city']
        """
        return list(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of columns.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> Table({"age": np.array([31.0, 48.0, 25.0]), "city": np.array(["Ulm", "Bonn", "Ulm"])}).shape
        (3, 2)
        """
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
        """Return the values of a column.

        Parameters
        ----------
        i : int
            Index of the column.

        Returns
        -------
        ndarray (m,)
            Values.

        Raises
        ------
        IndexError
            If there is no such column.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> Table({"age": np.array([31.0, 48.0]), "city": np.array(["Ulm", "Bonn"])}).column(1).tolist()
        ['Ulm', 'Bonn']
        """
        values: Array = list(self._columns.values())[i]
        return values

    def select(self, names: Sequence[str | int]) -> Table:
        """Return some of the columns.

        Parameters
        ----------
        names : sequence of str or int
            Names of the columns, in the order of the result.

        Returns
        -------
        Table
            Table with these columns.

        Raises
        ------
        KeyError
            If no column has one of the names.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> table = Table({"age": np.array([31.0, 48.0]), "pay": np.array([20, 30]), "city": np.array(["Ulm", "Bonn"])})
        >>> table.select(["city", "age"])
        Table of 2 rows and 2 columns
          city  category  Ulm, Bonn
          age   number    31, 48
        """
        return self._with({name: self[name] for name in names})

    def drop(self, *names: str | int) -> Table:
        """Return all columns except some.

        Parameters
        ----------
        *names : str or int
            Names of the columns that are left out. Names of no column have no effect.

        Returns
        -------
        Table
            Table with the other columns.

        Raises
        ------
        ValueError
            If no column is left.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> table = Table({"age": np.array([31.0, 48.0]), "pay": np.array([20, 30]), "city": np.array(["Ulm", "Bonn"])})
        >>> table.drop("pay").column_names
        ['age', 'city']
        """
        return self._with({name: values for name, values in self._columns.items() if name not in names})

    def take(self, rows: Any) -> Table:
        """Return some of the rows.

        Parameters
        ----------
        rows : array-like of int, slice, or array of bool (m,)
            Indices of the rows, a slice of them, or a mask.

        Returns
        -------
        Table
            Table with these rows.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> table = Table({"age": np.array([31.0, 48.0, 25.0]), "city": np.array(["Ulm", "Bonn", "Ulm"])})
        >>> table.take(table["age"] > 30)
        Table of 2 rows and 2 columns
          age   number    31, 48
          city  category  Ulm, Bonn
        """
        return self._with({name: values[rows] for name, values in self._columns.items()})

    def to_dict(self) -> dict[Any, Array]:
        """Return the columns by name.

        ``pandas.DataFrame(table.to_dict())`` makes a data frame of them.

        Returns
        -------
        dict of str or int to ndarray (m,)
            Values of each column, which are not copied.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> Table({"age": np.array([31.0, 48.0]), "city": np.array(["Ulm", "Bonn"])}).to_dict()
        {'age': array([31., 48.]), 'city': array(['Ulm', 'Bonn'], dtype='<U4')}
        """
        return dict(self._columns)

    @classmethod
    def concatenate(cls, parts: Sequence[Table]) -> Table:
        """Return the rows of several tables.

        Parameters
        ----------
        parts : sequence of Table
            Tables that have the same columns.

        Returns
        -------
        Table
            Rows of all parts in their order; `reading` is kept if it is the same in all of them.

        Raises
        ------
        KeyError
            If a table lacks a column of the first one.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> parts = [Table({"age": np.array([31.0, 48.0])}), Table({"age": np.array([25.0])})]
        >>> Table.concatenate(parts)["age"].tolist()
        [31.0, 48.0, 25.0]
        """
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
        """Type of each column by its name, inferred from its values.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.datasets import Table
        >>> table = Table({"age": np.array([31.0, 48.0]), "born": np.array(["1993-05-01", "1976-11-30"])})
        >>> {name: column_type.kind for name, column_type in table.column_types.items()}
        {'age': 'number', 'born': 'date'}
        """
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
