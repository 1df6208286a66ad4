"""Folding: a copy of the trained layers for prediction, whose weights include the linear operations around them.

Predicting a row then costs no more than without these operations:

(a) Batch normalisation with running statistics is a factor and a shift per unit, which are folded into W and b.
(b) Scaled inputs: (x - mean) / s W + b = x (W / s) + (b - mean / s W). The sum loses digits if a mean is large compared
    with s. Above the limits `_FARTHEST`, rows are scaled as in training instead; also if the first layer is normalised
    over the units of each row, because its b is added after that, and if they are clipped or have bins, which is not
    linear. They are always scaled as in training if the products round their operands to bfloat16, where a year has
    steps of 8; a prediction of many rows then takes 8 to 20 % longer.
(c) Embeddings are linear: x E W = x (E W).
(d) A temperature T: W / T and b / T.
(e) Of the bins of a column, all but one are at an end, and what these add to the first layer is one row of a table:
    `Layers.tabulate`. Products of a narrow precision do not use it.

Scaled targets are not folded, because a sum in the dtype of the network would lose the digits of y if its mean is large
compared with its deviation: the last step of a prediction computes z s + mean in float64, see `units`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnn_core.layers import Layers, MeanOfLayers, Units

from ..common import arithmetic
from ..data.arrays import Array
from ..preprocessing.standardization import Statistics
from ..spec.initializers import Pair

if TYPE_CHECKING:
    from .outputs import Outputs

# Largest rounding error, in units of s, that folding may add to a scaled input, by dtype.
_FARTHEST = {"float32": 1e-4, "float64": 1e-11}
_EPSILON = 1e-5  # epsilon of the normalisation in the core


def folded(
    layers: Layers,
    temperature: float = 1.0,
    *,
    embedded: bool = False,
    own: bool = False,
    with_scaling: bool = True,
) -> Layers:
    """Return layers that predict from unscaled rows.

    Parameters
    ----------
    layers : cnn_core.layers.Layers
        Trained layers, with the statistics by which they scale their inputs, if any.
    temperature : float, default 1.0
        Number by which the logits are divided.
    embedded : bool, default False
        Whether the first layer is an embedding layer.
    own : bool, default False
        Whether the result is a copy in any case, which the caller narrows: see :mod:`compiled_nn.artefact.narrowing`.
    with_scaling : bool, default True
        Whether the scaling of the inputs is folded, where that is possible.

    Returns
    -------
    cnn_core.layers.Layers
        A copy in float32 or float64, or `layers` itself if there is nothing to fold.
    """
    encoded = layers.encoding is not None
    scales = layers.statistics is not None or temperature != 1
    if not (own or scales or embedded or encoded or "batch" in layers.norms):
        return layers
    pairs, norms, gains = layers.views(), list(layers.norms), layers.gains()
    skipped = 1 if embedded else 0  # the embedding layer is merged into the next one
    for i, statistics in enumerate(layers.running_statistics()):
        gain = gains[i]
        if statistics is not None and gain is not None:
            pairs[i], norms[i] = normalised(pairs[i], gain, Statistics(*statistics)), None
    if embedded:
        (E, _), (W, b), *others = pairs
        pairs = [(arithmetic.matmul(E, W).astype(W.dtype), b), *others]
        norms, gains = norms[1:], gains[1:]
    inputs = layers.statistics
    if with_scaling and inputs is not None and norms[0] is None and not layers.clipped and not encoded:
        first = scaled(pairs[0], Statistics(*inputs), _FARTHEST[layers.dtype.name])
        if first is not None:
            pairs[0], inputs = first, None
    if temperature != 1:
        W, b = pairs[-1]
        pairs[-1] = W / temperature, None if b is None else b / temperature
    rescaled = inputs is not layers.statistics or temperature != 1
    if not (own or rescaled or embedded or encoded or tuple(norms) != layers.norms):
        return layers
    copy = Layers(
        (layers.sizes[0], *layers.sizes[1 + skipped :]),
        layers.activations[skipped:],
        [b is not None for _, b in pairs],
        layers.dtype,
        norms=norms,
        residuals=layers.residuals[skipped:],
        units_major=not (own or encoded),
    )
    for (W, b), (new_W, new_b) in zip(copy.views(), pairs, strict=True):
        W[...] = new_W
        if b is not None:
            b[...] = new_b
    for view, gain in zip(copy.gains(), gains, strict=True):
        if view is not None:
            view[...] = gain
    if layers.encoding is not None:
        copy.encode(*layers.encoding)
        if not own:
            copy.tabulate()
    if inputs is not None:
        copy.standardize(*inputs, layers.clipped)
    return copy


def normalised(pair: Pair, gain: Array, running: Statistics) -> Pair:
    """Return (W, b) of a layer that includes batch normalisation by running mean and variance."""
    W, b = pair
    mean, variance = running
    factor = gain.astype(np.float64) / np.sqrt(variance.astype(np.float64) + _EPSILON)
    new_b = (0 if b is None else b) - mean * factor
    return (W * factor).astype(W.dtype), new_b.astype(W.dtype)


def scaled(pair: Pair, statistics: Statistics, largest_error: float) -> Pair | None:
    """Return (W, b) of a first layer that includes the scaling of its inputs.

    None is returned if this would add a rounding error above `largest_error` to a scaled input, or a number of W or b
    would overflow.
    """
    W, b = pair
    mean, scale = statistics
    if (abs(mean) * np.finfo(W.dtype).eps > largest_error * scale).any():
        return None
    with np.errstate(over="ignore", under="ignore"):
        new_W = (W / scale[:, np.newaxis]).astype(W.dtype)
    # The shift uses the rounded W, so that rounding errors of W are multiplied by x - mean instead of x.
    shift = arithmetic.weighted_sums(mean, new_W)
    with np.errstate(over="ignore"):
        new_b = ((0 if b is None else b) - shift).astype(W.dtype)
    return (new_W, new_b) if np.isfinite(new_W).all() and np.isfinite(new_b).all() else None


def mean_of(layers: Sequence[Layers], weights: Sequence[float]) -> MeanOfLayers | None:
    """Return the weighted mean of folded layers; None if the core cannot compute it, see ``MeanOfLayers.fits``."""
    is_narrow = any(each.precision != "float32" and each.dtype == np.float32 for each in layers)
    return MeanOfLayers(layers, weights) if not is_narrow and MeanOfLayers.fits(layers) else None


def units(outputs: Outputs, dtype: str, *, as_vector: bool = False) -> Units:
    """Return the units of the outputs of a network that predicts values, for predictions of this dtype."""
    if outputs.scaling is None:
        return Units(dtype, as_vector=as_vector)
    return Units(dtype, *outputs.loss.in_units(*outputs.scaling), as_vector=as_vector)


def unscaled(pair: Pair, factor: Array, shift: Array) -> Pair:
    """Return (W, b) of a last layer whose outputs are in units of y: its outputs times `factor`, plus `shift`."""
    W, b = pair
    with np.errstate(over="ignore", under="ignore"):
        new_W = (W * factor).astype(W.dtype)
        new_b = ((0 if b is None else b) * factor + shift).astype(W.dtype)
    return new_W, new_b
