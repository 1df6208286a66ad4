"""Standardisation inside the network: mean and standard deviation of each column, and their way into the first layer.

(a) In training the core standardises rows while it gathers them (`Layers.standardize`): no copy of X is ever made.
(b) In prediction the first layer does it at no cost: (x - mean) / s W + b = x (W / s) + (b - mean / s W).
(c) The sum of (b) cancels where a mean is far from zero in units of s. Beyond `_FARTHEST` of that, the rows are
    standardised as in training, which costs a pass over them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cnn_core.layers import Layers

from .arrays import Array

_BLOCK = 1 << 17  # numbers looked at together: as float64 they stay in the level-2 cache
_FARTHEST = 1e-4  # over the precision of the dtype: the rounding that a folded first layer may add to x


class Statistics(NamedTuple):
    """Of the columns of X: means (k,) and standard deviations (k,), 1 where a column is constant; float64."""

    mean: Array
    scale: Array


def measure(X: Array) -> Statistics:
    """Return the statistics of a finite X (m, k) in one pass over it.

    Blocks are joined by the formula of Chan, Golub and LeVeque (1979), in float64 whatever the dtype of X. A column
    is constant when its smallest number is its largest.

    Raises
    ------
    ValueError
        When the deviation of a column, or its reciprocal, is beyond the range of float64.
    """
    m, k = X.shape
    statistics = Statistics(np.empty(k), np.empty(k))
    by_rows = abs(X.strides[1]) <= abs(X.strides[0])
    width = k if by_rows else max(1, _BLOCK // m)
    for first in range(0, k, width):
        columns = slice(first, first + width)
        statistics.mean[columns], statistics.scale[columns] = _measure_columns(X[:, columns])
    with np.errstate(divide="ignore", over="ignore"):
        usable = (
            np.isfinite(statistics.mean) & np.isfinite(statistics.scale) & np.isfinite(1 / statistics.scale)
        )
    if not usable.all():
        column = int(np.argmin(usable))
        raise ValueError(
            f"Column {column} of X has the standard deviation {statistics.scale[column]:g}: it cannot be standardised."
        )
    return statistics


def _measure_columns(X: Array) -> tuple[Array, Array]:
    m, k = X.shape
    rows = max(1, _BLOCK // k)
    mean, squares = np.zeros(k), np.zeros(k)
    smallest, largest = np.full(k, np.inf), np.full(k, -np.inf)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # judged by what comes out
        for start in range(0, m, rows):
            block = X[start : start + rows].astype(np.float64)
            np.minimum(smallest, block.min(axis=0), out=smallest)
            np.maximum(largest, block.max(axis=0), out=largest)
            here = block.mean(axis=0)
            block -= here
            share = len(block) / (start + len(block))
            shift = here - mean
            squares += np.einsum("mk,mk->k", block, block) + shift**2 * (start * share)
            mean += shift * share
        scale = np.sqrt(squares / m)
    constant = smallest == largest
    mean[constant], scale[constant] = smallest[constant], 1
    return mean, scale


def folded(layers: Layers) -> Layers:
    """Return layers that predict from X as it comes what `layers` predict from standardised rows.

    `layers` themselves where they do not standardise, or where folding would lose digits.
    """
    if layers.statistics is None:
        return layers
    mean, scale = layers.statistics
    if (abs(mean) * np.finfo(layers.dtype).eps > _FARTHEST * scale).any():
        return layers
    plain = Layers(layers.sizes, layers.activations, (True, *layers.biases[1:]), layers.dtype)
    for (W, b), (new_W, new_b) in zip(layers.views(), plain.views(), strict=True):
        new_W[...] = W
        if b is not None and new_b is not None:
            new_b[...] = b
    W, b = plain.views()[0]
    with np.errstate(over="ignore", under="ignore"):
        W[...] = W / scale[:, np.newaxis]
    if b is not None:
        # With W as it was rounded: its errors then meet x - mean, not x.
        b[...] = b - np.einsum("k,kn->n", mean, W.astype(np.float64))
    return plain if np.isfinite(plain.parameters).all() else layers
