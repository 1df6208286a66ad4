"""The command ``explain``: importance of each column for the predictions of a network."""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._version import __version__
from ..common.errors import count
from ..common.text import printable
from .support import arguments, values
from .support.terminal import Terminal

if TYPE_CHECKING:
    from ..network.importance import PermutationImportance
    from .tables.outputs import Columns

ORDER = 35
SUMMARY = "print how important each column is for the predictions"
EXAMPLES = ("explain iris.safetensors iris.csv",)
USAGE = "MODEL DATA"
DESCRIPTION = """\
Permute the values of one column at a time, and print how much worse the score
of the network becomes: the mean over the repeats, and the standard deviation.
A column that the predictions do not depend on has importance 0. Two columns
with the same information may both have a small importance, although they are
important together.

The score is computed on labelled rows: those that compiled-nn train held out,
if DATA holds any of them; on rows that the network was trained on, importances
also show what it has learned by heart.
"""
_LONGEST = 40  # characters of a name
_BAR = 20  # characters of the longest bar


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    from .tables.writers import TABLES

    arguments.add_model(parser)
    arguments.add_part(
        arguments.add_data(parser), "test if DATA has a test part or rows that train held out, else all"
    )
    arguments.add_metric(parser, "score in place of the accuracy or R^2")
    parser.add_argument(
        "--repeats",
        type=values.integer(1),
        default=5,
        help="number of permutations of each column (default: 5)",
    )
    parser.add_argument(
        "--seed", type=values.integer(0), default=0, help="seed of the permutations (default: 0)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=values.file(*(f".{ending}" for ending in TABLES)),
        help="file for the importances: .csv, .jsonl or .parquet",
    )
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Compute the importances and print them."""
    from ..network.importance import permutation_importance
    from .support import results, scores
    from .tables import inputs, parts, writers
    from .tables.batches import in_data

    writers.refuse_input(options.output, options)
    net = inputs.load_network(options)
    metric = scores.only_metric_of(net, options.metric)
    rows = parts.labelled(options, net, held_out_first=True)
    with in_data(rows.name, rows.numbers, rows.place):
        found = permutation_importance(
            net, rows.X, rows.y, metric=metric, n_repeats=options.repeats, random_state=options.seed
        )
    if not math.isfinite(found.score):
        raise ValueError(
            f"{rows.name}: the score {found.metric} is not defined for {count(len(rows.X), 'row')}, so that nothing "
            "can be compared with it; give more rows, or another --metric"
        )
    importances = _table(found, parts.used_columns(net))
    if options.output is not None:
        writers.write(options.output, writers.of(options.output, None), [importances])
    if options.json:
        head = {"command": "explain", "version": __version__, "model": options.model, "data": rows.name}
        head |= {"part": rows.part, "rows": len(rows.X), "metric": found.metric, "score": found.score}
        columns = {name: values.tolist() for name, values in importances.items()}
        results.print_json({**head, "repeats": options.repeats, **columns, "output": options.output})
        return 0
    screen = Terminal(sys.stdout)
    screen.print(
        f"{'data':<12}{printable(rows.name)}, {rows.part} rows: {len(rows.X):,}",
        f"{'score':<12}{found.metric} {found.score:.4g}",
        f"{'importance':<12}how much worse the score becomes, {count(options.repeats, 'permutation')} of each column",
        "",
        *_lines(importances, screen),
    )
    if options.output is not None:
        screen.print("", f"importances written to {options.output}")
    return 0


def _table(found: PermutationImportance, used: Sequence[bool]) -> Columns:
    """Return the importances of the columns that the network uses, the most important one first."""
    order = [i for i in found.order.tolist() if used[i]]
    names = np.empty(len(order), dtype=object)
    names[:] = [found.feature_names[i] for i in order]
    return {"column": names, "importance": found.importances_mean[order], "std": found.importances_std[order]}


def _lines(table: Columns, screen: Terminal) -> list[str]:
    """Return a line per column, with a bar; importances below 0 have none."""
    names = [_cut(printable(str(name))) for name in table["column"].tolist()]
    numbers = [f"{mean:.4f}" for mean in table["importance"].tolist()]
    deviations = [f"{'±' if screen.unicode else '+-'} {std:.4f}" for std in table["std"].tolist()]
    widths = [max(map(len, texts)) for texts in (["column", *names], ["importance", *numbers], deviations)]
    largest = max(float(table["importance"].max(initial=0)), 1e-300)
    lines = [screen.style(f"{'column':<{widths[0]}}  {'importance':>{widths[1]}}", "bold")]
    for name, number, deviation, mean in zip(
        names, numbers, deviations, table["importance"].tolist(), strict=True
    ):
        bar = _bar(mean / largest, screen.unicode)
        start = f"{name:<{widths[0]}}  {number:>{widths[1]}} {deviation:<{widths[2]}}"
        lines.append(f"{start}  {screen.style(bar, 'cyan')}" if bar else start)
    return lines


def _bar(share: float, unicode: bool) -> str:
    """Return a bar whose length is a share of `_BAR` characters."""
    eighths = round(max(share, 0) * _BAR * 8)
    if not unicode:
        return "#" * round(eighths / 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 2] + ".."
