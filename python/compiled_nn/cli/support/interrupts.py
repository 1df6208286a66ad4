"""Ctrl-C where Python drops it: in a finalizer, or in a callback of a weak reference, as at the end of imports."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DELAY = 0.02  # seconds, after which the finalizer has ended


@contextmanager
def noticed() -> Iterator[None]:
    """Raise a KeyboardInterrupt that Python drops once more, soon after, and one that it replaces by another error."""
    before, timers = sys.unraisablehook, []

    def hook(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        timer = threading.Timer(_DELAY, _thread.interrupt_main)
        timer.daemon = True
        timers.append(timer)
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    except RuntimeError as error:
        if not isinstance(
            error.__cause__, KeyboardInterrupt
        ):  # replaced within a class body, before Python 3.12
            raise
        raise KeyboardInterrupt from error
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()
            timer.join()
