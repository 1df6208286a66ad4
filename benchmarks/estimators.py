"""Our estimators beside scikit-learn's MLP with the defaults of both, on the data sets that scikit-learn bundles.

    python benchmarks/estimators.py --threads 2 --out estimators.json

Five folds and five seeds a data set. Both are given the same rows one after the other, so that what else the machine
does meets both; times are of fit and of predicting the fold, and their ratio is of the medians. Needs scikit-learn, in
an environment of its own beside this package.
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
    """Measure, print a table in Markdown, and write all numbers to a file."""
    options = arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COMPILED_NN_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy's BLAS is loaded
    for name in OPENBLAS_VARIABLES:
        os.environ.pop(name, None)
    results = {name: measure(name, options.seeds, options.folds) for name in options.only}
    print(table(results, options.threads))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=DATA)
    parser.add_argument("--out")
    return parser.parse_args()


def measure(name: str, seeds: int, folds: int) -> dict[str, dict[str, list[float]]]:
    """Return scores and seconds of both libraries, a number a fold and seed."""
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
    for make in pairs.values():  # imports, caches and pools are warm
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


def table(results: dict[str, dict[str, dict[str, list[float]]]], threads: int) -> str:
    """Return the results as a Markdown table."""
    lines = [
        f"| {threads} thread{'s' * (threads > 1)} | scikit-learn | compiled-nn | standard error | times as fast |",
        "|---|---|---|---|---|",
    ]
    for name, libraries in results.items():
        theirs, ours = libraries["scikit-learn"], libraries["compiled-nn"]
        scores = [statistics.mean(library["score"]) for library in (theirs, ours)]
        error = statistics.stdev(theirs["score"]) / len(theirs["score"]) ** 0.5
        ratio = statistics.median(theirs["seconds"]) / statistics.median(ours["seconds"])
        lines.append(f"| {name} | {scores[0]:.4f} | {scores[1]:.4f} | {error:.4f} | {ratio:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
