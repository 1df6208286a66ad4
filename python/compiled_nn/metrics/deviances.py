"""Deviances of predicted values: those of Tweedie, Poisson and gamma distributions.

The functions take true values and predictions as those of :mod:`compiled_nn.metrics.values` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from . import inputs


def tweedie_deviance(y: Any, predicted: Any, sample_weight: Any = None, *, power: float = 0.0) -> float:
    """Return the mean deviance of a Tweedie distribution, whose variance is proportional to mean**power [1]_.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    power : float, default 0.0
        Power of the variance: 0 for the normal distribution (the squared error), 1 for Poisson, 2 for gamma. There is
        no distribution with a power between 0 and 1.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array or `power` is invalid, or values are out of the range of the distribution: `y`
        must be >= 0 for a power >= 1, and > 0 for a power >= 2; `predicted` must be > 0 for a power other than 0.

    See Also
    --------
    poisson_deviance : Deviance with power 1.
    gamma_deviance : Deviance with power 2.

    References
    ----------
    .. [1] B. Jorgensen, "The Theory of Dispersion Models", Chapman & Hall, 1997.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.tweedie_deviance([1.0, 2.0], [2.0, 4.0])  # the squared error
    2.5
    >>> round(metrics.tweedie_deviance([0.0, 2.0], [1.0, 2.0], power=1.5), 4)
    2.0
    """
    checks.real("tweedie_deviance", "power", power)
    if 0 < power < 1:
        raise ValueError(
            f"The 'power' parameter of tweedie_deviance must be <= 0 or >= 1. Got {power!r} instead."
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
        return inputs.squares(y - p)
    if power == 1:
        return 2 * (y * np.log(np.where(y > 0, y, 1.0) / p) - y + p)
    if power == 2:
        return 2 * (np.log(p / y) + y / p - 1)
    a, b = 1 - power, 2 - power
    return 2 * (np.maximum(y, 0) ** b / (a * b) - y * p**a / a + p**b / b)


def poisson_deviance(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean Poisson deviance, for counts: :func:`tweedie_deviance` with power 1.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values; `y` must be >= 0, `predicted` above 0.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`tweedie_deviance`.

    See Also
    --------
    tweedie_deviance : Deviance with any power.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.poisson_deviance([0, 3], [2.0, 3.0])  # (2 * 2 + 0) / 2
    2.0
    """
    return tweedie_deviance(y, predicted, sample_weight, power=1)


def gamma_deviance(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the mean gamma deviance, for positive values: :func:`tweedie_deviance` with power 2.

    Parameters
    ----------
    y, predicted : array-like (m,) or (m, n)
        True and predicted values, above 0.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`tweedie_deviance`.

    See Also
    --------
    tweedie_deviance : Deviance with any power.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> round(metrics.gamma_deviance([1.0, 4.0], [2.0, 4.0]), 4)  # log(2) - 1/2
    0.1931
    """
    return tweedie_deviance(y, predicted, sample_weight, power=2)
