"""Columns of a table for a model: found by name, or by position where the file or the model has no names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...common.errors import count, did_you_mean
from ..support import results, values
from ..support.results import Model
from . import record

Name: TypeAlias = "str | int"  # the columns of a file without a header are named 0, 1, ...

_LISTED = 10  # names in a message


@dataclass(frozen=True)
class Expected:
    """Columns that a model takes.

    Attributes
    ----------
    names : tuple or None
        Names of the columns; None if the model has none.
    types : tuple of {"number", "category", "date", "ignore"}
        How each column is read; "ignore" if the model does not use it.
    has_encoder : bool
        Whether the model takes tables; if not, a model without names takes matrices.
    target : str or None
        Name of the target in training.
    target_column : int or None
        Index of the target in training.
    target_type : {"number", "category"}
        How the target is read.
    date_formats : mapping
        Formats of dates in training, by the name of the column.
    categories : mapping
        Categories of training by the name of the column or, without names, its index; columns with rare categories,
        which the model does not have, are not in it.
    """

    names: tuple[Any, ...] | None
    types: tuple[str, ...]
    has_encoder: bool
    target: str | None
    target_column: int | None
    target_type: str
    date_formats: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[Name, frozenset[Any]] = field(default_factory=dict)

    @classmethod
    def by(cls, net: Model) -> Expected:
        """Return the columns that a network takes."""
        known = record.of(net)
        names = getattr(net, "feature_names_in_", None)
        encoder = getattr(net, "encoder_", None)
        is_text = results.classifies(net) and net.classes_.dtype.kind in "UO"
        return cls(
            None if names is None else tuple(names),
            ("number",) * net.n_features_ if encoder is None else _types(encoder),
            encoder is not None,
            known.target,
            known.target_column,
            "category" if is_text else "number",
            known.date_formats,
            {} if encoder is None else _categories(encoder),
        )

    @property
    def titles(self) -> list[str]:
        """Names of the columns as text; none if the model has no names."""
        return [str(name) for name in self.names or ()]


def _types(encoder: Any) -> tuple[str, ...]:
    """Return how each column of a fitted encoder is read."""
    types = []
    for column, kind in zip(encoder.columns_, encoder.column_types_.values(), strict=True):
        if not kind.used:
            types.append("ignore")
        elif kind.kind == "category" and not any(isinstance(level, str) for level in column.categories):
            types.append("number" if column.categories else "category")
        else:
            types.append(kind.kind)
    return tuple(types)


def _categories(encoder: Any) -> dict[Name, frozenset[Any]]:
    """Return the categories of the columns of a fitted encoder."""
    return {
        name: frozenset(column.categories)
        for column, (name, kind) in zip(encoder.columns_, encoder.column_types_.items(), strict=True)
        if kind.used and kind.kind == "category" and column.categories and not column.rare
    }


@dataclass(frozen=True)
class Choice:
    """Columns of a file that a command reads.

    Attributes
    ----------
    features : mapping
        Names in the file by the names in the model, or by their indices if the model has no names.
    types : mapping
        How each of them, and the target, is read, by the name in the file.
    target : str, int or None
        Name of the target in the file; None if it is not read.
    kept : tuple
        Names of the columns that are copied to the output.
    unused : tuple
        Names of the columns that are not read.
    """

    features: Mapping[Any, Name]
    types: Mapping[Name, str]
    target: Name | None
    kept: tuple[Name, ...]
    unused: tuple[Name, ...]

    @property
    def read(self) -> list[Name]:
        """Names of all columns to read."""
        target = [] if self.target is None else [self.target]
        return list(dict.fromkeys([*self.features.values(), *target, *self.kept]))


def choose(
    cells: Sequence[Name],
    expected: Expected,
    *,
    target: Name | None,
    labels: bool,
    keep: Sequence[str] = (),
) -> Choice:
    """Return the columns of a file that a command reads.

    Parameters
    ----------
    cells : sequence of str or int
        Names of the columns of the file; 0, 1, ... if it has no header.
    expected : Expected
        Columns that the model takes.
    target : str, int or None
        Column of --target.
    labels : bool
        Whether the target is required.
    keep : sequence of str
        Columns of --keep, as texts.

    Raises
    ------
    ValueError
        If a column is missing, or it is not clear which one it is. The message does not name the file.
    """
    has_header = not all(isinstance(cell, int) for cell in cells)
    if expected.names is not None and has_header:
        features, found = _by_name(cells, expected, target, labels)
    else:
        features, found = _by_position(cells, expected, target, labels)
    used = {
        name: cell
        for (name, cell), word in zip(features.items(), expected.types, strict=True)
        if word != "ignore"
    }
    types = {
        cell: word for cell, word in zip(features.values(), expected.types, strict=True) if word != "ignore"
    }
    if not labels:
        found = None
    kept = tuple(dict.fromkeys(name for text in keep for name in several(text, cells)))
    if found is not None:
        types[found] = expected.target_type
    for name in kept:
        types.setdefault(name, "category")  # text as it is written
    taken = {*features.values(), found, *kept}
    unused = tuple(cell for cell in cells if cell not in taken) if has_header else ()
    return Choice(used, types, found, kept, unused)


def named(name: Name, cells: Sequence[Name]) -> Name:
    """Return the name of a column that is given by its name or by its number."""
    if name in cells and isinstance(name, str):
        return name
    if isinstance(name, int):
        if str(name) in cells:
            return str(name)
        if not -len(cells) <= name < len(cells):
            raise ValueError(
                f"there is no column {name}, counted from 0; the file has {count(len(cells), 'column')}"
            )
        return cells[name]
    if isinstance(cells[0], int):
        raise ValueError(
            f"no column is named {name!r}, because the file has no header; give the number of the column, from 0, or "
            "--header if the first line has the names"
        )
    raise ValueError(f"no column is named {name!r}; the columns are {listed(cells)}.{_hint(name, cells)}")


def several(text: str, cells: Sequence[Name]) -> list[Name]:
    """Return the names of columns that are given as one text, separated by commas; a name may contain commas."""
    parts = [text] if text in cells else [part.strip() for part in text.split(",")]
    return [named(values.column(part), cells) for part in parts]


def listed(names: Sequence[Name]) -> str:
    """Return some names for a message."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


