"""Checks of the arguments of `Layers`, in Python: their time does not matter."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


def check_arguments(
    sizes: Iterable[int],
    activations: Iterable[Any] | None,
    biases: Iterable[object] | None,
    dtype: DTypeLike,
    norms: Iterable[str | None] | None,
    residuals: Iterable[object] | None,
) -> tuple[tuple[Any, ...] | np.dtype[Any], ...]:
    """Return the arguments of `Layers` as it keeps them: tuples with one entry for each layer, and a dtype.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As described in `Layers`; names are not checked here.
    """
    if activations is None:
        raise TypeError("activations is None; it must hold the activation of each layer")
    sizes, activations = tuple(map(operator.index, sizes)), tuple(activations)
    depth = len(sizes) - 1
    if depth < 1 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}; it must hold two sizes or more, all at least 1")
    biases = (True,) * depth if biases is None else tuple(map(bool, biases))
    norms = (None,) * depth if norms is None else tuple(norms)
    residuals = (False,) * depth if residuals is None else tuple(map(bool, residuals))
    if len(activations) != depth or len(biases) != depth:
        raise ValueError(f"{depth} layers, but {len(activations)} activations and {len(biases)} biases")
    if len(norms) != depth or len(residuals) != depth:
        raise ValueError(f"{depth} layers, but {len(norms)} norms and {len(residuals)} residuals")
    if norms[-1] is not None or residuals[-1]:
        raise ValueError("the last layer is neither normalised nor residual")
    for i, (k, n) in enumerate(pairwise(sizes)):
        if residuals[i] and (i == 0 or k != n):
            raise ValueError(
                f"layer {i} has {k} inputs and {n} units; a residual layer is not the first, and has as many units as"
                " inputs"
            )
    if "softmax" in activations[:-1]:
        raise ValueError("softmax is for the last layer only")
    dtype = np.dtype(dtype)
    if dtype not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f"dtype is {dtype}; it must be float32 or float64")
    if sum((k + 64) * (n + 64) for k, n in pairwise(sizes)) * 16 >= 2**63:
        raise OverflowError(f"a network of sizes {sizes} does not fit the address space")
    return sizes, activations, biases, dtype, norms, residuals


def read_scaling(mean: ArrayLike, deviation: ArrayLike, k: int) -> tuple[NDArray[np.float64], ...]:
    """Return means, deviations (k,), both read-only copies, and the factors 1 / deviation.

    Raises
    ------
    ValueError
        If they have another shape, or a number is not finite or a deviation not above zero.
    """
    means, deviations = np.array(mean, np.float64), np.array(deviation, np.float64)
    if means.shape != (k,) or deviations.shape != (k,):
        raise ValueError(
            f"mean has shape {means.shape}, deviation {deviations.shape}; the first layer takes {(k,)}"
        )
    with np.errstate(divide="ignore", over="ignore"):
        factors = np.reciprocal(deviations)
    if not np.isfinite([means, deviations, factors]).all() or deviations.min() <= 0:
        raise ValueError(
            "mean and deviation must be finite; the deviations, and their reciprocals, above zero"
        )
    means.setflags(write=False)
    deviations.setflags(write=False)
    return means, deviations, factors


def read_encoding(
    columns: ArrayLike, bins: ArrayLike, numbers: Sequence[ArrayLike], inputs: int, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], ...]:
    """Return the arguments of `Layers.encode` as read-only copies: int64, then numbers of `dtype`.

    Raises
    ------
    ValueError
        If they do not describe columns that, with their bins, are the inputs of the first layer.
    """
    chosen, counts = np.array(columns, np.int64), np.array(bins, np.int64)
    with np.errstate(over="ignore", under="ignore"):
        lower, factor, low, high = parts = tuple(np.array(part, np.float64).astype(dtype) for part in numbers)
    if chosen.ndim != 1 or counts.shape != chosen.shape or len(chosen) == 0 or counts.min() < 1:
        raise ValueError(f"columns is {chosen}, bins {counts}; each encoded column has at least 1 bin")
    n = int(counts.sum())
    if any(part.shape != (n,) for part in parts):
        raise ValueError(f"there are {n} bins, and {', '.join(str(part.shape) for part in parts)} numbers")
    if not np.isfinite(parts).all() or factor.min() <= 0:
        raise ValueError(f"the numbers of bins must be finite in {dtype}, and the factors above zero")
    if (low > high).any():
        raise ValueError("low is above high for a bin")
    if n >= inputs or chosen[0] < 0 or (np.diff(chosen) < 1).any() or chosen[-1] >= inputs - n:
        raise ValueError(
            f"columns is {chosen}: the first layer takes {inputs} inputs, of which {n} are bins, so that X has"
            f" {inputs - n} columns; indices must be increasing"
        )
    for array in (chosen, counts, *parts):
        array.setflags(write=False)
    return chosen, counts, lower, factor, low, high
