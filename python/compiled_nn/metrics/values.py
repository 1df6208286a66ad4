"""Metrics of values: how far predicted numbers lie from true ones.

All take y and predicted (m,), or (m, n) with a column an output, whose scores are averaged; and weights (m,) of the
samples. A prediction that is not finite makes the result so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import arithmetic, checks
from ..common.errors import count
from ..data import sample_weights
from ..data.arrays import Array
from . import inputs


def r2_score(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the coefficient of determination R^2, averaged over the columns.

    A column of constant targets counts 1 when it is predicted exactly and 0 otherwise.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
    sample_weight : array-like (m,), optional

    Returns
    -------
    float
        1 is exact; 0 is no better than the mean.

    Raises
    ------
    TypeError, ValueError
        When the shapes differ or the arrays cannot be used; so do all functions below.
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    each = inputs.ones_for(w, len(true))
    residual = arithmetic.weighted_sums(each, (true - guessed) ** 2)
    total = arithmetic.weighted_sums(each, (true - np.average(true, axis=0, weights=w)) ** 2)
    constant = total == 0
    score = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, np.where(residual == 0, 1.0, 0.0), score).mean())


def mse(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean of (y - predicted)^2; parameters as for :func:`r2_score`."""
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean((true - guessed) ** 2, w)


def rmse(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the root of the mean of (y - predicted)^2, averaged over the columns after the root."""
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return float(np.sqrt(np.average((true - guessed) ** 2, axis=0, weights=w)).mean())


def mae(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean of |y - predicted|; parameters as for :func:`r2_score`."""
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean(abs(true - guessed), w)


def median_absolute_error(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the median of |y - predicted|, averaged over the columns.

    With weights it is where half of their sum is reached: the mean of two errors where it is reached between them.
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    errors = abs(true - guessed)
    if w is None:
        return float(np.median(errors, axis=0).mean())
    return float(np.mean([_median(column, w) for column in errors.T]))


def _median(values: Array, w: Array) -> float:
    order = np.argsort(values, kind="stable")
    order = order[w[order] > 0]
    reached = np.cumsum(w[order])
    half = reached[-1] / 2
    i = int(np.searchsorted(reached, half))
    following = i if reached[i] - half > np.finfo(np.float64).eps else min(i + 1, len(order) - 1)
    return float(values[order[i]] + values[order[following]]) / 2


def max_error(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the largest |y - predicted| of the rows whose weight is not 0, averaged over the columns."""
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    counts = inputs.ones_for(w, len(true)) > 0
    return float(abs(true - guessed)[counts].max(axis=0).mean())


def mape(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean of |y - predicted| / |y|, a fraction; a y nearer to 0 than 2.2e-16 counts as that."""
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean(abs(true - guessed) / np.maximum(abs(true), np.finfo(np.float64).eps), w)


def pinball(y: Any, predicted: Any, sample_weight: Any = None, *, quantile: float = 0.5) -> float:
    """Return the mean pinball loss: quantile * (y - p) where y is above p, (1 - quantile) * (p - y) below.

    Parameters
    ----------
    y, predicted, sample_weight
        As for :func:`r2_score`.
    quantile : float, default 0.5
        From 0 to 1: which quantile was predicted.
    """
    checks.real("pinball", "quantile", quantile, minimum=0, below=1 + 1e-12)
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    above = true - guessed
    return inputs.mean(np.maximum(quantile * above, (quantile - 1) * above), w)


def d2_pinball(y: Any, predicted: Any, quantiles: Sequence[float], sample_weight: Any = None) -> float:
    """Return the share of the pinball loss of y that predicted quantiles save, averaged over them.

    It is measured against the quantiles of y itself: 1 is exact, 0 no better than constants.

    Parameters
    ----------
    y : array-like (m,)
    predicted : array-like (m, n)
        A column a quantile.
    quantiles : sequence of float (n,)
        Each from 0 to 1.
    sample_weight : array-like (m,), optional
    """
    guessed = inputs.numbers(predicted, "predicted")
    if guessed.shape[1] != len(quantiles):
        raise ValueError(
            f"predicted has {count(guessed.shape[1], 'column')}; there are {len(quantiles)} quantiles."
        )
    w = sample_weights.check(sample_weight, len(guessed), rows_of="y")
    true = inputs.numbers(y, "y")
    if true.shape != (len(guessed), 1):
        raise ValueError(
            f"y has shape {np.shape(y)}; the quantiles of {count(len(guessed), 'row')} are of one y."
        )
    true = true[:, 0]
    constants = np.quantile(true, quantiles, weights=w, method="inverted_cdf")
    scores = []
    for quantile, column, constant in zip(quantiles, guessed.T, constants, strict=True):
        ours = pinball(true, column, w, quantile=quantile)
        theirs = pinball(true, np.full(len(true), constant), w, quantile=quantile)
        scores.append(1 - ours / theirs if theirs > 0 else float(ours == 0))
    return float(np.mean(scores))


def tweedie_deviance(y: Any, predicted: Any, sample_weight: Any = None, *, power: float = 0.0) -> float:
    """Return the mean deviance of a Tweedie distribution whose variance is the mean to a power.

    Parameters
    ----------
    y, predicted, sample_weight
        As for :func:`r2_score`.
    power : float, default 0.0
        0 is the normal distribution (the squared error), 1 Poisson's, 2 the gamma; none between 0 and 1.

    Raises
    ------
    ValueError
        When the distribution has no such y: from power 1 on they are 0 or above, from 2 on above 0; and
        predictions, but for power 0, are above 0.
    """
    checks.real("tweedie_deviance", "power", power)
    if 0 < power < 1:
        raise ValueError(
            f"The 'power' parameter of tweedie_deviance must not lie from 0 to 1. Got {power!r}."
        )
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    if power >= 1:
        _refuse(true <= 0 if power >= 2 else true < 0, true, "y", power, "above 0" if power >= 2 else ">= 0")
    if power != 0:
        _refuse(guessed <= 0, guessed, "predicted", power, "above 0")
    return inputs.mean(_deviance(true, guessed, power), w)


def _refuse(bad: Array, values: Array, name: str, power: float, allowed: str) -> None:
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"{name} is {values[row, column]:g} in row {row}; the deviance of power {power:g} takes {allowed}."
        )


def _deviance(y: Array, p: Array, power: float) -> Array:
    if power == 0:
        return (y - p) ** 2
    if power == 1:
        return 2 * (y * np.log(np.where(y > 0, y, 1.0) / p) - y + p)
    if power == 2:
        return 2 * (np.log(p / y) + y / p - 1)
    a, b = 1 - power, 2 - power
    return 2 * (np.maximum(y, 0) ** b / (a * b) - y * p**a / a + p**b / b)


def poisson_deviance(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return :func:`tweedie_deviance` of power 1, for counts."""
    return tweedie_deviance(y, predicted, sample_weight, power=1)


def gamma_deviance(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return :func:`tweedie_deviance` of power 2, for positive values."""
    return tweedie_deviance(y, predicted, sample_weight, power=2)
