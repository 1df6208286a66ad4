"""Metrics of predicted values: errors, coefficient of determination and pinball losses.

All functions take true values `y` and predicted values of shape (m,) or (m, n), with one column per output, and
optional sample weights (m,). The results of the columns are averaged. If a prediction is not finite, the result is not
finite.
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

    The score of a constant column of `y` is 1 if it is predicted exactly, else 0. That of a single row is NaN, with a
    warning, as in scikit-learn.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float
        Score: 1 for exact predictions, 0 for predictions that are as good as the mean of `y`.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    d2_pinball : The corresponding score of predicted quantiles.
    mse : Mean squared error, which R^2 compares with that of the mean.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    if not inputs.has_variation(true, "r2_score"):
        return float("nan")
    factors = inputs.ones_for(w, len(true))
    _, exponents = np.frexp(abs(true).max(axis=0))  # squares of huge and tiny values would be out of range
    with np.errstate(over="ignore"):
        true, guessed = np.ldexp(true, -exponents), np.ldexp(guessed, -exponents)
    residual = arithmetic.weighted_sums(factors, inputs.squares(true - guessed))
    total = arithmetic.weighted_sums(factors, (true - np.average(true, axis=0, weights=w)) ** 2)
    constant = total == 0
    score = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, np.where(residual == 0, 1.0, 0.0), score).mean())


def mse(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean squared error: the mean of (y - predicted)^2.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    rmse : Error in the units of y.
    mae : Error that outliers affect less.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean(inputs.squares(true - guessed), w)


def rmse(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the root mean squared error: the square root of the mean of (y - predicted)^2.

    The root is taken for each column, before the mean over the columns.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    mse : Mean squared error, without the root.
    mae : Error that outliers affect less.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.rmse([1.0, 2.0], [4.0, 6.0])  # sqrt((9 + 16) / 2)
    3.5355339059327378
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return float(np.sqrt(np.average(inputs.squares(true - guessed), axis=0, weights=w)).mean())


def mae(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean absolute error: the mean of abs(y - predicted).

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    median_absolute_error : Error of the middle row, which outliers do not affect.
    mape : Error relative to y.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.mae([1.0, 2.0], [2.0, 5.0])
    2.0
    >>> metrics.mae([1.0, 2.0], [2.0, 5.0], sample_weight=[3, 1])
    1.5
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean(abs(true - guessed), w)


def median_absolute_error(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the median absolute error: the median of abs(y - predicted), averaged over the columns.

    The weighted median is the smallest error at which the sum of the weights of smaller and equal errors reaches half
    of the total weight; if it reaches exactly half, the mean of this error and the next larger one.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    mae : Mean in place of the median.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.median_absolute_error([0.0, 0.0, 0.0], [1.0, 2.0, 90.0])
    2.0
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
    """Return the maximum error: the largest abs(y - predicted), averaged over the columns.

    Rows with weight 0 are ignored; other weights have no effect.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    mae : Mean in place of the maximum.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.max_error([0.0, 0.0, 0.0], [1.0, 2.0, -90.0])
    90.0
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    used = inputs.ones_for(w, len(true)) > 0
    return float(abs(true - guessed)[used].max(axis=0).mean())


def mape(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean absolute percentage error: the mean of abs(y - predicted) / max(abs(y), eps).

    The result is a fraction, not a percentage; eps is the machine epsilon of float64, 2.2e-16.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or an array is invalid.

    See Also
    --------
    mae : Error in the units of y.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.mape([100.0, 200.0], [110.0, 150.0])  # (10 % + 25 %) / 2
    0.175
    """
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    return inputs.mean(abs(true - guessed) / np.maximum(abs(true), np.finfo(np.float64).eps), w)


def pinball(y: Any, predicted: Any, sample_weight: Any = None, *, quantile: float = 0.5) -> float:
    """Return the mean pinball loss: quantile * (y - p) if y is above the prediction p, else (1 - quantile) * (p - y).

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    quantile : float, default 0.5
        Predicted quantile, from 0 to 1.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array is invalid, or `quantile` is not from 0 to 1.

    See Also
    --------
    d2_pinball : Score that compares the losses of several quantiles with those of constants.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.pinball([1.0, 2.0], [0.0, 4.0], quantile=0.5)
    0.75
    """
    checks.real("pinball", "quantile", quantile, minimum=0, below=1 + 1e-12)
    true, guessed, w = inputs.value_pair(y, predicted, sample_weight)
    above = true - guessed
    return inputs.mean(np.maximum(quantile * above, (quantile - 1) * above), w)


def d2_pinball(
    y: Any, predicted: Any, sample_weight: Any = None, *, quantiles: Sequence[float] | Array = (0.1, 0.5, 0.9)
) -> float:
    """Return D^2 of predicted quantiles: 1 - (pinball loss / pinball loss of a constant), averaged over the quantiles.

    The constant is the quantile of `y` itself [1]_. The score of a single row is NaN, with a warning.

    Parameters
    ----------
    y : array-like (m,)
        True values.
    predicted : array-like (m, n)
        Predicted values, with one column per quantile.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    quantiles : sequence of float (n,), default (0.1, 0.5, 0.9)
        Predicted quantiles, from 0 to 1.

    Returns
    -------
    float
        Score: 1 for exact predictions, 0 for predictions that are as good as the constants.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, the number of columns is not the number of quantiles, or an array is invalid.

    See Also
    --------
    pinball : Loss of one quantile.

    References
    ----------
    .. [1] R. Koenker, J. A. F. Machado, "Goodness of fit and related inference processes for quantile regression",
       Journal of the American Statistical Association, 94, 1999.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> y = [1.0, 2.0, 3.0, 4.0]
    >>> metrics.d2_pinball(y, [[0.9, 1.2], [1.8, 2.2], [2.8, 3.3], [3.7, 4.1]], quantiles=(0.1, 0.9))
    0.8666666666666667
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
            f"y has shape {np.shape(y)}; predicted has {count(len(guessed), 'row')}, each with the quantiles of one y."
        )
    if not inputs.has_variation(true, "d2_pinball"):
        return float("nan")
    true = true[:, 0]
    constants = np.quantile(true, quantiles, weights=w, method="inverted_cdf")
    scores = []
    for quantile, column, constant in zip(quantiles, guessed.T, constants, strict=True):
        with np.errstate(over="ignore"):
            loss = pinball(true, column, w, quantile=quantile)
        baseline = pinball(true, np.full(len(true), constant), w, quantile=quantile)
        scores.append(1 - loss / baseline if baseline > 0 else float(loss == 0))
    return float(np.mean(scores))
