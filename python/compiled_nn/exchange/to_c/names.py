"""Names, texts and numbers in C source, whatever characters the columns and labels of a model have."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ...data.arrays import Array

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_KEYWORDS = {  # of C and C++, and main
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short",
    "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile",
    "while", "class", "new", "delete", "this", "template", "namespace", "private", "public", "protected",
    "virtual", "operator", "try", "catch", "throw", "using", "bool", "true", "false", "and", "or", "not", "xor",
    "typename", "friend", "explicit", "mutable", "export",
}  # fmt: skip
_WIDTH = 110


def is_name(name: str) -> bool:
    """Whether a text is an identifier of C, and no keyword of C or C++."""
    return _IDENTIFIER.fullmatch(name) is not None and name not in _KEYWORDS


def check_name(name: object) -> str:
    """Return the name of the model in C; an error if it is no identifier."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str. Got {name!r} instead.")
    if not is_name(name):
        raise ValueError(
            f"name is {name[:60]!r}; expected an identifier of C: at most 40 letters, digits and underscores, beginning"
            " with a letter, and no keyword."
        )
    return name


def macro_names(titles: Iterable[str]) -> list[str]:
    """Return names of macros for titles, all different: letters, digits and underscores."""
    found: list[str] = []
    used: set[str] = set()
    for title in titles:
        base = re.sub(r"[^A-Z0-9]+", "_", title.upper()).strip("_")[:40] or "COLUMN"
        name, i = base, 1
        while name in used:
            i += 1
            name = f"{base}_{i}"
        used.add(name)
        found.append(name)
    return found


def text(value: object) -> str:
    """Return a literal of a text, UTF-8 with octal escapes; other values as Python prints them."""
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return '"' + "".join(_character(byte) for byte in raw) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\?':  # a question mark can begin a trigraph
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def comment(value: object) -> str:
    """Return a text that can be a part of a comment."""
    shown = str(value).encode("unicode_escape", "surrogatepass").decode("ascii")
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return shown.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").rstrip("\\")


def comment_line(line: str) -> str:
    """Return a line of a comment, which is not shortened."""
    return (
        line.encode("ascii", "replace").decode("ascii").replace("*/", "* /").replace("/*", "/ *").rstrip("\\")
    )


def number(value: object, dtype: str) -> str:
    """Return a literal of a number: the shortest decimal one that is rounded to it."""
    real = np.dtype(dtype).type(value)
    if not np.isfinite(real):
        return {"nan": "NAN", "inf": "INFINITY", "-inf": "-INFINITY"}[str(real)]
    return str(real) + ("f" if dtype == "float32" else "")


def numbers(values: Array, dtype: str) -> str:
    """Return an initializer of numbers, in lines; int8 as whole numbers."""
    flat = values.ravel()
    if flat.dtype.kind in "iu":
        return braces(map(str, flat.tolist()))
    return braces(number(value, dtype) for value in flat.astype(dtype))


def braces(items: Iterable[str]) -> str:
    """Return an initializer, in lines."""
    lines, line = ["{"], "   "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line.rstrip(","), "}"])
