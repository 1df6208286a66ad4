"""Metrics of predicted labels: accuracy, confusion matrix, precision, recall, F1 and Matthews correlation."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data import arrays, class_labels, sample_weights
from ..data.arrays import Array
from . import inputs

Average: TypeAlias = Literal["binary", "micro", "macro", "weighted"]
_AVERAGES: tuple[Average, ...] = ("binary", "micro", "macro", "weighted")


def accuracy(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the share of samples that are predicted correctly; for y (m, n), correctly in every column.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n)
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float
        Weighted share, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    balanced_accuracy : Mean of the accuracies of the classes.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.accuracy([0, 1, 1, 1], [0, 1, 1, 0])
    0.75
    """
    true, guessed = arrays.targets(y), arrays.targets(predicted, "predicted")
    if true.ndim == guessed.ndim == 1:
        true, guessed = inputs.labels(true, "y"), inputs.labels(guessed, "predicted")
        class_labels.check_same_kind(true, guessed, ("y", "predicted"))
    if true.shape != guessed.shape:
        raise ValueError(f"y has shape {np.shape(y)}; predicted has {np.shape(predicted)}.")
    if true.ndim == 1:
        inputs.refuse_values(true, guessed, ("y", "predicted"))
    right = true == guessed
    rows = right.all(axis=1) if right.ndim == 2 else right
    return inputs.mean(rows, sample_weights.check(sample_weight, len(rows), rows_of="y"))


def balanced_accuracy(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean of the recalls of the classes that occur in `y`.

    Parameters
    ----------
    y, predicted : array-like (m,)
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float
        Mean recall, from 0 to 1; the same as ``balanced_accuracy_score`` of scikit-learn.

    Raises
    ------
    TypeError, ValueError
        If the lengths differ, or an array is invalid.

    See Also
    --------
    accuracy : Share of all samples.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.balanced_accuracy([0, 1, 1, 1], [0, 1, 1, 1])
    1.0
    """
    c = count_samples(y, predicted, None, sample_weight)
    occurs = c.true > 0
    return float(np.mean(c.right[occurs] / c.true[occurs]))


def confusion(true: Array, predicted: Array, n_classes: int, sample_weight: Array | None = None) -> Array:
    """Return the confusion matrix of class indices.

    Parameters
    ----------
    true, predicted : ndarray of int64 (m,)
        True and predicted classes, as indices.
    n_classes : int
        Number of classes.
    sample_weight : ndarray (m,), optional
        Weight of each sample.

    Returns
    -------
    ndarray (n_classes, n_classes)
        Number of samples of each true class (rows) that were predicted as each class (columns), int64; with
        `sample_weight` their total weight, float64.

    See Also
    --------
    confusion_matrix : Confusion matrix of labels of any kind.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn import metrics
    >>> metrics.confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 2]), n_classes=3)
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 0, 1]])
    """
    checks.integer("confusion", "n_classes", n_classes, minimum=1)
    true, predicted = (_indices(a, name, n_classes) for a, name in ((true, "true"), (predicted, "predicted")))
    arrays.check_rows(true, predicted, "true", "predicted")
    counts = np.bincount(true * n_classes + predicted, sample_weight, n_classes * n_classes)
    return counts.reshape(n_classes, n_classes)


def _indices(a: Any, name: str, n_classes: int) -> Array:
    """Return indices of classes (m,), which must be integers from 0 to n_classes - 1."""
    indices = arrays.as_array(a, name)
    if indices.ndim != 1 or indices.dtype.kind not in "iub":
        raise TypeError(
            f"{name} has shape {indices.shape} and dtype {indices.dtype}; expected indices of classes, one int per row."
        )
    outside = (indices < 0) | (indices >= n_classes)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name} is {indices[row]} in row {row}; expected an index from 0 to {n_classes - 1}, because n_classes is"
            f" {n_classes}."
        )
    return indices.astype(np.intp)


def confusion_matrix(y: Any, predicted: Any, sample_weight: Any = None, *, classes: Any = None) -> Array:
    """Return the number of samples of each true class that were predicted as each class.

    Parameters
    ----------
    y, predicted : array-like (m,)
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: samples are counted.
    classes : array-like (n_classes,), optional
        Labels of all classes. Default: the labels in `y` and `predicted`.

    Returns
    -------
    ndarray (n_classes, n_classes)
        Matrix with one row per true class and one column per predicted class, both sorted; int64 counts, or float64
        total weights.

    Raises
    ------
    TypeError, ValueError
        If the lengths differ, an array is invalid, or a label is not in `classes`.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.confusion_matrix(["a", "b", "b"], ["a", "b", "a"])
    array([[1, 0],
           [1, 1]])
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
    """Return the precision: of the samples predicted as a class, the share that belongs to the class.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n) with one column per label
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    average : {"binary", "micro", "macro", "weighted"} or None, default "binary"
        Averaging over the classes. "binary": precision of the positive one of two classes. "micro": precision from the
        summed counts of all classes. "macro": mean over the classes. "weighted": mean over the classes, weighted by
        the number of true samples of each class. None: no averaging; one number per class, in the order of the labels.
    positive : label, optional
        Positive class for "binary". Default: 1 if the labels are 0 and 1, or -1 and 1; else the greater label.

    Returns
    -------
    float, or ndarray (n_classes,) if `average` is None
        Precision, from 0 to 1; 0 for a class that is never predicted.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array is invalid, or there are more than two classes with "binary".

    See Also
    --------
    recall : Share of a class that is found.
    f1 : Harmonic mean of both.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.precision([0, 1, 1, 0], [0, 1, 1, 1], average=None).round(2)
    array([1.  , 0.67])
    """
    c = count_samples(y, predicted, None, sample_weight)
    return _averaged(c, c.right, c.predicted, average, positive)


