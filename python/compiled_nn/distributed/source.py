"""Sources of epochs over shards: rounds of exchanges, and those of synchronous mode."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..training.divergence import Divergence, Snapshot, worst_layer
from ..training.history import new_history
from ..training.stacks import Objective
from . import identity, tasks
from .holding import Holding
from .order import Sequences, share
from .pace import Pace
from .parts import Shards
from .replicas import Setup
from .states import mean_of, mean_of_numbers, pack

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..common.protocols import History
    from ..data.arrays import Array
    from ..optimizers.base import Optimizer
    from ..spec.configuration import Configuration
    from ..training.loop import OnStep
    from ..training.plan import Plan
    from ..training.sharded import Learned
    from ..training.trainer import Trainer
    from .cost import Mode
    from .pace import Spent


class Round(NamedTuple):
    """Outcome of one exchange between driver and workers.

    Attributes
    ----------
    loss : float
        Mean loss of its rows.
    weight : float
        Sum of the weights of its rows.
    norm : float or None
        Mean norm of the gradient, if it is measured.
    spent : list of (str, float)
        Worker and seconds of each task.
    """

    loss: float
    weight: float
    norm: float | None
    spent: list[Spent]


class Rounds(ABC):
    """Epochs over shards, as rounds of one exchange between the driver and the workers.

    Parameters
    ----------
    shards : Shards
        Parts, and where tasks run.
    trainer : Trainer
        Trainer of the network, which has the state of training.
    learned : Learned
        Properties learned from all shards.
    plan : Plan
        Parameters of fit.
    configuration : Configuration
        Parameters of the network, with the layer of its embeddings.
    objective : Objective
        Function to minimise.

    Attributes
    ----------
    has_stepped : bool
        Whether a step was taken.
    pace : Pace
        Times of the rounds, and the number of steps of the next one.
    """

    mode: Mode
    pace: Pace
    finished: str | None = None

    def __init__(
        self,
        shards: Shards,
        trainer: Trainer,
        learned: Learned,
        plan: Plan,
        configuration: Configuration,
        objective: Objective,
    ) -> None:
        self._engine, self._trainer, self._objective = shards.engine, trainer, objective
        self._shards, self._learned, self._configuration = shards, learned, configuration
        self._plan = plan
        self._parts: list[list[tuple[int, int]]] = [[] for _ in range(shards.n_shards)]
        for part in shards.parts:
            self._parts[part.rank].append((part.number, learned.n_rows[part.number]))
        self._sizes = [sum(n_rows for _, n_rows in parts) for parts in self._parts]
        self._holding: Holding | None = None
        self._last_finite: Snapshot | None = None
        self._resets = trainer.resets
        self._latest: list[tuple[Any, ...]] = []  # setups, ranks, parts and pieces of the last round
        self.has_stepped = False

    # ---- the interface of a source

    def run(
        self, optimizer: Optimizer, most: int, deadline: float, on_step: OnStep | None = None
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch, whatever `most` is; documented in :meth:`compiled_nn.training.loop.InMemory.run`."""
        trainer, start = self._trainer, perf_counter()
        trainer.set_optimizer(optimizer)
        if self._last_finite is None or self._resets != trainer.resets:
            self._last_finite, self._resets = Snapshot(trainer.stack), trainer.resets
        self._open()
        sequences = Sequences(self._parts, trainer.draw_seed() if self._shuffles() else None)
        n_steps, at = self._n_steps(), 0
        rates = trainer.rates(optimizer, n_steps, 1)
        rounds: list[Round] = []
        ends: list[int] = []
        while at < n_steps:
            if perf_counter() >= deadline:
                return new_history(), None
            steps = self._steps_of_round(at)
            begin = perf_counter()
            found = self._round(sequences, at, steps, rates[at : at + steps])
            self.pace.record(perf_counter() - begin, found.spent, steps)
            at += steps
            if not found.weight:
                continue
            rounds.append(found)
            ends.append(at)
            if not math.isfinite(found.loss):
                return self._diverged(rates, found.loss)
            self.has_stepped = True
            if on_step is not None and on_step(at, found.loss) is True and at < n_steps:
                return new_history(), None
        weights = [each.weight for each in rounds]
        loss = mean_of_numbers([each.loss for each in rounds], weights)
        if not self._last_finite.update(self._has_finite_loss):
            return self._diverged(rates, loss)
        trainer.epochs += 1
        columns: History = {
            "loss": [loss],
            "penalty": [penalty_of(trainer.stack, self._objective, sum(weights))],
            "learning_rate": [float(rates[-1])],
            "seconds": [perf_counter() - start],
        }
        norms = [each.norm for each in rounds if each.norm is not None]
        if norms:
            columns["gradient_norm"] = [mean_of_numbers(norms, np.diff([0, *ends]).tolist())]
        return columns, None

    def close(self) -> None:
        """Release what workers hold."""
        if self._holding is not None:
            self._holding.close()
            self._holding, self._latest = None, []

    # ---- continued runs

    def description(self) -> dict[str, Any]:
        """Return the description of the rows by which a checkpoint recognises its run."""
        return identity.description(self.mode, self._shards, self._learned)

    def state(self) -> dict[str, Any]:
        """Return the number of steps between averages that was chosen, for a checkpoint."""
        return {"steps": self.pace.chosen}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Set a :meth:`state`."""
        steps = state.get("steps")
        if type(steps) is int and steps > 0:
            self.pace.chosen = self.pace.steps = steps

    # ---- the parts in which the modes differ

    @abstractmethod
    def _shuffles(self) -> bool:
        """Return whether rows are shuffled before each epoch."""

    @abstractmethod
    def _n_steps(self) -> int:
        """Return the number of steps of an epoch: those of the longest shard."""

    @abstractmethod
    def _steps_of_round(self, at: int) -> int:
        """Return the number of steps of the next round, after `at` steps of an epoch."""

    @abstractmethod
    def _round(self, sequences: Sequences, at: int, steps: int, rates: Array) -> Round:
        """Train for some steps."""

    # ---- parts

    def _new_pace(self, batch_size: int) -> Pace:
        return Pace(
            self._shards.steps_per_average,
            n_rows=sum(self._sizes),
            batch_size=batch_size,
            n_shards=sum(size > 0 for size in self._sizes),
            steps_per_epoch=self._n_steps(),
            mode=self.mode,
            n_parameters=self._n_parameters(),
            most=None if self._shards.in_memory else max(max(self._learned.n_rows) // batch_size, 1),
        )

    def _n_parameters(self) -> int:
        return self._trainer.stack.n_parameters

    def _open(self) -> None:
        """Let workers hold the setup of the network."""
        if self._holding is None:
            self._holding = Holding(self._shards, self._learned, self._configuration, self._setup())

    def _setup(self) -> Any:
        """Return the options from which workers build stacks."""
        return Setup.of(self._trainer.stack, self._configuration, self._objective, self._shards.n_threads)

    def _map(
        self,
        function: Callable[..., Any],
        sequences: Sequences,
        bounds: Sequence[tuple[int, int]],
        *arguments: Sequence[Any],
    ) -> list[Any]:
        """Return the results of a task for the rows of each shard; `arguments` have one further argument per shard."""
        assert self._holding is not None
        ranks = [rank for rank, (start, stop) in enumerate(bounds) if start < stop]
        pieces = [sequences.pieces(rank, *bounds[rank]) for rank in ranks]
        following = [sequences.following(rank, bounds[rank][1]) for rank in ranks]
        handles = self._holding.use(pieces, [number for number in following if number is not None])
        setups = [self._holding.setups[rank] for rank in ranks]
        self._latest = list(zip(setups, ranks, handles, pieces, strict=True))
        given = [[each[rank] for each in arguments] for rank in ranks]
        return self._engine.map(
            function, [(*task, *more) for task, more in zip(self._latest, given, strict=True)], ranks
        )

    def _has_finite_loss(self) -> bool:
        """Return whether the present weights have a finite loss for the rows of the last round."""
        state = pack(self._trainer.stack)
        arguments = [(*task, state) for task in self._latest]
        losses = self._engine.map(tasks.loss, arguments, [task[1] for task in self._latest])
        return all(math.isfinite(loss) for loss in losses)

    def _diverged(self, rates: Array, loss: float) -> tuple[History, Divergence]:
        """Return to the last finite state, and describe the epoch."""
        assert self._last_finite is not None
        worst = worst_layer(self._trainer.stack)
        self._last_finite.restore()
        return new_history(), Divergence(float(rates[0]), loss, *worst)


def penalty_of(stack: Stack, objective: Objective, weight: float) -> float:
    """Return the penalty of the present weights; `weight` is that of the rows of an epoch."""
    if not (objective.l1 or objective.l2):
        return 0.0
    divisor = weight if objective.penalty_per_row else 1.0
    X, y = np.zeros((1, stack.columns), stack.dtype), np.zeros((1, stack.sizes[-1]), stack.dtype)
    return stack.loss(X, y, Objective("mse", l1=objective.l1 / divisor, l2=objective.l2 / divisor))[1]


class Synchronous(Rounds):
    """Steps with the gradient of rows of all shards.

    In each of the T steps of an epoch, a shard of m rows gives about m / T of them.
    """

    mode: Mode = "synchronous"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._batches = self._plan.cut(sum(self._sizes), batch_norm=False)
        self.pace = self._new_pace(self._batches.size)

    def _shuffles(self) -> bool:
        return self._batches.shuffles

    def _n_steps(self) -> int:
        return self._batches.steps

    def _steps_of_round(self, at: int) -> int:
        return 1

    def _round(self, sequences: Sequences, at: int, steps: int, rates: Array) -> Round:
        trainer, n_steps, n = self._trainer, self._n_steps(), len(self._sizes)
        bounds = [(share(size, at, n_steps), share(size, at + 1, n_steps)) for size in self._sizes]
        stack = trainer.stack
        found: list[tasks.Gradient] = self._map(
            tasks.gradient, sequences, bounds, [stack.parameters.copy()] * n, [stack.steps] * n
        )
        weights, spent = [each.weight for each in found], [each.spent for each in found]
        weight = sum(weights)
        if not weight:
            return Round(0.0, 0.0, None, spent)
        vectors = [each.vector for each in found if each.vector is not None]
        loss = mean_of_numbers([each.loss for each in found], weights)
        gradient = mean_of(vectors, [each for each in weights if each])
        stack.step_by(gradient, float(rates[0]), self._penalty_of_step(weight))
        norms = stack.gradient_norms
        return Round(loss, weight, None if norms is None else float(norms[0]), spent)

    def _penalty_of_step(self, weight: float) -> Objective:
        """Return the objective of a step, whose penalty is divided by the weight of its rows if that is required."""
        objective = self._objective
        if not objective.penalty_per_row:
            return objective
        return objective.replace(l1=objective.l1 / weight, l2=objective.l2 / weight, penalty_per_row=False)
