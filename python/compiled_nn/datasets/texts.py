"""Texts of a file: labels and names in compact form, checks of their characters, and cells in messages."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN = 60  # characters of a cell in a message
_LARGEST_CHARACTER = 0x10FFFF
_SURROGATES = 0xD800, 0xDFFF


class Texts:
    """Texts of one column as UTF-8 in one buffer, because a str takes about 50 bytes beside its characters."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._ends = array("q")
        self.longest, self.place_of_longest = 0, 0

    def append(self, text: str) -> None:
        """Append a text without lone surrogates."""
        if len(text) > self.longest:
            self.longest, self.place_of_longest = len(text), len(self._ends)
        self._content += text.encode()
        self._ends.append(len(self._content))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, i: int) -> str:
        return self._content[self._ends[i - 1] if i else 0 : self._ends[i]].decode()

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends:
            yield self._content[start:end].decode()
            start = end

    def to_array(self) -> NDArray[np.str_]:
        """Return the texts as an array, whose items have the length of the longest one."""
        result = np.empty(len(self), f"<U{max(1, self.longest)}")
        for i, text in enumerate(self):
            result[i] = text
        return result


def check_characters(array: NDArray[Any]) -> None:
    """Raise a ValueError if an array from a file has text that is not Unicode, or booleans other than 0 and 1."""
    if array.dtype.kind == "b" and array.size and int(array.view(np.uint8).max()) > 1:
        raise ValueError(f"it has the byte {int(array.view(np.uint8).max())}; a boolean is 0 or 1")
    if array.dtype.kind != "U" or not array.size or not array.dtype.itemsize:
        return
    codes = np.ascontiguousarray(array).view(np.uint32)
    low, high = _SURROGATES
    if int(codes.max()) > _LARGEST_CHARACTER or bool(((codes >= low) & (codes <= high)).any()):
        raise ValueError("it has characters that are not Unicode")


def shown(cell: str) -> str:
    """Return the `repr` of a cell of a file, cut to a length that suits a message."""
    return repr(cell) if len(cell) <= _SHOWN else f"{cell[:_SHOWN]!r}... ({len(cell)} characters)"
