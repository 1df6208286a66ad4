"""Measurement of times within the process of a peer."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

SHORTEST = 0.02  # seconds of a measurement that is long enough to estimate the time of a unit


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Disable the garbage collector during a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_of(work: Callable[[int], Any], units: int) -> float:
    """Return the time of one call ``work(units)``.

    Parameters
    ----------
    work : callable
        Function of the number of units.
    units : int
        Number of units.

    Returns
    -------
    float
        Seconds of all units together.
    """
    with without_garbage_collection():
        start = time.perf_counter()
        work(units)
        return time.perf_counter() - start


def estimate(work: Callable[[int], Any]) -> float:
    """Return the seconds of a unit, estimated by the first measurement of at least `SHORTEST` seconds.

    Parameters
    ----------
    work : callable
        Function of the number of units, already warmed up.

    Returns
    -------
    float
    """
    units = 1
    while True:
        elapsed = seconds_of(work, units)
        if elapsed >= SHORTEST:
            return elapsed / units
        units *= 8 if elapsed < SHORTEST / 8 else 2


def caller(function: Callable[..., Any], *arguments: Any) -> Callable[[int], None]:
    """Return a function that calls `function` n times with little overhead.

    Parameters
    ----------
    function : callable
        Function to call.
    *arguments
        Arguments of the function.

    Returns
    -------
    callable
        Function of the number of calls.
    """

    def calls(n: int) -> None:
        for _ in repeat(None, n):
            function(*arguments)

    return calls


def predictor(function: Callable[[Any], Any], X: Any) -> Callable[[int], None]:
    """Return the function of `caller` for one argument, without unpacking, which would slow the fastest calls.

    Parameters
    ----------
    function : callable
        Prediction function.
    X : ndarray
        Samples.

    Returns
    -------
    callable
        Function of the number of calls.
    """

    def calls(n: int) -> None:
        for _ in repeat(None, n):
            function(X)

    return calls


def percentiles(function: Callable[[Any], Any], X: Any, calls: int) -> dict[str, float]:
    """Return the median and the 99th percentile of single calls, which include about 50 ns of the clock.

    Parameters
    ----------
    function : callable
        Prediction function.
    X : ndarray
        Samples.
    calls : int
        Number of calls.

    Returns
    -------
    dict
        ``p50`` and ``p99``, in seconds.
    """
    clock, times = time.perf_counter_ns, []
    with without_garbage_collection():
        for _ in repeat(None, calls):
            start = clock()
            function(X)
            times.append(clock() - start)
    times.sort()
    return {"p50": times[len(times) // 2] * 1e-9, "p99": times[len(times) * 99 // 100] * 1e-9}