# ---- by name


def _by_name(
    cells: Sequence[Name], expected: Expected, target: Name | None, labels: bool
) -> tuple[dict[Any, Name], Name | None]:
    """Return the names in the file by those of the model, and the target."""
    names, titles = expected.names or (), expected.titles
    needed = [title for title, word in zip(titles, expected.types, strict=True) if word != "ignore"]
    _check_present(cells, needed, titles)
    found: Name | None = None
    if target is not None:
        found = named(target, cells)
    elif expected.target is not None:
        found = expected.target if expected.target in cells else None
    elif labels:
        found = cells[-1]
    if labels and found is None:
        others = [cell for cell in cells if cell not in titles]
        raise ValueError(
            f"no column is named {expected.target!r}, the target in training; name the target with --target."
            f"{_hint(expected.target, others)}"
        )
    if found in needed:
        raise ValueError(
            f"column {found!r} cannot be the target, because it is a feature of the model; name the target with "
            "--target"
        )
    return dict(zip(names, titles, strict=True)), found


def _check_present(cells: Sequence[Name], needed: Sequence[str], titles: Sequence[str]) -> None:
    """Raise a ValueError if a column is missing, or has several columns of its name."""
    counts = Counter(cells)
    missing = [name for name in needed if name not in counts]
    if len(missing) == 1:
        others = [cell for cell in cells if cell not in set(titles)]
        raise ValueError(
            f"no column is named {missing[0]!r}, which the model takes.{_hint(missing[0], others)}"
        )
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(needed)} columns that the model takes are missing: {listed(missing)}; the "
            f"file has {listed(cells)}{'; check --delimiter' * (len(cells) == 1)}"
        )
    for name in needed:
        if counts[name] > 1:
            raise ValueError(
                f"{counts[name]} columns are named {name!r}, so that the one to take is not clear; rename one of them"
            )


def _hint(name: object, cells: Sequence[Name]) -> str:
    return did_you_mean(name, [cell for cell in cells if isinstance(cell, str)])


# ---- by position


def _by_position(
    cells: Sequence[Name], expected: Expected, target: Name | None, labels: bool
) -> tuple[dict[Any, Name], Name | None]:
    """Return the names in the file by those of the model, or their indices, and the target."""
    n, width = len(expected.types), len(cells)
    names = expected.names or range(n)
    if width == n and not labels and target is None:
        return dict(zip(names, cells, strict=True)), None
    if width != n + 1:
        takes = f"{n + 1} with the target" if labels else f"{n}, or {n + 1} with the target"
        if expected.names is not None:
            reason = " and no header; a file without a header has as many columns as the model takes"
            remedy = ". Give the file a header, or --header if it has one"
        else:
            reason, remedy = ", and the model has no names of columns, so that they are taken by position", ""
        raise ValueError(f"{count(width, 'column')}{reason}: {takes}{remedy}")
    if target is None:
        target = -1 if expected.target_column is None else expected.target_column
    found = named(target, cells)
    rest = [cell for cell in cells if cell != found]
    return dict(zip(names, rest, strict=True)), found
