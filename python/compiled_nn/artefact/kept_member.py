"""One network of an ensemble that predicts: parameters, weights and temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .inputs import Inputs
from .mean_layers import MeanLayers
from .narrowing import PredictionPrecision, Ranges, measure, narrowed
from .outputs import Outputs
from .predictor import Predictor

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..common.protocols import History
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..spec.configuration import Configuration


class KeptMember(NamedTuple):
    """Member of an ensemble that was not dropped.

    Attributes
    ----------
    place : int
        Index among the networks from which the ensemble was created.
    configuration : Configuration
        Parameters of the network.
    stack : cnn_core.stack.Stack
        Weights; in training, those of the member in training.
    temperature : float
        Number by which its logits are divided before its probabilities are averaged.
    best_epoch : int
        Epoch of the weights.
    history : dict of lists
        History of the network.
    ranges : Ranges or None
        Ranges of the inputs of its layers, if it predicts with int8.
    """

    place: int
    configuration: Configuration
    stack: Stack
    temperature: float
    best_epoch: int
    history: History
    ranges: Ranges | None = None


def with_ranges(member: KeptMember, rows: Samples, inputs: Inputs, n_threads: int | None) -> KeptMember:
    """Return a member with the ranges of the inputs of its layers, on calibration rows converted for the core."""
    embedded = member.configuration.layers[0].is_merged
    layers = narrowed(member.stack.present(averaged=True), 1.0, embedded, "float32")
    return member._replace(ranges=measure(layers, rows, inputs, n_threads))


def mean_predictor(
    members: Sequence[KeptMember],
    weights: Array,
    inputs: Inputs,
    outputs: Outputs,
    n_threads: int | None,
    arenas: Sequence[Array | None] | None = None,
    *,
    precision: PredictionPrecision,
) -> Predictor:
    """Return the predictor of the weighted mean of members; those of weight 0 are left out.

    `arenas` are vectors with the parameters of the folded layers of each member, whose memory is used if it has them.
    `precision` is that of the products; "int8" uses the ranges of the members.
    """
    used = [(member, weight) for member, weight in zip(members, weights.tolist(), strict=True) if weight > 0]
    own = outputs.calibration.temperature
    alone = len(used) == 1
    layers = [
        narrowed(
            member.stack.present(averaged=True),
            member.temperature * (own if alone else 1.0),
            member.configuration.layers[0].is_merged,
            precision,
            member.ranges if precision == "int8" else None,
        )
        for member, _ in used
    ]
    ranges = tuple(member.ranges for member, _ in used if member.ranges is not None and precision == "int8")
    if arenas is not None:
        places = [i for i, weight in enumerate(weights) if weight > 0]
        for each, i in zip(layers, places, strict=True):
            each.adopt(arenas[i])
    mean = layers[0] if alone else MeanLayers(layers, [w for _, w in used], outputs.loss, own)
    return Predictor(
        mean, inputs, outputs, embedded=None, n_threads=n_threads, precision=precision, ranges=ranges
    )
