"""Cost of training on two local workers: seconds of an epoch, bytes of a round, and what the model of costs predicts.

    python benchmarks/scaling.py times --rounds 5
    python benchmarks/scaling.py times --engine dask --only 784-128-10
    python benchmarks/scaling.py accuracy --seeds 5 --epochs 20
    python benchmarks/scaling.py peers

`times` trains each network with one process ("alone", one thread, without exchanges), and with one and with two
workers, in two shards. They take turns; the tables have ratios of the median seconds of an epoch. The model of costs is
measured before, in the same process, and its prediction is printed beside the measurement.

`accuracy` is the test accuracy on Fashion-MNIST of one process and of two workers (`COMPILED_NN_DATA`, or the folder of
Debian's package dataset-fashion-mnist). `peers` compares with DistributedDataParallel of PyTorch (gloo, two processes)
and with `partial_fit` of scikit-learn, which is what Dask-ML's `Incremental` calls for one part after the other.

The file is not named after the chapter that it measures, because `import distributed` must find Dask's package.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

import numpy as np
from clusters import ENGINES, counted, open_engine, seconds_of_cpu

os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)


class Case(NamedTuple):
    """Network, rows of a batch of each shard, mode, and local steps between averages."""

    sizes: tuple[int, ...]
    batch_size: int
    mode: str
    steps: int | str
    n_rows: int = 60_000

    @property
    def name(self) -> str:
        """Units of the layers, joined."""
        return "-".join(map(str, self.sizes))


SMALL, IMAGES, WIDE = (32, 64, 64, 1), (784, 128, 10), (784, 512, 512, 10)
CASES = [
    *(Case(SMALL, batch, "averaging", steps, 400_000) for batch in (64, 1024) for steps in (8, "auto")),
    *(Case(SMALL, batch, "synchronous", 1, 400_000) for batch in (1024, 16_384)),
    *(Case(IMAGES, batch, "averaging", steps) for batch in (32, 200) for steps in (8, "auto")),
    *(Case(IMAGES, batch, "synchronous", 1) for batch in (200, 2000)),
    *(Case(WIDE, batch, "averaging", steps) for batch in (32, 200) for steps in (8, "auto")),
    *(Case(WIDE, batch, "synchronous", 1) for batch in (200, 2000)),
]


def new_network(sizes: tuple[int, ...], seed: int = 0) -> Any:
    """Return a network of ReLU layers, for classes or for one value."""
    import compiled_nn as cnn

    loss = "mse" if sizes[-1] == 1 else "softmax_cross_entropy"
    layers = [*(cnn.Dense(n, "relu") for n in sizes[1:-1]), cnn.Dense(sizes[-1])]
    return cnn.Network(layers, loss=loss, optimizer="adam", seed=seed, n_threads=1)


def new_rows(case: Case) -> tuple[Any, Any]:
    """Return random rows with targets for a network."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((case.n_rows, case.sizes[0]), dtype=np.float32)
    if case.sizes[-1] == 1:
        return X, np.sin(X[:, 0]) + X[:, 1]
    return X, np.argmax(X[:, : case.sizes[-1]], axis=1)


def sharded(X: Any, y: Any, case: Case, engine: Any) -> Any:
    """Return the rows in two shards."""
    import compiled_nn as cnn

    half = len(X) // 2
    parts = [(X[:half], y[:half]), (X[half:], y[half:])]
    return cnn.distributed.ShardedRows(
        parts, engine=engine, n_shards=2, mode=case.mode, steps_per_average=case.steps
    )


def seconds(
    case: Case, X: Any, y: Any, epochs: int, pids: Iterable[int] = ()
) -> tuple[list[float], list[float]]:
    """Return the seconds of the epochs after the first one, and of CPU of the driver and of the workers in them."""
    used: list[list[float]] = []

    def count(net: Any, epoch: int, history: Any) -> None:
        used.append([time.process_time(), sum(map(seconds_of_cpu, pids))])

    net = new_network(case.sizes)
    net.fit(X, y, epochs=1 + epochs, batch_size=case.batch_size, callback=count)
    cpu = [(last - first) / epochs for first, last in zip(used[0], used[-1], strict=True)]
    return net.history["seconds"][1:], cpu


