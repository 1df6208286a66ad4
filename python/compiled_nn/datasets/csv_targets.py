"""Targets of a CSV file: integers, floats or text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .texts import Texts, shown

_FEW = 100_000  # distinct labels that are collected in a set
_TOGETHER = 4096  # targets


def parse_number(cell: str) -> float | None:
    """Return the number in a cell; None if it is text."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def convert(cells: Texts, lines: Sequence[int], column: int, most: int, *, as_text: bool) -> NDArray[Any]:
    """Return the targets as int64, float64 or text: the first of these types that can represent all of them.

    Parameters
    ----------
    cells : Texts
        Targets without surrounding white space.
    lines : sequence of int
        Line of each target, for errors.
    column : int
        Index of the column, for errors.
    most : int
        Largest number of bytes of an array of text.
    as_text : bool
        Whether the targets are text, also if they are numbers.
    """
    place = f"column {column + 1}"
    values, n_numbers, first_text, first_number = array("d"), 0, -1, ""
    for i, text in enumerate(cells):
        if not text:
            raise ValueError(f"line {lines[i]}, {place}: the target is missing")
        value = None if as_text else parse_number(text)
        if value is not None:
            values.append(value)
            first_number = first_number or text
            n_numbers += 1
        elif first_text < 0:
            first_text = i
        if n_numbers and first_text >= 0:
            # An error, because one mistyped number would otherwise turn all targets into class names.
            raise ValueError(
                f"line {lines[first_text]}, {place}: the target {shown(cells[first_text])} is not a number, "
                f"but other targets are, such as {shown(first_number)}"
            )
    if not n_numbers or _differ_in_zeros(cells):
        return _texts(cells, lines, place, most)
    finite = np.isfinite(np.frombuffer(values))
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(f"line {lines[bad]}, {place}: the target {shown(cells[bad])} is not a finite number")
    try:
        whole = array("q", map(int, cells))
    except (ValueError, OverflowError):
        return np.frombuffer(values)
    return np.frombuffer(whole, np.int64)


def _differ_in_zeros(cells: Texts) -> bool:
    """Whether two targets are the same number with other leading zeros, such as 007 and 7: labels that differ."""
    if not any(text[0] == "0" and len(text) > 1 and text.isdigit() for text in cells):
        return False
    # Hashes take less memory than the texts: equal ones of different lengths are numbers that differ in zeros.
    hashes, lengths = array("q"), array("q")
    for text in cells:
        if text.isdigit():
            hashes.append(hash(text.lstrip("0") or "0"))
            lengths.append(len(text))
    of_number, length = np.frombuffer(hashes, np.int64), np.frombuffer(lengths, np.int64)
    order = np.argsort(of_number, kind="stable")
    of_number, length = of_number[order], length[order]
    return bool(((of_number[1:] == of_number[:-1]) & (length[1:] != length[:-1])).any())


def _texts(cells: Texts, lines: Sequence[int], place: str, most: int) -> NDArray[Any]:
    m, longest = len(cells), cells.longest
    if 4 * m * longest > most:
        raise ValueError(
            f"line {lines[cells.place_of_longest]}, {place}: the target has {longest} characters; an array of {m} "
            f"such targets takes {4 * m * longest} bytes of memory, and at most {most} are used. Shorten the long "
            "targets"
        )
    return cells.to_array()


def class_names(y: NDArray[Any]) -> tuple[str, ...]:
    """Return the sorted distinct targets if they are text, else ()."""
    if y.dtype.kind != "U":
        return ()
    different: set[str] = set()
    for start in range(
        0, len(y), _TOGETHER
    ):  # NumPy drops exceptions of signal handlers while it yields texts
        different.update(y[start : start + _TOGETHER].tolist())
        if len(different) > _FEW:
            return tuple(np.unique(y).tolist())
    return tuple(sorted(different))
