"""Training loop of one call of fit: runs epochs, extends the history, validates, runs callbacks, prints lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from ..callbacks.base import Callback
from ..optimizers.classes import Optimizer
from .averaging import SWA
from .batches import Data
from .divergence import Divergence, Snapshot
from .history import append_epochs, trim_columns
from .plan import Plan
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History, NetworkLike
    from .streams import Streamed

Source: TypeAlias = "InMemory | Streamed"


class InMemory:
    """Epochs over data in memory; :class:`compiled_nn.training.streams.Streamed` is the same for streamed batches.

    Parameters
    ----------
    trainer : Trainer
        Trainer of the network.
    data : Data
        Training data.
    objective : Objective
        Function to minimise.
    """

    def __init__(self, trainer: Trainer, data: Data, objective: Objective) -> None:
        self._trainer, self._data, self._objective = trainer, data, objective
        self._last_finite: Snapshot | None = None
        self._resets = trainer.resets

    def run(self, optimizer: Optimizer, most: int, deadline: float) -> tuple[History, Divergence | None]:
        """Train for one epoch, or for several short ones in one call of the core.

        Parameters
        ----------
        optimizer : Optimizer
            Optimizer of the network.
        most : int
            Largest number of epochs to train.
        deadline : float
            Time of `perf_counter` at which training ends; an epoch that is not finished by then is not recorded.

        Returns
        -------
        columns : dict of lists
            Columns of the history for the epochs that ended with finite values.
        divergence : Divergence or None
            Description of the epoch that diverged, if one did.
        """
        trainer = self._trainer
        trainer.set_optimizer(optimizer)
        if self._last_finite is None or self._resets != trainer.resets:
            self._last_finite, self._resets = Snapshot(trainer.stack), trainer.resets
        epochs = trainer.epochs_together(self._data.batches, most)
        return trainer.run(self._data, optimizer, self._objective, self._last_finite, epochs, deadline)


def run(
    net: NetworkLike,
    source: Source,
    plan: Plan,
    validate: Callable[[], History] | None,
    changed: Callable[[], None],
) -> None:
    """Train for all epochs of the plan, or until training is stopped; ``net.stop_reason_`` is set to the reason.

    Parameters
    ----------
    net : NetworkLike
        Network in training; its history is extended.
    source : Source
        Runs the epochs.
    plan : Plan
        Parameters of fit.
    validate : callable, optional
        Function without arguments that returns the validation columns of the history for the present weights.
    changed : callable
        Function without arguments that is called after the weights have changed, before callbacks use the network.

    Raises
    ------
    DivergenceError
        If the loss or the weights are not finite after an epoch.
    KeyboardInterrupt
        If training is interrupted, unless ``plan.on_interrupt`` is "return".
    """
    net.epochs_planned_ = len(net.history["epoch"]) + plan.epochs
    net.stop_reason_ = net.best_epoch_ = None
    with ExitStack() as ends:
        for callback in plan.callbacks:
            callback.on_train_begin(net)
            ends.callback(callback.on_train_end, net)
        try:
            net.stop_reason_ = _epochs(net, source, plan, validate, changed)
        except KeyboardInterrupt:
            if plan.on_interrupt == "raise":
                raise
            net.stop_reason_ = "interrupted"
        finally:
            trim_columns(net.history)
            changed()


def _epochs(
    net: NetworkLike,
    source: Source,
    plan: Plan,
    validate: Callable[[], History] | None,
    changed: Callable[[], None],
) -> str:
    """Train, and return the reason why training ended."""
    history, last = net.history, net.epochs_planned_
    epoch = len(history["epoch"])
    while epoch < last:
        most = 1 if validate or plan.callbacks else last - epoch
        if plan.verbose:
            most = min(most, plan.verbose - epoch % plan.verbose)
        columns, divergence = source.run(net.optimizer, most, plan.deadline)
        ended = len(columns["loss"])
        columns["epoch"] = list(range(epoch + 1, epoch + 1 + ended))
        if validate is not None and divergence is None and ended:
            columns |= validate()
        append_epochs(history, columns)
        epoch += ended
        if divergence is not None:
            raise divergence.error(f"Epoch {epoch + 1}")
        reason = _stops(net, plan, epoch, changed) if ended else None
        if plan.verbose and ended and (epoch % plan.verbose == 0 or epoch == last):
            print(line(history, last))
        if reason is not None:
            return reason
        if epoch < last and perf_counter() >= plan.deadline:
            return "time_limit"
    return "max_iter"


def _stops(net: NetworkLike, plan: Plan, epoch: int, changed: Callable[[], None]) -> str | None:
    """Run all callbacks after an epoch; return the stop reason of the first one that stops training, or None."""
    if not plan.callbacks:
        return None
    changed()
    results = [callback.on_epoch_end(net, epoch, net.history) for callback in plan.callbacks]
    reasons = (
        callback.stop_reason for callback, stop in zip(plan.callbacks, results, strict=True) if stop is True
    )
    return next(reasons, None)


def line(history: History, last_epoch: int) -> str:
    """Return one line of text with the number of the last epoch and its columns of the history."""
    row = {name: column[-1] for name, column in history.items()}
    numbers = "  ".join(f"{name} {row[name]:.6g}" for name in row if name not in ("epoch", "seconds"))
    return f"epoch {row['epoch']}/{last_epoch}  {numbers}  {row['seconds']:.3g} s"


class Averaging(Callback):
    """Callback that averages the weights after late epochs. It runs first, so that checkpoints contain the mean.

    Parameters
    ----------
    swa : SWA
        Parameters of averaging.
    trainer : Trainer
        Trainer of the network; it holds the mean.
    """

    def __init__(self, swa: SWA, trainer: Trainer) -> None:
        self._swa, self._trainer = swa, trainer

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Add the weights of a late epoch to the mean."""
        if epoch > self._swa.first_epoch(net.epochs_planned_):
            self._trainer.add_to_average()
        else:
            self._trainer.average = None


class MeanWeights(Callback):
    """Callback that sets the weights to the mean when training ends, before other callbacks use them.

    Parameters
    ----------
    trainer : Trainer
        Trainer of the network; it holds the mean.
    changed : callable
        Function without arguments that is called after the weights of the network have changed.
    """

    def __init__(self, trainer: Trainer, changed: Callable[[], None]) -> None:
        self._trainer, self._changed = trainer, changed

    def on_train_end(self, net: NetworkLike) -> None:
        """Set the weights of the network to the mean."""
        self._trainer.apply_average()
        self._changed()
