"""Cells of a column of text in an Arrow array: their numbers, and their different values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...common import optional
from ...data.arrays import Array
from .column_cells import EXACT, HEAD, Numbers, joined_or_none, numbers_of_levels, stripped

_MINUS, _PLUS, _ZERO, _NINE = b"-+09"
_NUMBERS, _TEXTS = 1 << 18, 1 << 16  # cells that are converted together
_NOT_WHOLE = tuple(b".eEnN")


def load(module: str) -> Any:
    """Return a module of pyarrow, which reads CSV files if it is installed."""
    return optional.load(module, purpose="reading CSV with Arrow", library="pyarrow", extra="arrow")


class ArrowCells:
    """Cells of a column in Arrow arrays of text.

    Parameters
    ----------
    cells : pyarrow.ChunkedArray of string
        Cells, none of which is null.
    """

    def __init__(self, cells: Any) -> None:
        self._cells = cells
        self._levels: tuple[list[str], Array] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def numbers(self, missing: frozenset[str]) -> Numbers | None:
        """Return the numbers, if all cells are plain numbers or missing; otherwise None."""
        return joined_or_none(ArrowCells(cells)._some_numbers(missing) for cells in self._pieces(_NUMBERS))

    def _pieces(self, size: int) -> Iterator[Any]:
        """Iterate over the cells, some at a time; those of no rows once."""
        for start in range(0, max(1, len(self._cells)), size):
            yield self._cells.slice(start, size)

    def _some_numbers(self, missing: frozenset[str]) -> Numbers | None:
        arrow, compute = load("pyarrow"), load("pyarrow.compute")
        try:
            return Numbers(_array(self._cells.cast("int64")), True, _has_zeros(self._cells), True)
        except arrow.ArrowInvalid:
            pass
        found = self._floats(self._cells)
        if found is not None and not np.isnan(found).any():
            return self._of_floats(found)
        trimmed = compute.utf8_trim(self._cells, characters=" ")
        is_missing = compute.is_in(trimmed, value_set=_array_of_texts(sorted(missing)))
        if bool(compute.any(is_missing).as_py()):
            trimmed = compute.if_else(is_missing, _null_text(), trimmed)
        found = self._floats(trimmed)
        if found is not None and int(np.isnan(found).sum()) == trimmed.null_count:
            return ArrowCells(trimmed)._of_floats(found)
        levels, codes = self.levels()
        return numbers_of_levels(levels, codes, missing)

    def _floats(self, cells: Any) -> Array | None:
        try:
            return _array(cells.cast("float64"))
        except load("pyarrow").ArrowInvalid:
            return None

    def _of_floats(self, values: Array) -> Numbers:
        """Return the numbers of cells whose values are known."""
        zeros = _has_zeros(self._cells)
        if not _is_whole(self._cells):
            return Numbers(values, False, zeros, True)
        present = values[~np.isnan(values)]
        exact = bool((np.abs(present) <= EXACT).all())
        if len(present) == len(values):
            try:
                whole = load("pyarrow.compute").utf8_trim_whitespace(self._cells).cast("int64")
                return Numbers(_array(whole), True, zeros, True)
            except load("pyarrow").ArrowInvalid:  # beyond 64 bits, or with a plus
                if exact:
                    return Numbers(values.astype(np.int64), True, zeros, True)
                levels, codes = self.levels()
                return numbers_of_levels(levels, codes, frozenset()) or Numbers(values, True, zeros, False)
        return Numbers(values, True, zeros, exact)

    def levels(self) -> tuple[list[str], Array]:
        """Return the different cells, without surrounding white space, and the index (m,) of that of each row."""
        if self._levels is None:
            encoded = self._cells.dictionary_encode().combine_chunks()
            chunks = getattr(encoded, "chunks", [encoded])
            if len(chunks) > 1:
                chunks = self._cells.dictionary_encode().unify_dictionaries().chunks
            codes = [_array(chunk.indices).astype(np.int32, copy=False) for chunk in chunks]
            words = chunks[0].dictionary.to_pylist() if chunks else []
            self._levels = stripped(words, np.concatenate(codes) if codes else np.empty(0, np.int32))
        return self._levels

    def head(self) -> list[str]:
        """Return some of the first cells, without surrounding white space."""
        return [cell.strip() for cell in self._cells.slice(0, HEAD).to_pylist()]

    def texts(self, missing: frozenset[str]) -> Array:
        """Return the cells (m,) as objects, without surrounding white space; None where they are missing."""
        if self._levels is not None or self._has_repetitions():
            return _of_levels(*self.levels(), missing)
        found, start = np.empty(len(self), object), 0
        for cells in self._pieces(_TEXTS):
            levels, codes = ArrowCells(cells).levels()
            found[start : start + len(codes)] = _of_levels(levels, codes, missing)
            start += len(codes)
        return found

    def _has_repetitions(self) -> bool:
        """Whether the cells have few different values, so that these take little memory."""
        most = len(self._cells) // 2
        for cells in self._pieces(2 * _TEXTS):
            most -= len(cells.unique())
            if most < 0:
                return False
        return True


def _of_levels(levels: list[str], codes: Array, missing: frozenset[str]) -> Array:
    words = np.empty(len(levels), object)
    words[:] = [None if level in missing else level for level in levels]
    values: Array = words[codes]
    return values


def _array_of_texts(texts: list[str]) -> Any:
    """Return an Arrow array of texts; pyarrow.array would import pandas, if it is installed."""
    arrow = load("pyarrow")
    content = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, content)], dtype=np.int32)
    return arrow.StringArray.from_buffers(
        len(texts), arrow.py_buffer(ends), arrow.py_buffer(b"".join(content))
    )


def _null_text() -> Any:
    """Return a null of the type text."""
    arrow = load("pyarrow")
    ends, valid = arrow.py_buffer(np.zeros(2, np.int32)), arrow.py_buffer(b"\0")
    return arrow.StringArray.from_buffers(1, ends, arrow.py_buffer(b""), valid, 1)[0]


def _array(cells: Any) -> Array:
    """Return an Arrow array of int64, int32 or float64, in one or several chunks; nulls are NaN.

    The method to_numpy would import pandas, if it is installed.
    """
    kind = {"int32": np.int32, "int64": np.int64, "double": np.float64}[str(cells.type)]
    parts = [_values(chunk, kind) for chunk in getattr(cells, "chunks", [cells])]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _values(chunk: Any, kind: Any) -> Array:
    valid, data = chunk.buffers()
    n, start = len(chunk), chunk.offset
    values = np.frombuffer(data, kind, n, start * np.dtype(kind).itemsize) if n else np.empty(0, kind)
    if not chunk.null_count:
        return values
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[start : start + n]
    return np.where(bits == 1, values, np.nan)


def _parts(cells: Any) -> Any:
    """Iterate over the bytes and the ends of the cells of each chunk."""
    for chunk in cells.chunks:
        _, ends, data = chunk.buffers()
        if len(chunk) and data is not None:
            offsets = np.frombuffer(ends, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            yield np.frombuffer(data, np.uint8), offsets


def _is_whole(cells: Any) -> bool:
    """Whether no number has a decimal point, or an exponent, or is infinite."""
    for data, offsets in _parts(cells):
        content = data[offsets[0] : offsets[-1]]
        if any((content == character).any() for character in _NOT_WHOLE):
            return False
    return True


def _has_zeros(cells: Any) -> bool:
    """Whether a number has leading zeros before further digits, and is whole."""
    for data, offsets in _parts(cells):
        starts, lengths = offsets[:-1], np.diff(offsets)
        starts, lengths = starts[lengths > 1], lengths[lengths > 1]
        first = data[starts]
        signed = (first == _MINUS) | (first == _PLUS)
        if signed.any():
            longer = ~signed | (lengths > 2)
            starts, signed = starts[longer], signed[longer]
            starts = starts + signed
            first = data[starts]
        second = data[starts + 1]
        for i in np.flatnonzero((first == _ZERO) & (second >= _ZERO) & (second <= _NINE)).tolist():
            end = offsets[np.searchsorted(offsets, starts[i], side="right")]
            if bytes(data[starts[i] : end]).isdigit():
                return True
    return False
