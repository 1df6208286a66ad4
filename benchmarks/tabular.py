"""Compare ``compiled-nn train`` on real tables with scikit-learn's MLP in a pipeline made by hand.

    python benchmarks/environments.py tables table-data
    python benchmarks/tabular.py --out tables.json

Each table is a file of a Python package, or synthetic. It is written as a CSV file, without columns that give the
target away, and split into 80 % and 20 % of its rows once for each seed, classes by class. Our model is trained by
the command line alone: ``compiled-nn train FILE --target T --test-fraction 0 --seed S``, then ``predict``. The peer
is `table_pipeline.py`, in a separate environment. Each complete file is also trained on once, to see whether the
command runs at the first attempt.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import environments
import numpy as np
from process import HERE, environment_variables
from table_sources import TABLES, Source, write

TEST = 0.2  # share of the rows
MISSING = ("", "NA")  # targets of rows that are not used
TINY = 1e-15  # smallest probability whose logarithm is taken
SCORES = {True: ("accuracy", "log loss"), False: ("R2", "RMSE")}  # the first decides, the second is reported


def main() -> None:
    """Measure, print a Markdown table, and write all numbers to a file."""
    options = parse_arguments()
    results = {}
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(TABLES[name], Path(folder), options)
        print(
            f"{name}: {results[name]['compiled-nn']['seconds']:.1f} s per split", file=sys.stderr, flush=True
        )
    print(make_table(results))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of splits (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of both libraries (default: 1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(TABLES), metavar="NAMES")
    parser.add_argument("--python", type=Path, help="interpreter of the peer (default: environment tables)")
    parser.add_argument(
        "--data", type=Path, help="folder of the packages with the data (default: environment table-data)"
    )
    parser.add_argument("--environments", type=Path, default=environments.default_folder(), metavar="FOLDER")
    parser.add_argument("--out", help="file for all numbers, as JSON")
    options = parser.parse_args()
    if unknown := sorted(set(options.only) - set(TABLES)):
        parser.error(f"unknown table {', '.join(unknown)}; choose from {', '.join(TABLES)}")
    options.python = options.python or environments.interpreter(options.environments, "tables")
    if options.data is None:
        packages = (options.environments / "table-data").rglob("site-packages")
        options.data = next(packages, options.environments)
    return options


def measure(source: Source, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of both libraries, one number per split, and what the first attempt printed."""
    write(source, options.data, folder / "all.csv")
    (folder / "source.json").write_text(json.dumps(dataclasses.asdict(source)), encoding="utf-8")
    header, *lines = (folder / "all.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    target = [row[source.target] for row in read_rows(folder / "all.csv", source.delimiter)]
    if len(target) != len(lines):
        raise ValueError(f"a cell of {source.file} has several lines")
    known = np.array([i for i, cell in enumerate(target) if cell not in MISSING])
    truth = []
    for seed in range(options.seeds):
        train, test = split(known, target, seed, classifies=source.classifies)
        for part, rows in (("train", train), ("test", test)):
            text = header + "".join(lines[i] for i in rows)
            (folder / f"{part}-{seed}.csv").write_text(text, encoding="utf-8")
        truth.append([target[i] for i in test])
    measured: dict[str, Any] = {"rows": len(known), "classifies": source.classifies}
    measured["first_attempt"] = attempt(source, folder, options)
    for library, predict in (("scikit-learn", predict_theirs), ("compiled-nn", predict_ours)):
        start = perf_counter()
        predict(source, folder, options)
        seconds = (perf_counter() - start) / options.seeds
        outputs = [read_rows(folder / f"{library}-{seed}.csv") for seed in range(options.seeds)]
        scores = [score(y, rows, source) for y, rows in zip(truth, outputs, strict=True)]
        measured[library] = {key: [each[key] for each in scores] for key in scores[0]} | {"seconds": seconds}
    return measured


def read_rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a CSV file, cells by name."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def split(
    rows: np.ndarray, target: list[str], seed: int, *, classifies: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and the test rows, both in their order; of each class the same share."""
    rng = np.random.default_rng(seed)
    groups = np.array([target[i] if classifies else "" for i in rows])
    parts = [rng.permutation(rows[groups == label]) for label in np.unique(groups)]
    test = np.concatenate([part[: round(TEST * len(part))] for part in parts])
    return np.setdiff1d(rows, test), np.sort(test)


def attempt(source: Source, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run ``compiled-nn train`` on the complete file, without any other option."""
    words = ["train", folder / "all.csv", "--target", source.target, "-o", folder / "all.safetensors"]
    done = compiled_nn(words, options.threads, check=False)
    return {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def compiled_nn(words: list[Any], threads: int, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of compiled-nn with the interpreter of this program."""
    command = [sys.executable, "-P", "-m", "compiled_nn", *map(str, words)]
    variables = environment_variables(threads)
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=check)


def predict_ours(source: Source, folder: Path, options: argparse.Namespace) -> None:
    """Train and predict on the command line, once for each split."""
    for seed in range(options.seeds):
        model = folder / "model.safetensors"
        train = ["train", folder / f"train-{seed}.csv", "--target", source.target, "--test-fraction", 0]
        compiled_nn([*train, "--seed", seed, "-o", model, "--no-plot", "--quiet"], options.threads)
        words = ["predict", model, folder / f"test-{seed}.csv", "-o", folder / f"compiled-nn-{seed}.csv"]
        compiled_nn([*words, *(["--proba"] if source.classifies else [])], options.threads)


def predict_theirs(source: Source, folder: Path, options: argparse.Namespace) -> None:
    """Run the pipeline, which does all splits."""
    command = [options.python, HERE / "table_pipeline.py", folder]
    subprocess.run(command, env=environment_variables(options.threads), check=True)


def score(truth: list[str], rows: list[dict[str, str]], source: Source) -> dict[str, float]:
    """Return accuracy and log loss of probabilities, or R2 and RMSE of predicted values."""
    if not source.classifies:
        y, predicted = (np.array(values, float) for values in (truth, [row["prediction"] for row in rows]))
        error = float(np.mean((y - predicted) ** 2))
        return {"R2": 1 - error / float(np.var(y)), "RMSE": math.sqrt(error)}
    names = [name for name in rows[0] if name.startswith("probability_")]
    labels = [name.removeprefix("probability_") for name in names]
    probabilities = np.array([[row[name] for name in names] for row in rows], float)
    right = np.array([labels.index(label) for label in truth])
    of_truth = probabilities[np.arange(len(right)), right]
    return {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == right)),
        "log loss": float(-np.log(np.maximum(of_truth, TINY)).mean()),
    }


def make_table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| table | rows | score | scikit-learn | compiled-nn | difference | standard error | verdict | also |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        decides, other = SCORES[result["classifies"]]
        theirs, ours = (result[library] for library in ("scikit-learn", "compiled-nn"))
        differences = [b - a for a, b in zip(theirs[decides], ours[decides], strict=True)]
        mean, error = statistics.mean(differences), standard_error(differences)
        verdict = "better" if mean > error else "same" if mean >= -error else "worse"
        means = [f"{statistics.mean(library[decides]):.4f}" for library in (theirs, ours)]
        others = [f"{statistics.mean(library[other]):.4g}" for library in (theirs, ours)]
        if result["first_attempt"]["exit_code"]:
            verdict += ", and the first attempt failed"
        lines.append(
            f"| {name} | {result['rows']:,} | {decides} | {means[0]} | {means[1]} | {mean:+.4f} | {error:.4f} | "
            f"{verdict} | {other} {others[0]}, {others[1]} |"
        )
    return "\n".join(lines)


def standard_error(differences: list[float]) -> float:
    """Return the standard error of a mean over splits."""
    return statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan


if __name__ == "__main__":
    main()
