"""The command ``compiled-nn``.

Every module of this package is a command, named after its file; packages, such as `support`, are not. A command has

- ``ORDER``, int: position in ``compiled-nn --help``;
- ``SUMMARY``, str: line in the list of commands;
- ``EXAMPLES``, tuple of str: lines in the list of examples, without ``compiled-nn``;
- ``USAGE``, str: arguments in the usage line of the command;
- ``DESCRIPTION``, str: text at the top of the help of the command; "" repeats `SUMMARY`;
- ``add_options(parser)``: function that adds arguments and options to an `argparse.ArgumentParser`;
- ``run(options)``: function that executes the command and returns the exit code.

Every start imports all commands, but calls ``add_options`` and ``run`` of one only: slow imports belong there.

Results go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import NoReturn

from .._version import __version__
from ..common.errors import DivergenceError, did_you_mean
from ..common.text import printable
from .support import interrupts, values
from .support.command_line import command_first, separated
from .support.completion import OPTION, SHELLS, PrintCompletion
from .support.terminal import Terminal, UsageError, print_error, print_warning

_COMPLETION = """\
completion of command lines in bash, zsh or tcsh, with compiled-nn[completion]:
  eval "$(compiled-nn --print-completion bash)"
"""
_EXIT_CODES = """\
exit codes:
  0    success
  1    error in the data or the model
  2    wrong usage
  130  interrupted; train has saved the weights of the last complete step, with
       early stopping those of the best epoch, and has not evaluated them
  141  the reader of the output was closed
"""


class Parser(ArgumentParser):
    """Parser whose errors have escapes in place of the control characters of arguments."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, and exit with code 2."""
        super().error(printable(message))


def commands() -> dict[str, ModuleType]:
    """Return the modules of the commands by name, in the order of the help."""
    names = [found.name for found in iter_modules(__path__) if not found.ispkg]
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return dict(sorted(modules.items(), key=lambda item: (item[1].ORDER, item[0])))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after ``compiled-nn``. Default: those of this process.

    Returns
    -------
    int
        0 after success, 1 for an error in the data or the model, 2 for options that do not apply to the data,
        130 after an interrupt, 141 where the reader of stdout was closed.

    Raises
    ------
    SystemExit
        With code 2 for wrong usage, 0 after ``--help`` and ``--version``.
    """
    _replace_closed_streams()
    try:
        with interrupts.noticed():
            options = _parse(sys.argv[1:] if argv is None else argv)
            return _exit_code(options.run, options)
    except KeyboardInterrupt:
        return _interrupted()


def script(example: Callable[..., None]) -> NoReturn:
    """Run an example as a program, with the options, messages and exit codes of ``compiled-nn tutorial``.

    Parameters
    ----------
    example : callable (data, out, seed, epochs)
        Function of an example. It is called with the options that were given, as keywords: the folders of the
        data and of the plots as str, the seed and the number of epochs as int.

    Raises
    ------
    SystemExit
        Always.
    """
    from . import tutorial

    parser = Parser(description=sys.modules[example.__module__].__doc__)
    tutorial.add_example_options(parser)
    sys.exit(_exit_code(partial(tutorial.run_example, example), parser.parse_args()))


def _parse(argv: Sequence[str]) -> Namespace:
    """Return the options of a command line; on wrong usage, print an error and raise SystemExit(2)."""
    found = commands()
    argv = command_first(argv, found)
    parser, chosen = _parser(found, argv)
    if argv and argv[0] == chosen and chosen not in found:
        known = ", ".join(found)
        parser.error(f"unknown command {chosen!r}; the commands are {known}.{did_you_mean(chosen, found)}")
    argv = separated(argv)
    options, unknown = parser.parse_known_args(argv)
    options.command_line = shlex.join(["compiled-nn", *argv])
    if unknown:
        known_options = set(re.findall(r"--[a-z][a-z0-9-]*", options.parser.format_help()))
        name = unknown[0].partition("=")[0]
        hint = did_you_mean(name, known_options) if name.startswith("--") else ""
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}.{hint}")
    return options


def _parser(found: dict[str, ModuleType], argv: Sequence[str]) -> tuple[ArgumentParser, str | None]:
    """Return the parser, and the command that a command line names, None for none.

    Only that command gets its options: those of the others would import modules that are not used. For the completion
    of a shell, all commands have theirs.
    """
    examples = [f"  compiled-nn {example}" for command in found.values() for example in command.EXAMPLES]
    parser = Parser(
        prog="compiled-nn",
        description="Train and use dense neural networks on the CPU.",
        epilog="\n".join(["examples:", *examples, "", _COMPLETION, _EXIT_CODES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"compiled-nn {__version__}")
    parser.add_argument(
        OPTION,
        action=PrintCompletion,
        type=values.choice(SHELLS),
        metavar="SHELL",
        help=argparse.SUPPRESS,
    )
    subparsers = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, command in found.items():
        subparser = subparsers.add_parser(
            name,
            usage=" ".join(filter(None, ("compiled-nn", name, command.USAGE, "[options]"))),
            help=command.SUMMARY,
            description=command.DESCRIPTION or f"{command.SUMMARY[:1].upper()}{command.SUMMARY[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen or OPTION in argv:
            command.add_options(subparser)
            subparser.set_defaults(run=command.run, parser=subparser)
    return parser, chosen


def _exit_code(run: Callable[[Namespace], int], options: Namespace) -> int:
    """Run a command and return its exit code; an exception becomes one line on stderr."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = print_warning
            code = run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # Buffered output is discarded: writing it would raise a second error when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except UsageError as error:
        print_error(error)
        return 2
    except DivergenceError as error:
        print_error(
            f"{error} Options for this: --standardize, --scale, --learning-rate. No file was written."
        )
    except MemoryError as error:
        print_error(": ".join(filter(None, ("out of memory", str(error)))))
    except OSError as error:
        # An error of the system without a file is one of stdout, to which all other output goes.
        place = error.filename or ("stdout" if error.strerror else None)
        print_error(error if place is None else f"{place}: {error.strerror}")
    except (ValueError, TypeError, ArithmeticError, ImportError) as error:
        print_error(error)
    return 1


def _replace_closed_streams() -> None:
    """Replace standard streams that are closed by empty ones, as if they were redirected to the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _interrupted() -> int:
    """Print that the command was interrupted, and return the exit code for it."""
    Terminal(sys.stderr).print("compiled-nn: interrupted")
    return 130
