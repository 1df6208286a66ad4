"""Signals during a call: the longest time between two handlers, and the delay of the exception of a handler."""

import signal
import time
from contextlib import contextmanager

PERIOD = 0.01  # seconds between two signals


class PressedError(Exception):
    """Exception of a handler, instead of KeyboardInterrupt, which a test runner takes for its own."""


class Gaps:
    """Times of the handlers of a timer; `longest` is the largest time between two of them, in seconds of this thread.

    Seconds of the thread do not grow when the machine is busy.
    """

    def __init__(self):
        self.times = []

    @property
    def longest(self):
        return max(after - before for before, after in zip(self.times, self.times[1:], strict=False))


@contextmanager
def measured():
    """Yield the `Gaps` between signals while the block runs; the handler returns."""
    gaps = Gaps()
    before = signal.signal(signal.SIGALRM, lambda *_: gaps.times.append(time.thread_time()))
    gaps.times.append(time.thread_time())
    signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
    try:
        yield gaps
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        gaps.times.append(time.thread_time())
        signal.signal(signal.SIGALRM, before)


def interrupted_often(run, soon, attempts=3):
    """Return what `run()` returns while a handler runs every 10 ms, and the `Gaps`.

    If they reach `soon` seconds, which memory of a busy virtual machine does too, `run` is called again, at most
    `attempts` times in all. The result is that of the last call.
    """
    for _ in range(attempts):
        with measured() as gaps:
            result = run()
        if gaps.longest < soon:
            break
    return result, gaps


def stopped(run, after, error=PressedError):
    """Return the wall seconds from a signal, `after` seconds from now, until `run` has raised the handler's exception.

    They are None if `run` returns before.
    """

    def press(*_):
        raise error

    before = signal.signal(signal.SIGALRM, press)
    due = time.perf_counter() + after
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        run()
    except error:
        return time.perf_counter() - due
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return None
