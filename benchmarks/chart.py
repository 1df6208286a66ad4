"""Chart of the JSON of a benchmark; needs matplotlib.

Examples::

    python benchmarks/chart.py results.json docs/benchmarks.svg
    python benchmarks/chart.py results.json docs/benchmarks.svg --threads 2
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from peers import PEERS
from report import OURS, make_rows, plural


def chart(record: dict[str, Any], path: Path, threads: int) -> None:
    """Draw the times of all peers relative to ours (or to the fastest), with the limit, one line per workload.

    Parameters
    ----------
    record : dict
        JSON written by run.py.
    path : Path
        File to write; its suffix decides the format.
    threads : int
        Number of threads whose results are drawn.

    Raises
    ------
    ValueError
        If the record has no results for this number of threads.
    """
    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "benchmark", "font.size": 9}

    rows = [row for row in make_rows(record) if row.threads == threads]
    if not rows:
        raise ValueError(
            f"no results with {plural(threads)}; choose --threads of {', '.join(record['bounds'])}"
        )
    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.3 * len(rows)), layout="constrained")
    markers, colours = "osD^vP*Xh<>p", pyplot.get_cmap("tab20")
    names = [name for name in PEERS if any(name in row.seconds for row in rows)]
    base = [row.seconds[row.ours or row.best] for row in rows]
    for i, name in enumerate(names):
        points = [
            (row.seconds[name] / unit, y)
            for y, (row, unit) in enumerate(zip(rows, base, strict=True))
            if name in row.seconds
        ]
        colour = "black" if name in OURS else colours(i)
        axes.plot(
            *zip(*points, strict=True),
            markers[i % len(markers)],
            color=colour,
            label=name,
            alpha=0.9,
            linestyle="",
        )
    limits = [
        (row.limit / unit, y) for y, (row, unit) in enumerate(zip(rows, base, strict=True)) if row.limit
    ]
    if limits:
        axes.plot(
            *zip(*limits, strict=True),
            "|",
            color="crimson",
            markersize=12,
            markeredgewidth=2,
            label="limit of the machine",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda times, _: f"{times:g}x")
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=0.25)
    base_name = "ours" if any(row.ours for row in rows) else "the fastest"
    axes.set_xlabel(f"time relative to {base_name} (less is better), {plural(threads)}")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def main() -> None:
    """Draw the chart of a JSON file."""
    parser = argparse.ArgumentParser(description="Draw the chart of the JSON of a benchmark.")
    parser.add_argument("results", type=Path, help="JSON file of run.py --out")
    parser.add_argument("chart", type=Path, help="file to write; its suffix decides the format")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="number of threads of the results (default: %(default)s)",
    )
    arguments = parser.parse_args()
    chart(json.loads(arguments.results.read_text()), arguments.chart, arguments.threads)


if __name__ == "__main__":
    main()
