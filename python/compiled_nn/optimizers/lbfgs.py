"""L-BFGS: a function of a vector minimised from values and gradients.

The direction is Nocedal's recursion (1980), the step satisfies the strong Wolfe conditions; both as in Nocedal and
Wright, Numerical Optimization (2006), algorithms 7.4, 3.5 and 3.6, with cubic interpolation (3.59). At a kink, such as
those of relu, the slope jumps, and there may be no such step: once the search has come near a kink, the next point that
is low enough is taken. A small gain by such a step is no sign of a minimum: the run then forgets its memory, and
continues down the gradient.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ..common import arithmetic
from ..data.arrays import Array

Reason = Literal["gtol", "ftol", "max_iter", "max_fun", "line_search", "callback"]

_EPS = float(np.finfo(np.float64).eps)
_FTOL = 1e7 * _EPS  # what SciPy's factor of 1e7 comes to
_DECREASE, _CURVATURE = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions
_TRIALS = 20  # of one line search
_NARROW = 0.1  # of the step: in an interval of this width the first of the conditions is enough
_MARGIN = 0.1  # of an interval: how near to its ends the next trial may lie
_NEAREST, _FARTHEST = 1.1, 4.0  # times the last advance: where to look while no interval is known


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where :func:`minimize` ended.

    Attributes
    ----------
    x : ndarray (n,) of float64
        The point of the lowest value among those the iterations came to.
    value : float
    gradient : ndarray (n,) of float64
    iterations, evaluations : int
        Steps taken, and calls of the function.
    reason : str
        Why it ended: "gtol", "ftol", "max_iter", "max_fun", "line_search" (no step lowers the value: the usual end
        where rounding hides what is left to gain) or "callback".
    """

    x: Array
    value: float
    gradient: Array
    iterations: int
    evaluations: int
    reason: Reason


class _Point(NamedTuple):
    """A point on the line x + step * direction; `slope` is the derivative along it."""

    step: float
    value: float
    slope: float
    x: Array
    gradient: Array


def minimize(
    function: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    max_iter: int = 200,
    max_fun: int = 15000,
    gtol: float = 1e-4,
    ftol: float = _FTOL,
    memory: int = 10,
    callback: Callable[[Array, float, int], bool | None] | None = None,
) -> Minimum:
    """Minimise a function from a starting point.

    Parameters
    ----------
    function : callable
        ``function(x) -> (value, gradient)`` for x (n,) of float64; the gradient may be a buffer that the next call
        overwrites. Where value or gradient are not finite, the step is shortened.
    start : ndarray (n,)
        Not changed.
    max_iter : int, default 200
        Most steps.
    max_fun : int, default 15000
        Most calls of the function.
    gtol : float, default 1e-4
        Ends when no component of the gradient is larger.
    ftol : float, default 2.2e-9
        Ends when a step from f to g gains (f - g) / max(|f|, |g|, 1) or less.
    memory : int, default 10
        Steps that the approximation of the Hessian remembers.
    callback : callable, optional
        ``callback(x, value, iteration)`` after each step, counted from 1; True ends the run.

    Returns
    -------
    Minimum

    Raises
    ------
    ValueError
        When value or gradient are not finite at the start.
    """
    return _Search(function, start, max_fun, memory).run(max_iter, gtol, ftol, callback)


