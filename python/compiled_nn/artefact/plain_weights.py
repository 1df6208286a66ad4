"""Weights that predict without the operations around the layers, for formats that hold weights alone."""

from __future__ import annotations

import numpy as np

from .. import losses
from ..losses import Loss
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration
from ..spec.initializers import Pair
from . import folding
from .parts import Parts

_INSTEAD = "Use save, or get_weights"
_LARGEST_ERROR = (
    1e-4  # largest rounding error, in units of its scale, that folding may add to an input or an output
)


def plain_weights(parts: Parts) -> list[Pair]:
    """Return weights that predict from unscaled X, in units of y, without a temperature.

    The scaling of X and of y and the temperature are included in the weights of the first and the last layer.

    Raises
    ------
    ValueError
        If this cannot be done, or the rounding errors of the dtype would change the predictions visibly.
    """
    c, statistics, scaling = parts.configuration, parts.statistics, parts.outputs.scaling
    if parts.inputs.encoder is not None:
        raise ValueError(
            "The network encodes a table with categories, which a dict of weights cannot describe."
            f" {_INSTEAD} and encoder_."
        )
    if parts.inputs.n_bins:
        raise ValueError(
            "The network has numeric_embeddings, and bins are not linear, so that weights cannot include them."
            f" {_INSTEAD}."
        )
    if parts.inputs.n_clipped and statistics is not None:
        raise ValueError(
            f"The network has standardize={c.scaling!r}, and the clip is not linear, so that weights cannot"
            f" include it. {_INSTEAD} with mean_ and scale_, and clip the columns of X before the first layer."
        )
    pairs: list[Pair] = [(layer["weight"], layer.get("bias")) for layer in parts.layers]
    if statistics is not None:
        pairs[0] = _from_unscaled(pairs[0], statistics, c.dtype)
    elif c.scaling is None and c.scale != 1:
        W, b = pairs[0]
        with np.errstate(over="ignore", under="ignore"):
            scaled = (W * np.float64(c.scale)).astype(W.dtype)
        pairs[0] = _finite((scaled, b), "input_scale")
    if scaling is not None:
        pairs[-1] = _in_units_of_y(pairs[-1], scaling, parts.outputs.loss, c.dtype)
    temperature = parts.outputs.calibration.temperature
    if temperature != 1:
        W, b = pairs[-1]
        with np.errstate(over="ignore", under="ignore"):
            divided = W / temperature, None if b is None else b / temperature
        pairs[-1] = _finite(divided, "temperature_")
    return pairs


def _from_unscaled(pair: Pair, statistics: Statistics, dtype: str) -> Pair:
    folded = folding.scaled(pair, statistics, _LARGEST_ERROR)
    if folded is None:
        column = int(np.argmax(abs(statistics.mean) / statistics.scale))
        raise ValueError(
            f"Column {column} of X has the mean {statistics.mean[column]:g} and the scale {statistics.scale[column]:g}:"
            f" {dtype} has too few digits to include this scaling in the weights. Use dtype='float64'; or save, or"
            " get_weights with mean_ and scale_."
        )
    return folded


def _in_units_of_y(pair: Pair, scaling: Statistics, loss: Loss, dtype: str) -> Pair:
    mean, scale = scaling
    error = abs(mean) * np.finfo(dtype).eps / scale
    if error.max() > _LARGEST_ERROR:
        output = int(np.argmax(error))
        raise ValueError(
            f"Output {output} has the mean {mean[output]:g} and the scale {scale[output]:g} in y: {dtype} has too few"
            " digits to include this scaling in the weights. Use dtype='float64'; or save, or get_weights with"
            " target_mean_ and target_scale_."
        )
    return _finite(folding.unscaled(pair, *loss.in_units(mean, scale)), "scale_targets")


def _finite(pair: Pair, source: str) -> Pair:
    """Return a pair (W, b), whose numbers must be finite; `source` is what they were scaled by."""
    if not all(array is None or np.isfinite(array).all() for array in pair):
        raise ValueError(
            f"The weights are beyond the range of {pair[0].dtype} when {source} is included in them. {_INSTEAD}."
        )
    return pair


def check_link(configuration: Configuration) -> None:
    """Raise a ValueError if the last activation does not describe what the outputs mean.

    The loss of a network made from a shape is the one that belongs to the last activation.
    """
    loss, link = configuration.loss, configuration.activation_names[-1]
    implied = losses.LOSSES["mse"] if configuration.activated else losses.of_link(link)
    if implied.classifies != loss.classifies or any(
        getattr(type(loss), name) is not getattr(Loss, name) for name in ("values", "probabilities")
    ):
        raise ValueError(
            f"A network with the last activation {link!r} predicts with the loss {implied.name}; this one predicts"
            f" with {loss.name}, which a shape or a dict of weights cannot describe. {_INSTEAD}."
        )
