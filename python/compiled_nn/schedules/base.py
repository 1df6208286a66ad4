"""Base class of the schedules, and interpolation between two learning rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from ..common import checks

Unit: TypeAlias = Literal["step", "epoch"]
UNITS: tuple[Unit, ...] = ("step", "epoch")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Base class of the schedules, which checks their parameters.

    Parameters
    ----------
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Raises
    ------
    TypeError, ValueError
        If a parameter has another type, or is out of its range.

    See Also
    --------
    compiled_nn.optimizers.learning_rates : Learning rate of each step of an optimizer.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.schedules import Exponential, Schedule
    >>> schedule = Exponential(0.1, factor=0.5, per="epoch")
    >>> isinstance(schedule, Schedule)
    True
    >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(schedule), seed=0)
    >>> net.fit(X, y, epochs=3).history["learning_rate"]
    [0.1, 0.05, 0.025]
    """

    per: Unit = "step"

    # Names of parameters: real numbers > 0, real numbers >= 0, those of both that are also < 1, and integers >= 1.
    _positive: ClassVar[tuple[str, ...]] = ()
    _not_negative: ClassVar[tuple[str, ...]] = ()
    _below_one: ClassVar[tuple[str, ...]] = ()
    _times: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        owner = type(self).__name__
        checks.choice(owner, "per", self.per, UNITS)
        for name in (*self._positive, *self._not_negative):
            lower = {"above": 0.0} if name in self._positive else {"minimum": 0.0}
            upper = {"below": 1.0} if name in self._below_one else {}
            checked = checks.real(owner, name, getattr(self, name), **lower, **upper)
            object.__setattr__(self, name, checked)
        for name in self._times:
            object.__setattr__(self, name, checks.integer(owner, name, getattr(self, name), minimum=1))

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        raise NotImplementedError


def interpolate(start: float, end: float, share: float) -> float:
    """Return the point at `share`, from 0 to 1, of the straight line from `start` to `end`."""
    return start + (end - start) * share


def interpolate_cosine(start: float, end: float, share: float) -> float:
    """Return the point at `share`, from 0 to 1, of half a cosine wave from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
