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

    With ``resume=True``, a call of fit that finds the file continues with the epoch after it: a process that is started
    again after a crash, with the same program, ends with the bits of one that was not interrupted. This includes the
    history, early stopping and the best epoch. If the run in the file had ended, fit returns its result at once.

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
    resume : bool, default False
        Whether fit continues from the file if it exists. The file is then also written at the end of training. fit
        raises a ValueError if the parameters, the rows or the weights of rows differ from those of the file. Callbacks
        of your own find the earlier epochs in ``net.history``; what else they need, they must keep themselves. It
        cannot be combined with `keep_best`, "lbfgs", ``warm_start=True``, and held-out rows without a seed.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    compiled_nn.load_checkpoint : Reading of a checkpoint.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> def train(*more):
    ...     net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], seed=0)
    ...     checkpoint = cnn.callbacks.Checkpoint("digits.ckpt", resume=True)
    ...     return net.fit(data.X_train, data.y_train, epochs=3, callbacks=[checkpoint, *more])
    >>> def crash(net, epoch, history):
    ...     if epoch == 2:
    ...         raise MemoryError
    >>> try:
    ...     net = train(crash)
    ... except MemoryError:
    ...     net = train()
    >>> net.history["epoch"]
    [1, 2, 3]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep_best: str | None = None,
        mode: Mode = "auto",
        resume: bool = False,
    ) -> None:
        self.path = os.fsdecode(path)
        self.resume = checks.flag("Checkpoint", "resume", resume)
        if self.resume and keep_best is not None:
            raise ValueError(
                f"keep_best={keep_best!r} and resume=True contradict one another: training continues from the last"
                " epoch, not from the best one. Use two callbacks with different paths."
            )
        self.every = checks.integer("Checkpoint", "every", every, minimum=1)
        self.keep_best = None if keep_best is None else Monitor("Checkpoint", keep_best, mode)
        self.seed: int | None = None  # drawn by an estimator with random_state=None
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
        if epoch % self.every or self.resume:  # with `resume`, fit writes after all callbacks of the epoch
            return
        if self.keep_best is not None:
            value = self.keep_best.latest(history)
            if not self.keep_best.better(value, self._best):
                return
            self._best = value
        net.save_checkpoint(self.path)
