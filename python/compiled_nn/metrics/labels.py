"""Metrics of labels: how many were predicted right, and what they were taken for."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data import arrays, sample_weights
from ..data.arrays import Array
from . import inputs

Average: TypeAlias = Literal["binary", "micro", "macro", "weighted"]
_AVERAGES: tuple[Average, ...] = ("binary", "micro", "macro", "weighted")


def accuracy(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the share of samples predicted right: in every column when y is (m, n).

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n)
        Labels.
    sample_weight : array-like (m,), optional
        How much each sample counts. Default: all alike.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        When the shapes differ or the arrays cannot be used.
    """
    true, guessed = arrays.targets(y), arrays.targets(predicted)
    if true.shape != guessed.shape:
        raise ValueError(f"y has shape {np.shape(y)}; predicted has {np.shape(predicted)}.")
    right = true == guessed
    rows = right.all(axis=1) if right.ndim == 2 else right
    return inputs.mean(rows, sample_weights.check(sample_weight, len(rows), rows_of="y"))


def balanced_accuracy(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean of the recalls of the classes that occur in `y`.

    Parameters
    ----------
    y, predicted : array-like (m,)
        Labels.
    sample_weight : array-like (m,), optional

    Returns
    -------
    float
        As ``balanced_accuracy_score`` of scikit-learn.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    c = counted(y, predicted, None, sample_weight)
    occurs = c.true > 0
    return float(np.mean(c.right[occurs] / c.true[occurs]))


def confusion(true: Array, predicted: Array, n_classes: int, sample_weight: Array | None = None) -> Array:
    """Return how many samples (n_classes, n_classes) of each true class were predicted as each class.

    Classes are given as indices (m,); true ones go down, predicted ones across. Counts are int64; with weights (m,)
    they are their sums, float64.
    """
    counts = np.bincount(true * n_classes + predicted, sample_weight, n_classes * n_classes)
    return counts.reshape(n_classes, n_classes)


def confusion_matrix(y: Any, predicted: Any, *, classes: Any = None, sample_weight: Any = None) -> Array:
    """Return how many samples of each class were predicted as each class.

    Parameters
    ----------
    y, predicted : array-like (m,)
        Labels.
    classes : array-like (n_classes,), optional
        All labels there are. Default: those in `y` and `predicted`.
    sample_weight : array-like (m,), optional

    Returns
    -------
    ndarray (n_classes, n_classes)
        True classes down, predicted ones across, both sorted; int64, or float64 sums of weights.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or hold a label that is not in `classes`.
    """
    true, guessed, found = inputs.label_pair(y, predicted, classes)
    return confusion(true, guessed, len(found), sample_weights.check(sample_weight, len(true), rows_of="y"))


def precision(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    average: Average | None = "binary",
    positive: Any = None,
) -> float | Array:
    """Return the share of what was predicted to be of a class that is of it: right / predicted.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n) with a column a label
    sample_weight : array-like (m,), optional
    average : {"binary", "micro", "macro", "weighted"} or None, default "binary"
        Of two classes the positive one; the counts of all classes summed; the mean over the classes; the same
        weighted by how many samples each class has; or None for one number a class, in the order of the labels.
    positive : label, optional
        With "binary". Default: 1 of 0 (or -1) and 1, else the greater label.

    Returns
    -------
    float, or ndarray (n_classes,)
        0 where nothing was predicted to be of the class.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or "binary" meets more than two classes.
    """
    c = counted(y, predicted, None, sample_weight)
    return _averaged(c, c.right, c.predicted, average, positive)


def recall(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    average: Average | None = "binary",
    positive: Any = None,
) -> float | Array:
    """Return the share of a class that was predicted to be of it: right / true.

    Parameters, results and errors are those of :func:`precision`; 0 for a class that does not occur in `y`.
    """
    c = counted(y, predicted, None, sample_weight)
    return _averaged(c, c.right, c.true, average, positive)


def f1(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    average: Average | None = "binary",
    positive: Any = None,
) -> float | Array:
    """Return the harmonic mean of precision and recall: 2 right / (predicted + true).

    Parameters, results and errors are those of :func:`precision`; 0 for a class that neither has.
    """
    c = counted(y, predicted, None, sample_weight)
    return _averaged(c, 2 * c.right, c.predicted + c.true, average, positive)


def matthews(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return Matthews' correlation of true and predicted labels, for any number of classes (Gorodkin, 2004).

    Parameters
    ----------
    y, predicted : array-like (m,)
        Labels.
    sample_weight : array-like (m,), optional

    Returns
    -------
    float
        From -1 to 1; 0 where one of the two is constant.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    c = counted(y, predicted, None, sample_weight)
    total = c.true.sum()
    together = c.right.sum() * total - arithmetic.dot(c.true, c.predicted)
    apart = (total**2 - arithmetic.dot(c.predicted, c.predicted)) * (
        total**2 - arithmetic.dot(c.true, c.true)
    )
    return float(together / np.sqrt(apart)) if apart > 0 else 0.0


class Counts(NamedTuple):
    """Weighted samples of each class (n_classes,): predicted right, predicted at all, true; and its label."""

    right: Array
    predicted: Array
    true: Array
    classes: Array
    exclusive: bool  # one class a sample, rather than any number of them


def counted(y: Any, predicted: Any, classes: Any, sample_weight: Any) -> Counts:
    """Return the counts behind precision and recall, of labels or 0/1 matrices; `classes` may name all labels."""
    if inputs.is_indicator(y):
        is_true, is_predicted = inputs.indicator(y, "y"), inputs.indicator(predicted, "predicted")
        if is_true.shape != is_predicted.shape:
            raise ValueError(f"y has shape {is_true.shape}; predicted has {is_predicted.shape}.")
        w = inputs.ones_for(sample_weights.check(sample_weight, len(is_true), rows_of="y"), len(is_true))
        right, classes = is_true & is_predicted, np.arange(is_true.shape[1])
        hits, guesses, truths = (arithmetic.weighted_sums(w, each) for each in (right, is_predicted, is_true))
        return Counts(hits, guesses, truths, classes, exclusive=False)
    true, guessed, found = inputs.label_pair(y, predicted, classes)
    w = inputs.ones_for(sample_weights.check(sample_weight, len(true), rows_of="y"), len(true))
    n = len(found)
    hits = np.bincount(true, w * (true == guessed), n)
    return Counts(hits, np.bincount(guessed, w, n), np.bincount(true, w, n), found, exclusive=True)


def ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, 0 where the whole is 0."""
    share: Array = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole != 0)
    return share


def _averaged(c: Counts, part: Array, whole: Array, average: Average | None, positive: Any) -> float | Array:
    if average is None:
        return ratio(part, whole)
    checks.choice("the metric", "average", average, _AVERAGES)
    if average == "binary":
        return _of_positive(c, ratio(part, whole), positive)
    if average == "micro":
        return float(ratio(part.sum(), whole.sum()))
    return float(np.average(ratio(part, whole), weights=c.true if average == "weighted" else None))


def _of_positive(c: Counts, scores: Array, positive: Any) -> float:
    if not c.exclusive or len(c.classes) > 2:
        raise ValueError(
            f"average='binary' is for two classes; there are {len(c.classes)}."
            " Use average='micro', 'macro', 'weighted' or None."
        )
    label = inputs.positive(c.classes) if positive is None else positive
    (where,) = np.nonzero(c.classes == label)
    return float(scores[where[0]]) if len(where) else 0.0
