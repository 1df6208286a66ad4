"""Completion of command lines by a shell: the script that ``compiled-nn --print-completion`` prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from ...common import optional
from .terminal import print_error
from .values import Choice

OPTION = "--print-completion"
SHELLS = ("bash", "zsh", "tcsh")
_FILES = {"DATA", "MODEL", "FILE"}  # metavars of arguments that are files


class PrintCompletion(argparse.Action):
    """Action that prints the script for a shell and ends the program."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print the script of the shell `values`."""
        try:
            shtab = optional.load("shtab", purpose=OPTION, library="shtab", extra="completion")
        except ImportError as error:
            print_error(error)
            parser.exit(1)
        for command in _subparsers(parser):
            for action in command._actions:
                if action.metavar in _FILES:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
                elif action.metavar == "DIR":
                    action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
                elif isinstance(action.type, Choice):
                    action.choices = list(action.type.names)
        sys.stdout.write(shtab.complete(parser, str(values)) + "\n")
        parser.exit(0)


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of the commands."""
    groups = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [command for group in groups for command in group.values()]
