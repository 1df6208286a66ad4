"""Calls of the user's Python functions: activations, and custom losses, whose errors are kept since the core cannot
raise."""

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
    stack : Stack
        Stack that computes z.

    Attributes
    ----------
    order : ndarray of int64, or None
        Row at each position of the pass.
    error : BaseException or None
        Exception that the function raised, or that its results caused.
    """

    def __init__(
        self,
        function: Callable[[Array, Array], Any],
        y: Array,
        weights: Array | None,
        dtype: np.dtype[Any],
        stack: Any,
    ) -> None:
        self.function, self.y, self.weights, self.dtype, self.stack = function, y, weights, dtype, stack
        self.order: Array | None = None
        self.error: BaseException | None = None

    def evaluate(self, z: Array, gradient: Array | None, losses: Array, first: int, weight: float) -> bool:
        """Fill losses (m,) and, unless it is None, gradient (m, ld), padded with zeros.

        The rows are those from position `first` on. Returns False if the function failed.
        """
        try:
            places = slice(first, first + len(z))
            rows = places if self.order is None else self.order[places]
            value, dz = self._checked(self.function(self.y[rows].copy(), z.copy()), z.shape)
            of_rows = np.ones(len(z)) if self.weights is None else self.weights[rows]
            losses[:] = value * of_rows
            if gradient is not None:
                gradient[:, : z.shape[1]] = dz * (weight * of_rows[:, np.newaxis]).astype(self.dtype)
                gradient[:, z.shape[1] :] = 0
        except BaseException as error:
            self.error = error
        return self.error is None

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
