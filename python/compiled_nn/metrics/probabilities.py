"""Metrics of predicted probabilities: log loss, Brier score, calibration error and top-k accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays, sample_weights
from ..data.arrays import Array
from . import inputs


def log_loss(y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None) -> float:
    """Return the log loss: the mean of -log(p) of the true class, in nats.

    Parameters
    ----------
    y : array-like (m,) or (m, n_classes)
        True labels, or the true probabilities of the classes.
    probabilities : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities as returned by ``predict_proba``. They are clipped to [eps, 1 - eps], where eps is the machine
        epsilon of their dtype.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns: ``net.classes_``. Default: the labels in `y`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array is invalid, or a class does not occur in `y` and `classes` is None.

    See Also
    --------
    brier : Mean squared difference, which is less severe on confident errors.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.log_loss([0, 1], [[0.9, 0.1], [0.2, 0.8]]), 4)
    0.1643
    """
    p, true, w = _checked(y, probabilities, sample_weight, classes)
    given = np.asarray(probabilities).dtype
    eps = np.finfo(given if given.kind == "f" else np.float64).eps
    return inputs.mean(-(true * np.log(np.clip(p, eps, 1 - eps))).sum(axis=1), w)


def brier(y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None) -> float:
    """Return the Brier score: the mean squared difference of predicted and true probabilities [1]_.

    For two classes it is the mean of (p - y)^2 of the second class, from 0 to 1. For more classes the squares are
    summed over the classes, from 0 to 2.

    Parameters
    ----------
    y : array-like (m,) or (m, n_classes)
        True labels, or the true probabilities of the classes.
    probabilities : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities as returned by ``predict_proba``.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns: ``net.classes_``. Default: the labels in `y`.

    Returns
    -------
    float
        Same as ``brier_score_loss`` of scikit-learn; 0 is the best.

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`log_loss`.

    See Also
    --------
    log_loss : Mean of -log(p) of the true class.

    References
    ----------
    .. [1] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review, 78, 1950.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.brier([0, 1], [[0.9, 0.1], [0.2, 0.8]]), 4)
    0.025
    """
    p, true, w = _checked(y, probabilities, sample_weight, classes)
    score = inputs.mean(((p - true) ** 2).sum(axis=1), w)
    return score / 2 if p.shape[1] == 2 else score


def ece(
    y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None, bins: int = 15
) -> float:
    """Return the expected calibration error: the mean difference of confidence and accuracy [1]_.

    Samples are grouped by their confidence, which is the probability of the predicted label, max p. Bin b = 1, 2, ...
    has the samples with (b - 1) / bins < max p <= b / bins. The result is the sum over the bins of (share of the
    samples) * abs(accuracy - mean confidence).

    Parameters
    ----------
    y : array-like (m,)
        True labels.
    probabilities : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities as returned by ``predict_proba``.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns: ``net.classes_``. Default: the labels in `y`.
    bins : int, default 15
        Number of bins of equal width, at least 1.

    Returns
    -------
    float
        Error, from 0 to 1; 0 for calibrated probabilities.

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`log_loss`, or if `bins` is not an int >= 1.

    See Also
    --------
    compiled_nn.plotting.CalibrationDisplay : Picture of confidence and accuracy.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.ece([0, 1], [[0.9, 0.1], [0.2, 0.8]]), 4)
    0.15
    """
    checks.integer("ece", "bins", bins, minimum=1)
    p = inputs.probabilities(probabilities, "probabilities")
    classes = inputs.of_single_column(y, probabilities, classes)
    true, _ = inputs.columns(y, p, classes, "probabilities")
    w = inputs.ones_for(sample_weights.check(sample_weight, len(true), rows_of="y"), len(true))
    excess = (p.argmax(axis=1) == true) - p.max(axis=1)
    bin_indices = np.clip(np.ceil(p.max(axis=1) * bins).astype(int) - 1, 0, bins - 1)
    return float(abs(np.bincount(bin_indices, w * excess, bins)).sum() / w.sum())


def top_k_accuracy(
    y: Any, scores: Any, sample_weight: Any = None, *, k: int = 2, classes: Any = None
) -> float:
    """Return the share of samples whose class is among the k classes with the highest scores.

    Parameters
    ----------
    y : array-like (m,)
        True labels.
    scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities, or any other scores. Among equal scores the later column ranks higher, as in scikit-learn.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    k : int, default 2
        Number of classes with the highest scores, at least 1.
    classes : array-like (n_classes,), optional
        Sorted labels of the columns. Default: the labels in `y`.

    Returns
    -------
    float
        Weighted share, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array or `k` is invalid, or a class does not occur in `y` and `classes` is None.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.top_k_accuracy([0, 1, 2], [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2]], k=2)
    0.6666666666666666
    """
    checks.integer("top_k_accuracy", "k", k, minimum=1)
    true, matrix = inputs.columns(y, scores, classes, "scores")
    arrays.check_finite(matrix, "scores", "float64")
    best = np.argsort(matrix, axis=1, kind="stable")[:, ::-1][:, :k]
    return inputs.mean(
        (best == true[:, np.newaxis]).any(axis=1), sample_weights.check(sample_weight, len(true), rows_of="y")
    )


def _checked(
    y: Any, probabilities: Any, sample_weight: Any, classes: Any
) -> tuple[Array, Array, Array | None]:
    """Return predicted and true probabilities (m, n), and the sample weights."""
    p = inputs.probabilities(probabilities, "probabilities")
    classes = inputs.of_single_column(y, probabilities, classes)
    return (
        p,
        inputs.shares(y, p, classes, "probabilities"),
        sample_weights.check(sample_weight, len(p), rows_of="y"),
    )
