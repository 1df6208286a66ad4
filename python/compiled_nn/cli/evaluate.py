"""The command ``evaluate``: loss, scores and confusion table of a network on labelled data."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from .._version import __version__
from ..common.text import printable
from .support import arguments
from .support.terminal import Terminal

ORDER = 30
SUMMARY = "print loss, score and confusion table on labelled data"
EXAMPLES = ("evaluate digits.safetensors digits", "evaluate iris.safetensors iris.csv --part test")
USAGE = "MODEL DATA"
DESCRIPTION = """\
Print the loss, the score and, for classes, the confusion table of labelled
rows. A model of compiled-nn train has a record of the rows that were held out:
with --part test, they are found again in DATA.
"""


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    arguments.add_part(arguments.add_data(parser))
    arguments.add_metric(parser)
    arguments.add_interval(
        parser, "print the share of the rows whose truth is in the interval, or the set of classes"
    )
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Evaluate the network and print the result."""
    from .support import results, scores
    from .tables import inputs, parts
    from .tables.batches import in_data

    net = inputs.load_network(options)
    metrics = scores.metrics_of(net, options.metric or ())
    coverages = scores.coverages_of(net, options.interval, options.model)
    rows = parts.labelled(options, net)
    X, y = rows.X, rows.y
    with in_data(rows.name, rows.numbers, rows.place):
        measured = results.measure(net, X, y)
        values = {metric.name: scores.measure(metric, net, X, y) for metric in metrics}
        covered = [scores.coverage(net, X, y, coverage) for coverage in coverages]
    baseline = scores.baseline(net, y)
    if options.json:
        head = {"command": "evaluate", "version": __version__, "model": options.model, "data": rows.name}
        classes = net.classes_.tolist() if results.classifies(net) else None
        result: dict[str, Any] = {**head, "part": rows.part, "classes": classes, **measured}
        result |= {"metrics": values, "baseline": baseline, "intervals": covered}
        results.print_json(result)
        return 0
    screen = Terminal(sys.stdout)
    score = results.score_title(results.score_name(net))
    table = {
        "data": f"{printable(rows.name)}, {rows.part} rows: {len(X):,}",
        "loss": f"{measured['loss']:.6g}",
        score: screen.style(results.score_text(measured), "bold"),
        **(
            {}
            if baseline is None
            else {"baseline": f"{baseline:.4f} (the most frequent class for every row)"}
        ),
        **{name: f"{value:.6g}" for name, value in values.items()},
        **{f"interval {found['coverage']:g}": scores.coverage_text(found) for found in covered},
    }
    width = max(9, *map(len, table)) + 1
    lines = [f"{name:<{width}}{text}" for name, text in table.items()]
    if results.classifies(net):
        lines += results.confusion_lines(measured, net.classes_, rows.class_names, screen)
    screen.print(*lines)
    return 0
