"""Learning from all shards: what has to be known of the rows before it is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..artefact.inputs import Inputs
from ..data import arrays, class_labels, sample_weights
from ..data.arrays import Array
from ..preprocessing.standardization import Statistics
from ..training.sharded import Learned, Request
from ..training.targets import Targets, infer_targets, read_targets, weights_of
from .engine import Engine
from .parts import LoadedPart, Part, Reading, read_part


class Description(NamedTuple):
    """one part: rows, first row, distinct labels or a few values, weights, and moments of the columns."""

    n_rows: int
    weight: float
    first: Array
    labels: Array
    mean: Array
    squares: Array


def learn(engine: Engine, parts: Sequence[Part], request: Request, *, max_validation_rows: int) -> Learned:
    """Return the properties that the shards have in common, learned from all of them in rank order.

    Parameters
    ----------
    engine : Engine
        Where the parts are read.
    parts : sequence of Part
        All parts.
    request : Request
        Properties to learn.
    max_validation_rows : int
        Largest number of rows that are held out.
    """
    if request.validation_fraction is not None:
        raise ValueError("validation_fraction cannot be used with ShardedRows yet. Pass validation_data.")
    c = request.configuration
    tasks = [(part.source, part.number, c.loss.classifies) for part in parts]
    found = [each for each in engine.map(describe, tasks, [part.rank for part in parts]) if each is not None]
    inputs = request.inputs or Inputs.learned(c, found[0].first, request.n_columns)[0]
    y = np.concatenate([each.labels for each in found])
    make = request.make_targets or partial(infer_targets, c.loss, c.n_outputs)
    targets = request.targets or make(y)
    targets = read_targets(c, found[0].first[:1].repeat(len(y), axis=0), y, targets, training=c.dtype)[1]
    statistics = _merged(found) if request.statistics else None
    return Learned(
        inputs=inputs,
        targets=targets,
        n_rows=tuple(each.n_rows for each in found),
        weights=tuple(each.weight for each in found),
        seed=request.seed,
        statistics=statistics,
        sample=inputs.read(found[0].first),
        y=y,
    )


def _merged(found: list[Description]) -> Statistics:
    """Return mean and deviation of the columns of all parts."""
    weights = np.array([each.weight for each in found])
    means = np.stack([each.mean for each in found])
    total = weights.sum()
    mean = (weights[:, np.newaxis] * means).sum(axis=0) / total
    squares = np.stack([each.squares for each in found])
    squares = squares.sum(axis=0) + (weights[:, np.newaxis] * (means - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / total)
    return Statistics(mean, np.where(deviation > 0, deviation, 1.0))


def describe(source: Any, number: int, classifies: bool) -> Description:
    """Return the description of a part, on a worker."""
    raw = read_part(source, number)
    X = arrays.design(raw.X, dtype="float64")
    weights = sample_weights.check(raw.weights, len(X), may_be_zero=True)
    each = np.ones(len(X)) if weights is None else weights
    y = np.asarray(raw.y)
    labels = class_labels.distinct(class_labels.read(y)) if classifies and y.ndim == 1 else y[:2]
    total = max(each.sum(), np.finfo(float).tiny)
    mean = (each[:, np.newaxis] * X).sum(axis=0) / total
    squares = (each[:, np.newaxis] * (X - mean) ** 2).sum(axis=0)
    return Description(len(X), float(each.sum()), X[:1], labels, mean, squares)


def load(source: Any, number: int, reading: Reading) -> LoadedPart:
    """Return the training rows of a part, converted for the core, on a worker.

    Parameters
    ----------
    source : tuple or callable
        As for :func:`read_part`.
    number : int
        Place of the part in the list of all parts.
    reading : Reading
        How parts are loaded.
    """
    raw = read_part(source, number)
    X = reading.inputs.read(raw.X)
    targets: Targets = reading.targets
    y, _ = read_targets(reading.configuration, X, raw.y, targets)
    weights = sample_weights.check(raw.weights, len(X), may_be_zero=True)
    return LoadedPart(X, y, weights_of(targets, y, weights))
