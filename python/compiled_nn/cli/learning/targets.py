"""The target column of a table: its values, whether they are classes, and what cannot be a target."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.errors import count
from ...data import class_labels, column_types
from ...data.table import Table
from ...losses import LOSSES
from ..support.terminal import print_note
from ..tables import inputs

_MOST_CLASSES = 100  # more different integers are values, not classes
_MOST_CLASSES_OF_A_TABLE = 20
_LIKE_MISSING = ("na", "n/a", "nan", "null", "none", "nil", "missing", "unknown", "?", "-", ".")
_LARGEST = 1e150  # its square is finite
_WITH_SIGN = re.compile(r"[$€£¥%]\s*[-+]?\d[\d.,' ]*|[-+]?\s*\d[\d.,' ]*(%|[$€£¥]|EUR|USD|GBP|CHF)")
_ROWS_PER_CLASS = 5  # fewer on average: the integers are values


def is_classification(
    y: NDArray[Any], task: str, loss: str | None, *, most_classes: int = _MOST_CLASSES
) -> bool:
    """Return whether the targets are classes: as the options say, or else by y."""
    if loss is not None:
        return LOSSES[loss].classifies
    if task != "auto":
        return task == "classification"
    labels = inputs.class_labels(y)
    if labels is None or labels.dtype.kind not in "biuU":
        return False
    n_different = len(np.unique(labels))
    few = n_different <= most_classes and n_different * _ROWS_PER_CLASS <= max(len(labels), 20)
    return few or labels.dtype.kind in "bU"


def check_kind(y: NDArray[Any], classifies: bool) -> None:
    """Raise a ValueError for values that are text, and for classes of which there is only one."""
    if not classifies and y.dtype.kind == "U":
        raise ValueError(
            f"the target is text, such as {str(y.flat[0])!r}, but regression needs numbers; name a column of numbers "
            "with --target, or give --task classification"
        )
    if classifies and (n_classes := len(np.unique(y))) < 2:
        raise ValueError(
            f"the target has {n_classes} class, but classification needs at least 2; is --target the right column?"
        )


def present(table: Table, name: str | int) -> tuple[Table, NDArray[np.intp]]:
    """Return the rows of a table that have a target, and their numbers.

    Raises
    ------
    ValueError
        If no row has a target.
    """
    missing = missing_rows(table[name])
    numbers = np.flatnonzero(~missing)
    if not len(numbers):
        raise ValueError(f"the target {name!r} has no value in any row; name another column with --target")
    return (table if len(numbers) == len(table) else table.take(~missing)), numbers


def missing_rows(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values of a column are missing."""
    missing = np.zeros(len(column), np.bool_)
    if column.dtype.kind in "fM":
        missing[:] = np.isnan(column) if column.dtype.kind == "f" else np.isnat(column)
    elif column.dtype.kind == "O":
        missing[:] = [value is None for value in column.tolist()]
    return missing


def of_table(column: NDArray[Any], name: str | int, task: str, loss: str | None) -> tuple[NDArray[Any], bool]:
    """Return the targets of a column without missing values, and whether they are classes.

    Raises
    ------
    ValueError
        If the column cannot be a target: dates, identifiers, free text, or one value in all rows.
    """
    if column.dtype.kind == "M":
        raise ValueError(
            f"the target {name!r} has dates, such as {str(column[0])[:10]}, which cannot be predicted; name another "
            "column with --target"
        )
    y = _texts(column, name) if column.dtype.kind == "O" else column
    if len(y) > 1 and (y == y[0]).all():
        raise ValueError(
            f"the target {name!r} has the same value, {y[0].item()!r}, in all {len(y):,} rows, so that there is "
            "nothing to learn; is --target the right column?"
        )
    classifies = is_classification(y, task, loss, most_classes=_MOST_CLASSES_OF_A_TABLE)
    if task == "auto" and loss is None:
        _check_signs(column, name)
        _check_identifier(column, name)
    check_kind(y, classifies)
    if not classifies:
        _check_size(y, name)
        return y.astype(np.float64) if y.dtype.kind == "b" else y, False
    labels = inputs.class_labels(y)
    assert labels is not None
    return labels, True


def _check_size(y: NDArray[Any], name: str | int) -> None:
    """Raise a ValueError for values so large, or so close to each other, that errors have no square."""
    values = y.astype(np.float64)
    if not np.isfinite(values).all():  # refused with their lines later
        return
    largest, spread = float(np.abs(values).max()), float(values.max() / 2 - values.min() / 2)
    if largest > _LARGEST or 0 < spread < 1 / _LARGEST:
        size = f"up to {largest:.2g}" if largest > _LARGEST else f"within {2 * spread:.2g} of each other"
        raise ValueError(
            f"the target {name!r} has values {size}; the square of such an error is beyond the range of numbers; give "
            "it in another unit"
        )


def _texts(column: NDArray[Any], name: str | int) -> NDArray[Any]:
    """Return text as an array with the width of the longest one, which must not be too long for a label."""
    values = column.tolist()
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    if longest > class_labels.LONGEST:
        raise ValueError(
            f"the target {name!r} has a text of {longest:,} characters; a label has {class_labels.LONGEST:,} at most; "
            "name another column with --target"
        )
    return np.array(values)


def note_spelling(classes: NDArray[Any]) -> None:
    """Print a note if a class is spelled like a missing value."""
    for label in classes.tolist():
        if isinstance(label, str) and label.lower() in _LIKE_MISSING:
            print_note(
                f"{label!r} is taken for a class; if it stands for a missing value, give --missing {label}"
            )


def _check_signs(column: NDArray[Any], name: str | int) -> None:
    """Raise a ValueError for numbers with signs of percent or money, which are text, unless they can be classes."""
    if column.dtype.kind != "O":
        return
    different = list(dict.fromkeys(column.tolist()))
    if len(different) > _MOST_CLASSES_OF_A_TABLE and all(map(_WITH_SIGN.fullmatch, different)):
        raise ValueError(
            f"the target {name!r} is text, such as {different[0]!r}, because its numbers have signs; write them "
            "without signs, or give --task classification if they are classes"
        )


def _check_identifier(column: NDArray[Any], name: str | int) -> None:
    """Raise a ValueError for a column that names rows."""
    kind, reason = column_types.infer(column, name)
    if kind not in ("identifier", "text"):
        return
    examples = ", ".join(repr(value) for value in column[:2].tolist())
    is_text = column.dtype.kind == "O"
    task = "classification if its values are classes" if is_text else "regression if it is a quantity"
    raise ValueError(
        f"the target {name!r} looks like a name of each row ({examples}, ...): {reason}; name another column with "
        f"--target, or give --task {task}"
    )


def note_missing(n_missing: int, name: str | int | None) -> None:
    """Print a note about rows without a target."""
    if n_missing:
        has, are = ("has", "is") if n_missing == 1 else ("have", "are")
        print_note(f"{count(n_missing, 'row')} {has} no value in the target {name!r} and {are} left out")
