"""What predicts: a copy of the trained layers into which everything linear around them is folded, at no cost to a row.

(a) Batch normalisation by its running statistics is a factor and a shift of each unit: they go into W and b.
(b) Scaled inputs: (x - mean) / s W + b = x (W / s) + (b - mean / s W). The sum cancels where a mean is far from zero in
    units of s: beyond `_FARTHEST` of that, rows are scaled as in training. So they are where the first layer is
    normalised row by row, since its b comes after that.
(c) Embeddings are linear: x E W = x (E W).
(d) Scaled targets: s (a W + b) + mean = a (W s) + (b s + mean). A temperature T: W / T and b / T.
"""

from __future__ import annotations

import numpy as np

from cnn_core.layers import Layers

from ..common import arithmetic
from ..data.arrays import Array
from ..preprocessing.standardization import Statistics
from ..spec.initializers import Pair

_FARTHEST = 1e-4  # over the precision of the dtype: the rounding that a folded first layer may add to x
_EPSILON = 1e-5  # that of the core's normalisation


def folded(
    layers: Layers, targets: Statistics | None = None, temperature: float = 1.0, *, embedded: bool = False
) -> Layers:
    """Return layers that predict from X as it comes, in units of y, what `layers` predict from scaled rows.

    `layers` themselves where there is nothing to fold; `embedded` says whether the first one are embeddings.
    """
    pairs, norms, gains = layers.views(), list(layers.norms), layers.gains()
    above = 1 if embedded else 0
    for i, statistics in enumerate(layers.running_statistics()):
        gain = gains[i]
        if statistics is not None and gain is not None:
            pairs[i], norms[i] = _normalised(pairs[i], gain, Statistics(*statistics)), None
    if embedded:
        (E, _), (W, b), *others = pairs
        pairs = [(arithmetic.matmul(E, W).astype(W.dtype), b), *others]
        norms, gains = norms[1:], gains[1:]
    inputs = layers.statistics
    if inputs is not None and norms[0] is None:
        first = _scaling(pairs[0], Statistics(*inputs))
        if first is not None:
            pairs[0], inputs = first, None
    if targets is not None:
        pairs[-1] = unscaled(pairs[-1], targets)
    if temperature != 1:
        W, b = pairs[-1]
        pairs[-1] = W / temperature, None if b is None else b / temperature
    rescaled = inputs is not layers.statistics or targets is not None or temperature != 1
    if not (rescaled or embedded or tuple(norms) != layers.norms):
        return layers
    copy = Layers(
        (layers.sizes[0], *layers.sizes[1 + above :]),
        layers.activations[above:],
        [b is not None for _, b in pairs],
        layers.dtype,
        norms=norms,
        residuals=layers.residuals[above:],
    )
    for (W, b), (new_W, new_b) in zip(copy.views(), pairs, strict=True):
        W[...] = new_W
        if b is not None:
            b[...] = new_b
    for mine, gain in zip(copy.gains(), gains, strict=True):
        if mine is not None:
            mine[...] = gain
    if inputs is not None:
        copy.standardize(*inputs)
    return copy


def _normalised(pair: Pair, gain: Array, running: Statistics) -> Pair:
    """Return a layer that does what one does which is batch-normalised by running mean and variance."""
    W, b = pair
    mean, variance = running
    factor = gain.astype(np.float64) / np.sqrt(variance.astype(np.float64) + _EPSILON)
    new_b = (0 if b is None else b) - mean * factor
    return (W * factor).astype(W.dtype), new_b.astype(W.dtype)


def _scaling(pair: Pair, statistics: Statistics) -> Pair | None:
    """Return a first layer that scales its inputs; None where that would lose digits, or all of a number."""
    W, b = pair
    mean, scale = statistics
    if (abs(mean) * np.finfo(W.dtype).eps > _FARTHEST * scale).any():
        return None
    with np.errstate(over="ignore", under="ignore"):
        new_W = (W / scale[:, np.newaxis]).astype(W.dtype)
    # With W as it was rounded: its errors then meet x - mean, not x.
    shift = arithmetic.weighted_sums(mean, new_W)
    with np.errstate(over="ignore"):
        new_b = ((0 if b is None else b) - shift).astype(W.dtype)
    return (new_W, new_b) if np.isfinite(new_W).all() and np.isfinite(new_b).all() else None


def unscaled(pair: Pair, targets: Statistics) -> Pair:
    """Return a last layer (W, b) in units of y."""
    W, b = pair
    with np.errstate(over="ignore", under="ignore"):
        new_W = (W * targets.scale).astype(W.dtype)
        new_b = ((0 if b is None else b) * targets.scale + targets.mean).astype(W.dtype)
    return new_W, new_b
