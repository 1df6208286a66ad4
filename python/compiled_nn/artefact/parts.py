"""Parts of a network that files store: the unfolded parts from which the predictor is derived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..common.immutable import Immutable
from ..spec.configuration import Configuration
from .inputs import Inputs
from .outputs import Outputs

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..preprocessing.standardization import Statistics
    from ..training.weights import LayerState
    from .narrowing import Ranges


class Parts(Immutable):
    """Parts of a network, as they are written to files.

    Attributes
    ----------
    configuration : Configuration
        Parameters of the network.
    layers : sequence of dict
        State of each layer, in the form of :mod:`compiled_nn.training.weights`; nothing is folded into it.
    statistics : Statistics or None
        Centre and scale of each column; None if the network does not standardise, or was not fitted.
    inputs : Inputs
        Description of the inputs.
    outputs : Outputs
        Description of the outputs.
    metadata : dict
        Content of the user, which files store as JSON.
    training : dict
        Numbers of the last training, see :mod:`compiled_nn.files.recorded`.
    arenas : dict of str to ndarray
        Vectors of parameters for processes that map the file, see :mod:`compiled_nn.files.mapped`; usually empty.
    ranges : tuple of Ranges
        Ranges of the inputs of the layers, if the network is quantised; otherwise empty.
    """

    configuration: Configuration
    layers: Sequence[LayerState]
    statistics: Statistics | None
    inputs: Inputs
    outputs: Outputs
    metadata: dict[str, Any]
    training: dict[str, Any]
    arenas: dict[str, Array]
    ranges: tuple[Ranges, ...]

    def __init__(
        self,
        configuration: Configuration,
        layers: Sequence[LayerState],
        statistics: Statistics | None,
        inputs: Inputs,
        outputs: Outputs,
        metadata: dict[str, Any],
        training: dict[str, Any],
        arenas: dict[str, Array],
        ranges: tuple[Ranges, ...] = (),
    ) -> None:
        self._set(
            configuration=configuration,
            layers=layers,
            statistics=statistics,
            inputs=inputs,
            outputs=outputs,
            metadata=metadata,
            training=training,
            arenas=arenas,
            ranges=ranges,
        )
