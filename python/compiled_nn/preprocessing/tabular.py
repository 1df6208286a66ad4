"""Encoding of tables: one-hot categories, means in place of missing numbers, and dates as numbers.

(a) Every row of the sparse result stores the same number of entries: its numbers, its indicators of missing numbers,
    and one entry per categorical column. The entry of a missing or unknown category is a stored zero. The result can
    therefore be computed column by column, and its memory does not depend on the number of categories.
(b) Numbers, and the parts of dates, are the first columns of the result. With `standardize` only these are scaled;
    columns of 0 and 1 are not.
(c) A missing category needs no column: its row of zeros is one more point, so weights and biases represent
    each function of the categories and of "missing". Unknown categories share it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import clock
from ..common.errors import count
from ..data import column_names, column_types, dataframes
from ..data.arrays import Array
from ..data.column_types import Word
from ..data.samples import Samples
from . import choices, columns, standardization
from .choices import Features, Types
from .columns import Categorical, Column, LeftOut, Numeric
from .dates import Date
from .fitted_columns import FittedColumns
from .standardization import Statistics
from .tables import OpenTable, open_table, refuse_empty, where

if TYPE_CHECKING:
    from .table_summary import TableSummary


class Tabular(FittedColumns):
    """Encoder of tables whose columns are numbers, categories or dates.

    The result has, in this order, the columns of numbers, where a date becomes the days since the first date of fit and
    those of its year, month, day, weekday and hour that varied in fit; one indicator column for each number or date
    that was missing in some rows of fit; and one column for each category. Missing numbers, and the parts of missing
    dates, are replaced by the mean of their column. A missing category is 0 in all columns of its feature. An unknown
    category is 1 in the column of rare categories if the feature has one, else 0 in all columns.

    Parameters
    ----------
    categorical_features : "auto" or sequence of int or str, default "auto"
        Categorical columns, by index or, for a table with column names, by name; the others are numbers, or dates if
        they have such a dtype. "auto": the type of each column follows from its values. Text is a category, unless each
        value is a date of ISO 8601, such as "2024-03-01"; so is a column that has a categorical dtype. In a table, or
        an array of objects, of at least 50 rows, identifiers (text or whole numbers that are all different; whole
        numbers only if they are evenly spaced or have a name such as "id"), constant columns and free text (a level for
        every second row or more) are left out.
    min_frequency : int or float, optional
        Minimum frequency of a category: a number of rows (int), or a share of the rows (float below 1). All categories
        of a feature that are less frequent share one column. Default: every category has its own column.
    column_types : dict of str or int to {"number", "category", "date", "ignore"}, optional
        Types of some columns, by name or index, in place of those that `categorical_features` results in. "ignore"
        leaves a column out.

    Attributes
    ----------
    columns_ : tuple of Numeric, Categorical, Date or LeftOut
        Fitted encoder of each column.
    column_types_ : dict of str or int to ColumnType
        Type of each column by its name, or its index if the table has no names: its `kind`, and the `reason` for which
        it is left out.
    n_features_in_ : int
        Number of columns of the table.
    n_columns_ : int
        Number of columns of the result.
    n_numeric_ : int
        Number of columns of numbers and parts of dates, which are the first columns of the result.
    feature_names_in_ : ndarray of str, or None
        Names of the columns of the table; None if the table has no names.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

    Notes
    -----
    Columns that are left out count in `n_features_in_`, but their values are neither checked nor used, and a table with
    names may lack them after fit. :meth:`fit` names them in a warning, except those that `column_types` ignores.

    Dates are those of the module datetime, of NumPy, pandas, polars and Arrow, and with "date" in `column_types` also
    text of ISO 8601. Those with a time zone are converted to UTC.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.preprocessing import Tabular
    >>> X = np.array([[1.0, "red"], [np.nan, "blue"], [3.0, "red"]], dtype=object)
    >>> encoder = Tabular().fit(X)
    >>> encoder.transform(X).toarray()
    array([[1., 0., 0., 1.],
           [2., 1., 1., 0.],
           [3., 0., 0., 1.]])
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'missingindicator_x0', 'x1_blue', 'x1_red']
    """

    def __init__(
        self,
        categorical_features: Features = "auto",
        min_frequency: float | None = None,
        column_types: Types | None = None,
    ) -> None:
        self.categorical_features = choices.categorical(categorical_features)
        self.min_frequency = choices.frequency(min_frequency)
        types = choices.typed(column_types)
        self.column_types = None if types is None else dict(types)
        choices.check_contradictions(self.categorical_features, types or ())

    def __repr__(self) -> str:
        """Return the parameters that differ from their defaults, and after fit a line per column."""
        defaults = {"categorical_features": "auto", "min_frequency": None, "column_types": None}
        changed = (
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        )
        return "\n".join([f"Tabular({', '.join(changed)})", *self._lines()])

    # ---- fit and transform

    def fit(self, X: Any) -> Tabular:
        """Fit the types, means, categories and dates of the columns.

        Parameters
        ----------
        X : array-like or table (m, k)
            Rows of numbers and categories.

        Returns
        -------
        self : Tabular
            Fitted encoder.

        Raises
        ------
        TypeError, ValueError
            If X cannot be encoded. The encoder is then unchanged.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> cnn.preprocessing.Tabular().fit(X)
        Tabular()
          age   number    mean 28; an indicator of missing values
          city  category  2 categories: Bonn, Ulm
        """
        table = open_table(X)
        column_names.check_distinct(table.names or ())
        given = choices.words(
            table.names, table.n_columns, self.categorical_features, self.column_types or {}
        )
        categories = dataframes.categorical(X)
        fitted = [
            self._fit_column(table, i, given.get(i), categories=i in categories)
            for i in range(table.n_columns)
        ]
        self._announce(fitted, {*given, *categories})
        self._columns = tuple(fitted)
        return self

    def fit_summary(self, summary: TableSummary) -> Tabular:
        """Fit the encoder to the rows of a summary, which gives the result of :meth:`fit` up to rounding of means.

        Parameters
        ----------
        summary : TableSummary
            Joined summaries of all parts of a table, in the order of the rows.

        Returns
        -------
        self : Tabular

        Raises
        ------
        TypeError, ValueError
            If a column cannot be encoded. The encoder is then unchanged.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.preprocessing.table_summary import TableSummary
        >>> encoder = cnn.preprocessing.Tabular()
        >>> parts = [TableSummary.of(encoder, {"city": ["Ulm"]}), TableSummary.of(encoder, {"city": ["Bonn"]})]
        >>> encoder.fit_summary(parts[0].joined(parts[1])).get_feature_names_out().tolist()
        ['city_Bonn', 'city_Ulm']
        """
        given = summary.words(self)
        fitted = summary.fitted(self)
        categories = (i for i, column in enumerate(summary.columns) if column.categories)
        self._announce(fitted, {*given, *categories})
        self._columns = fitted
        return self

    def _announce(self, fitted: Sequence[Column], stated: Collection[int]) -> None:
        """Warn about columns that are left out, and decimal numbers written as text unless their type is stated."""
        left_out = [
            (i if column.name is None else column.name, column.column_type)
            for i, column in enumerate(fitted)
            if isinstance(column, LeftOut)
        ]
        choices.announce(left_out, all_columns=len(left_out) == len(fitted))
        choices.announce_decimals(
            [
                (i if column.name is None else column.name, column.categories[0])
                for i, column in enumerate(fitted)
                if isinstance(column, Categorical)
                and i not in stated
                and column_types.are_decimals(column.categories)
            ]
        )

    def _fit_column(self, table: OpenTable, i: int, word: Word | None, *, categories: bool) -> Column:
        """Return the encoder of the column with the index `i`, fitted on its values."""
        clock.check()
        name = None if table.names is None else table.names[i]
        if word == "ignore":
            return LeftOut(name, *choices.IGNORED)
        column, place = table.column(i), where(i, table.names)
        refuse_empty(len(column), table.n_columns)
        kind, reason = choices.column_type(
            column, word, name, self.categorical_features, plain=table.of_numbers, categories=categories
        )
        if kind == "number":
            return Numeric.fit(column, name, place, stated=word is not None)
        if kind == "category":
            return Categorical.fit(column, name, place, self.min_frequency)
        return Date.fit(column, name, place) if kind == "date" else LeftOut(name, kind, reason)

    def transform(self, X: Any) -> Samples:
        """Return the rows of a table encoded as numbers.

        Parameters
        ----------
        X : array-like or table (m, k)
            Rows with the same columns as during fit. The columns of a table are matched by name, if that of fit had
            names as well, and those that are left out may be absent; the columns of an array are taken by position.

        Returns
        -------
        SparseRows or ndarray ``(m, n_columns_)``
            Encoded rows, sparse if any column is categorical; float32 if it holds the numbers of each column exactly,
            else float64.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        TypeError, ValueError
            If X has other columns than during fit, or cannot be encoded.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.transform({"age": [40.0], "city": ["Oslo"]}).toarray()  # an unknown city: 0 in all of its columns
        array([[40.,  0.,  0.,  0.]])
        """
        table = open_table(X)
        names, order = self._in_order(table)
        m = 0
        numbers, missing, codes = [], [], []
        for i, (place, encoder) in enumerate(zip(order, self.columns_, strict=True)):
            clock.check()
            if isinstance(encoder, LeftOut) or place is None:
                continue
            column = table.column(place)
            m = len(column)
            refuse_empty(m, table.n_columns)
            if isinstance(encoder, Categorical):
                codes.append(encoder.codes(column, where(i, names)))
                continue
            if isinstance(encoder, Date):
                parts, gaps = encoder.fill(column, where(i, names))
                numbers += parts
            else:
                filled, gaps = encoder.fill(column, where(i, names))
                numbers.append(filled)
            if encoder.indicator:
                missing.append(gaps)
        return self._assemble(m, [*numbers, *missing], codes)

    def _assemble(self, m: int, dense: list[Array], codes: list[Array]) -> Samples:
        """Return the encoded rows from the dense columns (m,) and the codes (m,) of the categorical columns."""
        categorical = [column for column in self._categorical() if column.width]
        codes = [code for code, column in zip(codes, self._categorical(), strict=True) if column.width]
        wide = any(column.dtype.itemsize > (4 if column.dtype.kind == "f" else 2) for column in dense)
        data = np.ones((m, len(dense) + len(codes)), np.float64 if wide else np.float32)
        for i, numbers in enumerate(dense):
            data[:, i] = numbers
        if not codes:
            return data
        indices = np.empty(data.shape, np.int32)
        indices[:, : len(dense)] = np.arange(len(dense))
        start = len(dense)
        for i, (code, column) in enumerate(zip(codes, categorical, strict=True), start=len(dense)):
            data[:, i] = code >= 0
            indices[:, i] = start + np.maximum(code, 0)
            start += column.width
        indptr = np.arange(m + 1) * data.shape[1]
        return SparseRows(indptr, indices.reshape(-1), data.reshape(-1), start)

    def statistics(
        self, encoded: Samples, method: str, rows: Array | None = None, weights: Array | None = None
    ) -> Statistics:
        """Return centres and scales of encoded columns; those of columns that are not numeric are 0 and 1.

        Parameters
        ----------
        encoded : SparseRows or ndarray ``(m, n_columns_)``
            Result of :meth:`transform`.
        method : {"standard", "robust", "standard_smooth_clip", "robust_smooth_clip", "minmax"}
            Method of standardization.
        rows : ndarray of int, optional
            Indices of the rows to use. Default: all rows.
        weights : ndarray (m,), optional
            Weight of each row of `encoded`. Default: 1 for each row.

        Returns
        -------
        Statistics

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, 43.0, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> mean, scale = encoder.statistics(encoder.transform(X), "standard")
        >>> mean.tolist(), scale.round(2).tolist()
        ([33.0, 0.0, 0.0], [7.48, 1.0, 1.0])
        """
        mean, scale = np.zeros(self.n_columns_), np.ones(self.n_columns_)
        if n := self.n_numeric_:
            mean[:n], scale[:n] = standardization.fit_statistics(
                self.numbers(encoded), method, rows=rows, weights=weights
            )
        return Statistics(mean, scale)

    def numbers(self, encoded: Samples) -> Array:
        """Return the columns of numbers and of parts of dates.

        Parameters
        ----------
        encoded : SparseRows or ndarray ``(m, n_columns_)``
            Result of :meth:`transform`.

        Returns
        -------
        ndarray ``(m, n_numeric_)``
            Numbers.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.numbers(encoder.transform(X)).tolist()  # the mean where the age is missing
        [[31.0], [28.0], [25.0]]
        """
        entries = encoded if isinstance(encoded, np.ndarray) else encoded.data.reshape(len(encoded), -1)
        return entries[:, : self.n_numeric_]

    def _in_order(self, table: OpenTable) -> tuple[Sequence[str] | None, Sequence[int | None]]:
        """Return the names of fit, and the index in a table of each column of fit.

        They are matched by name if both have names. The index is None for a column that is left out and that the table
        lacks. Names are None if the table has none.
        """
        expected, order = self.feature_names_in_, None
        names = table.names
        if names is not None and expected is not None:
            names = expected.tolist()
            order = column_names.order(names, table.names or (), self.optional)
        if order is None and table.n_columns != self.n_features_in_:
            raise ValueError(
                f"X has {count(table.n_columns, 'column')}; the network takes {self.n_features_in_}."
            )
        return names, range(table.n_columns) if order is None else order

    # ---- files

    def to_config(self) -> list[dict[str, Any]]:
        """Return the fitted columns in a form that JSON can express.

        Returns
        -------
        list of dict
            Description of each column.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> encoder.to_config()[0]
        {'name': 'age', 'mean': 28.0, 'indicator': True}
        """
        return [column.to_config() for column in self.columns_]

    def restore(self, config: object, n_columns: int) -> Tabular:
        """Restore the fitted columns from the result of :meth:`to_config`.

        Parameters
        ----------
        config : list of dict
            Result of :meth:`to_config`, read from a file.
        n_columns : int
            Number of columns that the network takes.

        Returns
        -------
        self : Tabular

        Raises
        ------
        TypeError, ValueError
            If `config` is anything else, or if its number of result columns is not `n_columns`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, None, 25.0], "city": ["Ulm", "Bonn", "Ulm"]}
        >>> encoder = cnn.preprocessing.Tabular().fit(X)
        >>> restored = cnn.preprocessing.Tabular().restore(encoder.to_config(), n_columns=4)
        >>> restored.get_feature_names_out().tolist()
        ['age', 'missingindicator_age', 'city_Bonn', 'city_Ulm']
        """
        if not isinstance(config, list) or not config:
            raise ValueError("the encoder is not a list of columns")
        fitted = tuple(map(columns.read_encoder, config))
        names = [column.name for column in fitted if column.name is not None]
        if len(names) not in (0, len(fitted)):
            raise ValueError(f"the encoder has {len(names)} names for {count(len(fitted), 'column')}")
        column_names.check_distinct(names)
        stated = choices.words(names or None, len(fitted), "auto", self.column_types or {})
        for i, word in stated.items():
            if (kind := fitted[i].column_type.kind) != word:
                raise ValueError(
                    f"column_types states {word!r} for column {i} of the encoder, which is {kind!r}"
                )
        self._columns = fitted
        if self.n_columns_ != n_columns:
            raise ValueError(
                f"the encoder returns {count(self.n_columns_, 'column')}; the network takes {n_columns}"
            )
        return self
