"""Checks of X, y and sample_weight with scikit-learn's error messages; the network makes all other checks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import CompiledNNWarning, warn
from ..data import arrays, class_labels, column_names, dataframes, images, records, samples
from ..data.arrays import Array
from ..data.records import Records
from . import sklearn_compat

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs


def opened(owner: str, X: Any, encodes_table: bool, known: Inputs | None = None) -> Any:
    """Return X as a table, an array or a sparse matrix; documented in :func:`read`.

    Columns of dicts, which are in no order, are put in the order of `known`.
    """
    if X is None:
        raise ValueError(f"This {owner} estimator got X=None; expected a 2D array.")
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        raise ValueError(f"Complex data not supported\n{X!r}\n")
    shape: tuple[int, ...] = getattr(X, "shape", ())
    for size, noun in zip(shape, ("sample", "feature"), strict=False):
        if size == 0 and len(shape) == 2:
            raise ValueError(
                f"Found array with 0 {noun}(s) (shape={shape}) while a minimum of 1 is required by {owner}."
            )
    X = dataframes.opened(X)
    if known is not None and isinstance(X, Records):
        X = known.in_order(X)
    # As in scikit-learn, columns are taken by position unless their names are texts.
    return dataframes.without_labels(X) if encodes_table else samples.plain(X)


def read(owner: str, X: Any, dtype: str, known: Inputs | None, encodes_table: bool) -> Any:
    """Return X as a dense array or sparse rows of finite real numbers.

    Parameters
    ----------
    owner : str
        Name of the estimator's class, for messages.
    X : array-like, data frame or sparse matrix (m, k)
        Samples, as returned by :func:`opened`.
    dtype : {"float32", "float64"}
        Dtype of the network.
    known : Inputs or None
        Inputs of the fitted network; None if it is not fitted.
    encodes_table : bool
        Whether the network encodes X itself; X is then returned unchanged.
    """
    if known is not None and known.shape is not None:
        images.check_shape(known.shape, X)
    rows: Any = X if encodes_table else samples.read(numeric_text(X), dtype=dtype)
    shape: tuple[int, ...] = getattr(rows, "shape", ())
    if known is not None and known.encoder is not None and known.names and dataframes.feature_names(X):
        return rows  # columns are matched by name, and those that are left out may be absent
    if known is not None and len(shape) == 2 and shape[1] != known.n_features:
        raise ValueError(
            f"X has {shape[1]} features, but {owner} is expecting {known.n_features} features as input."
        )
    return rows


def read_known(owner: str, X: Any, dtype: str, known: Inputs) -> Any:
    """Return X as :func:`read` does, for a fitted estimator: with columns and names as those of fit."""
    if records.is_records(X):
        return X  # the network matches the keys
    encodes_table = known.encoder is not None
    X = opened(owner, X, encodes_table)
    check_names(owner, known, dataframes.feature_names(X))
    return read(owner, X, dtype, known, encodes_table)


def numeric_text(X: Any) -> Any:
    """Return X in float64 if it has numbers that are written as text, such as "1.5"; otherwise X itself."""
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind not in ("O", "U", "S") and not (isinstance(X, (list, tuple)) and X and _holds_text(X[0])):
        return X
    try:
        converted: Array = np.asarray(X).astype(np.float64)
    except (TypeError, ValueError):
        return X  # its error names the row and the column
    return converted


def _holds_text(row: Any) -> bool:
    return isinstance(row, (list, tuple)) and any(isinstance(value, (str, bytes)) for value in row)


def read_targets(owner: str, y: Any, n_rows: int | None) -> Array:
    """Return y as an array, (m, 1) as (m,); raise ValueError unless it has `n_rows` rows, where that is not None."""
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is None. Expected array-like (array or"
            " non-string sequence), got None"
        )
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        sklearn_compat.warn_column_vector(y.shape)
    values = arrays.targets(y.toarray() if hasattr(y, "tocsr") else y)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{values!r}\n")
    if values.ndim == 2 and values.dtype.kind == "f" and dataframes.is_table(y):
        arrays.check_finite(
            values, "y", "float64", partial(dataframes.title, y)
        )  # with the names of its columns
    if n_rows is not None:
        _check_rows(n_rows, len(values))
    return values


def check_lengths(X: Any, y: Any, sample_weight: Any = None, validation_groups: Any = None) -> None:
    """Raise ValueError if X and the others state different numbers of rows, before any of them is read."""
    m, n, n_weights = (
        samples.stated_rows(X, 2),
        samples.stated_rows(y, 1),
        samples.stated_rows(sample_weight, 1),
    )
    if m and n:
        _check_rows(m, n)
    if m and n_weights:
        _check_weights(m, n_weights)
    samples.check_lengths(X, validation_groups=validation_groups)


def _check_rows(m: int, n: int) -> None:
    if m != n:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{m}, {n}]: X has {m} rows; y has {n}."
        )


def _check_weights(m: int, n: int) -> None:
    if m != n:
        raise ValueError(
            f"sample_weight.shape == {(n,)}, expected {(m,)}! It has {n} numbers; X has {m} rows."
        )


def check_indicator(y: Array) -> None:
    """Raise ValueError unless a matrix y holds only 0 and 1."""
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
        raise ValueError(
            "Multioutput target data is not supported with label binarization: y has"
            f" {y.shape[1]} columns, which must hold only 0 and 1, one column per label."
        )


def read_labels(y: Array) -> Array:
    """Return y (m,) as labels; raise ValueError for numbers that are not whole, which are not classes."""
    labels = class_labels.read(y)
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise ValueError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete"
            " classes on a regression target with continuous values."
        )
    return labels


# ---- names of columns


def check_names(owner: str, known: Inputs, given: tuple[str, ...] | None) -> None:
    """Raise ValueError where column names or their order differ from fit; warn where only one side has names.

    An encoder matches the columns by name itself, so that their order does not matter.
    """
    fitted = known.names
    if fitted is None or given is None:
        if given is not None:
            warn(f"X has feature names, but {owner} was fitted without feature names", CompiledNNWarning)
        elif fitted is not None:
            warn(
                f"X does not have valid feature names, but {owner} was fitted with feature names",
                CompiledNNWarning,
            )
        return
    if known.encoder is None:
        column_names.check_same(fitted, given, ordered=True)


def read_weights(sample_weight: Any, n_rows: int) -> Array | None:
    """Return the weights of the rows (m,) as float64; a single number is the weight of every row."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    _check_weights(n_rows, len(weights))
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
