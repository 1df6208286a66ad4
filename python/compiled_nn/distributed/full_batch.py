"""Epochs of L-BFGS over shards: sums of the gradients of all rows, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..training.lbfgs import FullBatch
from . import tasks
from .holding import Holding
from .order import Piece
from .replicas import Setup

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..data.arrays import Array
    from ..spec.configuration import Configuration
    from ..training.sharded import Learned
    from ..training.trainer import Trainer
    from .parts import Part, Shards


class FullBatchOfShards(FullBatch):
    """Epochs of L-BFGS over shards, in either mode; the interface is that of :class:`FullBatch`.

    Each evaluation of the loss and its gradient goes through the parts of all shards, which are summed in order: by a
    worker over the parts of a task, then over the shards.

    Parameters
    ----------
    shards : Shards
        Parts, and where tasks run.
    trainer : Trainer
        Trainer of the network, which has the weights after each step.
    learned : Learned
        Properties learned from all shards.
    objective : Objective
        Function to minimise.
    configuration : Configuration
        Parameters of the network, with the layer of its embeddings.
    """

    def __init__(
        self,
        shards: Shards,
        trainer: Trainer,
        learned: Learned,
        objective: Objective,
        configuration: Configuration,
    ) -> None:
        super().__init__(trainer, None, objective, configuration)
        self._shards, self._learned = shards, learned
        self._exact = configuration.replace(dtype="float64")
        divisor = sum(learned.weights) if objective.penalty_per_row else 1.0
        self._penalty = objective.l1 / divisor, objective.l2 / divisor
        self._holding: Holding | None = None

    def close(self) -> None:
        """Release what workers hold."""
        if self._holding is not None:
            self._holding.close()
            self._holding = None

    def _open(self) -> Holding:
        """Let workers hold the setup of the network."""
        if self._holding is None:
            setup = Setup.of(self._stack, self._exact, self._objective, self._shards.n_threads)
            self._holding = Holding(self._shards, self._learned, self._exact, setup)
        return self._holding

    def _waves(self) -> list[list[list[Part]]]:
        """Return the parts of the tasks, by rank, of which one group after another is in memory."""
        shards = self._shards
        parts: list[list[Part]] = [[] for _ in range(shards.n_shards)]
        for part in shards.parts:
            if self._learned.n_rows[part.number]:
                parts[part.rank].append(part)
        if shards.in_memory:
            return [parts]
        return [[each[i : i + 1] for each in parts] for i in range(max(map(len, parts)))]

    def _gradient(self) -> tuple[float, float, Array]:
        """Return loss, penalty, and the gradient of their sum."""
        holding, parameters = self._open(), self._stack.parameters.copy()
        totals: list[tasks.Total | None] = [None] * self._shards.n_shards
        waves = self._waves()
        for wave, next_wave in zip(waves, [*waves[1:], []], strict=True):
            ranks = [rank for rank, parts in enumerate(wave) if parts]
            pieces = [[self._piece(part) for part in wave[rank]] for rank in ranks]
            following = [part.number for parts in next_wave for part in parts]
            arguments = [
                (holding.setups[rank], rank, handles, each, parameters, self._penalty, totals[rank])
                for rank, handles, each in zip(ranks, holding.use(pieces, following), pieces, strict=True)
            ]
            found = self._shards.engine.map(tasks.total_gradient, arguments, ranks)
            for rank, total in zip(ranks, found, strict=True):
                totals[rank] = total
        used = [total for total in totals if total is not None]
        weight = sum(total.weight for total in used)
        gradient = used[0].vector / weight
        for total in used[1:]:
            gradient += total.vector / weight
        return sum(total.loss for total in used) / weight, used[0].penalty, gradient

    def _piece(self, part: Part) -> Piece:
        return Piece(part.number, 0, self._learned.n_rows[part.number], None)
