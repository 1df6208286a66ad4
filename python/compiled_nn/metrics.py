"""Scores of predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import checks
from .arrays import Array


def accuracy(y: Array, predicted: Array) -> float:
    """Return the share of samples predicted right: in every column when y is (m, n)."""
    right = y == predicted
    return float(np.mean(right.all(axis=1) if right.ndim == 2 else right))


def confusion(true: Array, predicted: Array, n_classes: int) -> Array:
    """Return how many samples (n_classes, n_classes) of each true class were predicted as each class.

    Classes are given as indices (m,); true ones go down, predicted ones across.
    """
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def r2_score(y: Array, predicted: Array) -> float:
    """Return the coefficient of determination R^2 of (m, n) values, averaged over the columns.

    A column of constant targets counts 1 when it is predicted exactly and 0 otherwise.
    """
    y = y.astype(np.float64)
    residual = ((y - predicted) ** 2).sum(axis=0)
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    constant = total == 0
    score = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, np.where(residual == 0, 1.0, 0.0), score).mean())


class Metric(NamedTuple):
    """A metric by its name: whether it takes labels, values or probabilities, and whether more of it is better."""

    name: str
    function: Callable[..., Any]
    needs: str = "labels"
    greater_is_better: bool = True

    def __call__(self, y: Any, predicted: Any, *, classes: Any = None) -> float:
        """Return the metric of what it needs; `classes` are the columns of probabilities."""
        options = {"classes": classes} if self.needs == "probabilities" else {}
        return float(self.function(y, predicted, **options))


def resolve(metric: Any) -> Metric:
    """Return a metric by its name, or that of a function of (y, predicted), of which more is better."""
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return Metric(getattr(metric, "__name__", type(metric).__name__), metric)
    known = {"accuracy": Metric("accuracy", accuracy), "r2": Metric("r2", r2_score, "values")}
    return known[checks.choice("resolve", "metric", metric, known)]
