"""Text of other origin, such as class labels and names of columns of a file, in a form that is safe to print."""

from __future__ import annotations

import re
import unicodedata

_OTHERS = re.compile(r"[^ -~]")  # what is not a printable character of ASCII
_HIDDEN = frozenset(
    ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
)  # control, format, unassigned; line separators


def printable(text: str) -> str:
    r"""Return a text with escapes in place of the characters that a terminal would not show as they are.

    Control characters can change what a terminal shows, or send commands to it; format characters can change the order
    of letters. They become ``\x1b``, ``\u202e`` and the like, and a line break becomes ``\n``.
    """
    return text if text.isascii() and text.isprintable() else _OTHERS.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode()
