"""Outputs: the meaning of the outputs of the last layer (classes or values, scaling, calibration)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.immutable import Immutable
from ..spec.configuration import Configuration
from ..training.targets import Targets, default_targets
from ..uncertainty.calibration import NOTHING, Calibration

if TYPE_CHECKING:
    from ..losses import Loss
    from ..preprocessing.standardization import Statistics


class Outputs(Immutable):
    """Description of the outputs of a network. It is immutable.

    Attributes
    ----------
    loss : Loss
        Loss of the network.
    n_outputs : int
        Number of units of the last layer.
    learned : Targets or None
        Encoding of y, as fit has determined it; None if the network was not fitted.
    calibration : Calibration
        Result of the calibration on held-out rows.
    """

    loss: Loss
    n_outputs: int
    learned: Targets | None
    calibration: Calibration

    def __init__(
        self,
        loss: Loss,
        n_outputs: int,
        learned: Targets | None = None,
        calibration: Calibration = NOTHING,
    ) -> None:
        self._set(loss=loss, n_outputs=n_outputs, learned=learned, calibration=calibration)

    @classmethod
    def of(cls, configuration: Configuration, learned: Targets | None = None) -> Outputs:
        """Return the outputs of a network with this configuration."""
        return cls(configuration.loss, configuration.n_outputs, learned)

    @property
    def targets(self) -> Targets:
        """Encoding of y; if the network was not fitted, the classes 0, 1, ... or unscaled values."""
        return self.learned or default_targets(self.loss, self.n_outputs)

    @property
    def dtype(self) -> str | None:
        """Dtype of predicted values; None if it is not known, and for classes."""
        return None if self.learned is None else self.learned.dtype

    @property
    def scaling(self) -> Statistics | None:
        """Mean and scale of each column of y; None if targets are not scaled."""
        return None if self.learned is None else self.learned.scaling
