"""Packs of a search whose networks are divided over the workers of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ..training.spread import Rows, Spreading, Work
from ..training.spread_epochs import Place

if TYPE_CHECKING:
    from ..common.engine import Engine
    from ..common.protocols import History
    from ..training.spread import ReadData
    from ..training.together import Together


class Divisible(Protocol):
    """Networks in training that can be divided: a pack, without the import of its module."""

    @property
    def together(self) -> Together: ...
    @property
    def read(self) -> ReadData: ...
    def advance(self, last: int) -> None: ...
    def record(self, columns: History, seconds: Mapping[int, float]) -> None: ...


class SpreadPacks:
    """Packs whose networks are trained by the workers of an engine; they are divided again for each round.

    Parameters
    ----------
    engine : Engine
        Where tasks run.
    packs : sequence of Divisible
        Packs that were started.
    """

    def __init__(self, engine: Engine, packs: Sequence[Divisible]) -> None:
        for pack in packs:
            if pack.together.shared is not None:
                raise ValueError(
                    "shared_weights=True cannot be used with map: members that share weights are trained in one"
                    " process. Leave one of them out."
                )
        self._packs = list(packs)
        self._spreading = Spreading(engine, [Rows.of(pack.together.data, pack.read) for pack in packs])

    def advance(
        self,
        packs: Sequence[Divisible],
        lasts: Sequence[int],
        deadline: float,
        like: Divisible | None = None,
    ) -> None:
        """Train packs up to an epoch of each, the deadline, or until no candidate is trained further.

        Parameters
        ----------
        packs : sequence of Divisible
            Packs.
        lasts : sequence of int
            Last epoch of each.
        deadline : float
            Time of `perf_counter` at which training ends.
        like : Divisible, optional
            Pack whose rows they have; by default each has its own.
        """
        works = [
            Work(pack.together, self._packs.index(like or pack), last)
            for pack, last in zip(packs, lasts, strict=True)
        ]
        rounds = self._spreading.advance(works, deadline)
        for pack, round_ in zip(packs, rounds, strict=True):
            pack.record(round_.columns, round_.seconds)

    def place_of(self, pack: Divisible) -> Place:
        """Return the workers, with the place of the rows of a pack."""
        return Place(self._spreading, self._packs.index(pack))

    def close(self) -> None:
        """Release the rows of the workers."""
        self._spreading.close()
