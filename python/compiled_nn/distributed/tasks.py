"""Tasks: what workers compute. Each is a function of its arguments alone, so that an engine may compute it again."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..data import samples
from ..data.arrays import Array
from ..training.stacks import new_objective, new_stack
from .order import Piece, rows_of
from .pace import Spent, spent
from .parts import LoadedPart
from .states import pack, unpack

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
        if self.encoding is not None:
            stack.encode(*self.encoding)
        if self.statistics is not None:
            mean, deviation = self.statistics
            stack.standardize(mean, deviation, self.clipped)
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


@contextmanager
def named(rank: int, pieces: Sequence[Piece]) -> Iterator[None]:
    """Add the shard and its parts to an error."""
    try:
        yield
    except Exception as error:
        numbers = ", ".join(str(piece.part) for piece in pieces)
        error.add_note(f"This is a task of shard {rank}, with rows of the parts {numbers}, counted from 0.")
        raise


def same(value: Any) -> Any:
    """Return the value itself; for values that workers hold."""
    return value


def gathered(parts: Sequence[LoadedPart], pieces: Sequence[Piece]) -> LoadedPart:
    """Return the rows of pieces as one part; `parts` are those of the pieces."""
    found = []
    for part, piece in zip(parts, pieces, strict=True):
        rows = rows_of(piece, part.n_rows)
        if isinstance(rows, slice):
            if (piece.start, piece.stop) == (0, part.n_rows):
                found.append(part)
                continue
            X = samples.between(part.X, piece.start, piece.stop)
        else:
            X = samples.select(part.X, rows)
        found.append(LoadedPart(X, part.y[rows], None if part.weights is None else part.weights[rows]))
    return found[0] if len(found) == 1 else joined(found)


def joined(parts: Sequence[LoadedPart]) -> LoadedPart:
    """Return the rows of several parts as one."""
    weights = None
    if any(part.weights is not None for part in parts):
        weights = np.concatenate(
            [np.ones(part.n_rows) if part.weights is None else part.weights for part in parts]
        )
    X = samples.concatenated([part.X for part in parts])
    return LoadedPart(X, np.concatenate([part.y for part in parts]), weights)


class Gradient(NamedTuple):
    """Result of :func:`gradient`.

    Attributes
    ----------
    vector : ndarray or None
        Gradient of the mean loss, laid out like the parameters; None if all weights are 0.
    loss : float
        Mean loss.
    weight : float
        Sum of the weights of the rows.
    spent : (str, float)
        Worker, and seconds of the task.
    """

    vector: Array | None
    loss: float
    weight: float
    spent: Spent


def gradient(
    setup: Setup,
    rank: int,
    parts: Sequence[LoadedPart],
    pieces: Sequence[Piece],
    parameters: Array,
    steps: int,
) -> Gradient:
    """Return the gradient of the mean loss of some rows of a shard, without the penalty.

    Parameters
    ----------
    setup : Setup
        How the stack is built.
    rank : int
        Rank of the shard.
    parts, pieces : sequence
        Parts with the rows, and the rows of each.
    parameters : ndarray
        Parameters of the network.
    steps : int
        Number of steps that were taken, on which dropout depends.
    """
    start = perf_counter()
    with named(rank, pieces), lent(setup, rank) as replica:
        X, y, weights = gathered(parts, pieces)
        weight = float(len(X) if weights is None else weights.sum())
        if not weight:
            return Gradient(None, 0.0, 0.0, spent(start))
        stack = replica.stack
        with stack.changing():
            stack.parameters[...] = parameters
        objective = replica.objective.replace(weights=weights, l1=0.0, l2=0.0, penalty_per_row=False)
        number = steps if any(stack.dropout) else None
        loss, _ = stack.gradient(X, y, objective, number=number)
        return Gradient(stack.gradients.copy(), loss, weight, spent(start))


class Trained(NamedTuple):
    """Result of :func:`train`.

    Attributes
    ----------
    vector : ndarray
        State after the steps, as :func:`compiled_nn.distributed.states.pack` returns it.
    steps : int
        Number of steps of the optimizer after them.
    loss : float
        Mean loss of the rows, each before its step.
    weight : float
        Sum of the weights of the rows.
    norm : float or None
        Mean norm of the gradient, if it is measured.
    spent : (str, float)
        Worker, and seconds of the task.
    """

    vector: Array
    steps: int
    loss: float
    weight: float
    norm: float | None
    spent: Spent


def train(
    setup: Setup,
    rank: int,
    parts: Sequence[LoadedPart],
    pieces: Sequence[Piece],
    state: tuple[Array, int],
    optimizer: tuple[str, dict[str, float]],
    rates: Array,
    batch_size: int,
) -> Trained:
    """Return the state after steps on the batches of some rows of a shard.

    Parameters
    ----------
    setup, rank, parts, pieces
        As for :func:`gradient`.
    state : (ndarray, int)
        State before the steps, and the number of steps of the optimizer.
    optimizer : (str, dict)
        Name and hyperparameters of the optimizer.
    rates : ndarray of float64
        Learning rate of each step.
    batch_size : int
        Number of rows per batch; the last one may have fewer.
    """
    start = perf_counter()
    with named(rank, pieces), lent(setup, rank) as replica:
        stack = replica.stack
        replica.set_optimizer(optimizer)
        unpack(stack, *state)
        found = list(train_segments(replica, parts, pieces, rates, batch_size))
        total = sum(weight for _, weight, _, _ in found)
        loss = found[0][0] if len(found) == 1 else sum(loss * w for loss, w, _, _ in found) / (total or 1)
        n_steps = sum(n for *_, n in found)
        norms = [norm * n for _, _, norm, n in found if norm is not None]
        norm = sum(norms) / n_steps if norms else None
        return Trained(pack(stack), stack.steps, loss, total, norm, spent(start))


def train_segments(
    replica: Any, parts: Sequence[LoadedPart], pieces: Sequence[Piece], rates: Array, batch_size: int
) -> Iterator[tuple[Any, float, float | None, int]]:
    """Train, and yield loss, weight, norm and number of steps of rows that one call of the core trains on.

    Batches within one part are trained on in place; one that has rows of several parts is gathered. Rows whose weights
    are all 0 are skipped.
    """
    step = 0
    rest = list(zip(parts, pieces, strict=True))
    while rest:
        part, piece = rest[0]
        available = piece.stop - piece.start
        whole = available if len(rest) == 1 else available - available % batch_size
        if whole:
            rows = rows_of(piece._replace(stop=piece.start + whole), part.n_rows)
            order = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            data, taken = part, whole
        else:
            taken, first = 0, []
            for each_part, each in rest:
                stop = min(each.stop, each.start + batch_size - taken)
                first.append((each_part, each._replace(stop=stop)))
                taken += stop - each.start
                if taken == batch_size:
                    break
            data = gathered(*zip(*first, strict=True))
            order = np.arange(taken)
        n_steps = -(-taken // batch_size)
        weight = float(taken if data.weights is None else data.weights[order].sum())
        if weight:
            loss, norm = replica.train(data, order, rates[step : step + n_steps], batch_size)
            yield loss, weight, norm, n_steps
        step += n_steps
        rest = _without(rest, taken)


def _without(rest: list[tuple[LoadedPart, Piece]], n: int) -> list[tuple[LoadedPart, Piece]]:
    """Return parts and pieces without the first `n` rows."""
    left = []
    for part, piece in rest:
        skipped = min(n, piece.stop - piece.start)
        n -= skipped
        if piece.start + skipped < piece.stop:
            left.append((part, piece._replace(start=piece.start + skipped)))
    return left


def loss(
    setup: Setup, rank: int, parts: Sequence[LoadedPart], pieces: Sequence[Piece], state: Array
) -> float:
    """Return the mean loss of some rows of a shard for a state of :func:`compiled_nn.distributed.states.pack`.

    The other arguments are those of :func:`gradient`.
    """
    with named(rank, pieces), lent(setup, rank) as replica:
        X, y, weights = gathered(parts, pieces)
        if weights is not None and not weights.any():
            return 0.0
        stack = replica.stack
        n = stack.parameters.size
        with stack.changing():
            stack.parameters[...] = state[:n]
            stack.running[...] = state[n : n + stack.running.size]
        return stack.loss(X, y, replica.objective.replace(weights=weights))[0]
