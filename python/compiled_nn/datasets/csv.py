"""Reader for CSV files."""

from __future__ import annotations

import itertools
import numbers
import os
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import did_you_mean
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["read_csv"]


def read_csv(
    path: str | os.PathLike[str],
    target: int | str | None = -1,
    *,
    header: bool | None = None,
    delimiter: str = ",",
) -> Dataset:
    """Read samples and targets from a CSV file.

    Parameters
    ----------
    path : path-like
        File of UTF-8 text, with or without a header line. Blank lines are skipped.
    target : int, str or None, default -1
        Column of the targets: its index (negative values count from the end) or its name in the header. None: all
        columns are features, and `y_train` has zero rows.
    header : bool, optional
        Whether the first line has the names of the columns. Default: True if none of its feature cells is a number,
        False if all are; if only some are, `header` is required. A target given by name implies True.
    delimiter : str, default ","
        Character between two columns.

    Returns
    -------
    Dataset
        `X_train` of shape (m, k), float64. `y_train` of shape (m,): int64 if all targets are integers in the range
        of int64, float64 if all are numbers, else text; for text, `class_names` has the sorted distinct targets.
        Targets such as 007 and 7, which differ in leading zeros only, are text. `feature_names` from the header; no
        test part; `name` is the file name without its extension.

    Raises
    ------
    ValueError
        If the file holds no rows, a row has more or fewer columns than the first one, a feature is not a finite
        number, a target is missing, or some targets are numbers and some are text. The message has the file, the
        line and the column.
    TypeError
        If `target` is not an int, a str or None.
    """
    import csv

    path = os.fspath(path)
    # Bytes that are not UTF-8 become lone surrogates, so that the error can name their line and column.
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        rows = ((reader.line_num, cells) for cells in reader if cells)
        try:
            return _parse(rows, os.path.splitext(os.path.basename(path))[0], target, header)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}, {error}") from error


def _parse(
    rows: Iterator[tuple[int, list[str]]], name: str, target: int | str | None, header: bool | None
) -> Dataset:
    first = next(rows, None)
    if first is None:
        raise ValueError("line 1: the file holds no rows")
    n_columns = len(first[1])
    names = [_text(cell, first[0], column) for column, cell in enumerate(first[1])]
    named = isinstance(target, str) if header is None else header
    target_column = _target_column(target, names if named else None, n_columns)
    if header is None and not named:
        named = _is_header(names, target_column, first[0])
    columns = [column for column in range(n_columns) if column != target_column]
    if not columns:
        raise ValueError(
            f"line {first[0]}: the only column is the target, so there are no features; check the delimiter"
        )

    values, lines, targets = array("d"), array("q"), []
    for line, cells in rows if named else itertools.chain([first], rows):
        if len(cells) != n_columns:
            raise ValueError(f"line {line}: {len(cells)} columns; line {first[0]} has {n_columns}")
        lines.append(line)
        if target_column is not None:
            targets.append(cells.pop(target_column))
        try:
            if "_" in "".join(cells):  # float() would read 1_000 as 1000
                raise ValueError
            values.extend(map(float, cells))
        except ValueError:
            bad = next(i for i, cell in enumerate(cells) if _number(cell) is None)
            raise ValueError(
                f"line {line}, column {columns[bad] + 1}: {cells[bad]!r} is not a number"
            ) from None
    if not lines:
        raise ValueError(f"line {first[0]}: a header, but no rows below it")
    X = np.frombuffer(values, np.float64).reshape(len(lines), len(columns))
    finite = np.isfinite(X)
    if not finite.all():
        row, bad = np.argwhere(~finite)[0].tolist()
        raise ValueError(
            f"line {lines[row]}, column {columns[bad] + 1}: {X[row, bad]} is not a finite number"
        )
    y = np.empty(0, np.int64) if target_column is None else _targets(targets, lines, target_column)
    return Dataset(
        X,
        y,
        X[:0],
        y[:0],
        class_names=tuple(np.unique(y).tolist()) if y.dtype.kind == "U" else (),
        feature_names=tuple(names[column] for column in columns) if named else (),
        name=name,
    )


def _number(cell: str) -> float | None:
    """Return the number in a cell, or None if the cell is not a number."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _text(cell: str, line: int, column: int) -> str:
    """Return the cell without surrounding white space; raise ValueError if it is not UTF-8."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        raise ValueError(f"line {line}, column {column + 1}: {cell!r} is not UTF-8 text") from None
    return cell.strip()


def _is_header(cells: Sequence[str], target_column: int | None, line: int) -> bool:
    """Whether the first line is a header: none of its feature cells is a number."""
    features = [(column, cell) for column, cell in enumerate(cells) if column != target_column]
    texts = [(column, cell) for column, cell in features if _number(cell) is None]
    if texts and len(texts) < len(features):
        column, cell = texts[0]
        raise ValueError(
            f"line {line}, column {column + 1}: {cell!r} is not a number, but other columns of the line are; "
            "if the line has the names of the columns, pass header=True"
        )
    return bool(texts)


def _target_column(target: int | str | None, names: Sequence[str] | None, n_columns: int) -> int | None:
    """Return the index of the target column, from 0 to n_columns - 1, or None if there is no target."""
    if target is None:
        return None
    if isinstance(target, str):
        if names is None:
            raise ValueError(
                f"line 1: target is {target!r}, but with header=False the columns have no names; pass an index"
            )
        if target not in names:
            listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if n_columns > 20 else "")
            hint = did_you_mean(target, names)
            raise ValueError(f"line 1: no column is named {target!r}; the columns are {listed}.{hint}")
        if names.count(target) > 1:
            raise ValueError(
                f"line 1: {names.count(target)} columns are named {target!r}; pass the index of the target"
            )
        return names.index(target)
    if isinstance(target, bool) or not isinstance(target, numbers.Integral):
        raise TypeError(f"target must be an int, a str or None. Got {target!r} instead.")
    if not -n_columns <= target < n_columns:
        raise ValueError(
            f"line 1: target is column {target}, counted from 0; the file has {n_columns} columns"
        )
    return target % n_columns


def _differ_in_zeros(texts: Sequence[str]) -> bool:
    """Whether two targets are the same number with other leading zeros, such as 007 and 7: labels that differ."""
    digits = {text for text in texts if text.isdigit()}
    return len({text.lstrip("0") or "0" for text in digits}) < len(digits)


def _targets(cells: list[str], lines: Sequence[int], column: int) -> NDArray[Any]:
    """Return the targets as int64, float64 or text: the first of these types that can represent all of them."""
    place = f"column {column + 1}"
    texts = [_text(cell, line, column) for cell, line in zip(cells, lines, strict=True)]
    if "" in texts:
        raise ValueError(f"line {lines[texts.index('')]}, {place}: the target is missing")
    parsed = [_number(text) for text in texts]
    n_texts = parsed.count(None)
    if n_texts == len(texts):
        return np.array(texts)
    if n_texts:
        # An error, because one mistyped number would otherwise turn all targets into class names.
        first_text = parsed.index(None)
        number = next(text for text, value in zip(texts, parsed, strict=True) if value is not None)
        raise ValueError(
            f"line {lines[first_text]}, {place}: the target {texts[first_text]!r} is not a number, "
            f"but other targets are, such as {number!r}"
        )
    if _differ_in_zeros(texts):
        return np.array(texts)
    values = np.array(parsed, np.float64)
    if not np.isfinite(values).all():
        bad = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"line {lines[bad]}, {place}: the target {texts[bad]!r} is not a finite number")
    try:
        return np.array([int(text) for text in texts], np.int64)
    except (ValueError, OverflowError):
        return values
