"""Names of the optimizers, their numbers of moments, and their hyperparameters besides the learning rate."""

from __future__ import annotations

from collections.abc import Mapping

MOMENTS = {  # number of vectors like the parameters; in the order of `Method` in types.pxd
    "sgd": 0,
    "momentum": 1,
    "nesterov": 1,
    "adam": 2,
    "adamw": 2,
    "amsgrad": 3,
    "nadam": 2,
    "radam": 2,
    "rmsprop": 2,
    "centered_rmsprop": 3,
    "adagrad": 1,
    "adadelta": 2,
    "lion": 1,
    "rprop": 2,
}
OPTIMIZERS = tuple(MOMENTS)
_ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
_RMSPROP = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7}
_DEFAULTS: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "adam": {**_ADAM, "epsilon_hat": 0.0},
    "adamw": {**_ADAM, "epsilon_hat": 0.0, "weight_decay": 0.01},
    "amsgrad": {**_ADAM, "weight_decay": 0.0},
    "nadam": {**_ADAM, "momentum_decay": 0.004, "weight_decay": 0.0},
    "radam": {**_ADAM, "weight_decay": 0.0},
    "rmsprop": _RMSPROP,
    "centered_rmsprop": _RMSPROP,
    "adagrad": {"epsilon": 1e-10},
    "adadelta": {"rho": 0.9, "epsilon": 1e-6},
    "lion": {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.0},
    "rprop": {"decrease": 0.5, "increase": 1.2, "smallest": 1e-6, "largest": 50.0},
}


def read(name: str, given: Mapping[str, float]) -> dict[str, float]:
    """Return all hyperparameters of an optimizer: the given ones, and defaults for the others.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If the optimizer has no such hyperparameter.
    """
    if not isinstance(name, str) or name not in _DEFAULTS:
        raise ValueError(f"optimizer is {name!r}; it must be one of {', '.join(map(repr, OPTIMIZERS))}")
    defaults = _DEFAULTS[name]
    for key in given:
        if key not in defaults:
            raise TypeError(f"optimizer {name!r} has no hyperparameter {key!r}; it has {list(defaults)}")
    return {**defaults, **given}
