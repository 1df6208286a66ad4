"""Two kinds of local workers for the benchmarks: processes of the standard library, and a local Dask cluster.

Each worker has one thread, and is pinned to one CPU, a different one where there are enough. The driver is not pinned,
because it works while the workers wait.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENGINES = ("processes", "dask")


def pin(number: int) -> None:
    """Pin this process to one of its CPUs."""
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[number % len(cpus)]})


def _start(counter: Any) -> None:
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    pin(number)


def _pid(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def seconds_of_cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def with_pids(engine: Any, n_workers: int) -> Any:
    """Add a method `pids` to an engine, which returns the numbers of its workers' processes."""

    def pids() -> set[int]:
        found: set[int] = set()
        while len(found) < n_workers:
            found |= set(engine.map(_pid, [(0.02,)] * 4 * n_workers, [*range(n_workers)] * 4))
        return found

    engine.pids = pids
    return engine


@contextmanager
def open_engine(kind: str, n_workers: int) -> Iterator[Any]:
    """Start workers, and return the engine of compiled_nn that uses them; they end with the block.

    Parameters
    ----------
    kind : {"processes", "dask"}
        Kind of the workers.
    n_workers : int
        Number of workers.
    """
    if kind == "processes":
        from compiled_nn.distributed import MapEngine

        context = multiprocessing.get_context("forkserver")
        counter = context.Value("i", 0)
        with ProcessPoolExecutor(n_workers, context, _start, (counter,)) as pool:
            yield with_pids(MapEngine(pool.map), n_workers)
    else:
        yield from _dask_engine(n_workers)


def _dask_engine(n_workers: int) -> Iterator[Any]:
    from compiled_nn.dask.engine import DaskEngine
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(n_workers, timeout=60)
        for number, address in enumerate(client.scheduler_info()["workers"]):
            client.submit(pin, number, workers=[address], pure=False).result()
        yield with_pids(DaskEngine(client), n_workers)


def counted(map: Callable[..., Any], sizes: list[tuple[int, int]]) -> Callable[..., list[Any]]:
    """Return a function like `map` that appends the pickled bytes of the tasks and of the results to `sizes`."""

    def pickled(values: list[Any]) -> int:
        return sum(len(pickle.dumps(each, 5)) for each in values)

    def counting(function: Callable[..., Any], tasks: Any) -> list[Any]:
        tasks = list(tasks)
        results = list(map(function, tasks))
        sizes.append((pickled(tasks), pickled(results)))
        return results

    return counting
