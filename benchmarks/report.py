"""Tables of a benchmark's JSON, in Markdown.

Examples::

    python benchmarks/report.py results.json               medians
    python benchmarks/report.py results.json --minima      fastest samples instead
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from peers import PEERS
from workloads import WORKLOADS

TITLES = {
    "training": "Training, an epoch (a step where the batch is full)",
    "inference": "Prediction, a call",
    "run": "Whole runs of full-batch descent",
}
OURS = ("ours", "ours-core")


class Row:
    """One workload, data type and number of threads with every peer's time.

    Parameters
    ----------
    key : tuple of (str, str, int)
        Workload, data type, threads.
    results : list of dict
        Its entries in the record.
    statistic : callable
        `statistics.median` or `min`, over the samples of a peer.

    Attributes
    ----------
    seconds : dict
        Time of a unit by peer.
    p99 : dict
        99th percentile of a call by peer, where calls were timed.
    limit : float or None
        The bound of the machine.
    best : str or None
        The fastest peer that is not ours and computes in the data type asked for.
    own : str or None
        ``"ours"``, else ``"ours-core"``, whichever ran.
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
        self.own = next((peer for peer in OURS if peer in self.seconds), None)
        self.steadiness = min(results[0]["peaks"]) / max(results[0]["peaks"])

    @property
    def title(self) -> str:
        """Name for people: the data type only where it is not float32."""
        return self.name if self.dtype == "float32" else f"{self.name} {self.dtype}"

    def share(self) -> str:
        """Share of the limit of our time, or of the best peer's without ours."""
        who = self.own or self.best
        return f"{self.limit / self.seconds[who]:.0%}" if who and self.limit else ""

    def ratio(self) -> str:
        """How many times as fast as the best peer ours is."""
        return f"{self.seconds[self.best] / self.seconds[self.own]:.2f}" if self.own and self.best else ""


def rows_of(record: dict[str, Any], minima: bool = False) -> list[Row]:
    """Gather the results of a record by workload, data type and threads.

    Parameters
    ----------
    record : dict
        What run.py writes.
    minima : bool
        Fastest samples instead of medians. Default False.

    Returns
    -------
    list of Row
        In the record's order.
    """
    grouped: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for result in record["results"]:
        grouped.setdefault((result["workload"], result["dtype"], result["threads"]), []).append(result)
    return [Row(key, results, min if minima else median) for key, results in grouped.items()]


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it.

    Parameters
    ----------
    seconds : float or None
        None gives an empty string.

    Returns
    -------
    str
        Three significant digits.
    """
    if seconds is None:
        return ""
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    value = seconds * factor
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def plural(threads: int) -> str:
    """1 thread, 2 threads."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def table(header: list[str], lines: list[list[str]]) -> list[str]:
    """Lines of a Markdown table.

    Parameters
    ----------
    header : list of str
        Titles of the columns.
    lines : list of list of str
        Cells.

    Returns
    -------
    list of str
    """
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *lines)] + [""]


def times_table(rows: list[Row]) -> list[str]:
    """Every peer's time, the limit, our share of it and our ratio to the best peer."""
    peers = [name for name in PEERS if any(name in row.seconds for row in rows)]
    who = "ours" if any(row.own for row in rows) else "best"
    lines = []
    for row in rows:
        cells = [
            f"**{duration(row.seconds.get(p))}**" if p == row.best else duration(row.seconds.get(p))
            for p in peers
        ]
        lines.append([row.title, duration(row.limit), *cells, row.share(), row.ratio()])
    return table(["", "limit", *peers, f"{who} of limit", "times best peer"], lines)


def p99_table(rows: list[Row]) -> list[str]:
    """99th percentiles of single calls."""
    peers = [name for name in PEERS if any(name in row.p99 for row in rows)]
    return table(["p99", *peers], [[row.title, *(duration(row.p99.get(p)) for p in peers)] for row in rows])


def threads_table(rows: list[Row]) -> list[str]:
    """How many times as fast as with one thread each peer is with more."""
    alone = {(row.name, row.dtype): row for row in rows if row.threads == 1}
    many = [row for row in rows if row.threads > 1 and (row.name, row.dtype) in alone]
    if not many:
        return []
    peers = [name for name in PEERS if any(name in row.seconds for row in many)]
    lines = []
    for row in many:
        one = alone[row.name, row.dtype].seconds
        cells = [f"{one[p] / row.seconds[p]:.2f}" if p in one and p in row.seconds else "" for p in peers]
        lines.append([f"{row.title}, {plural(row.threads)}", *cells])
    return ["### Times one thread", "", *table(["", *peers], lines)]


def machine_lines(record: dict[str, Any]) -> list[str]:
    """The machine, its measured bounds and the versions."""
    machine, lines = record["machine"], []
    lines.append(f"{machine['processor']}, {machine['cpus']} CPUs, {machine['system']}; {record['created']}.")
    if record["scale"] != 1:
        lines.append(f"Smoke test on {record['scale']:.0%} of the rows: no statement about speed.")
    bounds = record["bounds"]
    cells = [
        [plural(int(threads)), *(f"{bound['fma'][dtype] / 1e9:.1f}" for dtype in ("float32", "float64"))]
        + [
            f"{near(bound['read'], size) / 1e9:.0f}"
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
    versions = {f"{name} {version}" for said in record["versions"].values() for name, version in said.items()}
    return [
        *lines,
        "",
        *table(header, cells),
        f"Versions: {', '.join(sorted(versions))}.",
        "",
        blas_line(record),
        "",
    ]


def blas_line(record: dict[str, Any]) -> str:
    """Sentence that names the BLAS library and kernels of each peer."""
    return f"BLAS: {'; '.join(f'{peer} {kernels}' for peer, kernels in record['blas'].items())}."


def near(read: list[list[float]], size: int) -> float:
    """The measured bandwidth of the size that lies nearest."""
    return min(read, key=lambda point: abs(point[0] - size))[1]


def markdown(record: dict[str, Any], minima: bool = False) -> str:
    """The whole report.

    Parameters
    ----------
    record : dict
        What run.py writes.
    minima : bool
        Fastest samples instead of medians. Default False.

    Returns
    -------
    str
    """
    rows, lines = rows_of(record, minima), ["## Benchmark", "", *machine_lines(record)]
    for threads in sorted({row.threads for row in rows}):
        for kind, title in TITLES.items():
            mine = [row for row in rows if row.threads == threads and WORKLOADS[row.name].kind == kind]
            if mine:
                lines += [f"### {title}: {'minima' if minima else 'medians'}, {plural(threads)}", ""]
                lines += times_table(mine) + (p99_table(mine) if kind == "inference" else [])
    lines += threads_table(rows)
    if restless := [f"{row.title} ({row.steadiness:.0%})" for row in rows if row.steadiness < 0.9]:
        lines += [f"The machine was not free, lowest FMA peak of the highest: {', '.join(restless)}.", ""]
    for skip in record["skipped"]:
        lines.append(
            f"- skipped with {plural(skip['threads'])}: {skip['peer']}, {skip['command']}: {skip['reason']}"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the tables of a file."""
    parser = argparse.ArgumentParser(description="Tables of a benchmark's JSON.")
    parser.add_argument("results", type=Path, help="what run.py --out wrote")
    parser.add_argument("--minima", action="store_true", help="fastest samples instead of medians")
    arguments = parser.parse_args()
    print(markdown(json.loads(arguments.results.read_text()), arguments.minima))


if __name__ == "__main__":
    main()
