"""What a network is stored as: the unfolded parts from which a predictor is derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..spec.configuration import Configuration
from .inputs import Inputs
from .outputs import Outputs

if TYPE_CHECKING:
    from ..preprocessing.standardization import Statistics
    from ..training.weights import LayerState


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a network that files, pickles and exporters hold.

    Attributes
    ----------
    configuration : Configuration
    layers : list of dict
        State of each layer, as :mod:`compiled_nn.training.weights` describes it: nothing is folded into it.
    statistics : Statistics or None
        Centre and scale of each column; None when the network does not standardise, or has seen no X.
    inputs : Inputs
    outputs : Outputs
    """

    configuration: Configuration
    layers: list[LayerState]
    statistics: Statistics | None
    inputs: Inputs
    outputs: Outputs
