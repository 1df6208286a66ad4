"""Adapters for callbacks of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..common import optional
from .base import Callback, Monitor

if TYPE_CHECKING:
    from ..common.protocols import History, NetworkLike


class OptunaPruning(Callback):
    """Callback that reports each epoch to a trial of Optuna, and stops training if Optuna prunes the trial.

    Parameters
    ----------
    trial : optuna.Trial
        Trial to report to.
    monitor : str, default "val_loss"
        Column of the history to report.

    Raises
    ------
    ImportError
        If Optuna is not installed.
    optuna.TrialPruned
        If Optuna prunes the trial; fit raises it after an epoch. The network can still be used.
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
    """Return a callback of scikit-learn 1.9 or later, such as ``sklearn.callback.ProgressBar``, as a callback of fit.

    Training is the root task, and each epoch is a subtask. A hook that returns True stops training. Hooks receive
    neither data nor a fitted estimator; use ``fit(metrics=...)`` for metrics.

    Parameters
    ----------
    callback : sklearn.callback.FitCallback
        Callback of scikit-learn.

    Returns
    -------
    Callback
        Callback for ``fit(callbacks=[...])``.

    Raises
    ------
    ImportError
        If scikit-learn is not installed, or is older than 1.9.
    TypeError
        If `callback` is not a callback of scikit-learn.
    """
    return _FromSklearn(callback)


class _FromSklearn(Callback):
    def __init__(self, callback: Any) -> None:
        requirement = {"purpose": "its callback", "library": "scikit-learn 1.9", "extra": "sklearn"}
        support = optional.load("sklearn.callback", **requirement).CallbackSupportMixin
        self._callback = callback
        # Placeholder for the estimator in training; scikit-learn displays the name of its class.
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
