"""Many calls, good and refused: memory, file descriptors and threads do not grow."""

import gc
import os

import numpy as np
import pytest
from small import X, fitted

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="reads /proc")
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resources():
    """Return the resident memory in bytes, and the numbers of file descriptors and threads."""
    gc.collect()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * PAGE
    return resident, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def refused(net):
    with pytest.raises(ValueError, match="3 columns"):
        net.predict(np.ones((2, 3)))


@pytest.mark.parametrize("call", [lambda net: net.predict(X), refused], ids=["predict", "refused"])
def test_calls_leave_nothing(call, effort, figures):
    net, count = fitted(), effort.count(2_000, 100_000)
    for _ in range(count):
        call(net)
    memory, files, threads = resources()
    for _ in range(count):
        call(net)
    later, *rest = resources()
    figures("P8 growth of memory per call, bytes", (later - memory) / count)
    # The allocator may take some pages; a leak of 64 bytes per call is 6 MB in the long form.
    assert later - memory < 2**20
    assert rest == [files, threads]
