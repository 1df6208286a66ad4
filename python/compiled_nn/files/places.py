"""Places that files are read from and written to: paths, bytes and binary file objects."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable
from typing import IO, Any, TypeAlias

from ..common.text import printable
from . import replacing
from .replacing import TOGETHER, Piece

Writable: TypeAlias = "str | os.PathLike[str] | IO[bytes]"
Readable: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]"

HEAD = 64  # number of bytes by which the kind of a file is recognised
# Beginnings of files of other kinds, in lower case, with what such a file is.
_KINDS = (
    (b"version https://git-lfs", "a Git LFS pointer without the content of the file: run `git lfs pull`"),
    (b"<!doctype html", "an HTML page, perhaps the page of a failed download"),
    (b"<html", "an HTML page, perhaps the page of a failed download"),
    (b"pk\x03\x04", "a ZIP archive, as written by torch.save, numpy.savez and Keras"),
    (b"\x89hdf\r\n\x1a\n", "an HDF5 file, as written by Keras and h5py"),
    (b"\x93numpy", "an array written by numpy.save"),
    (b"\x1f\x8b", "compressed with gzip: pass gzip.open(path)"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
)


def is_path(place: object) -> bool:
    """Return whether `place` is a path."""
    return isinstance(place, (str, os.PathLike))


def name(place: Any) -> str:
    """Return the name of a place for messages; characters that cannot be printed are escaped."""
    if is_path(place):
        return printable(os.fsdecode(place))
    if isinstance(place, (bytes, bytearray, memoryview)):
        return f"The given content of {memoryview(place).nbytes} bytes"
    title = getattr(place, "name", None)
    return title if isinstance(title, str) else f"The given {type(place).__name__}"


def check_mappable(place: Any) -> None:
    """Raise a ValueError if a place cannot be mapped into memory."""
    if not is_path(place) or not os.path.isfile(place):
        raise ValueError(f"mmap=True needs the path of a regular file. {name(place)} is not one.")


class Stream:
    """Binary file object, or pipe, that is read from its position.

    Parameters
    ----------
    place : binary file object
        Object with a method `read`.

    Raises
    ------
    TypeError
        If it is not a binary file object.
    """

    def __init__(self, place: Any) -> None:
        if not callable(getattr(place, "read", None)):
            raise TypeError(
                f"A file must be given as a path, as bytes, or as a binary file object. Got {place!r} instead."
            )
        self._place, self._ahead = place, b""
        self._ahead = self._part(HEAD)
        if not self._ahead and _position(place):
            raise ValueError(
                f"{name(place)} has nothing after its position {_position(place)}. Call seek(0) first."
            )

    def read(self, n_bytes: int) -> bytes | bytearray:
        """Return that many bytes, or fewer at the end of the file."""
        content = bytearray(self._ahead[:n_bytes])
        self._ahead = self._ahead[n_bytes:]
        while len(content) < n_bytes:
            part = self._part(min(n_bytes - len(content), TOGETHER))
            if not part:
                break
            content += part
        return content

    def unread(self, content: bytes | bytearray) -> None:
        """Put back bytes, which are read next."""
        self._ahead = bytes(content) + self._ahead

    def is_at_end(self) -> bool:
        """Return whether there are no more bytes."""
        return not self._ahead and not self._part(1)

    def _part(self, n_bytes: int) -> bytes:
        place = self._place
        try:
            part = place.read(n_bytes)
        except io.UnsupportedOperation as error:
            raise TypeError(f"{name(place)} is not open for reading. Open it in mode 'rb'.") from error
        if part is None:
            raise BlockingIOError(
                errno.EAGAIN, f"{name(place)} has no bytes at present; open it in blocking mode"
            )
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise TypeError(f"{name(place)} is a file object for text. Open it in binary mode, 'rb'.")
        part = bytes(part)
        if len(part) > n_bytes:
            raise ValueError(f"{name(place)} returned {len(part)} bytes; at most {n_bytes} were requested.")
        return part


def _position(place: Any) -> int:
    """Return the position in a file object, 0 if it has none."""
    return int(place.tell()) if hasattr(place, "seekable") and place.seekable() else 0


def explain(head: bytes | bytearray, problem: str) -> str:
    """Return the kind of the file that begins with `head`, if it is known; else `problem`, the error of the reader."""
    if not head:
        return "it is empty"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((f"it is {kind}" for beginning, kind in _KINDS if start.startswith(beginning)), problem)


def write(place: Writable, content: Iterable[Piece]) -> None:
    """Write pieces to a file, which is replaced only after the new one is complete, or to a file object.

    Raises
    ------
    TypeError
        If `place` is neither a path nor a binary file object.
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    if isinstance(place, (str, os.PathLike)):
        replacing.write(place, content)
        return
    if not hasattr(place, "write"):
        raise TypeError(f"A file must be given as a path, or as a binary file object. Got {place!r} instead.")
    if isinstance(place, io.TextIOBase):
        raise TypeError(f"{name(place)} is a file object for text. Open it in binary mode, 'wb'.")
    for piece in content:
        _write_all(place, piece)


def _write_all(place: Any, piece: Piece) -> None:
    """Write a piece to a file object, also to one that takes only a part of it in each call."""
    rest = memoryview(piece)
    while len(rest):
        n_written = place.write(bytes(rest[:TOGETHER]))  # bytes, which an object may keep
        if n_written is None:
            if isinstance(place, io.RawIOBase):
                raise BlockingIOError(
                    errno.EAGAIN, f"{name(place)} takes no bytes at present; open it in blocking mode"
                )
            n_written = min(len(rest), TOGETHER)  # an object of another kind has written everything
        if not 0 < n_written <= len(rest):
            raise OSError(errno.EIO, f"{name(place)} reported {n_written} of {len(rest)} bytes as written")
        rest = rest[n_written:]
