"""Averages of weights over epochs: what is wanted, and the running mean with the weights that it stands in for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..common import checks
from .weights import LayerState, copy_layers, walk


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging (Izmailov et al., 2018): predict with the mean of the weights after late epochs.

    While training, validation and callbacks see the weights of each epoch. When fit returns, everything is that of the
    mean: predictions, weights, files. ``fit(..., warm_start=True)`` goes on from the weights that were averaged.

    Parameters
    ----------
    start : float or int, default 0.75
        A share of all epochs, at least 0 and below 1, or a number of epochs: those after it are averaged. With a
        number, two calls of fit are one of as many epochs, to the bit.

    Raises
    ------
    TypeError, ValueError
        When `start` is of the wrong type or value.
    """

    start: float = 0.75

    def __post_init__(self) -> None:
        if isinstance(self.start, int):
            checks.integer("SWA", "start", self.start, minimum=0)
        else:
            object.__setattr__(self, "start", checks.real("SWA", "start", self.start, minimum=0, below=1))

    def first_epoch(self, epochs: int) -> float:
        """Return the number of epochs, of so many, after which averaging starts."""
        return self.start if isinstance(self.start, int) else self.start * epochs


class Average:
    """The mean of weights, and the weights that it stands in for.

    Attributes
    ----------
    count : int
        Number of weights that the mean is of.
    mean : list of dict
        State of each layer, in float64, without running statistics.
    live : list of dict, optional
        Weights that training continues from, while the network has the mean in place of them.
    """

    def __init__(
        self, count: int = 0, mean: Sequence[LayerState] = (), live: Sequence[LayerState] | None = None
    ) -> None:
        self.count = count
        self.mean = mean
        self.live = live

    def add(self, layers: Sequence[LayerState]) -> None:
        """Add weights to the mean: ``mean += (w - mean) / count``."""
        self.count += 1
        if self.count == 1:
            self.mean = copy_layers(layers, "float64")
            return
        for (_, array), (_, mean) in zip(walk(layers), walk(self.mean), strict=True):
            mean += (array - mean) / self.count
