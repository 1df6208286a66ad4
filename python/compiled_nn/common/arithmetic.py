"""Sums of products and functions of arrays, with bits that follow neither from a BLAS nor from NumPy's choice of loops.

A BLAS adds in an order of its own, which depends on the processor and on its version, and NumPy takes exponentials and
logarithms by other formulas where it finds wider registers. Products and activations are therefore those of the
compiled core. A sum of rows is NumPy's, of products that were rounded before: its order follows from the shape of an
array alone.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def dot(a: Array, b: Array) -> float:
    """Return the inner product of arrays (n,) of float64; it may be infinite or NaN, without a warning."""
    from cnn_core import functions  # imported here to keep `import compiled_nn` fast

    return functions.dot(a, b)


def norm(a: Array) -> float:
    """Return the Euclidean norm of an array of any shape and type of real, taken in float64."""
    wide = a.astype(np.float64).ravel()
    return math.sqrt(dot(wide, wide))


def weighted_sums(w: Array, columns: Array) -> Array:
    """Return the sums (n,) of the columns (m, n), each row multiplied by its weight in w (m,)."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sums: Array = np.ascontiguousarray(w[:, np.newaxis] * columns).sum(axis=0)
    return sums


def matmul(A: Array, B: Array) -> Array:
    """Return the product (m, n) of A (m, k) and B (k, n) in float64."""
    from cnn_core import functions

    return functions.matmul(A.astype(np.float64), B.astype(np.float64))


def activate(name: str, Z: Array) -> Array:
    """Return an activation of an array of float32 or float64, as the core computes it."""
    from cnn_core import functions

    return functions.activate(name, Z)


def log(a: Array) -> Array:
    """Return the natural logarithm of positive numbers, by the C library, rounded to their dtype."""
    return np.fromiter(map(math.log, a.ravel().tolist()), a.dtype, a.size).reshape(a.shape)
