"""The command ``quantize``: a copy of a network that predicts with weights of int8."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..common.text import printable
from .support import arguments
from .support.terminal import Terminal, UsageError

if TYPE_CHECKING:
    from .support.results import Model
    from .tables.parts import Part

ORDER = 44
SUMMARY = "write a copy of a saved network that predicts with int8"
EXAMPLES = ("quantize digits.safetensors digits -o digits-int8.safetensors",)
USAGE = "MODEL DATA -o FILE"
DESCRIPTION = """\
Write a copy of a saved network whose predictions use weights of int8, which is
faster on many processors. Rows of DATA determine the ranges of the inputs of
each layer: those that training did not hold out. What the copy loses is
printed, for the rows that training held out, if DATA has them.
"""


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    group = arguments.add_data(parser)
    arguments.add_part(group, "train if the rows that training held out are known, else all")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="file to write")
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Quantise the network, write it, and print what was lost."""
    from .support import results
    from .tables import inputs, writers

    if options.output == "-":
        raise UsageError("quantize writes a file, not to standard output; give a file name as --output")
    writers.refuse_input(options.output, options)
    net = inputs.load_network(options)
    rows, test = _parts(options, net)
    estimator = _estimator(options)
    narrow = (net if estimator is None else estimator.network_).quantize(rows.X, rows.y)
    report = narrow.precision_report_ if test is None else narrow.compare_precision(test.X, test.y)
    (narrow if estimator is None else estimator._with_network(narrow)).save(options.output)
    compared = rows.part if test is None else test.part
    size = os.path.getsize(options.output)
    if options.json:
        head = {"command": "quantize", "version": __version__, "model": options.model, "data": rows.name}
        written = {"part": rows.part, "rows": len(rows.X), "output": options.output, "bytes": size}
        results.print_json({**head, **written, "compared": {"part": compared, **report.to_dict()}})
        return 0
    table = {
        "ranges": f"{printable(rows.name)}, {rows.part} rows: {len(rows.X):,}",
        "compared": f"with float32 on {compared} rows: {report.rows:,}",
        "difference": f"{report.mean_difference:.2g} on average, {report.largest_difference:.2g} at most, of"
        f" {report.outputs}",
        "labels": None if report.equal_labels is None else f"{100 * report.equal_labels:.5g} % are equal",
        "score": f"{report.score:.4f}, with float32 {report.score_float32:.4f}",
        "written": f"{printable(options.output)}, {size:,} bytes",
    }
    Terminal(sys.stdout).print(*(f"{name:<12}{text}" for name, text in table.items() if text is not None))
    return 0


def _estimator(options: Namespace) -> Any:
    """Return the estimator of MODEL, so that the copy is one too; None if the file has a network or an ensemble."""
    from .. import estimators
    from ..network.loading import read_card

    name = read_card(options.model)["estimator"]
    if name not in estimators.__all__:
        return None
    estimator = getattr(estimators, name).load(options.model)
    estimator.network_.n_threads = options.threads
    return estimator


def _parts(options: Namespace, net: Model) -> tuple[Part, Part | None]:
    """Return the calibration rows, and the rows that training held out, if they are others and DATA has them."""
    from .tables import inputs, parts, record

    if options.part is not None:
        return parts.labelled(options, net), None
    source = inputs.source_of(options)
    is_table = source is not None and source.kind == "table"
    if is_table and not len(record.of(net).held_out):
        options.part = "all"
        return parts.labelled(options, net), None
    options.part = "train"
    rows = parts.labelled(options, net)
    if options.data == "-":
        return rows, None
    options.part = "test"
    try:
        return rows, parts.labelled(options, net)
    except ValueError:  # DATA has no such rows
        return rows, None
