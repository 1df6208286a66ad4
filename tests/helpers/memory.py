"""Memory of this process, on Linux."""

import ctypes
import gc
import os
import statistics
import sys

import pytest

PARTS = 5
KEEPS_FREED = "LD_PRELOAD" in os.environ  # the library of a sanitizer
needs_memory = pytest.mark.skipif(
    sys.platform != "linux" or KEEPS_FREED,
    reason="reads /proc, and the library of a sanitizer keeps what was freed",
)


def resident_memory():
    """Private resident memory in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon"))


def memory_in_use():
    """Private resident memory in bytes, without that which glibc keeps after it was freed.

    The latter is up to twice the largest array that was freed before, in whatever part of the process.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
    return resident_memory()


def growth_of_memory(repeat, count):
    """Return the growth of the memory in use in bytes while `repeat` makes `count` calls.

    It is PARTS times that of the median of so many parts: memory that is kept once, by some cache, is in few of them.
    """
    growths, before = [], memory_in_use()
    for _ in range(PARTS):
        repeat(count // PARTS)
        after = memory_in_use()
        growths.append(after - before)
        before = after
    return PARTS * statistics.median(growths)
