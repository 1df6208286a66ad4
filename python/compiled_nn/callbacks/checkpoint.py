"""Callback that saves checkpoints during training."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..common import checks
from .base import Callback, Mode, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class Checkpoint(Callback):
    """Callback that writes a checkpoint every `every` epochs.

    The previous checkpoint is replaced only after the new one is completely on the disk.
    ``compiled_nn.load_checkpoint(path)`` reads that of a network; ``fit(..., warm_start=True)`` then continues with the
    same bits as training without interruption.

    In an estimator, the file is that of the estimator, with the moments of the optimizer and the history, but without
    `callbacks`. ``MLPClassifier.load(path)`` reads it: ``partial_fit`` continues with these moments, ``fit`` with
    ``warm_start=True`` from the weights, with moments of zero, as in scikit-learn.

    Parameters
    ----------
    path : str or path-like
        Path of the file, by convention ``*.ckpt.safetensors``.
    every : int, default 1
        Number of epochs between checkpoints.
    keep_best : str, optional
        Column of the history. A checkpoint is then written only if its value is the best one so far. Only every
        `every`-th epoch is compared; after a warm start also those of the earlier calls, if the file exists.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values of `keep_best` are better. "auto" works for losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep_best: str | None = None,
        mode: Mode = "auto",
    ) -> None:
        self.path = os.fsdecode(path)
        self.every = checks.integer("Checkpoint", "every", every, minimum=1)
        self.keep_best = None if keep_best is None else Monitor("Checkpoint", keep_best, mode)
        self._best: float | None = None

    def on_train_begin(self, net: NetworkLike) -> None:
        """Set the best value so far, if the file exists: that of the epochs in the history that were compared."""
        self._best = None
        if self.keep_best is not None and os.path.exists(self.path):
            values = net.history.get(self.keep_best.column, ())
            for epoch, value in zip(net.history["epoch"], values, strict=False):
                if epoch % self.every == 0 and self.keep_best.better(value, self._best):
                    self._best = value

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Write a checkpoint if the epoch is due, and with `keep_best` if its value is the best one."""
        if epoch % self.every:
            return
        if self.keep_best is not None:
            value = self.keep_best.latest(history)
            if not self.keep_best.better(value, self._best):
                return
            self._best = value
        net.save_checkpoint(self.path)
