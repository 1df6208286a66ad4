"""The clock: how long a unit of work takes, measured where it happens."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

SHORTEST = 0.02


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector out of a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_of(work: Callable[[int], Any], units: int) -> float:
    """Time one call of ``work(units)``.

    Parameters
    ----------
    work : callable
        Takes the number of units to do.
    units : int
        How many.

    Returns
    -------
    float
        Seconds of all of them together.
    """
    with undisturbed():
        start = time.perf_counter()
        work(units)
        return time.perf_counter() - start


def estimate(work: Callable[[int], Any]) -> float:
    """Seconds of a unit, from the first measurement that lasts long enough to be believed.

    Parameters
    ----------
    work : callable
        Takes the number of units to do; must be warm.

    Returns
    -------
    float
    """
    units = 1
    while True:
        taken = seconds_of(work, units)
        if taken >= SHORTEST:
            return taken / units
        units *= 8 if taken < SHORTEST / 8 else 2


def caller(function: Callable[..., Any], *arguments: Any) -> Callable[[int], None]:
    """A loop of calls with as little of Python around them as there can be.

    Parameters
    ----------
    function : callable
        What to call.
    *arguments
        Its arguments.

    Returns
    -------
    callable
        Takes the number of calls.
    """

    def calls(n: int) -> None:
        for _ in repeat(None, n):
            function(*arguments)

    return calls


def predictor(function: Callable[[Any], Any], X: Any) -> Callable[[int], None]:
    """`caller` for one argument, spelt out: unpacking would cost a visible share of the fastest calls.

    Parameters
    ----------
    function : callable
        The prediction.
    X : ndarray
        Its rows.

    Returns
    -------
    callable
        Takes the number of calls.
    """

    def calls(n: int) -> None:
        for _ in repeat(None, n):
            function(X)

    return calls


def percentiles(function: Callable[[Any], Any], X: Any, calls: int) -> dict[str, float]:
    """Median and 99th percentile of calls timed one by one; the clock's own 50 ns or so are in them.

    Parameters
    ----------
    function : callable
        The prediction.
    X : ndarray
        Its rows.
    calls : int
        How many to time.

    Returns
    -------
    dict
        ``p50`` and ``p99``, seconds.
    """
    clock, times = time.perf_counter_ns, []
    with undisturbed():
        for _ in repeat(None, calls):
            start = clock()
            function(X)
            times.append(clock() - start)
    times.sort()
    return {"p50": times[len(times) // 2] * 1e-9, "p99": times[len(times) * 99 // 100] * 1e-9}
