"""Measurements of ``compiled-nn bench``: the workloads, and the limits of the machine."""

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
from cnn_core.threads import MOST, get_num_threads

from ..._version import __version__
from ...network.network import Network
from ...optimizers.classes import SGD, Adam
from ...spec.layers import Dense
from . import results
from .terminal import Terminal
from .workloads import WORKLOADS, Workload, limit

_SIZES = {"L1": 16 * 1024, "L2": 256 * 1024, "L3": 4 * 1024**2, "memory": 128 * 1024**2}  # bytes per thread
_LEAST = 3  # least number of timed calls
_QUIET = 0.1  # allowed relative change of a reference loop's speed during a workload
_SAMPLE = 0.02  # seconds per sample of a limit; the best of five samples counts
_SHORT = 0.001  # the same for a repeated measurement: short, to fit between time slices of other programs
_TIMES = 10  # repeated measurements with such samples


def benchmark(options: Namespace) -> int:
    """Measure the machine, then the workloads of ``--only``, and print a table or JSON.

    The limit is measured again after a workload that exceeds it, or during which the machine was busy.
    """
    machine = _Machine(min(options.threads or get_num_threads(), MOST))
    screen = Terminal(sys.stdout)
    measured: list[dict[str, Any]] = []
    if not options.json:
        screen.print(*_machine_lines(machine), "", screen.style(_row(_HEAD), "bold"))
    for name in options.only:
        before = machine.speed()
        result = _measure(WORKLOADS[name], machine.threads, options.seconds)
        measured.append(result)
        result["of_limit"] = machine.share(result)
        reason = _doubt(result["of_limit"], before, machine.speed())
        if not options.json:
            screen.print(_row(_cells(result)))
        if reason:
            machine.measure_again(name, reason)
            if not options.json:
                screen.print(screen.style(f"   limit measured again: {reason}", "dim"))
    for result in measured:
        result["of_limit"] = machine.share(result)
    if options.json:
        results.print_json(
            {"command": "bench", "version": __version__, **machine.document(), "workloads": measured}
        )
    elif machine.again:
        title = screen.style("With the best of all measurements of the limit:", "bold")
        screen.print("", title, *_machine_lines(machine)[1:], *(_row(_cells(result)) for result in measured))
        if any(result["of_limit"] is not None and result["of_limit"] > 1 for result in measured):
            screen.print("Results above 100%: the machine was too busy to measure the limit.")
    return 0


def _doubt(share: float | None, before: float, after: float) -> str | None:
    """Return the reason to measure the limit again after a workload, or None."""
    if share is not None and share > 1:
        return f"the result is {share:.0%} of it"
    difference = 1 - min(before, after) / max(before, after)
    if difference > _QUIET:
        return f"a reference loop's speed changed by {difference:.0%}"
    return None


class _Machine:
    """Limits of the machine: the best of all measurements, since other programs can only lower them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.fma = dict.fromkeys(("float32", "float64"), 0.0)
        self.read = dict.fromkeys(_SIZES.values(), 0.0)
        self.again: list[dict[str, str]] = []
        self._measure(_SAMPLE)

    def _measure(self, seconds: float) -> None:
        for dtype, best in self.fma.items():
            self.fma[dtype] = max(best, peak(dtype, seconds=seconds, n_threads=self.threads))
        for size, best in self.read.items():
            self.read[size] = max(best, bandwidth(size, seconds=seconds, n_threads=self.threads))

    def measure_again(self, workload: str, reason: str) -> None:
        """Measure again after a workload, for the given reason."""
        for _ in range(_TIMES):
            self._measure(_SHORT)
        self.again.append({"after": workload, "reason": reason})

    def speed(self) -> float:
        """Speed of the reference loop now, in floating-point operations per second."""
        return peak("float32", seconds=_SAMPLE, n_threads=self.threads)

    def share(self, result: dict[str, Any]) -> float | None:
        """Share of the limit that a result reaches; None for a workload without a limit."""
        bounds = {"fma": self.fma, "read": [[size, rate] for size, rate in self.read.items()]}
        bound = limit(WORKLOADS[result["name"]], "float32", self.threads, bounds)
        return None if bound is None else bound / result["seconds"]

    def document(self) -> dict[str, Any]:
        """Fields of the JSON output."""
        return {
            "isa": cnn_core.isa,
            "threads": self.threads,
            "fma": self.fma,
            "read": [[size, rate] for size, rate in self.read.items()],
            "limit_measured_again": self.again,
        }


def _machine_lines(machine: _Machine) -> list[str]:
    count = machine.threads
    peaks = ", ".join(f"{dtype} {rate / 1e9:.1f}" for dtype, rate in machine.fma.items())
    reads = ", ".join(f"{level} {machine.read[size] / 1e9:.1f}" for level, size in _SIZES.items())
    return [
        f"compiled-nn {__version__}, {cnn_core.isa}, {count} thread{'s' * (count != 1)}",
        f"multiply-adds   GFLOP/s: {peaks}",
        f"reading         GB/s: {reads}",
    ]


def _measure(workload: Workload, threads: int, seconds: float) -> dict[str, Any]:
    """Time repeated calls of one unit: an epoch of training, or a call of predict_proba."""
    taken: list[float] = []
    unit = _unit(workload, threads)
    unit()
    end = time.perf_counter() + seconds
    while len(taken) < _LEAST or time.perf_counter() < end:
        start = time.perf_counter()
        unit()
        taken.append(time.perf_counter() - start)
    median = float(np.median(taken))
    return {
        "name": workload.name,
        "what": _what(workload),
        "calls": len(taken),
        "seconds": median,
        "p99": float(np.quantile(taken, 0.99)) if workload.kind == "inference" else None,
        "flops": workload.flops() / median,
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
    # 1/1000 of the workload's learning rate: on random labels, the full rate could diverge.
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
    """Return a time with three digits, in s, ms or us."""
    unit, factor = next(
        pair for pair in (("s", 1), ("ms", 1e3), ("us", 1e6)) if seconds * pair[1] >= 1 or pair[0] == "us"
    )
    digits = max(0, 2 - math.floor(math.log10(max(seconds * factor, 0.01))))
    return f"{seconds * factor:.{digits}f} {unit}"
