"""Content of an opened safetensors file, from which tensors are copied one by one.

A file at a path is read in parts; the header first, and each tensor when it is needed. Content given as bytes is not
copied as a whole. A file object or a pipe is read once from its position to its end.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..data.arrays import Array
from . import header, places
from .places import Readable
from .replacing import TOGETHER

_DTYPES = {"F32": "<f4", "F64": "<f8", "U8": "u1"}


class Content:
    """Content of a safetensors file.

    Parameters
    ----------
    beginning : bytes
        Header, without its length.
    numbers : object
        Bytes of the tensors.
    is_mapped : bool, default False
        Whether these are the memory of a mapped file.

    Raises
    ------
    ValueError
        If the header is not valid.
    """

    def __init__(self, beginning: bytes | bytearray, numbers: _Numbers, *, is_mapped: bool = False) -> None:
        self._tensors, self._metadata, needed = header.parse(beginning)
        found = numbers.take(needed)
        if found != needed:
            raise ValueError(
                f"its tensors have {needed} bytes by its header; "
                + (f"only {found} bytes follow" if found < needed else "more bytes follow")
            )
        self._numbers, self.is_mapped = numbers, is_mapped
        self.n_bytes = header.PREFIX + len(beginning) + needed

    def metadata(self) -> dict[str, str] | None:
        """Return the metadata, None if there are none."""
        return self._metadata

    def keys(self) -> list[str]:
        """Return the names of the tensors."""
        return list(self._tensors)

    def get_slice(self, name: str) -> header.Tensor:
        """Return dtype and shape of a tensor, whose numbers are not read."""
        return self._tensors[name]

    def get_tensor(self, name: str, *, copy: bool = True) -> Array:
        """Return a tensor as an array; with `copy=False`, it may be a view of the content or of the mapped file."""
        dtype, shape, start, stop = self._tensors[name]
        if dtype not in _DTYPES:
            raise ValueError(f"{name} is {dtype}; expected one of {sorted(_DTYPES)}")
        numbers = self._numbers.between(start, stop)
        numbers = numbers.copy() if copy and numbers.base is not None else numbers
        array = numbers.view(_DTYPES[dtype]).reshape(shape)
        return array if sys.byteorder == "little" else array.astype(array.dtype.newbyteorder("="))

    def hash(self, name: str) -> str:
        """Return the SHA-256 of the bytes of a tensor, of which only some MiB are in memory at a time."""
        from hashlib import sha256  # imported here to keep `import compiled_nn` fast

        _, _, start, stop = self._tensors[name]
        digest = sha256()
        for at in range(start, stop, TOGETHER):
            digest.update(self._numbers.between(at, min(at + TOGETHER, stop)).data)
        return digest.hexdigest()


class _Numbers(Protocol):
    """Bytes after the header."""

    def take(self, needed: int) -> int:
        """Prepare `needed` bytes, and return how many there are; any larger number stands for more."""

    def between(self, start: int, stop: int) -> Array:
        """Return an array of bytes, which may be a view."""


class _InFile:
    """Bytes in an open file, from a position on."""

    def __init__(self, file: Any, position: int, n_bytes: int) -> None:
        self._file, self._position, self._n_bytes = file, position, n_bytes

    def take(self, needed: int) -> int:
        return self._n_bytes

    def between(self, start: int, stop: int) -> Array:
        numbers = np.empty(stop - start, np.uint8)
        view, done = numbers.data, 0
        self._file.seek(self._position + start)
        while done < len(view):
            n_read = self._file.readinto(view[done : done + TOGETHER])
            if not n_read:
                raise ValueError("it became shorter while it was read")
            done += n_read
        return numbers


class _InMemory:
    """Bytes in memory, or in a mapped file."""

    def __init__(self, content: memoryview) -> None:
        self._content = content

    def take(self, needed: int) -> int:
        return len(self._content)

    def between(self, start: int, stop: int) -> Array:
        return np.frombuffer(self._content, np.uint8, stop - start, start)


class _InStream:
    """Bytes of a file object, which is read once."""

    def __init__(self, stream: places.Stream) -> None:
        self._stream = stream
        self._content: bytes | bytearray = b""

    def take(self, needed: int) -> int:
        content = self._stream.read(needed)
        self._content = content
        return len(content) + (len(content) == needed and not self._stream.is_at_end())

    def between(self, start: int, stop: int) -> Array:
        return np.frombuffer(self._content, np.uint8, stop - start, start)


@contextmanager
def opened(place: Readable, *, mmap: bool = False) -> Iterator[Callable[[], Content]]:
    """Open a place, and return a function that reads the beginning of the safetensors file at it.

    Parameters
    ----------
    place : str, path-like, bytes or binary file object
        Place to read from.
    mmap : bool, default False
        Whether a file at a path is mapped into memory instead of being read.

    Raises
    ------
    OSError
        If it cannot be opened.
    TypeError
        If it is neither a path, nor bytes, nor a binary file object.
    ValueError
        If there is nothing at the position of a file object, or `mmap` is given without the path of a regular file.
    """
    if isinstance(place, (str, os.PathLike)):
        with open(place, "rb", buffering=0) as file:
            if mmap:
                places.check_mappable(place)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield partial(_of_file, file, mmap)
            else:
                yield partial(_of_stream, places.Stream(file))
        return
    if mmap:
        places.check_mappable(place)
    if isinstance(place, (bytes, bytearray, memoryview)):
        yield partial(_of_memory, memoryview(place))
    else:
        yield partial(_of_stream, places.Stream(place))


def _of_file(file: Any, mapped: bool) -> Content:
    n_bytes = os.fstat(file.fileno()).st_size
    start = file.read(places.HEAD)
    n_header = _length(start, n_bytes)
    file.seek(header.PREFIX)
    beginning = file.read(n_header)
    if len(beginning) < n_header:
        raise ValueError("it became shorter while it was read")
    position = header.PREFIX + n_header
    if mapped:
        from mmap import ACCESS_COPY, mmap  # imported here to keep loading fast

        content = memoryview(mmap(file.fileno(), n_bytes, access=ACCESS_COPY))  # who writes to it gets a copy
        return Content(beginning, _InMemory(content[position:]), is_mapped=True)
    return Content(beginning, _InFile(file, position, n_bytes - position))


def _of_memory(view: memoryview) -> Content:
    # Content that can change is copied, so that what has been checked is what is used.
    is_fixed = isinstance(view.obj, bytes) and view.c_contiguous and view.nbytes
    content = view.cast("B") if is_fixed else memoryview(bytes(view))
    n_header = _length(bytes(content[: places.HEAD]), len(content))
    position = header.PREFIX + n_header
    return Content(bytes(content[header.PREFIX : position]), _InMemory(content[position:]))


def _of_stream(stream: places.Stream) -> Content:
    start = stream.read(places.HEAD)
    n_header = _length(start, None)
    stream.unread(start[header.PREFIX :])
    return Content(stream.read(n_header), _InStream(stream))


def _length(start: bytes | bytearray, n_bytes: int | None) -> int:
    """Return the length of the header; in the error, the kind of a file that is known."""
    try:
        return header.length(start, n_bytes)
    except ValueError as error:
        raise ValueError(places.explain(start, str(error))) from None
