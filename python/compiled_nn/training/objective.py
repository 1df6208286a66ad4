"""Objective: the function that training minimises, and its keyword arguments for the core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..data.arrays import Array


@dataclass(frozen=True, eq=False)
class Objective:
    """Mean loss over the rows, plus a penalty on the weights.

    Attributes
    ----------
    loss : str, tuple or callable
        Loss in the form of the core: a name, a name with parameters, or a function.
    l1, l2 : float
        Factors of the penalty ``l2 / 2 * sum(W ** 2) + l1 * sum(abs(W))``.
    scale : float
        Factor by which X is multiplied.
    n_threads : int or None
        Number of threads; None follows :func:`set_num_threads`.
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
        """Keyword arguments of ``Stack.loss``, ``Stack.gradient`` and ``Stack.train_epochs``."""
        return dict(vars(self))

    def with_weights(self, weights: Array | None) -> Objective:
        """Return a copy of this objective with other row weights."""
        return replace(self, weights=weights)
