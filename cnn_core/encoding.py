"""Piecewise-linear encoding of columns in NumPy, as in `gather` of the core: the rows that the first layer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_core.clipping import clip
from cnn_core.sparse import SparseRows

if TYPE_CHECKING:
    from cnn_core.layers import Layers


def first_inputs(layers: Layers, X: NDArray[Any], scale: float) -> NDArray[np.float64]:
    """Return the rows as the first layer takes them, in float64: scaled or standardised, clipped and encoded."""
    z = X.astype(np.float64)
    if layers.statistics is None:
        z *= scale
    else:
        mean, deviation = layers.statistics
        z = (z - mean) / deviation
    if layers.encoding is None:
        return clip(z, layers.clipped)
    columns, bins, lower, factor, low, high = layers.encoding
    positions = (z[:, np.repeat(columns, bins)] - lower) * factor
    return np.concatenate([clip(z, layers.clipped), np.clip(positions, low, high)], axis=1)


def factors_of_bins(encoding: tuple[NDArray[Any], ...], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the factors of the derivatives of all inputs of the first layer: of the columns, then of the bins."""
    columns, bins, _, factor, _, _ = encoding
    return np.concatenate([factors, factors[np.repeat(columns, bins)] * factor])


def add_bins(
    layers: Layers,
    X: NDArray[Any] | SparseRows,
    rows: slice,
    scale: float,
    gradient: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write derivatives with respect to the columns: those of the first layer's inputs, summed over the bins of each.

    Parameters
    ----------
    layers : Layers
        Layers that encode.
    X : ndarray or SparseRows (m, columns)
        Rows of the caller, of which `rows` are used.
    scale : float
        Factor of X, unless it is standardised.
    gradient : ndarray (n, inputs)
        Derivatives with respect to the inputs of the first layer; those of bins as if no bin were at its end. It is
        overwritten.
    out : ndarray (n, columns)
        Array to write to.
    """
    assert layers.encoding is not None
    columns, bins, lower, factor, low, high = layers.encoding
    x = X[rows] if isinstance(X, np.ndarray) else X.take(np.arange(rows.start, rows.stop))
    z = x[:, columns].astype(np.float64)
    if layers.statistics is None:
        z *= scale
    else:
        mean, deviation = layers.statistics
        z = (z - mean[columns]) * np.reciprocal(deviation[columns])
    k = out.shape[1]
    positions = (np.repeat(z.astype(layers.dtype), bins, axis=1) - lower) * factor
    gradient[:, k:] *= (positions > low) & (positions < high)
    out[...] = gradient[:, :k]
    out[:, columns] += np.add.reduceat(gradient[:, k:], np.cumsum(bins) - bins, axis=1)
