"""Places that files are read from and written to: paths, bytes and binary file objects."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import IO, Any, TypeAlias

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
    """Return the name of a place for messages."""
    if is_path(place):
        return os.fsdecode(place)
    if isinstance(place, (bytes, bytearray, memoryview)):
        return f"The given content of {memoryview(place).nbytes} bytes"
    title = getattr(place, "name", None)
    return title if isinstance(title, str) else f"The given {type(place).__name__}"


def content_of(place: Any) -> bytes:
    """Return the content of a place that is not a path.

    Raises
    ------
    TypeError
        If it is neither bytes nor a binary file object.
    """
    if isinstance(place, (bytes, bytearray, memoryview)):
        return bytes(place)
    read = getattr(place, "read", None)
    if not callable(read):
        raise TypeError(
            f"A file must be given as a path, as bytes, or as a binary file object. Got {place!r} instead."
        )
    try:
        content = read()
    except io.UnsupportedOperation as error:
        raise TypeError(f"{name(place)} is not open for reading. Open it in mode 'rb'.") from error
    if content == b"" and _position(place):
        raise ValueError(
            f"{name(place)} has nothing after its position {_position(place)}. Call seek(0) first."
        )
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name(place)} is a file object for text. Open it in binary mode, 'rb'.")
    return bytes(content)


def _position(place: Any) -> int:
    """Return the position in a file object, 0 if it has none."""
    return int(place.tell()) if hasattr(place, "seekable") and place.seekable() else 0


def explain(head: bytes, problem: str) -> str:
    """Return the kind of the file that begins with `head`, if it is known; else `problem`, the error of the reader."""
    if not head:
        return "it is empty"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((f"it is {kind}" for beginning, kind in _KINDS if start.startswith(beginning)), problem)


def head_of(path: str | os.PathLike[str]) -> bytes:
    """Return the first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(HEAD)


def write(place: Writable, content: bytes) -> None:
    """Write `content` to a file, which is replaced only after the new one is complete, or to a file object.

    Raises
    ------
    TypeError
        If `place` is neither a path nor a binary file object.
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    if isinstance(place, (str, os.PathLike)):
        _write_file(place, content)
        return
    if not hasattr(place, "write"):
        raise TypeError(f"A file must be given as a path, or as a binary file object. Got {place!r} instead.")
    if isinstance(place, io.TextIOBase):
        raise TypeError(f"{name(place)} is a file object for text. Open it in binary mode, 'wb'.")
    place.write(content)


def _write_file(path: str | os.PathLike[str], content: bytes) -> None:
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "There is no such folder to write the file to", folder)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "This is a folder; pass the path of a file in it", target)
    if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe cannot be replaced
        with open(target, "wb") as file:
            file.write(content)
    else:
        _replace(target, content)


def _replace(target: str, content: bytes) -> None:
    """Write `content` to a temporary file in the same folder, then rename it: readers find the old or the new file."""
    temporary = f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    """Write the new name to the disk, on systems where a folder can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
