"""MLPClassifier, MLPRegressor, TabularClassifier and TabularRegressor that are trained on a Dask cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import estimators, metrics
from ..artefact import refusals
from ..common.errors import suggest_keywords
from ..estimators import inputs
from ..estimators.parameters import Parameters
from ..estimators.tabular import TabularClassifier as _TabularClassifier
from ..estimators.tabular import TabularRegressor as _TabularRegressor
from ..estimators.tabular.parameters import TabularParameters
from .base import CheckpointParameters, DaskEstimator
from .prediction import predict

if TYPE_CHECKING:
    from ..data.sample_weights import ClassWeight
    from ..estimators.parameters import HiddenActivation
    from ..losses import ClassLossName, Loss, ValueLossName


class _Classifies(DaskEstimator):
    """Predictions of classifiers."""

    _kind = "classifier"
    _lazy = ("predict_proba", "predict_log_proba", "decision_function", "predict_set")

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class (m, n_classes), in the order of ``classes_``; see :meth:`predict`."""
        return predict(self.to_local(), X, "predict_proba")

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities (m, n_classes); see :meth:`predict`."""
        return predict(self.to_local(), X, "predict_log_proba")

    def decision_function(self, X: Any) -> Any:
        """Return the outputs before the link; see :meth:`predict`."""
        return predict(self.to_local(), X, "decision_function")

    def predict_set(self, X: Any, coverage: float = 0.9) -> Any:
        """Return whether each class is in the prediction set of a row (m, n_classes); see :meth:`predict`."""
        return predict(self.to_local(), X, "predict_set", coverage=coverage)

    def _score_of(self, predicted: Any, y: Any, sample_weight: Any) -> float:
        labels = inputs.read_targets(self._owner, y, len(predicted))
        weights = inputs.read_weights(sample_weight, len(labels))
        return metrics.accuracy(labels, np.asarray(predicted), weights)


class _Regresses(DaskEstimator):
    """Predictions of regressors."""

    _kind = "regressor"
    _lazy = ("predict_interval", "predict_distribution")

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """Return lower and upper bounds, each (m,) or (m, n_outputs); see :meth:`predict`."""
        return predict(self.to_local(), X, "predict_interval", coverage=coverage)

    def predict_distribution(self, X: Any) -> Any:
        """Return means and standard deviations, for the loss "gaussian_nll"; see :meth:`predict`."""
        return predict(self.to_local(), X, "predict_distribution")

    def _score_of(self, predicted: Any, y: Any, sample_weight: Any) -> float:
        values = inputs.read_targets(self._owner, y, len(predicted))
        weights = inputs.read_weights(sample_weight, len(values))
        loss, shape = self.model_.network_._configuration.loss, (len(values), -1)
        found = loss.score(np.reshape(values, shape), np.reshape(np.asarray(predicted), shape), weights)
        return refusals.finite_score(found)


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class MLPClassifier(CheckpointParameters, _Classifies, Parameters):
    """Multilayer perceptron for classification that is trained on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, optional
        Client of the cluster. Default: the default client; in a task of a worker, that of the worker.
    mode : {"averaging", "synchronous"}, default "averaging"
        "averaging": the workers take steps on batches of their shards, and the weights are averaged every
        `steps_per_average` steps. "synchronous": each step is taken with the gradient of rows of all shards.
    n_shards : int, optional
        Number of shards, which the result depends on. Default: the number of workers, at most that of the partitions.
    steps_per_average : int or "auto", default "auto"
        Number of steps between two averages; "auto": chosen from measured times, so that results depend on these.
    in_memory : bool or "auto", default "auto"
        Whether the workers keep all rows. False: they read them again in each epoch, a few parts at a time. "auto":
        whether all rows need at most 30 % of the memory of the workers.
    timeout : float, optional
        Number of seconds that a task may take. A worker that takes longer is restarted, and another one repeats the
        task. Default: no limit.
    retries : int, default 0
        Number of times that a task is repeated after an exception, or after it took longer than `timeout`.
    checkpoint : str or path-like, optional
        File to which training is written after each epoch, and from which a fit with the same parameters and data
        continues if the file exists; see :class:`compiled_nn.callbacks.Checkpoint`.
    **parameters
        All others are those of :class:`compiled_nn.MLPClassifier`, except ``solver="lbfgs"``.

    Attributes
    ----------
    model_ : compiled_nn.MLPClassifier
        Fitted plain estimator, which needs no Dask. The attributes of the plain estimator are those of this one, too.
    pace_ : compiled_nn.distributed.pace.Pace
        Times of the rounds: ``report()`` says how many steps were chosen, and whether more workers would help.

    See Also
    --------
    compiled_nn.MLPClassifier : The same estimator without Dask.
    TabularClassifier : Classifier that chooses its settings.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from compiled_nn.dask import MLPClassifier
    >>> X = da.random.default_rng(0).normal(size=(2000, 3), chunks=(500, 3))
    >>> y = X.sum(axis=1) > 0
    >>> with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"):
    ...     model = MLPClassifier(max_iter=10, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> model.to_local().predict([[1.0, 2.0, 0.5], [-1.0, 0.5, -2.0]])
    array([ True, False])
    """

    _plain = estimators.MLPClassifier

    loss: Loss | ClassLossName | Literal["log_loss"] = "log_loss"
    class_weight: ClassWeight | None = None
    label_smoothing: float = 0.0


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(CheckpointParameters, _Regresses, Parameters):
    """Multilayer perceptron for regression that is trained on the workers of a Dask cluster.

    Parameters
    ----------
    client, mode, n_shards, steps_per_average, in_memory, timeout, retries, checkpoint :
        As for :class:`compiled_nn.dask.MLPClassifier`.
    **parameters
        All others are those of :class:`compiled_nn.MLPRegressor`, except ``solver="lbfgs"``.

    Attributes
    ----------
    model_ : compiled_nn.MLPRegressor
        Fitted plain estimator, which needs no Dask. The attributes of the plain estimator are those of this one, too.
    pace_ : compiled_nn.distributed.pace.Pace
        Times of the rounds: ``report()`` says how many steps were chosen, and whether more workers would help.

    See Also
    --------
    compiled_nn.MLPRegressor : The same estimator without Dask.
    TabularRegressor : Regressor that chooses its settings.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from compiled_nn.dask import MLPRegressor
    >>> X = da.random.default_rng(0).normal(size=(2000, 3), chunks=(500, 3))
    >>> y = X.sum(axis=1)
    >>> with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"):
    ...     model = MLPRegressor(max_iter=10, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> model.to_local().predict([[1.0, 2.0, 0.5]]).round(1)
    array([3.4])
    """

    _plain = estimators.MLPRegressor

    loss: Loss | ValueLossName = "squared_error"
    scale_targets: bool = False
    output_activation: HiddenActivation | None = None


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class TabularClassifier(_Classifies, TabularParameters):
    """Classifier of tables that chooses its settings and is trained on the workers of a Dask cluster.

    All members validate the same rows, and there are no out-of-fold predictions.

    Parameters
    ----------
    client, mode, n_shards, steps_per_average, in_memory, timeout, retries :
        As for :class:`compiled_nn.dask.MLPClassifier`; `mode` is "averaging".
    **parameters
        All others are those of :class:`compiled_nn.TabularClassifier`.

    Attributes
    ----------
    model_ : compiled_nn.TabularClassifier
        Fitted plain estimator, which needs no Dask. The attributes of the plain estimator are those of this one, too.
    pace_ : compiled_nn.distributed.pace.Pace
        Times of the rounds: ``report()`` says how many steps were chosen, and whether more workers would help.

    See Also
    --------
    compiled_nn.TabularClassifier : The same estimator without Dask.
    MLPClassifier : Classifier with given settings.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from distributed import Client
    >>> from compiled_nn.dask import TabularClassifier
    >>> table = pd.DataFrame({"age": [20, 30, 40, 50] * 50, "city": ["Ulm", "Bonn"] * 100})
    >>> X, y = dd.from_pandas(table, npartitions=2), dd.from_pandas(table["age"] > 35, npartitions=2)
    >>> with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"):
    ...     model = TabularClassifier(n_members=2, max_iter=20, random_state=0).fit(X, y)
    >>> model.to_local().predict(table[:4])
    array([False, False,  True,  True])
    """

    _plain = _TabularClassifier

    loss: Loss | ClassLossName | Literal["auto"] = "auto"
    class_weight: ClassWeight | None = None
    label_smoothing: float | Literal["auto"] = "auto"


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class TabularRegressor(_Regresses, TabularParameters):
    """Regressor of tables that chooses its settings and is trained on the workers of a Dask cluster.

    Parameters
    ----------
    client, mode, n_shards, steps_per_average, in_memory, timeout, retries :
        As for :class:`compiled_nn.dask.TabularClassifier`.
    **parameters
        All others are those of :class:`compiled_nn.TabularRegressor`.

    Attributes
    ----------
    model_ : compiled_nn.TabularRegressor
        Fitted plain estimator, which needs no Dask. The attributes of the plain estimator are those of this one, too.
    pace_ : compiled_nn.distributed.pace.Pace
        Times of the rounds: ``report()`` says how many steps were chosen, and whether more workers would help.

    See Also
    --------
    compiled_nn.TabularRegressor : The same estimator without Dask.
    MLPRegressor : Regressor with given settings.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from distributed import Client
    >>> from compiled_nn.dask import TabularRegressor
    >>> table = pd.DataFrame({"age": [20, 30, 40, 50] * 50, "city": ["Ulm", "Bonn"] * 100})
    >>> X, y = dd.from_pandas(table, npartitions=2), dd.from_pandas(table["age"] * 100, npartitions=2)
    >>> with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"):
    ...     model = TabularRegressor(n_members=2, max_iter=20, random_state=0).fit(X, y)
    >>> model.to_local().score(table, table["age"] * 100) > 0.9
    True
    """

    _plain = _TabularRegressor

    loss: Loss | ValueLossName | Literal["auto"] = "auto"
    scale_targets: bool | Literal["auto"] = "auto"
