"""Parquet files as DATA: columns of numbers, and a target of numbers or text."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ...common import optional
from ...datasets import Dataset
from ...datasets.csv import Columns
from ...datasets.csv_targets import class_names
from ...datasets.limits import Budget
from ...datasets.parquet import check_metadata, damage, has_texts

_NUMBERS = "integer", "floating", "boolean"
_OBJECT = 128  # bytes of a target that becomes an object of Python, such as a date


def read(
    path: str, content: bytes | None, choose: Callable[[list[str], int], Columns], budget: Budget
) -> Dataset:
    """Read a Parquet file whose features are numbers.

    Parameters
    ----------
    path : str
    content : bytes or None
        Content of the file, if it is not to be read from the path.
    choose : callable
        Same as in :func:`compiled_nn.datasets.csv.read_open`.
    budget : Budget
        Bytes that the data may take.
    """
    parquet = optional.load("pyarrow.parquet", purpose="reading Parquet", library="pyarrow", extra="arrow")

    def opened(texts: list[str]) -> Any:
        source = path if content is None else io.BytesIO(content)
        return parquet.ParquetFile(source, read_dictionary=texts or None, pre_buffer=False)

    with damage(path):
        file = opened([])
        schema, metadata = file.schema_arrow, file.metadata
        cells = list(schema.names)
    try:
        _, target, features = choose(cells, 1)
    except ValueError as error:
        raise ValueError(f"{path}, {str(error).removeprefix('line 1: ')}") from error
    wanted = [cells[i] for i in features]
    titles = [*wanted, *([] if target is None else [cells[target]])]
    if len(set(titles)) < len(titles) or set(titles) & {name for name in cells if cells.count(name) > 1}:
        raise ValueError(f"{path}: several columns have the same name; rename them")
    if not features or not metadata.num_rows:
        raise ValueError(f"{path}: {'no rows' if features else 'no column beside the target'}")
    for name in wanted:
        _check_numbers(path, name, schema.field(name).type)
    with damage(path):
        check_metadata(metadata, titles, None, budget)
        if target is not None and has_texts(schema.field(target).type):
            file = opened([cells[target]])
    m = metadata.num_rows
    budget.take(8 * m * len(features), f"{path}: X of shape ({m}, {len(features)})")
    X = np.empty((m, len(features)))
    for i, name in enumerate(wanted):
        with damage(path):
            X[:, i] = _column(file, name, m).to_numpy()
    finite = np.isfinite(X)
    if not finite.all():
        row, bad = divmod(int(np.argmin(finite)), len(features))
        raise ValueError(
            f"{path}, column {wanted[bad]!r}: row {row}, counted from 0, is missing or not finite"
        )
    y = np.empty(0, np.int64) if target is None else _target(path, file, cells[target], m, budget)
    return Dataset(
        X,
        y,
        X[:0],
        y[:0],
        class_names=class_names(y),
        feature_names=tuple(wanted),
        name=os.path.splitext(os.path.basename(path))[0],
    )


def _check_numbers(path: str, name: str, kind: Any) -> None:
    types = optional.load("pyarrow.types", purpose="reading Parquet", library="pyarrow", extra="arrow")
    value = kind.value_type if types.is_dictionary(kind) else kind
    if not any(getattr(types, f"is_{number}")(value) for number in _NUMBERS):
        raise ValueError(f"{path}, column {name!r}: it has the type {kind}; expected numbers")


def _column(file: Any, name: str, m: int) -> Any:
    """Return a column, read alone so that only one is decompressed at a time."""
    column = file.read(columns=[name], use_threads=False).column(0)
    if len(column) != m:
        raise ValueError(f"column {name!r} has {len(column)} rows; the metadata have {m}")
    return column


def _target(path: str, file: Any, name: str, m: int, budget: Budget) -> Any:
    types = optional.load("pyarrow.types", purpose="reading Parquet", library="pyarrow", extra="arrow")
    kind = file.schema_arrow.field(name).type
    value = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_nested(value):
        raise ValueError(f"{path}, column {name!r}: it has the type {kind}; expected one target per row")
    budget.check(_OBJECT * m, f"{path}: {m} targets", alone=True)
    with damage(path):
        column = _column(file, name, m)
    if column.null_count:
        raise ValueError(f"{path}, column {name!r}: {column.null_count} targets are missing")
    with damage(path):
        if types.is_dictionary(column.type) and has_texts(column.type.value_type):
            return _texts(column, name, budget)
        values = column.to_numpy()
    if values.dtype.kind == "O":
        values = np.array([str(value) for value in values.tolist()])
    return values.astype(np.int64) if values.dtype.kind in "iu" else values


def _texts(column: Any, name: str, budget: Budget) -> Any:
    """Return the texts of a dictionary column; the size of the array is compared before it is made."""
    words = [[str(word) for word in chunk.dictionary.to_pylist()] for chunk in column.chunks]
    longest = max((len(word) for part in words for word in part), default=0)
    budget.take(
        4 * len(column) * longest, f"{name!r} with {len(column)} texts, one with {longest} characters,"
    )
    texts = np.empty(len(column), f"<U{max(1, longest)}")
    start = 0
    for part, chunk in zip(words, column.chunks, strict=True):
        if len(chunk):
            texts[start : start + len(chunk)] = np.array(part)[chunk.indices.to_numpy()]
        start += len(chunk)
    return texts
