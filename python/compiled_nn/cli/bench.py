"""``compiled-nn bench``: how fast this machine trains and predicts, and how fast it could at most."""

from __future__ import annotations

import math
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np

import cnn_core
from cnn_core.bench import bandwidth, peak
from cnn_core.threads import get_num_threads

from .._version import __version__
from ..network.network import Network
from ..optimizers.classes import SGD, Adam
from ..spec.layers import Dense
from . import results
from .report import Terminal
from .workloads import WORKLOADS, Workload, limit

_SIZES = {"L1": 16 * 1024, "L2": 256 * 1024, "L3": 4 * 1024**2, "memory": 128 * 1024**2}  # bytes of a thread
_LEAST = 3  # calls that are timed, however long each takes


def benchmark(options: Namespace) -> int:
    """Measure the machine, then the workloads that ``--only`` names, and print a table or JSON."""
    threads = options.threads or get_num_threads()
    machine = _machine(threads)
    screen = Terminal(sys.stdout)
    measured = []
    if not options.json:
        screen.print(*_machine_lines(machine), "", screen.style(_row(_HEAD), "bold"))
    for name in options.only:
        result = _measure(WORKLOADS[name], threads, options.seconds, machine)
        measured.append(result)
        if not options.json:
            screen.print(_row(_cells(result)))
    if options.json:
        results.print_json({"command": "bench", "version": __version__, **machine, "workloads": measured})
    return 0


def _machine(threads: int) -> dict[str, Any]:
    return {
        "isa": cnn_core.isa,
        "threads": threads,
        "fma": {dtype: peak(dtype, n_threads=threads) for dtype in ("float32", "float64")},
        "read": [[size, bandwidth(size, n_threads=threads)] for size in _SIZES.values()],
    }


def _machine_lines(machine: dict[str, Any]) -> list[str]:
    count = machine["threads"]
    peaks = ", ".join(f"{dtype} {rate / 1e9:.1f}" for dtype, rate in machine["fma"].items())
    rates = zip(_SIZES, machine["read"], strict=True)
    reads = ", ".join(f"{level} {rate / 1e9:.1f}" for level, (_, rate) in rates)
    return [
        f"compiled-nn {__version__}, {machine['isa']}, {count} thread{'s' * (count != 1)}",
        f"multiply-adds   GFLOP/s: {peaks}",
        f"reading         GB/s: {reads}",
    ]


def _measure(workload: Workload, threads: int, seconds: float, machine: dict[str, Any]) -> dict[str, Any]:
    """Time one unit again and again: an epoch of training, or a call of predict_proba."""
    taken: list[float] = []
    unit = _unit(workload, threads)
    unit()
    end = time.perf_counter() + seconds
    while len(taken) < _LEAST or time.perf_counter() < end:
        start = time.perf_counter()
        unit()
        taken.append(time.perf_counter() - start)
    median = float(np.median(taken))
    bound = limit(workload, "float32", threads, machine)
    return {
        "name": workload.name,
        "what": _what(workload),
        "calls": len(taken),
        "seconds": median,
        "p99": float(np.quantile(taken, 0.99)) if workload.kind == "inference" else None,
        "flops": workload.flops() / median,
        "of_limit": None if bound is None else bound / median,
    }


def _unit(workload: Workload, threads: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    inputs, outputs = workload.sizes[0], workload.sizes[-1]
    X = rng.random((workload.rows, inputs), dtype=np.float32)
    y = np.arange(workload.rows) % max(outputs, 2)
    net = Network(
        [*(Dense(n, workload.hidden) for n in workload.sizes[1:-1]), Dense(outputs)],
        loss=workload.loss,
        optimizer=_optimizer(workload),
        l2=workload.l2,
        seed=0,
        n_threads=threads,
    )
    if workload.kind == "inference":
        known = np.zeros((max(outputs, 2), inputs), np.float32)
        net.fit(known, np.arange(len(known)), epochs=1)
        return lambda: net.predict_proba(X)
    return lambda: net.fit(
        X, y, epochs=1, batch_size=workload.batch or "full", shuffle=workload.shuffle, warm_start=True
    )


def _optimizer(workload: Workload) -> SGD | Adam:
    # Random labels teach nothing: a rate of a thousandth of the workload's keeps the numbers where they are.
    rate = workload.learning_rate / 1000
    if workload.optimizer == "adam":
        return Adam(rate)
    return SGD(rate, momentum=workload.momentum if workload.optimizer == "momentum" else 0.0)


def _what(workload: Workload) -> str:
    net = "-".join(map(str, workload.sizes))
    if workload.kind == "inference":
        return f"predict {workload.rows:,} x {net}"
    batch = f"batch {workload.batch:,}" if workload.batch else "full batch"
    return f"epoch {workload.rows:,} x {net}, {batch}"


_HEAD = ("", "", "time", "p99", "GFLOP/s", "limit")


def _row(cells: tuple[str, ...]) -> str:
    name, what, *numbers = cells
    return f"{name:<3}{what:<45}" + "".join(
        number.rjust(width) for number, width in zip(numbers, (8, 8, 8, 8), strict=True)
    )


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    p99, share = result["p99"], result["of_limit"]
    return (
        result["name"],
        result["what"],
        _time(result["seconds"]),
        "" if p99 is None else _time(p99),
        f"{result['flops'] / 1e9:.1f}",
        "" if share is None else f"{share:.0%}",
    )


def _time(seconds: float) -> str:
    """Return a time with three digits in the unit that suits it."""
    unit, factor = next(
        pair for pair in (("s", 1), ("ms", 1e3), ("us", 1e6)) if seconds * pair[1] >= 1 or pair[0] == "us"
    )
    digits = max(0, 2 - math.floor(math.log10(max(seconds * factor, 0.01))))
    return f"{seconds * factor:.{digits}f} {unit}"