def recall(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    average: Average | None = "binary",
    positive: Any = None,
) -> float | Array:
    """Return the recall: of the samples of a class, the share that is predicted as the class.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n) with one column per label
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    average : {"binary", "micro", "macro", "weighted"} or None, default "binary"
        Averaging over the classes. "binary": precision of the positive one of two classes. "micro": precision from the
        summed counts of all classes. "macro": mean over the classes. "weighted": mean over the classes, weighted by
        the number of true samples of each class. None: no averaging; one number per class, in the order of the labels.
    positive : label, optional
        Positive class for "binary". Default: 1 if the labels are 0 and 1, or -1 and 1; else the greater label.

    Returns
    -------
    float, or ndarray (n_classes,) if `average` is None
        Recall, from 0 to 1; 0 for a class that does not occur in `y`.

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`precision`.

    See Also
    --------
    precision : Share of the predictions of a class that are right.
    f1 : Harmonic mean of both.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.recall([0, 1, 1, 0], [0, 1, 1, 1])
    1.0
    """
    c = count_samples(y, predicted, None, sample_weight)
    return _averaged(c, c.right, c.true, average, positive)


def f1(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    average: Average | None = "binary",
    positive: Any = None,
) -> float | Array:
    """Return the F1 score, the harmonic mean of precision and recall: 2 correct / (predicted + true).

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n) with one column per label
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    average : {"binary", "micro", "macro", "weighted"} or None, default "binary"
        Averaging over the classes. "binary": precision of the positive one of two classes. "micro": precision from the
        summed counts of all classes. "macro": mean over the classes. "weighted": mean over the classes, weighted by
        the number of true samples of each class. None: no averaging; one number per class, in the order of the labels.
    positive : label, optional
        Positive class for "binary". Default: 1 if the labels are 0 and 1, or -1 and 1; else the greater label.

    Returns
    -------
    float, or ndarray (n_classes,) if `average` is None
        F1 score, from 0 to 1; 0 for a class that occurs neither in `y` nor in `predicted`.

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`precision`.

    See Also
    --------
    precision : Share of the predictions of a class that are right.
    recall : Share of a class that is found.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.f1([0, 1, 1, 0], [0, 1, 1, 1])
    0.8
    """
    c = count_samples(y, predicted, None, sample_weight)
    return _averaged(c, 2 * c.right, c.predicted + c.true, average, positive)


def matthews(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the Matthews correlation of true and predicted labels, for any number of classes [1]_.

    Parameters
    ----------
    y, predicted : array-like (m,)
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float
        Correlation, from -1 to 1; 0 if `y` or `predicted` is constant.

    Raises
    ------
    TypeError, ValueError
        If the lengths differ, or an array is invalid.

    References
    ----------
    .. [1] J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", Computational
       Biology and Chemistry, 28, 2004.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.matthews([0, 1, 1, 0], [0, 1, 1, 1]), 3)
    0.577
    """
    c = count_samples(y, predicted, None, sample_weight)
    total = c.true.sum()
    covariance = c.right.sum() * total - arithmetic.dot(c.true, c.predicted)
    variances = (total**2 - arithmetic.dot(c.predicted, c.predicted)) * (
        total**2 - arithmetic.dot(c.true, c.true)
    )
    return float(covariance / np.sqrt(variances)) if variances > 0 else 0.0


class Counts(NamedTuple):
    """Total sample weights per class.

    Attributes
    ----------
    right, predicted, true : ndarray of float64 (n_classes,)
        Weight of the samples that are predicted correctly, that are predicted as the class, and that belong to it.
    classes : ndarray (n_classes,)
        Labels of the classes.
    exclusive : bool
        Whether each sample has exactly one class, rather than any number of classes.
    """

    right: Array
    predicted: Array
    true: Array
    classes: Array
    exclusive: bool


def count_samples(y: Any, predicted: Any, classes: Any, sample_weight: Any) -> Counts:
    """Return the counts for precision and recall, of labels or 0/1 matrices; `classes` has the labels, if not None."""
    if inputs.is_indicator(y):
        is_true, is_predicted = inputs.indicator(y, "y"), inputs.indicator(predicted, "predicted")
        if is_true.shape != is_predicted.shape:
            raise ValueError(f"y has shape {is_true.shape}; predicted has {is_predicted.shape}.")
        w = inputs.ones_for(sample_weights.check(sample_weight, len(is_true), rows_of="y"), len(is_true))
        right, classes = is_true & is_predicted, np.arange(is_true.shape[1])
        hits, guesses, truths = (
            arithmetic.weighted_sums(w, matrix) for matrix in (right, is_predicted, is_true)
        )
        return Counts(hits, guesses, truths, classes, exclusive=False)
    true, guessed, found = inputs.label_pair(y, predicted, classes)
    w = inputs.ones_for(sample_weights.check(sample_weight, len(true), rows_of="y"), len(true))
    n = len(found)
    hits = np.bincount(true, w * (true == guessed), n)
    return Counts(hits, np.bincount(guessed, w, n), np.bincount(true, w, n), found, exclusive=True)


def ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, and 0 if the whole is 0."""
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
    if positive is not None and not len(where):
        raise ValueError(
            f"positive is {positive!r}, which is not a label of y or predicted; the labels are {c.classes.tolist()}."
        )
    return float(scores[where[0]]) if len(where) else 0.0
