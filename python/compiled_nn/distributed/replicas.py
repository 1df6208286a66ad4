"""Replicas: stacks of a network in the processes of workers, kept for the next task."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from ..training.stacks import new_objective, new_stack, set_scaling
from .parts import LoadedPart

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ..spec.configuration import Configuration

_KEPT = 4  # networks of which a process keeps stacks
_SPREAD = 0x9E3779B97F4A7C15  # odd number by which the keys of dropout of two shards differ


@dataclass(frozen=True, eq=False, kw_only=True)
class Setup:
    """Description of a network, from which workers build its stack; the same in all tasks of a call of fit.

    Attributes
    ----------
    configuration : Configuration
        Parameters of the network, with the layer of its embeddings.
    n_inputs : int
        Number of inputs of the first layer.
    has_last_bias : bool
        Whether the last layer has a bias.
    statistics, clipped, encoding
        Scaling and bins of the stack.
    dropout_key : int
        Key of the dropout of shard 0.
    penalty : (float, float, bool)
        The numbers l1 and l2 of the objective, and whether they are divided by the number of rows.
    n_threads : int
        Number of threads.
    token : str
        Name of the network in all processes.
    """

    configuration: Configuration
    n_inputs: int
    has_last_bias: bool
    statistics: Any
    clipped: int
    encoding: Any
    dropout_key: int
    penalty: tuple[float, float, bool]
    n_threads: int
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(cls, stack: Stack, configuration: Configuration, objective: Objective, n_threads: int) -> Setup:
        """Return the setup for copies of a stack."""
        return cls(
            configuration=configuration,
            n_inputs=stack.sizes[0],
            has_last_bias=stack.views()[-1][1] is not None,
            statistics=stack.statistics,
            clipped=stack.clipped,
            encoding=stack.encoding,
            dropout_key=stack.dropout_key,
            penalty=(objective.l1, objective.l2, objective.penalty_per_row),
            n_threads=n_threads,
        )

    def new_replica(self) -> Replica:
        """Return a stack in this worker, without the state of the network."""
        return Replica(self)

    def new_stack(self) -> Stack:
        """Return a stack without the state of the network."""
        c, k = self.configuration, self.n_inputs
        states: list[dict[str, Any]] = []
        for i, layer in enumerate(c.layers):
            state: dict[str, Any] = {"weight": np.zeros((k, layer.units))}
            if layer.bias or (self.has_last_bias and i == len(c.layers) - 1):
                state["bias"] = np.zeros(layer.units)
            states.append(state)
            k = layer.units
        stack = new_stack(c, states)
        set_scaling(stack, self.statistics, self.clipped, self.encoding)
        return stack


class Replica:
    """Stack of a network in a worker.

    Parameters
    ----------
    setup : Setup
        How it is built.

    Attributes
    ----------
    stack : Stack
        Stack.
    objective : Objective
        Function to minimise.
    """

    def __init__(self, setup: Setup) -> None:
        l1, l2, per_row = setup.penalty
        self.stack = setup.new_stack()
        self.objective = new_objective(setup.configuration, setup.n_threads).replace(
            l1=l1, l2=l2, penalty_per_row=per_row
        )
        self._optimizer: Any = None
        self._rates, self._key = self.stack.dropout, setup.dropout_key

    def set_optimizer(self, optimizer: tuple[str, dict[str, float]]) -> None:
        """Set the optimizer, if it is another one."""
        if optimizer != self._optimizer:
            name, hyperparameters = optimizer
            self.stack.set_optimizer(name, **hyperparameters)
            self._optimizer = optimizer

    def set_rank(self, rank: int) -> None:
        """Let dropout be that of a shard."""
        if any(self._rates):
            self.stack.set_dropout(self._rates, (self._key + rank * _SPREAD) % (1 << 64))

    def train(
        self, data: LoadedPart, order: Array, rates: Array, batch_size: int
    ) -> tuple[float, float | None]:
        """Train on rows of a part; return the mean loss and the mean norm of the gradient, if it is measured."""
        X, y, weights = data
        objective = self.objective.replace(weights=weights)
        losses, _ = self.stack.train_epochs(X, y, objective, order, rates, epochs=1, batch_size=batch_size)
        norms = self.stack.gradient_norms
        return float(losses[0]), None if norms is None else float(norms[0])


_replicas: OrderedDict[str, list[Any]] = OrderedDict()
_lock = threading.Lock()


@contextmanager
def lent(setup: Any, rank: int) -> Iterator[Any]:
    """Lend a replica of a setup that no other thread has."""
    with _lock:
        free = _replicas.setdefault(setup.token, [])
        _replicas.move_to_end(setup.token)
        while len(_replicas) > _KEPT:
            _replicas.popitem(last=False)
        replica = free.pop() if free else None
    replica = replica or setup.new_replica()
    replica.set_rank(rank)
    yield replica
    with _lock:
        free.append(replica)
