"""Deadline of the call of fit that is reading its data: long checks and conversions end when it has passed."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, TypeVar

Result = TypeVar("Result")

_deadline: ContextVar[float] = ContextVar("compiled_nn.deadline", default=math.inf)


class TimeIsUpError(TimeoutError):
    """Exception raised when `time_limit` ends while data are checked or converted."""


def run_until(deadline: float, function: Callable[..., Result], *arguments: Any) -> Result:
    """Return ``function(*arguments)``; its calls of :func:`check` raise an exception after the deadline."""
    if deadline == math.inf:
        return function(*arguments)
    token = _deadline.set(deadline)
    try:
        return function(*arguments)
    finally:
        _deadline.reset(token)


def check() -> None:
    """Raise TimeIsUpError if the deadline has passed, a value of `perf_counter` set by :func:`run_until`."""
    deadline = _deadline.get()
    if deadline < math.inf and perf_counter() >= deadline:
        raise TimeIsUpError(
            "time_limit has passed while the data were read and checked, before the first step of training. Pass a"
            " larger time_limit, or fewer rows."
        )
