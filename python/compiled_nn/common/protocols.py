"""Type of a history, and protocol of a network, for chapters that must not import the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

History: TypeAlias = "dict[str, list[Any]]"


class SupportsArray(Protocol):
    """An object that NumPy reads as an array, as tensors of other libraries; a str is none."""

    def __array__(self) -> Any:
        """Return the array."""


class Summarized(Protocol):
    """An object with a table of its layers: a network or an estimator."""

    def summary(self) -> Any:
        """Return the table of the layers."""


class NetworkLike(Protocol):
    """Attributes and methods of :class:`compiled_nn.Network` that callbacks, the training loop and drawings use."""

    history: History
    optimizer: Any
    learning_rate_scale: float
    n_threads: int | None
    stop_reason_: str | None
    best_epoch_: int | None
    epochs_planned_: int

    @property
    def layers(self) -> Sequence[Any]:
        """Layers of the network, from the first to the last."""

    @property
    def activations(self) -> list[str]:
        """Activation of each layer; the last one is the link function of the loss."""

    @property
    def n_features_(self) -> int:
        """Number of columns of X."""

    def get_weights(self) -> list[Any]:
        """Return copies of the weights, one pair (W, b) per layer."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of the predictions for X."""

    def snapshot(self, *, optimizer: bool = True) -> dict[str, Any]:
        """Return a copy of the state; with ``optimizer=False`` without the state of the optimizer."""

    def restore(self, state: Any) -> None:
        """Restore the state that :meth:`snapshot` returned."""

    def save_checkpoint(self, path: Any) -> None:
        """Write a checkpoint to a file."""


class DrawnNetwork(NetworkLike, Summarized, Protocol):
    """A network with a table of its layers, for displays."""

    @property
    def input_names_(self) -> Any:
        """Names of the inputs of the first layer."""
