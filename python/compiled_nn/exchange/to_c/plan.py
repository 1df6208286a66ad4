"""Plan of the arithmetic in C: the numbers of a description, in the order and the dtype in which C uses them.

Let v be the numbers and indicators of a row, and c the rows of the table that its categories select.

(a) z = ((v - centre) - rest) / deviation if there is a `centre`, otherwise z = v * scale. `rest` is what `centre` loses
    in the dtype: with both, no digit of v - mean is lost in float32. v has the offsets of `Fields` subtracted, and
    `centre` as well.
(b) The bins of z are appended to z, and its first `n_clipped` numbers are clipped.
(c) The first layer computes u = W z + the selected rows of its table; the others u = W a.
(d) For int8, the inputs a of each layer are q = round((a - middle) / step), limited to -127 to 127, and u = f (W q)
    with whole numbers W from -127 to 127 and one f for each unit. `middle` is part of the bias. The ranges are those of
    calibration rows, or those of a model that predicts with int8 itself: for each input of the first layer, and for all
    inputs together of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from .fields import Fields, fields_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...artefact.narrowing import Ranges
    from ..description import Chain, DenseLayer, Description, Positions

LARGEST = 127  # of the whole numbers of int8
_MOST_INPUTS = (1 << 31) // (LARGEST * LARGEST) - 1  # of a layer: its sums fit int32
_FARTHEST = 1e-4  # rounding error, in standard deviations, from which inputs are centred; that of `folding`


@dataclass(frozen=True, eq=False)
class PlannedLayer:
    """Layer in C.

    Attributes
    ----------
    weight : ndarray (n, k)
        W, in the dtype of the plan, or int8.
    table : ndarray (n_categories, n) or None
        Rows that categories add to the first layer, in the dtype of W.
    bias : ndarray (n,) or None
        b.
    activation, norm, gain, residual
        As in the description.
    factors : ndarray (n,) or None
        f of each unit; None without int8.
    middle, step : ndarray (1,) or (k,), or None
        Quantisation of the inputs; None without int8.
    """

    weight: Array
    table: Array | None
    bias: Array | None
    activation: str
    norm: str | None
    gain: Array | None
    residual: bool
    factors: Array | None = None
    middle: Array | None = None
    step: Array | None = None


@dataclass(frozen=True, eq=False)
class PlannedNetwork:
    """Network in C: its layers, and how it scales the numbers."""

    layers: tuple[PlannedLayer, ...]
    centre: Array | None
    rest: Array | None
    deviation: Array | None


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that the C code computes.

    Attributes
    ----------
    description : Description
        Description of the model, from which outputs, loss and titles are read.
    dtype : {"float32", "float64"}
        Dtype of numbers in C.
    quantized : bool
        Whether weights are int8.
    fields : Fields
        Inputs.
    bins : Positions or None
        Bins, with all numbers in the dtype.
    networks : tuple of PlannedNetwork
        Networks.
    """

    description: Description
    dtype: str
    quantized: bool
    fields: Fields
    bins: Positions | None
    networks: tuple[PlannedNetwork, ...]

    @property
    def n_first(self) -> int:
        """Number of dense inputs of the first layer."""
        return self.fields.n_numbers + (0 if self.bins is None else len(self.bins.sources))

    @property
    def widest(self) -> int:
        """Largest number of inputs or units of a layer."""
        units = (len(layer.weight) for network in self.networks for layer in network.layers)
        return max(self.n_first, *units)


def make_plan(description: Description, dtype: str) -> Plan:
    """Return the plan in a dtype."""
    fields = fields_of(description, dtype)
    bins = description.bins
    if bins is not None:
        numbers = (each.astype(dtype) for each in (bins.lower, bins.factor, bins.low, bins.high))
        bins = type(bins)(bins.sources, *numbers)
    networks = tuple(_network(description, fields, chain, dtype) for chain in description.networks)
    return Plan(description, dtype, False, fields, bins, networks)


def _network(description: Description, fields: Fields, chain: Chain, dtype: str) -> PlannedNetwork:
    """Return one network in a dtype."""
    if chain.layers[0].residual and fields.n_categories:
        raise ValueError(
            "The first layer is residual, so that its inputs are added to its outputs, and C has no inputs of 0 and 1"
            " for categories. Use to_onnx, or a first layer that is not residual."
        )
    n = fields.n_numbers
    centre, rest, deviation, chain = _scaling(description, fields.offsets, chain, dtype)
    layers = [_layer(layer, dtype) for layer in chain.layers]
    first = chain.layers[0].weight
    if chain.mean is None and description.scale != 1 and fields.n_categories:
        table = first[n : description.n_columns] * description.scale
    else:
        table = first[n : description.n_columns]
    dense = np.concatenate([first[:n], first[description.n_columns :]])
    layers[0] = replace(
        layers[0],
        weight=np.ascontiguousarray(dense.T, dtype),
        table=np.array(table, dtype, order="C") if fields.n_categories else None,
    )
    return PlannedNetwork(tuple(layers), centre, rest, deviation)


