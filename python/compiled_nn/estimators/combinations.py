"""Combinations of the estimators' parameters in which one of them has no effect.

`SILENT` lists those that scikit-learn ignores: they stay silent. `REFUSED` lists all others: fit raises a ValueError if
such a parameter differs from its default. In every other combination a parameter has an effect.
`tests/estimators/test_effects.py` tries every parameter in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import optimizers

if TYPE_CHECKING:
    from .parameters import Parameters

HYPERPARAMETERS = ("momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon", "weight_decay")
# What "lbfgs" does not have, because it takes no steps on batches.
_STOCHASTIC_ONLY = (
    *(
        "dropout",
        "input_dropout",
        "weight_decay",
        "clip_norm",
        "clip_value",
        "ema",
        "proximal",
        "averaging",
        "layer_rates",
    ),
    *("optimizer", "schedule", "metrics", "target", "n_batches", "accumulate", "drop_last"),
    *("monitor", "min_delta", "restore_best", "precision"),
)


class Combination(NamedTuple):
    """Parameters without an effect, and the condition.

    Attributes
    ----------
    names : tuple of str
        Names of the parameters.
    condition : callable
        Function of the estimator that returns whether the parameters have no effect.
    reason : str
        Words for the condition. In `REFUSED` they follow "<name>=<value> ", and may have fields for other parameters.
    """

    names: tuple[str, ...]
    condition: Callable[[Any], bool]
    reason: str


def named_solver(model: Parameters) -> str | None:
    """Return which of "adam", "sgd" and "lbfgs" trains; None with another optimizer."""
    if model.optimizer is None:
        return model.solver
    return "sgd" if model.optimizer == "sgd" else None


def _ignores_solver(*solvers: str) -> Callable[[Any], bool]:
    return lambda model: named_solver(model) not in (None, *solvers)


def _has_object(model: Parameters) -> bool:
    return model.optimizer is not None and not isinstance(model.optimizer, str)


def _has_name(model: Parameters) -> bool:
    return isinstance(model.optimizer, str) and model.optimizer != "sgd"


def _lacks(name: str) -> Callable[[Any], bool]:
    """Return a function of an estimator: whether its named optimizer has no hyperparameter `name`."""

    def lacks(model: Parameters) -> bool:
        if not isinstance(model.optimizer, str):
            return False
        if model.optimizer == "sgd":
            return name == "weight_decay" or name.startswith(("beta", "epsilon"))
        return name not in {field.name for field in fields(type(optimizers.resolve(model.optimizer)))}

    return lacks


def _optimizer_kind(model: Parameters) -> Any:
    return None if model.optimizer is None else optimizers.resolve(model.optimizer)


def _is_lbfgs(model: Parameters) -> bool:
    return model.solver == "lbfgs"


def _has_no_hidden_layers(model: Parameters) -> bool:
    sizes: Any = model.hidden_layer_sizes
    return hasattr(sizes, "__len__") and len(sizes) == 0


def _takes_all_rows(model: Parameters) -> bool:
    return model.n_batches is None and (model.batch_size is None or model.batch_size == "full")


SILENT = (
    Combination(("activation",), _has_no_hidden_layers, "without hidden layers"),
    Combination(("learning_rate",), _ignores_solver("sgd"), "with a solver other than 'sgd'"),
    Combination(
        ("power_t",),
        lambda model: _ignores_solver("sgd")(model) or model.learning_rate != "invscaling",
        "with a solver other than 'sgd', or a learning_rate other than 'invscaling'",
    ),
    Combination(("momentum", "nesterovs_momentum"), _ignores_solver("sgd"), "with a solver other than 'sgd'"),
    Combination(("nesterovs_momentum",), lambda model: model.momentum == 0, "with momentum=0"),
    Combination(
        ("beta_1", "beta_2", "epsilon"),
        lambda model: model.optimizer is None and model.solver != "adam",
        "with a solver other than 'adam'",
    ),
    Combination(("max_fun",), lambda model: not _is_lbfgs(model), "with a solver other than 'lbfgs'"),
    Combination(
        ("batch_size", "learning_rate_init", "shuffle", "n_iter_no_change", "early_stopping"),
        _is_lbfgs,
        "with solver='lbfgs'; fit refuses early_stopping with validation_data, which scikit-learn does not have",
    ),
    Combination(
        ("validation_fraction",),
        lambda model: not model.early_stopping or _is_lbfgs(model),
        "without early_stopping=True, or with solver='lbfgs'",
    ),
    Combination(
        ("tol",),
        lambda model: model.n_iter_no_change == math.inf,
        "with n_iter_no_change=inf, except for a warning",
    ),
    Combination(("shuffle",), _takes_all_rows, "with batches of all rows"),
)

# Parameters that partial_fit does not use, because it trains for one epoch, whatever the loss.
NOT_IN_PARTIAL_FIT = (
    *("max_iter", "tol", "n_iter_no_change", "validation_fraction", "warm_start", "target", "min_delta"),
)

REFUSED = (
    Combination(
        _STOCHASTIC_ONLY, _is_lbfgs, "is not supported by solver='lbfgs'; use solver='adam' or 'sgd'"
    ),
    Combination(
        ("norm",),
        lambda model: _is_lbfgs(model) and "batch" in _listed(model.norm),
        "is not supported by solver='lbfgs'; use solver='adam' or 'sgd'",
    ),
    Combination(
        ("solver",),
        lambda model: model.optimizer is not None,
        "has no effect with optimizer={optimizer!r}; leave one of them out",
    ),
    Combination(
        ("learning_rate_init", "learning_rate", "power_t"),
        lambda model: model.schedule is not None and (model.optimizer is not None or not _is_lbfgs(model)),
        "has no effect with a schedule, which determines every learning rate; leave one of them out",
    ),
    Combination(
        ("learning_rate_init", "learning_rate", "power_t", *HYPERPARAMETERS),
        _has_object,
        "has no effect with optimizer={optimizer!r}: pass it to the optimizer, or pass the name of the optimizer",
    ),
    Combination(
        ("learning_rate", "power_t"),
        _has_name,
        "has no effect with optimizer={optimizer!r}, only with 'sgd'; pass a schedule",
    ),
    *(
        Combination(
            (name,), _lacks(name), "has no effect with optimizer={optimizer!r}, which has no such parameter"
        )
        for name in HYPERPARAMETERS
    ),
    Combination(
        ("weight_decay",),
        lambda model: model.optimizer is None and model.solver != "adam",
        "is only for solver='adam' and optimizers with this parameter; use alpha, the penalty of every solver",
    ),
    Combination(
        ("norm", "dropout"), _has_no_hidden_layers, "has no effect without hidden layers; leave it out"
    ),
    Combination(
        ("monitor", "restore_best"),
        lambda model: not model.early_stopping,
        "has no effect without early_stopping=True",
    ),
    Combination(
        ("tol",),
        lambda model: model.min_delta is not None,
        "has no effect with min_delta={min_delta!r}; leave one out",
    ),
    Combination(
        ("min_delta",),
        lambda model: model.n_iter_no_change == math.inf,
        "has no effect with n_iter_no_change=inf; leave one of them out",
    ),
    Combination(
        ("averaging",),
        lambda model: model.ema is not None,
        "has no effect with ema={ema!r}: both set the weights that predict; leave one of them out",
    ),
    Combination(
        ("batch_size",),
        lambda model: model.n_batches is not None,
        "has no effect with n_batches={n_batches!r}; leave one of them out",
    ),
    Combination(
        ("accumulate", "drop_last"),
        _takes_all_rows,
        "has no effect with batch_size={batch_size!r}: a batch has all rows; leave one of them out",
    ),
    Combination(("proximal",), lambda model: model.l1 == 0, "has no effect with l1=0; pass l1 > 0"),
    Combination(
        ("proximal",),
        lambda model: isinstance(_optimizer_kind(model), (optimizers.Lion, optimizers.Rprop)),
        "needs an optimizer whose steps depend on the size of the gradient; {optimizer!r} uses only its sign",
    ),
    Combination(
        ("init",),
        lambda model: model.coefs_init is not None,
        "has no effect with coefs_init, which has all weights; leave one of them out",
    ),
    Combination(
        ("precision",),
        lambda model: model.dtype != "float32",
        "is for dtype='float32', whose products it computes with fewer digits; dtype is {dtype!r}",
    ),
    Combination(
        ("input_scale",),
        lambda model: model.standardize is not False,
        "has no effect with standardize={standardize!r}, which scales each column; leave one of them out",
    ),
    Combination(
        ("min_frequency", "column_types", "embeddings"),
        lambda model: model.categorical_features is None,
        "has no effect without categorical_features; pass categorical_features='auto', or leave it out",
    ),
)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check(model: Parameters) -> None:
    """Raise ValueError for a changed parameter that has no effect, unless scikit-learn ignores it."""
    changed = model.changed()
    for combination in REFUSED:
        for name in combination.names:
            if name in changed and not is_silent(model, name) and combination.condition(model):
                reason = combination.reason.format(**vars(model))
                raise ValueError(f"{name}={changed[name]!r} {reason}.")


def is_silent(model: Parameters, name: str) -> bool:
    """Return whether scikit-learn ignores a parameter in the present combination."""
    return any(name in combination.names and combination.condition(model) for combination in SILENT)
