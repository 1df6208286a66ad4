"""Columns of values that repeat by the number of rows of each value, without the order of the rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import column_types
from .column_facts import MOST_LEVELS


class Counted(NamedTuple):
    """Number of rows of each distinct value of a column.

    Attributes
    ----------
    rows, present : int
        Number of rows, and of those with a value.
    counts : dict or None
        Number of rows of each value that is not missing; None for more than `MOST_LEVELS` values.
    dtype : dtype or None
        Dtype of the column if it is one of numbers; None for objects.
    decimals : bool
        Whether values that are not counted are decimal numbers written as text.
    """

    rows: int
    present: int
    counts: dict[Any, int] | None
    dtype: Any = None
    decimals: bool = False

    @classmethod
    def missing(cls, rows: int) -> Counted:
        """Return that of a column in which all values are missing."""
        return cls(rows, 0, {})

    def joined(self, other: Counted) -> Counted:
        """Return those of the rows of both columns; beyond `MOST_LEVELS` values, without their counts."""
        rows, present, dtype = self.rows + other.rows, self.present + other.present, None
        if self.dtype is not None and other.dtype is not None:
            dtype = np.result_type(self.dtype, other.dtype)
        if self.counts is None or other.counts is None:
            return Counted(rows, present, None, dtype, self.are_decimals and other.are_decimals)
        counts = dict(self._as(dtype))
        for value, n in other._as(dtype).items():
            counts[value] = counts.get(value, 0) + n
        return Counted(rows, present, counts, dtype).limited()

    @property
    def are_decimals(self) -> bool:
        """Whether the values are decimal numbers written as text."""
        return self.decimals if self.counts is None else column_types.are_decimals(self.counts)

    def limited(self) -> Counted:
        """Return this without its counts if there are more than `MOST_LEVELS` values."""
        return self if len(self.counts or ()) <= MOST_LEVELS else self.dropped()

    def dropped(self) -> Counted:
        """Return this without its counts."""
        return self._replace(counts=None, decimals=self.are_decimals)

    def _as(self, dtype: Any) -> dict[Any, int]:
        """Return the counts with numbers in another dtype."""
        assert self.counts is not None
        if dtype is None or self.dtype is None or dtype.kind == self.dtype.kind:
            return self.counts
        plain = {"b": bool, "i": int, "u": int, "f": float}[dtype.kind]
        return {plain(value): n for value, n in self.counts.items()}
