"""Parts of an ensemble that files store: those of a network, with the layers of several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..preprocessing.standardization import Statistics
    from ..spec.configuration import Configuration
    from ..training.weights import LayerState
    from .inputs import Inputs
    from .narrowing import Ranges
    from .outputs import Outputs


class StoredMember(NamedTuple):
    """Network of an ensemble that predicts; the attributes are those of :class:`KeptMember`."""

    configuration: Configuration
    layers: Sequence[LayerState]
    place: int
    weight: float
    temperature: float
    best_epoch: int
    ranges: Ranges | None


class EnsembleParts(NamedTuple):
    """Parts of an ensemble, as they are written to files.

    Attributes
    ----------
    networks : tuple of Configuration
        Parameters of all networks from which the ensemble was created.
    members : tuple of StoredMember
        Networks that predict.
    combine, calibrated, seed
        Parameters of the ensemble.
    statistics : Statistics or None
        Centre and scale of each column; None if the networks do not standardise.
    inputs, outputs : Inputs, Outputs
        Descriptions of the inputs and the outputs.
    metadata : dict
        Content of the user, which files store as JSON.
    training : dict
        Numbers of the last training, see :mod:`compiled_nn.files.recorded`.
    arenas : dict of str to ndarray
        Vectors of parameters for processes that map the file, see :mod:`compiled_nn.files.mapped`; usually empty.
    """

    networks: tuple[Configuration, ...]
    members: tuple[StoredMember, ...]
    combine: Any
    calibrated: bool
    seed: int | None
    statistics: Statistics | None
    inputs: Inputs
    outputs: Outputs
    metadata: dict[str, Any]
    training: dict[str, Any]
    arenas: dict[str, Array]
