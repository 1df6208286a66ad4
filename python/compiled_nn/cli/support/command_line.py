"""Words of a command line, in the order that `argparse` reads: the command first, each option with its value."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from ...common.errors import did_you_mean

_AT_ONCE = {"-h", "--help", "--version", "--print-completion"}  # options that print something and end


def command_first(argv: Sequence[str], commands: Collection[str]) -> list[str]:
    """Return the words with the command before the options that precede it.

    Parameters
    ----------
    argv : sequence of str
        Words of the command line.
    commands : collection of str
        Names of the commands.
    """
    words = list(argv)
    if not words or not words[0].startswith("-"):
        return words
    for i, word in enumerate(words):
        if word in _AT_ONCE:
            break
        if word in commands:
            return [word, *words[:i], *words[i + 1 :]]
        if not word.startswith("-") and not words[i - 1].startswith("-"):
            break
    return words


def separated(argv: Sequence[str]) -> list[str]:
    """Return the words in which no option takes a word that is not its value.

    - ``--standardize DATA`` becomes ``--standardize=standard DATA``: the next word of an option with an optional value
      belongs to it only if it is a value, or resembles one.
    - ``--layers 128 64`` becomes ``--layers 128,64``.
    """
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        following = rest[0] if rest else None
        if word == "--standardize" and not (following is None or _is_method(following)):
            word = "--standardize=standard"
        elif word == "--layers" and following is not None:
            units = [rest.pop(0)]
            while rest and units[0] != "none" and rest[0].rstrip(",").isdigit():
                units.append(rest.pop(0))
            words.append(word)
            word = ",".join(unit.rstrip(",") for unit in units) if len(units) > 1 else units[0]
        words.append(word)
    return words


def _is_method(word: str) -> bool:
    """Whether a word after --standardize is its value, misspelt or not, or the next option."""
    from ...spec.configuration import SCALINGS  # imported here: a start imports no code of a command

    if word in (*SCALINGS, "none") or word.startswith("-"):
        return True
    return bool(did_you_mean(word, SCALINGS)) and not os.path.exists(word)
