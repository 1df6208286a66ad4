"""Averaging mode: steps of each shard on its rows, and averages of the states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import tasks
from .order import Sequences, share
from .source import Round, Rounds
from .states import mean_of, mean_of_numbers, pack, unpack

if TYPE_CHECKING:
    from ..data.arrays import Array
    from .cost import Mode


class Averaging(Rounds):
    """Steps of each shard on batches of its rows, and averages of the states.

    The shards pass through their epochs together: after a part of the steps of the longest one, each has taken about
    the same part of its steps.
    """

    mode: Mode = "averaging"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        c = self._configuration
        self._batches = [
            self._plan.cut(size, batch_norm=c.has_batch_norm) if size else None for size in self._sizes
        ]
        self.pace = self._new_pace(max(batches.size for batches in self._batches if batches is not None))

    def _shuffles(self) -> bool:
        return any(batches is not None and batches.shuffles for batches in self._batches)

    def _n_steps(self) -> int:
        return max(batches.steps for batches in self._batches if batches is not None)

    def _steps_of_round(self, at: int) -> int:
        left = self._n_steps() - at
        n_rounds = -(-left // self.pace.steps)
        return -(-left // n_rounds)

    def _round(self, sequences: Sequences, at: int, steps: int, rates: Array) -> Round:
        stack, n = self._trainer.stack, len(self._sizes)
        optimizers = [self._trainer.hyperparameters] * n
        turns: list[list[tasks.Trained]] = self._in_turns(
            tasks.train,
            sequences,
            self._local(at, steps, rates),
            lambda states: (states, optimizers),
            (pack(stack), stack.steps),
        )
        spent = [each.spent for every in turns for each in every]
        found = [
            every[-1]._replace(segments=[part for each in every for part in each.segments]) for every in turns
        ]
        weights = [each.weight for each in found]
        if not any(weights):
            return Round(0.0, 0.0, None, spent)
        unpack(stack, mean_of([each.vector for each in found], weights), max(each.steps for each in found))
        loss = mean_of_numbers([each.loss for each in found], weights)
        norms = [each.norm for each in found if each.norm is not None]
        norm = (
            mean_of_numbers(norms, [each.weight for each in found if each.norm is not None])
            if norms
            else None
        )
        return Round(loss, sum(weights), norm, spent)

    def _in_turns(
        self,
        function: Callable[..., Any],
        sequences: Sequences,
        local: tuple[list[tuple[int, int]], list[Array], list[int]],
        arguments: Callable[[list[Any]], tuple[Sequence[Any], ...]],
        state: Any,
    ) -> list[list[Any]]:
        """Return the results of a task of each shard that has rows, of one turn after another.

        Parameters
        ----------
        function : callable
            Task, whose results have a `state`.
        sequences : Sequences
            Rows of the epoch.
        local : tuple
            Result of :meth:`_local`.
        arguments : callable
            Function from the state of each shard to the arguments of the task before rates and batch size.
        state : object
            State of all shards before the round.
        """
        bounds, own_rates, sizes = local
        states = [state] * len(sizes)
        found: dict[int, list[Any]] = {}
        for turn in self._turns(sequences, bounds, sizes):
            rates = [
                each[(start - first) // size : -(-(stop - first) // size)]
                for each, (start, stop), (first, _), size in zip(own_rates, turn, bounds, sizes, strict=True)
            ]
            results = self._map(function, sequences, turn, *arguments(states), rates, sizes)
            ranks = [rank for rank, (start, stop) in enumerate(turn) if start < stop]
            for rank, result in zip(ranks, results, strict=True):
                found.setdefault(rank, []).append(result)
                states[rank] = result.state
        return [found[rank] for rank in sorted(found)]

    def _turns(
        self, sequences: Sequences, bounds: list[tuple[int, int]], sizes: Sequence[int]
    ) -> list[list[tuple[int, int]]]:
        """Return the rows that each shard trains on at a time: of few parts, unless workers keep all parts."""
        if self._shards.in_memory:
            return [bounds]
        cuts = [
            sequences.cuts(rank, *each, size)
            for rank, (each, size) in enumerate(zip(bounds, sizes, strict=True))
        ]
        n = max(len(each) for each in cuts) - 1
        return [[(each[i], each[i + 1]) if i + 1 < len(each) else (0, 0) for each in cuts] for i in range(n)]

    def _local(
        self, at: int, steps: int, rates: Array
    ) -> tuple[list[tuple[int, int]], list[Array], list[int]]:
        """Return the rows that each shard trains on in a round, the learning rates of its steps and its batch size."""
        n_steps = self._n_steps()
        bounds, own_rates, sizes = [], [], []
        for size, batches in zip(self._sizes, self._batches, strict=True):
            if batches is None:
                bounds.append((0, 0))
                own_rates.append(rates)
                sizes.append(1)
                continue
            first, last = share(batches.steps, at, n_steps), share(batches.steps, at + steps, n_steps)
            bounds.append((first * batches.size, min(last * batches.size, size)))
            own_rates.append(rates[: last - first])
            sizes.append(batches.size)
        return bounds, own_rates, sizes
