"""Callbacks of other libraries, as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common import optional
from .base import Callback, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class OptunaPruning(Callback):
    """Reports each epoch to a trial of Optuna, and gives the trial up when Optuna says so.

    Parameters
    ----------
    trial : optuna.Trial
    monitor : str, default "val_loss"
        Column of the history to report.

    Raises
    ------
    ImportError
        When Optuna is not installed.
    optuna.TrialPruned
        After an epoch; the network stays usable.
    """

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        optuna = optional.load("optuna", purpose="pruning trials", library="Optuna", extra="optuna")
        self._pruned: type[Exception] = optuna.TrialPruned
        self.trial = trial
        self.monitor = Monitor("OptunaPruning", monitor, "min")

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> None:
        """Report the epoch."""
        self.trial.report(self.monitor.latest(history), epoch)
        if self.trial.should_prune():
            raise self._pruned(f"Pruned after epoch {epoch}.")


def from_sklearn(callback: Any) -> Callback:
    """Return a callback of scikit-learn (1.9 and later), as ``sklearn.callback.ProgressBar``, as one of ours.

    Training is the root task, each epoch a task below it; a hook that returns True stops training. Hooks get no data
    and no fitted estimator: metrics are for ``fit(metrics=...)``.

    Parameters
    ----------
    callback : sklearn.callback.FitCallback

    Returns
    -------
    Callback

    Raises
    ------
    ImportError
        When scikit-learn is not installed, or has no callbacks yet.
    TypeError
        When it is no callback of scikit-learn.
    """
    return _FromSklearn(callback)


class _FromSklearn(Callback):
    def __init__(self, callback: Any) -> None:
        what = {"purpose": "its callback", "library": "scikit-learn 1.9", "extra": "sklearn"}
        support = optional.load("sklearn.callback", **what).CallbackSupportMixin
        self._callback = callback
        # What scikit-learn takes for the estimator in training: its name is shown.
        self._estimator = type("Network", (support,), {})().set_callbacks(callback)
        self._root: Any = None

    def on_train_begin(self, net: NetworkLike) -> None:
        epochs = net.epochs_planned_ - len(net.history["epoch"])
        self._root = self._estimator._init_callback_context(max_subtasks=epochs)
        self._root.call_on_fit_task_begin(estimator=self._estimator)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        task = self._root.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self._estimator)
        return bool(task.call_on_fit_task_end(estimator=self._estimator))

    def on_train_end(self, net: NetworkLike) -> None:
        try:
            self._root.call_on_fit_task_end(estimator=self._estimator)
        finally:
            self._callback.teardown(estimator=self._estimator, context=self._root)