def bytes_per_round(case: Case, map: Any) -> tuple[float, float]:
    """Return the median megabytes of the tasks and of the results of a round."""
    from compiled_nn.distributed import MapEngine

    # Parts of this size travel in files, once, as those of all measurements do.
    X, y = new_rows(case._replace(n_rows=max(8 * case.batch_size, 4000)))
    sizes: list[tuple[int, int]] = []
    new_network(case.sizes).fit(
        sharded(X, y, case._replace(steps=1), MapEngine(counted(map, sizes))),
        epochs=2,
        batch_size=case.batch_size,
    )
    return median(sent for sent, _ in sizes) / 1e6, median(got for _, got in sizes) / 1e6


def measure(case: Case, engines: dict[int, Any], rounds: int, epochs: int) -> dict[str, Any]:
    """Return the measured and the predicted seconds of an epoch of a case."""
    import compiled_nn as cnn

    X, y = new_rows(case)
    data = {0: (X, y), **{n: (sharded(X, y, case, engine), None) for n, engine in engines.items()}}
    found: dict[int, list[float]] = {n: [] for n in data}
    predictions: dict[int, list[float]] = {n: [] for n in data}
    cpu: dict[int, list[list[float]]] = {n: [] for n in data}
    pids = {0: set(), **{n: engine.pids() for n, engine in engines.items()}}
    chosen, overhead = [], []
    for _ in range(rounds):
        model = cnn.distributed.estimate(
            new_network(case.sizes),
            X[:2000],
            y[:2000],
            n_rows=case.n_rows,
            batch_size=case.batch_size,
            mode=case.mode,
            steps_per_average=case.steps,
            n_shards=2,
            engine=engines[2],
            n_workers=2,
        )
        for n, (rows, targets) in data.items():
            times, used = seconds(case, rows, targets, epochs, pids[n])
            found[n] += times
            cpu[n].append(used)
            if n == 2:
                chosen.append(rows.pace_.chosen)
                overhead.append(rows.pace_.overhead)
            predictions[n].append(model.seconds_per_epoch(n) if n else model.seconds_alone())
    return {
        **case._asdict(),
        "seconds": {n: median(each) for n, each in found.items()},
        "predicted": {n: median(each) for n, each in predictions.items()},
        "cpu": {n: [median(part) for part in zip(*each, strict=True)] for n, each in cpu.items()},
        "chosen": chosen,
        "overhead": median(overhead),
    }


