"""Compare our estimators with scikit-learn's MLP, with default parameters, on the data sets of scikit-learn.

    python benchmarks/estimators.py --threads 2 --out estimators.json

There are five folds and five seeds per data set. Both libraries take turns with the same rows, so that other load of
the machine affects both. Times are those of fit and of the prediction of the fold; the speedup is the ratio of their
medians. It needs an environment with scikit-learn and this package.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from time import perf_counter

from process import OPENBLAS_VARIABLES

DATA = ("iris", "wine", "breast_cancer", "digits", "diabetes")


def main() -> None:
    """Measure, print a Markdown table, and write all numbers to a file."""
    options = parse_arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COMPILED_NN_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # must be set before NumPy loads its BLAS
    for name in OPENBLAS_VARIABLES:
        os.environ.pop(name, None)
    results = {name: measure(name, options.seeds, options.folds) for name in options.only}
    print(make_table(results, options.threads))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=DATA)
    parser.add_argument("--out")
    return parser.parse_args()


def measure(name: str, seeds: int, folds: int) -> dict[str, dict[str, list[float]]]:
    """Return the scores and times in seconds of both libraries: one number per fold and seed."""
    import warnings

    import compiled_nn as cnn
    from sklearn import datasets
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    regression = name == "diabetes"
    pairs = {
        "scikit-learn": MLPRegressor if regression else MLPClassifier,
        "compiled-nn": cnn.MLPRegressor if regression else cnn.MLPClassifier,
    }
    split = (KFold if regression else StratifiedKFold)(folds, shuffle=True, random_state=0)
    for make in pairs.values():  # warm-up of imports, caches and thread pools
        make(max_iter=2, random_state=0).fit(X, y).predict(X)
    measured: dict[str, dict[str, list[float]]] = {library: {"score": [], "seconds": []} for library in pairs}
    for seed in range(seeds):
        for train, test in split.split(X, y):
            for library, make in pairs.items():
                start = perf_counter()
                model = make(random_state=seed).fit(X[train], y[train])
                model.predict(X[test])
                measured[library]["seconds"].append(perf_counter() - start)
                measured[library]["score"].append(model.score(X[test], y[test]))
        print(f"{name}: seed {seed}", file=sys.stderr)
    return measured


def make_table(results: dict[str, dict[str, dict[str, list[float]]]], threads: int) -> str:
    """Return the results as a Markdown table."""
    lines = [
        f"| {threads} thread{'s' * (threads > 1)} | scikit-learn | compiled-nn | standard error | speedup |",
        "|---|---|---|---|---|",
    ]
    for name, libraries in results.items():
        reference, ours = libraries["scikit-learn"], libraries["compiled-nn"]
        scores = [statistics.mean(library["score"]) for library in (reference, ours)]
        error = statistics.stdev(reference["score"]) / len(reference["score"]) ** 0.5
        ratio = statistics.median(reference["seconds"]) / statistics.median(ours["seconds"])
        lines.append(f"| {name} | {scores[0]:.4f} | {scores[1]:.4f} | {error:.4f} | {ratio:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
