"""Names of the optimizers, their numbers of moments, and their hyperparameters besides the learning rate."""

from __future__ import annotations

from collections.abc import Mapping

_ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
_RMSPROP = {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7}
# Number of moments (vectors like the parameters) and hyperparameters, in the order of `Method` in types.pxd.
_TABLE: dict[str, tuple[int, dict[str, float]]] = {
    "sgd": (0, {}),
    "momentum": (1, {"momentum": 0.9}),
    "nesterov": (1, {"momentum": 0.9}),
    "adam": (2, {**_ADAM, "epsilon_hat": 0.0}),
    "adamw": (2, {**_ADAM, "epsilon_hat": 0.0, "weight_decay": 0.01}),
    "amsgrad": (3, {**_ADAM, "weight_decay": 0.0}),
    "nadam": (2, {**_ADAM, "momentum_decay": 0.004, "weight_decay": 0.0}),
    "radam": (2, {**_ADAM, "weight_decay": 0.0}),
    "rmsprop": (2, _RMSPROP),
    "centered_rmsprop": (3, _RMSPROP),
    "adagrad": (1, {"epsilon": 1e-10}),
    "adadelta": (2, {"rho": 0.9, "epsilon": 1e-6}),
    "lion": (1, {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.0}),
    "rprop": (2, {"decrease": 0.5, "increase": 1.2, "smallest": 1e-6, "largest": 50.0}),
}
OPTIMIZERS = tuple(_TABLE)
MOMENTS = {name: moments for name, (moments, _) in _TABLE.items()}
# Indices of the moments that are means of squares, or for rprop sizes of steps: they are not negative.
NOT_NEGATIVE = {
    **dict.fromkeys(("adam", "adamw", "nadam", "radam", "rmsprop", "centered_rmsprop", "rprop"), (1,)),
    "amsgrad": (1, 2),
    "adagrad": (0,),
    "adadelta": (0, 1),
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
    if not isinstance(name, str) or name not in _TABLE:
        raise ValueError(f"optimizer is {name!r}; it must be one of {', '.join(map(repr, OPTIMIZERS))}")
    _, defaults = _TABLE[name]
    for key in given:
        if key not in defaults:
            raise TypeError(f"optimizer {name!r} has no hyperparameter {key!r}; it has {list(defaults)}")
    return {**defaults, **given}
