"""The command ``export``: a network in the format of another program."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .._version import __version__
from ..common.errors import count, did_you_mean
from ..common.text import printable
from .support import arguments, values
from .support.terminal import Terminal, UsageError

if TYPE_CHECKING:
    from .support.results import Model

ORDER = 45
SUMMARY = "write a saved network in the format of another program"
EXAMPLES = ("export churn.safetensors -o churn.onnx", "export churn.safetensors -o churn.c")
USAGE = "MODEL -o FILE"
DESCRIPTION = """\
Write a saved network in the format of another program. The file has everything
that the network does, from the columns of a table to labels or values. Before
it is written, both programs predict the same rows, and the largest difference
is printed.
"""


class Format(NamedTuple):
    """Format of a file.

    Attributes
    ----------
    ending : str
        Ending of the names of its files.
    options : tuple of str
        Options of the command that it takes.
    write : callable (network, options) -> dict
        Function that writes the file ``options.output``, and returns the result of the verification: the
        "largest_difference", the number of "rows", and the program "against" which the network was compared.
    """

    ending: str
    options: tuple[str, ...]
    write: Callable[[Model, Namespace], dict[str, Any]]


def _to_onnx(net: Model, options: Namespace) -> dict[str, Any]:
    import json

    model = net.to_onnx(
        options.output,
        inputs=options.inputs or "auto",
        dtype=options.dtype,
        opset=int(options.opset or 17),
        tolerance=options.tolerance,
    )
    found = {each.key: each.value for each in model.metadata_props}
    result: dict[str, Any] = json.loads(found["verification"])
    return result


def _to_c(net: Model, options: Namespace) -> dict[str, Any]:
    return net.to_c(options.output, dtype=options.dtype).to_config()


def _to_json(net: Model, options: Namespace) -> dict[str, Any]:
    return net.to_json(options.output).to_config()


FORMATS = {
    "onnx": Format(".onnx", ("inputs", "dtype", "opset", "tolerance"), _to_onnx),
    "c": Format(".c", ("dtype",), _to_c),
    "json": Format(".json", (), _to_json),
}
_OPTIONS = tuple(dict.fromkeys(name for each in FORMATS.values() for name in each.options))


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    arguments.add_model(parser)
    endings = ", ".join(f"{each.ending} for {name}" for name, each in FORMATS.items())
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help=f"file to write: {endings}")
    parser.add_argument(
        "--format", type=values.choice(FORMATS), help="format of the file (default: that of its ending)"
    )
    parser.add_argument(
        "--inputs",
        type=values.choice(("tensor", "columns")),
        help="onnx: one tensor of numbers, or one input for each column (default: columns for tables with text, dates "
        "or missing values)",
    )
    parser.add_argument(
        "--dtype",
        type=values.choice(("float32", "float64")),
        help="type of the numbers (default: that of the network; for c float32; int8 for a quantized network)",
    )
    parser.add_argument(
        "--opset",
        type=values.choice(tuple(map(str, range(17, 23)))),
        help="onnx: version of the operators, 17 to 22 (default: 17)",
    )
    parser.add_argument(
        "--tolerance",
        type=values.real(above=0, below=1),
        help="onnx: largest difference allowed, relative to the largest output (default: 1e-5, for float64 1e-9)",
    )
    arguments.add_json(parser)


def run(options: Namespace) -> int:
    """Write the file, and print what was compared."""
    from .support import results
    from .tables import inputs

    name = options.format or _format_of(options.output)
    _check(options, name)
    options.threads = None
    net = inputs.load_network(options)
    result = FORMATS[name].write(net, options)
    size = os.path.getsize(options.output)
    if options.json:
        head = {"command": "export", "version": __version__, "model": options.model, "format": name}
        results.print_json({**head, "output": options.output, "bytes": size, "verification": result})
        return 0
    Terminal(sys.stdout).print(
        f"{'format':<12}{name}",
        f"{'compared':<12}with {result['against']} on {count(result['rows'], 'row')}",
        f"{'difference':<12}at most {result['largest_difference']:.1e} of the largest output",
        f"{'written':<12}{printable(options.output)}, {size:,} bytes",
    )
    return 0


def _format_of(path: str) -> str:
    """Return the format of a file by its ending."""
    ending = os.path.splitext(path)[1].lower()
    for name, each in FORMATS.items():
        if each.ending == ending:
            return name
    endings = [each.ending for each in FORMATS.values()]
    raise UsageError(
        f"{printable(path)} does not end in {', '.join(endings[:-1])} or {endings[-1]}; name the file so, or add"
        f" --format.{did_you_mean(ending, endings)}"
    )


def _check(options: Namespace, name: str) -> None:
    """Raise UsageError for an option of another format, for standard output, and for the network's own file."""
    for option in _OPTIONS:
        if getattr(options, option) is not None and option not in FORMATS[name].options:
            raise UsageError(f"--{option} does not apply to the format {name}")
    output = options.output
    if output == "-":
        raise UsageError("export writes a file, not to standard output; give a file name as --output")
    if os.path.exists(output) and os.path.exists(options.model) and os.path.samefile(output, options.model):
        raise UsageError(f"{printable(output)} is the file of the network; give another --output")
