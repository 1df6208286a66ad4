"""The command ``tutorial``: a network of a published text, on its own data."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from .report import Terminal

TUTORIALS = {
    "beans": "is a bean leaf sick, and of what? 30000-4-3-2-1, then three classes",
    "cats": "cat or not, 12288-20-7-5-1, from three kinds of initial weights",
    "mnist": "digit 1 or 2, 784-196-1, with curves of training and validation",
    "fashion": "ten kinds of clothes, 784-50-10, pixels as they are and standardised",
    "xor": "exclusive or, 2-3-1; needs no data",
}


def tutorial(options: Namespace) -> int:
    """Run the tutorial that is named, or list all."""
    if options.list:
        Terminal(sys.stdout).print(*(f"{name:<9}{summary}" for name, summary in TUTORIALS.items()))
        return 0
    return play(import_module(f"compiled_nn.examples.{options.name}").main, options)


def play(main: Callable[..., None], options: Namespace) -> int:
    """Call an example with the options given; it has defaults of its own for the others."""
    Path(options.out).mkdir(parents=True, exist_ok=True)
    given = {name: getattr(options, name) for name in ("data", "out", "seed", "epochs")}
    main(**{name: value for name, value in given.items() if value is not None})
    return 0
