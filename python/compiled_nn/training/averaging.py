"""Averages of weights over epochs: what is wanted, and the running mean with the weights that it stands in for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks

if TYPE_CHECKING:
    from .weights import Part


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
    """The mean of weights, and those that it stands in for.

    Attributes
    ----------
    count : int
        How many weights the mean is of.
    mean : list of (W, b or None, gain or None)
        In float64.
    live : list of (W, b or None, gain or None), optional
        What training goes on from, while the network has the mean in place of them.
    """

    def __init__(self, count: int = 0, mean: Sequence[Part] = (), live: Sequence[Part] | None = None) -> None:
        self.count = count
        self.mean = mean
        self.live = live

    def add(self, weights: Sequence[Part]) -> None:
        """Let the mean have one more part: ``mean += (w - mean) / count``."""
        self.count += 1
        if self.count == 1:
            self.mean = [(_wide(W), _wide(b), _wide(gain)) for W, b, gain in weights]
            return
        for pair, means in zip(weights, self.mean, strict=True):
            for array, mean in zip(pair, means, strict=True):
                if array is not None and mean is not None:
                    mean += (array - mean) / self.count


def _wide(array: Any) -> Any:
    return None if array is None else array.astype(np.float64)
