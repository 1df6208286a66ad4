"""Metrics of probabilities: how good they are as such, beyond the label that they lead to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data import sample_weights
from ..data.arrays import Array
from . import inputs


def log_loss(y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None) -> float:
    """Return the mean of -log p of the true class: the cross-entropy, in nats.

    Parameters
    ----------
    y : array-like (m,), or shares (m, n_classes)
        Labels; or how much of each row is of each class.
    probabilities : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        As ``predict_proba`` gives them. A p is taken to lie at least the precision of its dtype from 0 and 1.
    sample_weight : array-like (m,), optional
    classes : array-like (n_classes,), optional
        Labels of the columns, sorted: ``net.classes_``. Default: those in `y`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or `y` lacks a class and `classes` is not given.
    """
    p, true, w = _checked(y, probabilities, sample_weight, classes)
    given = np.asarray(probabilities).dtype
    eps = np.finfo(given if given.kind == "f" else np.float64).eps
    return inputs.mean(-(true * np.log(np.clip(p, eps, 1 - eps))).sum(axis=1), w)


def brier(y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None) -> float:
    """Return the mean squared distance of probabilities from what is true (Brier, 1950).

    The square of p - y for two classes, where it is halved so as to lie from 0 to 1; for more the sum over the
    classes, from 0 to 2. Parameters and errors are those of :func:`log_loss`.

    Returns
    -------
    float
        As ``brier_score_loss`` of scikit-learn.
    """
    p, true, w = _checked(y, probabilities, sample_weight, classes)
    score = inputs.mean(((p - true) ** 2).sum(axis=1), w)
    return score / 2 if p.shape[1] == 2 else score


def ece(
    y: Any, probabilities: Any, sample_weight: Any = None, *, classes: Any = None, bins: int = 15
) -> float:
    """Return the expected calibration error: how far confidence and accuracy lie apart (Guo et al., 2017).

    The samples are put into bins by the confidence in the predicted label, max p; bin b = 1, 2, ... holds those with
    (b - 1) / bins < max p <= b / bins. The result is the sum over the bins of (share of samples in it) times |accuracy
    in it - mean confidence in it|.

    Parameters
    ----------
    y, probabilities, sample_weight, classes
        As for :func:`log_loss`; `y` as labels.
    bins : int, default 15
        Of equal width.

    Returns
    -------
    float
        From 0 to 1; 0 is calibrated.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    checks.integer("ece", "bins", bins, minimum=1)
    p = inputs.probabilities(probabilities, "probabilities")
    true, _ = inputs.columns(y, p, classes, "probabilities")
    w = inputs.ones_for(sample_weights.check(sample_weight, len(true), rows_of="y"), len(true))
    excess = (p.argmax(axis=1) == true) - p.max(axis=1)
    of = np.clip(np.ceil(p.max(axis=1) * bins).astype(int) - 1, 0, bins - 1)
    return float(abs(np.bincount(of, w * excess, bins)).sum() / w.sum())


def top_k_accuracy(
    y: Any, scores: Any, sample_weight: Any = None, *, k: int = 2, classes: Any = None
) -> float:
    """Return the share of samples whose class is among the k of highest score.

    Parameters
    ----------
    y : array-like (m,)
        Labels.
    scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
        Probabilities, or any scores; of equal ones the later column comes first, as in scikit-learn.
    sample_weight : array-like (m,), optional
    k : int, default 2
    classes : array-like (n_classes,), optional
        Labels of the columns, sorted. Default: those in `y`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    checks.integer("top_k_accuracy", "k", k, minimum=1)
    true, matrix = inputs.columns(y, scores, classes, "scores")
    best = np.argsort(matrix, axis=1, kind="stable")[:, ::-1][:, :k]
    return inputs.mean(
        (best == true[:, np.newaxis]).any(axis=1), sample_weights.check(sample_weight, len(true), rows_of="y")
    )


def _checked(
    y: Any, probabilities: Any, sample_weight: Any, classes: Any
) -> tuple[Array, Array, Array | None]:
    """Return probabilities and shares (m, n), and the weights."""
    p = inputs.probabilities(probabilities, "probabilities")
    return (
        p,
        inputs.shares(y, p, classes, "probabilities"),
        sample_weights.check(sample_weight, len(p), rows_of="y"),
    )
