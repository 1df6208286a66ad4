"""Orientation of the samples: functions compute on rows (samples, features), and transpose arguments and results.

A matrix (features, samples) is the transpose of rows. A transpose is a view, so that nothing is copied, and both
orientations run the same kernels on the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.errors import count
from ..data import arrays
from ..data.arrays import Array
from ..spec.configuration import DTYPES

_REALS = frozenset(map(np.dtype, DTYPES))


def orient(a: Array, samples_first: bool) -> Array:
    """Return `a`, transposed unless `samples_first`: from the caller's orientation to rows, or from rows to it."""
    return a if samples_first else a.T


def as_reals(a: Any, name: str, dtype: Any = np.float64) -> Array:
    """Return `a` unchanged if it is float32 or float64, and other real numbers as `dtype`."""
    array = np.asarray(a)
    if array.dtype in _REALS:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers.")
    return array.astype(dtype)


def as_rows(a: Any, name: str, samples_first: bool, dtype: Any = np.float64) -> Array:
    """Return a matrix of samples as rows (m, k): a view of `a` if it is float32 or float64."""
    array = as_reals(a, name, dtype)
    if array.ndim != 2:
        form = "(samples, features)" if samples_first else "(features, samples)"
        raise ValueError(f"{name} has shape {array.shape}; expected {form}.")
    return orient(array, samples_first)


def outputs_as_rows(A: Any, name: str, samples_first: bool) -> Array:
    """Return outputs as rows (m, n); (m,) is one output per sample."""
    array = as_reals(A, name)
    return array.reshape(-1, 1) if array.ndim == 1 else as_rows(array, name, samples_first)


def targets_as_rows(Y: Any, like: Array, samples_first: bool) -> Array:
    """Return the targets Y as rows (m, n), in shape and dtype of the outputs `like` (m, n).

    For one output Y is (m,), (1, m) or (m, 1) in both orientations; for several it has the shape of the outputs.
    """
    m, n = like.shape
    array = np.asarray(Y)
    shape = (m, n) if samples_first else (n, m)
    allowed = [(m,), (1, m), (m, 1)] if n == 1 else [shape]
    if array.shape not in allowed:
        shapes = " or ".join(map(str, allowed))
        raise ValueError(
            f"Y has shape {array.shape}; expected {shapes} for {count(m, 'sample')} and {count(n, 'output')}."
        )
    rows = array.reshape(m, 1) if n == 1 else orient(array, samples_first)
    return arrays.values(rows, n_outputs=n, dtype=like.dtype.name)


def check_tuple(value: Any, size: int, name: str, form: str) -> None:
    """Raise TypeError if a cache is not a tuple of this size, described by `form`."""
    if not isinstance(value, (tuple, list)) or len(value) != size:
        raise TypeError(f"{name} must be a tuple {form}. Got {type(value).__name__} instead.")


def check_caches(caches: Any) -> None:
    """Raise TypeError if `caches` is not a list as returned by ``L_model_forward``."""
    if not isinstance(caches, (list, tuple)) or not caches:
        raise TypeError(f"caches must be the list that L_model_forward returns. Got {caches!r} instead.")
    for i, cache in enumerate(caches):
        check_tuple(cache, 2, f"caches[{i}]", "(linear_cache, Z)")
