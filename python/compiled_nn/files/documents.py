"""JSON texts of files: strict to read, and refused before they are read if their values would take too much memory."""

from __future__ import annotations

import json
import re
from typing import Any

_FREE = 16 << 20  # bytes that any file may take
_SHORT = 1 << 14  # characters whose values take less than `_FREE`
_TIMES = 4  # bytes of memory for each byte of the file
# Upper bounds of the bytes of memory for each of these characters outside texts: an empty list or dict; a pair of a
# dict, which is also in a temporary list; a number, which is an object and a pointer; a text without its characters.
_COSTS = {"[": 72, "{": 72, ":": 240, ",": 40, '"': 24}
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{:,]', re.DOTALL)
# Bytes for each character of a text, also while it is put together from parts: plain, with escapes of ASCII, or any.
_PLAIN, _ESCAPED, _WIDE = 1, 3, 7


def parse_json(text: str, n_bytes: int = 0) -> Any:
    """Return the value of a JSON text of a file.

    Parameters
    ----------
    text : str
        JSON text.
    n_bytes : int, default 0
        Size of the file, which bounds the memory for the value. It is at least that of the text.

    Raises
    ------
    ValueError
        If the text is not JSON, contains NaN, an infinity or a number beyond float64, has a key twice, is nested too
        deeply, or would take too much memory.
    """
    check_cost(text, n_bytes)
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=without_duplicates,
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def check_cost(text: str, n_bytes: int) -> None:
    """Raise a ValueError if the values of a JSON text could take more memory than a file of `n_bytes` may."""
    if len(text) <= _SHORT:
        return
    limit = _FREE + _TIMES * max(n_bytes, len(text)) - len(text)
    is_ascii = text.isascii() and "\\u" not in text
    cost = (_WIDE if not is_ascii else _ESCAPED if "\\" in text else _PLAIN) * len(text)
    if cost + sum(each * text.count(character) for character, each in _COSTS.items()) <= limit:
        return
    for token in _TOKEN.finditer(text):  # the characters within texts do not count
        cost += _COSTS.get(text[token.start()], 0)
        if cost > limit:
            raise ValueError(
                f"its JSON of {len(text)} characters could take more than {limit >> 20} MiB of memory, because it has"
                " too many small values or too long texts"
            )


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the dict of the members of a JSON object; a ValueError if a key occurs twice."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a JSON object has a duplicate key")
    return fields


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"{digits[:40]} is beyond the range of float64")
    return number
