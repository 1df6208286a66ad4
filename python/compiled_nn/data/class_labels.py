"""Labels of classes: conversion to one dtype, distinct labels, and indices of classes.

Labels are of one kind: text, bytes, or numbers. Equal numbers are one label, whatever their types: 1, 1.0 and True.
A missing label is an error, because it would otherwise become a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Never

import numpy as np

from ..common.errors import count
from . import cells

LONGEST = 1000  # characters; limits the memory that the class labels in a file can take
_KINDS = {"U": "text", "S": "bytes"}
_PLAIN = ({str}, {bytes}, {int}, {bool})

Array = np.ndarray[Any, np.dtype[Any]]


def read(y: Array, name: str = "y") -> Array:
    """Return the labels (m,) as finite bool, int, float, str or bytes in native byte order.

    Raises
    ------
    TypeError, ValueError
        If a label is missing, labels are of several kinds, or the array holds anything else. Messages contain `name`.
    """
    if y.dtype.kind in "OT":
        values = y.astype(object).tolist()
        check(values, name)
        y = np.array(values)
        end = "\0" if y.dtype.kind == "U" else b"\0"
        ended = (
            [row for row, label in enumerate(values) if label.endswith(end)] if y.dtype.kind in "US" else []
        )
        if ended:
            row = ended[0]
            raise ValueError(
                f"{name} holds {values[row]!r} in row {row}; arrays of text cannot hold a label that ends with a null"
                " character."
            )
        if y.dtype.kind == "O":
            row = next(i for i, value in enumerate(values) if np.asarray(value).dtype.kind == "O")
            raise ValueError(
                f"{name} holds {values[row]!r} in row {row}, an integer beyond the range of int64. Convert the labels"
                " to text."
            )
    if y.dtype.kind not in "biufUS":
        raise TypeError(
            f"{name} holds {cells.kind_of_array(y)}; labels are text, integers, booleans or real numbers."
        )
    if y.dtype.kind in "US":
        return y
    if y.dtype.kind == "f" and y.dtype.itemsize > 8:
        y = y.astype(np.float64)
    if not y.dtype.isnative:
        y = y.astype(y.dtype.newbyteorder("="))
    if y.dtype.kind == "f":
        _check_finite(y, name)
    return y


def check(values: Sequence[Any], name: str = "y") -> None:
    """Raise an error if a label is missing, if labels are of several kinds, or if they are of another kind."""
    if set(map(type, values)) in _PLAIN:
        return
    missing = [row for row, value in enumerate(values) if cells.is_missing(value)]
    if missing:
        _refuse_missing(cells.name_of_missing(values[missing[0]]), missing[0], len(missing), name)
    first: dict[str, int] = {}
    for row, value in enumerate(values):
        first.setdefault(cells.kind(value), row)
    kinds, rows = list(first), list(first.values())
    if len(first) > 1:
        shown = ", ".join(f"row {row} is {values[row]!r}" for row in rows[:2])
        raise TypeError(
            f"{name} mixes {kinds[0]} with {kinds[1]}: {shown}. Labels must be of one kind; convert all of them to"
            " text, or all to numbers."
        )
    if not first.keys() <= {"text", "bytes", "numbers"}:
        raise TypeError(
            f"{name} holds {values[rows[0]]!r} in row {rows[0]}; labels are text, integers, booleans or real numbers."
        )


def _check_finite(y: Array, name: str) -> None:
    bad = ~np.isfinite(y)
    if bad.any():
        missing, row = np.isnan(y), int(np.argmax(bad))
        if missing[row]:
            _refuse_missing("NaN", row, int(missing.sum()), name)
        raise ValueError(f"Input {name} contains infinity: row {row}.")


def _refuse_missing(what: str, row: int, n_missing: int, name: str) -> Never:
    others = f", and {count(n_missing - 1, 'more row')}" if n_missing > 1 else ""
    raise ValueError(
        f"Input {name} contains {what}: row {row}{others}. A missing label is not a class; leave these rows out, or"
        " give them a label."
    )


def distinct(labels: Array) -> Array:
    """Return the sorted distinct labels; the item size of text is that of the longest label."""
    found: Array = np.unique(labels)
    if found.dtype.kind in "US":
        found = np.array(found.tolist())
        longest = max(len(label) for label in found.tolist())
        if longest > LONGEST:
            raise ValueError(f"y has a label of {longest} characters; the longest allowed has {LONGEST}.")
    return found


def of_list(classes: Array) -> Array:
    """Return the sorted distinct labels of the parameter `classes` (n,)."""
    return distinct(read(classes, "classes"))


def indices(labels: Array, classes: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the index in `classes` of each label (m,); an unknown label raises ValueError."""
    if kind(labels) != kind(classes):
        _refuse_unseen(labels, classes, 0)
    found = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    same = classes[found] == labels
    if not same.all():
        _refuse_unseen(labels, classes, int(np.argmin(same)))
    return found.astype(np.int64, copy=False)


def stored(labels: list[Any], at_most: int) -> Array:
    """Return text or bytes as an array, of objects if it would take more than `at_most` bytes.

    An array of text has the width of the longest label for each of them.
    """
    width = max(map(len, labels)) * (4 if isinstance(labels[0], str) else 1)
    return np.array(labels, object if width * len(labels) > at_most else None)


def kind(labels: Array) -> str:
    """Return the kind of labels in an array: "text", "bytes" or "numbers"."""
    if labels.dtype.kind == "O":
        return "text" if isinstance(labels[0], str) else "bytes"
    return _KINDS.get(labels.dtype.kind, "numbers")


def check_same_kind(labels: Array, others: Array, names: tuple[str, str]) -> None:
    """Raise TypeError if two arrays (m,) hold labels of different kinds, which are never equal."""
    if kind(labels) != kind(others):
        raise TypeError(
            f"{names[0]} has {kind(labels)}, such as {labels[:1].tolist()[0]!r}; {names[1]} has {kind(others)}, such as"
            f" {others[:1].tolist()[0]!r}. Labels must be of one kind to be compared; convert those of {names[0]} or of"
            f" {names[1]}."
        )


def _refuse_unseen(labels: Array, classes: Array, row: int) -> Never:
    label = labels[row : row + 1].tolist()[0]
    raise ValueError(
        "`y` has classes not in `self.classes_`. "
        f"`self.classes_` has {_some(classes)}. 'y' has {_some(distinct(labels))}. Row {row} is {label!r}."
    )


def _some(values: Array, at_most: int = 10) -> str:
    texts = [repr(value) for value in values[:at_most].tolist()]
    return f"[{', '.join(texts)}{', ...' if len(values) > at_most else ''}]"
