"""Hints in errors about unknown names: counterparts of the names of other libraries, else the nearest name.

This module is imported when an error is made. Names are compared in lower case, without anything but letters and
digits, and without the words in `_ENDINGS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .counterparts import NOTES, TABLES, VALUES

_ENDINGS = ("loss", "optimizer", "layer", "scheduler", "lr")
_AT_MOST = 3  # names in a hint


def hint(name: object, options: Iterable[str], concept: str = "") -> str:
    """Return a sentence that leads to the right name, after a space; an empty string if no option is meant.

    Parameters
    ----------
    name : object
        Unknown name, or a value of another type.
    options : iterable of str
        Valid names.
    concept : str, default ""
        Kind of names: a key of `TABLES`, such as "loss", "activation" or "Network". Default: no table.
    """
    if not isinstance(name, str):
        kind, sentence = VALUES.get(concept, ((), ""))
        return f" {sentence}" if isinstance(name, kind) else ""
    plain, options = _plain(name), list(options)
    keys, table = (plain, _without_ending(plain)), _table(concept)
    for key in keys:
        if note := NOTES.get(concept, {}).get(key):
            return f" {note}"
        if same := [option for option in options if _plain(option) == key and key]:
            return _did_you_mean(same)
        if key in table:
            valid = [option for option in table[key] if option in options]
            return _did_you_mean(valid[:1] if valid[:1] == list(table[key][:1]) else valid)
    return _did_you_mean(nearest(name, options))


def nearest(name: str, options: Iterable[str]) -> list[str]:
    """Return the options with the smallest number of typing errors, at most one for every four letters of the name."""
    plain = _plain(name)
    found: dict[int, list[str]] = {}
    for option in options:
        letters = _plain(option)
        most = min(len(plain), len(letters))
        limit = max(1, most // 4) if most > 2 else 0
        errors = _typing_errors(plain, letters, limit) if plain else limit + 1
        if errors <= limit:
            found.setdefault(errors, []).append(option)
    return found[min(found)][:_AT_MOST] if found else []


def _did_you_mean(names: list[str]) -> str:
    return f" Did you mean {' or '.join(repr(name) for name in names)}?" if names else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _without_ending(plain: str) -> str:
    for ending in _ENDINGS:
        if plain.endswith(ending) and plain != ending:
            return plain[: -len(ending)]
    return plain


def _table(concept: str) -> Mapping[str, tuple[str, ...]]:
    """Return the names of this library by the foreign name, in the form of :func:`_plain`."""
    found: dict[str, tuple[str, ...]] = {}
    for ours, foreign in TABLES.get(concept, {}).items():
        for name in foreign.split():
            found[_plain(name)] = (*found.get(_plain(name), ()), *ours.split())
    return found


def _typing_errors(a: str, b: str, limit: int) -> int:
    """Return the number of inserted, deleted, replaced and swapped letters between two words; above `limit` inexact."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, last, row = row, before, [i] + [0] * len(b)
        for j, other in enumerate(b, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]
