"""Calibration on held-out rows: temperature scaling of probabilities, and scores for intervals and sets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..common import arithmetic
from ..data import arrays, class_labels, sample_weights
from ..data.arrays import Array

_COLDEST, _HOTTEST = 0.01, 100.0
_PRECISION = 1e-10
_LOWEST = (
    -1e140
)  # of differences of logits: their squares are in range, and their probability is 0 at all temperatures


class Calibration(NamedTuple):
    """Result of the calibration of a network on rows that it was not trained on.

    Parameters
    ----------
    temperature : float, default 1.0
        Number by which logits are divided before they become probabilities.
    scores : ndarray (m, n) of float64, optional
        Conformal score of each row, see :mod:`compiled_nn.conformal`: one column per output, or one column for classes.

    See Also
    --------
    fit_temperature : Temperature from logits and labels.
    compiled_nn.Network.calibrate : Calibration of a network on held-out rows.

    Examples
    --------
    >>> from compiled_nn.calibration import Calibration
    >>> Calibration(temperature=1.5).known, Calibration().known
    (True, False)
    """

    temperature: float = 1.0
    scores: Array | None = None

    @property
    def known(self) -> bool:
        """Whether the network was calibrated, so that a file must store the result."""
        return self.temperature != 1 or self.scores is not None


NOTHING = Calibration()


def fit_temperature(logits: Any, y: Any, sample_weight: Any = None) -> float:
    """Return the temperature T that minimises the log loss of softmax(logits / T), or of sigmoid(logits / T).

    The loss is convex in 1 / T and is minimised by Newton's method, with bisection as a safeguard (Guo et al., On
    Calibration of Modern Neural Networks, 2017).

    Parameters
    ----------
    logits : array-like (m, n), or (m,) or (m, 1) for two classes
        Outputs before the link for rows that the network was not trained on. With one column, they are those of the
        second class.
    y : array-like (m,) or (m, n)
        Class indices from 0 to n - 1, or the probability of each class per row (soft labels).
    sample_weight : array-like (m,), optional
        Weight of each row. Default: 1 for each row.

    Returns
    -------
    float
        Temperature in the range from 0.01 to 100. It is above 1 if the probabilities are overconfident.

    Raises
    ------
    TypeError, ValueError
        If the arrays cannot be used.

    See Also
    --------
    compiled_nn.Network.calibrate : Calibration of a network on held-out rows.
    compiled_nn.metrics.ece : Difference between probabilities and relative frequencies.

    Examples
    --------
    >>> from compiled_nn.calibration import fit_temperature
    >>> logits = [[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]]  # probabilities of 0.98
    >>> fit_temperature(logits, [0, 0, 1, 1])  # but one of four rows has another class
    3.6409569065073506
    """
    from ..metrics import inputs  # imported here to keep predicting free of the metrics

    z = inputs.numbers(logits, "logits")
    arrays.check_finite(z, "logits", "float64")
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    with np.errstate(over="ignore"):
        z = np.maximum(z - z.max(axis=1, keepdims=True), _LOWEST)
    w = sample_weights.check(sample_weight, len(z), rows_of="logits")
    mean_true = np.average((_shares(y, z.shape) * z).sum(axis=1), weights=w)

    def derivatives(inverse: float) -> tuple[float, float]:
        """Return the first two derivatives of the loss with respect to 1 / T."""
        p = arithmetic.activate("softmax", inverse * z)
        with np.errstate(under="ignore"):  # probabilities that are nearly 0
            mean = (p * z).sum(axis=1)
            variance = (p * (z - mean[:, np.newaxis]) ** 2).sum(axis=1)
            slope = float(np.average(mean, weights=w) - mean_true)
            return slope, float(np.average(variance, weights=w))

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


def fit_link_temperature(link: str, logits: Array, y: Array, sample_weight: Any = None) -> float:
    """Return the temperature of logits (m, n), each of which is a separate problem of two classes for "sigmoid"."""
    if link == "sigmoid":
        n_outputs = logits.shape[1]
        logits, y = logits.reshape(-1, 1), y.reshape(-1)
        sample_weight = None if sample_weight is None else np.repeat(sample_weight, n_outputs)
    return fit_temperature(logits, y, sample_weight)


def _shares(y: Any, shape: tuple[int, ...]) -> Array:
    """Return `y` as the probability of each class per row (m, n)."""
    given = arrays.real(arrays.targets(y), "y")
    arrays.check_rows(given, range(shape[0]), "y", "logits")
    if given.ndim == 2:
        if given.shape != shape:
            raise ValueError(f"y has shape {given.shape}; logits has {shape}.")
        arrays.check_shares(given, sum_to_one=True)
        return given
    if shape[1] == 2 and given.dtype.kind == "f":  # probabilities of the second class
        arrays.check_shares(given[:, np.newaxis], sum_to_one=False)
        return np.column_stack([1 - given, given])
    classes = np.arange(shape[1])
    hot: Array = class_labels.indices(given, classes)[:, np.newaxis] == classes
    return hot
