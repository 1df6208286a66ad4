"""The bound of a workload on a measured machine: what no program can be faster than."""

from bisect import bisect_left
from math import exp, log
from typing import Any

from workloads import Workload


def bandwidth(size: float, threads: int, read: list[list[float]]) -> float:
    """Bytes a second from the level of memory in which an operand fits.

    Parameters
    ----------
    size : float
        Bytes of the operand; each thread has its share of it.
    threads : int
        Threads that read at once.
    read : list of [bytes of a thread, bytes a second of all]
        Measured, ascending by size; between two sizes the rate is interpolated in logarithms.

    Returns
    -------
    float
    """
    share = size / threads
    at = bisect_left([point[0] for point in read], share)
    if at == 0:
        return read[0][1]
    if at == len(read):
        return read[-1][1]
    (low, slow), (high, fast) = read[at - 1], read[at]
    part = log(share / low) / log(high / low)
    return exp(log(slow) + part * log(fast / slow))


def limit(workload: Workload, dtype: str, threads: int, machine: dict[str, Any]) -> float | None:
    """Seconds of one unit that cannot be undercut: the arithmetic at peak, or the traffic at the rate of its
    level.

    Parameters
    ----------
    workload : Workload
        What is done.
    dtype : str
        ``"float32"`` or ``"float64"``.
    threads : int
        Threads it is done with.
    machine : dict
        `machine.measure` with as many threads.

    Returns
    -------
    float or None
        None where no such bound means anything: a few rows, where latency rules, and whole runs, whose steps
        a program may transform.
    """
    if workload.kind == "run" or workload.flops() < 10_000:
        return None
    arithmetic = workload.flops() / machine["fma"][dtype]
    traffic = sum(
        moved / bandwidth(size, threads, machine["read"]) for size, moved in workload.streams(dtype)
    )
    return max(arithmetic, traffic)
