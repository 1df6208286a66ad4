"""Curves of scores and probabilities: ROC, precision-recall and reliability, of one class against all others."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common import checks
from ..data import arrays, sample_weights
from ..data.arrays import Array
from . import inputs, ranking

Strategy: TypeAlias = Literal["uniform", "quantile"]
_STRATEGIES: tuple[Strategy, ...] = ("uniform", "quantile")


class Bins(NamedTuple):
    """Bins of predicted probabilities, those without rows left out.

    Attributes
    ----------
    prob_true : ndarray (n,)
        Share of the rows of a bin whose event has happened.
    prob_pred : ndarray (n,)
        Mean predicted probability of the rows of a bin.
    counts : ndarray (n,)
        Number of rows of a bin; with sample weights, their sum.
    """

    prob_true: Array
    prob_pred: Array
    counts: Array


def roc_curve(
    y: Any, scores: Any, sample_weight: Any = None, *, positive: Any = None, drop_intermediate: bool = True
) -> tuple[Array, Array, Array]:
    """Return the receiver operating characteristic (ROC) curve of one class.

    Parameters
    ----------
    y : array-like (m,)
        True labels.
    scores : array-like (m,) or (m, 1)
        Probabilities of the positive class, or any other scores that are higher where it is more likely.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    positive : label, optional
        Positive class; all others are negative. Default: 1, or the greater of two labels.
    drop_intermediate : bool, default True
        Leave out the points that are on a straight line between their neighbours.

    Returns
    -------
    false_positive_rate, true_positive_rate, thresholds : ndarray (n,)
        Points of the curve from (0, 0) to (1, 1); samples with a score >= the threshold count as positive. The first
        threshold is infinite.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a parameter is invalid, or there are no positive or no negative samples.

    See Also
    --------
    roc_auc : Area under the curve.
    compiled_nn.plotting.RocCurveDisplay : Picture of the curve.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> fpr, tpr, thresholds = metrics.roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    is_positive, values, w = _one_class("roc_curve", y, scores, sample_weight, positive)
    true, false, thresholds = ranking.above(is_positive, values, w)
    ranking.check_both(true[-1], false[-1], "roc_curve")
    if checks.flag("roc_curve", "drop_intermediate", drop_intermediate) and len(true) > 2:
        bends = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        kept = np.concatenate([[True], bends, [True]])
        true, false, thresholds = true[kept], false[kept], thresholds[kept]
    true, false = np.append(0.0, true), np.append(0.0, false)
    return false / false[-1], true / true[-1], np.append(np.inf, thresholds)


def precision_recall_curve(
    y: Any, scores: Any, sample_weight: Any = None, *, positive: Any = None, drop_intermediate: bool = False
) -> tuple[Array, Array, Array]:
    """Return the precision-recall curve of one class.

    Parameters
    ----------
    y : array-like (m,)
        True labels.
    scores : array-like (m,) or (m, 1)
        Probabilities of the positive class, or any other scores that are higher where it is more likely.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    positive : label, optional
        Positive class; all others are negative. Default: 1, or the greater of two labels.
    drop_intermediate : bool, default False
        Leave out the points between two others of the same recall.

    Returns
    -------
    precision, recall : ndarray (n + 1,)
        Points in the order of increasing thresholds, and a last one with precision 1 and recall 0.
    thresholds : ndarray (n,)
        Increasing thresholds; samples with a score >= the threshold count as positive.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a parameter is invalid, or there are no positive samples.

    See Also
    --------
    average_precision : Average precision of the curve.
    compiled_nn.plotting.PrecisionRecallDisplay : Picture of the curve.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> precision, recall, thresholds = metrics.precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> recall.tolist()
    [1.0, 1.0, 0.5, 0.5, 0.0]
    """
    owner = "precision_recall_curve"
    is_positive, values, w = _one_class(owner, y, scores, sample_weight, positive)
    true, false, thresholds = ranking.above(is_positive, values, w)
    ranking.check_positive(true[-1], owner)
    if checks.flag(owner, "drop_intermediate", drop_intermediate) and len(true) > 2:
        bends = (np.diff(true[:-1]) != 0) | (np.diff(true[1:]) != 0)
        kept = np.concatenate([[True], bends, [True]])
        true, false, thresholds = true[kept], false[kept], thresholds[kept]
    precision, recall = true / (true + false), true / true[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1]


