"""One call of fit: epochs run one or many at a time, recorded, validated, shown; in the span of the rows or not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from ..callbacks.base import Callback
from ..common.protocols import History
from ..optimizers.classes import Optimizer
from .averaging import SWA
from .batches import Data
from .divergence import Divergence, LastFinite
from .history import append_epochs, trim_columns
from .plan import Plan
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import NetworkLike
    from .streams import Streamed

Source: TypeAlias = "InMemory | Streamed"


# ---- what is asked of a call of fit


# ---- epochs


class InMemory:
    """Epochs over one X and y; :class:`streams.Streamed` does the same over batches that come.

    Parameters
    ----------
    trainer : Trainer
    data : Data
    objective : Objective
    """

    def __init__(self, trainer: Trainer, data: Data, objective: Objective) -> None:
        self._trainer, self._data, self._objective = trainer, data, objective
        self._finite: LastFinite | None = None

    def run(self, optimizer: Optimizer, most: int, deadline: float) -> tuple[History, Divergence | None]:
        """Train for as many epochs as are worth a call, but not more than `most`; none when the deadline comes before.

        Returns columns of the history, and why there are not more of them.
        """
        trainer = self._trainer
        if trainer.set_optimizer(optimizer) or self._finite is None:
            self._finite = LastFinite(trainer.stack)
        together = trainer.epochs_together(self._data.batches, most)
        return trainer.run(self._data, optimizer, self._objective, self._finite, together, deadline)


def run(
    net: NetworkLike,
    source: Source,
    plan: Plan,
    validate: Callable[[], History] | None,
    changed: Callable[[], None],
) -> None:
    """Train until the plan is fulfilled, or something ends it: ``net.stop_reason_`` says what.

    Parameters
    ----------
    net : NetworkLike
    source : Source
    plan : Plan
    validate : callable, optional
        Returns further columns of an epoch that ended.
    changed : callable
        Called when the weights have changed and before anything else sees the network.

    Raises
    ------
    DivergenceError
        When an epoch does not end finite.
    KeyboardInterrupt
        Unless the plan says to return.
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
    """Train and return why it ended."""
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
    """Ask all callbacks about an epoch; return the reason of the first that stops training."""
    if not plan.callbacks:
        return None
    changed()
    answers = [callback.on_epoch_end(net, epoch, net.history) for callback in plan.callbacks]
    reasons = (
        callback.stop_reason for callback, stop in zip(plan.callbacks, answers, strict=True) if stop is True
    )
    return next(reasons, None)


def line(history: History, last_epoch: int) -> str:
    """Return one line about the latest epoch."""
    row = {name: column[-1] for name, column in history.items()}
    numbers = "  ".join(f"{name} {row[name]:.6g}" for name in row if name not in ("epoch", "seconds"))
    return f"epoch {row['epoch']}/{last_epoch}  {numbers}  {row['seconds']:.3g} s"


class Averaging(Callback):
    """Averages weights after late epochs; at the end the network gets the mean.

    Parameters
    ----------
    swa : SWA
    trainer : Trainer
    changed : callable
        Called when the weights of the network have changed.
    """

    def __init__(self, swa: SWA, trainer: Trainer, changed: Callable[[], None]) -> None:
        self._swa, self._trainer, self._changed = swa, trainer, changed

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Add the weights of a late epoch to the mean."""
        if epoch > self._swa.first_epoch(net.epochs_planned_):
            self._trainer.add_to_average()
        else:
            self._trainer.average = None

    def on_train_end(self, net: NetworkLike) -> None:
        """Give the network the mean."""
        self._trainer.apply_average()
        self._changed()