class _Search:
    """The point of a run, and what is remembered of the way to it."""

    def __init__(
        self, function: Callable[[Array], tuple[float, Array]], start: Array, max_fun: int, memory: int
    ) -> None:
        self.function = function
        self.max_fun = max_fun
        self.evaluations = 0
        self.pairs: deque[tuple[Array, Array, float]] = deque(maxlen=memory)  # s, y, s.y
        self.scale = 1.0  # s.y / y.y of the newest
        self.slope = 0.0  # where the last step began
        x = np.array(start, np.float64)
        self.here = self.on_line(x, np.zeros_like(x), 0.0)
        if not math.isfinite(self.here.value) or not np.isfinite(self.here.gradient).all():
            raise ValueError(
                f"Value or gradient are not finite at the start: the value is {self.here.value}."
            )

    def run(
        self,
        max_iter: int,
        gtol: float,
        ftol: float,
        callback: Callable[[Array, float, int], bool | None] | None,
    ) -> Minimum:
        iterations, gain = 0, math.inf
        stopped = failed = False
        while True:
            here = self.here
            reasons: dict[Reason, bool] = {
                "callback": stopped,
                "gtol": float(abs(here.gradient).max(initial=0.0)) <= gtol,
                "ftol": gain <= ftol,
                "max_fun": self.evaluations >= self.max_fun,
                "line_search": failed,
                "max_iter": iterations >= max_iter,
            }
            for reason, holds in reasons.items():
                if holds:
                    return Minimum(here.x, here.value, here.gradient, iterations, self.evaluations, reason)
            found = self.step()
            if found is None and self.pairs:  # what was remembered may mislead: down the gradient
                self.pairs.clear()
                found = self.step()
            if found is None:
                failed = True
                continue
            iterations += 1
            gain = (here.value - found.value) / max(abs(here.value), abs(found.value), 1.0)
            smooth = abs(found.slope) <= -_CURVATURE * self.slope
            self.remember(found.x - here.x, found.gradient - here.gradient)
            self.here = found
            if gain <= ftol and len(self.pairs) > 1 and not smooth:
                self.pairs.clear()
                gain = math.inf
            stopped = callback is not None and bool(callback(found.x, found.value, iterations))

    def remember(self, s: Array, y: Array) -> None:
        """Keep a step and the change of the gradient along it, where the function curves upwards."""
        curvature, square = arithmetic.dot(s, y), arithmetic.dot(y, y)
        if curvature > _EPS * square:
            self.pairs.append((s, y, curvature))
            self.scale = curvature / square

    def direction(self) -> Array:
        """Return -H g by the recursion over the pairs; H is scaled by the newest of them."""
        q = -self.here.gradient
        shares = []
        for s, y, curvature in reversed(self.pairs):
            shares.append(arithmetic.dot(s, q) / curvature)
            q -= shares[-1] * y
        if self.pairs:
            q *= self.scale
        for (s, y, curvature), share in zip(self.pairs, reversed(shares), strict=True):
            q += (share - arithmetic.dot(y, q) / curvature) * s
        return q

    def step(self) -> _Point | None:
        """Return a point further down; None where the line search finds none."""
        direction = self.direction()
        self.slope = arithmetic.dot(self.here.gradient, direction)
        if not self.slope < 0:
            return None
        start = self.here._replace(step=0.0, slope=self.slope)
        first = 1.0 if self.pairs else min(1.0, 1.0 / arithmetic.norm(direction))
        return self.wolfe(start, direction, first)

    def wolfe(self, start: _Point, direction: Array, step: float) -> _Point | None:
        """Return a point that satisfies the strong Wolfe conditions, or near a kink the first of them alone.

        `low` is the lowest point that satisfies the first of them, the start at first; as soon as `high` is known, a
        good point lies between the two.
        """
        low, high = start, None
        for _ in range(min(_TRIALS, self.max_fun - self.evaluations)):
            trial = self.on_line(start.x, direction, step)
            enough = trial.value <= start.value + _DECREASE * step * start.slope
            if not enough or trial.value >= low.value:
                high = trial
            elif abs(trial.slope) <= -_CURVATURE * start.slope:
                return trial
            else:
                last, low = low, trial
                if trial.slope * (1.0 if high is None else high.step - trial.step) >= 0:
                    high = last
            if high is None:
                step = _beyond(last, low)
            elif enough and abs(high.step - low.step) <= _NARROW * max(low.step, high.step):
                return trial
            else:
                step = _between(low, high)
        return None if low is start else low

    def on_line(self, origin: Array, direction: Array, step: float) -> _Point:
        """Return a point of a line; its value is inf where value or gradient are not finite."""
        x = origin + step * direction
        value, gradient = self.function(x)
        self.evaluations += 1
        gradient = np.array(gradient, np.float64)
        slope = arithmetic.dot(gradient, direction)
        finite = math.isfinite(value) and math.isfinite(slope)
        return _Point(step, float(value) if finite else math.inf, slope, x, gradient)


def _between(low: _Point, high: _Point) -> float:
    """Return the minimiser of the cubic through two points, kept from their ends; their middle if there is none."""
    best = _cubic(low, high)
    ends = sorted((low.step, high.step))
    margin = _MARGIN * (ends[1] - ends[0])
    if best is None:
        return (low.step + high.step) / 2
    return min(max(best, ends[0] + margin), ends[1] - margin)


def _beyond(last: _Point, low: _Point) -> float:
    """Return a step beyond the newest of two points that both lead down."""
    advance = low.step - last.step
    best = _cubic(last, low)
    if best is None or best < low.step:
        return low.step + _FARTHEST * advance
    return min(max(best, low.step + _NEAREST * advance), low.step + _FARTHEST * advance)


def _cubic(a: _Point, b: _Point) -> float | None:
    """Return the minimiser of the cubic with the values and slopes of two points, or None."""
    width = b.step - a.step
    if not width:
        return None
    d1 = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = d1 * d1 - a.slope * b.slope
    if not (math.isfinite(square) and square >= 0):
        return None
    d2 = math.copysign(math.sqrt(square), width)
    denominator = b.slope - a.slope + 2 * d2
    return b.step - width * (b.slope + d2 - d1) / denominator if denominator else None
