"""Sizes of the buffers of an Arrow file before they are decompressed, from its metadata.

pyarrow allocates the decompressed size of a buffer, which its first 8 bytes declare, without a limit, and has no
function that tells it. The metadata are FlatBuffers: https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

from .. import limits

_MAGIC = b"ARROW1"
_CONTINUATION = b"\xff\xff\xff\xff"
_DICTIONARY, _BATCH = 2, 3  # types of messages with buffers
_EARLY_COMPRESSION = b"ARROW:experimental_compression"  # of pyarrow 0.17
_BUFFER, _BLOCK = 16, 24  # bytes of structures
_MOST_METADATA = 1 << 28  # bytes of one message


class _Object:
    """Table of FlatBuffers at a place of some bytes."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place

    @classmethod
    def root(cls, content: bytes) -> _Object:
        return cls(content, _number("<I", content, 0))

    def _field(self, i: int) -> int | None:
        """Return the place of a field; None if it has its default."""
        fields = self._place - _number("<i", self._content, self._place)
        if 4 + 2 * i >= _number("<H", self._content, fields):
            return None
        offset = _number("<H", self._content, fields + 4 + 2 * i)
        return self._place + offset if offset else None

    def number(self, i: int, form: str) -> int:
        place = self._field(i)
        return 0 if place is None else _number(form, self._content, place)

    def table(self, i: int) -> _Object | None:
        place = self._field(i)
        return None if place is None else _Object(self._content, place + _number("<I", self._content, place))

    def structures(self, i: int, form: str, size: int) -> Iterator[tuple[int, ...]]:
        """Iterate over a vector of structures of numbers."""
        place = self._field(i)
        if place is None:
            return
        place += _number("<I", self._content, place)
        for start in range(place + 4, place + 4 + size * _number("<I", self._content, place), size):
            yield _numbers(form, self._content, start)


def _numbers(form: str, content: bytes, place: int) -> tuple[int, ...]:
    if place < 0:
        raise ValueError("the metadata are damaged")
    try:
        return struct.unpack_from(form, content, place)
    except struct.error:
        raise ValueError("the metadata are damaged") from None


def _number(form: str, content: bytes, place: int) -> int:
    return _numbers(form, content, place)[0]


def check(file: Any, budget: limits.Budget, *, together: bool) -> None:
    """Raise a ValueError if the buffers of a file take more bytes than a budget has.

    Parameters
    ----------
    file : binary file
        File with random access, in the file or the stream format of Arrow. Its position is not kept.
    budget : Budget
    together : bool
        Whether all batches are in memory together; dictionaries always are.
    """
    for i, (place, metadata) in enumerate(_messages(file)):
        message = _Object.root(metadata)
        kind, header = message.number(1, "<B"), message.table(2)
        if header is not None and kind == _DICTIONARY:
            header = header.table(1)
        if header is None or kind not in (_DICTIONARY, _BATCH):
            continue
        compressed = header.table(3) is not None or _EARLY_COMPRESSION in metadata
        n_bytes = 0
        for offset, length in header.structures(2, "<qq", _BUFFER):
            n_bytes += _size(file, place + offset, length) if compressed else max(0, length)
        if together or kind == _DICTIONARY:
            budget.take(n_bytes, f"part {i} of the content")
        else:
            budget.check(n_bytes, f"part {i} of the content")


def _size(file: Any, place: int, length: int) -> int:
    """Return the size of a compressed buffer, which begins with it; -1 stands for no compression."""
    if length < 8:
        return 0
    size = _number("<q", _read(file, place, 8), 0)
    return length - 8 if size < 0 else size


def _read(file: Any, place: int, size: int) -> bytes:
    """Return bytes at a place; fewer at the end of the file."""
    if place < 0:
        raise ValueError("the metadata are damaged")
    file.seek(place)
    content = bytearray()
    while len(content) < size and (piece := file.read(size - len(content))):
        content += piece
    return bytes(content)


def _messages(file: Any) -> Iterator[tuple[int, bytes]]:
    """Iterate over the metadata of messages, with the place of what follows them."""
    if _read(file, 0, len(_MAGIC)) != _MAGIC:
        place = 0
        while (found := _message(file, place)) is not None:
            yield found
            place = found[0] + max(0, _Object.root(found[1]).number(3, "<q"))
        return
    end = file.seek(0, io.SEEK_END) - len(_MAGIC)
    size = _number("<i", _read(file, end - 4, 4), 0)
    if not 0 < size <= min(end, _MOST_METADATA):
        raise ValueError("the metadata are damaged")
    footer = _Object.root(_read(file, end - 4 - size, size))
    for vector in (2, 3):
        for place, _, _ in footer.structures(vector, "<qi4xq", _BLOCK):
            found = _message(file, place)
            if found is None:
                raise ValueError("the metadata are damaged")
            yield found


def _message(file: Any, place: int) -> tuple[int, bytes] | None:
    """Return the metadata of the message at a place, and the place of what follows; None at the end of a stream."""
    start = _read(file, place, 8)
    if start[:4] == _CONTINUATION:
        start, place = start[4:], place + 4
    size = _number("<i", start, 0) if len(start) >= 4 else 0
    if size <= 0:
        return None
    if size > _MOST_METADATA:
        raise ValueError("the metadata are damaged")
    return place + 4 + size, _read(file, place + 4, size)
