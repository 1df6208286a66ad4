"""What chapters below the network use of one: its history, and the protocol of a network in training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

History: TypeAlias = "dict[str, list[Any]]"


class SupportsArray(Protocol):
    """An object that NumPy reads as an array, as tensors of other libraries; a str is none."""

    def __array__(self) -> Any:
        """Return the array."""


class NetworkLike(Protocol):
    """A network as callbacks, the training loop and drawings use it; :class:`compiled_nn.Network` is one."""

    history: History
    optimizer: Any
    learning_rate_scale: float
    n_threads: int | None
    stop_reason_: str | None
    best_epoch_: int | None
    epochs_planned_: int

    @property
    def layers(self) -> Sequence[Any]:
        """The layers."""

    @property
    def activations(self) -> list[str]:
        """Activation of every layer, the last one being the link of the loss."""

    @property
    def n_features_(self) -> int:
        """Number of columns of X."""

    def get_weights(self) -> list[Any]:
        """Return copies of the weights, one pair (W, b) per layer."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score on data."""

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return a copy of the state, with or without the optimizer's."""

    def restore(self, state: Any) -> None:
        """Put the state of a snapshot back."""

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint."""
