"""Batches: how the rows of an epoch are divided into training steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common import checks
from ..common.immutable import Immutable
from ..data.arrays import Array
from ..data.samples import Samples

if TYPE_CHECKING:
    from numpy.random import Generator

DEFAULT_BATCH_SIZE = 32
BatchSize: TypeAlias = "int | Literal['full'] | None"


class Batches(Immutable):
    """Division of the training rows into batches.

    Attributes
    ----------
    n_rows : int
        Number of training rows.
    size : int
        Number of rows per batch; the last batch of an epoch may be smaller.
    shuffle : bool
        Whether the rows are shuffled before each epoch.
    drop_last : bool
        Whether the last batch of an epoch is skipped if it is smaller than the others.
    rows : ndarray of int64 (n_rows,), optional
        Indices of the training rows in X. None: all rows of X.
    """

    n_rows: int
    size: int
    shuffle: bool
    drop_last: bool
    rows: Array | None

    def __init__(
        self, n_rows: int, size: int, shuffle: bool, drop_last: bool = False, rows: Array | None = None
    ) -> None:
        self._set(n_rows=n_rows, size=size, shuffle=shuffle, drop_last=drop_last, rows=rows)

    @property
    def steps(self) -> int:
        """Number of steps per epoch."""
        return self.n_rows // self.size if self.drop_last else -(-self.n_rows // self.size)

    @property
    def shuffles(self) -> bool:
        """Whether rows are shuffled before each epoch: not if one batch holds all of them, in any order."""
        return self.shuffle and self.size < self.n_rows

    def order(self, rng: Generator) -> Array | None:
        """Return the indices of the rows of one epoch, in order; None for all rows of X in their given order."""
        used = min(self.n_rows, self.steps * self.size)
        if self.shuffles:
            order = rng.permutation(self.n_rows)
            return (order if self.rows is None else self.rows[order])[:used]
        if self.rows is not None:
            return self.rows[:used]
        return None if used == self.n_rows else np.arange(used)


def make_batches(
    n_rows: int,
    batch_size: object,
    n_batches: object,
    shuffle: object,
    drop_last: object = False,
    rows: Array | None = None,
    accumulate: object = 1,
    *,
    batch_norm: bool = False,
) -> Batches:
    """Return the batches for the parameters of fit; `n_batches`, if given, overrides `batch_size`.

    With `accumulate`, several batches become one larger batch: the core splits a batch of any size into chunks that
    fit the cache, so that gradients need not be accumulated here. With `batch_norm`, batches get more rows, usually one
    more, if the last batch would otherwise be a single row, which has no variance.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid, or batches of one row are normalised over their rows.
    """
    checks.flag("fit", "shuffle", shuffle)
    checks.flag("fit", "drop_last", drop_last)
    batches_per_step = checks.integer("fit", "accumulate", accumulate, minimum=1)
    if n_batches is not None:
        size = -(-n_rows // checks.integer("fit", "n_batches", n_batches, minimum=1))
    elif batch_size is None or isinstance(batch_size, str):
        checks.choice("fit", "batch_size", batch_size or "full", ("full",))
        size = n_rows
    else:
        size = min(n_rows, checks.integer("fit", "batch_size", batch_size, minimum=1))
    size = min(n_rows, size * batches_per_step)
    if batch_norm and size == 1 < n_rows:
        raise ValueError(
            f"norm='batch' normalises over the rows of a batch, but each batch of the {n_rows} rows has 1 row. Pass a"
            " larger batch_size, or use norm='layer'."
        )
    while batch_norm and not drop_last and n_rows % size == 1 < n_rows:
        size += 1
    return Batches(n_rows, size, bool(shuffle), bool(drop_last), rows)


class Data(NamedTuple):
    """Training data of an epoch: X (m, k) and encoded y, converted for the core, and their division into batches."""

    X: Samples
    y: Array
    batches: Batches