def _layer(layer: DenseLayer, dtype: str) -> PlannedLayer:
    return PlannedLayer(
        np.ascontiguousarray(layer.weight.T, dtype),
        None,
        None if layer.bias is None else layer.bias.astype(dtype),
        layer.activation,
        layer.norm,
        None if layer.gain is None else layer.gain.astype(dtype),
        layer.residual,
    )


def _scaling(
    description: Description, offsets: Array, chain: Chain, dtype: str
) -> tuple[Array | None, Array | None, Array | None, Chain]:
    """Return centre, rest and deviation of the numbers, and the chain, whose first layer may have another bias."""
    n, first = len(offsets), chain.layers[0]
    if chain.mean is not None:
        assert chain.deviation is not None
        return *_split(chain.mean[:n] - offsets, dtype), chain.deviation[:n].astype(dtype), chain
    # The scaling is part of W, and the narrower dtype would lose digits of x W + b: x is centred first.
    mean = description.centre[:n]
    far = np.abs(mean) * np.finfo(dtype).eps > _FARTHEST * description.spread[:n]
    is_linear = (
        first.norm is None and not first.residual and not description.n_clipped and description.bins is None
    )
    if first.weight.dtype == dtype or not is_linear:
        far = np.zeros(n, bool)
    if not far.any() and not offsets.any():
        return None, None, None, chain
    mean = np.where(far, mean, 0.0)
    shift = arithmetic.weighted_sums(mean * description.scale, first.weight[:n])
    bias = shift if first.bias is None else first.bias + shift
    layers = (replace(first, bias=bias), *chain.layers[1:]) if far.any() else chain.layers
    deviation = np.full(n, 1 / description.scale).astype(dtype)
    return *_split(mean - offsets, dtype), deviation, replace(chain, layers=layers)


def _split(mean: Array, dtype: str) -> tuple[Array, Array]:
    """Return means rounded to a dtype, and what is lost."""
    centre = mean.astype(dtype)
    return centre, (mean - centre).astype(dtype)


# ---- int8

Range = tuple[Array, Array]


def given_ranges(plan: Plan, known: Sequence[Ranges]) -> list[list[Range]]:
    """Return the ranges of the inputs of each layer in C for those of the model."""
    description, n = plan.description, plan.fields.n_numbers
    found = []
    for network, chain, (low, high) in zip(plan.networks, description.networks, known, strict=True):
        first = [np.concatenate([end[0][:n], end[0][description.n_columns :]]) for end in (low, high)]
        if (
            chain.mean is None and network.centre is not None
        ):  # C centres numbers that the model only multiplies
            assert network.rest is not None
            assert network.deviation is not None
            for end in first:
                x = end[:n] / np.float64(description.scale) - plan.fields.offsets
                end[:n] = ((x - network.centre) - network.rest) / network.deviation
        if (first[0] == first[0][:1]).all() and (first[1] == first[1][:1]).all():  # as for images
            first = [end[:1] for end in first]
        found.append([(first[0], first[1]), *zip(low[1:], high[1:], strict=True)])
    return found


def quantized(plan: Plan, ranges: list[list[Range]]) -> Plan:
    """Return the plan with weights of int8, for the ranges (lowest, highest) of the inputs of each layer."""
    networks = tuple(
        replace(network, layers=tuple(map(_quantized, network.layers, found)))
        for network, found in zip(plan.networks, ranges, strict=True)
    )
    return replace(plan, quantized=True, networks=networks)


def _quantized(layer: PlannedLayer, range_: Range) -> PlannedLayer:
    low, high = (each.astype(np.float64) for each in range_)
    middle, step = ((low + high) / 2).astype(np.float32), ((high - low) / 2 / LARGEST).astype(np.float32)
    step[step <= np.float32(1e-30)] = 1
    W, table = layer.weight.astype(np.float64), layer.table
    n_inputs = W.shape[1] + (0 if table is None else len(table))
    if n_inputs > _MOST_INPUTS:
        raise ValueError(
            f"A layer has {n_inputs} inputs; sums of int8 products fit 32 bits for at most {_MOST_INPUTS}."
            " Use dtype='float32'."
        )
    shift = np.broadcast_to(middle.astype(np.float64), W.shape[1:])
    bias = arithmetic.weighted_sums(shift, np.ascontiguousarray(W.T))
    if layer.norm is not None and bias.any():
        # The bias is added after the norm: the range is symmetric instead.
        limit = np.maximum(np.abs(low), np.abs(high))
        middle, step = np.zeros_like(middle), (limit / LARGEST).astype(np.float32)
        step[step <= np.float32(1e-30)] = 1
        bias = np.zeros_like(bias)
    scaled = W * step.astype(np.float64)
    # The input of the rows of a table is 127.
    rows = np.zeros((0, len(W))) if table is None else table.astype(np.float64) / LARGEST
    largest = np.abs(np.concatenate([scaled.T, rows])).max(axis=0)
    factors = np.where(largest > 0, largest / LARGEST, 1.0)
    total = bias if layer.bias is None else bias + layer.bias
    return replace(
        layer,
        weight=np.rint(scaled / factors[:, np.newaxis]).astype(np.int8),
        table=None if table is None else np.rint(rows / factors).astype(np.int8),
        bias=total.astype(np.float32) if layer.bias is not None or bias.any() else None,
        factors=factors.astype(np.float32),
        middle=middle,
        step=step,
    )
