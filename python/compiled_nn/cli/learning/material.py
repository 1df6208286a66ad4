"""DATA of train: the rows with their targets, how they are held out, and what each column of a table is for."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.errors import count
from ...data.column_types import Word
from ...data.table import Table
from ...datasets import iter_table, read_table
from ...losses import LOSSES
from ..support import values
from ..support.arguments import reading_options
from ..support.terminal import UsageError
from ..tables import inputs
from ..tables.batches import in_data
from ..tables.columns import Name, named
from ..tables.source import Source
from . import targets
from .splits import Part, Rule

_WORDS: Mapping[str, Word] = {
    "categorical": "category",
    "numeric": "number",
    "date": "date",
    "ignore": "ignore",
}
_ROLES = {"time": "time of the rows", "group": "group of the rows", "weight": "weight of the rows"}
_FEWEST_GROUPS = 3

_Place = Callable[[int], str]  # place in the file of a row of the table


@dataclass(frozen=True)
class Columns:
    """Columns of a table.

    Attributes
    ----------
    target : (str or None, int)
        Name of the target, None without a header, and its index.
    words : dict
        Types of columns for the network, by name or, without a header, by index.
    left_out : dict
        Reasons by the names of columns that are left out because an option says so.
    roles : dict
        Names of the columns of --time, --group and --weight, by the name of the option.
    n_without_target : int
        Number of rows without a target, which are left out.
    date_formats : dict
        Formats of dates by the name of the column.
    """

    target: tuple[str | None, int]
    words: dict[Name, Word]
    left_out: dict[Name, str]
    roles: dict[str, Name]
    n_without_target: int = 0
    date_formats: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """Data before they are split.

    Attributes
    ----------
    name : str
        Name of the data.
    rows : Part
        Rows that may be trained on.
    own_test : Part or None
        Test part of the data set itself.
    classifies : bool
        Whether the targets are classes.
    rule : Rule
        How rows are held out.
    class_names : tuple of str
        Names of the classes; () if they are not known.
    input_scale : float
        Factor of the features.
    columns : Columns or None
        Columns of a table; None for arrays.
    """

    name: str
    rows: Part
    own_test: Part | None
    classifies: bool
    rule: Rule
    class_names: tuple[str, ...] = ()
    input_scale: float = 1.0
    columns: Columns | None = None

    @cached_property
    def classes(self) -> NDArray[Any]:
        """Sorted labels of all rows."""
        return np.unique(self.rows.y)


def load(options: Namespace) -> Material:
    """Return the material of DATA.

    Raises
    ------
    UsageError
        An option applies only to another kind of data.
    OSError, ValueError
        The data cannot be read, or cannot be learned.
    """
    source = inputs.source_of(options)
    if source is not None and source.kind == "table":
        return _of_table(source, options)
    for option in (*_WORDS, *_ROLES):
        if getattr(options, option):
            raise UsageError(
                f"--{option} applies only to tables, and DATA is {options.data!r}; omit --{option}"
            )
    return _of_arrays(options, source)


# ---- arrays


def _of_arrays(options: Namespace, source: Source | None) -> Material:
    data = inputs.arrays(options, source)
    classifies = targets.is_classification(data.y_train, options.task, options.loss)
    if classifies:
        labels = [
            inputs.class_labels(y) if len(y) else y for y in (data.y_train, data.y_validation, data.y_test)
        ]
        if any(y is None for y in labels):
            raise ValueError(
                f"the target has shape {data.y_train.shape} and is not one-hot, but classification needs one label "
                "per row; for several values per row, give --task regression"
            )
        parts = dict(zip(("y_train", "y_validation", "y_test"), labels, strict=True))
        data = replace(data, **parts)  # type: ignore[arg-type]
    has_test = options.test_fraction is None and len(data.X_test) > 0
    rows = Part(data.X_train, data.y_train) if has_test else Part(data.X, data.y)
    targets.check_kind(rows.y, classifies)
    return Material(
        data.name,
        rows,
        Part(data.X_test, data.y_test) if has_test else None,
        classifies,
        Rule(rows.y if classifies else None),
        data.class_names,
        data.input_scale,
    )


# ---- tables


class _Choices(NamedTuple):
    """Columns that the options name, by their names in the file; and all names, if there are such options."""

    words: dict[Name, Word]
    roles: dict[str, Name]
    names: Sequence[Name] = ()

    def is_read(self, name: Name) -> bool:
        """Whether the values of a column are used."""
        return self.words.get(name) != "ignore" and not self.left_out(name)

    def left_out(self, name: Name) -> bool:
        """Whether a column is only for --time, --group or --weight."""
        return name in self.roles.values() and name not in self.words


def _of_table(source: Source, options: Namespace) -> Material:
    place, reading = source.place, reading_options(options)
    choices = _Choices({}, {})
    if any(getattr(options, option) for option in (*_WORDS, *_ROLES)):
        if not isinstance(place, str):
            place = io.BytesIO(_content(place, source.path, inputs.limit_of(options)))
        choices = _chosen(options, next(iter_table(place, batch_rows=1, **reading)).column_names)
        if not isinstance(place, str):
            place.seek(0)
    # Columns without names keep their places: they are read, and the network leaves them out.
    words = {name: word for name, word in choices.words.items() if word != "ignore" or isinstance(name, str)}
    table = read_table(place, column_types=words, **reading)
    target = _target(options, table, choices)
    n_all = len(table)
    table, numbers = targets.present(table, target)

    def place_of(row: int) -> str:
        return source.place_of(int(numbers[row]), reading)

    y, classifies = targets.of_table(table[target], target, options.task, options.loss)
    roles = (_role(table, option, choices, place_of) for option in ("time", "group"))
    rule = Rule(y if classifies else None, *roles)
    if len(table.column_names) < 2:
        raise ValueError(f"{source.path} has no column besides the target {target!r}")
    X = table.drop(target)
    _check_numbers(table, target, choices, options.dtype, place_of)
    if options.loss is not None and not classifies:
        with in_data(source.path, numbers, lambda row: source.place_of(row, reading)):
            LOSSES[options.loss].check_values(y.reshape(-1, 1))
    network_words = {name: word for name, word in choices.words.items() if name in X.column_names}
    network_words |= {name: "ignore" for name in choices.roles.values() if choices.left_out(name)}
    if isinstance(target, int):
        network_words = {X.column_names.index(name): word for name, word in network_words.items()}
        X = Table(dict(enumerate(X.to_dict().values())))
    targets.note_missing(n_all - len(table), target)
    columns = Columns(
        (target if isinstance(target, str) else None, table.column_names.index(target)),
        network_words,
        _left_out(choices),
        choices.roles,
        n_all - len(table),
        _date_formats(table),
    )
    rows = Part(X, y, _weights(table, choices, place_of))
    material = Material(source.stem, rows, None, classifies, rule, columns=columns)
    if classifies:
        targets.note_spelling(material.classes)
    return material


def _check_numbers(table: Table, target: Name, choices: _Choices, dtype: str, place_of: _Place) -> None:
    """Raise a ValueError for numbers that are infinite, or too large for the numbers of the network."""
    largest = float(np.finfo(dtype).max)
    for name in table.column_names:
        if not choices.is_read(name) or table[name].dtype.kind != "f":
            continue
        remedy = "correct it" if name == target else f"correct it, omit the column with --ignore {name}"
        _refuse(np.isinf(table[name]), f"the column {name!r} has an infinite number", remedy, place_of)
        if name != target:
            what = f"the column {name!r} has a number beyond {largest:.1e}, the largest of {dtype},"
            _refuse(np.abs(table[name]) > largest, what, remedy, place_of)


def _content(pipe: BinaryIO, name: str, max_bytes: int) -> bytes:
    """Return the content of a pipe, which is read twice: first for the names of its columns."""
    content = pipe.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(
            f"{name}: the content has more than {max_bytes} bytes, which is --max-bytes. If it is to be trusted, give "
            "a larger --max-bytes"
        )
    return content


def _chosen(options: Namespace, names: Sequence[Name]) -> _Choices:
    """Return the columns that the options name."""
    words: dict[Name, Word] = {}
    by: dict[Name, str] = {}
    for option, word in _WORDS.items():
        for name in _resolved(option, getattr(options, option), names):
            if name in words and words[name] != word:
                raise UsageError(
                    f"--{by[name]} and --{option} both name the column {name!r}; omit one of them"
                )
            words[name], by[name] = word, option
    roles: dict[str, Name] = {}
    for option in _ROLES:
        given = getattr(options, option)
        if given is None:
            continue
        (name,) = _located(option, [given], names)
        if name in roles.values() or words.get(name) == "ignore":
            raise UsageError(f"--{option} names the column {name!r}, which another option names as well")
        roles[option] = name
    return _Choices(words, roles, names)


def _resolved(option: str, texts: Sequence[str] | None, names: Sequence[Name]) -> list[Name]:
    """Return the columns of an option: each text is one name, or several, separated by commas as in a CSV file."""
    found: list[Name] = []
    for text in texts or ():
        each = (
            [text]
            if text in names
            else [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True))]
        )
        found += _located(option, [values.column(cell) for cell in each if cell], names)
    return found


def _located(option: str, given: Sequence[Name], names: Sequence[Name]) -> list[Name]:
    try:
        return [named(name, names) for name in given]
    except ValueError as error:
        raise ValueError(f"--{option}: {error}") from error


def _target(options: Namespace, table: Table, choices: _Choices) -> Name:
    given = -1 if options.target is None else options.target
    # A number counts all columns of the file, also those that are not read.
    (target,) = _located("target", [given], choices.names or table.column_names)
    if choices.words.get(target) == "ignore":
        raise UsageError(
            f"the column {target!r} cannot be the target, because --ignore names it; name another one"
        )
    if target in choices.roles.values():
        raise UsageError(f"the column {target!r} cannot be the target and have another use; name another one")
    return target


def _role(table: Table, option: str, choices: _Choices, place_of: _Place) -> NDArray[Any] | None:
    """Return the column of --time or --group."""
    if option not in choices.roles:
        return None
    name = choices.roles[option]
    column = table[name]
    what = f"the column {name!r} of --{option} has no value"
    _refuse(targets.missing_rows(column), what, "fill it in", place_of)
    if option == "time" and column.dtype.kind not in "biufM":
        raise ValueError(
            f"the column {name!r} of --time is text, such as {column[0]!r}, and has no order; it must have dates or "
            "numbers: give --date-format if its values are dates"
        )
    n_different = len(set(column.tolist()))
    if option == "group" and n_different < _FEWEST_GROUPS:
        raise ValueError(
            f"the column {name!r} of --group has {count(n_different, 'different value')}; at least "
            f"{_FEWEST_GROUPS} are needed, to train, to stop early and to test with; omit --group"
        )
    return column


def _weights(table: Table, choices: _Choices, place_of: _Place) -> NDArray[np.float64] | None:
    """Return the column of --weight."""
    if "weight" not in choices.roles:
        return None
    name = choices.roles["weight"]
    column, title = table[name], f"the column {name!r} of --weight"
    if column.dtype.kind not in "biuf":
        raise ValueError(f"{title} is not a column of numbers; its first value is {column[0]!r}")
    _refuse(targets.missing_rows(column), f"{title} has no value", "fill it in", place_of)
    wrong = ~(np.isfinite(column) & (column >= 0))
    _refuse(wrong, f"{title} is negative or infinite", "correct it", place_of)
    if not column.any():
        raise ValueError(f"{title} is 0 in all rows; some must have a weight above 0")
    return column.astype(np.float64)


def _refuse(wrong: NDArray[np.bool_], what: str, remedy: str, place_of: _Place) -> None:
    """Raise a ValueError that names the first of the wrong rows, if there are any."""
    if wrong.any():
        first = place_of(int(np.argmax(wrong)))
        rows = f"{int(wrong.sum()):,} of {len(wrong):,} rows, the first of which is {first}"
        raise ValueError(f"{what} in {rows}; {remedy}, or leave these rows out")


def _left_out(choices: _Choices) -> dict[Name, str]:
    """Return the reasons for which the options leave columns out."""
    reasons: dict[Name, str] = {name: "ignored" for name, word in choices.words.items() if word == "ignore"}
    roles = choices.roles.items()
    return reasons | {name: _ROLES[option] for option, name in roles if choices.left_out(name)}


def _date_formats(table: Table) -> dict[str, str]:
    """Return the formats of dates that were detected, by the name of the column as text."""
    reading = getattr(table, "reading", None) or {}
    return {str(name): text for name, text in reading.get("date_format", {}).items()}
