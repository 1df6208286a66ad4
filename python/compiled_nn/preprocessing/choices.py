"""Parameters of Tabular, and the type of each column that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from ..common import checks
from ..common.errors import CompiledNNWarning, count, did_you_mean, warn
from ..common.text import printable, short
from ..data import column_types, dates
from ..data.coded import Array, Coded
from ..data.column_types import ColumnType, Word

Columns: TypeAlias = list[int] | list[str] | list[int | str] | tuple[int | str, ...] | Array
Features: TypeAlias = Literal["auto"] | Columns  # indices or names of columns
Types: TypeAlias = Mapping[int, Word] | Mapping[str, Word] | Mapping[int | str, Word]
IGNORED = ColumnType("ignore", "ignored by column_types")
_LISTED = 5  # names in a message


def categorical(features: object) -> tuple[int | str, ...] | Literal["auto"]:
    """Return the checked parameter `categorical_features`, with a sequence as a tuple of Python ints and strs."""
    message = (
        "The 'categorical_features' parameter must be 'auto' or a sequence of column indices >= 0 and names."
        f" Got {short(features)} instead."
    )
    if isinstance(features, str):
        if features != "auto":
            raise ValueError(message)
        return "auto"
    if not isinstance(features, (list, tuple, np.ndarray)):
        raise TypeError(message)
    plain = tuple(feature.item() if isinstance(feature, np.generic) else feature for feature in features)
    if not all(type(feature) in (int, str) for feature in plain):
        raise TypeError(message)
    if any(isinstance(feature, int) and feature < 0 for feature in plain):
        raise ValueError(message)
    return plain


def frequency(least: object) -> float | None:
    """Return the checked parameter `min_frequency`: a number of rows, a share below 1, or None."""
    if least is None:
        return None
    if isinstance(least, float):
        return checks.real("Tabular", "min_frequency", least, above=0, below=1)
    return checks.integer("Tabular", "min_frequency", least, minimum=1)


def typed(types: object) -> tuple[tuple[int | str, Word], ...] | None:
    """Return the checked parameter `column_types` as pairs, in which files store it; None if it has none."""
    if types is None:
        return None
    message = (
        "The 'column_types' parameter must be a dict of column names or indices >= 0 to one of"
        f" {', '.join(map(repr, column_types.WORDS))}, or None. Got {short(types)} instead."
    )
    if not isinstance(types, (Mapping, list, tuple)):
        raise TypeError(message)
    pairs = list(types.items()) if isinstance(types, Mapping) else list(types)
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise TypeError(message)
    found: dict[int | str, Word] = {}
    for key, word in pairs:
        column = key.item() if isinstance(key, np.generic) else key
        if type(column) not in (int, str):
            raise TypeError(message)
        if not isinstance(word, str) or word not in column_types.WORDS:
            hint = did_you_mean(word, column_types.WORDS)
            raise (ValueError if isinstance(word, str) else TypeError)(
                f"column_types[{short(column)}] is {short(word)}; it must be one of"
                f" {', '.join(map(repr, column_types.WORDS))}.{hint}"
            )
        if isinstance(column, int) and column < 0:
            raise ValueError(message)
        if column in found:
            raise ValueError(f"column_types has the column {column!r} twice.")
        found[column] = word
    return tuple(found.items()) or None


def check_contradictions(features: object, types: Iterable[tuple[int | str, Word]]) -> None:
    """Raise a ValueError for a column that `features` lists and `types` calls anything but a category."""
    listed = () if isinstance(features, str) else tuple(features)  # type: ignore[arg-type]
    for column, word in types:
        if column in listed and word != "category":
            raise ValueError(
                f"{column!r} is in categorical_features, but column_types[{column!r}] is {word!r}. Leave the column"
                " out of one of them."
            )


def words(
    names: Sequence[str] | None,
    n_columns: int,
    features: tuple[int | str, ...] | Literal["auto"],
    types: Mapping[int | str, Word],
) -> dict[int, Word]:
    """Return the types that the user states, by the index of the column.

    Parameters
    ----------
    names : sequence of str, or None
        Names of the columns.
    n_columns : int
        Number of columns.
    features, types
        Parameters `categorical_features` and `column_types`, checked.

    Raises
    ------
    ValueError
        If a parameter names a column that X does not have, or both contradict each other.
    """
    listed = () if features == "auto" else features
    chosen = {_index("categorical_features", column, names, n_columns): column for column in listed}
    found = {_index("column_types", column, names, n_columns): word for column, word in types.items()}
    check_contradictions(chosen, found.items())
    return {**dict.fromkeys(chosen, "category"), **found}


def column_type(
    column: Array | Coded,
    word: Word | None,
    name: str | None,
    features: object,
    *,
    plain: bool,
    categories: bool,
) -> ColumnType:
    """Return the type of a column (m,).

    Parameters
    ----------
    column : ndarray or Coded (m,)
        Values.
    word : {"number", "category", "date"} or None
        Type that the user states; None if there is none.
    name : str or None
        Name.
    features : "auto" or tuple
        Parameter `categorical_features`, checked.
    plain : bool
        Whether it is a column of an array that is not one of objects, which is never left out.
    categories : bool
        Whether it has a categorical dtype.
    """
    if word is not None:
        return ColumnType(word)
    if features != "auto":
        return ColumnType("date" if dates.holds_dates(column) else "number")
    if not plain:
        return column_types.infer(column, name, categories=categories)
    if dates.holds_dates(column):
        return ColumnType("date")
    return ColumnType("category" if column_types.holds_text(column) else "number")


def _index(parameter: str, column: int | str, names: Sequence[str] | None, k: int) -> int:
    """Return the index of a column that a parameter gives by its name or index."""
    if isinstance(column, str):
        if names is None or column not in names:
            hint = did_you_mean(column, names or ())
            raise ValueError(f"{parameter} has {column!r}; X has no column of that name.{hint}")
        return list(names).index(column)
    if column >= k:
        raise ValueError(f"{parameter} has column {column}, counted from 0; X has {count(k, 'column')}.")
    return column


def announce(left_out: Sequence[tuple[str | int, ColumnType]], *, all_columns: bool) -> None:
    """Warn about columns that are left out, except those that `column_types` ignores.

    Raises
    ------
    ValueError
        If they are all columns of X.
    """
    if all_columns:
        raise ValueError(
            f"X has no column to learn from: {_listed(left_out)}. Pass column_types with 'number', 'category' or 'date'"
            " for the columns to use."
        )
    noted = [(name, kind) for name, kind in left_out if kind.kind != "ignore"]
    if not noted:
        return
    many = len(noted) > 1
    ignored = ", ".join(f"{name!r}: 'ignore'" for name, _ in noted[:_LISTED])
    ignored += ", ..." if len(noted) > _LISTED else ""
    warn(
        f"{count(len(noted), 'column')} of X {'are' if many else 'is'} left out: {_listed(noted)}. Pass"
        f" column_types={{{ignored}}} to leave {'them' if many else 'it'} out without this warning, or 'number',"
        f" 'category' or 'date' to use {'them' if many else 'it'}.",
        CompiledNNWarning,
    )


def announce_decimals(columns: Sequence[tuple[str | int, str]]) -> None:
    """Warn about columns of text that are taken as categories although it is decimal numbers; each with one of them."""
    if not columns:
        return
    many = len(columns) > 1
    shown = ", ".join(f"{printable(repr(name))} (such as {text!r})" for name, text in columns[:_LISTED])
    more = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    stated = ", ".join(f"{name!r}: 'category'" for name, _ in columns[:_LISTED]) + (", ..." if more else "")
    warn(
        f"{count(len(columns), 'column')} of X {'have' if many else 'has'} decimal numbers written as text, which are"
        f" taken as categories: {shown}{more}. Convert {'them' if many else 'it'} to numbers, for example with"
        f" pandas.to_numeric, or pass column_types={{{stated}}} to use categories without this warning.",
        CompiledNNWarning,
    )


def _listed(left_out: Sequence[tuple[str | int, ColumnType]]) -> str:
    """Return names with reasons."""
    shown = [f"{printable(repr(name))} ({printable(kind.reason)})" for name, kind in left_out[:_LISTED]]
    more = f" and {len(left_out) - _LISTED} more" if len(left_out) > _LISTED else ""
    return ", ".join(shown) + more
