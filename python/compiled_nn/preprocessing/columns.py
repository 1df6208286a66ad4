"""The columns of a mixed table: what is learned of numbers and of categories, and the numbers that each becomes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..data.arrays import Array


@dataclass(frozen=True)
class Numeric:
    """A column of numbers.

    Attributes
    ----------
    name : str or None
    mean : float
        Of what is not missing, 0 where all is; it stands for what is.
    indicator : bool
        Whether another column tells where numbers are missing: they were in the X of fit.
    """

    name: str | None
    mean: float
    indicator: bool

    @classmethod
    def learned(cls, column: Array, name: str | None, where: str) -> Numeric:
        """Learn from a column (m,); `where` is what an error calls it."""
        numbers = _numbers(column, where)
        gaps = np.isnan(numbers)
        mean = numbers[~gaps].mean(dtype=np.float64) if not gaps.all() else 0.0
        return cls(name, float(mean), bool(gaps.any()))

    def filled(self, column: Array, where: str) -> tuple[Array, Array]:
        """Return the numbers (m,), float32 or float64, the mean in place of missing ones; and which those are."""
        numbers = _numbers(column, where)
        gaps = np.isnan(numbers)
        return np.where(gaps, numbers.dtype.type(self.mean), numbers) if gaps.any() else numbers, gaps

    def to_config(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        return {"name": self.name, "mean": self.mean, "indicator": self.indicator}


@dataclass(frozen=True)
class Categorical:
    """A column of categories.

    Attributes
    ----------
    name : str or None
    categories : tuple of str, or of numbers
        Those with a column of their own, sorted.
    rare : bool
        Whether one more column is for rare and unknown ones.
    """

    name: str | None
    categories: tuple[Any, ...]
    rare: bool

    @property
    def width(self) -> int:
        """Columns that it becomes."""
        return len(self.categories) + self.rare

    @classmethod
    def learned(cls, column: Array, name: str | None, where: str, min_frequency: float | None) -> Categorical:
        """Learn from a column (m,); categories in fewer rows than `min_frequency`, or a smaller share, are rare."""
        counts = Counter(_present(column))
        _check_categories(list(counts), where)
        least: float = min_frequency or 0
        if 0 < least < 1:
            least *= len(column)
        frequent = sorted(category for category, rows in counts.items() if rows >= least)
        return cls(name, tuple(frequent), rare=len(frequent) < len(counts))

    def codes(self, column: Array, where: str) -> Array:
        """Return which of its columns each row (m,) has; -1 for none."""
        codes = {category: code for code, category in enumerate(self.categories)}
        if codes:
            text = isinstance(self.categories[0], str)
            strangers = (value for value in _present(column) if isinstance(value, (str, bytes)) != text)
            if (stranger := next(strangers, None)) is not None:
                raise TypeError(
                    f"{where} holds {stranger!r}; in fit it held {'text' if text else 'numbers'}."
                )
        values = (
            -1 if is_missing(value) else codes.get(value, len(codes) if self.rare else -1)
            for value in column.tolist()
        )
        return np.fromiter(values, dtype=np.int64, count=len(column))

    def to_config(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        return {"name": self.name, "categories": list(self.categories), "rare": self.rare}


def restored(config: object) -> Numeric | Categorical:
    """Return the column that ``to_config`` describes; a ValueError or TypeError when it describes none."""
    categorical = isinstance(config, dict) and "categories" in config
    names = ("name", "categories", "rare") if categorical else ("name", "mean", "indicator")
    fields: dict[str, Any] = checks.fields("a column of the encoder", config, names)
    if fields["name"] is not None and not isinstance(fields["name"], str):
        raise ValueError("the name of a column is not a str")
    if not categorical:
        checks.real("the encoder", "mean", fields["mean"])
        checks.flag("the encoder", "indicator", fields["indicator"])
        return Numeric(**fields)
    categories = fields["categories"]
    if not isinstance(categories, list):
        raise ValueError("categories is not a list")
    _check_categories(categories, "the encoder")
    if any(not low < high for low, high in pairwise(categories)):
        raise ValueError("categories are not sorted, or not distinct")
    checks.flag("the encoder", "rare", fields["rare"])
    return Categorical(**{**fields, "categories": tuple(categories)})


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None or NaN."""
    return value is None or (isinstance(value, float) and value != value)


def holds_text(column: Array) -> bool:
    """Whether a column holds any text."""
    if column.dtype.kind == "O":
        return any(isinstance(value, (str, bytes)) for value in column)
    return column.dtype.kind in "UST"


def _present(column: Array) -> list[Any]:
    return [value for value in column.tolist() if not is_missing(value)]


def _numbers(column: Array, where: str) -> Array:
    """Return a column of numbers as floats, with NaN for what is missing."""
    if column.dtype.kind == "O":
        column = np.array([np.nan if is_missing(value) else value for value in column], dtype=object)
    numbers = arrays.real(column, where)
    if np.isinf(numbers).any():
        raise ValueError(f"{where} contains infinity: row {int(np.argmax(np.isinf(numbers)))}.")
    return numbers


def _check_categories(categories: list[Any], where: str) -> None:
    """Refuse categories that cannot be compared, or that a file could not hold."""
    texts = sum(isinstance(category, str) for category in categories)
    if 0 < texts < len(categories):
        raise TypeError(f"{where} mixes text with other categories; all must be of one type.")
    for category in categories:
        if not isinstance(category, (str, int, float)) or category in (np.inf, -np.inf):
            raise TypeError(
                f"{where} holds {category!r}; categories are text, integers, booleans or finite numbers."
            )
        if isinstance(category, str) and len(category) > arrays.LONGEST_LABEL:
            raise ValueError(
                f"{where} has a category of {len(category)} characters; the longest allowed has"
                f" {arrays.LONGEST_LABEL}."
            )
