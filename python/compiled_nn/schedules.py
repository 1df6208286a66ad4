"""Schedules: learning rates as functions of the time, as frozen dataclasses; any function of the step serves too.

A schedule is called with a time from 0 on: the step of the optimizer, or with ``per="epoch"`` the pass over the data
that the step is in. ``Adam(learning_rate=Cosine(0.01, over=1000))`` trains by one, and files keep it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias, cast

from .common import checks
from .common.checks import Rate

__all__ = [
    "SCHEDULES",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "Schedule",
    "Step",
    "WarmUp",
]

Unit: TypeAlias = Literal["step", "epoch"]
UNITS: tuple[Unit, ...] = ("step", "epoch")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What schedules share: the unit of their time.

    Parameters
    ----------
    per : {"step", "epoch"}, default "step"
        Whether time counts steps of the optimizer, or passes over the data.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value; so do all schedules.
    """

    per: Unit = "step"

    # Parameters that are real numbers above 0, at least 0, also below 1; whole times of at least 1.
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
        """Return the learning rate at a time: 0, 1, ..."""
        raise NotImplementedError


@dataclass(frozen=True)
class Step(Schedule):
    """``initial * factor ** (time // every)``.

    Parameters
    ----------
    initial : float
        Above 0.
    every : int
        Times between two changes.
    factor : float, default 0.1
        Above 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    every: int
    factor: float = 0.1

    _positive = ("initial", "factor")
    _times = ("every",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return self.initial * self.factor ** (time // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """``initial * factor ** n``, n being how many of the milestones are reached.

    Parameters
    ----------
    initial : float
        Above 0.
    milestones : sequence of int
        Rising times, each at least 1.
    factor : float, default 0.1
        Above 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    milestones: Sequence[int]
    factor: float = 0.1

    _positive = ("initial", "factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.milestones, (list, tuple)) or not self.milestones:
            raise TypeError(
                "The 'milestones' parameter of MultiStep must be a list of times."
                f" Got {self.milestones!r} instead."
            )
        times = tuple(checks.integer("MultiStep", "milestones", time, minimum=1) for time in self.milestones)
        if list(times) != sorted(set(times)):
            raise ValueError(f"The milestones of MultiStep must rise. Got {times} instead.")
        object.__setattr__(self, "milestones", times)

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return self.initial * self.factor ** sum(time >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Exponential(Schedule):
    """``initial * factor ** time``.

    Parameters
    ----------
    initial : float
        Above 0.
    factor : float
        Above 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    factor: float

    _positive = ("initial", "factor")

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return self.initial * self.factor**time


@dataclass(frozen=True)
class Linear(Schedule):
    """From `initial` straight to `final`, and `final` from the time `over` on.

    Parameters
    ----------
    initial : float
        Above 0.
    over : int
        Times that it takes.
    final : float, default 0.0
        At least 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    over: int
    final: float = 0.0

    _positive = ("initial",)
    _not_negative = ("final",)
    _times = ("over",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return _between(self.final, self.initial, 1 - min(time / self.over, 1.0))


@dataclass(frozen=True)
class Polynomial(Schedule):
    """``final + (initial - final) * (1 - time / over) ** power``, and `final` from the time `over` on.

    Parameters
    ----------
    initial : float
        Above 0.
    over : int
        Times that it takes.
    power : float, default 2.0
        Above 0.
    final : float, default 0.0
        At least 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    over: int
    power: float = 2.0
    final: float = 0.0

    _positive = ("initial", "power")
    _not_negative = ("final",)
    _times = ("over",)

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return _between(self.final, self.initial, (1 - min(time / self.over, 1.0)) ** self.power)


@dataclass(frozen=True)
class Cosine(Schedule):
    """``final + (initial - final) * (1 + cos(pi * time / over)) / 2`` (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    initial : float
        Above 0.
    over : int
        Times that half a wave takes.
    final : float, default 0.0
        At least 0; the rate from the time `over` on, unless it restarts.
    restarts : bool, default False
        Begin again at `initial` whenever the half wave is through.
    growth : int, default 1
        With `restarts`: each half wave is so many times as long as the one before.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    over: int
    final: float = 0.0
    restarts: bool = False
    growth: int = 1

    _positive = ("initial",)
    _not_negative = ("final",)
    _times = ("over", "growth")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not checks.flag("Cosine", "restarts", self.restarts) and self.growth != 1:
            raise ValueError(f"Cosine with growth={self.growth} needs restarts=True.")

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        over = self.over
        if not self.restarts:
            time = min(time, over)
        elif self.growth == 1:
            time %= over
        else:
            while time >= over:
                time, over = time - over, over * self.growth
        return _half_wave(self.initial, self.final, time / over)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rise in a straight line to the rate that `then` begins with, and follow it: its time 0 is `over`.

    Parameters
    ----------
    then : float or callable
        A learning rate, a schedule, or a function of the time; a schedule decides the unit.
    over : int
        Times that rising takes.
    start : float, default 0.1
        The rate at time 0 as a share of the one that is reached, at least 0 and below 1.
    per : {"step", "epoch"}, optional
        Default: that of `then`, "step" where that is no schedule.

    Raises
    ------
    ValueError
        When `per` is not that of `then`.
    """

    then: Rate
    over: int
    start: float = 0.1
    per: Unit = field(default=cast("Unit", ""), kw_only=True)

    _not_negative = ("start",)
    _below_one = ("start",)
    _times = ("over",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", checks.rate("WarmUp", "then", self.then))
        unit = self.then.per if isinstance(self.then, Schedule) else self.per or "step"
        if self.per not in ("", unit):
            raise ValueError(f"WarmUp has per={self.per!r}; its 'then' has {unit!r}.")
        object.__setattr__(self, "per", unit)
        super().__post_init__()

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        if time < self.over:
            return self._then(0) * _between(self.start, 1.0, time / self.over)
        return self._then(time - self.over)

    def _then(self, time: int) -> float:
        return self.then(time) if callable(self.then) else self.then


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to `peak` and down to almost nothing, both in half waves of a cosine (Smith and Topin, 2018).

    From ``peak / start_divisor`` at time 0 to `peak` at ``rising * over - 1``, and to ``peak / start_divisor /
    final_divisor`` at ``over - 1`` and from then on.

    Parameters
    ----------
    peak : float
        Above 0.
    over : int
        Times of the whole cycle; above 1 / `rising`.
    rising : float, default 0.3
        Share of the cycle in which the rate rises, above 0 and below 1.
    start_divisor : float, default 25.0
        Above 0.
    final_divisor : float, default 1e4
        Above 0.
    per : {"step", "epoch"}, default "step"
    """

    peak: float
    over: int
    rising: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    _positive = ("peak", "rising", "start_divisor", "final_divisor")
    _below_one = ("rising",)
    _times = ("over",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rising * self.over <= 1:
            raise ValueError(
                f"OneCycle rises over {self.rising:g} of {self.over} times; these must be more than 1 together."
            )

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        start, top, end = self.peak / self.start_divisor, self.rising * self.over - 1, self.over - 1
        if time <= top:
            return _half_wave(start, self.peak, time / top)
        return _half_wave(self.peak, start / self.final_divisor, min((time - top) / (end - top), 1.0))


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """``initial / (time + 1) ** power``.

    Parameters
    ----------
    initial : float
        Above 0.
    power : float, default 0.5
        Above 0.
    per : {"step", "epoch"}, default "step"
    """

    initial: float
    power: float = 0.5

    _positive = ("initial", "power")

    def __call__(self, time: int) -> float:
        """Return the learning rate at a time."""
        return self.initial * math.pow(time + 1, -self.power)


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _half_wave(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, type[Schedule]] = {
    "step": Step,
    "multi_step": MultiStep,
    "exponential": Exponential,
    "linear": Linear,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "warm_up": WarmUp,
    "one_cycle": OneCycle,
    "inverse_scaling": InverseScaling,
}


# ---- files


def to_config(rate: Rate, unknown: str) -> Any:
    """Return a learning rate as JSON can hold it; `unknown` stands for functions that are no schedules."""
    if not callable(rate):
        return rate
    name = next((name for name, kind in SCHEDULES.items() if kind is type(rate)), None)
    if name is None or not isinstance(rate, Schedule):
        return unknown
    parameters = {each.name: getattr(rate, each.name) for each in fields(rate)}
    if isinstance(rate, WarmUp):
        parameters["then"] = to_config(rate.then, unknown)
    return unknown if parameters.get("then") == unknown else {"name": name, **parameters}


def from_config(config: Any) -> Rate:
    """Return the learning rate of what :func:`to_config` made, a number or a schedule.

    Raises
    ------
    TypeError, ValueError
        When it describes none.
    """
    if not isinstance(config, dict):
        return checks.rate("the file", "learning_rate", config)
    kind = SCHEDULES[checks.choice("the file", "schedule", config.get("name"), SCHEDULES)]
    parameters: dict[str, Any] = checks.fields(
        "schedule", config, ("name", *(each.name for each in fields(kind)))
    )
    del parameters["name"]
    if kind is WarmUp:
        parameters["then"] = from_config(parameters["then"])
    return kind(**parameters)
