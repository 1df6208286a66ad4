"""Markdown tables of the JSON of a benchmark.

Examples::

    python benchmarks/report.py results.json               medians
    python benchmarks/report.py results.json --minima      fastest samples
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from peers import PEERS
from workloads import WORKLOADS

TITLES = {
    "training": "Training, time per epoch (per step for full batches)",
    "inference": "Prediction, time per call",
    "run": "Complete runs of full-batch gradient descent",
}
OURS = ("ours", "ours-core")


class Row:
    """Times of all peers for one workload, data type and number of threads.

    Parameters
    ----------
    key : tuple of (str, str, int)
        Workload, data type and number of threads.
    results : list of dict
        Entries of the record, one per peer.
    statistic : callable
        Statistic of the samples of a peer: `statistics.median` or `min`.

    Attributes
    ----------
    seconds : dict
        Seconds per unit, by peer.
    p99 : dict
        99th percentile of the time of a call in seconds, by peer; of peers whose calls were timed.
    limit : float or None
        Lower bound of the time on this machine, in seconds.
    best : str or None
        Fastest peer other than ours that computes in the requested data type.
    ours : str or None
        ``"ours"`` if it ran, else ``"ours-core"`` if that ran.
    steadiness : float
        Lowest measured FMA peak divided by the highest.
    """

    def __init__(self, key: tuple[str, str, int], results: list[dict[str, Any]], statistic: Any) -> None:
        self.name, self.dtype, self.threads = key
        self.limit = results[0]["limit"]
        self.seconds = {r["peer"]: statistic([s["seconds"] for s in r["samples"]]) for r in results}
        self.p99 = {
            r["peer"]: median([s["p99"] for s in r["samples"]]) for r in results if "p99" in r["samples"][0]
        }
        others = [p for p in self.seconds if p not in OURS and not PEERS[p].lower_precision]
        self.best = min(others, key=self.seconds.__getitem__, default=None)
        self.ours = next((peer for peer in OURS if peer in self.seconds), None)
        self.steadiness = min(results[0]["peaks"]) / max(results[0]["peaks"])

    @property
    def title(self) -> str:
        """Name of the workload, with the data type unless it is float32."""
        return self.name if self.dtype == "float32" else f"{self.name} {self.dtype}"

    @property
    def words(self) -> str:
        """Name and data type of the workload, then the workload in words."""
        return f"{self.title}, {WORKLOADS[self.name].title}"

    def share(self) -> str:
        """Return the limit divided by our time, or without ours by that of the best peer, in percent."""
        peer = self.ours or self.best
        return f"{self.limit / self.seconds[peer]:.0%}" if peer and self.limit else ""

    def ratio(self) -> str:
        """Return the time of the best peer divided by ours."""
        return f"{self.seconds[self.best] / self.seconds[self.ours]:.2f}" if self.ours and self.best else ""


def make_rows(record: dict[str, Any], minima: bool = False) -> list[Row]:
    """Group the results of a record by workload, data type and number of threads.

    Parameters
    ----------
    record : dict
        JSON written by run.py.
    minima : bool
        Whether to use the fastest samples instead of medians. Default False.

    Returns
    -------
    list of Row
        Rows in the order of the record.
    """
    grouped: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for result in record["results"]:
        grouped.setdefault((result["workload"], result["dtype"], result["threads"]), []).append(result)
    return [Row(key, results, min if minima else median) for key, results in grouped.items()]


def format_duration(seconds: float | None) -> str:
    """Return a time in s, ms or us.

    Parameters
    ----------
    seconds : float or None
        Time; None gives an empty string.

    Returns
    -------
    str
        Time with three significant digits.
    """
    if seconds is None:
        return ""
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    value = seconds * factor
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def plural(threads: int) -> str:
    """Return "1 thread", "2 threads", ..."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def make_table(header: list[str], lines: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table.

    Parameters
    ----------
    header : list of str
        Titles of the columns.
    lines : list of list of str
        Cells of each line.

    Returns
    -------
    list of str
    """
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *lines)] + [""]


def times_table(rows: list[Row]) -> list[str]:
    """Return the table of the limit, the times of all peers, and the shares and ratios of ours."""
    peers = [name for name in PEERS if any(name in row.seconds for row in rows)]
    peer = "ours" if any(row.ours for row in rows) else "best"
    lines = []
    for row in rows:
        cells = [
            f"**{format_duration(row.seconds.get(p))}**"
            if p == row.best
            else format_duration(row.seconds.get(p))
            for p in peers
        ]
        lines.append([row.words, format_duration(row.limit), *cells, row.share(), row.ratio()])
    return make_table(["workload", "limit", *peers, f"{peer} of limit", "times best peer"], lines)


def p99_table(rows: list[Row]) -> list[str]:
    """Return the table of the 99th percentiles of single calls."""
    peers = [name for name in PEERS if any(name in row.p99 for row in rows)]
    return make_table(
        ["workload, p99", *peers],
        [[row.words, *(format_duration(row.p99.get(p)) for p in peers)] for row in rows],
    )


def threads_table(rows: list[Row]) -> list[str]:
    """Return the table of the speedup of each peer over one thread."""
    single = {(row.name, row.dtype): row for row in rows if row.threads == 1}
    many = [row for row in rows if row.threads > 1 and (row.name, row.dtype) in single]
    if not many:
        return []
    peers = [name for name in PEERS if any(name in row.seconds for row in many)]
    lines = []
    for row in many:
        one = single[row.name, row.dtype].seconds
        cells = [f"{one[p] / row.seconds[p]:.2f}" if p in one and p in row.seconds else "" for p in peers]
        lines.append([f"{row.words}, {plural(row.threads)}", *cells])
    return ["## Speedup over one thread", "", *make_table(["workload", *peers], lines)]


def machine_lines(record: dict[str, Any]) -> list[str]:
    """Return the lines about the machine, its measured limits and the versions."""
    machine, lines = record["machine"], []
    lines.append(f"{machine['processor']}, {machine['cpus']} CPUs, {machine['system']}; {record['created']}.")
    if record["scale"] != 1:
        lines.append(f"Smoke test with {record['scale']:.0%} of the rows: the times say nothing about speed.")
    bounds = record["bounds"]
    cells = [
        [plural(int(threads)), *(f"{bound['fma'][dtype] / 1e9:.1f}" for dtype in ("float32", "float64"))]
        + [
            f"{nearest_bandwidth(bound['read'], size) / 1e9:.0f}"
            for size in (24 << 10, 768 << 10, 8 << 20, 120 << 20, 512 << 20)
        ]
        for threads, bound in bounds.items()
    ]
    header = [
        "",
        "float32 GFLOP/s",
        "float64",
        "read GB/s of 24 KiB",
        "768 KiB",
        "8 MiB",
        "120 MiB",
        "512 MiB",
    ]
    versions = {
        f"{name} {version}"
        for libraries in record["versions"].values()
        for name, version in libraries.items()
    }
    return [
        *lines,
        "",
        *make_table(header, cells),
        f"Versions: {', '.join(sorted(versions))}.",
        "",
        blas_line(record),
        "",
        *busy_lines(record),
    ]


def busy_lines(record: dict[str, Any]) -> list[str]:
    """Return a sentence on the busy processes beside the peers; nothing if there were none."""
    number = record.get("busy", 0)
    if not number:
        return []
    what = "One busy process" if number == 1 else f"{number} busy processes"
    return [f"{what} ran on the same CPUs during each sample.", ""]


def blas_line(record: dict[str, Any]) -> str:
    """Return a sentence with the BLAS library and kernels of each peer."""
    return f"BLAS: {'; '.join(f'{peer} {kernels}' for peer, kernels in record['blas'].items())}."


def nearest_bandwidth(read: list[list[float]], size: int) -> float:
    """Return the bandwidth measured for the nearest size."""
    return min(read, key=lambda point: abs(point[0] - size))[1]


def make_report(record: dict[str, Any], minima: bool = False) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    record : dict
        JSON written by run.py.
    minima : bool
        Whether to use the fastest samples instead of medians. Default False.

    Returns
    -------
    str
    """
    rows, lines = make_rows(record, minima), ["## Machine and versions", "", *machine_lines(record)]
    for threads in sorted({row.threads for row in rows}):
        for kind, title in TITLES.items():
            chosen = [row for row in rows if row.threads == threads and WORKLOADS[row.name].kind == kind]
            if chosen:
                lines += [f"## {title}: {'minima' if minima else 'medians'}, {plural(threads)}", ""]
                lines += times_table(chosen) + (p99_table(chosen) if kind == "inference" else [])
    lines += threads_table(rows)
    if disturbed := [f"{row.title} ({row.steadiness:.0%})" for row in rows if row.steadiness < 0.9]:
        lines += [
            "Other programs used the machine during some workloads. The lowest measured FMA peak, in percent of the"
            f" highest, was: {', '.join(disturbed)}.",
            "",
        ]
    for skip in record["skipped"]:
        lines.append(
            f"- skipped with {plural(skip['threads'])}: {skip['peer']}, {skip['command']}: {skip['reason']}"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the tables of a JSON file."""
    parser = argparse.ArgumentParser(description="Print Markdown tables of the JSON of a benchmark.")
    parser.add_argument("results", type=Path, help="JSON file of run.py --out")
    parser.add_argument("--minima", action="store_true", help="fastest samples instead of medians")
    arguments = parser.parse_args()
    print(make_report(json.loads(arguments.results.read_text()), arguments.minima))


if __name__ == "__main__":
    main()
