"""Narrow precisions of prediction: layers whose products use bfloat16, or int8 with the ranges of calibration rows.

The layers are the folded ones, so that the scaling of X (for int8), embeddings and batch normalisation are part of the
weights that are narrowed. For int8 the inputs of each layer have a range: one for each input of the first layer, and
one for all inputs together of every other layer. The core computes scales and shifts from the ranges, see
:mod:`cnn_core.layers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from cnn_core.calibration import ranges_of
from cnn_core.quantization import MOST_INPUTS

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
    with_scaling = precision != "bfloat16"
    result = folded(layers, temperature, embedded=embedded, own=not is_plain, with_scaling=with_scaling)
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
    found = ranges_of(layers, rows, scale=inputs.scale, n_threads=n_threads)
    low, high = (
        [first.astype(np.float32), *(np.atleast_1d(reduce(end)).astype(np.float32) for end in later)]
        for (first, *later), reduce in zip(found, (np.min, np.max), strict=True)
    )
    if not all(np.isfinite(each).all() for each in (*low, *high)):
        raise ValueError(
            "An input of a layer is not finite for these rows, so that it has no range. Check X; standardize=True"
            " extends the range of X."
        )
    if inputs.shape is not None:
        low[0][:], high[0][:] = low[0].min(), high[0].max()
    indicators = slice(inputs.n_numeric, inputs.n_columns) if inputs.encoder is not None else slice(0)
    low[0][indicators] = np.minimum(low[0][indicators], 0)
    high[0][indicators] = np.maximum(high[0][indicators], inputs.scale)
    return Ranges(tuple(low), tuple(high))


def _check_widths(layers: Layers) -> None:
    for i, n in enumerate(layers.sizes[:-1]):
        if n > MOST_INPUTS:
            raise ValueError(
                f"Layer {i} has {n:,} inputs; sums of products of int8 are exact for at most {MOST_INPUTS:,}. Use"
                " precision='bfloat16', or fewer inputs."
            )
