"""Base class of the optimizers, and the bounds of their hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..common import checks
from ..data.arrays import Array

Rate: TypeAlias = float | Callable[[int], float]

_BETWEEN_0_AND_1: dict[str, float] = {"minimum": 0, "below": 1}
BOUNDS: dict[str, dict[str, float]] = {  # of each hyperparameter that is a number
    "momentum": _BETWEEN_0_AND_1,
    "beta_1": _BETWEEN_0_AND_1,
    "beta_2": _BETWEEN_0_AND_1,
    "rho": _BETWEEN_0_AND_1,
    "epsilon": {"above": 0},
    "weight_decay": {"minimum": 0},
    "momentum_decay": {"minimum": 0},
    "decrease": {"above": 0, "below": 1},
    "increase": {"minimum": 1},
    "smallest": {"above": 0},
    "largest": {"above": 0},
}


@dataclass(frozen=True)
class Optimizer:
    """Base class of the optimizers, which checks the hyperparameters.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        Learning rate > 0, or function that returns the learning rate >= 0 of step 0, 1, ...

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of another type, or out of its bounds.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> isinstance(cnn.SGD(0.1), cnn.optimizers.Optimizer)
    True
    >>> cnn.SGD(learning_rate=-1.0)
    Traceback (most recent call last):
        ...
    ValueError: The 'learning_rate' parameter of SGD must be a finite number > 0. Got -1.0 instead.
    """

    learning_rate: Rate = 0.01

    def __post_init__(self) -> None:
        owner = type(self).__name__
        object.__setattr__(self, "learning_rate", checks.rate(owner, "learning_rate", self.learning_rate))
        for name, value in list(vars(self).items())[1:]:
            if name in BOUNDS:
                self._set(name, checks.real(owner, name, value, **BOUNDS[name]))
            else:
                checks.flag(owner, name, value)

    def _set(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """Name of the optimizer, one of `optimizers.OPTIMIZERS`."""
        return type(self).__name__.lower()

    @property
    def epochs(self) -> int:
        """Number of epochs of a call of fit without `epochs`."""
        return 10

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the name of the optimizer in the core, and its hyperparameters except the learning rate."""
        return self.name, {name: value for name, value in vars(self).items() if name in BOUNDS}

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return an estimate of the norm of the next step: each weight with a gradient moves by `rate`."""
        return rate * math.sqrt(np.count_nonzero(gradient))
