"""Reader for CSV files."""

from __future__ import annotations

import io
import itertools
import numbers
import os
import sys
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from ..common import checks
from ..common.errors import did_you_mean
from . import csv_targets, limits
from .csv_targets import parse_number
from .dataset import Dataset
from .texts import Texts, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["read_csv"]

_GZIP = b"\x1f\x8b"
_MOST_COLUMNS = 1 << 18  # a cell takes 50 bytes while its row is read, also where it has 1 character
_BYTES_PER_ROW = 32  # of line numbers and targets while the file is read
_BYTES_PER_CHARACTER = 16  # of a line and its cells
_SHORT_LINE = 4096  # characters of a line that is read whatever `max_bytes` is


def read_csv(
    path: str | os.PathLike[str],
    target: int | str | None = -1,
    *,
    header: bool | None = None,
    delimiter: str = ",",
    max_bytes: int = limits.MAX_BYTES,
) -> Dataset:
    r"""Read samples and targets from a CSV file.

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
    max_bytes : int, default 4 GiB
        Largest number of bytes of memory that the content may take. A plain file takes at most 16 MiB and 16 times its
        size as well.

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
        If the file holds no rows, a row has more or fewer columns than the first one, or more than 262,144, a feature
        is not a finite number, a target is missing, some targets are numbers and some are text, or the content takes
        more memory than it may. The message has the file, the line and the column.
    TypeError
        If `target` is not an int, a str or None.

    See Also
    --------
    read_table : Tables with text, dates and missing values.

    Examples
    --------
    >>> from pathlib import Path
    >>> from compiled_nn.datasets import read_csv
    >>> _ = Path("people.csv").write_text("age,income,answer\n31,20.5,no\n48,30.1,yes\n25,25.0,no\n")
    >>> data = read_csv("people.csv")
    >>> data
    <Dataset 'people': X_train (3, 2), y_train (3,)>
    >>> data.feature_names, data.class_names, data.y_train.tolist()
    (('age', 'income'), ('no', 'yes'), ['no', 'yes', 'no'])
    """
    if header is not None:
        checks.flag("read_csv", "header", header)
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise (ValueError if isinstance(delimiter, str) else TypeError)(
            f"The 'delimiter' parameter of read_csv must be a single character. Got {delimiter!r} instead."
        )
    checks.integer("read_csv", "max_bytes", max_bytes, minimum=1)
    path = os.fspath(path)

    def choose(cells: list[str], line: int) -> Columns:
        return default_columns(cells, line, target, header)

    with open(path, "rb") as file:
        return read_open(file, path, choose, delimiter, max_bytes=max_bytes)


class Columns(NamedTuple):
    """Columns that are read from a file.

    Attributes
    ----------
    header : bool
        Whether the first line has the names of the columns.
    target : int or None
        Index of the target column, None without targets.
    features : sequence of int
        Indices of the columns of X, in their order.
    """

    header: bool
    target: int | None
    features: Sequence[int]


