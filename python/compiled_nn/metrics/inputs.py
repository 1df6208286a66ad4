"""What the metrics are given, checked: labels as indices of their classes, probabilities, values, weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.errors import count
from ..data import arrays, sample_weights
from ..data.arrays import Array


def ones_for(w: Array | None, m: int) -> Array:
    """Return the weights, or a 1 a row where there are none."""
    return np.ones(m) if w is None else w


def mean(values: Array, w: Array | None) -> float:
    """Return the weighted mean of (m,), or of the columns' means of (m, n)."""
    return float(np.mean(np.average(values, axis=0, weights=w)))


# ---- labels


def labels(y: Any, name: str) -> Array:
    """Return labels (m,) as an array; a matrix of targets is refused, `name` being what to call it."""
    y = arrays.targets(y)
    if y.ndim != 1:
        raise ValueError(f"{name} has shape {y.shape}; expected one label a row.")
    return arrays.labels(y)


def known(y: Any) -> Array:
    """Return the sorted distinct labels of `y`."""
    return arrays.unique_labels(labels(y, "labels"))


def label_pair(
    y: Any, predicted: Any, classes: Any = None, names: tuple[str, str] = ("y", "predicted")
) -> tuple[Array, Array, Array]:
    """Return true and predicted labels (m,) as indices of the sorted classes, and these.

    Parameters
    ----------
    y, predicted : array-like (m,)
    classes : array-like (n_classes,), optional
        All labels there are. Default: those in `y` and `predicted`.
    names : pair of str
        What the caller's user calls the two.

    Raises
    ------
    TypeError, ValueError
        When the two differ in length, or a label is not among those known.
    """
    true, guessed = labels(y, names[0]), labels(predicted, names[1])
    arrays.check_rows(true, guessed, *names)
    if (true.dtype.kind in "US") != (guessed.dtype.kind in "US"):
        raise TypeError(f"{names[0]} holds {true.dtype} labels; {names[1]} {guessed.dtype}.")
    sorted_classes = known(np.concatenate([true, guessed]) if classes is None else classes)
    return (
        arrays.class_indices(true, sorted_classes),
        arrays.class_indices(guessed, sorted_classes),
        sorted_classes,
    )


def is_indicator(y: Any) -> bool:
    """Whether `y` has a column of 0 and 1 for each label, any number of which a row may have."""
    return arrays.is_matrix(arrays.targets(y))


def indicator(y: Any, name: str) -> Array:
    """Return a 0/1 matrix (m, n) as booleans."""
    matrix = numbers(y, name)
    other = (matrix != 0) & (matrix != 1)
    if other.any():
        row, column = np.argwhere(other)[0].tolist()
        raise ValueError(f"{name} is {matrix[row, column]:g} in row {row}, column {column}; expected 0 or 1.")
    ones: Array = matrix == 1
    return ones


def positive(classes: Array) -> Any:
    """Return which of one or two classes counts as positive: 1 among 0 (or -1) and 1, else the greater of two."""
    if classes.dtype.kind not in "US" and np.isin(classes, [0, 1]).all() | np.isin(classes, [-1, 1]).all():
        return 1
    if len(classes) != 2:
        raise ValueError(f"There is 1 class, {classes[0]}: name the positive one by positive=...")
    return classes[1]


# ---- probabilities and scores


def columns(y: Any, scores: Any, classes: Any, name: str) -> tuple[Array, Array]:
    """Return the class of each row as an index (m,), and its scores, a column a class (m, n), in float64.

    Parameters
    ----------
    y : array-like (m,)
        Labels.
    scores : array-like (m, n), or (m,) or (m, 1) for the greater of two classes
        Probabilities, where there is one column.
    classes : array-like (n,), optional
        Labels of the columns, sorted. Default: those in `y`.
    name : str
        What to call the scores.
    """
    matrix = both_classes(numbers(scores, name))
    true = labels(y, "y")
    arrays.check_rows(true, matrix, "y", name)
    of_columns = known(true if classes is None else classes)
    if len(of_columns) != matrix.shape[1]:
        found = f"y has {len(of_columns)} classes" if classes is None else f"classes has {len(of_columns)}"
        hint = " Name all of them by classes=..." if classes is None else ""
        raise ValueError(f"{found}; {name} has {count(matrix.shape[1], 'column')}.{hint}")
    return arrays.class_indices(true, of_columns), matrix


def both_classes(p: Array) -> Array:
    """Return (m, 2) for the probabilities (m, 1) of the second class; other columns as they are."""
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


def probabilities(p: Any, name: str, *, sum_to_one: bool = True) -> Array:
    """Return probabilities as (m, n), n > 1, float64; a single column is that of the second of two classes."""
    matrix = both_classes(numbers(p, name))
    outside = ~((matrix >= 0) & (matrix <= 1))
    if outside.any():
        row, column = np.argwhere(outside)[0].tolist()
        raise ValueError(
            f"{name} is {matrix[row, column]:g} in row {row}, column {column}; probabilities lie from 0 to 1."
        )
    sums = matrix.sum(axis=1)
    off = abs(sums - 1) > 1e-3
    if sum_to_one and off.any():
        row = int(np.argmax(off))
        raise ValueError(f"Row {row} of {name} sums to {sums[row]:g}; the probabilities of a row sum to 1.")
    return matrix


def shares(y: Any, p: Array, classes: Any, name: str) -> Array:
    """Return how much of each row is of each class (m, n): one-hot for labels, or the matrix `y` itself."""
    if is_indicator(y):
        given = numbers(y, "y")
        if given.shape != p.shape:
            raise ValueError(f"y has shape {given.shape}; {name} has {p.shape}.")
        arrays.check_shares(given, sum_to_one=True)
        return given
    true, _ = columns(y, p, classes, name)
    hot: Array = true[:, np.newaxis] == np.arange(p.shape[1])
    return hot.astype(np.float64)


# ---- values


def numbers(a: Any, name: str) -> Array:
    """Return real numbers (m,) or (m, n) as float64 (m, n)."""
    array = arrays.real(a, name)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected (m,) or (m, n), and at least one row.")
    return array.reshape(len(array), -1).astype(np.float64)


def value_pair(y: Any, predicted: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Return true and predicted values (m, n) in float64, and the weights of the rows.

    A true value must be finite; a prediction that is not makes the metric so.
    """
    true, guessed = numbers(y, "y"), numbers(predicted, "predicted")
    if true.shape != guessed.shape:
        raise ValueError(f"y has shape {np.shape(y)}; predicted has {np.shape(predicted)}.")
    arrays.check_finite(true, "y", "float64")
    return true, guessed, sample_weights.check(sample_weight, len(true), rows_of="y")
