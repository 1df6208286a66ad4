"""Metrics of an order: whether samples of a class have higher scores than others, whatever the threshold."""

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
    """Return the area under the receiver operating characteristic: how often a positive sample outscores a negative.

    Parameters
    ----------
    y : array-like (m,), or a 0/1 matrix (m, n)
        Labels; or any number of them a row.
    scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities, or any scores, the higher the likelier.
    sample_weight : array-like (m,), optional
    average : {"macro", "weighted", "micro"}, default "macro"
        Over the columns: their mean; weighted by how many samples each has; or all columns as one problem ("micro", not
        with "ovo"). Without effect on two classes.
    multi_class : {"ovr", "ovo"}, default "ovr"
        For more than two classes: each against all others, or each pair of classes against one another (Hand and Till,
        2001), the mean of both directions.
    classes : array-like (n_classes,), optional
        Labels of the columns, sorted. Default: those in `y`.

    Returns
    -------
    float
        1 for a perfect order, 0.5 for chance.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or a class does not occur in `y`, or no other one does.
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
    """Return the area under precision and recall as a sum of steps: sum over thresholds of (R_n - R_(n-1)) P_n.

    Parameters
    ----------
    y, scores, sample_weight, classes
        As for :func:`roc_auc`.
    average : {"macro", "weighted", "micro"}, default "macro"
        As for :func:`roc_auc`; more than two classes are taken each against all others.

    Returns
    -------
    float
        1 for a perfect order; the share of positive samples for chance.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or a class does not occur in `y`.
    """
    checks.choice("average_precision", "average", average, _AVERAGES)
    of_class, matrix, w = _one_against_rest(y, scores, sample_weight, classes)
    return _over_columns(_steps, "average_precision", of_class, matrix, w, average)


def _one_against_rest(y: Any, scores: Any, sample_weight: Any, classes: Any) -> tuple[Array, Array, Array]:
    """Return whether each row is of the class of each column (m, n), the scores (m, n), and the weights (m,).

    For two classes there is one column, that of the positive one.
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
    found = [score(of_class[:, i], matrix[:, i], w, name) for i in range(matrix.shape[1])]
    return float(
        np.average(found, weights=arithmetic.weighted_sums(w, of_class) if average == "weighted" else None)
    )


def _above(is_positive: Array, scores: Array, w: Array) -> tuple[Array, Array]:
    """Return the weight of positive and of negative samples at or above each distinct score, from the highest on."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.nonzero(np.diff(scores[order]))[0], len(order) - 1)
    ordered, hits = w[order], is_positive[order]
    return np.cumsum(ordered * hits)[last], np.cumsum(ordered * ~hits)[last]


def _area(is_positive: Array, scores: Array, w: Array, name: str) -> float:
    positives, negatives = _above(is_positive, scores, w)
    for total, missing in ((positives[-1], "positive"), (negatives[-1], "negative")):
        if total == 0:
            raise ValueError(f"{name} needs samples of both kinds; a class of y has no {missing} one.")
    heights = np.append(0, positives)
    area = (np.diff(negatives, prepend=0) * (heights[1:] + heights[:-1]) / 2).sum()
    return float(area / (positives[-1] * negatives[-1]))


def _steps(is_positive: Array, scores: Array, w: Array, name: str) -> float:
    positives, negatives = _above(is_positive, scores, w)
    if positives[-1] == 0:
        raise ValueError(f"{name} needs positive samples; a class of y has none.")
    seen = positives > 0
    shares = positives[seen] / (positives + negatives)[seen]
    return float((np.diff(positives[seen], prepend=0) * shares).sum() / positives[-1])
