"""Ranking metrics: whether the samples of a class have higher scores than the others, for all thresholds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data import arrays, sample_weights
from ..data.arrays import Array
from . import inputs

ColumnAverage: TypeAlias = Literal["micro", "macro", "weighted"]
_AVERAGES: tuple[ColumnAverage, ...] = ("micro", "macro", "weighted")
MultiClass: TypeAlias = Literal["ovr", "ovo"]
_MULTI_CLASS: tuple[MultiClass, ...] = ("ovr", "ovo")


def roc_auc(
    y: Any,
    scores: Any,
    sample_weight: Any = None,
    *,
    average: ColumnAverage = "macro",
    multi_class: MultiClass = "ovr",
    classes: Any = None,
) -> float:
    """Return the area under the receiver operating characteristic (ROC) curve.

    It is the probability that a random positive sample has a higher score than a random negative one.

    Parameters
    ----------
    y : array-like (m,), or a 0/1 matrix (m, n)
        True labels; a matrix for any number of labels per row.
    scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities, or any other scores that are higher for more likely classes.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    average : {"macro", "weighted", "micro"}, default "macro"
        Averaging over the columns. "macro": mean of the areas. "weighted": mean weighted by the number of samples of
        each class. "micro": area of all columns together, only for "ovr". Ignored for two classes.
    multi_class : {"ovr", "ovo"}, default "ovr"
        Method for more than two classes. "ovr": each class against all others. "ovo": each pair of classes, with the
        mean of both directions [1]_.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns. Default: the labels in `y`.

    Returns
    -------
    float
        Area, from 0 to 1: 1 for a perfect ranking, 0.5 for random scores.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a parameter is invalid, or a class has no positive or no negative samples in `y`.

    See Also
    --------
    roc_curve : Points of the curve.
    average_precision : Area for rare classes.

    References
    ----------
    .. [1] D. J. Hand, R. J. Till, "A simple generalisation of the area under the ROC curve for multiple class
       classification problems", Machine Learning, 45, 2001.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    checks.choice("roc_auc", "multi_class", multi_class, _MULTI_CLASS)
    checks.choice("roc_auc", "average", average, _AVERAGES)
    of_class, matrix, w = _one_against_rest(y, scores, sample_weight, classes)
    if multi_class == "ovr" or of_class.shape[1] == 1 or inputs.is_indicator(y):
        return _over_columns(_area, "roc_auc", of_class, matrix, w, average)
    if average == "micro":
        raise ValueError("average='micro' is not for multi_class='ovo'; use 'macro' or 'weighted'.")
    areas, shares = [], []
    for a, b in combinations(range(matrix.shape[1]), 2):
        among = of_class[:, a] | of_class[:, b]
        pair = [_area(of_class[among, i], matrix[among, i], w[among], "roc_auc") for i in (a, b)]
        areas.append(sum(pair) / 2)
        shares.append(w[among].sum())
    return float(np.average(areas, weights=shares if average == "weighted" else None))


def average_precision(
    y: Any, scores: Any, sample_weight: Any = None, *, average: ColumnAverage = "macro", classes: Any = None
) -> float:
    """Return the average precision: the area under the precision-recall curve, as a sum of steps.

    It is the sum over all thresholds n of (R_n - R_(n-1)) P_n, where R_n is the recall and P_n the precision. The curve
    is not interpolated.

    Parameters
    ----------
    y : array-like (m,), or a 0/1 matrix (m, n)
        True labels; a matrix for any number of labels per row.
    scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities, or any other scores that are higher for more likely classes.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    average : {"macro", "weighted", "micro"}, default "macro"
        Averaging over the columns, as in :func:`roc_auc`. Each of more than two classes is compared with all others.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns. Default: the labels in `y`.

    Returns
    -------
    float
        Average precision: 1 for a perfect ranking, about the share of positive samples for random scores.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a parameter is invalid, or a class has no positive samples in `y`.

    See Also
    --------
    precision_recall_curve : Points of the curve.
    roc_auc : Area under the ROC curve.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    checks.choice("average_precision", "average", average, _AVERAGES)
    of_class, matrix, w = _one_against_rest(y, scores, sample_weight, classes)
    return _over_columns(_steps, "average_precision", of_class, matrix, w, average)


def _one_against_rest(y: Any, scores: Any, sample_weight: Any, classes: Any) -> tuple[Array, Array, Array]:
    """Return the class membership (m, n) as booleans, the scores (m, n), and the sample weights (m,).

    For two classes there is only the column of the positive class.
    """
    if inputs.is_indicator(y):
        of_class, matrix = inputs.indicator(y, "y"), inputs.numbers(scores, "scores")
        if of_class.shape != matrix.shape:
            raise ValueError(f"y has shape {of_class.shape}; scores has {matrix.shape}.")
    else:
        true, matrix = inputs.columns(y, scores, classes, "scores")
        of_class = true[:, np.newaxis] == np.arange(matrix.shape[1])
        if matrix.shape[1] == 2:
            of_class, matrix = of_class[:, 1:], matrix[:, 1:]
    arrays.check_finite(matrix, "scores", "float64")
    return (
        of_class,
        matrix,
        inputs.ones_for(sample_weights.check(sample_weight, len(matrix), rows_of="y"), len(matrix)),
    )


def _over_columns(
    score: Callable[[Array, Array, Array, str], float],
    name: str,
    of_class: Array,
    matrix: Array,
    w: Array,
    average: str,
) -> float:
    if average == "micro":
        return score(of_class.ravel(), matrix.ravel(), np.repeat(w, matrix.shape[1]), name)
    scores = [score(of_class[:, i], matrix[:, i], w, name) for i in range(matrix.shape[1])]
    return float(
        np.average(scores, weights=arithmetic.weighted_sums(w, of_class) if average == "weighted" else None)
    )


def above(is_positive: Array, scores: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return the weights of positive and of negative samples at or above each distinct score, and these scores.

    The scores are in descending order.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.nonzero(np.diff(ranked))[0], len(order) - 1)
    ordered, hits = w[order], is_positive[order]
    return np.cumsum(ordered * hits)[last], np.cumsum(ordered * ~hits)[last], ranked[last]


def check_both(positives: float, negatives: float, name: str) -> None:
    """Raise ValueError if the positive or the negative samples of a class have no weight."""
    for total, missing in ((positives, "positive"), (negatives, "negative")):
        if total == 0:
            raise ValueError(
                f"{name} needs positive and negative samples of each class; a class has no {missing} sample in y."
            )


def check_positive(positives: float, name: str) -> None:
    """Raise ValueError if the positive samples of a class have no weight."""
    if positives == 0:
        raise ValueError(f"{name} needs positive samples of each class; a class has no positive sample in y.")


def _area(is_positive: Array, scores: Array, w: Array, name: str) -> float:
    positives, negatives, _ = above(is_positive, scores, w)
    check_both(positives[-1], negatives[-1], name)
    heights = np.append(0, positives)
    area = (np.diff(negatives, prepend=0) * (heights[1:] + heights[:-1]) / 2).sum()
    return float(area / (positives[-1] * negatives[-1]))


def _steps(is_positive: Array, scores: Array, w: Array, name: str) -> float:
    positives, negatives, _ = above(is_positive, scores, w)
    check_positive(positives[-1], name)
    reached = positives > 0
    precisions = positives[reached] / (positives + negatives)[reached]
    return float((np.diff(positives[reached], prepend=0) * precisions).sum() / positives[-1])