def times(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all cases, and print a table of ratios."""
    only = options.only.split(",") if options.only else [case.name for case in CASES]
    results = []
    print(
        "| network | mode | batch | N | MB out, back | 1 worker, speed / alone | 2 workers | predicted | error |"
        " overhead | CPU of 2 workers, of the driver / alone |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    with open_engine(options.engine, 1) as one, open_engine(options.engine, 2) as two:
        for case in CASES:
            if case.name not in only:
                continue
            row = measure(case, {1: one, 2: two}, options.rounds, options.epochs)
            sent, got = bytes_per_round(case, lambda f, tasks: [f(task) for task in tasks])
            alone, predicted = row["seconds"][0], row["predicted"][0]
            speed = {n: alone / row["seconds"][n] for n in (1, 2)}
            guess = predicted / row["predicted"][2]
            chosen = "/".join(map(str, sorted(set(row["chosen"]))))
            n = f"auto: {chosen}" if case.steps == "auto" else chosen
            at_driver, at_workers = (each / row["cpu"][0][0] for each in row["cpu"][2])
            print(
                f"| {case.name} | {case.mode} | {case.batch_size} | {n} | {sent:.3g}, {got:.3g} | {speed[1]:.2f} |"
                f" {speed[2]:.2f} | {guess:.2f} | {guess / speed[2] - 1:+.0%} | {row['overhead']:.0%} |"
                f" {at_workers:.2f}, {at_driver:.2f} |",
                flush=True,
            )
            results.append({**row, "megabytes": (sent, got)})
    return results


def fashion() -> tuple[Any, Any, Any, Any]:
    """Return training and test rows of Fashion-MNIST, scaled to [0, 1]."""
    from compiled_nn import datasets

    found = datasets.load_fashion_mnist(
        os.environ.get("COMPILED_NN_DATA", "/usr/share/datasets/fashion-mnist")
    )
    flat = [
        np.ascontiguousarray(X.reshape(len(X), -1), np.float32) / 255 for X in (found.X_train, found.X_test)
    ]
    return flat[0], found.y_train, flat[1], found.y_test


def accuracy(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the test accuracy of one process and of two workers, and their rows per second."""
    X, y, X_test, y_test = fashion()
    ways = {
        "one process": Case(IMAGES, 128, "alone", 0),
        "synchronous": Case(IMAGES, 128, "synchronous", 1),
        "averaging, batches of 64": Case(IMAGES, 64, "averaging", "auto"),
        "averaging, batches of 128": Case(IMAGES, 128, "averaging", "auto"),
    }
    scores: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    with open_engine(options.engine, 2) as engine:
        for seed in range(options.seeds):
            for name, case in ways.items():
                rows = (X, y) if case.mode == "alone" else (sharded(X, y, case, engine), None)
                net = new_network(IMAGES, seed).fit(*rows, epochs=options.epochs, batch_size=case.batch_size)
                scores[name].append(100 * net.score(X_test, y_test))
                spent[name].append(median(net.history["seconds"]))
    alone = median(spent["one process"])
    print("| training | test accuracy, % | standard error | difference | rows per second / one process |")
    print("|---|---|---|---|---|")
    for name, each in scores.items():
        paired = mean(each) - mean(scores["one process"])
        error = stdev(each) / len(each) ** 0.5 if len(each) > 1 else float("nan")
        print(
            f"| {name} | {mean(each):.2f} | {error:.2f} | {paired:+.2f} | {alone / median(spent[name]):.2f} |"
        )
    return [{"way": name, "scores": scores[name], "seconds": spent[name]} for name in ways]


def peers(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the seconds of an epoch of other libraries relative to ours."""
    import scaling_peers

    results = []
    print(
        "| network | batch | peer | time / ours on 2 workers, averaging | synchronous |\n|---|---|---|---|---|"
    )
    with open_engine(options.engine, 2) as engine:
        for sizes, batch, n_rows in ((IMAGES, 200, 60_000), (WIDE, 200, 20_000)):
            case = Case(sizes, batch, "averaging", "auto", n_rows)
            X, y = new_rows(case)
            ours = {
                mode: sharded(X, y, case._replace(mode=mode), engine) for mode in ("averaging", "synchronous")
            }
            found: dict[str, list[float]] = {}
            for _ in range(options.rounds):
                for mode, rows in ours.items():
                    found.setdefault(mode, []).extend(seconds(case, rows, None, options.epochs)[0])
                for name, peer in scaling_peers.PEERS.items():
                    found.setdefault(name, []).extend(peer(sizes, batch, X, y, 1 + options.epochs)[1:])
            middle = {name: median(each) for name, each in found.items()}
            for name in scaling_peers.PEERS:
                averaging, synchronous = (
                    middle[name] / middle["averaging"],
                    middle[name] / middle["synchronous"],
                )
                print(f"| {case.name} | {batch} | {name} | {averaging:.2f} | {synchronous:.2f} |", flush=True)
            results.append({"network": case.name, "batch": batch, **middle})
    return results


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("times", "accuracy", "peers"))
    parser.add_argument("--engine", choices=ENGINES, default="processes")
    parser.add_argument("--only", help="networks, such as 784-128-10,32-64-64-1 (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each fit after the first one")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    results = {"times": times, "accuracy": accuracy, "peers": peers}[options.what](options)
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
