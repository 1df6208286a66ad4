"""Chart of the JSON of a benchmark, as an SVG that can be read on a phone and in dark mode.

Examples::

    python benchmarks/chart.py results.json docs/benchmarks.svg
    python benchmarks/chart.py results.json chart.svg --only T1,I1 --threads 2
    python benchmarks/chart.py results.json docs/benchmarks.svg --medians benchmarks/results/chart.json

The program prints the result in words, for the alternative text of the picture, and as a Markdown table.
"""

import argparse
import json
from collections.abc import Callable
from html import escape
from math import ceil, log10
from pathlib import Path
from statistics import median
from typing import Any

from peers import LIBRARIES, PEERS
from report import OURS, Row, make_rows, make_table, plural
from workloads import WORKLOADS

ROWS = ("T8", "T6", "G2", "T9", "I3", "I2", "I7", "I6")  # workloads of the chart, in order
WIDTH, MARGIN, SIZE = 440, 22, 15  # SIZE is that of the text; the picture is scaled to the width of a screen
TRACK, STACK, GAP = (
    52,
    11,
    30,
)  # distances from a row's top to its marks, between stacked marks, and to the next row
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000)

# Colour of each class of elements on a light and on a dark background. A picture does not always get the colour scheme
# of its page: therefore it draws a background instead of leaving it transparent.
COLOURS = {
    "back": ("#ffffff", "#161b22"),
    "edge": ("#d0d7de", "#3d444d"),
    "text": ("#1f2328", "#e6edf3"),
    "soft": ("#59636e", "#a3acb6"),
    "ours": ("#0757ba", "#6cb6ff"),
    "numpy": ("#6e7781", "#9ea7b1"),
    "sklearn": ("#b34a00", "#f0883e"),
    "torch": ("#cf222e", "#ff7b72"),
    "jax": ("#8250df", "#c297ff"),
    "onnxruntime": ("#1a7f37", "#3fb950"),
    "openvino": ("#8a6100", "#e3b341"),
}
# Shape of the marks of each library, as a path around (0, 0).
SHAPES = {
    "ours": "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z",
    "numpy": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "sklearn": "M-5-5h10v10h-10z",
    "torch": "M0-7l6.500 7-6.500 7-6.500-7z",
    "jax": "M0-6l6.500 11h-13z",
    "onnxruntime": "M0 6l6.500-11h-13z",
    "openvino": "M-5-5l10 10M5-5l-10 10",
}


class Line:
    """Times of the libraries for one workload, relative to ours.

    Parameters
    ----------
    row : Row
        Times of the peers.

    Attributes
    ----------
    title, details : str
        Workload in words.
    times : dict
        Time of each library divided by ours, by key of `LIBRARIES`; the fastest variant of a library counts.
    best : str
        Fastest library other than ours.
    """

    def __init__(self, row: Row) -> None:
        workload = WORKLOADS[row.name]
        self.title, self.details = workload.title, workload.details
        ours = row.seconds["ours"]
        self.times: dict[str, float] = {}
        for name, seconds in row.seconds.items():
            if name not in OURS and not PEERS[name].lower_precision:
                library = PEERS[name].environment
                self.times[library] = min(seconds / ours, self.times.get(library, seconds / ours))
        self.best = min(self.times, key=self.times.__getitem__)

    @property
    def result(self) -> tuple[str, str]:
        """Name of the fastest other library, and its time relative to ours."""
        return LIBRARIES[self.best], f"{two_digits(self.times[self.best])}x"


def two_digits(number: float) -> str:
    """Return a number below 2 with two decimals, and a larger one with two digits or as an integer."""
    return f"{number:.2f}" if number < 1.995 else f"{number:.1f}" if number < 9.95 else f"{number:.0f}"


