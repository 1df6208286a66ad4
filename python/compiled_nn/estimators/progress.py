"""Check after each epoch of an estimator: improvement, learning rate of the next epoch, end of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..callbacks.base import Callback, Monitor
from ..callbacks.checkpoint import Checkpoint

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike

_SMALLEST_RATE = 1e-6  # lower bound of the rate: "adaptive" stops there
_ADAPTIVE_FACTOR = 5.0
EPOCHS_KEPT = 1000  # epochs that partial_fit leaves in the curves, so that a stream does not fill memory


@dataclass
class Progress:
    """State kept between calls of fit, for warm starts and partial_fit.

    Attributes
    ----------
    losses, scores : list of float
        Loss with penalty, and monitored value, of each epoch. A monitored value that should fall is negated.
    best_loss, best_score : float
        Lowest loss and highest score so far.
    best_epoch : int
        Epoch of the best score, or of the best loss where there are no scores, counted from 1; 0 before training.
    best_state : dict or None
        Snapshot of the network at the epoch of the best score.
    stale : int
        Number of epochs since the last improvement by at least `min_delta`.
    rows_seen : int
        Number of rows that training has used so far, counted once per epoch.
    has_begun : bool
        Whether training has begun in the present or last call of fit.
    dropped : int
        Number of epochs that :meth:`keep_last` has removed from `losses`.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_epoch: int = 0
    best_state: dict[str, Any] | None = None
    stale: int = 0
    rows_seen: int = 0
    has_begun: bool = False
    dropped: int = 0

    @property
    def epoch(self) -> int:
        """Number of the last epoch, from 1."""
        return self.dropped + len(self.losses)

    def keep_last(self, n_epochs: int) -> None:
        """Remove all losses and scores except for the last `n_epochs`."""
        self.dropped += max(len(self.losses) - n_epochs, 0)
        del self.losses[:-n_epochs], self.scores[:-n_epochs]

    def add_loss(self, loss: float, min_delta: float) -> None:
        """Append the loss of an epoch, by which training stops."""
        self.losses.append(loss)
        self.stale = self.stale + 1 if loss > self.best_loss - min_delta else 0
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, self.epoch

    def add_score(self, score: float, min_delta: float, loss: float, net: NetworkLike) -> None:
        """Append the score of an epoch, where higher is better, by which early stopping stops."""
        self.losses.append(loss)
        self.scores.append(score)
        self.stale = 0 if score >= self.best_score + min_delta else self.stale + 1  # NaN counts as worse
        if score > self.best_score:
            self.best_score, self.best_epoch = score, self.epoch
            self.best_state = net.snapshot(optimizer=False)


@dataclass
class ConvergenceCheck(Callback):
    """Callback of one call of fit, which runs after the callbacks of the user.

    Parameters
    ----------
    progress : Progress
        State that each epoch updates.
    n_rows : int
        Number of rows per epoch.
    loss_factor, penalty_factor : float
        Factors of the loss and penalty of the history in the reported loss.
    monitor : Monitor or None
        Monitor of the column of the history that decides; None: the reported loss.
    min_delta : float
        Smallest improvement that counts.
    patience : float
        Number of epochs without improvement after which training stops.
    rate_rule : {"constant", "invscaling", "adaptive"}
        Rule of the learning rate.
    initial_rate, power : float
        Parameters of "invscaling": the rate is ``initial_rate / (rows seen + 1) ** power`` after each epoch.

    Attributes
    ----------
    epochs : int
        Number of epochs that this call has run.
    stop_reason : str
        Reason for which this callback stopped training.
    """

    progress: Progress
    n_rows: int
    loss_factor: float
    penalty_factor: float
    monitor: Monitor | None
    min_delta: float
    patience: float
    rate_rule: str
    initial_rate: float
    power: float
    epochs: int = 0
    stop_reason: str = "tol"

    def on_train_begin(self, net: NetworkLike) -> None:
        """Record that training begins: the callbacks of the user have run."""
        self.progress.has_begun = True

    @property
    def best_weights(self) -> dict[str, Any] | None:
        """Snapshot of the weights of the best epoch; None without early stopping."""
        return self.progress.best_state

    def replay(self, net: NetworkLike, best_weights: dict[str, Any] | None) -> None:
        """Repeat the updates for the epochs of the history, which an interrupted call of fit has trained."""
        replayed: Any = _Replayed(net.optimizer)
        for i, epoch in enumerate(net.history["epoch"]):
            columns = {name: column[i : i + 1] for name, column in net.history.items()}
            self.on_epoch_end(replayed, epoch, columns)
        if replayed.optimizer is not net.optimizer:
            net.optimizer = replayed.optimizer
        self.progress.best_state = best_weights

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        """Update `progress` and the learning rate; return True to stop training."""
        self.epochs += 1
        progress = self.progress
        progress.rows_seen += self.n_rows
        loss = self.loss_factor * history["loss"][-1] + self.penalty_factor * history["penalty"][-1]
        if self.monitor is None:
            progress.add_loss(loss, self.min_delta)
        else:
            value = self.monitor.latest(history)
            progress.add_score(value if self.monitor.rises else -value, self.min_delta, loss, net)
        if self.rate_rule == "invscaling":
            _set_rate(net, self.initial_rate / (progress.rows_seen + 1) ** self.power)
        if progress.stale > self.patience and not self._lower_rate(net):
            self.stop_reason = "tol" if self.monitor is None else "early_stopping"
            return True
        return False

    def attributes(self, stopping_early: bool) -> dict[str, Any]:
        """Return the fitted attributes that describe the epochs so far."""
        progress = self.progress
        best_score = progress.best_score if progress.best_epoch else math.nan
        return {
            "n_iter_": self.epochs,
            "t_": progress.rows_seen,
            "loss_curve_": progress.losses,
            "best_iter_": progress.best_epoch,
            "loss_": progress.losses[-1] if progress.losses else math.nan,
            "best_loss_": None if stopping_early or not progress.losses else progress.best_loss,
            "best_validation_score_": best_score if stopping_early else None,
            "validation_scores_": progress.scores if stopping_early else None,
        }

    def _lower_rate(self, net: NetworkLike) -> bool:
        """Divide the rate of "adaptive" by 5 and return True; return False where the rate cannot be lowered."""
        rate = net.optimizer.learning_rate
        if self.rate_rule != "adaptive" or callable(rate) or rate <= _SMALLEST_RATE:
            return False
        _set_rate(net, rate / _ADAPTIVE_FACTOR)
        self.progress.stale = 0
        return True


@dataclass
class _Replayed:
    """Stand-in for a network in epochs that are replayed: it has only the optimizer."""

    optimizer: Any

    def snapshot(self, *, optimizer: bool) -> None:
        """Return no weights: those of the best epoch are in the file."""


def _set_rate(net: NetworkLike, rate: float) -> None:
    net.optimizer = replace(net.optimizer, learning_rate=rate)


def seconds_until(deadline: float) -> float | None:
    """Return the time limit in seconds that ends at a deadline, a value of `perf_counter`; None for an infinite one."""
    return None if deadline == math.inf else max(deadline - perf_counter(), 1e-9)


def in_order(callbacks: Sequence[Any], check: ConvergenceCheck) -> list[Any]:
    """Return callbacks with the check before the checkpoints, which contain its results."""
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise TypeError(f"The 'callbacks' parameter must be a list. Got {callbacks!r} instead.")
    late = [each for each in callbacks if isinstance(each, Checkpoint)]
    return [*(each for each in callbacks if not isinstance(each, Checkpoint)), check, *late]
