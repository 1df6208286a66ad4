"""Conversion of scikit-learn's MLPClassifier and MLPRegressor, alone or behind a scaler, to the estimators here."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from ..data.arrays import Array
from ..exchange.comparison import compared
from ..exchange.sklearn_writer import answers_of
from ..preprocessing.standardization import Statistics
from ..training.stacks import states_of
from .classifier import MLPClassifier
from .random_draws import random_state
from .regressor import MLPRegressor

if TYPE_CHECKING:
    from ..training.weights import LayerState

_INSTEAD = (
    "Convert the last step alone, from_sklearn(pipeline[-1]): the result can take its place in the pipeline."
)


def from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """Convert a fitted multilayer perceptron of scikit-learn.

    The result has the same parameters, weights, labels, names of columns, loss curve and state of the optimizer:
    ``partial_fit``, and ``fit`` with ``warm_start=True``, continue where scikit-learn's would. A scaler before the
    network becomes the parameter `standardize`. The predictions of both are compared before it is returned;
    ``metadata_["conversion"]`` has the largest difference.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier, MLPRegressor, or sklearn.pipeline.Pipeline
        Fitted estimator; or a pipeline of one of StandardScaler, MinMaxScaler and RobustScaler, with the defaults of
        their parameters, and such an estimator.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Fitted estimator, whose dtype is that of the weights.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If `estimator` is of another class.
    ValueError
        If a parameter has no counterpart here.
    ArithmeticError
        If the predictions differ.
    NotFittedError
        If the estimator is not fitted.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> theirs = MLPClassifier((4,), solver="lbfgs", random_state=0).fit(X, y)
    >>> cnn.from_sklearn(theirs).predict([[0.0], [3.0]]).tolist()
    ['low', 'high']
    """
    sklearn = optional.load("sklearn", purpose="from_sklearn", library="scikit-learn", extra="sklearn")
    scaler, mlp = _steps(estimator)
    optional.load(
        "sklearn.utils.validation", purpose="from_sklearn", library="scikit-learn", extra="sklearn"
    ).check_is_fitted(mlp)
    scaling, statistics = (None, None) if scaler is None else _statistics(scaler)
    model: MLPClassifier | MLPRegressor = _unfitted(mlp, scaling)
    names = _names(mlp if scaler is None else scaler)
    model._create_network(
        np.empty((0, mlp.n_features_in_)), _targets(model, mlp), random_state(model.random_state), names, None
    )
    if statistics is not None:
        model.network_.inputs.set_in(model.network_._fitted(), statistics)
    _copy_training(model, mlp)
    model.network_.metadata = compared(
        *model._described_predictor(),
        lambda X: answers_of(estimator, X),
        type(mlp).__name__,
        f"scikit-learn {sklearn.__version__}",
    )
    return model


# ---- what is converted


def _steps(estimator: Any) -> tuple[Any, Any]:
    """Return the scaler, or None, and the estimator of a pipeline or of an estimator alone."""
    from sklearn.neural_network import MLPClassifier as TheirClassifier
    from sklearn.neural_network import MLPRegressor as TheirRegressor
    from sklearn.pipeline import Pipeline

    steps = [estimator]
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    if not steps or not isinstance(steps[-1], (TheirClassifier, TheirRegressor)):
        found = type(steps[-1]).__name__ if steps else "an empty Pipeline"
        raise TypeError(
            "from_sklearn takes an MLPClassifier or an MLPRegressor of scikit-learn, or a Pipeline that ends with one."
            f" Got {found} instead."
        )
    if len(steps) > 2:
        raise ValueError(
            f"The pipeline has {len(steps) - 1} steps before the network; at most one scaler can be converted."
            f" {_INSTEAD}"
        )
    return (steps[0] if len(steps) == 2 else None), steps[-1]


def _statistics(scaler: Any) -> tuple[str, Statistics]:
    """Return the value of `standardize` and the statistics of a scaler of scikit-learn."""
    name = type(scaler).__name__
    expected: dict[str, Any]
    if name == "StandardScaler":
        method, expected = "standard", {"with_mean": True, "with_std": True}
        centre = "mean_"
    elif name == "MinMaxScaler":
        method, expected, centre = "minmax", {"feature_range": (0, 1), "clip": False}, "data_min_"
    elif name == "RobustScaler":
        method, centre = "robust", "center_"
        expected = {
            "with_centering": True,
            "with_scaling": True,
            "quantile_range": (25.0, 75.0),
            "unit_variance": False,
        }
    else:
        raise ValueError(
            f"The step {name} before the network cannot be converted; StandardScaler, MinMaxScaler and RobustScaler"
            f" can. {_INSTEAD}"
        )
    for parameter, value in expected.items():
        given = getattr(scaler, parameter)
        if (tuple(given) if isinstance(given, (list, tuple)) else given) != value:
            raise ValueError(
                f"The {name} has {parameter}={given!r}; only {parameter}={value!r} has a counterpart in standardize."
                f" {_INSTEAD}"
            )
    scale = np.asarray(scaler.scale_, np.float64)
    return method, Statistics(
        np.array(getattr(scaler, centre), np.float64), 1 / scale if method == "minmax" else scale.copy()
    )


def _names(first: Any) -> tuple[str, ...] | None:
    """Return the names of the columns that the first step was fitted on."""
    names = getattr(first, "feature_names_in_", None)
    return None if names is None else tuple(map(str, names))


# ---- the estimator


def _unfitted(mlp: Any, scaling: str | None) -> Any:
    """Return an estimator with the parameters of scikit-learn's one, which are checked."""
    owner: Any = MLPClassifier if hasattr(mlp, "classes_") else MLPRegressor
    known = owner().get_params()
    given = mlp.get_params(deep=False)
    foreign = [name for name in given if name not in known and name != "loss"]
    if foreign:
        raise ValueError(
            f"The parameter {foreign[0]!r} of {type(mlp).__name__} has no counterpart in {owner.__name__}. Subclasses"
            " of scikit-learn's estimators with additional parameters cannot be converted."
        )
    dtype = "float32" if mlp.coefs_[0].dtype == np.float32 else "float64"
    parameters = {name: copy.deepcopy(value) for name, value in given.items() if name in known}
    if scaling is not None:
        parameters["standardize"] = True if scaling == "standard" else scaling
    model = owner(**parameters, dtype=dtype)
    model._check_changes()
    return model


