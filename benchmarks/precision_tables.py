"""Test scores of the estimators on tables, in float32 and in narrower types.

Examples::

    python benchmarks/precision_tables.py                        five seeds: two minutes
    python benchmarks/precision_tables.py --only "digits;skewed, values" --seeds 1

For each seed a model is trained in float32 and in bfloat16 on the same rows, and the float32 model is also quantised to
int8, with training rows for the ranges. The perceptrons standardise X and scale y, the tabular estimators have their
defaults. The program prints a Markdown table of points of accuracy or of R2 (100 is the best). It needs scikit-learn
for the tables that it contains; the others are random.
"""

import argparse
import warnings
from collections.abc import Callable
from statistics import mean

import compiled_nn as cnn
import numpy as np
from report import make_table

CALIBRATION, TEST = 1000, 0.25
Table = tuple[np.ndarray, np.ndarray]


def made(skewness: float, classifies: bool) -> Table:
    """Return 4,000 random rows of 20 columns; exp(skewness x) of normal numbers x, and x itself for 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 20))
    signal = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3] - 0.5 * X[:, 4]
    y = signal + 0.3 * rng.standard_normal(len(X))
    return np.exp(skewness * X) if skewness else X, (y > 0).astype(int) if classifies else 100 + 20 * y


def bundled(name: str) -> Table:
    """Return a table of scikit-learn."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


TABLES: dict[str, Callable[[], Table]] = {
    "digits": lambda: bundled("digits"),
    "breast_cancer": lambda: bundled("breast_cancer"),
    "diabetes": lambda: bundled("diabetes"),
    "normal, classes": lambda: made(0, True),
    "normal, values": lambda: made(0, False),
    "skewed, classes": lambda: made(2, True),
    "skewed, values": lambda: made(2, False),
}


def models(classifies: bool, seed: int, precision: str) -> list[cnn.MLPClassifier | cnn.TabularClassifier]:
    """Return estimators that are not fitted: a perceptron, and the tabular one."""
    given = {"random_state": seed, "precision": precision}
    if classifies:
        return [
            cnn.MLPClassifier(standardize=True, max_iter=60, **given),
            cnn.TabularClassifier(**given),
        ]
    return [
        cnn.MLPRegressor(standardize=True, scale_targets=True, max_iter=60, **given),
        cnn.TabularRegressor(**given),
    ]


def scores(name: str, seed: int) -> dict[str, list[float]]:
    """Return the test scores in float32, bfloat16 and int8, by estimator."""
    X, y = TABLES[name]()
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = np.split(order, [round(TEST * len(X))])
    found = {}
    classifies = y.dtype.kind == "i"
    for exact, narrow in zip(
        *(models(classifies, seed, each) for each in ("float32", "bfloat16")), strict=True
    ):
        exact.fit(X[train], y[train])
        narrow.fit(X[train], y[train])
        compared = exact, narrow, exact.quantize(X[train[:CALIBRATION]])
        found[type(exact).__name__] = [100 * model.score(X[test], y[test]) for model in compared]
    return found


def difference(rows: list[list[float]], column: int) -> str:
    """Return the mean difference from float32 over the seeds, and the smallest and the largest one."""
    differences = [row[column] - row[0] for row in rows]
    return f"{mean(differences):+.2f} ({min(differences):+.2f} to {max(differences):+.2f})"


def main() -> None:
    """Train, score and print the table."""
    parser = argparse.ArgumentParser(description="Compare the scores of precisions on tables.")
    parser.add_argument("--only", metavar="A;B", help=f"tables, of {'; '.join(TABLES)} (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default: %(default)s)")
    arguments = parser.parse_args()
    cnn.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore", cnn.CompiledNNWarning)
    cells = []
    for name in TABLES if arguments.only is None else arguments.only.split(";"):
        found = [scores(name, seed) for seed in range(arguments.seeds)]
        for estimator in found[0]:
            rows = [each[estimator] for each in found]
            start = [name, estimator, f"{mean(row[0] for row in rows):.2f}"]
            cells.append([*start, *(difference(rows, column) for column in (1, 2))])
    print(*make_table(["table", "estimator", "float32", "bfloat16", "int8"], cells), sep="\n")


if __name__ == "__main__":
    main()
