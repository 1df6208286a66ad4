"""The command ``tutorial``: the network of a published tutorial, on the data of the tutorial."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from .support import values
from .support.terminal import Terminal

TUTORIALS = {
    "beans": "bean leaves, healthy or diseased, 30000-4-3-2-1; then three classes",
    "cats": "cat or not, 12288-20-7-5-1, with three kinds of initial weights",
    "mnist": "digit 1 or 2, 784-196-1, with training and validation curves",
    "fashion": "ten kinds of clothes, 784-50-10, raw and standardised pixels",
    "xor": "exclusive or, 2-3-1; needs no data",
}

ORDER = 60
SUMMARY = "train the network of a tutorial on the tutorial's data"
EXAMPLES = ("tutorial xor --out pictures",)
USAGE = "NAME"
DESCRIPTION = """\
Train the network of a published tutorial on the data of the tutorial, print
the lines that the tutorial prints, and draw its plots, which needs matplotlib.
Nothing is downloaded: if the data are not on this machine, the error message
says where they can be found.

tutorials:
""" + "\n".join(f"  {name:<9}{summary}" for name, summary in TUTORIALS.items())


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments and options of the command."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", type=values.choice(TUTORIALS), help=", ".join(TUTORIALS)
    )
    parser.add_argument("--list", action="store_true", help="print the list of tutorials and exit")
    add_example_options(parser)


def add_example_options(parser: ArgumentParser) -> None:
    """Add the options that each example takes, as a program and as a tutorial."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of the data (default: the environment variable COMPILED_NN_DATA, or the system's folder)",
    )
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="folder for the plots (default: the current folder)"
    )
    parser.add_argument(
        "--seed", type=values.integer(0), help="seed of the initial weights (default: that of the tutorial)"
    )
    parser.add_argument(
        "--epochs",
        type=values.integer(1),
        help="number of passes over the data (default: that of the tutorial)",
    )


def run(options: Namespace) -> int:
    """Run the named tutorial, or print the list."""
    if options.list:
        Terminal(sys.stdout).print(*(f"{name:<9}{summary}" for name, summary in TUTORIALS.items()))
        return 0
    if options.name is None:
        options.parser.error(f"the NAME of a tutorial is missing; the tutorials are {', '.join(TUTORIALS)}")
    return run_example(import_module(f"compiled_nn.examples.{options.name}").main, options)


def run_example(main: Callable[..., None], options: Namespace) -> int:
    """Call the function of an example with the options that were given; it has defaults for the others."""
    Path(options.out).mkdir(parents=True, exist_ok=True)
    given = {name: getattr(options, name) for name in ("data", "out", "seed", "epochs")}
    main(**{name: value for name, value in given.items() if value is not None})
    return 0
