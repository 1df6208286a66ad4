"""Standardisation inside the network: mean and standard deviation of each column, and their way into the first layer.

(a) In training the core standardises rows while it gathers them (`Layers.standardize`): no copy of X is ever made.
(b) In prediction the first layer does it at no cost: (x - mean) / s W + b = x (W / s) + (b - mean / s W).
(c) The sum of (b) cancels where a mean is far from zero in units of s. Beyond `_FARTHEST` of that, the rows are
    standardised as in training, which costs a pass over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from cnn_core.layers import Layers

from .arrays import Array

_BLOCK = 1 << 17  # numbers looked at together: as float64 they stay in the level-2 cache
_WIDTH = 512  # columns of them at most
_FARTHEST = 1e-4  # over the precision of the dtype: the rounding that a folded first layer may add to x


class Statistics(NamedTuple):
    """Of the columns of X: means (k,) and standard deviations (k,), 1 where a column is constant; float64."""

    mean: Array
    scale: Array


def measure(X: Array, of_rows: Array | None = None) -> Statistics:
    """Return the statistics of a finite X (m, k), or of some of its rows (indices), in one pass over it.

    Blocks are joined by the formula of Chan, Golub and LeVeque (1979), in float64 whatever the dtype of X. A column
    is constant when its smallest number is its largest.

    Raises
    ------
    ValueError
        When the deviation of a column, or its reciprocal, is beyond the range of float64.
    """
    k = X.shape[1]
    m = len(X) if of_rows is None else len(of_rows)
    mean, squares = np.zeros(k), np.zeros(k)
    smallest, largest = np.full(k, np.inf), np.full(k, -np.inf)
    with np.errstate(
        over="ignore", invalid="ignore", under="ignore", divide="ignore"
    ):  # judged by what comes out
        for rows, columns in _blocks(X, m):
            taken = rows if of_rows is None else of_rows[rows]
            block = X[taken, columns].astype(np.float64, order="C")
            np.minimum(smallest[columns], block.min(axis=0), out=smallest[columns])
            np.maximum(largest[columns], block.max(axis=0), out=largest[columns])
            here = block.mean(axis=0)
            block -= here
            shift, share = here - mean[columns], len(block) / (rows.start + len(block))
            squares[columns] += np.einsum("mk,mk->k", block, block) + shift**2 * (rows.start * share)
            mean[columns] += shift * share
        scale = np.sqrt(squares / m)
        constant = smallest == largest
        mean[constant], scale[constant] = smallest[constant], 1
        usable = np.isfinite(mean) & np.isfinite(scale) & np.isfinite(1 / scale)
    if not usable.all():
        column = int(np.argmin(usable))
        raise ValueError(
            f"Column {column} of X has the standard deviation {scale[column]:g}: it cannot be standardised."
        )
    return Statistics(mean, scale)


def _blocks(X: Array, m: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns to look at together: cut alike for every layout of X, so that the bits are those of the numbers
    alone, and taken in the order in which they lie in memory."""
    k = X.shape[1]
    height = max(1, _BLOCK // min(k, _WIDTH))
    rows = [slice(start, min(start + height, m)) for start in range(0, m, height)]
    columns = [slice(start, min(start + _WIDTH, k)) for start in range(0, k, _WIDTH)]
    if abs(X.strides[1]) <= abs(X.strides[0]):
        return product(rows, columns)
    return ((among_rows, among_columns) for among_columns, among_rows in product(columns, rows))


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
