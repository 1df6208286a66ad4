"""The bounds of the machine, measured in the run they are used in: FMA peak and read bandwidth by size.

Run as a program it is one more process of the runner: ``measure`` gives the whole table, ``peak`` a quick
look at the FMA peak that tells whether the machine was free while the peers ran.
"""

import argparse
import ctypes
import mmap
import os
import platform
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from protocol import converse

KIB, MIB = 1024, 1024 * 1024
# From L1 to DRAM, half an octave apart where a working set may straddle two levels. Bytes of each thread.
SIZES = [16 * KIB, 24 * KIB, 64 * KIB, 160 * KIB, 256 * KIB, 384 * KIB, 512 * KIB, 768 * KIB, MIB]
SIZES += [
    MIB * 3 // 2,
    2 * MIB,
    3 * MIB,
    4 * MIB,
    8 * MIB,
    16 * MIB,
    32 * MIB,
    64 * MIB,
    120 * MIB,
    512 * MIB,
]
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
SAMPLES = 5


@cache
def library() -> ctypes.CDLL:
    """Compile machine.c with the system's compiler (``CC``, else cc, gcc or clang).

    Returns
    -------
    ctypes.CDLL

    Raises
    ------
    RuntimeError
        If there is no compiler.
    """
    names = (os.environ.get("CC", ""), "cc", "gcc", "clang")
    compiler = next((path for name in names if name and (path := shutil.which(name))), None)
    if compiler is None:
        raise RuntimeError("no C compiler to measure the machine with; set CC")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "machine.so"
        source = Path(__file__).with_name("machine.c")
        subprocess.run([compiler, *FLAGS, "-o", target, source], check=True)
        loaded = ctypes.CDLL(str(target))
    for dtype in ("float32", "float64"):
        getattr(loaded, f"fma_{dtype}").argtypes = [ctypes.c_long]
        getattr(loaded, f"fma_{dtype}").restype = ctypes.c_double
        getattr(loaded, f"fma_{dtype}_operations").restype = ctypes.c_double
    loaded.read_memory.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
    loaded.read_memory.restype = ctypes.c_longlong
    return loaded


def together(work: list[Callable[[], Any]]) -> float:
    """Run functions in a thread each, started together.

    Parameters
    ----------
    work : list of callables
        ctypes releases the GIL inside each.

    Returns
    -------
    float
        Seconds until the last has ended.
    """
    if len(work) == 1:
        start = time.perf_counter()
        work[0]()
        return time.perf_counter() - start
    barrier = threading.Barrier(len(work) + 1)
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def run(function: Callable[[], Any], i: int) -> None:
        # Left alone, the scheduler may keep both on one core for longer than a sample lasts.
        if cpus:
            os.sched_setaffinity(threading.get_native_id(), {cpus[i % len(cpus)]})
        barrier.wait()
        function()

    threads = [threading.Thread(target=run, args=(function, i)) for i, function in enumerate(work)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    barrier.wait()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def best_rate(one: Callable[[int], Callable[[int], Any]], threads: int, seconds: float) -> float:
    """Rounds a second of all threads, the best of a few samples.

    Parameters
    ----------
    one : callable
        From a thread's number to a function that does so many rounds.
    threads : int
        How many run at once.
    seconds : float
        About how long a sample lasts.

    Returns
    -------
    float
        Rounds a second, threads added up.
    """
    functions, rounds, best = [one(i) for i in range(threads)], 1, 0.0

    def sample() -> float:
        return together([lambda f=f: f(rounds) for f in functions])

    while (taken := sample()) < seconds / 4:
        rounds *= max(2, min(64, int(seconds / 2 / max(taken, 1e-7))))
    # Twice: a pause of the machine in the only one would leave far too few rounds.
    rounds = max(1, int(rounds * seconds / min(taken, sample())))
    for _ in range(SAMPLES):
        best = max(best, rounds * threads / sample())
    return best


def peak(dtype: str, threads: int, seconds: float = 0.02) -> float:
    """Floating-point operations a second, all in fused multiply-adds.

    Parameters
    ----------
    dtype : str
        ``"float32"`` or ``"float64"``.
    threads : int
        How many run at once.
    seconds : float
        About how long a sample lasts. Default 0.02.

    Returns
    -------
    float
        Operations a second, threads added up.
    """
    operations = getattr(library(), f"fma_{dtype}_operations")()
    return operations * best_rate(lambda _: getattr(library(), f"fma_{dtype}"), threads, seconds)


def read_rate(size: int, threads: int, seconds: float = 0.03) -> float:
    """Bytes read a second, each thread going over memory of its own.

    Parameters
    ----------
    size : int
        Bytes of each thread.
    threads : int
        How many run at once.
    seconds : float
        About how long a sample lasts. Default 0.03.

    Returns
    -------
    float
        Bytes a second, threads added up.
    """
    buffers = [mmap.mmap(-1, size) for _ in range(threads)]
    held = []
    for buffer in buffers:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            buffer.madvise(mmap.MADV_HUGEPAGE)
        held.append((ctypes.c_char * size).from_buffer(buffer))
        ctypes.memset(held[-1], 1, size)

    def reader(i: int) -> Callable[[int], Any]:
        address = ctypes.addressof(held[i])
        return lambda rounds: library().read_memory(address, size, rounds)

    return size * best_rate(reader, threads, seconds)


def measure(threads: int) -> dict[str, Any]:
    """The table the limits are computed from.

    Parameters
    ----------
    threads : int
        How many run at once.

    Returns
    -------
    dict
        ``fma`` (operations a second by data type) and ``read`` (pairs of bytes a thread and bytes a second of
        all).
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = [size for size in SIZES if size * threads < free / 2]
    return {
        "fma": {dtype: peak(dtype, threads) for dtype in ("float32", "float64")},
        "read": [[size, read_rate(size, threads)] for size in sizes],
    }


def describe() -> dict[str, Any]:
    """What the machine is, for the record.

    Returns
    -------
    dict
        Processor, its number of logical CPUs, caches of the first, operating system, interpreter.
    """
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = named[0].partition(":")[2].strip() if named else name
    caches = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / part).read_text().strip() for part in ("level", "type", "size"))
        caches[f"L{level} {kind}"] = size
    return {
        "processor": name,
        "cpus": os.cpu_count(),
        "caches": caches,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Answer ``measure`` and ``peak``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", default="")
    threads = parser.parse_args().threads
    library()
    commands = {
        "measure": lambda: measure(threads),
        "peak": lambda dtype: {"rate": peak(dtype, threads, 0.01)},
    }
    converse(commands, {"versions": {"machine": platform.machine()}})


if __name__ == "__main__":
    main()
