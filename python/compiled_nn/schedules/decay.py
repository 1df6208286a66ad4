"""Schedules with a single formula: steps, powers, polynomials and straight lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..common import checks
from .base import Schedule, interpolate


@dataclass(frozen=True)
class Step(Schedule):
    """Step decay: ``initial * factor ** (time // every)``.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    every : int
        Time between two changes, >= 1.
    factor : float, default 0.1
        Factor of each change, > 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import Step
    >>> [Step(0.5, every=2, factor=0.5)(time) for time in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    initial: float
    every: int
    factor: float = 0.1

    _positive = ("initial", "factor")
    _times = ("every",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return self.initial * self.factor ** (time // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """Step decay at given times: ``initial * factor ** n``, where n is the number of milestones <= time.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    milestones : sequence of int
        Times of the changes, >= 1, in increasing order.
    factor : float, default 0.1
        Factor of each change, > 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import MultiStep
    >>> [MultiStep(0.5, [1, 3], factor=0.5)(time) for time in range(5)]
    [0.5, 0.25, 0.25, 0.125, 0.125]
    """

    initial: float
    milestones: Sequence[int]
    factor: float = 0.1

    _positive = ("initial", "factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.milestones, (list, tuple)) or not self.milestones:
            raise TypeError(
                "The 'milestones' parameter of MultiStep must be a list or tuple of times, not empty."
                f" Got {self.milestones!r} instead."
            )
        times = tuple(checks.integer("MultiStep", "milestones", time, minimum=1) for time in self.milestones)
        if list(times) != sorted(set(times)):
            raise ValueError(
                f"The 'milestones' parameter of MultiStep must be in increasing order. Got {times} instead."
            )
        object.__setattr__(self, "milestones", times)

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return self.initial * self.factor ** sum(time >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: ``initial * factor ** time``.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    factor : float
        Factor for each unit of time, > 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import Exponential
    >>> [Exponential(0.5, factor=0.5)(time) for time in range(3)]
    [0.5, 0.25, 0.125]
    """

    initial: float
    factor: float

    _positive = ("initial", "factor")

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return self.initial * self.factor**time


@dataclass(frozen=True)
class Linear(Schedule):
    """Linear change from `initial` at time 0 to `final` at time `over`, and `final` afterwards.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    over : int
        Time at which `final` is reached, >= 1.
    final : float, default 0.0
        Learning rate at time `over` and later, >= 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import Linear
    >>> [Linear(0.5, over=2)(time) for time in range(4)]
    [0.5, 0.25, 0.0, 0.0]
    """

    initial: float
    over: int
    final: float = 0.0

    _positive = ("initial",)
    _not_negative = ("final",)
    _times = ("over",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return interpolate(self.final, self.initial, 1 - min(time / self.over, 1.0))


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Polynomial decay: ``final + (initial - final) * (1 - time / over) ** power``, and `final` from time `over` on.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    over : int
        Time at which `final` is reached, >= 1.
    power : float, default 2.0
        Exponent, > 0.
    final : float, default 0.0
        Learning rate at time `over` and later, >= 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import Polynomial
    >>> [Polynomial(0.5, over=2)(time) for time in range(4)]
    [0.5, 0.125, 0.0, 0.0]
    """

    initial: float
    over: int
    power: float = 2.0
    final: float = 0.0

    _positive = ("initial", "power")
    _not_negative = ("final",)
    _times = ("over",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return interpolate(self.final, self.initial, (1 - min(time / self.over, 1.0)) ** self.power)


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """Inverse scaling: ``initial / (time + 1) ** power``.

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    power : float, default 0.5
        Exponent, > 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import InverseScaling
    >>> [InverseScaling(0.5, power=1.0)(time) for time in range(2)]
    [0.5, 0.25]
    """

    initial: float
    power: float = 0.5

    _positive = ("initial", "power")

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        return self.initial * math.pow(time + 1, -self.power)
