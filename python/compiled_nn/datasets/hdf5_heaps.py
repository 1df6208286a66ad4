"""Checks of texts of any length in an HDF5 file, before the library reads them: their heaps, and their lengths.

A heap is ``GCOL``, a version, its size, and objects: index (2 bytes), references (2), 4 unused, size, and the content,
filled up to a multiple of 8 bytes. Index 0 is free space, whose size includes this header. Free space of the size 0,
which damaged files have, is an endless loop in the HDF5 library up to 2.0 at least. A dataset has the length of each
text (4 bytes), the address of its heap and its index (4 bytes); the library allocates the length before it looks at the
heap.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO

import numpy as np

_SIGNATURE = b"GCOL\1\0\0\0"  # with the version; the library refuses others
_STEP = 1 << 20  # bytes that are searched at once
_FEWEST_STEPS = 1 << 16
_BYTES_PER_OBJECT = 8
_DEFLATE, _SHUFFLE, _CHECKSUM = 1, 2, 3  # filters


def check(path: str, length: int) -> None:
    """Raise a ValueError if a heap has free space of the size 0.

    Parameters
    ----------
    path : str
    length : int
        Number of bytes of a size in the file.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        left = _FEWEST_STEPS + size // _BYTES_PER_OBJECT
        for start in _signatures(file):
            left = _check_heap(file, start, size, length, left)


def _read(file: BinaryIO, size: int, start: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _signatures(file: BinaryIO) -> Iterator[int]:
    start, before = 0, b""
    while block := _read(file, _STEP, start):
        block = before + block
        at = block.find(_SIGNATURE)
        while at >= 0:
            yield start - len(before) + at
            at = block.find(_SIGNATURE, at + 1)
        start += len(block) - len(before)
        before = block[1 - len(_SIGNATURE) :]


def _check_heap(file: BinaryIO, start: int, file_size: int, length: int, left: int) -> int:
    """Check one heap and return how many more objects may be looked at; in a sound file, heaps do not overlap."""
    head = 8 + length
    end = min(start + int.from_bytes(_read(file, length, start + 8), "little"), file_size)
    at = start + head
    while at + head <= end:
        found = _read(file, head, at)
        size = int.from_bytes(found[8:], "little")
        if not any(found[:2]):
            if size == 0:
                raise ValueError(
                    f"the heap at byte {start} is damaged: free space of the size 0 at byte {at}"
                )
            at += size
        else:
            at += head + (size + 7) // 8 * 8
        left -= 1
        if left < 0:
            raise ValueError(f"the heap at byte {start} is damaged: it overlaps with others")
    return left


def check_lengths(path: str, item: Any, address: int) -> None:
    """Raise a ValueError if a text of a dataset is longer than the file.

    Parameters
    ----------
    path : str
    item : h5py.Dataset
    address : int
        Number of bytes of an address in the file.
    """
    width, file_size = 8 + address, os.stat(path).st_size
    with open(path, "rb") as file:
        for part in _parts(file, item, width):
            lengths = (
                np.frombuffer(part[: len(part) // width * width], np.uint8).reshape(-1, width)[:, :4].copy()
            )
            longest = int(lengths.view("<u4").max(initial=0))
            if longest > file_size:
                raise ValueError(f"a text has {longest} bytes; the file has {file_size}")


def _parts(file: BinaryIO, item: Any, width: int) -> Iterator[bytes]:
    """Iterate over the stored bytes of a dataset whose items have `width` bytes."""
    if item.chunks is None:
        start = item.id.get_offset()
        if start is not None:  # None: nothing is stored, or in the header, where a text has no place
            yield _read(file, width * prod(item.shape), start)
        return
    properties = item.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not set(filters) <= {_DEFLATE, _SHUFFLE, _CHECKSUM}:
        raise ValueError("texts of any length are read with the filters gzip, shuffle and fletcher32 only")
    for i in range(item.id.get_num_chunks()):
        chunk = item.id.get_chunk_info(i)
        content = _read(file, chunk.size, chunk.byte_offset)
        for place in reversed(range(len(filters))):
            if chunk.filter_mask >> place & 1:
                continue
            if filters[place] == _DEFLATE:
                content = zlib.decompressobj().decompress(content, width * prod(item.chunks) + 4)
            elif filters[place] == _SHUFFLE:
                n = len(content) // width
                content = np.frombuffer(content[: n * width], np.uint8).reshape(width, n).T.tobytes()
            else:
                content = content[:-4]
        yield content
