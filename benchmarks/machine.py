"""Measure the limits of the machine in the same run: FMA peak, and read bandwidth by size.

The runner starts it as a process: the command ``measure`` returns the whole table, ``peak`` only the FMA peak, which
shows whether other programs used the machine while the peers ran.
"""

import argparse
import ctypes
import mmap
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from protocol import converse

KIB, MIB = 1024, 1024 * 1024
# Bytes per thread, from L1 to DRAM; closer together where a working set may be in two levels of cache.
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
def load_library() -> ctypes.CDLL:
    """Compile machine.c with the system's C compiler (``CC``, else cc, gcc or clang), and load it.

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
        raise RuntimeError("no C compiler was found, which is needed to measure the machine; set CC")
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


def run_together(work: list[Callable[[], Any]]) -> float:
    """Run functions at the same time, each in a thread.

    Parameters
    ----------
    work : list of callables
        Functions of ctypes, which releases the GIL.

    Returns
    -------
    float
        Seconds until the last function has returned.
    """
    if len(work) == 1:
        start = time.perf_counter()
        work[0]()
        return time.perf_counter() - start
    barrier = threading.Barrier(len(work) + 1)
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def run(function: Callable[[], Any], i: int) -> None:
        # Without pinning, the scheduler may keep two threads on one core for longer than a sample takes.
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


def best_rate(make_function: Callable[[int], Callable[[int], Any]], threads: int, seconds: float) -> float:
    """Return the number of rounds per second of all threads together: the best of a few samples.

    Parameters
    ----------
    make_function : callable
        Takes the index of a thread, and returns a function that takes the number of rounds to run.
    threads : int
        Number of threads.
    seconds : float
        Approximate duration of a sample in seconds.

    Returns
    -------
    float
        Rounds per second, summed over the threads.
    """
    functions, rounds, best = [make_function(i) for i in range(threads)], 1, 0.0

    def sample() -> float:
        return run_together([lambda f=f: f(rounds) for f in functions])

    while (elapsed := sample()) < seconds / 4:
        rounds *= max(2, min(64, int(seconds / 2 / max(elapsed, 1e-7))))
    # Measured twice: an interruption in a single measurement would give far too few rounds.
    rounds = max(1, int(rounds * seconds / min(elapsed, sample())))
    for _ in range(SAMPLES):
        best = max(best, rounds * threads / sample())
    return best


def peak(dtype: str, threads: int, seconds: float = 0.02) -> float:
    """Return the rate of floating-point operations in fused multiply-adds.

    Parameters
    ----------
    dtype : str
        Data type, ``"float32"`` or ``"float64"``.
    threads : int
        Number of threads.
    seconds : float
        Approximate duration of a sample in seconds. Default 0.02.

    Returns
    -------
    float
        Operations per second, summed over the threads.
    """
    operations = getattr(load_library(), f"fma_{dtype}_operations")()
    return operations * best_rate(lambda _: getattr(load_library(), f"fma_{dtype}"), threads, seconds)


def read_rate(size: int, threads: int, seconds: float = 0.03) -> float:
    """Return the rate of reading memory, where each thread reads a separate buffer.

    Parameters
    ----------
    size : int
        Number of bytes per thread.
    threads : int
        Number of threads.
    seconds : float
        Approximate duration of a sample in seconds. Default 0.03.

    Returns
    -------
    float
        Bytes per second, summed over the threads.
    """
    buffers = [mmap.mmap(-1, size) for _ in range(threads)]
    arrays = []
    for buffer in buffers:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            buffer.madvise(mmap.MADV_HUGEPAGE)
        arrays.append((ctypes.c_char * size).from_buffer(buffer))
        ctypes.memset(arrays[-1], 1, size)

    def make_reader(i: int) -> Callable[[int], Any]:
        address = ctypes.addressof(arrays[i])
        return lambda rounds: load_library().read_memory(address, size, rounds)

    return size * best_rate(make_reader, threads, seconds)


def measure(threads: int) -> dict[str, Any]:
    """Return the table from which the limits are computed.

    Parameters
    ----------
    threads : int
        Number of threads.

    Returns
    -------
    dict
        ``fma`` (operations per second, by data type) and ``read`` (pairs of bytes per thread and bytes per second of
        all threads).
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = [size for size in SIZES if size * threads < free / 2]
    return {
        "fma": {dtype: peak(dtype, threads) for dtype in ("float32", "float64")},
        "read": [[size, read_rate(size, threads)] for size in sizes],
    }


def describe() -> dict[str, Any]:
    """Return a description of the machine for the JSON file.

    Returns
    -------
    dict
        Processor, number of logical CPUs, caches of the first CPU, operating system and version of Python.
    """
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
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


def begin_record(**further: Any) -> dict[str, Any]:
    """Return the first fields of the JSON file of a benchmark.

    Parameters
    ----------
    **further
        Fields of this benchmark, which follow the description of the machine.

    Returns
    -------
    dict
        Date, command, machine, `further`, and the fields that measurements extend: versions, BLAS and results.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "machine": describe(),
        **further,
        "versions": {},
        "blas": {},
        "results": [],
    }


def main() -> None:
    """Answer the commands ``measure`` and ``peak``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", default="")
    threads = parser.parse_args().threads
    load_library()
    commands = {
        "measure": lambda: measure(threads),
        "peak": lambda dtype: {"rate": peak(dtype, threads, 0.01)},
    }
    converse(commands, {"versions": {"machine": platform.machine()}})


if __name__ == "__main__":
    main()