def make_lines(record: dict[str, Any], only: tuple[str, ...], threads: int) -> list[Line]:
    """Return the lines of the chart.

    Parameters
    ----------
    record : dict
        JSON written by run.py.
    only : tuple of str
        Names of workloads, in the order of the chart.
    threads : int
        Number of threads.

    Returns
    -------
    list of Line

    Raises
    ------
    ValueError
        If the record has no results of ours, or of no other library, for one of the workloads.
    """
    rows = {row.name: row for row in make_rows(record) if row.dtype == "float32" and row.threads == threads}
    usable = [name for name, row in rows.items() if row.ours == "ours" and row.best]
    if missing := [name for name in only if name not in usable]:
        raise ValueError(
            f"the record has no results of {', '.join(missing)} with {plural(threads)}; choose --only and --threads"
        )
    return [Line(rows[name]) for name in only]


def in_words(lines: list[Line], threads: int) -> str:
    """Return the alternative text of the chart: how many times as long the fastest other library takes."""
    found = [f"{line.result[1].rstrip('x')} ({line.result[0]}) to {line.title}" for line in lines]
    return (
        f"Chart of the time of other libraries relative to compiled-nn, {plural(threads)}. The fastest other library"
        f" takes this many times as long: {', '.join(found)}."
    )


def ratios_table(lines: list[Line]) -> list[str]:
    """Return the lines of a Markdown table: the time of each library divided by that of compiled-nn."""
    used = [name for name in LIBRARIES if any(name in line.times for line in lines)]
    cells = [
        [
            f"{line.title}: {line.details}",
            *(two_digits(line.times[n]) if n in line.times else "" for n in used),
        ]
        for line in lines
    ]
    return make_table(["workload", *(LIBRARIES[name] for name in used)], cells)


def style() -> str:
    """Return the style sheet, with the colours of dark mode in a media query."""
    light, dark = ("".join(f".{name}{{color:{pair[i]}}}" for name, pair in COLOURS.items()) for i in (0, 1))
    return (
        f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
        "rect,text,path{fill:currentColor}.line,path.openvino{fill:none;stroke:currentColor}"
        "path.openvino{stroke-width:2.5}.bold{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}"
        f"svg{{font:{SIZE}px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}}"
    )


def text(x: float, y: float, words: str, names: str = "text") -> str:
    """Return an element of text with its classes."""
    return f'<text x="{x:g}" y="{y:g}" class="{names}">{escape(words)}</text>'


def mark(library: str, x: float, y: float) -> str:
    """Return the mark of a library."""
    return f'<path class="{library}" d="{SHAPES[library]}" transform="translate({x:.1f} {y:.1f})"/>'