def _targets(model: Any, mlp: Any) -> Any:
    """Return the targets of the network: labels, indicators, or columns of values."""
    if not hasattr(mlp, "classes_"):
        targets = model._make_targets(np.zeros((1, mlp.n_outputs_), model.dtype))
        return targets.replace(dtype=model.dtype)
    if mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1:
        return model._make_targets(np.zeros((1, mlp.n_outputs_), np.int64))
    return model._make_targets(np.asarray(mlp.classes_))


def _copy_training(model: Any, mlp: Any) -> None:
    """Copy weights, moments, learning rate and the results of training."""
    net, dtype = model.network_, np.dtype(model.dtype)
    state: dict[str, Any] = {"layers": _states(mlp.coefs_, mlp.intercepts_, dtype)}
    theirs = None if mlp.solver == "lbfgs" else getattr(mlp, "_optimizer", None)
    optimizer = model._optimizer()
    is_adam = hasattr(theirs, "ms")
    if theirs is not None and is_adam == (mlp.solver == "adam"):
        name, hyperparameters = optimizer.hyperparameters()
        moments = (theirs.ms, theirs.vs) if is_adam else (theirs.velocities,) if theirs.momentum else ()
        steps = theirs.t if is_adam else _steps_taken(mlp, model)
        n = len(mlp.coefs_)
        state["optimizer"] = {
            "name": name,
            "hyperparameters": hyperparameters,
            "step": steps,
            "epoch": mlp.n_iter_,
            "moments": [_states(moment[:n], moment[n:], dtype) for moment in moments],
        }
        if not is_adam:
            net.optimizer = replace(optimizer, learning_rate=float(theirs.learning_rate))
    net.restore(state)
    model._latest_optimizer = optimizer
    _copy_results(model, mlp)


def _states(coefs: Any, intercepts: Any, dtype: np.dtype[Any]) -> list[LayerState]:
    pairs: list[tuple[Array, Array | None]] = [
        (np.array(W, dtype), np.array(b, dtype)) for W, b in zip(coefs, intercepts, strict=True)
    ]
    return states_of(pairs)


def _steps_taken(mlp: Any, model: Any) -> int:
    """Return the number of steps of "sgd", as far as the number of rows seen determines it."""
    rows = int(mlp.t_) // max(int(mlp.n_iter_), 1)
    return int(mlp.n_iter_) * (model._batches(rows).steps if rows else 0)


def _copy_results(model: Any, mlp: Any) -> None:
    """Set the fitted attributes and the values by which training stops."""
    progress, stopping_early = model._progress, getattr(mlp, "validation_scores_", None) is not None
    progress.losses = [float(loss) for loss in getattr(mlp, "loss_curve_", ())]
    progress.rows_seen = int(mlp.t_)
    progress.stale = int(getattr(mlp, "_no_improvement_count", 0))
    if progress.losses:
        progress.best_loss = min(progress.losses)
        progress.best_epoch = 1 + progress.losses.index(progress.best_loss)
    if stopping_early:
        progress.scores = [float(score) for score in mlp.validation_scores_]
        progress.best_score = max(progress.scores, default=-math.inf)
        progress.best_epoch = 1 + progress.scores.index(progress.best_score) if progress.scores else 0
        progress.best_state = model.network_.snapshot(optimizer=False)
    model.stop_reason_ = None
    best_loss = getattr(mlp, "best_loss_", None)
    vars(model).update(
        n_iter_=int(mlp.n_iter_),
        t_=int(mlp.t_),
        loss_=float(mlp.loss_),
        loss_curve_=progress.losses,
        best_iter_=progress.best_epoch,
        best_loss_=None if best_loss is None or not math.isfinite(best_loss) else float(best_loss),
        best_validation_score_=mlp.best_validation_score_ if stopping_early else None,
        validation_scores_=progress.scores if stopping_early else None,
    )
