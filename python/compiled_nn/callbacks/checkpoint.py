"""A callback that keeps training on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..common import checks
from .base import Callback, Mode, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class Checkpoint(Callback):
    """Writes a checkpoint every so many epochs, replacing the last one when all of the new one is on the disk.

    ``compiled_nn.load_checkpoint(path)`` reads it; ``fit(..., warm_start=True)`` then goes on to the bit.

    Parameters
    ----------
    path : str or path-like
        By custom ``*.ckpt.safetensors``.
    every : int, default 1
        Epochs between two checkpoints.
    keep_best : str, optional
        A column of the history: write only epochs that are better in it than all before; then `every` is of those
        epochs that are looked at.
    mode : {"auto", "min", "max"}, default "auto"
        With `keep_best`: whether smaller or larger is better; "auto" knows it of losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep_best: str | None = None,
        mode: Mode = "auto",
    ) -> None:
        self.path = os.fspath(path)
        self.every = checks.integer("Checkpoint", "every", every, minimum=1)
        self.keep_best = None if keep_best is None else Monitor("Checkpoint", keep_best, mode)
        self._best: float | None = None

    def on_train_begin(self, net: NetworkLike) -> None:
        """Take the best value from the epochs that the history has already."""
        self._best = None
        if self.keep_best is not None:
            for value in net.history.get(self.keep_best.column, ()):
                if self.keep_best.better(value, self._best):
                    self._best = value

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Write the checkpoint when it is time."""
        if epoch % self.every:
            return
        if self.keep_best is not None:
            value = self.keep_best.latest(history)
            if not self.keep_best.better(value, self._best):
                return
            self._best = value
        net.save_checkpoint(self.path)
