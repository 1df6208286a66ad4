"""Which way samples lie: every function computes on rows of samples and turns what comes in and goes out.

A matrix (features, samples) is the transpose of one of rows, and a transpose is a view: nothing is copied, and both
orientations run the same kernels on the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import arrays
from ..data.arrays import Array
from ..spec.configuration import DTYPES

_REALS = frozenset(map(np.dtype, DTYPES))


def turned(a: Array, samples_first: bool) -> Array:
    """Return `a` as rows of samples, or rows of samples as the caller has them: the same thing."""
    return a if samples_first else a.T


def reals(a: Any, name: str, dtype: Any = np.float64) -> Array:
    """Return `a` itself when it is float32 or float64; other real numbers as `dtype`."""
    array = np.asarray(a)
    if array.dtype in _REALS:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} is of dtype {array.dtype}; expected real numbers.")
    return array.astype(dtype)


def matrix(a: Any, name: str, samples_first: bool, dtype: Any = np.float64) -> Array:
    """Return a matrix of samples as rows (m, k), a view of `a` when that is float32 or float64."""
    array = reals(a, name, dtype)
    if array.ndim != 2:
        form = "(samples, features)" if samples_first else "(features, samples)"
        raise ValueError(f"{name} has shape {array.shape}; expected {form}.")
    return turned(array, samples_first)


def outputs(A: Any, name: str, samples_first: bool) -> Array:
    """Return outputs as rows (m, n); (m,) is one output a sample."""
    array = reals(A, name)
    return array.reshape(-1, 1) if array.ndim == 1 else matrix(array, name, samples_first)


def targets(Y: Any, like: Array, samples_first: bool) -> Array:
    """Return the targets Y of outputs `like` (m, n) as rows (m, n) of their dtype.

    For one output Y is (m,), (1, m) or (m, 1), whatever the orientation; for more it has the shape of the outputs.
    """
    m, n = like.shape
    array = np.asarray(Y)
    whole = (m, n) if samples_first else (n, m)
    allowed = [(m,), (1, m), (m, 1)] if n == 1 else [whole]
    if array.shape not in allowed:
        forms = " or ".join(map(str, allowed))
        raise ValueError(f"Y has shape {array.shape}; for {m} samples and {n} outputs it is {forms}.")
    rows = array.reshape(m, 1) if n == 1 else turned(array, samples_first)
    return arrays.values(rows, n_outputs=n, dtype=like.dtype.name)
