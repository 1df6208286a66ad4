"""Schedules with several phases: cosine waves with restarts, warm-up, and the one-cycle policy.

References
----------
.. [1] I. Loshchilov, F. Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR, 2017. (Cosine)
.. [2] L. N. Smith, N. Topin, "Super-convergence: Very fast training of neural networks using large learning rates",
   arXiv:1708.07120, 2018. (OneCycle)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from ..common import checks
from ..common.checks import Rate
from .base import Schedule, Unit, interpolate, interpolate_cosine


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine decay: ``final + (initial - final) * (1 + cos(pi * time / over)) / 2`` (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    initial : float
        Learning rate at time 0, > 0.
    over : int
        Duration of the decay, half a cosine wave, >= 1.
    final : float, default 0.0
        Learning rate at the end of the decay, >= 0. Without `restarts`, also the learning rate afterwards.
    restarts : bool, default False
        Whether the decay starts again at `initial` each time it ends.
    growth : int, default 1
        Ratio of the duration of each decay to the one before, >= 1. A value other than 1 requires `restarts`.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import Cosine
    >>> [round(Cosine(1.0, over=2, restarts=True)(time), 2) for time in range(5)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
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
            raise ValueError(
                f"Cosine with growth={self.growth} needs restarts=True. Got restarts=False instead."
            )

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        over = self.over
        if not self.restarts:
            time = min(time, over)
        elif self.growth == 1:
            time %= over
        else:
            while time >= over:
                time, over = time - over, over * self.growth
        return interpolate_cosine(self.initial, self.final, time / over)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linear warm-up to the initial learning rate of `then`, followed by `then`.

    Time `over` of this schedule is time 0 of `then`.

    Parameters
    ----------
    then : float or callable
        Learning rate > 0, schedule, or function of the time, which is used after the warm-up.
    over : int
        Duration of the warm-up, >= 1.
    start : float, default 0.1
        Ratio of the learning rate at time 0 to the initial learning rate of `then`, >= 0 and < 1.
    per : {"step", "epoch"}, optional
        Unit of the time. Default: the unit of `then` if it is a schedule, else "step".

    Raises
    ------
    TypeError, ValueError
        If a parameter has another type or is out of its range, or if `per` differs from the unit of `then`.

    Examples
    --------
    >>> from compiled_nn.schedules import Step, WarmUp
    >>> schedule = WarmUp(Step(0.1, every=100), over=2, start=0.5)
    >>> [round(schedule(time), 3) for time in (0, 1, 2, 101, 102)]
    [0.05, 0.075, 0.1, 0.1, 0.01]
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
            raise ValueError(
                f"WarmUp has per={self.per!r}; its 'then' has per={unit!r}. Use the same unit in both."
            )
        object.__setattr__(self, "per", unit)
        super().__post_init__()

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        if time < self.over:
            return self._then(0) * interpolate(self.start, 1.0, time / self.over)
        return self._then(time - self.over)

    def _then(self, time: int) -> float:
        return self.then(time) if callable(self.then) else self.then


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One-cycle policy: a rise to `peak` and a decay to almost 0, each half a cosine wave (Smith and Topin, 2018).

    The learning rate rises from ``peak / start_divisor`` at time 0 to `peak` at time ``rising * over - 1``. It decays
    to ``peak / start_divisor / final_divisor`` at time ``over - 1``, and stays there.

    Parameters
    ----------
    peak : float
        Maximum learning rate, > 0.
    over : int
        Duration of the cycle; must be greater than ``1 / rising``.
    rising : float, default 0.3
        Share of the cycle in which the learning rate rises, > 0 and < 1.
    start_divisor : float, default 25.0
        Ratio of `peak` to the learning rate at time 0, > 0.
    final_divisor : float, default 1e4
        Ratio of the learning rate at time 0 to the one at the end, > 0.
    per : {"step", "epoch"}, default "step"
        Unit of the time: steps of the optimizer, or epochs.

    Examples
    --------
    >>> from compiled_nn.schedules import OneCycle
    >>> schedule = OneCycle(0.1, over=10)
    >>> [round(schedule(time), 4) for time in (0, 2, 9)]
    [0.004, 0.1, 0.0]
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
                f"OneCycle has rising={self.rising:g} and over={self.over}; rising * over must be greater than 1."
            )

    def __call__(self, time: int) -> float:
        """Return the learning rate at the time 0, 1, ..."""
        start, top, end = self.peak / self.start_divisor, self.rising * self.over - 1, self.over - 1
        if time <= top:
            return interpolate_cosine(start, self.peak, time / top)
        return interpolate_cosine(self.peak, start / self.final_divisor, min((time - top) / (end - top), 1.0))
