"""Source of DATA: a file, a pipe or standard input, and the kind of its content."""

from __future__ import annotations

import io
import os
import stat
import sys
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias, cast

Kind: TypeAlias = Literal["npz", "idx", "table"]

_HEAD = 4096  # bytes by which the kind is recognised
_SHORT_HEAD = 10  # of files that are not compressed: rows of a pipe are read as they arrive
_OTHER_FORMATS = {
    b"\x93NUMPY": "contains one array only; write samples and labels to one file with numpy.savez(path, X=X, y=y)",
    b"\x89HDF": "is an HDF5 file, which the command line does not read; write it as CSV or .npz",
    b"SQLite ": "is an SQLite database; export a table as CSV",
    b"BZh": "is compressed with bzip2; decompress it, or compress it with gzip",
    b"\xfd7zXZ": "is compressed with xz; decompress it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; decompress it, or compress it with gzip",
}


class Source(NamedTuple):
    """Place that data are read from.

    Attributes
    ----------
    path : str
        Its name for messages; "stdin" for standard input.
    place : str or binary file object
        Path of a file, or a pipe, which can be read once.
    kind : {"npz", "idx", "table"}
        Kind of the content.
    """

    path: str
    place: Any
    kind: Kind

    @classmethod
    def of(cls, path: str) -> Source:
        """Return the source of a path; ``-`` is standard input.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it has a format that no command reads.
        """
        if path != "-" and stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return cls(path, path, _kind(path, file.read(_HEAD)))
        name = "stdin" if path == "-" else path
        pipe = _Pipe(name, sys.stdin.buffer if path == "-" else open(path, "rb", buffering=0))  # noqa: SIM115
        kind = _kind(name, pipe.head)
        if kind != "table":
            raise ValueError(
                f"{name} contains an {kind} file, which cannot be read from a pipe; give it as a file"
            )
        return cls(name, cast("BinaryIO", io.BufferedReader(pipe)), kind)

    @property
    def stem(self) -> str:
        """Name without folder and ending."""
        return os.path.splitext(os.path.basename(self.path).removesuffix(".gz"))[0]

    def place_of(self, row: int, reading: Mapping[str, Any]) -> str:
        """Return the place of a row of a table, counted from 0: its line in a CSV file, else its number from 1.

        Parameters
        ----------
        row : int
            Number of the row.
        reading : mapping
            Keywords of the reader.
        """
        from ...datasets.tables import line_of  # imported here: other kinds of data have no lines

        line = line_of(self.place, row, **reading) if isinstance(self.place, str) else None
        return f"row {row + 1:,}, counted from 1" if line is None else f"line {line}"


class _Pipe(io.RawIOBase):
    """Pipe of which the beginning was read ahead.

    Attributes
    ----------
    name : str
        Name for messages.
    head : bytes
        Beginning; it is read again.
    """

    def __init__(self, name: str, file: Any) -> None:
        super().__init__()
        self.name = name
        self._file, content = file, b""
        while len(content) < _needed(content) and (part := self._part(_HEAD - len(content))):
            content += part
        self.head = self._ahead = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes into a buffer, as soon as there are any, and return their number."""
        part = self._ahead or self._part(len(buffer))
        part, self._ahead = part[: len(buffer)], part[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def fileno(self) -> int:
        """Return the number of the file for the operating system."""
        return int(self._file.fileno())

    def close(self) -> None:
        """Close the pipe."""
        if self._file is not sys.stdin.buffer:
            self._file.close()
        super().close()

    def _part(self, n_bytes: int) -> bytes:
        read = getattr(self._file, "read1", self._file.read)  # without waiting for more than there is
        return bytes(read(n_bytes) or b"")


def _needed(head: bytes) -> int:
    """Return the number of bytes by which the kind of a file that begins with `head` is recognised."""
    return _HEAD if head.startswith((b"PK", b"\x1f\x8b")) else _SHORT_HEAD


def _kind(path: str, head: bytes) -> Kind:
    """Return the kind of a file by its first bytes; raise ValueError for known other formats."""
    for signature, description in _OTHER_FORMATS.items():
        if head.startswith(signature):
            raise ValueError(f"{path} {description}")
    if head[8:9] == b"{" and b"\0" in head[:8]:
        raise ValueError(
            f"{path} is a safetensors file, which contains a network; give a data set or a file of data as DATA"
        )
    if head[:2] == b"\x1f\x8b":
        with suppress(zlib.error):  # the reader names the damage
            head = zlib.decompressobj(wbits=31).decompress(head, 2)
        return "idx" if head == b"\0\0" else "table"
    if head[:4] == b"PK\3\4":
        return "table" if b"xl/" in head else "npz"
    return "idx" if head[:2] == b"\0\0" and head[2:4] != b"\xfe\xff" else "table"  # the mark of UTF-32
