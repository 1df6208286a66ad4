"""Parts: pieces of the rows as the user has them, and as workers hold them for training."""

from __future__ import annotations

import pickle  # nosec B403
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..common.errors import count
from ..common.text import short
from ..data import samples

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..spec.configuration import Configuration
    from ..training.sharded import Learned
    from ..training.targets import Targets
    from .engine import Engine


class Part(NamedTuple):
    """One piece of the rows, at the driver.

    Attributes
    ----------
    number : int
        Place in the list of all parts, from 0.
    rank : int
        Place of its shard in the list of shards.
    source : tuple, callable, or handle of an engine
        What :func:`read_part` takes, or a handle of it.
    """

    number: int
    rank: int
    source: Any


class Shards(NamedTuple):
    """Parts of all shards, and how they are trained on; parameters of :class:`compiled_nn.distributed.ShardedRows`.

    Attributes
    ----------
    engine : Engine
        Where tasks run.
    parts : sequence of Part
        All parts.
    n_shards : int
        Number of shards.
    steps_per_average : int or "auto"
        Number of steps of each shard between two averages.
    in_memory : bool
        Whether workers keep all parts.
    n_threads : int
        Number of threads of each task.
    """

    engine: Engine
    parts: Sequence[Part]
    n_shards: int
    steps_per_average: int | Literal["auto"]
    in_memory: bool
    n_threads: int

    def rows_of(self, learned: Learned) -> list[int]:
        """Return the number of training rows of each shard."""
        n_rows = [0] * self.n_shards
        for part, n in zip(self.parts, learned.n_rows, strict=True):
            n_rows[part.rank] += n
        return n_rows


class RawPart(NamedTuple):
    """Rows of a part as the user has them.

    Attributes
    ----------
    X : array-like or table (m, k)
        Rows.
    y : array-like (m,) or (m, n)
        Labels or values.
    weights : array-like (m,), optional
        Sample weights.
    """

    X: Any
    y: Any
    weights: Any = None


class LoadedPart(NamedTuple):
    """Rows of a part, converted for the core: training rows as a worker holds them, or some rows for the driver.

    Attributes
    ----------
    X : ndarray or SparseRows (m, k)
        Rows.
    y : ndarray (m,) or (m, n)
        Encoded y of training rows; labels or values as given of rows for the driver.
    weights : ndarray (m,) of float64, or None
        Weights of the rows; None if all are 1. Those of training rows are sample weight times class weight.
    """

    X: Samples
    y: Array
    weights: Array | None

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.X, self.y, self.weights)

    def take(self, rows: Array | None) -> LoadedPart:
        """Return the rows with these indices; None for all."""
        if rows is None:
            return self
        weights = None if self.weights is None else self.weights[rows]
        return LoadedPart(samples.select(self.X, rows), self.y[rows], weights)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.X)

    @property
    def nbytes(self) -> int:
        """Number of bytes of the arrays."""
        X, weights = self.X, self.weights
        arrays = (X,) if isinstance(X, np.ndarray) else (X.indptr, X.indices, X.data)
        return sum(array.nbytes for array in (*arrays, self.y, *(() if weights is None else (weights,))))


def _received(X: Samples, y: Array, weights: Array | None) -> LoadedPart:
    """Return a part that another process has sent; its arrays are at any places of the message."""
    y = np.require(y, requirements=["A"])
    if weights is not None:
        weights = np.require(weights, requirements=["A"])
    return LoadedPart(samples.aligned(X), y, weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """How parts are loaded for training, the same for all of them; what workers get of :class:`Learned`.

    Attributes
    ----------
    configuration : Configuration
        Parameters of the network.
    inputs : Inputs
        Inputs, without what was seen.
    targets : Targets
        Encoding of y.
    class_weights : ndarray (n_classes,) or None
        Factor of the weights of the rows of each class.
    seed : int
        Seed of the split into training rows and validation rows.
    n_held_out : tuple of int
        Number of rows of each part that are held out; empty if there are none.
    """

    configuration: Configuration
    inputs: Inputs
    targets: Targets
    class_weights: Array | None
    seed: int
    n_held_out: tuple[int, ...]

    @classmethod
    def of(cls, configuration: Configuration, learned: Learned) -> Reading:
        """Return the options for what was learned from all shards."""
        inputs: Inputs = learned.inputs
        return cls(
            configuration=configuration,
            inputs=inputs.replace(seen=None),
            targets=learned.targets,
            class_weights=learned.class_weights,
            seed=learned.seed,
            n_held_out=learned.n_held_out,
        )


def joined(parts: Sequence[LoadedPart]) -> LoadedPart:
    """Return the rows of several parts as one; rows without weights have the weight 1."""
    if len(parts) == 1:
        return parts[0]
    weights = None
    if any(part.weights is not None for part in parts):
        weights = np.concatenate(
            [np.ones(part.n_rows) if part.weights is None else part.weights for part in parts]
        )
    X = samples.concatenated([part.X for part in parts])
    return LoadedPart(X, np.concatenate([part.y for part in parts]), weights)


def read_part(source: Any, number: int) -> RawPart:
    """Return the rows of a part, on a worker.

    Parameters
    ----------
    source : tuple (X, y) or (X, y, sample_weight), or callable
        The rows, or a function without arguments that returns them.
    number : int
        Place of the part in the list of all parts, for errors.
    """
    try:
        rows = source() if callable(source) else source
    except Exception as error:
        note = f"This is part {number} of the rows, counted from 0, which its function could not load: {short(source)}."
        if not _can_be_sent(error):
            raise RuntimeError(f"{type(error).__name__}: {error}. {note}") from None
        error.add_note(note)
        raise
    if not isinstance(rows, (tuple, list)) or len(rows) not in (2, 3):
        got = type(rows).__name__
        got += f" of {count(len(rows), 'item')}" if isinstance(rows, (tuple, list)) else ""
        raise TypeError(
            f"A part must be a pair (X, y), or (X, y, sample_weight), or a function that returns one. Part {number},"
            f" counted from 0, is {got}."
        )
    return RawPart(*rows)


def _can_be_sent(error: Exception) -> bool:
    """Whether another process can receive an exception; a pool of processes ends if it cannot."""
    try:
        pickle.loads(pickle.dumps(error))  # nosec B301
    except Exception:
        return False
    return True


def place(number: int) -> str:
    """Return the place of a part for errors."""
    return f"Part {number}, counted from 0"


def is_empty(X: Any) -> bool:
    """Whether rows, labels or weights state that there are none of them."""
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple):
        return bool(shape) and shape[0] == 0
    return isinstance(X, (list, tuple)) and not X
