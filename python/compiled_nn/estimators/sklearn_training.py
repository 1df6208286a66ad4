"""Training of an estimator in the terms of scikit-learn's class, for the conversion to it."""

from __future__ import annotations

import math
import numbers
from typing import Any

from numpy.random import RandomState

from ..common.errors import CompiledNNWarning, warn
from ..exchange.sklearn_writer import Training
from .combinations import named_solver

# Parameters of scikit-learn's classes; the conversion sets the first two and the loss itself.
_THEIRS = (
    *(
        "solver",
        "alpha",
        "batch_size",
        "learning_rate",
        "learning_rate_init",
        "power_t",
        "max_iter",
        "shuffle",
    ),
    *("random_state", "tol", "verbose", "warm_start", "momentum", "nesterovs_momentum", "early_stopping"),
    *("validation_fraction", "beta_1", "beta_2", "epsilon", "n_iter_no_change", "max_fun"),
)
# Parameters that do not change what further training does, or that the predictions and the scaler include.
_WITHOUT_EFFECT = (
    *(
        "hidden_layer_sizes",
        "activation",
        "dtype",
        "n_threads",
        "standardize",
        "input_scale",
        "scale_targets",
    ),
    *("init", "coefs_init", "intercepts_init", "callbacks", "on_interrupt", "metrics", "preset"),
)
# Losses of scikit-learn:
_LOSSES = ("binary_cross_entropy", "softmax_cross_entropy", "mse", "squared_error", "poisson")


def training_of(model: Any) -> Training:
    """Return parameters, results and state of the optimizer of an estimator that scikit-learn's class can express.

    A warning names the parameters of training that it cannot express.
    """
    changed = model.changed()
    parameters = {name: getattr(model, name) for name in _THEIRS}
    foreign = [name for name in changed if name not in (*_THEIRS, *_WITHOUT_EFFECT)]
    if not (isinstance(model.batch_size, numbers.Integral) or model.batch_size == "auto"):
        foreign.append("batch_size")
    if not isinstance(model.random_state, (numbers.Integral, RandomState, type(None))):
        foreign.append("random_state")
    if model.max_iter < 1:
        foreign.append("max_iter")
    if model._present_loss().name in _LOSSES:
        foreign = [name for name in foreign if name != "loss"]
    for name in foreign:
        parameters.pop(name, None)
    if foreign:
        warn(
            f"scikit-learn's {type(model).__name__} has no counterpart of {', '.join(sorted(foreign))}. The predictions"
            " are the same, but further training with partial_fit or warm_start would be without it.",
            CompiledNNWarning,
        )
    is_same = not foreign and model.solver != "lbfgs" and model.optimizer is None
    return Training(parameters, _results(model), _optimizer(model) if is_same else None)


def _results(model: Any) -> dict[str, Any]:
    """Return the fitted attributes of scikit-learn's class that describe the training."""
    scores = model.validation_scores_
    best_loss = model.best_loss_
    if best_loss is None and scores is None:
        best_loss = math.inf
    return {
        "n_iter_": model.n_iter_,
        "t_": model.t_,
        "loss_": model.loss_,
        "loss_curve_": list(model.loss_curve_),
        "best_loss_": best_loss,
        "validation_scores_": None if scores is None else list(scores),
        "best_validation_score_": model.best_validation_score_,
        "_no_improvement_count": model._progress.stale,
    }


def _optimizer(model: Any) -> dict[str, Any] | None:
    """Return the state of the optimizer with its present learning rate; None before the first step."""
    net = model.network_
    state: dict[str, Any] = net.snapshot()["optimizer"]
    if state["name"] is None or named_solver(model) != model.solver or callable(net.optimizer.learning_rate):
        return None
    return state | {"learning_rate": net.optimizer.learning_rate}
