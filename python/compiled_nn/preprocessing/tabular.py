"""Encoding of tables with numbers and categories: one-hot categories, and means in place of missing numbers.

(a) Every row of the sparse result stores the same number of entries: its numbers, its indicators of missing numbers,
    and one entry per categorical column. The entry of a missing or unknown category is a stored zero. The result can
    therefore be computed column by column, and its memory does not depend on the number of categories.
(b) Numbers are the first columns of the result. With `standardize` only these are scaled; columns of 0 and 1 are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import checks, clock
from ..common.errors import NotFittedError, count
from ..data import column_names, dataframes
from ..data.arrays import Array
from ..data.samples import Samples
from . import columns, standardization
from .columns import Categorical, Numeric
from .standardization import Statistics
from .tables import read_table, where

Columns: TypeAlias = list[int] | list[str] | list[int | str] | tuple[int | str, ...] | Array
Features: TypeAlias = Literal["auto"] | Columns  # indices or names of columns


class Tabular:
    """Encoder of tables whose columns are numbers or categories.

    The result has, in this order, the numeric columns; one indicator column for each numeric column that had missing
    numbers during fit; and one column for each category. Missing numbers are replaced by the mean of their column. A
    missing category is 0 in all columns of its feature. An unknown category is 1 in the column of rare categories if
    the feature has one, else 0 in all columns.

    Parameters
    ----------
    categorical_features : "auto" or sequence of int or str, default "auto"
        Categorical columns, by index or, for a table with column names, by name. "auto": columns of text, and columns
        of a data frame that have a categorical dtype.
    min_frequency : int or float, optional
        Minimum frequency of a category: a number of rows (int), or a share of the rows (float below 1). All categories
        of a feature that are less frequent share one column. Default: every category has its own column.

    Attributes
    ----------
    columns_ : tuple of Numeric or Categorical
        Fitted encoder of each column.
    n_features_in_ : int
        Number of columns of the table.
    n_columns_ : int
        Number of columns of the result.
    n_numeric_ : int
        Number of numeric columns, which are the first columns of the result.
    feature_names_in_ : ndarray of str, or None
        Names of the columns of the table; None if the table has no names.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid.

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

    def __init__(self, categorical_features: Features = "auto", min_frequency: float | None = None) -> None:
        self.categorical_features = categorical(categorical_features)
        self.min_frequency = frequency(min_frequency)
        self._columns: tuple[Numeric | Categorical, ...] | None = None

    def __repr__(self) -> str:
        """Return the parameters that differ from their defaults."""
        defaults = {"categorical_features": "auto", "min_frequency": None}
        changed = (
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        )
        return f"Tabular({', '.join(changed)})"

    # ---- fitted attributes

    @property
    def columns_(self) -> tuple[Numeric | Categorical, ...]:
        """Fitted encoder of each column."""
        if self._columns is None:
            raise NotFittedError("This Tabular instance is not fitted yet. Call 'fit' before using it.")
        return self._columns

    @property
    def n_features_in_(self) -> int:
        """Number of columns of the table."""
        return len(self.columns_)

    @property
    def n_numeric_(self) -> int:
        """Number of numeric columns."""
        return len(self._numeric())

    @property
    def n_columns_(self) -> int:
        """Number of columns of the result."""
        return self.n_numeric_ + len(self._indicators()) + sum(column.width for column in self._categorical())

    @property
    def feature_names_in_(self) -> Array | None:
        """Names of the columns of the table (n_features_in_,); None if the table has no names."""
        names = [column.name for column in self.columns_]
        return None if None in names else np.array(names, dtype=object)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """Return the names of the columns of the result.

        A numeric column keeps its name; its indicator of missing numbers is "missingindicator_NAME", as in
        scikit-learn; a category is "NAME_CATEGORY", and the column of rare categories "NAME_rare".

        Parameters
        ----------
        input_features : sequence of str, optional
            Names of the columns of the table, which must be those of fit if it had names. Default: the names of fit, or
            "x0", "x1", ... if it had none.

        Returns
        -------
        ndarray (n_columns_,) of str
            Names, with dtype object.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        ValueError
            If `input_features` differs from the names, or the number, of the columns of fit.
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
        numeric = [(name, column) for name, column in named if isinstance(column, Numeric)]
        result = [name for name, _ in numeric]
        result += [f"missingindicator_{name}" for name, column in numeric if column.indicator]
        for name, column in named:
            if isinstance(column, Categorical):
                result += [f"{name}_{category}" for category in column.categories]
                result += [f"{name}_rare"] if column.rare else []
        return np.array(result, dtype=object)

    def sources(self) -> Array:
        """Return the index of the table's column for each column of the result (n_columns_,)."""
        numeric = [(i, column) for i, column in enumerate(self.columns_) if isinstance(column, Numeric)]
        found = [i for i, _ in numeric] + [i for i, column in numeric if column.indicator]
        for i, _, width in self.embeddable():
            found += [i] * width
        return np.array(found, dtype=np.int64)

    def _numeric(self) -> list[Numeric]:
        return [column for column in self.columns_ if isinstance(column, Numeric)]

    def _indicators(self) -> list[Numeric]:
        return [column for column in self._numeric() if column.indicator]

    def _categorical(self) -> list[Categorical]:
        return [column for column in self.columns_ if isinstance(column, Categorical)]

    def embeddable(self) -> list[tuple[int, str | None, int]]:
        """Return index, name and width of each categorical column, in the order of the result.

        Columns that do not become any column of the result are left out.
        """
        return [
            (i, column.name, column.width)
            for i, column in enumerate(self.columns_)
            if isinstance(column, Categorical) and column.width
        ]

    # ---- fit and transform

    def fit(self, X: Any) -> Tabular:
        """Fit the means and categories of the columns.

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
        """
        names, table = read_table(X)
        column_names.check_distinct(names or ())
        chosen = self._choose_categorical(X, names, table)
        fitted: list[Numeric | Categorical] = []
        for i, column in enumerate(table):
            clock.check()
            name = None if names is None else names[i]
            if i in chosen:
                fitted.append(Categorical.fit(column, name, where(i, names), self.min_frequency))
            else:
                fitted.append(Numeric.fit(column, name, where(i, names)))
        self._columns = tuple(fitted)
        return self

    def transform(self, X: Any) -> Samples:
        """Return the rows of a table encoded as numbers.

        Parameters
        ----------
        X : array-like or table (m, k)
            Rows with the same columns as during fit. The columns of a table are matched by name, if that of fit had
            names as well; those of an array are taken by position.

        Returns
        -------
        SparseRows or ndarray (m, n_columns_)
            Encoded rows, sparse if any column is categorical; float64 if a numeric column is float64, else float32.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        TypeError, ValueError
            If X has other columns than during fit, or cannot be encoded.
        """
        names, table = self._in_order(*read_table(X))
        numbers, missing, codes = [], [], []
        for i, (column, encoder) in enumerate(zip(table, self.columns_, strict=True)):
            clock.check()
            if isinstance(encoder, Categorical):
                codes.append(encoder.codes(column, where(i, names)))
                continue
            filled, gaps = encoder.fill(column, where(i, names))
            numbers.append(filled)
            if encoder.indicator:
                missing.append(gaps)
        return self._assemble(len(table[0]), [*numbers, *missing], codes)

    def _assemble(self, m: int, dense: list[Array], codes: list[Array]) -> Samples:
        """Return the encoded rows from the dense columns (m,) and the codes (m,) of the categorical columns."""
        categorical = [column for column in self._categorical() if column.width]
        codes = [code for code, column in zip(codes, self._categorical(), strict=True) if column.width]
        wide = any(column.dtype == np.float64 for column in dense)
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
        encoded : SparseRows or ndarray (m, n_columns_)
            Result of :meth:`transform`.
        method : {"standard", "robust", "robust_smooth_clip", "minmax"}
            Method of standardization.
        rows : ndarray of int, optional
            Indices of the rows to use. Default: all rows.
        weights : ndarray (m,), optional
            Weight of each row of `encoded`. Default: 1 for each row.

        Returns
        -------
        Statistics
        """
        mean, scale = np.zeros(self.n_columns_), np.ones(self.n_columns_)
        if n := self.n_numeric_:
            entries = encoded if isinstance(encoded, np.ndarray) else encoded.data.reshape(len(encoded), -1)
            mean[:n], scale[:n] = standardization.fit_statistics(
                entries[:, :n], method, rows=rows, weights=weights
            )
        return Statistics(mean, scale)

    def _choose_categorical(self, X: Any, names: Sequence[str] | None, table: list[Array]) -> set[int]:
        """Return the indices of the categorical columns."""
        if self.categorical_features == "auto":
            return dataframes.categorical(X) | {
                i for i, column in enumerate(table) if columns.holds_text(column)
            }
        chosen = set()
        for feature in self.categorical_features:
            if isinstance(feature, str):
                if names is None or feature not in names:
                    raise ValueError(f"categorical_features has {feature!r}; X has no column of that name.")
                feature = names.index(feature)
            if feature >= len(table):
                raise ValueError(
                    f"categorical_features has column {feature}, counted from 0; X has {count(len(table), 'column')}."
                )
            chosen.add(feature)
        return chosen

    def _in_order(
        self, names: Sequence[str] | None, table: list[Array]
    ) -> tuple[Sequence[str] | None, list[Array]]:
        """Return the names and the columns in the order of fit, matched by name if both tables have names."""
        expected = self.feature_names_in_
        order = None if expected is None or names is None else column_names.order(expected.tolist(), names)
        if names is not None and order is not None:
            names, table = [names[i] for i in order], [table[i] for i in order]
        if len(table) != self.n_features_in_:
            raise ValueError(f"X has {count(len(table), 'column')}; the network takes {self.n_features_in_}.")
        return names, table

    # ---- files

    def to_config(self) -> list[dict[str, Any]]:
        """Return the fitted columns as a JSON-serialisable list."""
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
        """
        if not isinstance(config, list) or not config:
            raise ValueError("the encoder is not a list of columns")
        fitted = tuple(map(columns.read_encoder, config))
        names = [column.name for column in fitted if column.name is not None]
        if len(names) not in (0, len(fitted)):
            raise ValueError(f"the encoder has {len(names)} names for {count(len(fitted), 'column')}")
        column_names.check_distinct(names)
        self._columns = fitted
        if self.n_columns_ != n_columns:
            raise ValueError(
                f"the encoder returns {count(self.n_columns_, 'column')}; the network takes {n_columns}"
            )
        return self


# ---- parameters


def categorical(features: object) -> tuple[int | str, ...] | Literal["auto"]:
    """Return the checked parameter `categorical_features`, with a sequence as a tuple of Python ints and strs."""
    message = (
        "The 'categorical_features' parameter must be 'auto' or a sequence of column indices >= 0 and names."
        f" Got {features!r} instead."
    )
    if isinstance(features, str):
        if features != "auto":
            raise ValueError(message)
        return "auto"
    if not isinstance(features, (list, tuple, np.ndarray)):
        raise TypeError(message)
    plain = tuple(feature.item() if isinstance(feature, np.generic) else feature for feature in features)
    if not all(type(feature) in (int, str) for feature in plain):
        raise TypeError(message)
    if any(isinstance(feature, int) and feature < 0 for feature in plain):
        raise ValueError(message)
    return plain


def frequency(least: object) -> float | None:
    """Return the checked parameter `min_frequency`: a number of rows, a share below 1, or None."""
    if least is None:
        return None
    if isinstance(least, float):
        return checks.real("Tabular", "min_frequency", least, above=0, below=1)
    return checks.integer("Tabular", "min_frequency", least, minimum=1)
