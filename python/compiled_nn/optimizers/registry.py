"""Optimizers: by name, at which learning rates, in a file; the steps themselves are the core's."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from ..common.errors import did_you_mean

if TYPE_CHECKING:
    from .classes import Optimizer

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion", "rprop")
OptimizerName: TypeAlias = Literal[
    "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion", "rprop"
]  # fmt: skip


def kind_of(name: str) -> type[Optimizer]:
    """Return the class of one of `OPTIMIZERS`."""
    from .classes import SGD, Adam, AdamW

    for kind in (SGD, Adam, AdamW):
        if name == kind.__name__.lower():
            return kind
    from . import further  # few programs need them

    return next(kind for kind in further.KINDS if name == kind.__name__.lower())


def resolve(optimizer: Any) -> Optimizer:
    """Return an optimizer: itself, or the default one of a name."""
    from .classes import Optimizer

    if isinstance(optimizer, Optimizer) and optimizer.name in OPTIMIZERS:
        return optimizer
    if isinstance(optimizer, str):
        return kind_of(checks.choice("Network", "optimizer", optimizer, OPTIMIZERS))()
    names = ", ".join(repr(name) for name in OPTIMIZERS)
    raise TypeError(
        "The 'optimizer' parameter of Network must be an optimizer, as SGD(0.1), or a str among"
        f" {{{names}}}. Got {optimizer!r} instead."
    )


def learning_rates(
    optimizer: Optimizer, first_step: int, n_steps: int, first_epoch: int = 0, epochs: int = 1
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the learning rate of each of `n_steps` steps, the first of which is step `first_step`.

    They are shared by `epochs` passes, the first of which is pass `first_epoch`: what a schedule by epochs takes.
    """
    rate = optimizer.learning_rate
    if not callable(rate):
        return np.full(n_steps, rate)
    if getattr(rate, "per", "step") == "epoch":
        by_epoch = [_scheduled(rate, epoch) for epoch in range(first_epoch, first_epoch + epochs)]
        return np.repeat(by_epoch, n_steps // epochs)
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


_UNKNOWN_SCHEDULE = "function"


def to_config(optimizer: Optimizer) -> dict[str, Any]:
    """Return `optimizer` as JSON can hold it; flags that only a keyword sets, only where they are set."""
    unset = {f.name for f in fields(optimizer) if f.kw_only and getattr(optimizer, f.name) == f.default}
    config = {
        "name": optimizer.name,
        **{key: value for key, value in vars(optimizer).items() if key not in unset},
    }
    if callable(optimizer.learning_rate):
        from .. import schedules  # few optimizers have one

        config["learning_rate"] = schedules.to_config(optimizer.learning_rate, unknown=_UNKNOWN_SCHEDULE)
    return config


def from_config(config: Any) -> Optimizer:
    """Return the optimizer of a configuration that :func:`to_config` made."""
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise ValueError(f"optimizer is not known: {name!r}.{did_you_mean(name, OPTIMIZERS)}")
    kind = kind_of(name)
    names = [f.name for f in fields(kind) if not f.kw_only or f.name in config]
    values: dict[str, Any] = checks.fields("optimizer", config, ("name", *names))
    del values["name"]
    rate = values["learning_rate"]
    if rate == _UNKNOWN_SCHEDULE:
        values["learning_rate"] = NotSaved()
    elif isinstance(rate, dict):
        from .. import schedules

        values["learning_rate"] = schedules.from_config(rate)
    return kind(**values)
