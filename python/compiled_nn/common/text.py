"""Text of other origin, such as class labels and names of columns of a file, in a form that is safe to print."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from html import escape

_OTHERS = re.compile(r"[^ -~]")  # what is not a printable character of ASCII
_LONGEST = 200  # characters of a value in a message
_HIDDEN = frozenset(
    ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
)  # control, format, unassigned; line separators


def printable(text: str) -> str:
    r"""Return a text with escapes in place of the characters that a terminal would not show as they are.

    Control characters can change what a terminal shows, or send commands to it; format characters can change the order
    of letters. They become ``\x1b``, ``\u202e`` and the like, and a line break becomes ``\n``.
    """
    return text if text.isascii() and text.isprintable() else _OTHERS.sub(_escaped, text)


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode a text: it has no surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def short(value: object) -> str:
    """Return the repr of a value for a message, at most about 200 characters of it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def shortened(value: object, longest: int) -> str:
    """Return the text of a value, printable and without its end if it has more than `longest` characters."""
    text = printable(str(value))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def distinct_texts(values: Sequence[object]) -> list[str]:
    """Return the texts of values; values with the same text, such as 1 and "1", get their index as well."""
    texts = [str(value) for value in values]
    counts = Counter(texts)
    return [text if counts[text] == 1 else f"{text}_{i}" for i, text in enumerate(texts)]


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Return texts as a table of HTML, the first row as its header."""
    tags = ["th", *["td"] * (len(rows) - 1)]
    lines = (
        "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for row, tag in zip(rows, tags, strict=True)
    )
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode()
