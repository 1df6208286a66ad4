"""Compare a search over worker processes of this machine with the search in one process of one thread.

    python benchmarks/searches.py --engine dask --workers 2 --out searches.json

Both take turns, so that other load of the machine affects both, and must find the same bits. The first round is not
counted: workers import and read. With the engine dask it needs an environment with the extra dask.
"""

from __future__ import annotations

import argparse
import json
import statistics
from time import perf_counter
from typing import Any

import compiled_nn as cnn
import numpy as np
from clusters import ENGINES, open_engine


def main() -> None:
    """Measure, print the medians and their ratio, and write all numbers to a file."""
    options = parse_arguments()
    model, arguments = work(options)
    found: dict[str, list[float]] = {"one process": [], "workers": []}
    with open_engine(options.engine, options.workers) as engine, cnn.threads(options.workers):
        for round_ in range(options.rounds + 1):
            start = perf_counter()
            here = cnn.search(model, **arguments, n_threads=1)
            middle = perf_counter()
            there = cnn.search(model, **arguments, map=engine, n_threads=1)
            end = perf_counter()
            assert (here.results_["val_loss"] == there.results_["val_loss"]).all()
            if round_:
                found["one process"].append(middle - start)
                found["workers"].append(end - middle)
    medians = {name: statistics.median(times) for name, times in found.items()}
    print("".join(f"{name}: {seconds:.2f} s\n" for name, seconds in medians.items()), end="")
    print(f"{options.workers} workers: {medians['one process'] / medians['workers']:.2f} times as fast")
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


def work(options: argparse.Namespace) -> tuple[cnn.MLPClassifier, dict[str, Any]]:
    """Return a model, and the other arguments of its search."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(options.rows, options.columns)).astype(np.float32)
    y = np.argmax(np.stack([X[:, 10 * i : 10 * i + 10].sum(axis=1) for i in range(10)]), axis=0)
    model = cnn.MLPClassifier(hidden_layer_sizes=128, max_iter=options.epochs)
    space = {
        "learning_rate_init": cnn.tuning.Real(1e-4, 1e-1, log=True),
        "alpha": cnn.tuning.Real(1e-6, 1e-2, log=True),
    }
    return model, {"X": X, "y": y, "space": space, "n_candidates": options.candidates, "random_state": 0}


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, default="dask")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=32)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=784)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
