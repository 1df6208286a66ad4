"""L-BFGS: minimisation of a function of a vector from its values and gradients.

The direction is computed by the two-loop recursion [1]_, and the step satisfies the strong Wolfe conditions. Both
follow algorithms 7.4, 3.5 and 3.6 of [2]_, with cubic interpolation (3.59). At a kink, such as those of relu, the slope
jumps, and there may be no such step: when the search interval around a kink is narrow, the next point with a sufficient
decrease is accepted. A small gain of such a step does not indicate a minimum: the stored pairs are then discarded, and
the run continues along the negative gradient.

References
----------
.. [1] J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation, 35, 1980.
.. [2] J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, Springer, 2006.
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
_FTOL = 1e7 * _EPS  # the default of SciPy's L-BFGS-B, factr=1e7
_DECREASE, _CURVATURE = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions
_TRIALS = 20  # maximum number of evaluations per line search
_NARROW = 0.1  # relative width of an interval in which the sufficient decrease alone is enough
_MARGIN = 0.1  # minimum distance of the next trial from the ends of the interval, as a share of its width
_NEAREST, _FARTHEST = 1.1, 4.0  # bounds of the next trial beyond the interval, as factors of the last advance


@dataclass(frozen=True, eq=False)
class Minimum:
    """Result of :func:`minimize`.

    Attributes
    ----------
    x : ndarray (n,) of float64
        Point after the last step, which has the lowest value of all steps.
    value : float
        Value of the function at `x`.
    gradient : ndarray (n,) of float64
        Gradient at `x`.
    iterations, evaluations : int
        Number of steps, and number of calls of the function.
    reason : str
        Reason for the end: "gtol", "ftol", "max_iter", "max_fun", "line_search" (no step decreases the value, usually
        because of rounding errors near a minimum) or "callback".
    """

    x: Array
    value: float
    gradient: Array
    iterations: int
    evaluations: int
    reason: Reason


class _Point(NamedTuple):
    """Point on the line x + step * direction; `slope` is the derivative along the line."""

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
        Function ``function(x) -> (value, gradient)`` of x (n,) of float64. The gradient may be a buffer that the next
        call overwrites. If the value or the gradient is not finite, the step is shortened.
    start : ndarray (n,)
        Starting point; it is not modified.
    max_iter : int, default 200
        Maximum number of steps.
    max_fun : int, default 15000
        Maximum number of calls of the function.
    gtol : float, default 1e-4
        Tolerance of the gradient: the run ends when the absolute value of each component is at most `gtol`.
    ftol : float, default 2.2e-9
        Tolerance of the value: the run ends when a step from value f to value g has
        (f - g) / max(abs(f), abs(g), 1) <= `ftol`.
    memory : int, default 10
        Number of steps from which the Hessian is approximated.
    callback : callable, optional
        Function ``callback(x, value, iteration)`` that is called after each step, counted from 1; the run ends if it
        returns True.

    Returns
    -------
    Minimum

    Raises
    ------
    ValueError
        If the value or the gradient is not finite at the start.
    """
    return Search(function, start, max_fun, memory).run(max_iter, gtol, ftol, callback)


class NotFiniteError(ValueError):
    """Exception raised when the value or the gradient is not finite at the start.

    Parameters
    ----------
    value : float
        Value at the start.
    """

    def __init__(self, value: float) -> None:
        self.value = value
        super().__init__(f"The value or the gradient is not finite at the start: the value is {value}.")


