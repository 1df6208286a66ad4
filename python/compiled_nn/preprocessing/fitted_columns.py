"""Fitted columns of an encoder: their types, the columns of the result, and the names of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from ..common.errors import NotFittedError, count
from ..common.text import html_table, shortened
from ..data.arrays import Array
from ..data.column_types import ColumnType
from .columns import Categorical, Column, LeftOut, Numeric
from .dates import Date

_MOST = 40  # columns in a repr
_LONGEST = 30  # characters of a name in a repr


class FittedColumns:
    """Base class of Tabular: everything that follows from the fitted encoders of the columns."""

    _columns: tuple[Column, ...] | None = None

    @property
    def columns_(self) -> tuple[Column, ...]:
        """Fitted encoder of each column.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> [type(column).__name__ for column in encoder.columns_]
        ['Numeric', 'Categorical']
        """
        if self._columns is None:
            raise NotFittedError("This Tabular instance is not fitted yet. Call 'fit' before using it.")
        return self._columns

    @property
    def column_types_(self) -> dict[str | int, ColumnType]:
        """Type of each column, by its name, or by its index if the table has no names.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> {name: column_type.kind for name, column_type in encoder.column_types_.items()}
        {'age': 'number', 'city': 'category'}
        """
        return {
            i if column.name is None else column.name: column.column_type
            for i, column in enumerate(self.columns_)
        }

    @property
    def n_features_in_(self) -> int:
        """Number of columns of the table.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.n_features_in_
        2
        """
        return len(self.columns_)

    @property
    def n_numeric_(self) -> int:
        """Number of columns of numbers and parts of dates.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.n_numeric_
        1
        """
        return sum(column.n_numbers for column in self._numeric())

    @property
    def n_columns_(self) -> int:
        """Number of columns of the result.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.n_columns_  # age, indicator of a missing age, Bonn, Ulm
        4
        """
        return self.n_numeric_ + len(self._indicators()) + sum(column.width for column in self._categorical())

    @property
    def feature_names_in_(self) -> Array | None:
        """Names of the columns of the table ``(n_features_in_,)``; None if the table has no names.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.feature_names_in_.tolist()
        ['age', 'city']
        """
        names = [column.name for column in self.columns_]
        return None if None in names else np.array(names, dtype=object)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """Return the names of the columns of the result.

        A numeric column keeps its name; the parts of a date are "NAME_days", "NAME_month" and so on; the indicator of
        missing values is "missingindicator_NAME", as in scikit-learn; a category is "NAME_CATEGORY", and the column of
        rare categories "NAME_rare".

        Parameters
        ----------
        input_features : sequence of str, optional
            Names of the columns of the table, which must be those of fit if it had names. Default: the names of fit, or
            "x0", "x1", ... if it had none.

        Returns
        -------
        ndarray ``(n_columns_,)`` of str
            Names, with dtype object.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        ValueError
            If `input_features` differs from the names, or the number, of the columns of fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.get_feature_names_out().tolist()
        ['age', 'missingindicator_age', 'city_Bonn', 'city_Ulm']
        """
        names = self.feature_names_in_
        if input_features is not None:
            if names is not None and list(names) != list(input_features):
                raise ValueError("input_features is not equal to feature_names_in_")
            if len(input_features) != self.n_features_in_:
                raise ValueError(
                    f"input_features has {count(len(input_features), 'name')}; the table of fit had"
                    f" {count(self.n_features_in_, 'column')}."
                )
        given = input_features if input_features is not None else names
        titles = (
            [f"x{i}" for i in range(self.n_features_in_)] if given is None else [str(name) for name in given]
        )
        named = list(zip(titles, self.columns_, strict=True))
        result: list[str] = []
        for name, column in named:
            if isinstance(column, Date):
                result += [f"{name}_{part}" for part in column.parts]
            elif isinstance(column, Numeric):
                result.append(name)
        result += [
            f"missingindicator_{name}"
            for name, column in named
            if isinstance(column, (Numeric, Date)) and column.indicator
        ]
        for name, column in named:
            if isinstance(column, Categorical):
                result += [f"{name}_{category}" for category in column.categories]
                result += [f"{name}_rare"] if column.rare else []
        return np.array(result, dtype=object)

    def sources(self) -> Array:
        """Return the index of the table's column for each column of the result.

        Returns
        -------
        ndarray ``(n_columns_,)`` of int64
            Indices.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.get_feature_names_out().tolist(), encoder.sources().tolist()
        (['age', 'missingindicator_age', 'city_Bonn', 'city_Ulm'], [0, 0, 1, 1])
        """
        numeric = [
            (i, column) for i, column in enumerate(self.columns_) if isinstance(column, (Numeric, Date))
        ]
        found = [i for i, column in numeric for _ in range(column.n_numbers)]
        found += [i for i, column in numeric if column.indicator]
        for i, _, width in self.embeddable():
            found += [i] * width
        return np.array(found, dtype=np.int64)

    def _numeric(self) -> list[Numeric | Date]:
        return [column for column in self.columns_ if isinstance(column, (Numeric, Date))]

    def _indicators(self) -> list[Numeric | Date]:
        return [column for column in self._numeric() if column.indicator]

    def _categorical(self) -> list[Categorical]:
        return [column for column in self.columns_ if isinstance(column, Categorical)]

    def embeddable(self) -> list[tuple[int, str | None, int]]:
        """Return index, name and width of each categorical column, in the order of the result.

        Columns that do not become any column of the result are left out.

        Returns
        -------
        list of (int, str or None, int)
            Index and name of the column in the table, and its number of columns in the result.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.embeddable()
        [(1, 'city', 2)]
        """
        return [
            (i, column.name, column.width)
            for i, column in enumerate(self.columns_)
            if isinstance(column, Categorical) and column.width
        ]

    @property
    def optional(self) -> frozenset[int]:
        """Indices of the columns that a table may lack, because they are left out.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"id": [1, 2, 3], "age": [31.0, None, 25.0]}
        >>> encoder = cnn.preprocessing.Tabular(column_types={"id": "ignore"}).fit(X)
        >>> encoder.optional
        frozenset({0})
        """
        return frozenset(i for i, column in enumerate(self.columns_) if isinstance(column, LeftOut))

    def rows(self) -> list[list[str]]:
        """Return the fitted columns as the rows of a table of texts.

        Returns
        -------
        list of list of str
            Header, and one row per column: its name, its type, its number of columns in the result, and its encoding.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> for row in encoder.rows():
        ...     print(row)
        ['column', 'type', 'inputs', 'encoding']
        ['age', 'number', '2', 'mean 28; an indicator of missing values']
        ['city', 'category', '2', '2 categories: Bonn, Ulm']
        """
        widths = np.bincount(self.sources(), minlength=self.n_features_in_)
        rows = [
            [str(name), column.column_type.kind, str(width), column.details]
            for name, column, width in zip(self.column_types_, self.columns_, widths.tolist(), strict=True)
        ]
        return [["column", "type", "inputs", "encoding"], *rows]

    def _repr_html_(self) -> str:
        """Return a table of the columns for a notebook; before fit the parameters."""
        return f"<pre>{escape(repr(self))}</pre>" if self._columns is None else html_table(self.rows())

    def _lines(self) -> list[str]:
        """Return one line per column for a repr: its name, its type, and what was fitted; none before fit."""
        if self._columns is None:
            return []
        shown = [
            (
                shortened(i if column.name is None else column.name, _LONGEST),
                column.column_type.kind,
                column.details,
            )
            for i, column in enumerate(self._columns[:_MOST])
        ]
        widths = [max(len(line[i]) for line in shown) for i in range(2)]
        lines = [
            f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {details}".rstrip() for name, kind, details in shown
        ]
        rest = Counter(column.column_type.kind for column in self._columns[_MOST:])
        if rest:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in rest.items())
            lines.append(f"  and {rest.total():,} more: {kinds}")
        return lines
