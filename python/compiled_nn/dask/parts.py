"""Parts of the rows that fit takes: partitions of collections, row groups of files, or pieces of data in memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import dask
import dask.array as da
import distributed
import numpy as np
from dask.delayed import Delayed
from dask.sizeof import sizeof

from ..common.errors import count, did_you_mean
from ..data import dataframes, rows, samples
from . import parquet
from .prediction import is_frame

_PART_BYTES = 1 << 26  # of data in memory, at most
_DIVIDED_ALIKE = (
    "Divide them alike: of a data frame, pass y as the name of its column; for arrays use rechunk."
)


class Parts(NamedTuple):
    """Parts of rows.

    Attributes
    ----------
    sources : list
        Parts as :class:`compiled_nn.distributed.ShardedRows` takes them.
    n_bytes : float or None
        Number of bytes of all rows; None if it is not known.
    are_local : bool
        Whether the parts are data of this process, which the workers have to be sent.
    """

    sources: list[Any]
    n_bytes: float | None
    are_local: bool = False


def parts_of(X: Any, y: Any, sample_weight: Any, n_shards: int) -> Parts:
    """Return the parts of rows.

    Parameters
    ----------
    X : Dask array or data frame, path or paths of Parquet files, sequence of delayed objects, array or table
        Rows.
    y : collection, sequence, array, or str
        Targets in the form of X, or the name of the column of X that has them; None if each delayed object has a pair
        (X, y), or a triple with weights.
    sample_weight : collection, sequence, array, str or None
        Weights in the form of y.
    n_shards : int
        Number of shards among which data in memory are divided.

    Raises
    ------
    TypeError, ValueError
        If the forms do not match, or the numbers of rows or partitions differ as far as they are known.
    """
    if parquet.is_path(X):
        return Parts(*parquet.parts_of(X, y, sample_weight))
    if is_lazy(X):
        return _of_collections(X, y, sample_weight)
    for name, other in (("y", y), ("sample_weight", sample_weight)):
        if is_lazy(other):
            raise TypeError(
                f"{name} is {_kind(other)}, but X is {_kind(X)}. Pass both as collections of Dask, or both as data in"
                " memory."
            )
    return _of_memory(X, y, sample_weight, n_shards)


def is_lazy(value: Any) -> bool:
    if _are_delayed(value):
        return True
    return isinstance(value, da.Array) or (dask.is_dask_collection(value) and hasattr(value, "to_delayed"))


def _are_delayed(value: Any) -> bool:
    """Return whether a value is a list of delayed objects or futures."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(each, (Delayed, distributed.Future)) for each in value)
    )


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f"{value!r}, the name of a column"
    if _are_delayed(value):
        return f"a list of {count(len(value), 'delayed object')}"
    return f"{type(value).__module__.partition('.')[0]}'s {type(value).__name__}"


# ---- collections


def _of_collections(X: Any, y: Any, sample_weight: Any) -> Parts:
    others = {"y": y, "sample_weight": sample_weight}
    samples.check_lengths(
        X, **{name: None if isinstance(each, str) else each for name, each in others.items()}
    )
    names = tuple(X.columns) if is_frame(X) else None
    blocks = _blocks(X, "X")
    taken: dict[str, Any] = {}
    for name, other in others.items():
        if isinstance(other, str):
            _check_column(X, names, name, other)
            taken[name] = other
        elif other is not None:
            taken[name] = _matched(X, blocks, name, other)
    if y is None and not _are_delayed(X):
        raise ValueError(f"y is None, but X is {_kind(X)}. Pass y, or the name of its column in X.")
    sources = []
    for number, block in enumerate(blocks):
        each = {name: other if isinstance(other, str) else other[number] for name, other in taken.items()}
        sources.append(
            _joined(number, block, each.get("y"), each.get("sample_weight"), names)
            if y is not None
            else _given(number, block, each.get("sample_weight"))
        )
    size = getattr(X, "nbytes", None) if isinstance(X, da.Array) else None
    return Parts(sources, float(size) if size is not None and not np.isnan(size) else None)


def _blocks(collection: Any, name: str) -> list[Any]:
    """Return the partitions of a collection: a delayed object for each, or nested lists of blocks of its columns."""
    if _are_delayed(collection):
        return list(collection)
    if not hasattr(collection, "to_delayed"):
        raise TypeError(
            f"{name} is {_kind(collection)}, but X is a collection of Dask. Pass {name} as a collection with the"
            " partitions of X, or the name of its column in X."
        )
    delayed = collection.to_delayed()
    return [each.tolist() if isinstance(each, np.ndarray) else each for each in delayed]