class Search:
    """State of a run: the current point, and the stored pairs of steps and gradient changes.

    Parameters
    ----------
    function, start, max_fun, memory
        As for :func:`minimize`.

    Attributes
    ----------
    point : Point
        Point after the last step.
    iterations, evaluations : int
        Number of steps, and number of calls of the function.
    """

    def __init__(
        self, function: Callable[[Array], tuple[float, Array]], start: Array, max_fun: int, memory: int
    ) -> None:
        self.function = function
        self.max_fun = max_fun
        self.evaluations = self.iterations = 0
        self.pairs: deque[tuple[Array, Array, float]] = deque(maxlen=memory)  # s, y, s.y
        self.scale = 1.0  # s.y / y.y of the newest pair
        self.slope = 0.0  # slope along the direction at the start of the last step
        self.gain = math.inf  # relative decrease of the value by the last step
        self.failed = False  # whether the last line search found no point
        x = np.array(start, np.float64)
        self.point = self.on_line(x, np.zeros_like(x), 0.0)
        if not math.isfinite(self.point.value) or not np.isfinite(self.point.gradient).all():
            raise NotFiniteError(self.point.value)

    def run(
        self,
        max_iter: int,
        gtol: float,
        ftol: float,
        callback: Callable[[Array, float, int], bool | None] | None,
    ) -> Minimum:
        """Take steps until there is a reason to end."""
        stopped = False
        while True:
            point, reason = self.point, self.reason(gtol, ftol)
            if stopped:
                reason = "callback"
            elif reason is None and self.iterations >= max_iter:
                reason = "max_iter"
            if reason is not None:
                return Minimum(
                    point.x, point.value, point.gradient, self.iterations, self.evaluations, reason
                )
            if self.advance(ftol) and callback is not None:
                stopped = bool(callback(self.point.x, self.point.value, self.iterations))

    def reason(self, gtol: float, ftol: float) -> Reason | None:
        """Return the reason why the search has ended, or None if it has not."""
        if float(abs(self.point.gradient).max(initial=0.0)) <= gtol:
            return "gtol"
        if self.gain <= ftol:
            return "ftol"
        if self.evaluations >= self.max_fun:
            return "max_fun"
        return "line_search" if self.failed else None

    def advance(self, ftol: float) -> bool:
        """Take one step; return False if no point with a lower value was found."""
        point, new = self.point, self.step()
        if new is None and self.pairs:  # retry along the negative gradient, without the stored pairs
            self.pairs.clear()
            new = self.step()
        if new is None:
            self.failed = True
            return False
        self.iterations += 1
        self.gain = (point.value - new.value) / max(abs(point.value), abs(new.value), 1.0)
        smooth = abs(new.slope) <= -_CURVATURE * self.slope
        self.remember(new.x - point.x, new.gradient - point.gradient)
        self.point = new
        if self.gain <= ftol and len(self.pairs) > 1 and not smooth:
            self.pairs.clear()
            self.gain = math.inf
        return True

    def remember(self, s: Array, y: Array) -> None:
        """Store a step and its change of the gradient, if the curvature along the step is positive."""
        curvature, square = arithmetic.dot(s, y), arithmetic.dot(y, y)
        if curvature > _EPS * square:
            self.pairs.append((s, y, curvature))
            self.scale = curvature / square

    def direction(self) -> Array:
        """Return -H g by the two-loop recursion over the pairs, with the initial H scaled by the newest pair."""
        q = -self.point.gradient
        alphas = []
        for s, y, curvature in reversed(self.pairs):
            alphas.append(arithmetic.dot(s, q) / curvature)
            q -= alphas[-1] * y
        if self.pairs:
            q *= self.scale
        for (s, y, curvature), alpha in zip(self.pairs, reversed(alphas), strict=True):
            q += (alpha - arithmetic.dot(y, q) / curvature) * s
        return q

    def step(self) -> _Point | None:
        """Return a point with a lower value, or None if the line search finds none."""
        direction = self.direction()
        self.slope = arithmetic.dot(self.point.gradient, direction)
        if not self.slope < 0:
            return None
        start = self.point._replace(step=0.0, slope=self.slope)
        first = 1.0 if self.pairs else min(1.0, 1.0 / arithmetic.norm(direction))
        return self.wolfe(start, direction, first)

    def wolfe(self, start: _Point, direction: Array, step: float) -> _Point | None:
        """Return a point that satisfies the strong Wolfe conditions, or near a kink only the sufficient decrease.

        `low` is the lowest point with a sufficient decrease, initially the start. Once `high` is set, the interval
        between the two contains a suitable point.
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
        """Return a point of a line, with value inf if the value or the gradient is not finite."""
        x = origin + step * direction
        value, gradient = self.function(x)
        self.evaluations += 1
        gradient = np.array(gradient, np.float64)
        slope = arithmetic.dot(gradient, direction)
        finite = math.isfinite(value) and math.isfinite(slope)
        return _Point(step, float(value) if finite else math.inf, slope, x, gradient)


def _between(low: _Point, high: _Point) -> float:
    """Return the minimiser of the cubic through two points, at a distance from both; without one, the midpoint."""
    best = _cubic(low, high)
    ends = sorted((low.step, high.step))
    margin = _MARGIN * (ends[1] - ends[0])
    if best is None:
        return (low.step + high.step) / 2
    return min(max(best, ends[0] + margin), ends[1] - margin)


def _beyond(last: _Point, low: _Point) -> float:
    """Return a step beyond the newer of two points with negative slopes."""
    advance = low.step - last.step
    best = _cubic(last, low)
    if best is None or best < low.step:
        return low.step + _FARTHEST * advance
    return min(max(best, low.step + _NEAREST * advance), low.step + _FARTHEST * advance)


def _cubic(a: _Point, b: _Point) -> float | None:
    """Return the minimiser of the cubic with the values and slopes of two points; None if there is none."""
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
