"""What every optimizer is, and those that most programs take: frozen dataclasses of hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data.arrays import Array

Rate: TypeAlias = float | Callable[[int], float]


_BETWEEN_0_AND_1: dict[str, float] = {"minimum": 0, "below": 1}
_BOUNDS: dict[str, dict[str, float]] = {
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
    """What every optimizer has: a learning rate, and hyperparameters within bounds.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    """

    learning_rate: Rate = 0.01

    def __post_init__(self) -> None:
        owner = type(self).__name__
        if not callable(self.learning_rate):
            self._set("learning_rate", checks.real(owner, "learning_rate", self.learning_rate, above=0))
        for name, value in list(vars(self).items())[1:]:
            if name in _BOUNDS:
                self._set(name, checks.real(owner, name, value, **_BOUNDS[name]))
            else:
                checks.flag(owner, name, value)

    def _set(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """One of `optimizers.OPTIMIZERS`."""
        return type(self).__name__.lower()

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        return self.name, {name: value for name, value in vars(self).items() if name in _BOUNDS}

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return about how long the next step of weights with this gradient is: each moves by the rate."""
        return rate * math.sqrt(np.count_nonzero(gradient))


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum when asked.

    ``v = momentum * v - learning_rate * g`` and ``w += v``; with Nesterov ``w += momentum * v - learning_rate
    * g``.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    momentum : float, default 0.0
        In [0, 1).
    nesterov : bool, default False
        Needs a momentum above 0.
    """

    learning_rate: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD with nesterov=True needs a momentum above 0. Got momentum=0.0.")

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        if self.momentum == 0:
            return "sgd", {}
        return ("nesterov" if self.nesterov else "momentum"), {"momentum": self.momentum}

    def step_norm(self, rate: float, gradient: Array) -> float:
        """Return about how long the next step of weights with this gradient is, momentum at its longest."""
        return rate / (1 - self.momentum) * arithmetic.norm(gradient)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) with bias correction; epsilon is added to the square root.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    amsgrad : bool, default False
        Divide by the largest mean square so far in place of the present one (Reddi, Kale and Kumar, 2018).
    epsilon_hat : bool, default False
        Add epsilon to the root of the squares before their bias is corrected, as the end of section 2 of the paper
        has it, and scikit-learn and Keras do; only the first steps differ. Not with `amsgrad`.
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    amsgrad: bool = field(default=False, kw_only=True)
    epsilon_hat: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amsgrad and self.epsilon_hat:
            raise ValueError(
                f"{type(self).__name__} has amsgrad=True and epsilon_hat=True: take one of them."
            )

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        name, hyper = super().hyperparameters()
        hat = {"epsilon_hat": 1.0} if self.epsilon_hat else {}
        return ("amsgrad" if self.amsgrad else name), {**hyper, **hat}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Each step first shrinks the weights, not the biases: ``w -= learning_rate * weight_decay * w``.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0.01
        At least 0.
    amsgrad, epsilon_hat : bool, default False
        As for :class:`Adam`.
    """

    weight_decay: float = 0.01
