"""Tasks: what workers compute. Each is a function of its arguments alone, so that an engine may compute it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..data import samples
from ..data.arrays import Array
from .order import Piece, rows_of
from .pace import Spent, spent
from .parts import LoadedPart, joined
from .replicas import Setup, lent
from .states import mean_of_numbers, pack, unpack


@contextmanager
def named(rank: int, pieces: Sequence[Piece]) -> Iterator[None]:
    """Add the shard and its parts to an error."""
    try:
        yield
    except Exception as error:
        numbers = ", ".join(str(piece.part) for piece in pieces)
        error.add_note(f"This is a task of shard {rank}, with rows of the parts {numbers}, counted from 0.")
        raise


def gathered(parts: Sequence[LoadedPart], pieces: Sequence[Piece]) -> LoadedPart:
    """Return the rows of pieces as one part; `parts` are those of the pieces."""
    found = []
    for part, piece in zip(parts, pieces, strict=True):
        rows = rows_of(piece, part.n_rows)
        if not isinstance(rows, slice):
            found.append(part.take(rows))
        elif (piece.start, piece.stop) == (0, part.n_rows):
            found.append(part)
        else:
            X = samples.between(part.X, piece.start, piece.stop)
            weights = None if part.weights is None else part.weights[rows]
            found.append(LoadedPart(X, part.y[rows], weights))
    return joined(found)


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


class Total(NamedTuple):
    """Sums over the rows of a shard so far, weighted, and the penalty.

    Attributes
    ----------
    vector : ndarray
        Sum of the gradients of loss and penalty, laid out like the parameters.
    loss : float
        Sum of the losses.
    weight : float
        Sum of the weights of the rows.
    penalty : float
        Penalty.
    """

    vector: Array
    loss: float
    weight: float
    penalty: float


def total_gradient(
    setup: Setup,
    rank: int,
    parts: Sequence[LoadedPart],
    pieces: Sequence[Piece],
    parameters: Array,
    penalty: tuple[float, float],
    before: Total | None,
) -> Total | None:
    """Return sums over all rows of some parts of a shard; None if all weights are 0.

    Parameters
    ----------
    setup, rank, parts, pieces, parameters
        As for :func:`gradient`; the pieces are whole parts.
    penalty : (float, float)
        The numbers l1 and l2 of the objective.
    before : Total or None
        Sums over the parts before these ones.
    """
    with named(rank, pieces), lent(setup, rank) as replica:
        stack = replica.stack
        with stack.changing():
            stack.parameters[...] = parameters
        objective = replica.objective.replace(l1=penalty[0], l2=penalty[1], penalty_per_row=False)
        for X, y, weights in parts:
            weight = float(len(X) if weights is None else weights.sum())
            if not weight:
                continue
            loss, of_weights = stack.gradient(X, y, objective.replace(weights=weights))
            vector, loss = weight * stack.gradients, weight * loss
            if before is not None:
                vector += before.vector
                loss, weight = before.loss + loss, before.weight + weight
            before = Total(vector, loss, weight, of_weights)
        return before


class Trained(NamedTuple):
    """Result of :func:`train`.

    Attributes
    ----------
    vector : ndarray
        State after the steps, as :func:`compiled_nn.distributed.states.pack` returns it.
    steps : int
        Number of steps of the optimizer after them.
    segments : list of (float, float, float or None, int)
        Mean loss, sum of the weights, mean norm of the gradient, if it is measured, and number of steps of the rows of
        each call of the core.
    spent : (str, float)
        Worker, and seconds of the task.
    """

    vector: Array
    steps: int
    segments: list[tuple[float, float, float | None, int]]
    spent: Spent

    @property
    def state(self) -> tuple[Array, int]:
        """State from which the next steps start."""
        return self.vector, self.steps

    @property
    def weight(self) -> float:
        """Sum of the weights of the rows."""
        return sum(weight for _, weight, _, _ in self.segments)

    @property
    def loss(self) -> float:
        """Mean loss of the rows, each before its step; 0 without rows."""
        losses, weights = [each[0] for each in self.segments], [each[1] for each in self.segments]
        return mean_of_numbers(losses, weights) if losses else 0.0

    @property
    def norm(self) -> float | None:
        """Mean norm of the gradient, if it is measured."""
        norms = [(norm, n) for _, _, norm, n in self.segments if norm is not None]
        return mean_of_numbers([norm for norm, _ in norms], [n for _, n in norms]) if norms else None


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
        return Trained(pack(stack), stack.steps, found, spent(start))


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
        return float(stack.loss(X, y, replica.objective.replace(weights=weights))[0])