def calibration_curve(
    y: Any,
    probabilities: Any,
    sample_weight: Any = None,
    *,
    positive: Any = None,
    bins: int = 5,
    strategy: Strategy = "uniform",
) -> tuple[Array, Array]:
    """Return the reliability curve of one class: how often it occurs among rows of similar predicted probability.

    Parameters
    ----------
    y : array-like (m,)
        True labels.
    probabilities : array-like (m,) or (m, 1)
        Probabilities of the positive class.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    positive : label, optional
        Positive class; all others are negative. Default: 1, or the greater of two labels.
    bins : int, default 5
        Number of bins. Those without rows are left out.
    strategy : {"uniform", "quantile"}, default "uniform"
        Bins of equal width, or of about equal numbers of rows.

    Returns
    -------
    prob_true, prob_pred : ndarray (n,)
        For each bin the share of positive rows, and the mean predicted probability.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a parameter is invalid, or a probability is not from 0 to 1.

    See Also
    --------
    compiled_nn.plotting.CalibrationDisplay : Picture of the curve.
    ece : Calibration error as a number.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.calibration_curve([0, 0, 1, 1], [0.1, 0.2, 0.8, 1.0], bins=2)
    (array([0., 1.]), array([0.15, 0.9 ]))
    """
    is_positive, p, w = _one_class(
        "calibration_curve", y, probabilities, sample_weight, positive, "probabilities"
    )
    return probability_bins("calibration_curve", is_positive, p, w, bins=bins, strategy=strategy)[:2]


def probability_bins(
    owner: str, happened: Array, p: Array, w: Array, *, bins: int, strategy: Strategy
) -> Bins:
    """Return the bins of predicted probabilities `p` (m,) of events, `happened` (m,), with weights `w` (m,).

    Bin b = 1, 2, ... of equal width has the rows with (b - 1) / bins < p <= b / bins, and the first those with p = 0.
    """
    bins = checks.integer(owner, "bins", bins, minimum=1)
    checks.choice(owner, "strategy", strategy, _STRATEGIES)
    outside = ~((p >= 0) & (p <= 1))
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"probabilities is {p[row]:g} in row {row}; probabilities are from 0 to 1.")
    edges = np.linspace(0, 1, bins + 1)
    # np.quantile rounds the places of the edges differently, which moves ties to another bin than scikit-learn's.
    edges = edges if strategy == "uniform" else np.percentile(p, edges * 100)
    index = np.searchsorted(edges[1:-1], p)
    counts = np.bincount(index, w, bins)
    full = counts > 0
    true, predicted = (np.bincount(index, w * values, bins)[full] for values in (happened, p))
    return Bins(true / counts[full], predicted / counts[full], counts[full])


def _one_class(
    owner: str, y: Any, scores: Any, sample_weight: Any, positive: Any, name: str = "scores"
) -> tuple[Array, Array, Array]:
    """Return which rows are positive, their scores and their weights, without the rows of weight 0."""
    true, matrix = inputs.labels(y, "y"), inputs.numbers(scores, name)
    if matrix.shape[1] != 1:
        raise ValueError(
            f"{name} has {matrix.shape[1]} columns; {owner} is for one class: pass the column of this class, and its"
            " label as positive=..."
        )
    arrays.check_rows(true, matrix, "y", name)
    arrays.check_finite(matrix, name, "float64")
    label = inputs.positive(inputs.known(true)) if positive is None else positive
    w = inputs.ones_for(sample_weights.check(sample_weight, len(true), rows_of="y"), len(true))
    used = w > 0
    return (true == label)[used], matrix[used, 0], w[used]
