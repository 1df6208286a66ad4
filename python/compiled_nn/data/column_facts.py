"""Facts about the values of table columns, from which their types follow; facts about several parts can be joined.

(a) Facts that are joined in row order are those of the joined column, except that distinct values are counted up to
    `MOST_LEVELS` of a column. Beyond that, whole numbers with the name of an identifier are compared by a sample: the
    numbers whose hashes begin with zeros.
(b) A column without any value says nothing about the type of the others: its facts can be joined with all facts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .coded import Array

MOST_LEVELS = 1_000_000  # distinct values of a column that are counted
_ODD = np.uint64(0x9E3779B97F4A7C15)  # factor of a hash of 64 bits, of which the first bits are used


class Keys(NamedTuple):
    """Numbers of a column with the name of an identifier, which are compared with those of other parts.

    Attributes
    ----------
    different : bool
        Whether no number occurs twice, as far as numbers are compared.
    numbers : ndarray
        Sorted numbers whose hashes begin with `depth` zeros; none if some are equal.
    depth : int
        Number of zeros; 0 for all numbers.
    """

    different: bool
    numbers: Array
    depth: int = 0

    @classmethod
    def of(cls, whole: Array) -> Keys:
        """Return those of a column of whole numbers."""
        numbers = np.unique(whole)
        return cls(True, numbers)._limited() if len(numbers) == len(whole) else cls(False, numbers[:0])

    def joined(self, other: Keys) -> Keys:
        """Return those of both columns."""
        if not (self.different and other.different):
            return Keys(False, self.numbers[:0])
        depth = max(self.depth, other.depth)
        both = np.concatenate([_with_zeros(part.numbers, depth) for part in (self, other)])
        numbers = np.unique(both)
        if len(numbers) < len(both):
            return Keys(False, numbers[:0])
        return Keys(True, numbers, depth)._limited()

    def _limited(self) -> Keys:
        """Return at most `MOST_LEVELS` of the numbers."""
        numbers, depth = self.numbers, self.depth
        while len(numbers) > MOST_LEVELS:
            depth += 1
            numbers = _with_zeros(numbers, depth)
        return self._replace(numbers=numbers, depth=depth)


def _with_zeros(numbers: Array, depth: int) -> Array:
    """Return the numbers whose hashes begin with `depth` zeros."""
    if not depth:
        return numbers
    hashes = numbers.astype(np.float64).view(np.uint64) * _ODD
    found: Array = numbers[hashes >> np.uint64(64 - depth) == 0]
    return found


class NumberFacts(NamedTuple):
    """Facts about a column of numbers.

    Attributes
    ----------
    rows, gaps : int
        Number of rows, and of those whose number is missing.
    dtype : dtype
        Dtype of the numbers.
    same : bool
        Whether all rows have the same number.
    first, last : int or float, or None
        Number of the first and of the last row; None if it is not finite or not whole.
    step : int or None
        Difference of each two neighbouring rows if it is the same everywhere and not 0; 0 for one row.
    keys : Keys or None
        Numbers of a column with the name of an identifier; None for other columns, or if not all are whole.
    """

    rows: int
    gaps: int
    dtype: Any
    same: bool
    first: float | None = None
    last: float | None = None
    step: int | None = None
    keys: Keys | None = None

    @classmethod
    def of(cls, array: Array, *, named: bool) -> NumberFacts:
        """Return those of a column (m,) of real numbers; `named` is whether it has the name of an identifier."""
        m, is_float = len(array), array.dtype.kind == "f"
        gaps = int(np.count_nonzero(np.isnan(array))) if is_float else 0
        if gaps or not m:
            return cls(m, gaps, array.dtype, False)
        first, last = array[0].item(), array[-1].item()
        same = bool(array[m // 2] == array[0] == array[-1] and (array == array[0]).all())
        step = _step(array)
        keys = Keys.of(array) if named and (step is not None or are_whole(array)) else None
        return cls(m, gaps, array.dtype, same, first, last, step, keys)

    @classmethod
    def missing(cls, rows: int) -> NumberFacts:
        """Return those of a column in which all numbers are missing."""
        return cls(rows, rows, np.dtype(np.float64), False)

    @property
    def all_different(self) -> bool:
        """Whether numbers are evenly spaced in row order, or have the name of an identifier and are all different."""
        if self.gaps or self.dtype.kind == "b":
            return False
        return bool(self.step) or (self.keys is not None and self.keys.different)

    def joined(self, other: NumberFacts) -> NumberFacts:
        """Return those of the rows of both columns, in this order."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        dtype = np.result_type(self.dtype, other.dtype)
        gaps, rows = self.gaps + other.gaps, self.rows + other.rows
        if gaps:
            return NumberFacts(rows, gaps, dtype, False)
        keys = None
        if self.keys is not None and other.keys is not None:
            keys = self.keys.joined(other.keys)
        same = self.same and other.same and self.first == other.first
        return NumberFacts(rows, 0, dtype, same, self.first, other.last, self._step_with(other), keys)

    def _step_with(self, other: NumberFacts) -> int | None:
        """Return the step of the rows of both columns."""
        if self.step is None or other.step is None or self.last is None or other.first is None:
            return None
        gap = int(other.first) - int(self.last)
        steps = {gap} | {part.step for part in (self, other) if part.rows > 1}
        return gap if gap and len(steps) == 1 else None


def are_whole(array: Array) -> bool:
    """Whether all numbers of an array are finite and whole."""
    return array.dtype.kind != "f" or bool((np.isfinite(array) & (array == np.rint(array))).all())


def _step(array: Array) -> int | None:
    """Return the difference of each two neighbouring whole numbers if it is the same and not 0; 0 for one number."""
    ends = array[[0, min(1, len(array) - 1), -1]]
    if not are_whole(ends):
        return None
    first, second, last = map(int, ends.tolist())
    if len(array) == 1:
        return 0
    step = second - first
    if not step or last - first != step * (len(array) - 1) or not are_whole(array):
        return None
    steps = np.diff(array)  # of integers, modulo the range of their dtype
    return step if array.dtype.kind != "b" and (steps == steps[0]).all() else None
