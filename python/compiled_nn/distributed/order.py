"""Order of the rows of an epoch: which rows each shard passes through, and how they are cut into rounds.

An epoch of a shard is one sequence: its parts one after another, each with its rows in a separate order. The orders
depend on the seed of the epoch, the rank of the shard and the number of the part, and on nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np

from ..data.arrays import Array

Seed: TypeAlias = "tuple[int, int]"  # of an epoch, and the number of a part


class Piece(NamedTuple):
    """Rows of one part, in the order of an epoch.

    Attributes
    ----------
    part : int
        Number of the part.
    start, stop : int
        First row, and the one after the last, among the rows of the part in the order of the epoch.
    seed : (int, int) or None
        Seed of that order; None for the order in which the part has them.
    """

    part: int
    start: int
    stop: int
    seed: Seed | None


class Sequences:
    """Sequences of rows of all shards in one epoch.

    Parameters
    ----------
    shards : sequence of sequence of (int, int)
        Number and number of rows of each part of each shard.
    seed : int or None
        Seed of the epoch; None: parts and rows are in their given order.
    """

    def __init__(self, shards: Sequence[Sequence[tuple[int, int]]], seed: int | None) -> None:
        self._seed = seed
        self._parts = [self._ordered(parts, rank) for rank, parts in enumerate(shards)]
        self._ends = [list(accumulate(n_rows for _, n_rows in parts)) for parts in self._parts]
        self.n_rows = [ends[-1] if ends else 0 for ends in self._ends]

    def _ordered(self, parts: Sequence[tuple[int, int]], rank: int) -> list[tuple[int, int]]:
        """Return the parts of a shard that have rows, in the order of the epoch."""
        with_rows = [each for each in parts if each[1]]
        if self._seed is None:
            return with_rows
        order = np.random.Generator(np.random.PCG64([self._seed, rank])).permutation(len(with_rows))
        return [with_rows[i] for i in order.tolist()]

    def pieces(self, rank: int, start: int, stop: int) -> list[Piece]:
        """Return the rows start, ..., stop - 1 of the sequence of a shard."""
        found = []
        parts, ends = self._parts[rank], self._ends[rank]
        for i in range(bisect_right(ends, start), len(ends)):
            number, n_rows = parts[i]
            first = ends[i] - n_rows
            if first >= stop:
                break
            seed = None if self._seed is None else (self._seed, number)
            found.append(Piece(number, max(start - first, 0), min(stop - first, n_rows), seed))
        return found

    def cuts(self, rank: int, start: int, stop: int, batch_size: int) -> list[int]:
        """Return the ends of pieces of some rows of a shard, each with rows of one part and at most one batch more.

        Batches of `batch_size` rows are counted from `start`; they are not cut.
        """
        ends = self._ends[rank]
        inner = [
            start + -(-(end - start) // batch_size) * batch_size
            for end in ends[bisect_right(ends, start) : bisect_left(ends, stop)]
        ]
        return [start, *sorted({cut for cut in inner if cut < stop}), stop]

    def following(self, rank: int, stop: int) -> int | None:
        """Return the number of the first part of a shard whose rows all follow the row `stop`, or None."""
        i = bisect_right(self._ends[rank], stop - 1) + 1
        return self._parts[rank][i][0] if i < len(self._ends[rank]) else None


@lru_cache(maxsize=4)
def _permutation(n_rows: int, seed: Seed) -> Array:
    return np.random.Generator(np.random.PCG64(list(seed))).permutation(n_rows)


def rows_of(piece: Piece, n_rows: int) -> Array | slice:
    """Return the indices of the rows of a piece in its part, which has `n_rows` rows."""
    if piece.seed is None:
        return slice(piece.start, piece.stop)
    return _permutation(n_rows, piece.seed)[piece.start : piece.stop]


def share(n: int, at: int, total: int) -> int:
    """Return how many of `n` steps or rows of a shard are done after `at` of `total`; all shards end together."""
    return n * at // total
