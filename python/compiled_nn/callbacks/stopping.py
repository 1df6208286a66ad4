"""Callbacks that react to a column of the history: by stopping, or by a smaller learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common import checks
from .base import Callback, Mode, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class EarlyStopping(Callback):
    """Stops when a value has not improved for some epochs, and gives back the weights of the best one.

    ``net.best_epoch_`` is the best epoch. Each call of fit starts with no best epoch. Momenta are those of the last
    epoch.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Column of the history.
    patience : int, default 10
        So many epochs in a row without an improvement end training.
    min_delta : float, default 0.0
        A value improves when it is better than the best one by more than this.
    restore_best : bool, default True
        In the end, however it comes but by an exception, give the network the weights of the best epoch.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" knows it of losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], seed=0)
    >>> stopping = cnn.callbacks.EarlyStopping(patience=3)
    >>> net = net.fit(data.X_train, data.y_train, epochs=500, validation_fraction=0.1, early_stopping=stopping)
    >>> net.stop_reason_
    'early_stopping'
    """

    stop_reason = "early_stopping"

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: Mode = "auto",
    ) -> None:
        self.monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.patience = checks.integer("EarlyStopping", "patience", patience, minimum=1)
        self.restore_best = checks.flag("EarlyStopping", "restore_best", restore_best)
        self._best: float | None = None
        self._best_epoch = 0
        self._weights: dict[str, Any] | None = None

    def on_train_begin(self, net: NetworkLike) -> None:
        """Forget the best epoch."""
        self._best, self._weights = None, None
        self._best_epoch = len(net.history["epoch"])

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Keep the best epoch; stop when it is long past."""
        value = self.monitor.latest(history)
        if self.monitor.better(value, self._best):
            self._best, self._best_epoch = value, epoch
            net.best_epoch_ = epoch
            if self.restore_best:
                self._weights = net.snapshot(optimizer=False)
        return epoch - self._best_epoch >= self.patience

    def on_train_end(self, net: NetworkLike) -> None:
        """Give the best weights back."""
        if self._weights is not None and net.stop_reason_ is not None:
            net.restore(self._weights)
        self._weights = None


class Target(Callback):
    """Stops when a value is reached.

    Parameters
    ----------
    monitor : str
        Column of the history.
    value : float
        To be reached, from above or below.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" knows it of losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.
    """

    stop_reason = "target"

    def __init__(self, monitor: str, value: float, mode: Mode = "auto") -> None:
        self.monitor = Monitor("target", monitor, mode)
        self.value = checks.real("target", "value", value)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Stop when the value is reached."""
        return self.monitor.reaches(self.monitor.latest(history), self.value)


class Plateau(Callback):
    """Makes the learning rate smaller when a value has not improved for some epochs.

    Whatever the learning rate is, a number or a schedule, it is multiplied by ``net.learning_rate_scale``, which
    becomes smaller. That is kept by ``warm_start`` and in checkpoints, and how long the value has not improved follows
    from the history: training that is interrupted goes on as if it had not been.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Column of the history.
    factor : float, default 0.5
        Above 0 and below 1.
    patience : int, default 5
        So many epochs in a row without an improvement make the rate smaller.
    min_delta : float, default 0.0
        A value improves when it is better than the best one by more than this.
    smallest : float, default 0.0
        The rate is not made smaller than this.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" knows it of losses, scores and named metrics.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.5,
        patience: int = 5,
        min_delta: float = 0.0,
        smallest: float = 0.0,
        mode: Mode = "auto",
    ) -> None:
        self.monitor = Monitor("Plateau", monitor, mode, min_delta)
        self.factor = checks.real("Plateau", "factor", factor, above=0, below=1)
        self.patience = checks.integer("Plateau", "patience", patience, minimum=1)
        self.smallest = checks.real("Plateau", "smallest", smallest, minimum=0)
        self._best: float | None = None
        self._waited = 0

    def on_train_begin(self, net: NetworkLike) -> None:
        """Take in the epochs that the history has already."""
        self._best, self._waited = None, 0
        for value in net.history.get(self.monitor.column, ()):
            self._is_flat(value)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Make the rate smaller when it is time."""
        rate = history["learning_rate"][-1]
        if self._is_flat(self.monitor.latest(history)) and rate > self.smallest:
            net.learning_rate_scale *= max(self.factor, self.smallest / rate)

    def _is_flat(self, value: float) -> bool:
        """Take in the value of an epoch; tell whether it is the last of `patience` without an improvement."""
        if self.monitor.better(value, self._best):
            self._best, self._waited = value, 0
            return False
        self._waited = (self._waited + 1) % self.patience
        return self._waited == 0
