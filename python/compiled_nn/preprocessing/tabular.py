"""Mixed tables as numbers: one-hot categories, and means in place of missing numbers; learned, and kept in the network.

(a) Every row of the result has the same number of entries: its numbers, its indicators, and one for each categorical
    column. Where a category is not known the entry is a zero. So the result is made by whole columns, and takes memory
    for the entries alone, however many categories there are.
(b) Numbers come first: with `standardize` these are scaled, and what is 0 or 1 stays so.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from cnn_core.sparse import SparseRows

from ..common import checks
from ..common.errors import NotFittedError, count
from ..data import dataframes
from ..data.arrays import Array
from ..data.samples import Samples
from . import columns, standardization
from .columns import Categorical, Numeric
from .standardization import Statistics

Columns: TypeAlias = list[int] | list[str] | list[int | str] | tuple[int | str, ...] | Array
Features: TypeAlias = Literal["auto"] | Columns  # which are given by number or name


class Tabular:
    """An encoder of tables whose columns are numbers or categories.

    The result has the columns of numbers; then, of each of those that missed numbers in fit, whether one is missing;
    then a column for each category. Missing numbers become the mean of their column. Missing and unknown categories
    are 0 in all columns of theirs, or 1 in that of the rare ones where there is one.

    Parameters
    ----------
    categorical_features : "auto" or sequence of int or str, default "auto"
        Columns of categories, by number or, in a table that has them, by name. "auto": columns of text, and those that
        a data frame calls categorical.
    min_frequency : int or float, optional
        Categories that are rarer than this, in rows or, below 1, as a share of the rows, have one column together.

    Attributes
    ----------
    columns_ : tuple of Numeric or Categorical
        What was learned of each column.
    n_features_in_ : int
        Columns of the table.
    n_columns_ : int
        Columns of the result.
    n_numeric_ : int
        How many of those are numbers: the first.
    feature_names_in_ : ndarray of str, or None

    Raises
    ------
    TypeError, ValueError
        When a parameter cannot be used.

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
    """

    def __init__(self, categorical_features: Features = "auto", min_frequency: float | None = None) -> None:
        self.categorical_features = categorical(categorical_features)
        self.min_frequency = frequency(min_frequency)
        self._columns: tuple[Numeric | Categorical, ...] | None = None

    # ---- what it learned

    @property
    def columns_(self) -> tuple[Numeric | Categorical, ...]:
        """What was learned of each column."""
        if self._columns is None:
            raise NotFittedError("This Tabular instance is not fitted yet. Call 'fit' before using it.")
        return self._columns

    @property
    def n_features_in_(self) -> int:
        """Columns of the table."""
        return len(self.columns_)

    @property
    def n_numeric_(self) -> int:
        """Columns of numbers."""
        return len(self._numeric())

    @property
    def n_columns_(self) -> int:
        """Columns of the result."""
        return self.n_numeric_ + len(self._indicators()) + sum(column.width for column in self._categorical())

    @property
    def feature_names_in_(self) -> Array | None:
        """Names of the columns of the table (n_features_in_,); None where it had none."""
        names = [column.name for column in self.columns_]
        return None if None in names else np.array(names, dtype=object)

    def _numeric(self) -> list[Numeric]:
        return [column for column in self.columns_ if isinstance(column, Numeric)]

    def _indicators(self) -> list[Numeric]:
        return [column for column in self._numeric() if column.indicator]

    def _categorical(self) -> list[Categorical]:
        return [column for column in self.columns_ if isinstance(column, Categorical)]

    def embeddable(self) -> list[tuple[int, str | None, int]]:
        """Return number, name and width of each categorical column that becomes any, in the order of the result."""
        return [
            (i, column.name, column.width)
            for i, column in enumerate(self.columns_)
            if isinstance(column, Categorical) and column.width
        ]

    # ---- fit and transform

    def fit(self, X: Any) -> Tabular:
        """Learn means and categories.

        Parameters
        ----------
        X : array-like or table (m, k)

        Returns
        -------
        self : Tabular

        Raises
        ------
        TypeError, ValueError
            When X cannot be used; all is then as before.
        """
        names, table = _table(X)
        chosen = self._chosen(X, names, table)
        learned: list[Numeric | Categorical] = []
        for i, column in enumerate(table):
            name = None if names is None else names[i]
            if i in chosen:
                learned.append(Categorical.learned(column, name, _where(i, names), self.min_frequency))
            else:
                learned.append(Numeric.learned(column, name, _where(i, names)))
        self._columns = tuple(learned)
        return self

    def transform(self, X: Any) -> Samples:
        """Return the rows as numbers.

        Parameters
        ----------
        X : array-like or table (m, k)
            With the columns that fit had.

        Returns
        -------
        SparseRows or ndarray (m, n_columns_)
            Sparse when a column is categorical; float32, or float64 where float32 does not hold the numbers.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            When X has other columns, or cannot be used.
        """
        names, table = _table(X)
        self._check_columns(names, table)
        numbers, missing, codes = [], [], []
        for i, (column, known) in enumerate(zip(table, self.columns_, strict=True)):
            if isinstance(known, Categorical):
                codes.append(known.codes(column, _where(i, names)))
                continue
            filled, gaps = known.filled(column, _where(i, names))
            numbers.append(filled)
            if known.indicator:
                missing.append(gaps)
        return self._assembled(len(table[0]), [*numbers, *missing], codes)

    def _assembled(self, m: int, dense: list[Array], codes: list[Array]) -> Samples:
        """Return all entries as rows: columns that every row has, then where each row's categories stand."""
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

    def statistics(self, encoded: Samples, method: str, rows: Array | None = None) -> Statistics:
        """Return centres and scales of encoded columns: measured of numbers, in some rows or all, 0 and 1 of others."""
        mean, scale = np.zeros(self.n_columns_), np.ones(self.n_columns_)
        if n := self.n_numeric_:
            entries = encoded if isinstance(encoded, np.ndarray) else encoded.data.reshape(len(encoded), -1)
            mean[:n], scale[:n] = standardization.fit_statistics(entries[:, :n], method, rows=rows)
        return Statistics(mean, scale)

    def _chosen(self, X: Any, names: list[Any] | None, table: list[Array]) -> set[int]:
        """Return which columns are categorical."""
        if self.categorical_features == "auto":
            return dataframes.categorical(X) | {
                i for i, column in enumerate(table) if columns.holds_text(column)
            }
        chosen = set()
        for feature in self.categorical_features:
            if isinstance(feature, str):
                if names is None or feature not in names:
                    raise ValueError(f"categorical_features names {feature!r}; X has no column of that name.")
                feature = names.index(feature)
            if feature >= len(table):
                raise ValueError(
                    f"categorical_features names column {feature}; X has {count(len(table), 'column')}."
                )
            chosen.add(feature)
        return chosen

    def _check_columns(self, names: list[Any] | None, table: list[Array]) -> None:
        if len(table) != self.n_features_in_:
            raise ValueError(f"X has {count(len(table), 'column')}; the network takes {self.n_features_in_}.")
        known = self.feature_names_in_
        if known is not None and names is not None and known.tolist() != names:
            i = next(i for i, name in enumerate(names) if name != known[i])
            raise ValueError(
                "The feature names should match those that were passed during fit:"
                f" column {i} of X is {names[i]!r}, and was {known[i]!r}."
            )

    # ---- files

    def to_config(self) -> list[dict[str, Any]]:
        """Return what was learned as JSON can hold it."""
        return [column.to_config() for column in self.columns_]

    def restore(self, config: object, n_columns: int) -> Tabular:
        """Learn what :meth:`to_config` returned; a ValueError when it is anything else, or makes other columns."""
        if not isinstance(config, list) or not config:
            raise ValueError("the encoder is no list of columns")
        self._columns = tuple(map(columns.restored, config))
        if self.n_columns_ != n_columns:
            raise ValueError(
                f"the encoder makes {count(self.n_columns_, 'column')}; the network takes {n_columns}"
            )
        return self


