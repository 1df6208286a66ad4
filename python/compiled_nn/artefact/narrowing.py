"""Narrow precisions of prediction: layers whose products use bfloat16, or int8 with the ranges of calibration rows.

The layers are the folded ones, so that the scaling of X, embeddings and batch normalisation are part of the weights
that are narrowed. For int8 the inputs of each layer have a range: one for each input of the first layer, and one for
all inputs together of every other layer. The core computes scales and shifts from the ranges, see
:mod:`cnn_core.layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from cnn_core.quantization import MOST_INPUTS

from ..data import samples
from ..data.arrays import Array
from .folding import folded

if TYPE_CHECKING:
    from cnn_core.layers import Layers

    from ..data.samples import Samples
    from .inputs import Inputs

PredictionPrecision: TypeAlias = Literal["float32", "bfloat16", "int8"]


class Ranges(NamedTuple):
    """Ranges of the inputs of each layer of one network, on calibration rows.

    Attributes
    ----------
    low, high : tuple of ndarray of float32
        Smallest and largest input: (n_inputs,) for the first layer, (1,) for each of the others.
    """

    low: tuple[Array, ...]
    high: tuple[Array, ...]


def narrowed(
    layers: Layers,
    temperature: float,
    embedded: bool,
    precision: PredictionPrecision,
    ranges: Ranges | None = None,
) -> Layers:
    """Return the folded layers of a network, see :func:`folded`, which predict with a precision.

    `ranges` are those of int8. The result for "float32" has no narrow products, whatever those of `layers` are.
    """
    is_plain = precision == "float32" and layers.precision == precision
    result = folded(layers, temperature, embedded=embedded, own=not is_plain)
    if ranges is not None:
        result.quantize(*(_for_core(end) for end in ranges))
    elif precision == "bfloat16":
        result.set_precision(precision)
    return result


def _for_core(ends: tuple[Array, ...]) -> list[Array | float]:
    """Return one end of the ranges of all layers, as ``Layers.quantize`` takes it: numbers above the first layer."""
    return [ends[0], *(float(end[0]) for end in ends[1:])]


def measure(layers: Layers, rows: Samples, inputs: Inputs, n_threads: int | None) -> Ranges:
    """Return the ranges of the inputs of the folded layers of a network in float32.

    Parameters
    ----------
    layers : cnn_core.layers.Layers
        Folded layers.
    rows : ndarray or SparseRows (m, k)
        Calibration rows, at least one, converted for the core.
    inputs : Inputs
        Description of the inputs. Both 0 and 1 are in the ranges of columns that indicate a category; all numbers of an
        image have the same range.
    n_threads : int or None
        Number of threads.

    Raises
    ------
    ValueError
        If an input of a layer is not finite, or a layer has too many inputs.
    """
    _check_widths(layers)
    scale = inputs.scale
    low: list[Array] = []
    high: list[Array] = []
    for part in samples.parts(rows, max(layers.sizes)):
        some = samples.between(rows, part.start, part.stop)
        found = [first_inputs(layers, some, scale)]
        hidden = range(1, len(layers.sizes) - 1)
        found += [layers.hidden(some, i, scale=scale, n_threads=n_threads) for i in hidden]
        lowest = [_over_rows(a, i, np.min) for i, a in enumerate(found)]
        highest = [_over_rows(a, i, np.max) for i, a in enumerate(found)]
        low = _merged(low, lowest, np.minimum)
        high = _merged(high, highest, np.maximum)
    if not all(np.isfinite(each).all() for each in (*low, *high)):
        raise ValueError(
            "An input of a layer is not finite for these rows, so that it has no range. Check X; standardize=True"
            " extends the range of X."
        )
    if inputs.shape is not None:
        low[0][:], high[0][:] = low[0].min(), high[0].max()
    indicators = slice(inputs.n_numeric, inputs.n_columns) if inputs.encoder is not None else slice(0)
    low[0][indicators] = np.minimum(low[0][indicators], 0)
    high[0][indicators] = np.maximum(high[0][indicators], scale)
    return Ranges(tuple(low), tuple(high))


def _check_widths(layers: Layers) -> None:
    for i, n in enumerate(layers.sizes[:-1]):
        if n > MOST_INPUTS:
            raise ValueError(
                f"Layer {i} has {n:,} inputs; sums of products of int8 are exact for at most {MOST_INPUTS:,}. Use"
                " precision='bfloat16', or fewer inputs."
            )


def first_inputs(layers: Layers, rows: Samples, scale: float) -> Array:
    """Return the inputs of the first product of folded layers (m, n_inputs): scaled, with bins and clipped."""
    from cnn_core.clipping import clip  # imported here to keep `import compiled_nn` fast

    dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
    statistics, encoding = layers.statistics, layers.encoding
    with np.errstate(over="ignore"):
        z = dense * np.float64(scale) if statistics is None else (dense - statistics[0]) / statistics[1]
        parts = [clip(z, layers.clipped)]
        if encoding is not None:
            columns, counts, lower, factor, least, most = encoding
            sources = np.repeat(np.asarray(columns, np.int64), counts)
            parts.append(np.clip((z[:, sources] - lower) * factor, least, most))
        return np.concatenate(parts, axis=1).astype(layers.dtype)


def _over_rows(inputs: Array, layer: int, function: np.ufunc | object) -> Array:
    axis = 0 if layer == 0 else None
    return np.atleast_1d(function(inputs, axis=axis)).astype(np.float32)  # type: ignore[operator]


def _merged(known: Sequence[Array], found: list[Array], function: np.ufunc) -> list[Array]:
    return [function(a, b) for a, b in zip(known, found, strict=True)] if known else found
