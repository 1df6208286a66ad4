"""Formats of named columns that are written batch by batch: CSV, JSON lines, Parquet and .npy.

A writer turns batches of columns into pieces of bytes, so that a file of any size is written in bounded memory.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common import optional
from ...files import places
from ..support.terminal import Terminal, UsageError
from .outputs import Columns

_TOGETHER = 10_000  # rows; Ctrl-C is noticed between the parts
_STEP = 1 << 20  # bytes that are read together

Pieces = Iterator[bytes]
Writer = Callable[[Iterable[Columns]], Pieces]


def refuse_input(path: str | None, options: Namespace) -> None:
    """Raise a UsageError if a file to write is the file of DATA or MODEL, which it would replace."""
    inputs = {"DATA": options.data}
    if options.command != "train":
        inputs["MODEL"] = options.model
    for name, given in inputs.items():
        if (
            path is not None
            and os.path.exists(path)
            and os.path.exists(given)
            and os.path.samefile(path, given)
        ):
            raise UsageError(
                f"{path} is the file of {name}, which the output would replace; give another name"
            )


def of(path: str | None, format_name: str | None) -> Writer:
    """Return the writer of a format, by default that of the ending of a path; CSV without a path."""
    name = format_name or ("csv" if path is None else os.path.splitext(path)[1][1:].lower())
    return WRITERS[name]


def write(path: str | None, writer: Writer, batches: Iterable[Columns]) -> None:
    """Write batches to a file, which is replaced when all are written, or to stdout, where each batch is flushed."""
    pieces = writer(batches)
    if path is not None:
        places.write(path, pieces)
        return
    screen = Terminal(sys.stdout)
    if writer in (_npy, _parquet) and screen.is_tty:
        raise UsageError("this format is not text, and stdout is a terminal; give a file with -o")
    binary = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        if screen.is_tty:  # a program gets the labels as they are
            screen.print(*piece.decode().removesuffix("\n").split("\n"))
        elif binary is None:
            sys.stdout.write(piece.decode())
        else:
            sys.stdout.flush()
            binary.write(piece)
            binary.flush()


# ---- text


def _csv(batches: Iterable[Columns]) -> Pieces:
    """Yield a header line and one line per row; floats have as many digits as reading them back exactly needs."""
    lines = _Lines()
    writer, has_header = csv.writer(lines), False
    for batch in batches:
        if not has_header:
            writer.writerow(batch)
            has_header = True
        for part in _parts(batch):
            writer.writerows(zip(*(_texts(values) for values in part.values()), strict=True))
            yield "".join(lines).encode()
            lines.clear()


class _Lines(list[str]):
    """Lines of a ``csv.writer``, which quotes a carriage return in a label only if its own lines end with one."""

    def write(self, line: str) -> None:
        self.append(line[:-2] + "\n")


def _texts(values: NDArray[Any]) -> list[str]:
    """Return values as text; missing ones are empty."""
    if values.dtype.kind == "M":
        values = np.datetime_as_string(values).astype(object)
        return ["" if text == "NaT" else _short_date(text) for text in values.tolist()]
    if values.dtype.kind == "f":
        # str() of a NumPy float32 is shorter than that of the Python float from tolist(), and as exact.
        texts = list(map(str, values if values.dtype == np.float32 else values.tolist()))
        if np.isnan(values).any():
            texts = ["" if missing else text for text, missing in zip(texts, np.isnan(values), strict=True)]
        return texts
    return ["" if value is None else str(value) for value in values.tolist()]


def _short_date(text: str) -> str:
    """Return a date of NumPy without the parts of its time that are 0."""
    day, _, time = text.partition("T")
    time = time.removesuffix(".000000")
    return day if time in ("", "00:00:00") else f"{day} {time}"


def _json_lines(batches: Iterable[Columns]) -> Pieces:
    """Yield one JSON object per row; infinities and missing values are null."""
    for batch in batches:
        form = "{" + ", ".join(json.dumps(name).replace("%", "%%") + ": %s" for name in batch) + "}\n"
        for part in _parts(batch):
            rows = zip(*(_json(values) for values in part.values()), strict=True)
            yield "".join([form % row for row in rows]).encode()


def _json(values: NDArray[Any]) -> list[str]:
    """Return values as JSON."""
    kind = values.dtype.kind
    if kind == "f":
        return [text if text[-1].isdigit() else "null" for text in map(str, values)]
    if kind == "b":
        return ["true" if value else "false" for value in values.tolist()]
    if kind in "iu":
        return list(map(str, values.tolist()))
    if kind == "M":
        return [json.dumps(text) if text else "null" for text in _texts(values)]
    return [json.dumps(value) for value in values.tolist()]


def _parts(batch: Columns) -> Iterator[Columns]:
    m = len(next(iter(batch.values())))
    for start in range(0, m, _TOGETHER):
        yield {name: values[start : start + _TOGETHER] for name, values in batch.items()}


# ---- binary files


def _npy(batches: Iterable[Columns]) -> Pieces:
    """Yield an array (m,) of one column, or (m, n) of several; its rows are counted in a temporary file."""
    m, shape, dtype = 0, (), np.dtype(np.float64)
    with tempfile.TemporaryFile() as spool:
        for batch in batches:
            array = matrix(batch)
            if array.dtype.kind == "O" or len({values.dtype.kind for values in batch.values()}) > 1:
                raise ValueError(
                    "a .npy file has one type, but the output has text beside numbers; write it as CSV"
                )
            dtype = array.dtype
            spool.write(np.ascontiguousarray(array).data)
            m, shape = m + len(array), array.shape[1:]
        head = io.BytesIO()
        described = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (m, *shape),
        }
        np.lib.format.write_array_header_1_0(head, described)
        yield head.getvalue()
        spool.seek(0)
        while piece := spool.read(_STEP):
            yield piece


def matrix(batch: Columns) -> NDArray[Any]:
    """Return one column (m,) as it is, and several as (m, n)."""
    columns = list(batch.values())
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _parquet(batches: Iterable[Columns]) -> Pieces:
    """Yield a Parquet file with one row group per batch."""
    pyarrow = optional.load("pyarrow", purpose="writing Parquet", library="pyarrow", extra="arrow")
    parquet = optional.load("pyarrow.parquet", purpose="writing Parquet", library="pyarrow", extra="arrow")
    sink, writer = _Sink(), None
    for batch in batches:
        table = pyarrow.table({name: _arrow(pyarrow, values) for name, values in batch.items()})
        if writer is None:
            writer = parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), table.schema)
        writer.write_table(table.cast(writer.schema))
        yield sink.taken()
    if writer is not None:
        writer.close()
        yield sink.taken()


def _arrow(pyarrow: Any, values: NDArray[Any]) -> Any:
    """Return a column of Arrow; text is a string column also where all values are missing."""
    if values.dtype.kind in "OU":
        return pyarrow.array(values.tolist(), pyarrow.string())
    return pyarrow.array(values, from_pandas=True)


class _Sink(io.RawIOBase):
    """File whose content is taken away while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        """Return the bytes that were written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content


WRITERS: dict[str, Writer] = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet, "npy": _npy}
TABLES = ("csv", "jsonl", "parquet")  # formats of columns of any types
