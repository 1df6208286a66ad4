"""One network of an ensemble that predicts: parameters, weights and temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .folding import folded
from .inputs import Inputs
from .mean_layers import MeanLayers
from .outputs import Outputs
from .predictor import Predictor

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..common.protocols import History
    from ..data.arrays import Array
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
    """

    place: int
    configuration: Configuration
    stack: Stack
    temperature: float
    best_epoch: int
    history: History


def mean_predictor(
    members: Sequence[KeptMember],
    weights: Array,
    inputs: Inputs,
    outputs: Outputs,
    n_threads: int | None,
    arenas: Sequence[Array | None] | None = None,
) -> Predictor:
    """Return the predictor of the weighted mean of members; those of weight 0 are left out.

    `arenas` are vectors with the parameters of the folded layers of each member, whose memory is used if it has them.
    """
    used = [(member, weight) for member, weight in zip(members, weights.tolist(), strict=True) if weight > 0]
    own = outputs.calibration.temperature
    alone = len(used) == 1
    layers = [
        folded(
            member.stack.present(averaged=True),
            member.temperature * (own if alone else 1.0),
            embedded=member.configuration.layers[0].is_merged,
        )
        for member, _ in used
    ]
    if arenas is not None:
        places = [i for i, weight in enumerate(weights) if weight > 0]
        for each, i in zip(layers, places, strict=True):
            each.adopt(arenas[i])
    mean = layers[0] if alone else MeanLayers(layers, [w for _, w in used], outputs.loss, own)
    return Predictor(mean, inputs, outputs, embedded=None, n_threads=n_threads)
