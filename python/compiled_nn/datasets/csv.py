"""Reader for CSV files."""

from __future__ import annotations

import io
import itertools
import numbers
import os
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from ..common import checks
from ..common.errors import did_you_mean
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["read_csv"]

_GZIP = b"\x1f\x8b"


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
        File of UTF-8 text, with or without a header line, which may be compressed with gzip. Blank lines are skipped.
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
    if header is not None:
        checks.flag("read_csv", "header", header)
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise (ValueError if isinstance(delimiter, str) else TypeError)(
            f"The 'delimiter' parameter of read_csv must be a single character. Got {delimiter!r} instead."
        )
    path = os.fspath(path)

    def choose(cells: list[str], line: int) -> Columns:
        return default_columns(cells, line, target, header)

    with open(path, "rb") as file:
        return read_open(file, path, choose, delimiter)


class Columns(NamedTuple):
    """Columns that are read from a file.

    Attributes
    ----------
    header : bool
        Whether the first line has the names of the columns.
    target : int or None
        Index of the target column, None without targets.
    features : list of int
        Indices of the columns of X, in their order.
    """

    header: bool
    target: int | None
    features: list[int]


def read_open(
    file: BinaryIO,
    path: str,
    choose: Callable[[list[str], int], Columns],
    delimiter: str = ",",
    *,
    text_targets: bool = False,
) -> Dataset:
    """Read an open CSV file, compressed with gzip or not.

    Parameters
    ----------
    file : binary file with a method ``peek``
        File, which is read from its present position on; it may be a pipe.
    path : str
        Its name, for the messages and the name of the data set.
    choose : callable (cells, line)
        Function that returns the columns to read, from the cells of the first line that is not blank and its number.
    delimiter : str, default ","
        Character between two columns.
    text_targets : bool, default False
        Whether the targets are text, also if they are numbers.

    Raises
    ------
    ValueError
        Same as in :func:`read_csv`, or if a compressed file is damaged.
    """
    import csv
    import gzip
    import zlib

    # Bytes that are not UTF-8 become lone surrogates, so that the error can name their line and column.
    with io.TextIOWrapper(_plain(file), newline="", encoding="utf-8-sig", errors="surrogateescape") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        rows = ((reader.line_num, cells) for cells in reader if cells)
        try:
            return _parse(rows, _stem(path), choose, text_targets)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}, {error}") from error


def _plain(file: Any) -> Any:
    """Return the file without its compression by gzip, if any."""
    if file.peek(2)[:2] != _GZIP:
        return file
    import gzip  # imported here to keep `import compiled_nn` fast

    return gzip.GzipFile(fileobj=file)


def _stem(path: str) -> str:
    """Return the name of a file without its folder and extension."""
    return os.path.splitext(os.path.basename(path).removesuffix(".gz"))[0]


def _parse(
    rows: Iterator[tuple[int, list[str]]],
    name: str,
    choose: Callable[[list[str], int], Columns],
    text_targets: bool,
) -> Dataset:
    first = next(rows, None)
    if first is None:
        raise ValueError("line 1: the file holds no rows")
    n_columns = len(first[1])
    names = [_text(cell, first[0], column) for column, cell in enumerate(first[1])]
    named, target, columns = choose(names, first[0])
    if not columns:
        raise ValueError(
            f"line {first[0]}: the only column is the target, so there are no features; check the delimiter"
        )
    chosen = None if columns == [column for column in range(n_columns) if column != target] else columns

    values, lines, targets = array("d"), array("q"), []
    for line, cells in rows if named else itertools.chain([first], rows):
        if len(cells) != n_columns:
            raise ValueError(f"line {line}: {len(cells)} columns; line {first[0]} has {n_columns}")
        lines.append(line)
        if target is not None:
            targets.append(cells[target])
        if chosen is not None:
            cells = [cells[column] for column in chosen]
        elif target is not None:
            del cells[target]
        try:
            if "_" in "".join(cells):  # float() would read 1_000 as 1000
                raise ValueError
            values.extend(map(float, cells))
        except ValueError:
            bad = next(i for i, cell in enumerate(cells) if parse_number(cell) is None)
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
    y = np.empty(0, np.int64) if target is None else _targets(targets, lines, target, text_targets)
    return Dataset(
        X,
        y,
        X[:0],
        y[:0],
        class_names=tuple(np.unique(y).tolist()) if y.dtype.kind == "U" else (),
        feature_names=tuple(names[column] for column in columns) if named else (),
        name=name,
    )


def default_columns(cells: list[str], line: int, target: int | str | None, header: bool | None) -> Columns:
    """Return the target column of a file and all others as features."""
    named = isinstance(target, str) if header is None else header
    column = target_column(target, cells if named else None, len(cells))
    if header is None and not named:
        named = _is_header(cells, column, line)
    return Columns(named, column, [i for i in range(len(cells)) if i != column])


def parse_number(cell: str) -> float | None:
    """Return the number in a cell; None if it is text."""
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


def _is_header(cells: Sequence[str], target: int | None, line: int) -> bool:
    """Whether the first line is a header: none of its feature cells is a number."""
    features = [(column, cell) for column, cell in enumerate(cells) if column != target]
    texts = [(column, cell) for column, cell in features if parse_number(cell) is None]
    if texts and len(texts) < len(features):
        column, cell = texts[0]
        raise ValueError(
            f"line {line}, column {column + 1}: {cell!r} is not a number, but other columns of the line are; "
            "if the line has the names of the columns, pass header=True"
        )
    return bool(texts)


def target_column(target: int | str | None, names: Sequence[str] | None, n_columns: int) -> int | None:
    """Return the index of the target column, from 0 to n_columns - 1; None without a target.

    Raises
    ------
    TypeError, ValueError
        If the file has no such column, or `target` has another type.
    """
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


def _targets(cells: list[str], lines: Sequence[int], column: int, as_text: bool) -> NDArray[Any]:
    """Return the targets as int64, float64 or text: the first of these types that can represent all of them.

    With `as_text`, they are text.
    """
    place = f"column {column + 1}"
    texts = [_text(cell, line, column) for cell, line in zip(cells, lines, strict=True)]
    if "" in texts:
        raise ValueError(f"line {lines[texts.index('')]}, {place}: the target is missing")
    if as_text:
        return np.array(texts)
    parsed = [parse_number(text) for text in texts]
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
