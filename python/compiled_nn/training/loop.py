"""Training loop of one call of fit: runs epochs, extends the history, validates, runs callbacks, prints lines."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ..callbacks.base import Callback, overrides
from ..common.errors import CompiledNNWarning
from ..common.exclusive import BetweenEpochs
from ..optimizers.base import Optimizer
from .averaging import SWA
from .batches import Data
from .divergence import Divergence, Snapshot
from .history import append_epochs, last_epoch, trim_columns
from .plan import Plan
from .report import Report
from .trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History, NetworkLike
    from ..spec.configuration import Configuration
    from .lbfgs import FullBatch
    from .spread_epochs import SpreadEpochs
    from .streams import Streamed
    from .together import Together

Source: TypeAlias = "InMemory | Streamed | FullBatch | Together | SpreadEpochs | ClosingSource"
OnStep: TypeAlias = Callable[[int, float], bool]


class ClosingSource(Protocol):
    """Source of epochs over sharded rows, which has to be closed; the attributes are those of :class:`InMemory`."""

    finished: str | None
    has_stepped: bool

    def run(
        self, optimizer: Optimizer, most: int, deadline: float, on_step: OnStep | None = None
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch; documented in :meth:`InMemory.run`."""

    def close(self) -> None:
        """Release what other processes hold for training."""


class Recorder(Protocol):
    """Recorder of a call of fit, from which an interrupted one continues; see ``Checkpoint(resume=True)``.

    Attributes
    ----------
    stopped : str or None
        Stop reason of the recorded run, if it had ended.
    """

    stopped: str | None

    def begin(self, net: NetworkLike) -> None:
        """Set the state of the callbacks, after their `on_train_begin`."""

    def record(self, net: NetworkLike, epoch: int, reason: str | None) -> None:
        """Record the state after an epoch and its callbacks; `reason` is the stop reason, None if it continues."""


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

    Attributes
    ----------
    has_stepped : bool
        Whether a step was taken.
    finished : None
        Stop reason of the optimizer: it has none.
    """

    finished: str | None = None

    def __init__(self, trainer: Trainer, data: Data, objective: Objective) -> None:
        self._trainer, self._data, self._objective = trainer, data, objective
        self._last_finite: Snapshot | None = None
        self._resets = trainer.resets
        self.has_stepped = False

    def run(
        self, optimizer: Optimizer, most: int, deadline: float, on_step: OnStep | None = None
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch, or for several short ones in one call of the core.

        Parameters
        ----------
        optimizer : Optimizer
            Optimizer of the network.
        most : int
            Largest number of epochs to train.
        deadline : float
            Time of `perf_counter` at which training ends; an epoch that is not finished by then is not recorded.
        on_step : callable, optional
            Function of the number of a batch in its epoch and its loss, which is called after each step. Training ends
            if it returns True.

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
        epochs, before = trainer.epochs_together(self._data.batches, most), trainer.stack.steps
        result = trainer.run(
            self._data, optimizer, self._objective, self._last_finite, epochs, deadline, on_step
        )
        self.has_stepped = self.has_stepped or trainer.stack.steps != before
        return result


def run(
    net: NetworkLike,
    source: Source,
    plan: Plan,
    validate: Callable[[float], History] | None,
    changed: Callable[[], None],
    configuration: Configuration,
    recorder: Recorder | None = None,
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
        Function of the deadline that returns the validation columns of the history for the present weights.
    changed : callable
        Function without arguments that is called after the weights have changed, before callbacks use the network.
    configuration : Configuration
        Parameters of the network, for the advice after a divergence.
    recorder : Recorder, optional
        Recorder of the epochs.

    Raises
    ------
    DivergenceError
        If the loss or the weights are not finite after an epoch.
    KeyboardInterrupt
        If training is interrupted, unless ``plan.on_interrupt`` is "return".
    """
    net.epochs_planned_ = last_epoch(net.history) + plan.epochs
    net.stop_reason_ = net.best_epoch_ = None
    report, owner = Report(plan.verbose), type(net).__name__
    report.begin(owner, plan.epochs)
    try:
        with ExitStack() as ends:
            for callback in plan.callbacks:
                with BetweenEpochs(net):
                    callback.on_train_begin(net)
                ends.callback(_end, callback, net)
            if recorder is not None:
                with BetweenEpochs(net):
                    recorder.begin(net)
            try:
                epochs = _Epochs(net, source, plan, validate, changed, configuration, report, recorder)
                net.stop_reason_ = epochs.run()
            except KeyboardInterrupt:
                if plan.on_interrupt == "raise":
                    raise
                net.stop_reason_ = "interrupted"
            finally:
                trim_columns(net.history)
                changed()
    except BaseException as error:
        net.stop_reason_ = None
        report.failure(owner, error)
        raise
    report.end(owner, net.stop_reason_, len(net.history["epoch"]))


