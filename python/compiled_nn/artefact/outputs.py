"""What the numbers of the last layer mean: classes or values, their scaling, and the calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..spec.configuration import Configuration
from ..training.targets import Targets, default_targets
from ..uncertainty.calibration import NOTHING, Calibration

if TYPE_CHECKING:
    from ..losses import Loss
    from ..preprocessing.standardization import Statistics


@dataclass(frozen=True, eq=False)
class Outputs:
    """The output side of a network. It is immutable.

    Attributes
    ----------
    loss : Loss
    n_outputs : int
        Units of the last layer.
    learned : Targets or None
        What was learned from y; None before any y was seen.
    calibration : Calibration
        What was learned from rows that the network was not trained on.
    """

    loss: Loss
    n_outputs: int
    learned: Targets | None = None
    calibration: Calibration = NOTHING

    @classmethod
    def of(cls, configuration: Configuration, learned: Targets | None = None) -> Outputs:
        """Return the outputs of a network of this configuration."""
        return cls(configuration.loss, configuration.n_outputs, learned)

    @property
    def targets(self) -> Targets:
        """What was learned from y, or without that the classes 0, 1, ... or values as they are."""
        return self.learned or default_targets(self.loss, self.n_outputs)

    @property
    def scaling(self) -> Statistics | None:
        """Mean and scale of each output in y, where targets are scaled."""
        return None if self.learned is None else self.learned.scaling
