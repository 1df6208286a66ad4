"""Cost of an ensemble compared with its members alone: training of 32 members, and prediction with 8.

    python benchmarks/ensembles.py --rounds 3

Training: seconds of CPU of all threads, and of the clock, for `Ensemble(net, n_members=32).fit` relative to one
`Network.fit` for each member on one thread, both with a fifth of the rows for validation and the weights of the best
epoch. They take turns, and the lowest time of each counts. Prediction: time of `predict_proba` with 8 members relative
to one of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from typing import Any

import numpy as np

MEMBERS = 32
PREDICTING = 8  # members
SHAPES = (((8, 16, 16, 1), 32), ((32, 64, 64, 1), 64))  # units, and rows of a batch
ROWS = (1000, 4096)


def main() -> None:
    """Measure, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    print(
        "| network, rows per batch | rows | 32 lone runs, s of CPU | ensemble, 1 thread | 2 threads, CPU | clock |"
    )
    print("|---|---|---|---|---|---|")
    for units, batch in SHAPES:
        for rows in ROWS:
            lone, one, two, clock = training(units, batch, rows, options.epochs, options.rounds)
            name = "-".join(map(str, units))
            line = f"| {name}, {batch} | {rows:,} | {lone:.3f} | {one:.2f} | {two:.2f} | {clock:.2f} |"
            print(line, flush=True)
    print("\n| rows | 1 member, us | 8 members, us | ratio |\n|---|---|---|---|")
    for rows, alone, together in prediction(options.rounds):
        print(f"| {rows:,} | {alone * 1e6:.3g} | {together * 1e6:.3g} | {together / alone:.2f} |", flush=True)


def training(
    units: Sequence[int], batch: int, rows: int, epochs: int, rounds: int
) -> tuple[float, float, float, float]:
    """Return seconds of CPU of the lone runs; and relative to them the CPU of an ensemble on one and on two threads,
    and the clock's time on two threads relative to that of the lone runs."""
    import compiled_nn as cnn

    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, units[0])).astype(np.float32)
    y = np.sin(X[:, 0]) + X[:, 1]

    def network(seed: int) -> Any:
        layers = [*(cnn.Dense(n, "relu") for n in units[1:-1]), cnn.Dense(units[-1])]
        return cnn.Network(layers, loss="mse", optimizer=cnn.Adam(0.001), seed=seed)

    def lone() -> None:
        for seed in range(MEMBERS):
            net = network(seed)
            net.n_threads = 1
            stopping = cnn.callbacks.EarlyStopping(patience=epochs)
            net.fit(X, y, epochs=epochs, batch_size=batch, validation_fraction=0.2, early_stopping=stopping)

    def together(n_threads: int) -> Callable[[], None]:
        def run() -> None:
            ensemble = cnn.Ensemble(network(0), n_members=MEMBERS, n_threads=n_threads)
            ensemble.fit(X, y, epochs=epochs, batch_size=batch)

        return run

    (alone, lone_clock), (one, _), (two, clock) = lowest([lone, together(1), together(2)], rounds)
    return alone, one / alone, two / alone, clock / lone_clock


def lowest(runs: Sequence[Callable[[], None]], rounds: int) -> list[tuple[float, float]]:
    """Return the lowest seconds of CPU and of the clock of each of the runs, which take turns."""
    times: list[list[tuple[float, float]]] = [[] for _ in runs]
    for _ in range(rounds):
        for found, run in zip(times, runs, strict=True):
            cpu, clock = process_time(), perf_counter()
            run()
            found.append((process_time() - cpu, perf_counter() - clock))
    return [(min(cpu for cpu, _ in found), min(clock for _, clock in found)) for found in times]


def prediction(rounds: int) -> list[tuple[int, float, float]]:
    """Return numbers of rows with the seconds of CPU of one call for one member, and for all, on one thread."""
    import compiled_nn as cnn

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 20)).astype(np.float32)
    y = X[:, 0] > 0
    layers = [cnn.Dense(128, "relu"), cnn.Dense(128, "relu"), cnn.Dense(2)]
    net = cnn.Network(layers, loss="softmax_cross_entropy", seed=0)
    ensemble = cnn.Ensemble(net, n_members=PREDICTING, n_threads=1).fit(X[:500], y[:500], epochs=1)
    alone = ensemble.members_[0]
    alone.n_threads = 1
    found = []
    for rows, calls in ((1, 3000), (100, 100), (20_000, 1)):
        some = X[:rows]
        times = lowest([repeated(model, some, calls) for model in (alone, ensemble)], 3 * rounds)
        found.append((rows, times[0][0] / calls, times[1][0] / calls))
    return found


def repeated(model: Any, X: Any, calls: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(calls):
            model.predict_proba(X)

    return run


if __name__ == "__main__":
    sys.exit(main())
