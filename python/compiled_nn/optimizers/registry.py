"""Learning rates of an optimizer at each step, and its parameters in files."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks

if TYPE_CHECKING:
    from .base import Optimizer


def learning_rates(
    optimizer: Optimizer, first_step: int, n_steps: int, first_epoch: int = 0, epochs: int = 1
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the learning rate of each step.

    Parameters
    ----------
    optimizer : Optimizer
        Optimizer whose learning rate is a number or a function.
    first_step : int
        Index of the first step, from 0.
    n_steps : int
        Number of steps.
    first_epoch : int, default 0
        Index of the first epoch, for a schedule with ``per="epoch"``.
    epochs : int, default 1
        Number of epochs that the steps belong to, with the same number of steps in each.

    Returns
    -------
    ndarray of float64 (n_steps,)

    Raises
    ------
    TypeError, ValueError
        If a learning-rate function returns anything but a finite number >= 0.

    See Also
    --------
    compiled_nn.schedules : Schedules, which are the learning rate of an optimizer.

    Examples
    --------
    >>> from compiled_nn.optimizers import SGD, learning_rates
    >>> from compiled_nn.schedules import Step
    >>> learning_rates(SGD(Step(0.1, every=2)), first_step=0, n_steps=5)
    array([0.1  , 0.1  , 0.01 , 0.01 , 0.001])
    """
    if not hasattr(optimizer, "learning_rate"):
        raise TypeError(
            "The 'optimizer' parameter of learning_rates must be an optimizer, such as SGD(0.1)."
            f" Got {optimizer!r} instead."
        )
    checks.integer("learning_rates", "n_steps", n_steps, minimum=0)
    rate = optimizer.learning_rate
    if not callable(rate):
        return np.full(n_steps, rate)
    if getattr(rate, "per", "step") == "epoch":
        by_epoch = [_scheduled(rate, epoch) for epoch in range(first_epoch, first_epoch + epochs)]
        return np.repeat(by_epoch, n_steps // epochs)
    return np.array([_scheduled(rate, step) for step in range(first_step, first_step + n_steps)])


def _scheduled(schedule: Callable[[int], float], step: int) -> float:
    try:
        rate = schedule(step)
    except OverflowError as error:
        raise ValueError(
            f"The learning rate of step {step} is beyond the range of float64: {schedule!r}."
        ) from error
    if not isinstance(rate, numbers.Real):
        raise TypeError(f"The learning rate of step {step} must be a number. Got {rate!r} instead.")
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"The learning rate of step {step} must be finite and >= 0. Got {rate!r} instead.")
    return float(rate)


class NotSaved:
    """Placeholder for a learning rate that was a function, in a network that is read from a file."""

    def __repr__(self) -> str:
        return "<function, not saved>"

    def __call__(self, step: int) -> float:
        """Raise ValueError, because the function was not saved."""
        raise ValueError(
            "The learning rate of this network was a Python function, which its file does not hold. Assign an"
            " optimizer before training on, for example net.optimizer = Adam(1e-3)."
        )


_UNKNOWN_SCHEDULE = "function"


def to_config(optimizer: Optimizer) -> dict[str, Any]:
    """Return `optimizer` as a JSON-serialisable dict, without keyword-only parameters that have their default.

    Parameters
    ----------
    optimizer : Optimizer
        Optimizer. If its learning rate is a Python function, the dict has the text "function" in its place.

    Returns
    -------
    dict
        Name and parameters.

    See Also
    --------
    from_config : The optimizer of a configuration.

    Examples
    --------
    >>> from compiled_nn.optimizers import SGD, to_config
    >>> to_config(SGD(0.1, momentum=0.9))
    {'name': 'sgd', 'learning_rate': 0.1, 'momentum': 0.9, 'nesterov': False}
    """
    unset = {f.name for f in fields(optimizer) if f.kw_only and getattr(optimizer, f.name) == f.default}
    config = {
        "name": optimizer.name,
        **{key: value for key, value in vars(optimizer).items() if key not in unset},
    }
    if callable(optimizer.learning_rate):
        from .. import schedules  # imported here, because most networks have no schedule

        config["learning_rate"] = schedules.to_config(optimizer.learning_rate, unknown=_UNKNOWN_SCHEDULE)
    return config


def with_parameters(kind: type[Optimizer], config: dict[str, Any]) -> Optimizer:
    """Return an optimizer of this class with the parameters of a configuration from :func:`to_config`.

    Raises
    ------
    TypeError, ValueError
        If parameters are missing, unknown or invalid.
    """
    names = [f.name for f in fields(kind) if f.init and (not f.kw_only or f.name in config)]
    values: dict[str, Any] = checks.fields("optimizer", config, ("name", *names))
    del values["name"]
    rate = values.get("learning_rate")
    if rate == _UNKNOWN_SCHEDULE:
        values["learning_rate"] = NotSaved()
    elif isinstance(rate, dict):
        from .. import schedules

        values["learning_rate"] = schedules.from_config(rate)
    return kind(**values)
