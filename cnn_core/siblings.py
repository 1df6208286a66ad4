"""Worker processes that share the processors."""

from __future__ import annotations

import os
import re
import sys

_DIGITS = re.compile(rb"\d+")


def is_worker() -> bool:
    """Whether `multiprocessing` has started this process, as the pools of concurrent.futures and joblib do."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # the process has ended, or belongs to another user
        return b""


def _processors(process: int) -> set[int]:
    try:
        return os.sched_getaffinity(process)
    except OSError:
        return set()


def _command(process: object) -> bytes:
    """Return the command line of a process, without numbers: those of pipes and of the process."""
    return _DIGITS.sub(b"", _read(f"/proc/{process}/cmdline"))


def workers() -> int | None:
    """Return the number of worker processes like this one, including it, which may run on the same processors.

    They have the same parent and the same command line, apart from numbers. It is counted in /proc; None where there is
    none, or a sandbox does not let it be read.
    """
    try:
        names = os.listdir("/proc") if os.path.exists("/proc/self/stat") else []
    except OSError:
        names = []
    if not names:
        return None
    parent, command, mine = os.getppid(), _command("self"), _processors(0)
    count = 1
    for name in names:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        fields = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()  # state, parent, ...
        is_sibling = len(fields) > 1 and int(fields[1]) == parent and _command(name) == command
        count += is_sibling and not mine.isdisjoint(_processors(int(name)))
    return count


def share_of(processors: int) -> int:
    """Return the number of processors for this process, of those that it may use.

    All of them, unless it is a worker: then they are divided by the number of workers. Where this number is unknown
    because /proc cannot be read, a daemonic worker, as those of ``multiprocessing.Pool``, gets one processor.
    """
    if not is_worker():
        return processors
    count = workers()
    if count is not None:
        return max(1, processors // count)
    return 1 if sys.modules["multiprocessing.process"].current_process().daemon else processors
