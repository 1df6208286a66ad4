"""Files of tables: what they hold by their first bytes, and the text of CSV files as UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import limits

Format = Literal["csv", "parquet", "arrow", "stream", "feather", "excel"]

_GZIP = b"\x1f\x8b"
_LONGEST_MAGIC = 8
_STEP, _LARGEST_STEP = 1 << 20, 1 << 22  # bytes
_FORMATS: dict[bytes, Format] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "stream",
    b"FEA1": "feather",
    b"PK\x03\x04": "excel",
}
_OTHERS = {
    b"\x93NUMPY": "an array of NumPy, which np.load reads",
    b"\x89HDF": "an HDF5 file, which read_hdf5 reads",
    b"\xd0\xcf\x11\xe0": "a file of an old Excel; save it as .xlsx or CSV",
    b"SQLite ": "an SQLite database; export a table as CSV",
    b"BZh": "compressed with bzip2; decompress it, or compress it with gzip",
    b"\xfd7zXZ": "compressed with xz; decompress it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it, or compress it with gzip",
    b"%PDF": "a PDF document; export the table as CSV",
}
_MARKS = (  # the longer ones first
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_ADVICE = "pass the encoding of the file, such as encoding='cp1252' (Windows) or encoding='latin-1'"


class Opened(NamedTuple):
    """Open file of a table.

    Attributes
    ----------
    name : str
        Name for messages.
    path : str or None
        Path, if it was given as one and is not compressed.
    seekable : file object or None
        File object that was given, if it is not compressed and all of it can be read at any place.
    format : {"csv", "parquet", "arrow", "stream", "feather", "excel"}
    file : Pushed
        Content, decompressed.
    size : int or None
        Size in bytes; None if it is not known.
    """

    name: str
    path: str | None
    format: Format
    file: Pushed
    size: int | None
    seekable: Any = None


class Pushed(io.RawIOBase):
    """File that can be read once, whose first bytes were read already.

    Parameters
    ----------
    first : bytes
        First bytes.
    file : object with a method ``read``
        File, at the byte after them; of bytes or of text.
    """

    def __init__(self, first: bytes, file: Any) -> None:
        self._first, self._file = first, file

    def readable(self) -> bool:
        """Whether the file can be read: True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; return their number, 0 at the end."""
        content = self.some(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def some(self, size: int) -> bytes:
        """Return at most `size` bytes; b"" at the end."""
        if self._first:
            content, self._first = self._first[:size], self._first[size:]
            return content
        found = getattr(self._file, "read1", self._file.read)(size)  # what there is, without waiting for more
        if isinstance(found, str):
            self._first = found.encode("utf-8", "surrogatepass")
            return self.some(size) if found else b""
        return bytes(found or b"")

    @property
    def has_pauses(self) -> bool:
        """Whether the file is a pipe, of which the arrival of bytes can be noticed."""
        try:
            is_regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            return not is_regular and self.pauses(0) is not None
        except (AttributeError, OSError, ValueError):
            return False

    def pauses(self, seconds: float) -> bool:
        """Whether no byte of a pipe arrives within some time."""
        return not self._first and not select.select([self._file.fileno()], [], [], seconds)[0]

    def whole(self, budget: limits.Budget, size: int | None) -> bytes | bytearray:
        """Return all bytes that are left; raise a ValueError if the budget has fewer."""
        if size is not None:
            budget.check(size, "the content")
        content = bytearray()
        while piece := self.some(_STEP if size is None else max(_STEP, size)):
            content += piece
            if len(content) > budget.left:
                budget.check(len(content), "the content, of which a part was read,")
        return content


@contextmanager
def opened(source: Any, owner: str) -> Iterator[Opened]:
    """Open a path, or a file object, which stays open."""
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        with _file(name) as file:
            yield _open(file, name, name)
    elif hasattr(source, "read"):
        name = getattr(source, "name", None)
        yield _open(source, name if isinstance(name, str) and name else "the file", None)
    else:
        raise TypeError(
            f"{owner} takes a path or an open file. Got an object of type {type(source).__name__} instead."
        )


def _file(name: str) -> io.FileIO:
    try:
        return open(name, "rb", buffering=0)
    except OSError as error:
        if "\n" in name:
            advice = "to read text, pass io.StringIO(text)"
        elif "://" in name:
            advice = "download it first, or pass the open file of urllib.request.urlopen"
        else:
            raise
        raise OSError(error.errno, f"{error.strerror}; {advice}", name) from error


def _open(file: Any, name: str, path: str | None) -> Opened:
    size = limits.size_of(file) if path is not None else None
    seekable = file if path is None and _is_seekable(file) else None
    path = None if size is None else path  # a pipe can be opened once
    pushed = _peeked(file)
    first = pushed._first
    if first.startswith(_GZIP):
        import gzip  # imported here to keep `import compiled_nn` fast

        path = size = seekable = None
        pushed = _peeked(_Unzipped(gzip.GzipFile(fileobj=pushed), name))
        first = pushed._first
    for magic, what in _OTHERS.items():
        if first.startswith(magic):
            raise ValueError(f"{name} is {what}")
    form: Format = next((form for magic, form in _FORMATS.items() if first.startswith(magic)), "csv")
    return Opened(name, path, form, pushed, size, seekable)


def _is_seekable(file: Any) -> bool:
    """Whether a file object of bytes is at its begin, and can be read at any place."""
    try:
        return bool(file.seekable()) and file.tell() == 0 and isinstance(file.read(0), bytes)
    except (AttributeError, OSError, ValueError):
        return False


def _peeked(file: Any) -> Pushed:
    """Return a file with its first bytes."""
    first, pushed = b"", Pushed(b"", file)
    while len(first) < _LONGEST_MAGIC and (piece := pushed.some(_LONGEST_MAGIC - len(first))):
        first += piece
    return Pushed(first + pushed._first, file)


class _Unzipped:
    """Content of a gzip file, with its damages as errors that name it."""

    def __init__(self, file: Any, name: str) -> None:
        self._file, self._name = file, name

    def read(self, size: int) -> bytes:
        import gzip
        import zlib

        try:
            content: bytes = self._file.read(min(size, _STEP))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{self._name} is a damaged gzip file: {error}") from error
        return content


class Utf8:
    """Text of a file as UTF-8, without a byte order mark.

    Parameters
    ----------
    opened : Opened
        File.
    encoding : str or None
        Encoding; None: by the byte order mark, UTF-8 without one.

    Attributes
    ----------
    n_bytes : int
        Number of bytes that were returned.
    """

    def __init__(self, opened: Opened, encoding: str | None) -> None:
        self._file, self._line, self.n_bytes = opened.file, 1, 0
        self._given = encoding is not None
        first = self._file.some(4)
        while 0 < len(first) < 4 and (piece := self._file.some(4 - len(first))):
            first += piece
        mark, found = next(((m, e) for m, e in _MARKS if first.startswith(m)), (b"", "utf-8"))
        plain = codecs.lookup(encoding or found).name
        plain = {"utf-8-sig": "utf-8", "utf-16": found, "utf-32": found}.get(plain, plain)
        if plain == found or encoding is None:
            first = first[len(mark) :]
        self._first, self._encoding = first, plain
        self._decoder = codecs.getincrementaldecoder(plain)()
        self._ended = False
        self._rest = b""  # begins a character of which the rest was not read

    def read(self, size: int = _STEP) -> bytes:
        """Return about `size` bytes of whole characters; b"" at the end.

        Raises
        ------
        ValueError
            If a byte is not of the encoding, or a character is NUL.
        """
        while not self._ended:
            raw = self._first or self._file.some(min(size, _LARGEST_STEP))
            self._first, self._ended = b"", not raw
            content = self._utf8(raw)
            if content:
                if b"\0" in content:
                    self._refuse(
                        content[: content.index(b"\0")].decode(), "there is a character NUL", content
                    )
                self._line += n_breaks(content)
                self.n_bytes += len(content)
                return content
        return b""

    def _utf8(self, raw: bytes) -> bytes:
        if self._encoding == "utf-8" and raw.isascii() and not self._rest:
            return raw
        before = self._rest
        try:
            text = self._decoder.decode(raw, final=self._ended)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(self._encoding, "replace")
            byte = error.object[error.start]
            advice = (
                f"another encoding than {self._encoding!r}, or repair the file" if self._given else _ADVICE
            )
            self._refuse(good, f"the byte 0x{byte:02x} is not text of {self._encoding.upper()}", None, advice)
        pending = self._decoder.getstate()[0]
        self._rest = pending
        if self._encoding == "utf-8":
            whole = before + raw
            return whole[: len(whole) - len(pending)] if pending else whole
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            self._refuse(text[: error.start], "there is half a surrogate pair", None)
        raise AssertionError

    def _refuse(self, before: str, what: str, content: bytes | None, advice: str = "") -> None:
        lines = (before.replace("\r\n", "\n").replace("\r", "\n") + "x").split("\n")
        if content is not None:
            advice = "remove it"
            if content.count(b"\0") > len(content) // 4:
                advice = "if the text is UTF-16 without a byte order mark, pass encoding='utf-16-le'"
        place = f"line {self._line + len(lines) - 1}, character {len(lines[-1])}"
        raise ValueError(f"{place}: {what}" + (f"; {advice}" if advice else ""))


def n_breaks(content: bytes | bytearray | memoryview) -> int:
    """Return the number of line breaks: LF, CR LF, or CR."""
    text = np.frombuffer(content, np.uint8)
    feeds, returns = text == ord("\n"), text == ord("\r")
    n = np.count_nonzero(feeds) + np.count_nonzero(returns)
    return int(n - np.count_nonzero(feeds[1:] & returns[:-1]))


def n_of(content: bytes | bytearray, character: str) -> int:
    """Return how often a character occurs."""
    code = character.encode()
    if len(code) > 1:
        return content.count(code)
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == code[0]))
