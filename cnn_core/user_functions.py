"""Calls of the user's Python functions: activations and custom losses, whose results are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def call_function(function: Callable[[Array], object], Z: Array) -> Array:
    """Return function(Z), checked to have the shape and dtype of Z."""
    made = function(Z)
    if not isinstance(made, np.ndarray) or made.shape != Z.shape or made.dtype != Z.dtype:
        what = (
            f"shape {made.shape} and dtype {made.dtype}"
            if isinstance(made, np.ndarray)
            else type(made).__name__
        )
        raise ValueError(
            f"{getattr(function, '__name__', function)} was called with an array of shape {Z.shape} and dtype"
            f" {Z.dtype}; it returned {what}"
        )
    return made


class CustomLoss:
    """Custom loss of the batches of a pass.

    Parameters
    ----------
    function : callable
        function(y (m, c), z (m, n)) -> (loss (m,), dz (m, n)) for each row, not averaged. Both arguments are copies.
    y : ndarray (rows, c)
    weights : ndarray (rows,) of float64, or None
    dtype : dtype
        Type of z.

    Attributes
    ----------
    order : ndarray of int64, or None
        Row at each position of the pass.
    """

    def __init__(
        self,
        function: Callable[[Array, Array], Any],
        y: Array,
        weights: Array | None,
        dtype: np.dtype[Any],
    ) -> None:
        self.function, self.y, self.weights, self.dtype = function, y, weights, dtype
        self.order: Array | None = None

    def evaluate(
        self, z: Array, with_gradient: bool, first: int, weight: float
    ) -> tuple[Array, Array | None]:
        """Return losses (m,), and the gradient (m, n) if it is wanted, of the rows from position `first` on."""
        places = slice(first, first + len(z))
        rows = places if self.order is None else self.order[places]
        value, dz = self._checked(self.function(self.y[rows].copy(), z), z.shape)
        of_rows = np.ones(len(z)) if self.weights is None else self.weights[rows]
        factors = (weight * of_rows[:, np.newaxis]).astype(self.dtype)
        return value * of_rows, dz * factors if with_gradient else None

    def _checked(self, result: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
        try:
            value, dz = result
            unreal = [a.dtype for a in map(np.asarray, result) if a.dtype.kind not in "biufO"]
            if unreal:
                raise TypeError(f"it must hold real numbers, not {unreal[0]}")
            value, dz = np.asarray(value, np.float64), np.asarray(dz, self.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a custom loss returns a pair of arrays (loss, dz); got {type(result).__name__}: {error}"
            ) from error
        if value.shape != shape[:1] or dz.shape != shape:
            raise ValueError(
                f"a custom loss returned a loss of shape {value.shape} and a dz of shape {dz.shape}; for these rows"
                f" they must be {shape[:1]} and {shape}"
            )
        return value, dz
