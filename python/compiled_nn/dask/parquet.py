"""Parts of Parquet files: one for each row group, which a worker reads when it needs the rows."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from typing import Any

from ..common import optional
from ..common.errors import did_you_mean
from ..data import dataframes
from ..datasets import limits
from ..datasets.parquet import check_metadata, damage, decoded_texts


def is_path(X: Any) -> bool:
    """Return whether X is a path, or a sequence of them."""
    if isinstance(X, (list, tuple)):
        return bool(X) and all(isinstance(each, (str, os.PathLike)) for each in X)
    return isinstance(X, (str, os.PathLike))


@dataclass(frozen=True)
class RowGroup:
    """Function that reads a row group of a Parquet file.

    Attributes
    ----------
    path : str
        Path of the file.
    filesystem : pyarrow.fs.FileSystem
        File system of the path.
    group : int
        Number of the row group.
    columns : tuple of str
        Names of the columns of X.
    target : str
        Name of the column of y.
    weights : str or None
        Name of the column of sample weights.
    """

    path: str
    filesystem: Any
    group: int
    columns: tuple[str, ...]
    target: str
    weights: str | None

    def __call__(self) -> tuple[Any, ...]:
        """Return the rows: a ``pyarrow.Table``, y, and the weights if there are any."""
        parquet = _library("pyarrow.parquet")
        apart = [self.target] if self.weights is None else [self.target, self.weights]
        wanted = [*self.columns, *apart]
        budget = limits.Budget(limits.MAX_BYTES)
        with damage(self.path), parquet.ParquetFile(self.path, filesystem=self.filesystem) as file:
            check_metadata(file.metadata, wanted, None, budget)
            table = decoded_texts(file.read_row_group(self.group, columns=wanted), budget)
        others = [dataframes.as_column(table.column(name)) for name in apart]
        return (table.select(list(self.columns)), *others)


def parts_of(X: Any, y: Any, sample_weight: Any) -> tuple[list[RowGroup], float]:
    """Return the parts of Parquet files, and the number of bytes of their rows.

    Parameters
    ----------
    X : str, path-like, or sequence of them
        Files, folders or patterns such as "rows/*.parquet", or addresses that pyarrow can read, such as "s3://...".
        Files are in the order of the sequence, those of a pattern or a folder in the order of their names.
    y : str
        Name of the column of the targets.
    sample_weight : str or None
        Name of the column of the weights.
    """
    for name, column in (("y", y), ("sample_weight", sample_weight)):
        if not isinstance(column, str) and not (name == "sample_weight" and column is None):
            raise TypeError(
                f"X is {X!r}, a path of Parquet files, so {name} must be the name of one of their columns. Got"
                f" {type(column).__name__} instead."
            )
    dataset = _library("pyarrow.dataset")
    parts: list[RowGroup] = []
    n_bytes = 0.0
    for path in _paths(X):
        with damage(path):
            data = dataset.dataset(path, format="parquet")
            names = data.schema.names
        apart = {y, sample_weight, *dataframes.index_columns(data.schema)}
        for column in filter(None, (y, sample_weight)):
            if column not in names:
                raise ValueError(
                    f"{path}: there is no column {column!r}; there are {', '.join(map(repr, names))}."
                    f"{did_you_mean(column, names)}"
                )
        columns = tuple(name for name in names if name not in apart)
        for fragment in sorted(data.get_fragments(), key=lambda each: str(each.path)):
            with damage(fragment.path):
                groups = fragment.row_groups
            for group in groups:
                n_bytes += group.total_byte_size
                parts.append(
                    RowGroup(fragment.path, fragment.filesystem, group.id, columns, y, sample_weight)
                )
    if not parts:
        raise ValueError(f"{X!r}: there are no rows.")
    return parts, n_bytes


def _paths(X: Any) -> list[str]:
    """Return the paths of a sequence, with the files of a pattern in its place."""
    found: list[str] = []
    for each in X if isinstance(X, (list, tuple)) else [X]:
        path = os.fspath(each)
        if "://" in path or os.path.exists(path):
            found.append(path)
            continue
        files = sorted(glob.glob(path, recursive=True))
        if not files:
            raise FileNotFoundError(f"No file matches {path!r}. Pass the path of Parquet files.")
        found += files
    return found


def _library(module: str) -> Any:
    return optional.load(module, purpose="reading Parquet", library="pyarrow", extra="arrow")
