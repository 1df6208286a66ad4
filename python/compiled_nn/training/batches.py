"""How the rows of an epoch are cut into batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..data.samples import Samples

if TYPE_CHECKING:
    from numpy.random import Generator

BatchSize: TypeAlias = int | Literal["full"]


@dataclass(frozen=True, eq=False)
class Batches:
    """How rows are cut into batches.

    Attributes
    ----------
    n_rows : int
        Rows to train on.
    size : int
        Rows of a batch; the last one may have fewer.
    shuffle : bool
        Whether each epoch takes the rows in an order of its own.
    drop_last : bool
        Whether an epoch leaves out the rows that do not fill a batch.
    rows : ndarray of int64 (n_rows,), optional
        Which rows of X they are; None: all.
    """

    n_rows: int
    size: int
    shuffle: bool
    drop_last: bool = False
    rows: Array | None = None

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return self.n_rows // self.size if self.drop_last else -(-self.n_rows // self.size)

    @property
    def shuffles(self) -> bool:
        """Whether the epochs differ in their order: a single batch of all rows has none."""
        return self.shuffle and self.size < self.n_rows

    def order(self, rng: Generator) -> Array | None:
        """Return the rows of X in the order of one epoch; None as they are."""
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
) -> Batches:
    """Return the batches that the parameters of fit ask for; `n_batches`, when given, decides.

    The core takes a batch of any size in chunks that fit its caches: steps of several batches are larger ones.
    """
    checks.flag("fit", "shuffle", shuffle)
    checks.flag("fit", "drop_last", drop_last)
    together = checks.integer("fit", "accumulate", accumulate, minimum=1)
    if n_batches is not None:
        size = -(-n_rows // checks.integer("fit", "n_batches", n_batches, minimum=1))
    elif isinstance(batch_size, str):
        checks.choice("fit", "batch_size", batch_size, ("full",))
        size = n_rows
    else:
        size = min(n_rows, checks.integer("fit", "batch_size", batch_size, minimum=1))
    return Batches(n_rows, min(n_rows, size * together), bool(shuffle), bool(drop_last), rows)


class Data(NamedTuple):
    """What a pass trains on: X (m, k) and y as the core takes them, and how to cut them."""

    X: Samples
    y: Array
    batches: Batches
