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

    See Also
    --------
    compiled_nn.tuning.optimize_study : Study of Optuna whose trials are trained together.

    Examples
    --------
    >>> import optuna
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> def objective(trial):
    ...     rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    ...     net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(rate), input_scale=1 / 16, seed=0)
    ...     pruning = cnn.callbacks.OptunaPruning(trial, "val_score")
    ...     net.fit(data.X_train, data.y_train, epochs=5, validation_fraction=0.2, callbacks=[pruning])
    ...     return net.history["val_score"][-1]
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    >>> study.optimize(objective, n_trials=8)
    >>> len(study.trials), round(study.best_value, 2)
    (8, 0.96)
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

    Training is the root task, and each epoch is a subtask. A hook that returns True stops training. Hooks with
    parameters for X, y and a fitted estimator, such as those of ``sklearn.callback.ScoringMonitor``, receive the data
    of fit and the network in training; with streamed batches they receive neither.

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

    See Also
    --------
    Callback : Base class of callbacks.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from sklearn.callback import ScoringMonitor
    >>> data = cnn.datasets.load_digits()
    >>> monitor = ScoringMonitor(scoring="accuracy")
    >>> callback = cnn.callbacks.from_sklearn(monitor)
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=3, callbacks=[callback])
    >>> entries = monitor.get_logs().data
    >>> [round(entry["accuracy"], 2) for entry in entries if entry["task_name"] == "epoch"]
    [0.23, 0.45, 0.61]
    """
    return _FromSklearn(callback)


class _FromSklearn(Callback):
    def __init__(self, callback: Any) -> None:
        requirement = {"purpose": "its callback", "library": "scikit-learn 1.9", "extra": "sklearn"}
        support = optional.load("sklearn.callback", **requirement).CallbackSupportMixin
        type("Network", (support,), {})().set_callbacks(callback)  # raises TypeError for another object
        self._callback, self._support = callback, support
        self._data: dict[str, Any] = {}
        self._estimator: Any = None
        self._root: Any = None

    def set_data(self, X: Any, y: Any) -> None:
        self._data = {} if y is None else {"X": X, "y": y}

    def on_train_begin(self, net: NetworkLike) -> None:
        epochs = net.epochs_planned_ - (net.history["epoch"] or [0])[-1]
        self._estimator = _estimator(net, self._support).set_callbacks(self._callback)
        self._root = self._estimator._init_callback_context(max_subtasks=epochs)
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_end(self, net: NetworkLike, epoch: int, history: History) -> bool:
        task = self._root.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return self._end(task, net)

    def on_train_end(self, net: NetworkLike) -> None:
        try:
            self._end(self._root, net)
        finally:
            self._callback.teardown(estimator=self._estimator, context=self._root)
            self._data = {}

    def _end(self, task: Any, net: NetworkLike) -> bool:
        fitted = {"network": net} if self._data else None
        return bool(
            task.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=fitted, **self._data
            )
        )


def _estimator(net: NetworkLike, support: Any) -> Any:
    """Return an estimator of scikit-learn that predicts with the network; scikit-learn displays the name of its class.

    Its scorers need the kind of the estimator, and the methods that it has.
    """
    base = optional.load("sklearn.base", purpose="its callback", library="scikit-learn", extra="sklearn")
    classifies = hasattr(net, "classes_")
    kinds = (base.ClassifierMixin, _Classifier) if classifies else (base.RegressorMixin, _Predictor)
    return type("Network", (support, *kinds, base.BaseEstimator), {"network": net})()


class _Predictor:
    network: Any

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return self.network.predict(X)


class _Classifier(_Predictor):
    @property
    def classes_(self) -> Any:
        return self.network.classes_

    def predict_proba(self, X: Any) -> Any:
        return self.network.predict_proba(X)

    def decision_function(self, X: Any) -> Any:
        return self.network.decision_function(X)
