"""Sums of products and functions of arrays whose bits do not depend on the processor or on the version of a BLAS.

The order of additions in a BLAS depends on the processor and on the version of the library, and NumPy computes
exponentials and logarithms by other formulas on processors with wider registers. Products and activations are
therefore computed by the compiled core. Sums of rows are computed by NumPy, from products that are rounded first:
the order of such a sum depends only on the shape of the array.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def dot(a: Array, b: Array) -> float:
    """Return the inner product of float arrays (n,) of one dtype; overflow gives infinity or NaN, not a warning."""
    from cnn_core import functions  # imported here to keep `import compiled_nn` fast

    return functions.dot(a, b)


def norm(a: Array) -> float:
    """Return the Euclidean norm of a real array of any shape and dtype, computed in float64."""
    wide = a.astype(np.float64).ravel()
    return math.sqrt(dot(wide, wide))


def weighted_sums(w: Array, columns: Array) -> Array:
    """Return the sums (n,) of the columns (m, n), with each row multiplied by its weight in w (m,)."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sums: Array = np.ascontiguousarray(w[:, np.newaxis] * columns).sum(axis=0)
    return sums


def matmul(A: Array, B: Array) -> Array:
    """Return the product (m, n) of A (m, k) and B (k, n), computed in float64."""
    from cnn_core import functions

    return functions.matmul(A.astype(np.float64), B.astype(np.float64))


def activate(name: str, Z: Array) -> Array:
    """Return the activation `name` of an array of float32 or float64, computed by the core."""
    from cnn_core import functions

    return functions.activate(name, Z)


def log(a: Array) -> Array:
    """Return the natural logarithm of positive numbers, computed by the C library and rounded to their dtype."""
    return np.fromiter(map(math.log, a.ravel().tolist()), a.dtype, a.size).reshape(a.shape)
