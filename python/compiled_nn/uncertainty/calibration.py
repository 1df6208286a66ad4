"""Calibration: what is learned from held-out rows, and the temperature at which probabilities mean what they say."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..common import arithmetic
from ..data import arrays, sample_weights
from ..data.arrays import Array

_COLDEST, _HOTTEST = 0.01, 100.0
_PRECISION = 1e-10


class Calibration(NamedTuple):
    """What a network has learned from rows that it was not trained on.

    Attributes
    ----------
    temperature : float, default 1.0
        Logits are divided by it before they become probabilities.
    scores : ndarray (m, n) of float64, optional
        How far the network was off on each row, see :mod:`compiled_nn.conformal`: a column an output, or one for
        classes.
    """

    temperature: float = 1.0
    scores: Array | None = None

    @property
    def known(self) -> bool:
        """Whether there is anything to keep in a file."""
        return self.temperature != 1 or self.scores is not None


NOTHING = Calibration()


def fit_temperature(logits: Any, y: Any, sample_weight: Any = None) -> float:
    """Return the temperature T that minimises the log loss of softmax(logits / T), or sigmoid(logits / T).

    The loss is convex in 1 / T: Newton's method, kept within bounds by bisection (Guo et al., On Calibration of Modern
    Neural Networks, 2017).

    Parameters
    ----------
    logits : array-like (m, n), or (m,) or (m, 1) for one of two classes
        Outputs before the link, of rows that the network was not trained on.
    y : array-like (m,), or shares (m, n)
        Indices of the classes, 0 to n - 1; or how much of each row is of each class.
    sample_weight : array-like (m,), optional
        How much each row counts. Default: all alike.

    Returns
    -------
    float
        From 0.01 to 100: above 1 for a network that is too sure of itself.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    from ..metrics import inputs  # what only predicts needs none

    z = inputs.numbers(logits, "logits")
    arrays.check_finite(z, "logits", "float64")
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    z = z - z.max(axis=1, keepdims=True)
    w = sample_weights.check(sample_weight, len(z), rows_of="logits")
    of_truth = np.average((_shares(y, z.shape) * z).sum(axis=1), weights=w)

    def derivatives(inverse: float) -> tuple[float, float]:
        """The first two of the loss, by 1 / T."""
        p = arithmetic.activate("softmax", inverse * z)
        mean = (p * z).sum(axis=1)
        variance = (p * (z - mean[:, np.newaxis]) ** 2).sum(axis=1)
        return float(np.average(mean, weights=w) - of_truth), float(np.average(variance, weights=w))

    low, high, inverse = 1 / _HOTTEST, 1 / _COLDEST, 1.0
    slope, curvature = derivatives(inverse)
    if slope and derivatives(high)[0] <= 0:
        return _COLDEST
    if slope and derivatives(low)[0] >= 0:
        return _HOTTEST
    while slope:
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        newton = inverse - slope / curvature if curvature > 0 else 0.0
        last, inverse = inverse, newton if low < newton < high else float(np.sqrt(low * high))
        if abs(inverse - last) <= _PRECISION * last:
            break
        slope, curvature = derivatives(inverse)
    return 1 / inverse


def _shares(y: Any, shape: tuple[int, ...]) -> Array:
    """Return `y` as shares (m, n) of the classes."""
    given = arrays.real(arrays.targets(y), "y")
    arrays.check_rows(given, range(shape[0]), "y", "logits")
    if given.ndim == 2:
        if given.shape != shape:
            raise ValueError(f"y has shape {given.shape}; logits has {shape}.")
        arrays.check_shares(given, sum_to_one=True)
        return given
    if shape[1] == 2 and given.dtype.kind == "f":  # how much of the second class
        arrays.check_shares(given[:, np.newaxis], sum_to_one=False)
        return np.column_stack([1 - given, given])
    classes = np.arange(shape[1])
    hot: Array = arrays.class_indices(given, classes)[:, np.newaxis] == classes
    return hot
