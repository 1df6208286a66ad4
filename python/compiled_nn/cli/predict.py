"""The command ``predict``: labels, values, intervals or probabilities for each row."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._version import __version__
from .support import arguments, values
from .support.terminal import Terminal

if TYPE_CHECKING:
    from .tables.outputs import Columns, Outputs
    from .tables.parts import Answered

ORDER = 20
SUMMARY = "predict labels or values for data"
EXAMPLES = ("predict iris.safetensors new.csv --proba -o probabilities.csv",)
USAGE = "MODEL DATA [-o FILE]"
DESCRIPTION = """\
Write the predicted label or value of each row. The columns have names:

  prediction             label or value (prediction_0, prediction_1, ... if a
                         row has several)
  probability_CLASS      with --proba, in place of predictions
  lower_0.9, upper_0.9   bounds of an interval: with --interval 0.9, or if the
                         model was trained with --interval
  set_0.9_CLASS          1 for the classes of a prediction set, else 0: with
                         --interval 0.9, for a model of classes
  q0.05, q0.5, ...       quantiles, for a model with the loss quantile
  std                    standard deviation, for one with the loss gaussian_nll

Rows are read, predicted and written in batches, so that data of any size take
little memory. An existing output file is replaced when all rows are written.

The columns of a table are found by name; the target and other columns that the
network does not take are left out, with a note. Without names, in the file or
in the model, they are taken by position, with or without a target.

Labels are written exactly as the model has them; a terminal shows control
characters as escapes. A spreadsheet takes a label that begins with =, +, - or
@ for a formula: import predictions of a model from an unknown source as text.
"""


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    from .tables.writers import WRITERS

    arguments.add_model(parser)
    group = arguments.add_data(parser, ". Labels are optional")
    arguments.add_part(group)
    group.add_argument(
        "--keep",
        metavar="COLUMNS",
        action="append",
        default=[],
        help="table: columns, separated by commas, that are copied to the output before the predictions, by name or "
        "by number from 0",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=values.file(*(f".{ending}" for ending in WRITERS), stdout=True),
        help="output file: .csv, .jsonl (one JSON object per line), .parquet or .npy (default, and -: CSV to stdout)",
    )
    parser.add_argument(
        "--format",
        type=values.choice(WRITERS),
        help=f"format of the output: {', '.join(WRITERS)} (default: by the ending of the output file)",
    )
    parser.add_argument("--proba", action="store_true", help="write the probability of each class instead")
    arguments.add_interval(
        parser, "add intervals, or sets of classes, that contain the truth with this probability"
    )
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Predict and write the result."""
    from .support import results, scores
    from .tables import inputs, parts, writers
    from .tables.outputs import Outputs

    writers.refuse_input(options.output, options)
    net = inputs.load_network(options)
    if options.proba and not results.classifies(net):
        raise ValueError(
            f"{options.model} is a network for regression, which has no class probabilities; omit --proba"
        )
    coverages = scores.coverages_of(net, options.interval, options.model)
    if options.interval is None and results.classifies(net):
        coverages = ()
    outputs = Outputs(net, proba=options.proba, coverages=coverages)
    answered = parts.Answered(options, net, options.keep)
    batches = _predicted(answered, outputs)
    if options.json and options.output is None:
        columns = list(batches)
        results.print_json(_result(options, answered, list(columns[0]), _rows(columns)))
        return 0
    names: list[str] = []
    writers.write(options.output, writers.of(options.output, options.format), _noting(batches, names))
    if options.json:
        results.print_json(_result(options, answered, names, None))
    elif options.output is not None:
        Terminal(sys.stdout).print(
            f"predictions for {answered.n_rows:,} rows ({answered.part}) written to {options.output}"
        )
    return 0


def _predicted(answered: Answered, outputs: Outputs) -> Iterator[Columns]:
    """Yield the columns of the output for each batch."""
    from .tables.batches import in_data

    for rows in answered:
        with in_data(answered.name, rows.numbers, answered.place):
            found = outputs.of(rows.X)
        for name in rows.kept:
            if name in found:
                raise ValueError(
                    f"the column {name!r} of {answered.name} has the name of an output; rename it, or omit it in --keep"
                )
        yield rows.kept | found


def _noting(batches: Iterator[Columns], names: list[str]) -> Iterator[Columns]:
    """Yield the batches, and append the names of their columns to `names`."""
    for batch in batches:
        if not names:
            names += batch
        yield batch


def _rows(batches: list[Columns]) -> list[Any]:
    """Return the rows of an output: values of its only column, or lists."""
    rows: list[Any] = []
    for batch in batches:
        columns = [values.tolist() for values in batch.values()]
        rows += columns[0] if len(columns) == 1 else map(list, zip(*columns, strict=True))
    return rows


def _result(
    options: Namespace, answered: Answered, columns: list[str], rows: list[Any] | None
) -> dict[str, Any]:
    return {
        "command": "predict",
        "version": __version__,
        "model": options.model,
        "data": answered.name,
        "part": answered.part,
        "rows": answered.n_rows,
        "columns": columns,
        "predictions": rows,
        "output": options.output,
    }
