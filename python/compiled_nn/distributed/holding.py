"""Parts that workers hold: those in use and the next ones, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..common.errors import count
from . import learning
from .engine import hold_value
from .parts import Reading

if TYPE_CHECKING:
    from ..spec.configuration import Configuration
    from ..training.sharded import Learned
    from .order import Piece
    from .parts import LoadedPart, Shards


def load(number: int, rank: int, source: Any, reading: Reading, n_rows: int) -> LoadedPart:
    """Return the training rows of a part of a shard, on a worker; errors name both."""
    try:
        loaded = learning.load(source, number, reading)
        if loaded.n_rows != n_rows:
            raise ValueError(
                f"Part {number} has {count(loaded.n_rows, 'training row')} now; it had {n_rows} when it was first read."
                " A part must have the same rows in the same order whenever it is loaded."
            )
        return loaded
    except Exception as error:
        error.add_note(f"Part {number} belongs to shard {rank}, counted from 0.")
        raise


class Holding:
    """Handles of what tasks need: parts that are loaded for training, and how workers build stacks.

    Parameters
    ----------
    shards : Shards
        Parts, where they are held, and whether all of them are held until the end.
    learned : Learned
        Properties learned from all shards.
    configuration : Configuration
        Parameters of the network.
    setup : Setup or GroupSetup
        How workers build stacks.

    Attributes
    ----------
    setups : list
        Handle of `setup` for each rank.
    """

    def __init__(self, shards: Shards, learned: Learned, configuration: Configuration, setup: Any) -> None:
        self._engine, self._parts, self._keeps_all = shards.engine, shards.parts, shards.in_memory
        self._n_rows, ranks = learned.n_rows, range(shards.n_shards)
        self._readings = hold_value(self._engine, Reading.of(configuration, learned), ranks)
        self.setups = hold_value(self._engine, setup, ranks)
        self._handles: dict[int, Any] = {}

    def use(self, pieces: Sequence[Sequence[Piece]], following: Sequence[int]) -> list[list[Any]]:
        """Return the handles of the parts of pieces, and let other parts that are held be only the following ones.

        Parameters
        ----------
        pieces : sequence of sequence of Piece
            Rows of each task.
        following : sequence of int
            Numbers of the parts that are used next, which are loaded in the meantime.
        """
        used = {piece.part for each in pieces for piece in each} | set(following)
        if not self._keeps_all:
            self._release([number for number in self._handles if number not in used])
        missing = [self._parts[number] for number in sorted(used) if number not in self._handles]
        if missing:
            arguments = [(*part, self._readings[part.rank], self._n_rows[part.number]) for part in missing]
            handles = self._engine.hold(load, arguments, [part.rank for part in missing])
            self._handles |= {part.number: handle for part, handle in zip(missing, handles, strict=True)}
        return [[self._handles[piece.part] for piece in each] for each in pieces]

    def close(self) -> None:
        """Release everything."""
        self._release(list(self._handles))
        self._engine.release([*self._readings, *self.setups])
        self._readings, self.setups = [], []

    def _release(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._engine.release([self._handles.pop(number) for number in numbers])
