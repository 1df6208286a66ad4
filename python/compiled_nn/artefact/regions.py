"""Intervals and sets of classes of a predictor, from the margin that follows from its conformal scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .predictor import Predictor


def interval(predictor: Predictor, X: Any, margin: Array) -> tuple[Array, Array]:
    """Return the bounds of intervals; documented in :meth:`compiled_nn.Network.predict_interval`.

    `margin` is the distance of the bounds from the prediction, in the unit of ``Predictor.bounds``.
    """
    low, high, unit = predictor.bounds(X)
    with np.errstate(over="ignore", under="ignore"):  # beyond the range of the dtype, a bound is infinite
        bounds = (low - margin * unit, high + margin * unit)
        dtype = predictor.outputs.dtype or predictor.inputs.dtype
        lower, upper = (bound.astype(dtype) for bound in bounds)
    return (lower[:, 0], upper[:, 0]) if lower.shape[1] == 1 else (lower, upper)


def class_set(probabilities: Array, margin: Array) -> Array:
    """Return whether each class is in the set of a row (m, n_classes), from its probabilities."""
    in_set: Array = 1 - probabilities.astype(np.float64, copy=False) <= margin
    return in_set