def _end(callback: Callback, net: NetworkLike) -> None:
    with BetweenEpochs(net):
        callback.on_train_end(net)


class _Epochs:
    """Epochs of one call of fit; the parameters are those of :func:`run`."""

    def __init__(
        self,
        net: NetworkLike,
        source: Source,
        plan: Plan,
        validate: Callable[[float], History] | None,
        changed: Callable[[], None],
        configuration: Configuration,
        report: Report,
        recorder: Recorder | None,
    ) -> None:
        self.net, self.source, self.plan = net, source, plan
        self.validate, self.changed = validate, changed
        self.configuration, self.report, self.recorder = configuration, report, recorder
        self.at_begin = [each for each in plan.callbacks if overrides(each, "on_epoch_begin")]
        self.at_batch = [each for each in plan.callbacks if overrides(each, "on_batch_end")]
        self.epoch = last_epoch(net.history)
        self.stopped: str | None = None  # reason of the callback that has stopped training after a batch
        self.steps = 0  # number of steps that callbacks were called for

    def run(self) -> str:
        """Train, and return the reason why training ended."""
        plan, history, last = self.plan, self.net.history, self.net.epochs_planned_
        first, has_output = self.epoch, self.report.has_output
        if self.recorder is not None and self.recorder.stopped is not None:
            return self.recorder.stopped
        while self.epoch < last:
            with BetweenEpochs(self.net):
                for callback in self.at_begin:
                    callback.on_epoch_begin(self.net, self.epoch + 1, history)
            columns, divergence = self.source.run(
                self.net.optimizer,
                self._most(last),
                plan.deadline,
                self._after_step if self.at_batch else None,
            )
            ended = len(columns["loss"])
            if self.validate is not None and divergence is None and ended:
                try:
                    columns |= self.validate(plan.deadline)
                except TimeoutError:
                    if perf_counter() < plan.deadline:  # it comes from a metric
                        raise
                    columns, ended = {name: [] for name in columns}, 0
            append_epochs(history, {**columns, "epoch": range(self.epoch + 1, self.epoch + 1 + ended)})
            self.epoch += ended
            if divergence is not None:
                raise divergence.error(f"Epoch {self.epoch + 1}", self.configuration)
            reason = (self._after_epoch() if ended else self.stopped) or self.source.finished
            if ended and self.recorder is not None:
                self._record(self.recorder, reason)
            if ended and has_output:
                self.report.epoch(history, last, reason is not None)
            if reason is not None:
                return reason
            if not ended or (self.epoch < last and perf_counter() >= plan.deadline):
                self._warn_of_no_step(first)
                return "time_limit"
        return "max_iter"

    def _most(self, last: int) -> int:
        """Return the largest number of epochs that the next call of the core may train."""
        most = 1 if self.validate or self.plan.callbacks else last - self.epoch
        period = self.report.period
        return min(most, period - self.epoch % period) if period else most

    def _after_step(self, batch: int, loss: float) -> bool:
        """Run the callbacks after a batch; return whether one of them stops training."""
        self.steps += 1
        self.changed()
        for callback in self.at_batch:
            if callback.on_batch_end(self.net, self.epoch + 1, batch, loss) is True and self.stopped is None:
                self.stopped = callback.stop_reason
        return self.stopped is not None

    def _after_epoch(self) -> str | None:
        """Run all callbacks after an epoch; return the stop reason of the first one that stops training, or None."""
        callbacks = self.plan.callbacks
        if not callbacks:
            return None
        self.changed()
        net = self.net
        with BetweenEpochs(net):
            results = [callback.on_epoch_end(net, self.epoch, net.history) for callback in callbacks]
        reasons = (
            callback.stop_reason for callback, stop in zip(callbacks, results, strict=True) if stop is True
        )
        return next(reasons, self.stopped)

    def _record(self, recorder: Recorder, reason: str | None) -> None:
        with BetweenEpochs(self.net):
            recorder.record(self.net, self.epoch, reason)

    def _warn_of_no_step(self, first: int) -> None:
        """Warn if the time limit has passed before the first step."""
        if self.epoch == first and not self.source.has_stepped:
            warnings.warn(
                "time_limit has passed before the first step of training, which leaves the weights as they were. Pass a"
                " larger time_limit.",
                CompiledNNWarning,
                stacklevel=2,
            )


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