def read_open(
    file: BinaryIO,
    path: str,
    choose: Callable[[list[str], int], Columns],
    delimiter: str = ",",
    *,
    text_targets: bool = False,
    max_bytes: int = limits.MAX_BYTES,
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
    max_bytes : int, default 4 GiB
        Same as in :func:`read_csv`.

    Raises
    ------
    ValueError
        Same as in :func:`read_csv`, or if a compressed file is damaged.
    """
    import csv
    import gzip
    import zlib

    plain = _plain(file)
    of_plain = limits.of_plain_text(file) if plain is file else None
    most = max_bytes if of_plain is None else min(max_bytes, of_plain)
    # Bytes that are not UTF-8 become lone surrogates, so that the error can name their line and column.
    with io.TextIOWrapper(plain, newline="", encoding="utf-8-sig", errors="surrogateescape") as text:
        lines = _Lines(text, delimiter, max_bytes)
        reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
        rows = ((reader.line_num, cells) for cells in reader if cells)
        try:
            return _parse(rows, lines, _stem(path), choose, text_targets, limits.Budget(max_bytes), most)
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}, {error}") from error


class _Lines:
    """Lines of a text, of which a row takes one or, with line breaks in quotes, several.

    Attributes
    ----------
    n_delimiters : int
        Number of delimiters since it was set to 0, at the end of a row.
    has_underscore : bool
        Whether a line had an underscore since it was set to False.
    """

    def __init__(self, text: io.TextIOWrapper, delimiter: str, max_bytes: int) -> None:
        self._text, self._delimiter = text, delimiter
        self._longest = max(_SHORT_LINE, min(max_bytes // _BYTES_PER_CHARACTER, sys.maxsize))
        self._max_bytes = max_bytes
        self.n_delimiters, self.has_underscore = 0, False

    def __iter__(self) -> Iterator[str]:
        number, longest, read = 0, self._longest, self._text.readline
        while line := read(longest):
            number += 1
            if "_" in line:
                self.has_underscore = True
            if len(line) >= longest and line[-1] not in "\r\n":
                raise ValueError(
                    f"line {number}: it has {longest} characters or more, which may take {self._max_bytes} bytes of "
                    f"memory; max_bytes is {self._max_bytes}. If the file is to be trusted, pass a larger max_bytes"
                )
            self.n_delimiters += line.count(self._delimiter)
            if self.n_delimiters >= _MOST_COLUMNS:
                raise ValueError(
                    f"line {number}: the row has more than {_MOST_COLUMNS} columns; write such data to an .npz file"
                )
            yield line


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
    source: _Lines,
    name: str,
    choose: Callable[[list[str], int], Columns],
    text_targets: bool,
    budget: limits.Budget,
    most: int,
) -> Dataset:
    first = next(rows, None)
    if first is None:
        raise ValueError("line 1: the file holds no rows")
    source.n_delimiters = 0
    n_columns = len(first[1])
    names = [_text(cell, first[0], column) for column, cell in enumerate(first[1])]
    named, target, columns = choose(names, first[0])
    if not columns:
        raise ValueError(
            f"line {first[0]}: the only column is the target, so there are no features; check the delimiter"
        )
    in_order = all(columns[i] < columns[i + 1] for i in range(len(columns) - 1))
    chosen = None if in_order and len(columns) == n_columns - (target is not None) else columns

    values, lines, targets = array("d"), array("q"), Texts()
    row_bytes = 8 * len(columns) + _BYTES_PER_ROW
    for line, cells in rows if named else itertools.chain([first], rows):
        if len(cells) != n_columns:
            raise ValueError(f"line {line}: {len(cells)} columns; line {first[0]} has {n_columns}")
        lines.append(line)
        n_bytes = row_bytes
        if target is not None:
            text = _text(cells[target], line, target)
            targets.append(text)
            n_bytes += len(text)
        if n_bytes > budget.left:
            budget.take(n_bytes, f"line {line}: the row")
        budget.left -= n_bytes
        if chosen is not None:
            cells = [cells[column] for column in chosen]
        elif target is not None:
            del cells[target]
        try:
            # float() would read 1_000 as 1000.
            if source.has_underscore and any("_" in cell for cell in cells):
                raise ValueError
            values.extend(map(float, cells))
        except ValueError:
            bad = next(i for i, cell in enumerate(cells) if parse_number(cell) is None)
            raise ValueError(
                f"line {line}, column {columns[bad] + 1}: {shown(cells[bad])} is not a number"
            ) from None
        source.n_delimiters, source.has_underscore = 0, False
    if not lines:
        raise ValueError(f"line {first[0]}: a header, but no rows below it")
    X = np.frombuffer(values, np.float64).reshape(len(lines), len(columns))
    finite = np.isfinite(X)
    if not finite.all():
        row, bad = divmod(int(np.argmin(finite)), len(columns))
        raise ValueError(
            f"line {lines[row]}, column {columns[bad] + 1}: {X[row, bad]} is not a finite number"
        )
    del finite
    y = np.empty(0, np.int64)
    if target is not None:
        y = csv_targets.convert(targets, lines, target, (most - X.nbytes) // 2, as_text=text_targets)
    del targets, lines
    return Dataset(
        X,
        y,
        X[:0],
        y[:0],
        class_names=csv_targets.class_names(y),
        feature_names=tuple(names[column] for column in columns) if named else (),
        name=name,
    )


def default_columns(cells: list[str], line: int, target: int | str | None, header: bool | None) -> Columns:
    """Return the target column of a file and all others as features."""
    named = isinstance(target, str) if header is None else header
    column = target_column(target, cells if named else None, len(cells))
    if header is None and not named:
        named = _is_header(cells, column, line)
    return Columns(named, column, _all_but(column, len(cells)))


def _all_but(column: int | None, n_columns: int) -> Sequence[int]:
    """Return the indices of all columns but one; a range takes no memory."""
    if column is None:
        return range(n_columns)
    if column in (0, n_columns - 1):
        return range(1, n_columns) if column == 0 else range(n_columns - 1)
    return [i for i in range(n_columns) if i != column]


def _text(cell: str, line: int, column: int) -> str:
    """Return the cell without surrounding white space; raise ValueError if it is not UTF-8."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        raise ValueError(f"line {line}, column {column + 1}: {shown(cell)} is not UTF-8 text") from None
    if "\0" in cell:
        raise ValueError(f"line {line}, column {column + 1}: {shown(cell)} has a character NUL")
    return cell.strip()


def _is_header(cells: Sequence[str], target: int | None, line: int) -> bool:
    """Whether the first line is a header: none of its feature cells is a number."""
    first, n_texts = -1, 0
    for column, cell in enumerate(cells):
        if column != target and parse_number(cell) is None:
            first = column if first < 0 else first
            n_texts += 1
    if 0 < n_texts < len(cells) - (target is not None):
        raise ValueError(
            f"line {line}, column {first + 1}: {shown(cells[first])} is not a number, but other columns of the "
            "line are; if the line has the names of the columns, pass header=True"
        )
    return n_texts > 0


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
            listed = ", ".join(shown(name) for name in names[:20]) + (", ..." if n_columns > 20 else "")
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
