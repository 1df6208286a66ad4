"""Parts that workers hold: those in use and the next ones, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..common.errors import count
from . import learning, tasks

if TYPE_CHECKING:
    from .engine import Engine
    from .order import Piece
    from .parts import LoadedPart, Part, Reading


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
    """Handles of parts that are loaded for training.

    Parameters
    ----------
    engine : Engine
        Where the parts are held.
    parts : sequence of Part
        All parts.
    reading : Reading
        How parts are loaded.
    n_rows : sequence of int
        Number of training rows of each part.
    n_shards : int
        Number of shards.
    keeps_all : bool
        Whether parts are held until the end.
    """

    def __init__(
        self,
        engine: Engine,
        parts: Sequence[Part],
        reading: Reading,
        n_rows: Sequence[int],
        n_shards: int,
        *,
        keeps_all: bool,
    ) -> None:
        self._engine, self._parts, self._keeps_all = engine, parts, keeps_all
        self._n_rows = n_rows
        ranks = list(range(n_shards))
        self._readings = engine.hold(tasks.same, [(reading,)] * n_shards, ranks)
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
        """Release all parts."""
        self._release(list(self._handles))
        self._engine.release(self._readings)
        self._readings = []

    def _release(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._engine.release([self._handles.pop(number) for number in numbers])