def _matched(X: Any, blocks: list[Any], name: str, other: Any) -> list[Any]:
    """Return the partitions of y or the weights, which are those of X."""
    if isinstance(X, da.Array) and not np.isnan(X.shape[0]):
        if not is_lazy(other):
            other = da.from_array(np.asarray(other), chunks=-1)
        if isinstance(other, da.Array) and not np.isnan(other.shape[0]):
            other = other.rechunk({0: X.chunks[0], **dict.fromkeys(range(1, other.ndim), -1)})
    found = _blocks(other, name)
    if len(found) != len(blocks):
        raise ValueError(
            f"X has {count(len(blocks), 'partition')}, but {name} has {len(found)}. {_DIVIDED_ALIKE}"
        )
    return found


def _check_column(X: Any, names: tuple[Any, ...] | None, name: str, column: str) -> None:
    if names is None and not _are_delayed(X):
        raise TypeError(
            f"{name} is {column!r}, the name of a column, but X is {_kind(X)}, without names. Pass an array."
        )
    if names is not None and column not in names:
        raise ValueError(
            f"{name} is {column!r}, but X has no column of that name; there are {', '.join(map(repr, names))}."
            f"{did_you_mean(column, map(str, names))}"
        )


def _join(number: int, X: Any, y: Any, weights: Any, names: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Return a part: the rows of X, y and weights, on a worker."""
    X = _whole(X)
    if names is not None and tuple(X.columns) != names:
        X = X[list(names)]
    X, found = split_columns(X, [y, weights])
    y, weights = (_whole(each) for each in found)
    _check_rows(number, X, y=y, sample_weight=weights)
    return (X, y) if weights is None else (X, y, weights)


def _complete(number: int, part: Any, weights: Any) -> Any:
    """Return a part that the user has made, with weights if they are given separately."""
    return part if weights is None else (*part, weights)


_joined, _given = dask.delayed(_join, pure=True), dask.delayed(_complete, pure=True)


def _whole(blocks: Any, axis: int = 1) -> Any:
    """Return the blocks of a partition, nested lists along its axes, as one block."""
    if not isinstance(blocks, list):
        return blocks
    found = [_whole(each, axis + 1) for each in blocks]
    if len(found) == 1:
        return found[0]
    if hasattr(found[0], "tocsr"):
        return sys.modules["scipy.sparse"].hstack(found, format="csr")
    return np.concatenate(found, axis=axis)


def split_columns(X: Any, wanted: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return a table without the columns that are named in `wanted`, and `wanted` with their values."""
    named = [each for each in wanted if isinstance(each, str)]
    if not named:
        return X, list(wanted)
    names = dataframes.table_names(X) or []
    for each in named:
        if each not in names:
            raise ValueError(
                f"X has no column {each!r}; there are {', '.join(map(repr, names))}."
                f"{did_you_mean(each, map(str, names))}"
            )
    found = [
        dataframes.as_column(dataframes.raw_column(X, names.index(each), each))
        if isinstance(each, str)
        else each
        for each in wanted
    ]
    kept = [name for name in names if name not in named]
    return (X.select(kept) if hasattr(X, "select") and not hasattr(X, "iloc") else X[kept]), found


def named_y(X: Any, y: Any) -> tuple[Any, Any]:
    """Return a collection without the column that is named by `y`, and that column; both as they are otherwise."""
    return (X.drop(columns=[y]), X[y]) if isinstance(y, str) else (X, y)


def _check_rows(number: int, X: Any, **others: Any) -> None:
    m = _n_rows(X)
    for name, other in others.items():
        if other is not None and _n_rows(other) != m:
            raise ValueError(
                f"Part {number}, counted from 0: X has {count(m, 'row')}, but {name} has {_n_rows(other)}."
                f" {_DIVIDED_ALIKE}"
            )


def _n_rows(value: Any) -> int:
    return int(value.shape[0]) if hasattr(value, "shape") else len(value)


# ---- data in memory


def _of_memory(X: Any, y: Any, sample_weight: Any, n_shards: int) -> Parts:
    """Return parts that have every n-th row: all of them are alike, also if the rows are ordered."""
    X, y, weights = _in_memory(X, y, sample_weight)
    given = [X, y] if weights is None else [X, y, weights]
    m, size = _n_rows(X), sum(sizeof(each) for each in given)
    n_parts = n_shards * -(-size // (_PART_BYTES * n_shards))
    n_parts = max(1, min(n_parts, m))
    sources = [
        tuple(rows.take(each, np.arange(number, m, n_parts)) for each in given) for number in range(n_parts)
    ]
    return Parts(sources, float(size), are_local=True)


def _in_memory(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return X, y and weights in forms with rows to take, after a comparison of their numbers."""
    if y is None:
        raise ValueError("y is None. Pass the targets, or the name of their column in X.")
    X = rows.of(X)
    X, (y, weights) = split_columns(X, [y, sample_weight])
    y = rows.of(y, "y")
    weights = None if weights is None else rows.of(weights, "sample_weight")
    m = _n_rows(X)
    for name, other in (("y", y), ("sample_weight", weights)):
        if other is not None and _n_rows(other) != m:
            raise ValueError(f"X has {count(m, 'row')}, but {name} has {_n_rows(other)}.")
    return X, y, weights
