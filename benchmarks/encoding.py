"""Compare the encoding of tables with scikit-learn's ColumnTransformer of a OneHotEncoder and a StandardScaler.

    chrt -f 10 taskset -c 0 python benchmarks/encoding.py --rows 100000

The table has four columns of text, with 3, 12, 100 and 1,000 levels, and six columns of numbers. Both libraries take
turns; the ratio is that of their median times. "fit" is the fit and the encoding of the same rows, on our side with the
statistics of `standardize`; "transform" is the encoding of rows, and of one row. It needs an environment with
scikit-learn, pandas, polars, pyarrow and this package.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

LEVELS = {"plan": 3, "month": 12, "shop": 100, "product": 1000}
NUMBERS = [f"n{i}" for i in range(6)]


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", type=lambda text: text.split(","), default=None)
    parser.add_argument(
        "--missing", type=float, default=0.0, help="share of the cells of text that are missing"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | step | scikit-learn, ms | compiled-nn, ms | times faster |\n|---|---|---|---|---|")
    for name, (X, theirs) in tables(options.rows, options.missing).items():
        if options.only is None or name in options.only:
            for step, ours, other in measure(X, theirs, options.rounds):
                line = f"| {name} | {step} | {other * 1e3:.3g} | {ours * 1e3:.3g} | {other / ours:.2f} |"
                print(line, flush=True)


def tables(m: int, missing: float) -> dict[str, tuple[Any, Any]]:
    """Return tables of `m` rows by name, each with one that scikit-learn takes: the same, or one of pandas."""
    import pandas
    import polars
    import pyarrow
    from compiled_nn.datasets import Table

    rng = np.random.default_rng(0)
    data: dict[str, Any] = {}
    for name, n in LEVELS.items():
        levels = np.array([f"{name}-{i}" for i in range(n)], object)
        column = levels[rng.integers(n, size=m)]
        column[rng.random(m) < missing] = None
        data[name] = column
    data |= {name: rng.normal(size=m) * 10 for name in NUMBERS}
    objects = pandas.DataFrame(
        {name: pandas.Series(values, dtype=values.dtype) for name, values in data.items()}
    )
    arrow = pyarrow.table(data)
    texts = list(LEVELS)
    coded = arrow
    for i, name in enumerate(texts):
        coded = coded.set_column(i, name, coded.column(name).dictionary_encode())
    polars_ = polars.DataFrame(data, schema_overrides=dict.fromkeys(texts, polars.String))
    return {
        "pandas object": (objects, objects),
        "pandas str": both(objects.astype(dict.fromkeys(texts, "str"))),
        "pandas string[python]": both(objects.astype(dict.fromkeys(texts, "string[python]"))),
        "pandas Arrow": both(objects.astype(dict.fromkeys(texts, pandas.ArrowDtype(pyarrow.string())))),
        "pandas category": both(objects.astype(dict.fromkeys(texts, "category"))),
        "polars": both(polars_),
        "polars Categorical": both(polars_.with_columns(polars.col(texts).cast(polars.Categorical))),
        "pyarrow": (arrow, objects),
        "pyarrow dictionary": (coded, objects),
        "Table": (Table(data), objects),
        "array of objects": both(np.column_stack([data[name] for name in data])),
    }


def both(X: Any) -> tuple[Any, Any]:
    return X, X


def measure(X: Any, theirs: Any, rounds: int) -> list[tuple[str, float, float]]:
    """Return steps with the median times of ours and theirs in seconds."""
    from compiled_nn.preprocessing import Tabular
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    n = len(LEVELS)
    indices: Any = list(range(n)), list(range(n, n + len(NUMBERS)))
    texts, numbers = indices if isinstance(theirs, np.ndarray) else (list(LEVELS), NUMBERS)

    def transformer() -> Any:
        return ColumnTransformer(
            [("text", OneHotEncoder(handle_unknown="ignore"), texts), ("numbers", StandardScaler(), numbers)]
        )

    def fit() -> None:
        encoder = Tabular()
        encoder.statistics(encoder.fit(X).transform(X), "standard")

    ours, other = Tabular().fit(X), transformer().fit(theirs)
    row, their_row = (take(table, slice(0, 1)) for table in (X, theirs))
    steps = (
        ("fit", fit, lambda: transformer().fit_transform(theirs)),
        ("transform", lambda: ours.transform(X), lambda: other.transform(theirs)),
        ("transform of one row", lambda: ours.transform(row), lambda: other.transform(their_row)),
    )
    found = []
    for step, a, b in steps:
        times: tuple[list[float], list[float]] = [], []
        for _ in range(rounds):
            for seconds, call in zip(times, (a, b), strict=True):
                seconds.append(timed(call))
        found.append((step, statistics.median(times[0]), statistics.median(times[1])))
    return found


def take(table: Any, rows: slice) -> Any:
    if hasattr(table, "iloc"):
        return table.iloc[rows]
    if hasattr(table, "slice"):
        return table.slice(0, rows.stop)
    return table.take(rows) if hasattr(table, "take") and not isinstance(table, np.ndarray) else table[rows]


def timed(call: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    start = perf_counter()
    call()
    seconds = perf_counter() - start
    gc.enable()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
