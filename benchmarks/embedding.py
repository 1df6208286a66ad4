"""Behaviour beside other threads and other programs: docs/guide/embedding.md.

    python benchmarks/embedding.py --rounds 20

Threads: calls per second of two Python threads that predict with one network, relative to one thread; each call uses
one thread of the pool. Neighbour: median time of a call with two threads relative to the same call with one thread, on
a free machine, and beside a process that keeps the last processor busy. The two take turns; a round is a tenth of a
second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

ROUND = 0.1  # seconds
BUSY = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])]); print(flush=True)\nwhile True: pass"


def main() -> None:
    """Measure, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(
        "| prediction by two threads | one thread, us per call | two threads, times as many calls |\n|---|---|---|"
    )
    for name, call in predictions().items():
        alone, both = two_threads(call, options.rounds)
        print(f"| {name} | {1e6 / alone:.3g} | {both / alone:.2f} |", flush=True)
    print(
        "\n| call | free: 2 threads / 1 thread | beside a busy process: 2 threads / 1 thread | p95 |\n|---|---|---|---|"
    )
    for name, make in calls().items():
        (free, _), (busy, tail) = (
            neighbour(make, options.rounds, False),
            neighbour(make, options.rounds, True),
        )
        print(f"| {name} | {free:.2f} | {busy:.2f} | {tail:.2f} |", flush=True)


def network(units: tuple[int, ...], **parameters: Any) -> Any:
    """Return an unfitted network of these sizes: inputs, layers."""
    import compiled_nn as cnn

    layers = [*(cnn.Dense(n, "relu") for n in units[1:-1]), cnn.Dense(units[-1])]
    return cnn.Network(layers, seed=0, **parameters)


def rows(count: int, columns: int) -> np.ndarray:
    """Return random rows in float32."""
    return np.random.default_rng(0).standard_normal((count, columns), np.float32)


def predictions() -> dict[str, Callable[[], Any]]:
    """Return calls of predictions with one thread, by name."""
    found = {}
    for units, count in (((32, 64, 64, 2), 1), ((784, 128, 10), 1), ((784, 128, 10), 1024)):
        X = rows(count, units[0])
        net = network(units, n_threads=1).fit(rows(64, units[0]), np.arange(64) % units[-1], epochs=1)
        found[f"{count:,} row{'s' * (count > 1)}, {'-'.join(map(str, units))}"] = lambda net=net, X=X: (
            net.predict_proba(X)
        )
    return found


def calls() -> dict[str, Callable[[int], Callable[[], Any]]]:
    """Return functions of the number of threads that make a call, by name."""

    def predict(n: int) -> Callable[[], Any]:
        net = network((784, 128, 10), n_threads=n).fit(rows(64, 784), np.arange(64) % 10, epochs=1)
        X = rows(512, 784)
        return lambda: net.predict_proba(X)

    def step(units: tuple[int, ...], batch: int, n: int) -> Callable[[], Any]:
        X = rows(batch, units[0])
        if units[-1] == 1:
            net, y = network(units, n_threads=n, loss="mse"), X[:, 0].copy()
        else:
            net, y = network(units, n_threads=n), np.arange(batch) % units[-1]
        return lambda: net.partial_fit(X, y)

    def epoch(n: int) -> Callable[[], Any]:
        net, X, y = network((784, 128, 10), n_threads=n), rows(2560, 784), np.arange(2560) % 10
        return lambda: net.fit(X, y, epochs=1, batch_size=128)

    return {
        "predict, 512 rows, 784-128-10": predict,
        "step of 128 rows, 784-128-10": lambda n: step((784, 128, 10), 128, n),
        "step of 64 rows, 32-64-64-1": lambda n: step((32, 64, 64, 1), 64, n),
        "20 steps of 128 rows, 784-128-10": epoch,
    }


def repeat(call: Callable[[], Any], end: threading.Event) -> int:
    """Call a function until an event is set; return how often."""
    count = 0
    while not end.is_set():
        call()
        count += 1
    return count


def calls_per_second(call: Callable[[], Any], n_threads: int) -> float:
    """Return how often `n_threads` Python threads together call a function in a second."""
    end, counts = threading.Event(), []
    threads = [threading.Thread(target=lambda: counts.append(repeat(call, end))) for _ in range(n_threads)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(ROUND)
    end.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def two_threads(call: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the median calls per second of one and of two Python threads, which take turns."""
    found = [(calls_per_second(call, 1), calls_per_second(call, 2)) for _ in range(rounds)]
    one, two = np.median(found, axis=0)
    return float(one), float(two)


@contextmanager
def busy_processor(is_busy: bool) -> Iterator[None]:
    """Keep the last processor busy with another process, or do nothing."""
    if not is_busy:
        yield
        return
    last = str(max(os.sched_getaffinity(0)))
    with subprocess.Popen([sys.executable, "-c", BUSY, last], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is not None:
                process.stdout.readline()
            yield
        finally:
            process.kill()


def neighbour(make: Callable[[int], Callable[[], Any]], rounds: int, is_busy: bool) -> tuple[float, float]:
    """Return the median and the 95th percentile of the time of a call with two threads, relative to one thread."""
    works = [make(1), make(2)]
    times: list[list[float]] = [[], []]
    with busy_processor(is_busy):
        for work in works:
            work()
        for number in range(2 * rounds):
            end = time.perf_counter() + ROUND
            while time.perf_counter() < end:
                start = time.perf_counter()
                works[number % 2]()
                times[number % 2].append(time.perf_counter() - start)
    one, two = (np.quantile(each, (0.5, 0.95)) for each in times)
    return float(two[0] / one[0]), float(two[1] / one[1])


if __name__ == "__main__":
    main()
