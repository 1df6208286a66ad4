"""Members of an ensemble that are trained together over shards, in local steps and averages of their weights."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..training.stacks import train_together
from ..training.together import Together
from . import identity, replicas, tasks
from .averaging import Averaging
from .order import Sequences
from .pace import Spent, spent
from .parts import LoadedPart
from .source import penalty_of
from .states import mean_of, pack, unpack

if TYPE_CHECKING:
    from numpy.random import Generator

    from ..data.arrays import Array
    from ..training.batches import Batches
    from ..training.member import Member
    from ..training.plan import Plan
    from ..training.sharded import Learned
    from .order import Piece
    from .parts import Shards


# ---- on a worker


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupSetup:
    """Options from which workers build the stacks of all members.

    Attributes
    ----------
    setups : tuple of Setup
        Setup of each member.
    token : str
        Name of the members in all processes.
    """

    setups: tuple[replicas.Setup, ...]
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def new_replica(self) -> Group:
        """Return stacks without the states of the members."""
        return Group([setup.new_replica() for setup in self.setups])


class Group:
    """Stacks of the members in a worker, of which some are trained.

    Parameters
    ----------
    each : sequence of Replica
        Stack of each member.
    """

    def __init__(self, each: Sequence[replicas.Replica]) -> None:
        self.replicas = self.chosen = list(each)

    def set_rank(self, rank: int) -> None:
        """Let dropout be that of a shard."""
        for each in self.replicas:
            each.set_rank(rank)

    def train(self, data: LoadedPart, order: Array, rates: Array, batch_size: int) -> tuple[Array, None]:
        """Train the chosen members on rows of a part, with rates (steps, n); return the losses (n,)."""
        X, y, weights = data
        stacks = [each.stack for each in self.chosen]
        objectives = [each.objective.replace(weights=weights) for each in self.chosen]
        losses, _ = train_together(
            stacks,
            X,
            y,
            objectives,
            order,
            np.ascontiguousarray(rates.T),
            batch_size=batch_size,
            n_threads=objectives[0].n_threads,
        )
        return losses[:, 0], None


class Trained(NamedTuple):
    """Result of :func:`train`.

    Attributes
    ----------
    vectors : list of ndarray
        State of each member after the steps, as :func:`compiled_nn.distributed.states.pack` returns it.
    steps : list of int
        Number of steps of each optimizer after them.
    losses : ndarray (n,)
        Mean loss of the rows for each member, each row before its step.
    weight : float
        Sum of the weights of the rows.
    spent : (str, float)
        Worker, and seconds of the task.
    """

    vectors: list[Array]
    steps: list[int]
    losses: Array
    weight: float
    spent: Spent

    @property
    def state(self) -> list[tuple[Array, int]]:
        """State of each member, from which the next steps start."""
        return list(zip(self.vectors, self.steps, strict=True))


def train(
    setup: GroupSetup,
    rank: int,
    parts: Sequence[LoadedPart],
    pieces: Sequence[Piece],
    chosen: Sequence[int],
    states: Sequence[tuple[Array, int]],
    optimizers: Sequence[tuple[str, dict[str, float]]],
    rates: Array,
    batch_size: int,
) -> Trained:
    """Return the states of some members after steps on the batches of some rows of a shard.

    Parameters
    ----------
    setup, rank, parts, pieces, batch_size
        As for :func:`compiled_nn.distributed.tasks.train`.
    chosen : sequence of int
        Indices of the members.
    states, optimizers : sequence
        State and optimizer of each of them.
    rates : ndarray (steps, n) of float64
        Learning rates of each of them.
    """
    start = perf_counter()
    with tasks.named(rank, pieces), replicas.lent(setup, rank) as group:
        group.chosen = [group.replicas[i] for i in chosen]
        for replica, state, optimizer in zip(group.chosen, states, optimizers, strict=True):
            replica.set_optimizer(optimizer)
            unpack(replica.stack, *state)
        total, losses = 0.0, np.zeros(len(chosen))
        for found, weight, _, _ in tasks.train_segments(group, parts, pieces, rates, batch_size):
            total += weight
            losses += np.multiply(found, weight)
        stacks = [replica.stack for replica in group.chosen]
        return Trained(
            [pack(stack) for stack in stacks],
            [stack.steps for stack in stacks],
            losses / (total or 1.0),
            total,
            spent(start),
        )


# ---- at the driver


class MemberRounds(Averaging):
    """Rounds of the members of an ensemble, which are trained by the same tasks.

    Parameters
    ----------
    shards : Shards
        Parts, and where tasks run.
    members : sequence of Member
        All members, in the order of the ensemble.
    learned : Learned
        Properties of all rows.
    plan : Plan
        Parameters of fit.
    """

    def __init__(self, shards: Shards, members: Sequence[Member], learned: Learned, plan: Plan) -> None:
        self._members = members
        first = max(
            members, key=lambda member: member.configuration.has_batch_norm
        )  # it decides on the batches
        super().__init__(shards, first.trainer, learned, plan, first.configuration, first.objective)

    @property
    def batches(self) -> Batches:
        """Batches of the shard with the most steps in an epoch."""
        return max((each for each in self._batches if each is not None), key=lambda each: each.steps)

    def train(
        self, members: Sequence[Member], rates: Array, seed: int | None, deadline: float
    ) -> tuple[Array, Array] | None:
        """Train some members for one epoch; return losses and penalties (n,), or None if the deadline has passed."""
        self._open()
        sequences, at = Sequences(self._parts, seed), 0
        losses, total = np.zeros(len(members)), 0.0
        while at < self.batches.steps:
            if perf_counter() >= deadline:
                return None
            steps = self._steps_of_round(at)
            start = perf_counter()
            found = self._exchange(members, sequences, at, rates[:, at : at + steps])
            self.pace.record(perf_counter() - start, [each.spent for each in found], steps)
            at += steps
            for each in found:
                losses += each.losses * each.weight
                total += each.weight
        penalties = [penalty_of(member.trainer.stack, member.objective, total) for member in members]
        return losses / total, np.array(penalties)

    def _exchange(
        self, members: Sequence[Member], sequences: Sequences, at: int, rates: Array
    ) -> list[Trained]:
        """Train some members for a few steps of each shard, and set their states to the means over the shards."""
        n, steps = len(self._sizes), rates.shape[1]
        local = self._local(at, steps, rates.T)
        stacks = [member.trainer.stack for member in members]
        chosen = [self._members.index(member) for member in members]
        states = [(pack(stack), stack.steps) for stack in stacks]
        optimizers = [member.trainer.hyperparameters for member in members]
        found: list[list[Trained]] = self._in_turns(
            train, sequences, local, lambda states: ([chosen] * n, states, [optimizers] * n), states
        )
        weights = [sum(each.weight for each in turns) for turns in found]
        if any(weights):
            for i, stack in enumerate(stacks):
                mean = mean_of([turns[-1].vectors[i] for turns in found], weights)
                unpack(stack, mean, max(turns[-1].steps[i] for turns in found))
        return [each for turns in found for each in turns]

    def _setup(self) -> GroupSetup:
        setups = [
            replicas.Setup.of(
                member.trainer.stack, member.configuration, member.objective, self._shards.n_threads
            )
            for member in self._members
        ]
        return GroupSetup(setups=tuple(setups))

    def _n_parameters(self) -> int:
        return sum(member.trainer.stack.n_parameters for member in self._members)


class ShardedMembers(Together):
    """Epochs of several networks over the same shards, in local steps and averages of the states.

    Parameters
    ----------
    shards, members, learned, plan
        As for :class:`MemberRounds`.
    rng : numpy.random.Generator
        Generator of the order of the rows.
    """

    def __init__(
        self, shards: Shards, members: Sequence[Member], rng: Generator, learned: Learned, plan: Plan
    ) -> None:
        super().__init__(members, rng)
        self._rounds = MemberRounds(shards, self.members, learned, plan)
        self.batches, self.pace = self._rounds.batches, self._rounds.pace

        self._description = identity.description("averaging", shards, learned)

    def description(self) -> dict[str, Any]:
        """Return the description of the rows by which a checkpoint recognises its run."""
        return self._description

    def state(self) -> dict[str, Any]:
        """Return the number of steps between averages that was chosen, for a checkpoint."""
        return {"steps": self.pace.chosen}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Set a :meth:`state`."""
        if type(state.get("steps")) is int:
            self.pace.chosen = self.pace.steps = max(state["steps"], 1)

    def release(self) -> None:
        """Release the data of a call of fit, and what workers hold."""
        super().release()
        self._rounds.close()

    def _epochs_together(self, members: Sequence[Member], most: int) -> int:
        return 1

    def _order(self, epochs: int) -> None:
        """Return None: the rows of each shard are shuffled by the workers."""

    def _train(self, members: Sequence[Member], rates: Array, **options: Any) -> tuple[Array, Array]:
        seed = int(self.rng.integers(1 << 63)) if self.batches.shuffles else None
        found = self._rounds.train(members, rates, seed, options["deadline"])
        if found is None:
            return np.empty((len(members), 0)), np.empty((len(members), 0))
        losses, penalties = found
        return losses[:, np.newaxis], penalties[:, np.newaxis]


def members_of(
    shards: Shards, mode: str, members: Sequence[Member], rng: Generator, learned: Learned, plan: Plan
) -> ShardedMembers:
    """Return the object that trains members over shards; documented in :meth:`Sharded.members`."""
    if mode == "synchronous":
        raise ValueError(
            'An ensemble is trained on ShardedRows with mode="averaging" only; its mode is "synchronous". Pass'
            ' mode="averaging".'
        )
    return ShardedMembers(shards, members, rng, learned, plan)
