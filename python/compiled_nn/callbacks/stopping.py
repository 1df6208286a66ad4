"""Callbacks that monitor a column of the history, and stop training or reduce the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common import checks
from .base import Callback, Mode, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class EarlyStopping(Callback):
    """Callback that stops training when a value has not improved for some epochs, and restores the best weights.

    ``net.best_epoch_`` is set to the best epoch of the present call of fit. Restoring does not change the state of the
    optimizer, which stays that of the last epoch.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Column of the history to monitor.
    patience : int, default 10
        Number of consecutive epochs without an improvement after which training stops.
    min_delta : float, default 0.0
        Amount by which a value must be better than the best one to count as an improvement.
    restore_best : bool, default True
        Whether to restore the weights of the best epoch when training ends for any reason except an exception.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" works for losses, scores and named metrics.
    start_from_epoch : int, default 0
        Number of epochs of this call of fit that are neither compared nor counted, because values often become worse
        at first.
    baseline : float, optional
        Value in place of a best one at first: an epoch is an improvement only if it is better.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    Target : Training stops when a value is reached.
    Plateau : The learning rate becomes smaller in place of an end.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], seed=0)
    >>> stopping = cnn.callbacks.EarlyStopping(patience=3)
    >>> net = net.fit(data.X_train, data.y_train, epochs=500, validation_fraction=0.1, early_stopping=stopping)
    >>> net.stop_reason_, net.history["epoch"][-1] - net.best_epoch_
    ('early_stopping', 3)
    """

    stop_reason = "early_stopping"

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: Mode = "auto",
        start_from_epoch: int = 0,
        baseline: float | None = None,
    ) -> None:
        self.monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.start_from_epoch = checks.integer(
            "EarlyStopping", "start_from_epoch", start_from_epoch, minimum=0
        )
        self.baseline = None if baseline is None else checks.real("EarlyStopping", "baseline", baseline)
        self.patience = checks.integer("EarlyStopping", "patience", patience, minimum=1)
        self.restore_best = checks.flag("EarlyStopping", "restore_best", restore_best)
        self._best: float | None = None
        self._best_epoch = 0  # epoch from which epochs without an improvement are counted
        self._weights: dict[str, Any] | None = None

    def on_train_begin(self, net: NetworkLike) -> None:
        """Reset the best epoch."""
        self._best, self._weights = self.baseline, None
        self._best_epoch = (net.history["epoch"] or [0])[-1] + self.start_from_epoch

    @property
    def best_weights(self) -> dict[str, Any] | None:
        """Snapshot of the weights of the best epoch of the present call of fit, None without one."""
        return self._weights

    def replay(self, net: NetworkLike, best_weights: dict[str, Any] | None) -> None:
        """Compare the epochs of the history, which an interrupted call of fit has trained, and set its best weights."""
        self._best, self._best_epoch = self.baseline, self.start_from_epoch
        values = net.history.get(self.monitor.column, ())
        for epoch, value in zip(net.history["epoch"], values, strict=False):
            if epoch > self._best_epoch and self.monitor.better(value, self._best):
                self._best, self._best_epoch = value, epoch
                net.best_epoch_ = epoch
        self._weights = best_weights

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Compare the epoch with the best one; return True if that was `patience` epochs ago."""
        value = self.monitor.latest(history)
        if epoch <= self._best_epoch:
            return False
        if self.monitor.better(value, self._best):
            self._best, self._best_epoch = value, epoch
            net.best_epoch_ = epoch
            if self.restore_best:
                self._weights = net.snapshot(optimizer=False)
        return epoch - self._best_epoch >= self.patience

    def on_train_end(self, net: NetworkLike) -> None:
        """Restore the best weights."""
        if self._weights is not None and net.stop_reason_ is not None:
            net.restore(self._weights)
        self._weights = None


class Target(Callback):
    """Callback that stops training when a value is reached.

    Parameters
    ----------
    monitor : str
        Column of the history to monitor.
    value : float
        Value at which training stops, or when the column is better than it.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" works for losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    EarlyStopping : Training stops when a value no longer improves.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> target = cnn.callbacks.Target("val_score", 0.9)
    >>> net = net.fit(data.X_train, data.y_train, epochs=100, validation_fraction=0.1, callbacks=[target])
    >>> net.stop_reason_, net.history["val_score"][-1] >= 0.9
    ('target', True)
    """

    stop_reason = "target"

    def __init__(self, monitor: str, value: float, mode: Mode = "auto") -> None:
        self.monitor = Monitor("target", monitor, mode)
        self.value = checks.real("target", "value", value)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Return True if the value is reached."""
        return self.monitor.reaches(self.monitor.latest(history), self.value)


class Plateau(Callback):
    """Callback that reduces the learning rate when a value has not improved for some epochs.

    The learning rate, a number or a schedule, is multiplied by ``net.learning_rate_scale``, which this callback
    reduces. ``warm_start`` and checkpoints keep the scale, and the number of epochs without improvement is computed
    from the history, so interrupted training continues as if it had not been interrupted.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Column of the history to monitor.
    factor : float, default 0.5
        Factor by which the learning rate is multiplied, above 0 and below 1.
    patience : int, default 5
        Number of consecutive epochs without an improvement after which the learning rate is reduced.
    min_delta : float, default 0.0
        Amount by which a value must be better than the best one to count as an improvement.
    smallest : float, default 0.0
        Lower limit of the learning rate.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" works for losses, scores and named metrics.
    cooldown : int, default 0
        Number of epochs after a reduction that are not counted as epochs without an improvement.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value.

    See Also
    --------
    EarlyStopping : Training stops in place of a smaller learning rate.
    compiled_nn.schedules : Learning rates that are known before training.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], optimizer=cnn.Adam(0.05), input_scale=1 / 16, seed=0)
    >>> plateau = cnn.callbacks.Plateau("loss", patience=1)
    >>> net = net.fit(data.X_train, data.y_train, epochs=20, callbacks=[plateau])
    >>> net.history["learning_rate"][0], net.history["learning_rate"][-1] < 0.05
    (0.05, True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.5,
        patience: int = 5,
        min_delta: float = 0.0,
        smallest: float = 0.0,
        mode: Mode = "auto",
        cooldown: int = 0,
    ) -> None:
        self.monitor = Monitor("Plateau", monitor, mode, min_delta)
        self.cooldown = checks.integer("Plateau", "cooldown", cooldown, minimum=0)
        self.factor = checks.real("Plateau", "factor", factor, above=0, below=1)
        self.patience = checks.integer("Plateau", "patience", patience, minimum=1)
        self.smallest = checks.real("Plateau", "smallest", smallest, minimum=0)
        self._best: float | None = None
        self._waited = 0  # number of epochs without an improvement; negative during the cooldown

    def on_train_begin(self, net: NetworkLike) -> None:
        """Count the epochs without improvement in the existing history."""
        self._best, self._waited = None, 0
        for value in net.history.get(self.monitor.column, ()):
            self._is_flat(value)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Reduce the learning rate if the value has not improved for `patience` epochs."""
        rate = history["learning_rate"][-1]
        if self._is_flat(self.monitor.latest(history)) and rate > self.smallest:
            net.learning_rate_scale *= max(self.factor, self.smallest / rate)

    def _is_flat(self, value: float) -> bool:
        """Record the value of an epoch; return whether it is the last of `patience` epochs without an improvement."""
        improved = self.monitor.better(value, self._best)
        if improved:
            self._best = value
        if improved and self._waited >= 0:
            self._waited = 0
            return False
        self._waited += 1
        if self._waited < self.patience:
            return False
        self._waited = -self.cooldown
        return True
