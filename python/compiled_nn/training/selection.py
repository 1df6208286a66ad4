"""Selection of members of an ensemble: those dropped during training, and their weights in the mean.

References
----------
.. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS,
   2016. (successive halving)
.. [2] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from libraries of models", ICML, 2004.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.arrays import Array

if TYPE_CHECKING:
    from .member import Member

_MOST_CHOICES = 50  # rounds of greedy selection


class Halving:
    """Successive halving: at some epochs, the worse half of the units that are left is dropped.

    A unit is a member; with folds, all members of a repeat, so that each row keeps a member that validates it. Units
    are compared by the mean of the best values of their members.

    Parameters
    ----------
    fractions : sequence of float
        Fractions of the epochs.
    epochs : int
        Number of epochs.
    size : int
        Number of consecutive members in a unit.
    """

    def __init__(self, fractions: Sequence[float], epochs: int, size: int) -> None:
        self._at = [max(1, round(fraction * epochs)) for fraction in fractions]
        self._size = size

    def next(self, epoch: int) -> int:
        """Return the first epoch of halving after another one; a large number without one."""
        return min((at for at in self._at if at > epoch), default=1 << 62)

    def drop(self, members: Sequence[Member], epoch: int) -> None:
        """Drop members after an epoch, if it is one of those of halving."""
        for _ in range(self._at.count(epoch)):
            units: dict[int, list[Member]] = {}
            for member in members:
                if member.dropped is None:
                    units.setdefault(member.index // self._size, []).append(member)
            order = sorted(units, key=lambda unit: sum(m.value for m in units[unit]) / len(units[unit]))
            for unit in order[(len(order) + 1) // 2 :]:
                for member in units[unit]:
                    member.dropped = f"halving after epoch {epoch}"


def greedy_weights(parts: Sequence[Array], loss: Callable[[Array], float]) -> Array:
    """Return the weights of a mean that greedy selection with replacement chooses; their sum is 1.

    Selection starts from nothing, adds in each round the part whose addition makes the loss of the mean smallest, and
    ends with the round of the smallest loss. Weights are numbers of choices divided by their sum.

    Parameters
    ----------
    parts : sequence of ndarray (m, n)
        Outputs of each part for the same rows, in the form in which they are averaged.
    loss : callable
        Function of the mean (m, n) that returns its loss.
    """
    counts, best, lowest = np.zeros(len(parts)), np.zeros(len(parts)), math.inf
    total = np.zeros_like(parts[0])
    for n in range(1, _MOST_CHOICES + 1):
        losses = [loss((total + part) / n) for part in parts]
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total += parts[chosen]
        if losses[chosen] < lowest:
            lowest, best = losses[chosen], counts / n
    return best
