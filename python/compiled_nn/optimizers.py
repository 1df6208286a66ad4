"""Optimizers: the hyperparameters of a step, as frozen dataclasses; the steps themselves are the core's."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from . import checks
from .errors import did_you_mean

Rate: TypeAlias = float | Callable[[int], float]


def _check_rate(owner: str, rate: object) -> Rate:
    if callable(rate):
        return rate
    return checks.real(owner, "learning_rate", rate, above=0)


@dataclass(frozen=True)
class SGD:
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
        object.__setattr__(self, "learning_rate", _check_rate("SGD", self.learning_rate))
        momentum = checks.real("SGD", "momentum", self.momentum, minimum=0, below=1)
        object.__setattr__(self, "momentum", momentum)
        if checks.flag("SGD", "nesterov", self.nesterov) and momentum == 0:
            raise ValueError("SGD with nesterov=True needs a momentum above 0. Got momentum=0.0.")

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        if self.momentum == 0:
            return "sgd", {}
        return ("nesterov" if self.nesterov else "momentum"), {"momentum": self.momentum}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015) with bias correction; epsilon is added to the square root.

    Parameters
    ----------
    learning_rate : float or callable, default 1e-3
        A number above 0, or a function from the step (0, 1, ...) to a number of at least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    epsilon_hat : bool, default False
        Add epsilon to the root of the squares before their bias is corrected, as the end of section 2 of the paper
        has it, and scikit-learn and Keras do; only the first steps differ.
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        owner = type(self).__name__
        object.__setattr__(self, "learning_rate", _check_rate(owner, self.learning_rate))
        for name in ("beta_1", "beta_2"):
            object.__setattr__(self, name, checks.real(owner, name, getattr(self, name), minimum=0, below=1))
        object.__setattr__(self, "epsilon", checks.real(owner, "epsilon", self.epsilon, above=0))
        checks.flag(owner, "epsilon_hat", self.epsilon_hat)

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        hat = {"epsilon_hat": 1.0} if self.epsilon_hat else {}
        return "adam", {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, **hat}


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
    epsilon_hat : bool, default False
        As for :class:`Adam`.
    weight_decay : float, default 0.01
        At least 0.
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        decay = checks.real("AdamW", "weight_decay", self.weight_decay, minimum=0)
        object.__setattr__(self, "weight_decay", decay)

    def hyperparameters(self) -> tuple[str, dict[str, float]]:
        """Return the core's name of this optimizer and what it takes besides the learning rate."""
        return "adamw", {**super().hyperparameters()[1], "weight_decay": self.weight_decay}


Optimizer: TypeAlias = SGD | Adam
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def resolve(optimizer: Any) -> Optimizer:
    """Return an optimizer: itself, or the default one of a name."""
    if isinstance(optimizer, (SGD, Adam)) and type(optimizer) in OPTIMIZERS.values():
        return optimizer
    if isinstance(optimizer, str):
        return OPTIMIZERS[checks.choice("Network", "optimizer", optimizer, OPTIMIZERS)]()
    names = ", ".join(repr(name) for name in OPTIMIZERS)
    raise TypeError(
        "The 'optimizer' parameter of Network must be an optimizer, as SGD(0.1), or a str among"
        f" {{{names}}}. Got {optimizer!r} instead."
    )


def learning_rates(
    optimizer: Optimizer, first_step: int, n_steps: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the learning rate of each of `n_steps` steps, the first of which is step `first_step`."""
    rate = optimizer.learning_rate
    if not callable(rate):
        return np.full(n_steps, rate)
    return np.array([_scheduled(rate, step) for step in range(first_step, first_step + n_steps)])


def _scheduled(schedule: Callable[[int], float], step: int) -> float:
    rate = schedule(step)
    if not isinstance(rate, numbers.Real):
        raise TypeError(f"The learning rate of step {step} must be a number. Got {rate!r} instead.")
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"The learning rate of step {step} must be finite and >= 0. Got {rate!r} instead.")
    return float(rate)


class NotSaved:
    """What stands for a learning rate given as a function in a network read from a file."""

    def __repr__(self) -> str:
        return "<function, not saved>"

    def __call__(self, step: int) -> float:
        """Raise a ValueError: the function is not known any more."""
        raise ValueError(
            "The learning rate of this network was a Python function, which its file does not hold. Assign an"
            " optimizer before training on, as in net.optimizer = Adam(1e-3)."
        )


_SCHEDULE = "function"


def to_config(optimizer: Optimizer) -> dict[str, Any]:
    """Return `optimizer` as JSON can hold it."""
    name = next(name for name, kind in OPTIMIZERS.items() if kind is type(optimizer))
    config = {"name": name, **vars(optimizer)}
    if not config.get("epsilon_hat"):
        config.pop("epsilon_hat", None)  # an optimizer without it is written as ever
    return {**config, "learning_rate": _SCHEDULE} if callable(optimizer.learning_rate) else config


def from_config(config: Any) -> Optimizer:
    """Return the optimizer of a configuration that :func:`to_config` made."""
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise ValueError(f"optimizer is not known: {name!r}.{did_you_mean(name, OPTIMIZERS)}")
    kind = OPTIMIZERS[name]
    expected = {"name", *kind.__dataclass_fields__} - ({"epsilon_hat"} - set(config))
    fields: dict[str, Any] = checks.fields("optimizer", config, expected)
    del fields["name"]
    if fields["learning_rate"] == _SCHEDULE:
        fields["learning_rate"] = NotSaved()
    return kind(**fields)
