"""What training minimises, as one argument of the core's calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..data.arrays import Array


@dataclass(frozen=True, eq=False)
class Objective:
    """The mean loss over the rows, plus a penalty on the weights.

    Attributes
    ----------
    loss : str, tuple or callable
        Loss as the core knows it: a name, a name with its parameters, or a function.
    l1, l2 : float
        Penalty ``l2 / 2 * sum(W ** 2) + l1 * sum(abs(W))``.
    scale : float
        Factor of every number of X.
    n_threads : int or None
    penalty_per_row : bool
        Whether the penalty is divided by the number of rows of a batch, or by the sum of their weights.
    weights : ndarray (m,) of float64 or None
        Weight of each row.
    """

    loss: Any
    l1: float
    l2: float
    scale: float
    n_threads: int | None
    penalty_per_row: bool = False
    weights: Array | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        """The objective as keyword arguments of ``Stack.loss``, ``gradient`` and ``train_epochs``."""
        return dict(vars(self))

    def with_weights(self, weights: Array | None) -> Objective:
        """Return this objective for rows of these weights."""
        return replace(self, weights=weights)
