"""The command ``evaluate``: loss, score and confusion table of a network on labelled data."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

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
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Evaluate the network and print the result."""
    from .support import inputs, record, results

    net = inputs.load_network(options)
    data = inputs.load(options, net=net)
    X, y, part = inputs.select_part(data, options.part, record.of(net))
    classifies = results.classifies(net)
    if classifies:
        labels = inputs.class_labels(y)
        y = y if labels is None else labels
    measured = results.measure(net, X, y)
    if options.json:
        head = {"command": "evaluate", "version": __version__, "model": options.model, "data": data.name}
        classes = net.classes_.tolist() if classifies else None
        results.print_json({**head, "part": part, "classes": classes, **measured})
        return 0
    screen = Terminal(sys.stdout)
    score = results.score_title(results.score_name(net))
    lines = [
        f"{'data':<10}{printable(data.name)}, {part} rows: {len(X):,}",
        f"{'loss':<10}{measured['loss']:.6g}",
        f"{score:<10}{screen.style(results.score_text(measured), 'bold')}",
    ]
    if classifies:
        lines += results.confusion_lines(measured, net.classes_, data.class_names, screen)
    screen.print(*lines)
    return 0