def legend(libraries: list[str], step: int = 128) -> list[str]:
    """Return the elements of the legend: three columns of marks and names, `step` apart."""
    elements = []
    for i, library in enumerate(libraries):
        x, y = MARGIN + 6 + step * (i % 3), 82 + 24 * (i // 3)
        elements += [mark(library, x, y), text(x + 13, y + 5, LIBRARIES[library])]
    return elements


def draw_row(line: Line, top: float, place: Callable[[float], float]) -> tuple[list[str], float]:
    """Return the elements of one row: words, then a mark per library; marks that would overlap are stacked.

    Parameters
    ----------
    line : Line
        Times of the libraries.
    top : float
        Upper end of the row.
    place : callable
        Function from a relative time to the horizontal position of its mark.

    Returns
    -------
    elements : list of str
        Elements of the row.
    bottom : float
        Lower end of the row.
    """
    name, times = line.result
    right, y = WIDTH - MARGIN, top + 35
    elements = [
        text(MARGIN, top + 16, line.title[0].upper() + line.title[1:], "text bold"),
        text(MARGIN, y, line.details, "soft"),
        f'<text x="{right}" y="{y:g}" class="text end">{name} <tspan class="bold">{times}</tspan></text>',
    ]
    stacks: list[list[float]] = []  # horizontal positions of the marks, by level
    for library, time in sorted(
        {"ours": 1.0, **line.times}.items(), key=lambda pair: (pair[0] != "ours", pair[1])
    ):
        x = place(time)
        free = (level for level, taken in enumerate(stacks) if all(abs(x - other) > STACK for other in taken))
        level = next(free, len(stacks))
        if level == len(stacks):
            stacks.append([])
        stacks[level].append(x)
        elements.append(mark(library, x, top + TRACK + STACK * level))
    return elements, top + TRACK + STACK * (len(stacks) - 1) + GAP


def grid(top: float, bottom: float, ticks: list[tuple[int, float]]) -> list[str]:
    """Return the lines behind the marks of a row, from the first to the last level of its marks."""
    elements = [f'<path class="edge line" d="M{MARGIN} {top:g}H{WIDTH - MARGIN}"/>']
    for tick, x in ticks:
        name = "ours" if tick == 1 else "edge"
        elements.append(f'<path class="{name} line" d="M{x:.1f} {top - 9:g}V{bottom + 9:g}"/>')
    return elements


def draw(lines: list[Line], threads: int) -> str:
    """Return the chart as SVG.

    Parameters
    ----------
    lines : list of Line
        Lines of the chart.
    threads : int
        Number of threads, for the title.

    Returns
    -------
    str
    """
    every = [time for line in lines for time in (1, *line.times.values())]
    low, high = min(every), max(*every, 1.1)
    left, right = MARGIN + 8, WIDTH - MARGIN - 8

    def place(time: float) -> float:
        return left + (right - left) * log10(time / low) / log10(high / low)

    used = [name for name in LIBRARIES if name == "ours" or any(name in line.times for line in lines)]
    bottom: float = 96 + 24 * ceil(len(used) / 3)
    ticks = [(tick, place(tick)) for tick in TICKS if low <= tick <= high]
    rows = []
    for line in lines:
        elements, end = draw_row(line, bottom, place)
        rows += [*grid(bottom + TRACK, end - GAP, ticks), *elements]
        bottom = end
    axis = [text(x, bottom + 6, f"{tick}x", "soft middle") for tick, x in ticks]
    size, words = f"{WIDTH} {bottom + 22:g}", escape(in_words(lines, threads))
    title = [
        text(MARGIN, 34, f"Time relative to compiled-nn, {plural(threads)}", "text bold"),
        text(MARGIN, 55, "Further left is faster. Right: fastest other library."),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" aria-label="{words}"'
            f' width="{WIDTH}" height="{bottom + 22:g}">',
            f"<style>{style()}</style>",
            f'<rect class="back" width="{WIDTH}" height="{bottom + 22:g}" rx="4"/>',
            *title,
            *legend(used),
            *rows,
            *axis,
            "</svg>\n",
        ]
    )


def medians(record: dict[str, Any]) -> str:
    """Return a record as JSON with one sample per result, the median: a chart drawn from it is the same."""
    results = [
        result | {"samples": [{"seconds": median(sample["seconds"] for sample in result["samples"])}]}
        for result in record["results"]
    ]
    others = {name: value for name, value in record.items() if name != "results"}
    head = json.dumps(others | {"results": []}).removesuffix("]}")
    lines = ",\n".join(json.dumps(result) for result in results)
    return f"{head}\n{lines}\n]}}\n"


def main() -> None:
    """Draw the chart of a JSON file."""
    parser = argparse.ArgumentParser(description="Draw the chart of the JSON of a benchmark, as SVG.")
    parser.add_argument("results", type=Path, help="JSON file of run.py --out")
    parser.add_argument("chart", type=Path, help="SVG file to write")
    parser.add_argument(
        "--only",
        default=",".join(ROWS),
        metavar="T1,I2",
        help="workloads of the chart (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="number of threads of the results (default: %(default)s)",
    )
    parser.add_argument(
        "--medians", type=Path, help="JSON file to write: the results with their medians only"
    )
    arguments = parser.parse_args()
    record, only = json.loads(arguments.results.read_text()), tuple(arguments.only.split(","))
    lines = make_lines(record, only, arguments.threads)
    arguments.chart.parent.mkdir(parents=True, exist_ok=True)
    arguments.chart.write_text(draw(lines, arguments.threads), encoding="utf-8")
    if arguments.medians:
        arguments.medians.parent.mkdir(parents=True, exist_ok=True)
        arguments.medians.write_text(medians(record), encoding="utf-8")
    print(in_words(lines, arguments.threads), "", *ratios_table(lines), sep="\n")


if __name__ == "__main__":
    main()
