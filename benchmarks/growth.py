"""Speed of training and prediction as rows, batch, width or depth grow, one size at a time, with all peers in turns.

Examples::

    python benchmarks/growth.py measure growth.json                       all four series, one and two threads
    python benchmarks/growth.py measure growth.json --only width --peers torch-fused,ours --threads 1
    python benchmarks/growth.py draw growth.json docs/growth.svg          chart, and its numbers as Markdown

Speed is the number of necessary floating-point operations of a unit divided by its time. A line that stays level means
that the cost grows in proportion to the arithmetic.
"""

import argparse
import json
from math import log10
from pathlib import Path
from statistics import median
from typing import Any

from chart import MARGIN, WIDTH, legend, mark, style, text
from machine import begin_record
from peers import LIBRARIES, PEERS
from report import format_duration, make_table, plural
from run import time_workload
from session import Session, add_options, parse_names
from workloads import SERIES, find

DEFAULT_PEERS = ("torch-fused", "torch", "jax", "onnxruntime-bound", "openvino", "ours")
TITLES = {
    "rows": "Prediction with 784-128-10: rows per call",
    "batch": "Training of 256-256-256-10: rows per batch",
    "width": "Training of n-n-n-n, batches of 128: n",
    "depth": "Training, batches of 128: layers of 128 units",
}
GUTTER, HEIGHT, TOP = (
    40,
    132,
    70,
)  # between two panels, height of a panel, distance from its title to the next one
RATES = (1, 3, 10, 30, 100, 300, 1000)  # marks of the vertical axis, GFLOP/s


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Measure and draw how cost grows with each size.")
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="time all series with all peers, which take turns")
    measure.add_argument("results", type=Path, help="JSON file to write")
    measure.add_argument("--only", metavar="rows,width", help=f"series, of {','.join(SERIES)} (default: all)")
    add_options(measure)
    measure.add_argument(
        "--seconds", type=float, default=0.1, help="seconds per sample (default: %(default)s)"
    )
    measure.add_argument(
        "--cap", type=float, default=5.0, help="maximum seconds per peer and workload (default: %(default)s)"
    )
    measure.set_defaults(scale=1.0, rounds=3)
    draw = commands.add_parser("draw", help="draw the chart, and print its numbers")
    draw.add_argument("results", type=Path, help="JSON file of measure")
    draw.add_argument("chart", type=Path, help="SVG file to write")
    return parser.parse_args()


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the chosen series, for each number of threads.

    Parameters
    ----------
    arguments : argparse.Namespace
        Parsed command line.

    Returns
    -------
    dict
        Content of the JSON file: the machine, the versions, and one entry per workload, peer and number of threads
        with the median seconds per unit.
    """
    series = parse_names(arguments.only, list(SERIES), list(SERIES), "series")
    names = parse_names(arguments.peers, list(PEERS), list(DEFAULT_PEERS), "peer")
    record = begin_record(fma={})
    for threads in map(int, arguments.threads.split(",")):
        with Session(names, threads, arguments) as session:
            peaks: list[float] = []
            for each in series:
                for size, workload in SERIES[each]:
                    print(f"{workload.name}, {plural(threads)}", flush=True)
                    found, measured = time_workload(session, workload, "float32", arguments)
                    peaks += measured
                    record["results"] += [
                        {
                            "series": each,
                            "size": size,
                            "threads": threads,
                            "peer": result["peer"],
                            "seconds": median(sample["seconds"] for sample in result["samples"]),
                        }
                        for result in found
                    ]
            record["fma"][str(threads)] = max(peaks)
            record["versions"] |= session.versions
            record["blas"] |= session.blas
    return record


def fastest(record: dict[str, Any], series: str, threads: int) -> dict[str, dict[int, float]]:
    """Return the seconds per unit of each library by size; the fastest variant of a library counts.

    Parameters
    ----------
    record : dict
        JSON written by `measure`.
    series : str
        Key of `workloads.SERIES`.
    threads : int
        Number of threads.

    Returns
    -------
    dict
        By key of `peers.LIBRARIES`.
    """
    found: dict[str, dict[int, float]] = {}
    for result in record["results"]:
        if result["series"] == series and result["threads"] == threads:
            times = found.setdefault(PEERS[result["peer"]].environment, {})
            times[result["size"]] = min(result["seconds"], times.get(result["size"], result["seconds"]))
    return {name: found[name] for name in LIBRARIES if name in found}


def speed(series: str, size: int, seconds: float) -> float:
    """Return the GFLOP/s of a time: the necessary operations of the workload divided by it."""
    return find(f"{series}-{size}").flops() / seconds / 1e9


def lowest_speed(times: dict[str, dict[int, float]], series: str) -> float:
    """Return the lowest GFLOP/s of any library and size, of the result of `fastest`."""
    return min(
        speed(series, size, seconds) for by_size in times.values() for size, seconds in by_size.items()
    )


def draw_panel(
    times: dict[str, dict[int, float]],
    series: str,
    peak: float,
    scale: tuple[float, float],
    place: tuple[float, float, float],
) -> list[str]:
    """Return the elements of one panel: axes, the peak of the machine, and a line with marks for each library.

    Parameters
    ----------
    times : dict
        Result of `fastest`.
    series : str
        Key of `workloads.SERIES`.
    peak : float
        FMA peak of the machine with these threads, in GFLOP/s.
    scale : tuple of float
        GFLOP/s at the lower and at the upper end of the vertical axis.
    place : tuple of float
        Left, upper end and width of the panel.

    Returns
    -------
    list of str
    """
    left, top, width = place
    sizes = sorted({size for each in times.values() for size in each})
    speeds = {
        name: [(size, speed(series, size, each[size])) for size in sizes if size in each]
        for name, each in times.items()
    }
    low, high = scale

    def x_of(size: int) -> float:
        return left + width * log10(size / sizes[0]) / log10(sizes[-1] / sizes[0])

    def y_of(rate: float) -> float:
        return top + HEIGHT * (1 - log10(rate / low) / log10(high / low))

    elements = []
    for rate in RATES:
        if low <= rate <= high:
            y = y_of(rate)
            elements.append(f'<path class="edge line" d="M{left:.1f} {y:.1f}H{left + width:.1f}"/>')
            elements.append(text(left - 6, y + 4, f"{rate:,}", "soft end small"))
    elements.append(f'<path class="text line dashed" d="M{left:.1f} {y_of(peak):.1f}H{left + width:.1f}"/>')
    for size in sizes[:: 2 if len(sizes) > 5 else 1]:
        elements.append(text(x_of(size), top + HEIGHT + 20, f"{size:,}", "soft middle small"))
    for name in sorted(speeds, key=lambda name: name == "ours"):
        points = [(x_of(size), y_of(rate)) for size, rate in speeds[name]]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        elements.append(f'<path class="{name} line series" d="M{path}"/>')
        elements += [mark(name, x, y) for x, y in points]
    return elements


def draw(record: dict[str, Any]) -> str:
    """Return the chart as SVG: a row for each series, a column for each number of threads.

    Parameters
    ----------
    record : dict
        JSON written by `measure`.

    Returns
    -------
    str
    """
    series = [name for name in SERIES if any(result["series"] == name for result in record["results"])]
    columns = sorted({result["threads"] for result in record["results"]})
    used = [
        name
        for name in LIBRARIES
        if any(name in fastest(record, each, threads) for each in series for threads in columns)
    ]
    left, bottom = MARGIN + 24, 106 + 24 * -(-len(used) // 3)
    width = (WIDTH - MARGIN - left - GUTTER * (len(columns) - 1)) / len(columns)
    elements = [
        text(left + i * (width + GUTTER), bottom, plural(threads), "text bold")
        for i, threads in enumerate(columns)
    ]
    bottom += 26
    for each in series:
        elements.append(text(MARGIN, bottom, TITLES[each], "text"))
        panels = {threads: fastest(record, each, threads) for threads in columns}
        peaks = {threads: record["fma"][str(threads)] / 1e9 for threads in columns}
        scale = (min(lowest_speed(times, each) for times in panels.values()), max(peaks.values()))
        for i, threads in enumerate(columns):
            place = (left + i * (width + GUTTER), bottom + 14.0, width)
            elements += draw_panel(panels[threads], each, peaks[threads], scale, place)
        bottom += HEIGHT + TOP
    height, words = bottom - 12, in_words(record)
    head = [
        text(MARGIN, 34, "Speed in GFLOP/s as one size grows", "text bold"),
        text(MARGIN, 55, "Higher is faster. Dashed: peak of the machine."),
    ]
    more = "path.series{stroke-width:1.5}.small{font-size:12px}.dashed{stroke-dasharray:4 4}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img"'
            f' aria-label="{words}" width="{WIDTH}" height="{height:g}">',
            f"<style>{style()}{more}</style>",
            f'<rect class="back" width="{WIDTH}" height="{height:g}" rx="4"/>',
            *head,
            *legend(used, 140),
            *elements,
            "</svg>\n",
        ]
    )


def in_words(record: dict[str, Any]) -> str:
    """Return the alternative text of the chart: our time relative to the fastest other library, at both ends."""
    found = []
    for each, sizes in SERIES.items():
        times = fastest(record, each, 1)
        if "ours" in times and len(times) > 1:
            ends = [sizes[0][0], sizes[-1][0]]
            ratios = [
                min(times[name][size] for name in times if name != "ours" and size in times[name])
                / times["ours"][size]
                for size in ends
            ]
            found.append(f"{each} {ends[0]:,}: {ratios[0]:.2f}, {ends[1]:,}: {ratios[1]:.2f}")
    return (
        "Chart of the speed of compiled-nn and other libraries as rows, batch, width and depth grow, 1 thread and 2."
        f" Time of the fastest other library divided by that of compiled-nn, 1 thread: {'; '.join(found)}."
    )


def tables(record: dict[str, Any]) -> list[str]:
    """Return Markdown tables of a record: the time of ours, its speed, and the fastest other library.

    Parameters
    ----------
    record : dict
        JSON written by `measure`.

    Returns
    -------
    list of str
        Lines.
    """
    columns = sorted({result["threads"] for result in record["results"]})
    lines = []
    for each in SERIES:
        rows = []
        for size, workload in SERIES[each]:
            cells = [f"{size:,}"]
            for threads in columns:
                times = fastest(record, each, threads)
                ours = times.get("ours", {}).get(size)
                others = {name: of[size] for name, of in times.items() if name != "ours" and size in of}
                if ours is None or not others:
                    break
                best = min(others, key=others.__getitem__)
                share = workload.flops() / ours / record["fma"][str(threads)]
                cells += [
                    format_duration(ours),
                    f"{share:.0%}",
                    f"{others[best] / ours:.2f} ({LIBRARIES[best]})",
                ]
            else:
                rows.append(cells)
        if rows:
            head = [title for n in columns for title in (plural(n), "of peak", "times best peer")]
            lines += [f"{TITLES[each]}:", "", *make_table([each, *head], rows)]
    return lines


def main() -> None:
    """Measure, or draw."""
    arguments = parse_arguments()
    if arguments.command == "measure":
        record = measure(arguments)
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps(record | {"results": []}).removesuffix("]}")
        lines = ",\n".join(map(json.dumps, record["results"]))
        arguments.results.write_text(f"{head}\n{lines}\n]}}\n")
    else:
        record = json.loads(arguments.results.read_text())
        arguments.chart.write_text(draw(record), encoding="utf-8")
        print(in_words(record), "", *tables(record), sep="\n")


if __name__ == "__main__":
    main()
