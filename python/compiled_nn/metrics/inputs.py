"""Checked inputs of the metrics: labels as class indices, probabilities, values and sample weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..common.errors import CompiledNNWarning, count
from ..common.text import printable
from ..data import arrays, class_labels, sample_weights
from ..data.arrays import Array


def ones_for(w: Array | None, m: int) -> Array:
    """Return the sample weights `w`, or ones (m,) if `w` is None."""
    return np.ones(m) if w is None else w


def mean(values: Array, w: Array | None) -> float:
    """Return the weighted mean of values (m,), or the mean over the columns of the weighted means of values (m, n)."""
    return float(np.mean(np.average(values, axis=0, weights=w)))


# ---- labels


def labels(y: Any, name: str) -> Array:
    """Return labels (m,) as an array; raise ValueError, with `name` in the message, for a matrix of targets."""
    y = arrays.targets(y, name)
    if y.ndim != 1:
        raise ValueError(f"{name} has shape {y.shape}; expected one label per row.")
    return class_labels.read(y, name)


def known(y: Any) -> Array:
    """Return the sorted distinct labels of `y`."""
    return class_labels.of_list(labels(y, "classes"))


def of_columns(classes: Any, name: str = "classes") -> Array:
    """Return the sorted distinct labels of columns of scores; raise ValueError for labels in another order."""
    given = labels(classes, name)
    found = class_labels.of_list(given)
    places = class_labels.indices(given, found)
    if (np.diff(places) < 0).any():
        raise ValueError(
            f"{name} is not sorted: {printable(repr(given.tolist())[:80])}. Sort it, and the columns of the scores with"
            " it."
        )
    return found


def label_pair(
    y: Any, predicted: Any, classes: Any = None, names: tuple[str, str] = ("y", "predicted")
) -> tuple[Array, Array, Array]:
    """Return true and predicted labels (m,) as indices into the sorted classes, and the classes.

    Parameters
    ----------
    y, predicted : array-like (m,)
        True and predicted labels.
    classes : array-like (n_classes,), optional
        Labels of all classes. Default: the labels in `y` and `predicted`.
    names : pair of str
        Names of `y` and `predicted` in errors.

    Returns
    -------
    y, predicted : ndarray of int64 (m,)
        Class indices.
    classes : ndarray (n_classes,)
        Sorted labels.

    Raises
    ------
    TypeError, ValueError
        If `y` and `predicted` differ in length or in their kind of labels, or if a label is not in `classes`.
    """
    true, guessed = labels(y, names[0]), labels(predicted, names[1])
    arrays.check_rows(true, guessed, *names)
    class_labels.check_same_kind(true, guessed, names)
    refuse_values(true, guessed, names)
    sorted_classes = known(np.concatenate([true, guessed]) if classes is None else classes)
    return (
        class_labels.indices(true, sorted_classes),
        class_labels.indices(guessed, sorted_classes),
        sorted_classes,
    )


def refuse_values(true: Array, guessed: Array, names: tuple[str, str]) -> None:
    """Raise ValueError for predictions that are values of a regression: fractions of which none is a true label."""
    if guessed.dtype.kind != "f":
        return
    fractions = guessed != np.rint(guessed)
    if fractions.any() and not np.isin(guessed[fractions], true).any():
        row = int(np.argmax(fractions))
        raise ValueError(
            f"{names[1]} is {guessed[row]:g} in row {row}, which is not a label of {names[0]}. Labels are compared; use"
            " a metric of values, such as r2 or mae."
        )


def is_indicator(y: Any) -> bool:
    """Whether `y` is a matrix with one column per label, for targets with any number of labels per row."""
    return arrays.is_matrix(arrays.targets(y))


def indicator(y: Any, name: str) -> Array:
    """Return a 0/1 matrix (m, n) as booleans; raise ValueError for other numbers."""
    matrix = numbers(y, name)
    other = (matrix != 0) & (matrix != 1)
    if other.any():
        row, column = np.argwhere(other)[0].tolist()
        raise ValueError(f"{name} is {matrix[row, column]:g} in row {row}, column {column}; expected 0 or 1.")
    ones: Array = matrix == 1
    return ones


def positive(classes: Array) -> Any:
    """Return the label of the positive class: 1 if all labels are 0 and 1, or -1 and 1; else the greater of two.

    Raises
    ------
    ValueError
        If there is one class, with another label than 0, 1 or -1.
    """
    if classes.dtype.kind not in "US" and np.isin(classes, [0, 1]).all() | np.isin(classes, [-1, 1]).all():
        return 1
    if len(classes) != 2:
        raise ValueError(
            f"There is only 1 class, {classes[0]}; pass the label of the positive class as positive=..."
        )
    return classes[1]


# ---- probabilities and scores


def columns(y: Any, scores: Any, classes: Any, name: str) -> tuple[Array, Array]:
    """Return the class index of each row (m,), and the scores (m, n) with one column per class, in float64.

    Parameters
    ----------
    y : array-like (m,)
        Labels.
    scores : array-like (m, n), or (m,) or (m, 1) for the greater of two classes
        Scores of the classes. A single column must have probabilities.
    classes : array-like (n,), optional
        Sorted labels of the columns. Default: the labels in `y`; for a single column and labels of one class, 0 and 1,
        or -1 and 1, if the class is one of them.
    name : str
        Name of the scores in errors.

    Returns
    -------
    indices : ndarray of int64 (m,)
    scores : ndarray of float64 (m, n)

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, the number of classes is not the number of columns, or a label is not in `classes`.
    """
    matrix = numbers(scores, name)
    classes = of_single_column(y, matrix, classes)
    matrix = both_classes(matrix)
    true = labels(y, "y")
    arrays.check_rows(true, matrix, "y", name)
    column_labels = known(true) if classes is None else of_columns(classes)
    if classes is not None and len(column_labels) == 1 and len(classes) == matrix.shape[1]:
        matrix = matrix.sum(
            axis=1, keepdims=True
        )  # a network of one class, which is the label of both columns
    if len(column_labels) != matrix.shape[1]:
        n = len(column_labels)
        source = f"y has {n} classes" if classes is None else f"classes has {count(n, 'label')}"
        hint = " Pass the labels of all columns as classes=..." if classes is None else ""
        raise ValueError(f"{source}; {name} has {count(matrix.shape[1], 'column')}.{hint}")
    return class_labels.indices(true, column_labels), matrix


def of_single_column(y: Any, scores: Any, classes: Any) -> Any:
    """Return `classes`; if None, 0 and 1, or -1 and 1, for a single column of scores and labels of only one of them."""
    if classes is None and (np.ndim(scores) == 1 or np.shape(scores)[1:] == (1,)) and not is_indicator(y):
        found = known(y)
        for pair in ([0, 1], [-1, 1]):
            if len(found) == 1 and found.dtype.kind not in "US" and found[0] in pair:
                return pair
    return classes


def both_classes(p: Array) -> Array:
    """Return probabilities (m, 2) from those of the second of two classes (m, 1); other shapes are unchanged."""
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


def probabilities(p: Any, name: str, *, sum_to_one: bool = True) -> Array:
    """Return probabilities as float64 (m, n) with n > 1; a single column is that of the second of two classes."""
    matrix = both_classes(numbers(p, name))
    outside = ~((matrix >= 0) & (matrix <= 1))
    if outside.any():
        row, column = np.argwhere(outside)[0].tolist()
        raise ValueError(
            f"{name} is {matrix[row, column]:g} in row {row}, column {column}; probabilities are from 0 to 1."
        )
    sums = matrix.sum(axis=1)
    off = abs(sums - 1) > 1e-3
    if sum_to_one and off.any():
        row = int(np.argmax(off))
        raise ValueError(f"Row {row} of {name} sums to {sums[row]:g}; the probabilities of a row sum to 1.")
    return matrix


def shares(y: Any, p: Array, classes: Any, name: str) -> Array:
    """Return the true probabilities of the classes (m, n): one-hot rows for labels, or the matrix `y` itself."""
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
    """Return real numbers (m,) or (m, n) as float64 (m, n), with at least one row and one column."""
    array = arrays.real(a, name)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected (m,) or (m, n), and at least one row.")
    return array.reshape(len(array), -1).astype(np.float64)


def has_variation(y: Array, name: str) -> bool:
    """Whether `y` has at least two rows, which a score relative to a constant needs; a warning is issued if not."""
    if len(y) < 2:
        warnings.warn(
            f"{name} is NaN: y has 1 row; the score needs at least 2.", CompiledNNWarning, stacklevel=3
        )
    return len(y) > 1


def value_pair(y: Any, predicted: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Return true and predicted values (m, n) in float64, and the sample weights.

    True values must be finite. Predictions may be infinite or NaN; so is then the metric.
    """
    true, guessed = numbers(y, "y"), numbers(predicted, "predicted")
    if true.shape != guessed.shape:
        raise ValueError(f"y has shape {np.shape(y)}; predicted has {np.shape(predicted)}.")
    arrays.check_finite(true, "y", "float64")
    return true, guessed, sample_weights.check(sample_weight, len(true), rows_of="y")


def squares(differences: Array) -> Array:
    """Return the squares of numbers; those beyond the range of float64 are infinite, without a warning."""
    with np.errstate(over="ignore", under="ignore"):
        result: Array = differences**2
    return result
