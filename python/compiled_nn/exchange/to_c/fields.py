"""Inputs of the C function: one number for each column of X, several for a date, none for a column that is left out.

(a) A number is itself, NAN if it is missing. A category that is text is its index in the list of categories, -1 for
    any other, NAN if it is missing; a category that is a number is itself. A date is its parts, the first of which is
    NAN if it is missing.
(b) `encode` computes what the C code does: the numbers minus their `offsets`, then the indicators of missing ones; and
    for each column of categories the row of the first layer's table that is added, -1 for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.arrays import Array
from ...preprocessing.columns import Categorical, LeftOut, Numeric
from ...preprocessing.dates import Date

if TYPE_CHECKING:
    from ..description import Description


_FAR = 1e-6  # rounding error of a mean, in standard deviations, from which it has an offset


@dataclass(frozen=True)
class Field:
    """Column of X as inputs of the C function.

    Attributes
    ----------
    title : str
        Name of the column.
    start : int
        Index of its first input.
    column : Numeric, Categorical, Date or None
        Fitted encoder; None for numbers of which none may be missing.
    place : int
        Index of its first number; for categories, its first row in the table.
    indicator : int
        Index of the indicator of missing numbers; -1 if there is none.
    """

    title: str
    start: int
    column: Numeric | Categorical | Date | None
    place: int
    indicator: int = -1

    @property
    def width(self) -> int:
        """Number of inputs."""
        return len(self.column.parts) if isinstance(self.column, Date) else 1

    @property
    def is_text(self) -> bool:
        """Whether the input is the index of a category."""
        column = self.column
        return isinstance(column, Categorical) and not (
            column.categories and not isinstance(column.categories[0], str)
        )

    @property
    def other(self) -> int:
        """Row of the table for unknown categories; -1 for none."""
        assert isinstance(self.column, Categorical)
        return self.place + len(self.column.categories) if self.column.rare else -1


@dataclass(frozen=True, eq=False)
class Fields:
    """Inputs of the C function.

    Attributes
    ----------
    fields : tuple of Field
        Columns, in order.
    n_inputs : int
        Number of inputs.
    n_numbers : int
        Number of dense numbers after encoding: numbers, parts of dates and indicators.
    n_categories : int
        Number of columns of 0 and 1 after encoding: rows of the table.
    offsets : ndarray (n_numbers,) of float64
        Numbers that the dtype represents, and that are subtracted first: for columns whose mean, which replaces missing
        numbers, is far from 0, so that it would be rounded.
    """

    fields: tuple[Field, ...]
    n_inputs: int
    n_numbers: int
    n_categories: int
    offsets: Array

    @property
    def categorical(self) -> list[Field]:
        """Columns of categories."""
        return [field for field in self.fields if isinstance(field.column, Categorical)]


def fields_of(description: Description, dtype: str) -> Fields:
    """Return the inputs; ValueError for a column that the C function cannot take."""
    titles = description.titles
    if description.columns is None:
        n = description.n_columns
        return Fields(tuple(Field(titles[i], i, None, i) for i in range(n)), n, n, 0, np.zeros(n))
    columns = [
        (title, column)
        for title, column in zip(titles, description.columns, strict=True)
        if not isinstance(column, LeftOut)
    ]
    n_plain = sum(_n_numbers(column) for _, column in columns)
    found, start, place, indicator, row = [], 0, 0, n_plain, 0
    for title, column in columns:
        if isinstance(column, Categorical):
            _check_categories(title, column, dtype)
            field = Field(title, start, column, row)
            row += column.width
        else:
            assert not isinstance(column, LeftOut)
            if isinstance(column, Date) and not column.parts:
                raise ValueError(
                    f"All dates of the column {title!r} were missing during fit; C has no input for it. Leave it out"
                    " of X."
                )
            field = Field(title, start, column, place, indicator if column.indicator else -1)
            place += column.n_numbers
            indicator += column.indicator
        found.append(field)
        start += field.width
    offsets = np.zeros(indicator)
    centre, spread = description.centre[:n_plain], description.spread[:n_plain]
    far = np.abs(centre) * np.finfo(dtype).eps > _FAR * spread
    offsets[:n_plain] = np.where(far, centre, 0.0).astype(dtype)
    return Fields(tuple(found), start, indicator, row, offsets)


def _n_numbers(column: Any) -> int:
    return 0 if isinstance(column, Categorical) else int(column.n_numbers)


def _check_categories(title: str, column: Categorical, dtype: str) -> None:
    """Raise ValueError for categories that the dtype rounds."""
    if not column.categories or isinstance(column.categories[0], str):
        return
    for category in column.categories:
        if float(np.dtype(dtype).type(category)) != category:
            raise ValueError(
                f"Column {title!r} has the category {category!r}, which {dtype} rounds. Convert the column to text and"
                " fit the model again, or export with dtype='float64'."
            )


def rows(fields: Fields, columns: Sequence[Array], left_out: Sequence[bool], dtype: str) -> Array:
    """Return the inputs (m, n_inputs) of the C function for columns of X, as `Probe.columns` has them."""
    used = [values for values, skip in zip(columns, left_out, strict=True) if not skip]
    found: list[Any] = []
    for field, values in zip(fields.fields, used, strict=True):
        column = field.column
        if isinstance(column, Date):
            parts, gaps = column.fill(values, f"column {field.title!r}")
            found += [np.where(gaps, np.nan, part) for part in parts]
        elif isinstance(column, Categorical):
            index = {category: i for i, category in enumerate(column.categories)} if field.is_text else None
            found.append([_input(value, index) for value in values.tolist()])
        else:
            found.append(values)
    return np.stack([np.asarray(each, np.float64) for each in found], axis=1).astype(dtype)


def _input(value: Any, index: dict[Any, int] | None) -> float:
    """Return the input for a category."""
    if value is None or value != value:
        return float("nan")
    return float(value) if index is None else float(index.get(value, -1))


def encode(fields: Fields, x: Array) -> tuple[Array, Array]:
    """Return the numbers (m, n_numbers) and the rows of the table (m, number of categorical columns) for inputs."""
    numbers = np.zeros((len(x), fields.n_numbers), x.dtype)
    at = np.full((len(x), len(fields.categorical)), -1)
    categories = iter(range(at.shape[1]))
    for field in fields.fields:
        column, value = field.column, x[:, field.start]
        if column is None:
            numbers[:, field.place] = value
            continue
        missing = np.isnan(value)
        if isinstance(column, Categorical):
            known = range(len(column.categories)) if field.is_text else column.categories
            chosen = np.full(len(x), field.other)
            for i, category in enumerate(known):
                chosen[value == x.dtype.type(category)] = field.place + i
            at[:, next(categories)] = np.where(missing, -1, chosen)
            continue
        means = column.means if isinstance(column, Date) else (column.mean,)
        for i, mean in enumerate(means):
            offset = fields.offsets[field.place + i]
            given = x[:, field.start + i] - x.dtype.type(offset)
            numbers[:, field.place + i] = np.where(missing, x.dtype.type(mean - offset), given)
        if field.indicator >= 0:
            numbers[:, field.indicator] = missing
    return numbers, at


def inputs_of(fields: Fields, numbers: Array, at: Array) -> Array:
    """Return inputs (m, n_inputs) that :func:`encode` turns into these numbers, to rounding, and rows of the table."""
    x = np.zeros((len(numbers), fields.n_inputs), numbers.dtype)
    categories = iter(range(at.shape[1]))
    for field in fields.fields:
        column = field.column
        if isinstance(column, Categorical):
            row = at[:, next(categories)]
            known = (
                np.arange(len(column.categories)) if field.is_text else np.array(column.categories, x.dtype)
            )
            values = np.append(known, [unknown_input(field), np.nan])
            x[:, field.start] = values[np.where(row < 0, -1, row - field.place)]
            continue
        for i in range(field.width):
            place = field.place + i
            x[:, field.start + i] = numbers[:, place] + x.dtype.type(fields.offsets[place])
        if field.indicator >= 0:
            x[numbers[:, field.indicator] != 0, field.start] = np.nan
    return x


def unknown_input(field: Field) -> float:
    """Return an input for an unknown category."""
    assert isinstance(field.column, Categorical)
    return -1.0 if field.is_text else max(map(float, field.column.categories)) + 1
