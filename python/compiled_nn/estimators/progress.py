"""What an estimator looks at after each epoch: whether it still gets better, at which rate to go on, when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..callbacks.base import Callback, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike

_SMALLEST_RATE = 1e-6  # below which "adaptive" stops
_ADAPTIVE_FACTOR = 5.0


@dataclass
class Progress:
    """What outlives a call of fit: warm starts and partial_fit go on from it.

    Attributes
    ----------
    losses, scores : list of float
        Loss with penalty, and what is monitored, of each epoch.
    best_loss, best_score : float
    best_epoch : int
        Of the best loss, or of the best score when there are any, counted from 1.
    best_state : dict or None
        A snapshot of the network at the epoch of the best score.
    stale : int
        Epochs since the last improvement that was large enough.
    rows_seen : int
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_epoch: int = 0
    best_state: dict[str, Any] | None = None
    stale: int = 0
    rows_seen: int = 0

    def add_loss(self, loss: float, min_delta: float) -> None:
        """Take note of an epoch's loss, which training looks at."""
        self.losses.append(loss)
        self.stale = self.stale + 1 if loss > self.best_loss - min_delta else 0
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, len(self.losses)

    def add_score(self, score: float, min_delta: float, loss: float, net: NetworkLike) -> None:
        """Take note of an epoch's score, the higher the better, which early stopping looks at."""
        self.losses.append(loss)
        self.scores.append(score)
        self.stale = self.stale + 1 if score < self.best_score + min_delta else 0
        if score > self.best_score:
            self.best_score, self.best_epoch = score, len(self.losses)
            self.best_state = net.snapshot(optimizer=False)


@dataclass
class Watch(Callback):
    """The callback of one call of fit, asked after those of the user.

    Parameters
    ----------
    progress : Progress
    n_rows : int
        Of an epoch.
    of_loss, of_penalty : float
        Factors by which the history's loss and penalty make the loss that is reported.
    monitor : Monitor or None
        Of the column of the history that decides; None: the loss.
    min_delta : float
        Least improvement that counts.
    patience : float
        Epochs without one, after which training stops.
    rates : {"constant", "invscaling", "adaptive"}
    initial_rate, power : float
        Of "invscaling": ``initial_rate / (rows seen + 1) ** power`` after each epoch.
    time_limit : float or None
        Seconds, after which the epoch is the last.

    Attributes
    ----------
    epochs : int
        That this call has run.
    stop_reason : str
        Why training stops when this callback stops it.
    """

    progress: Progress
    n_rows: int
    of_loss: float
    of_penalty: float
    monitor: Monitor | None
    min_delta: float
    patience: float
    rates: str
    initial_rate: float
    power: float
    time_limit: float | None
    epochs: int = 0
    stop_reason: str = "tol"
    start: float = field(default_factory=perf_counter)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Look at the last epoch of the history; tell whether it was the last one of all."""
        self.epochs += 1
        progress = self.progress
        progress.rows_seen += self.n_rows
        loss = self.of_loss * history["loss"][-1] + self.of_penalty * history["penalty"][-1]
        if self.monitor is None:
            progress.add_loss(loss, self.min_delta)
        else:
            value = self.monitor.latest(history)
            progress.add_score(value if self.monitor.rises else -value, self.min_delta, loss, net)
        if self.rates == "invscaling":
            _set_rate(net, self.initial_rate / (progress.rows_seen + 1) ** self.power)
        if progress.stale > self.patience and self._gives_up(net):
            self.stop_reason = "tol" if self.monitor is None else "early_stopping"
            return True
        if self.time_limit is not None and perf_counter() - self.start >= self.time_limit:
            self.stop_reason = "time_limit"
            return True
        return False

    def _gives_up(self, net: NetworkLike) -> bool:
        """Lower the rate, if that is the way to go on; tell whether it is not."""
        rate = net.optimizer.learning_rate
        if self.rates != "adaptive" or callable(rate) or rate <= _SMALLEST_RATE:
            return True
        _set_rate(net, rate / _ADAPTIVE_FACTOR)
        self.progress.stale = 0
        return False


def _set_rate(net: NetworkLike, rate: float) -> None:
    net.optimizer = replace(net.optimizer, learning_rate=rate)
