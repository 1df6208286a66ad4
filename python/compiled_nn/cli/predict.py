"""The command ``predict``: labels, values or probabilities for each row."""

from __future__ import annotations

import io
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from .support import arguments, values
from .support.terminal import Terminal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..network.network import Network

ORDER = 20
SUMMARY = "predict labels or values for data"
EXAMPLES = ("predict iris.safetensors new.csv --proba -o probabilities.csv",)
USAGE = "MODEL DATA [-o FILE]"
_TOGETHER = 10_000  # rows
DESCRIPTION = """\
Write the predicted label or value of each row, as CSV with a header line. An
existing output file is replaced.

The columns of a table are found by name; the target and other columns that the
network does not take are left out, with a note. Without names, in the file or
in the model, they are taken by position, with or without a target.

Labels are written exactly as the model has them; a terminal shows control
characters as escapes. A spreadsheet takes a label that begins with =, +, - or
@ for a formula: import predictions of a model from an unknown source as text.
"""


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    group = arguments.add_data(parser, ". Labels are optional")
    arguments.add_part(group)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=values.file(".csv", ".npy"),
        help="output file, .csv or .npy (default: CSV to stdout)",
    )
    parser.add_argument("--proba", action="store_true", help="write the probability of each class instead")
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Predict and write the result."""
    from .support import inputs, record, results

    net = inputs.load_network(options)
    if options.proba and not results.classifies(net):
        raise ValueError(
            f"{options.model} is a network for regression, which has no class probabilities; omit --proba"
        )
    known = record.of(net)
    by_hash = options.part in ("train", "test") and len(known.held_out) > 0
    data = inputs.load(options, labels=by_hash, net=net)
    X, _, part = inputs.select_part(data, options.part, known)
    predicted = net.predict_proba(X) if options.proba else net.predict(X)
    header = _header(net, predicted, options.proba)
    if options.output is not None:
        _write(options.output, header, predicted)
    if options.json:
        result = {
            "command": "predict",
            "version": __version__,
            "model": options.model,
            "data": data.name,
            "part": part,
            "rows": len(X),
            "columns": header,
            "predictions": None if options.output is not None else predicted.tolist(),
            "output": options.output,
        }
        results.print_json(result)
    elif options.output is None:
        text, screen = _csv(header, predicted), Terminal(sys.stdout)
        if screen.is_tty:  # a reader of CSV gets the labels as they are
            screen.print(*text.removesuffix("\n").split("\n"))
        else:
            sys.stdout.write(text)
    else:
        Terminal(sys.stdout).print(f"predictions for {len(X):,} rows ({part}) written to {options.output}")
    return 0


def _header(net: Network, predicted: NDArray[Any], proba: bool) -> list[str]:
    if proba:
        return [str(label) for label in net.classes_.tolist()]
    if predicted.ndim == 1:
        return ["prediction"]
    return [f"prediction_{i}" for i in range(predicted.shape[1])]


def _csv(header: Sequence[str], predicted: NDArray[Any]) -> str:
    """Return a header line and one line per row; floats have as many digits as reading them back exactly needs."""
    import csv

    lines = _Lines()
    writer = csv.writer(lines)
    writer.writerow(header)
    rows = predicted.reshape(len(predicted), -1)
    for start in range(0, len(rows), _TOGETHER):  # Ctrl-C is noticed between the parts
        part = rows[start : start + _TOGETHER]
        # str() of a NumPy float32 is shorter than that of the Python float from tolist(), and as exact.
        writer.writerows(map(str, row) for row in (part if predicted.dtype.kind == "f" else part.tolist()))
    return "".join(lines)


class _Lines(list[str]):
    """Lines of a ``csv.writer``, which quotes a carriage return in a label only if its own lines end with one."""

    def write(self, line: str) -> None:
        self.append(line[:-2] + "\n")


def _write(path: str, header: Sequence[str], predicted: NDArray[Any]) -> None:
    from ..files import places  # imported here: a start of the program does not need it

    if path.lower().endswith(".npy"):
        content = io.BytesIO()
        np.save(content, predicted, allow_pickle=False)
        data = content.getvalue()
    else:
        data = _csv(header, predicted).encode()
    places.write(path, [data])
