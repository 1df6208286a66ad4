"""A loss written in Python, for one batch after another; its errors are kept, since the core cannot raise."""

import numpy as np


class Custom:
    """What a pass asks for the loss of a batch.

    Parameters
    ----------
    function : callable
        function(y (m, c), z (m, n)) -> (loss (m,), dz (m, n)): of each row, not averaged. Both arguments are its own.
    y : ndarray (rows, c)
    weights : ndarray (rows,) of float64, or None
    dtype : dtype
        Of z.

    Attributes
    ----------
    order : ndarray of int64, or None
        Which rows the places of a pass are.
    error : BaseException or None
        What the function raised, or what was wrong with its results.
    """

    def __init__(self, function, y, weights, dtype):
        self.function, self.y, self.weights, self.dtype = function, y, weights, dtype
        self.order = self.error = None

    def take(self, z, gradient, losses, first, weight):
        """Fill losses (m,) and, unless it is None, gradient (m, ld), its padding with zeros, for the rows from place
        `first` on; tell whether that went well."""
        try:
            rows = slice(first, first + len(z)) if self.order is None else self.order[first : first + len(z)]
            value, dz = self._checked(self.function(self.y[rows].copy(), z.copy()), z.shape)
            scale = weight if self.weights is None else weight * self.weights[rows, np.newaxis]
            losses[:] = value if self.weights is None else value * self.weights[rows]
            if gradient is not None:
                gradient[:, : z.shape[1]] = dz * np.asarray(scale, self.dtype)
                gradient[:, z.shape[1] :] = 0
        except BaseException as error:
            self.error = error
        return self.error is None

    def _checked(self, result, shape):
        try:
            value, dz = result
            value, dz = np.asarray(value, np.float64), np.asarray(dz, self.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a custom loss returns a pair of arrays (loss, dz); got {type(result).__name__}"
            ) from error
        if value.shape != shape[:1] or dz.shape != shape:
            raise ValueError(
                f"a custom loss returned a loss of shape {value.shape} and a dz of shape {dz.shape}; for these rows"
                f" they must be {shape[:1]} and {shape}"
            )
        return value, dz
