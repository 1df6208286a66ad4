"""Numbers of low precision: int8 weights with the ranges of their inputs, and rounding to bfloat16; in Python.

An input x of a layer becomes x_q = clamp(round(x factor + shift), 0, 255), so that x is about (x_q - shift) / factor. W
is divided by the factors, and each column of it has its own scale: w_q = round(W / (factor scale)), from -127 to 127.
Then x W + b is about scale (x_q w_q) + b - scale (shift w_q), where x_q w_q is an exact sum of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PRECISIONS = ("float32", "bfloat16")
MOST_INPUTS = 65_000  # of a layer with int8 weights: 65,000 * 255 * 127 is below 2**31
_LEVELS = 255
_LARGEST = 127
_NARROW = 1e-5  # of the size of the numbers: shift has an error of half a level of a narrower range


def check_precision(precision: object, dtype: np.dtype[Any]) -> str:
    """Return the name of a precision in which layers of a dtype can compute.

    Raises
    ------
    ValueError
        If the name is unknown, or the dtype is not float32.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(map(repr, PRECISIONS))}")
    if precision != "float32" and dtype != np.float32:
        raise ValueError(f"precision is {precision!r}, but dtype {dtype}; low precision needs dtype float32")
    return str(precision)


def read_ranges(
    low: Sequence[Any], high: Sequence[Any], sizes: Sequence[int], dtype: np.dtype[Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the arguments of `Layers.quantize` as tuples of read-only float32 arrays (k,), or None.

    Raises
    ------
    ValueError
        If they do not describe the inputs of the layers, or a layer has too many of them.
    """
    depth = len(sizes) - 1
    low, high = tuple(low), tuple(high)
    if dtype != np.float32:
        raise ValueError(f"the dtype is {dtype}; low precision needs float32")
    if len(low) != depth or len(high) != depth:
        raise ValueError(f"low has {len(low)} entries and high {len(high)}; there are {depth} layers")
    ends: list[tuple[Any, Any]] = []
    for i, (smallest, largest) in enumerate(zip(low, high, strict=True)):
        if (smallest is None) != (largest is None):
            raise ValueError(f"layer {i} has one end of its range; give both, or None for both")
        if smallest is None:
            ends.append((None, None))
            continue
        if sizes[i] > MOST_INPUTS:
            raise ValueError(
                f"layer {i} has {sizes[i]} inputs; int8 allows at most {MOST_INPUTS}: keep its float32 weights with"
                " None in low and high"
            )
        ends.append((_read_end("low", i, smallest, sizes[i]), _read_end("high", i, largest, sizes[i])))
        if (ends[i][0] > ends[i][1]).any():
            raise ValueError(f"low is above high for an input of layer {i}")
    if all(end is None for end, _ in ends):
        raise ValueError("low and high are None for all layers: give the range of the inputs of at least one")
    return tuple(end for end, _ in ends), tuple(end for _, end in ends)


def _read_end(name: str, i: int, value: ArrayLike, k: int) -> NDArray[np.float32]:
    numbers = np.array(value, np.float32)
    if numbers.shape not in ((), (k,)):
        raise ValueError(
            f"{name} has shape {numbers.shape} for layer {i}; it must be a number or have shape ({k},)"
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} has a number that is not finite for layer {i}")
    numbers = np.full(k, numbers, np.float32)
    numbers.setflags(write=False)
    return numbers


def quantized(
    weight: NDArray[Any], bias: NDArray[Any] | None, low: NDArray[Any], high: NDArray[Any], by_column: bool
) -> tuple[
    NDArray[np.int8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]
]:
    """Return w_q (k, n), scale (n,), bias (n,), factor and shift (k,), or (1,), of a layer.

    An input whose range is one number counts as this number: its factor is 0, and its part of the sum is in the bias.
    For the number of each range that is nearest to 0, the bias corrects the rounding of W. For columns far from 0, such
    as years, this is most of the error.

    Parameters
    ----------
    weight, bias : ndarray (k, n), ndarray (n,) or None
        Parameters of the layer.
    low, high : ndarray (k,)
        Range of each input.
    by_column : bool
        Whether each input has its own factor and shift. False: all have those of the range of all inputs.

    Raises
    ------
    ValueError
        If a weight is not finite.
    """
    W, low, high = weight.astype(np.float64), low.astype(np.float64), high.astype(np.float64)
    if not np.isfinite(W).all():
        raise ValueError("a weight is not finite: int8 weights need finite numbers")
    if not by_column:
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    factor, step = _factors(low, high)
    shift = np.where(factor > 0, -low * factor, 0.0).astype(np.float32)
    scaled = W * step[:, np.newaxis]
    scale = (np.abs(scaled).max(axis=0) / _LARGEST).astype(np.float32)
    rounded_weight = np.rint(scaled / np.where(scale > 0, scale, 1.0)).clip(-_LARGEST, _LARGEST)
    shifted = (shift.astype(np.float64)[:, np.newaxis] * rounded_weight).sum(axis=0)
    lost = W - rounded_weight * (scale * factor.astype(np.float64)[:, np.newaxis])
    nearest = np.clip(0.0, low, high)
    total = (nearest[:, np.newaxis] * lost).sum(axis=0) - scale * shifted
    if bias is not None:
        total = total + bias
    return rounded_weight.astype(np.int8), scale, total.astype(np.float32), factor, shift


def _factors(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the factors, and 1 / factor; both are 0 for a range that is one number, or too narrow for float32."""
    width = high - low
    varies = width > np.maximum(np.abs(low), np.abs(high)) * _NARROW
    with np.errstate(over="ignore"):
        factor = (_LEVELS / np.where(varies, width, 1.0)).astype(np.float32)
    factor = np.where(varies & np.isfinite(factor), factor, np.float32(0))
    return factor, np.where(factor > 0, 1 / np.where(factor > 0, factor, 1).astype(np.float64), 0.0)


def rounded(x: NDArray[Any]) -> NDArray[np.float32]:
    """Return finite numbers rounded to bfloat16, to nearest and ties to even, in float32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    small = (bits & 0x7F800000) == 0  # subnormal numbers become 0
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(small, bits & np.uint32(0x80000000), bits).astype(np.uint32).view(np.float32)