# ---- parameters


def categorical(features: object) -> tuple[int | str, ...] | Literal["auto"]:
    """Return the parameter categorical_features, checked."""
    message = (
        "The 'categorical_features' parameter must be 'auto' or a sequence of column numbers >= 0 and names."
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
    """Return the parameter min_frequency, checked: a number of rows, a share below 1, or None."""
    if least is None:
        return None
    if isinstance(least, float):
        return checks.real("Tabular", "min_frequency", least, above=0, below=1)
    return checks.integer("Tabular", "min_frequency", least, minimum=1)


# ---- columns


def _table(X: Any) -> tuple[list[Any] | None, list[Array]]:
    """Return the names of the columns, where all are text, and the columns (m,)."""
    if dataframes.is_table(X):
        named = dataframes.columns(X)
        names = None if dataframes.feature_names(X) is None else [name for name, _ in named]
        table = [column for _, column in named]
    elif hasattr(X, "tocsr") or isinstance(X, SparseRows):
        raise TypeError("X is sparse; categorical_features are for tables and full arrays.")
    else:
        # Of rows in lists, NumPy alone would make text of the numbers beside it.
        array = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else np.asarray(X)
        if array.ndim != 2:
            raise ValueError(f"X has {count(array.ndim, 'dimension')}; expected 2.")
        names, table = None, list(array.T)
    if not table or len(table[0]) == 0:
        rows = len(table[0]) if table else 0
        raise ValueError(f"X is empty: it has {count(rows, 'row')} and {count(len(table), 'column')}.")
    return names, table


def _where(i: int, names: list[Any] | None) -> str:
    return f"Column {i} of X" if names is None else f"X[{names[i]!r}]"
