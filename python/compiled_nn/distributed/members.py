"""Members of an ensemble that are trained together over shards, in local steps and averages of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..training.batches import Batches, make_batches
from ..training.together import Together

if TYPE_CHECKING:
    from numpy.random import Generator

    from ..data.arrays import Array
    from ..training.member import Member
    from ..training.plan import Plan
    from ..training.sharded import Learned
    from .parts import Shards


class ShardedMembers(Together):
    """Epochs of several networks over the same shards.

    Parameters
    ----------
    shards : Shards
        Parts, and where tasks run.
    members : sequence of Member
        All members, in the order of the ensemble.
    rng : numpy.random.Generator
        Generator of the order of the rows.
    learned : Learned
        Properties of all rows.
    """

    def __init__(self, shards: Shards, members: Sequence[Member], rng: Generator, learned: Learned) -> None:
        super().__init__(members, rng)
        self._shards, self._learned = shards, learned

    def _epochs_together(self, members: Sequence[Member], most: int) -> int:
        return 1

    def _order(self, epochs: int) -> Array | None:
        return None

    def _train(self, members: Sequence[Member], rates: Array, **options: Any) -> tuple[Array, Array]:
        raise NotImplementedError


def members_of(
    shards: Shards, mode: str, members: Sequence[Member], rng: Generator, learned: Learned, plan: Plan
) -> tuple[ShardedMembers, Batches]:
    """Return the object that trains members over shards, and its batches; documented in :meth:`Sharded.members`."""
    if mode == "synchronous":
        raise ValueError(
            'An ensemble is trained on ShardedRows with mode="averaging" only; its mode is "synchronous". Pass'
            ' mode="averaging".'
        )
    has_batch_norm = any(member.configuration.has_batch_norm for member in members)
    longest = max(shards.rows_of(learned))
    batches = make_batches(longest, plan.batch_size, None, plan.shuffle, batch_norm=has_batch_norm)
    return ShardedMembers(shards, members, rng, learned), batches
