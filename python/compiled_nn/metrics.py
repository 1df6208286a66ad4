"""Scores of predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Array


def accuracy(y: Array, predicted: Array, weights: Array | None = None) -> float:
    """Return the share of samples, or of their weights (m,), predicted right: in every column when y is (m, n)."""
    right = y == predicted
    return float(np.average(right.all(axis=1) if right.ndim == 2 else right, weights=weights))


def confusion(true: Array, predicted: Array, n_classes: int) -> Array:
    """Return how many samples (n_classes, n_classes) of each true class were predicted as each class.

    Classes are given as indices (m,); true ones go down, predicted ones across.
    """
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def r2_score(y: Array, predicted: Array, weights: Array | None = None) -> float:
    """Return the coefficient of determination R^2 of (m, n) values, averaged over the columns; rows may have weights.

    A column of constant targets counts 1 when it is predicted exactly and 0 otherwise.
    """
    y = y.astype(np.float64)
    of_rows = 1.0 if weights is None else weights[:, np.newaxis]
    residual = (of_rows * (y - predicted) ** 2).sum(axis=0)
    total = (of_rows * (y - np.average(y, axis=0, weights=weights)) ** 2).sum(axis=0)
    constant = total == 0
    score = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, np.where(residual == 0, 1.0, 0.0), score).mean())


def d2_pinball(y: Array, predicted: Array, quantiles: Sequence[float], weights: Array | None = None) -> float:
    """Return the share of the pinball loss of y (m,) that predicted quantiles (m, n) save, averaged over them.

    It is measured against the quantiles of y itself: 1 is exact, 0 no better than constants.
    """
    constants = np.quantile(y, quantiles, weights=weights, method="inverted_cdf")
    scores = []
    for quantile, column, constant in zip(quantiles, predicted.T, constants, strict=True):
        ours, theirs = (
            np.average(np.maximum(quantile * (y - z), (quantile - 1) * (y - z)), weights=weights)
            for z in (column.astype(np.float64), constant)
        )
        scores.append(1 - ours / theirs if theirs > 0 else float(ours == 0))
    return float(np.mean(scores))
