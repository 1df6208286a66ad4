"""Learning from all shards: what has to be known of the rows before a model is trained on them.

(a) Two passes: descriptions of all parts determine the inputs and the classes; sums, samples and validation rows need
    these. Both are one pass if X is not encoded, no rows are held out, and classes have no weights.
(b) Results are joined in the order of the parts, whatever their shards are.
(c) Everything is that of all rows, except medians, quartiles and bins, which are those of a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..artefact.inputs import Inputs
from ..artefact.seen import Seen
from ..common.errors import located
from ..data import arrays, dataframes, sample_weights
from ..data.arrays import Array
from ..preprocessing import standardization
from ..preprocessing.standardization import Moments, Statistics
from ..spec.configuration import Configuration
from ..training import levels, validation
from ..training.sharded import Learned, Request
from ..training.targets import Targets, infer_targets
from ..training.validation import Validation
from . import agreement, held_out, measures
from .descriptions import Description
from .engine import Engine
from .measures import Measures
from .parts import LoadedPart, Part, Reading, is_empty, joined, place, read_part
from .passes import Passes


def learn(engine: Engine, parts: Sequence[Part], request: Request, *, max_validation_rows: int) -> Learned:
    """Return the properties that the shards have in common, learned from all of them.

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

    Raises
    ------
    TypeError, ValueError
        If rows cannot be used; the message names the part, counted from 0, and the row in it.
    """
    passes = Passes(engine, parts, request)
    described, inputs = passes.described()
    n_rows = tuple(each.n_rows for each in described)
    examples, counts, totals, targets = _targets_of(request, [each for each in described if each.n_rows])
    n_held_out: tuple[int, ...] = ()
    if request.validation_fraction is not None:
        n_held_out = held_out.numbers(n_rows, request.validation_fraction, max_validation_rows)
    class_weights = None
    if request.class_weight is not None:
        classes = targets.weighted_classes()
        class_weights = sample_weights.factors_of_classes(request.class_weight, classes, lambda: totals)
    reading = Reading(
        configuration=request.configuration,
        inputs=inputs.replace(seen=None),
        targets=targets,
        class_weights=class_weights,
        seed=request.seed,
        n_held_out=n_held_out,
    )
    _check_examples(passes, targets, examples, reading)
    measured = passes.measured(described, reading)
    return _learned(request, reading, inputs, measured, examples, counts)


def _targets_of(request: Request, found: Sequence[Description]) -> tuple[Array, Array | None, Array, Targets]:
    """Return an example of y, rows and sums of weights of each class, and the targets without scaling."""
    c, outputs = request.configuration, agreement.outputs(found)
    examples = agreement.joined_examples(outputs)
    make = request.make_targets or partial(infer_targets, c.loss, c.n_outputs)
    targets = request.targets or make(examples)
    if targets.kind == "values" and targets.dtype is None:
        targets = targets.replace(dtype=levels.dtype_of_predictions(examples, c.dtype))
    if targets.classes is None or outputs[0].counts is None:
        return examples, None, np.zeros(0), targets
    counts, totals = np.zeros(len(targets.classes), np.int64), np.zeros(len(targets.classes))
    for part in outputs:
        assert part.counts is not None
        assert part.weights is not None
        places = np.searchsorted(targets.classes, part.examples)
        counts[places] += part.counts
        totals[places] += part.weights
    return examples, counts, totals, targets


def _check_examples(passes: Passes, targets: Targets, examples: Array, reading: Reading) -> None:
    """Raise the error of the first row of y that the targets cannot encode, if it is one of the examples."""
    try:
        measures.encode(targets, examples, reading)
    except (TypeError, ValueError):
        passes.encoded(reading)
        raise


def _learned(
    request: Request,
    reading: Reading,
    inputs: Inputs,
    measured: Sequence[Measures | None],
    examples: Array,
    counts: Array | None,
) -> Learned:
    """Return the properties that follow from the measures of all parts."""
    c, targets, found = (
        request.configuration,
        reading.targets,
        [each for each in measured if each is not None],
    )
    weights = tuple(0.0 if each is None else each.weight for each in measured)
    _check_weights(weights)
    sample = joined([each.sample for each in found if len(each.sample.y)])
    targets = _scaled(targets, c, found, sample)
    statistics = None
    if request.statistics:
        statistics = _statistics(
            c, inputs, [each.moments for each in found if each.moments is not None], sample
        )
    if request.bins:
        y = targets.encode(sample.y, c.dtype)
        inputs = inputs.with_bins(c, sample.X, statistics, y, None, sample.weights)
    inputs = _with_seen(inputs, request, found)
    held = [each.held_out for each in found if each.held_out is not None]
    return Learned(
        inputs=inputs,
        targets=targets,
        n_rows=tuple(0 if each is None else each.n_rows for each in measured),
        weights=weights,
        seed=request.seed,
        statistics=statistics,
        class_weights=reading.class_weights,
        held_out=_validation(joined(held), targets, c) if held else None,
        n_held_out=reading.n_held_out,
        sample=sample.X,
        sample_y=sample.y,
        y=examples,
        counts=counts,
    )


def _check_weights(weights: Sequence[float]) -> None:
    """Raise a ValueError if the weights of all training rows are 0, or their sum is beyond float64."""
    if not any(weights):
        raise ValueError("The weights of all training rows are 0; some row must have a weight above 0.")
    with np.errstate(over="ignore"):
        total = float(np.sum(weights))
    if not np.finfo(np.float64).tiny <= total < np.inf:
        raise ValueError(
            "The sum of the weights of all parts is beyond the range of float64. Multiply all weights by one number,"
            " since only their ratios matter."
        )


def _scaled(targets: Targets, c: Configuration, found: Sequence[Measures], sample: LoadedPart) -> Targets:
    """Return the targets with the scaling of values; or check that values can be learned without it."""
    if targets.kind != "values" or targets.scaling is not None:
        return targets
    values = targets.encode(sample.y, c.dtype, scaled=False)
    moments = [each.moments_of_y for each in found if each.moments_of_y is not None]
    if not moments:
        with located("In a sample of the rows of all parts"):
            levels.check(values, c.dtype, targets.loss)
        return targets
    scaling = standardization.joined_statistics(_sum(moments), values, "standard", sample.weights, "y")
    return targets.replace(scaling=scaling)


def _statistics(
    c: Configuration, inputs: Inputs, moments: Sequence[Moments], sample: LoadedPart
) -> Statistics:
    """Return the statistics of the columns; those of columns that are not numeric are 0 and 1."""
    assert c.scaling is not None
    encoder, mean, scale = inputs.encoder, np.zeros(inputs.n_columns), np.ones(inputs.n_columns)
    numbers = sample.X if encoder is None else encoder.numbers(sample.X)
    if n := inputs.n_numeric:
        mean[:n], scale[:n] = standardization.joined_statistics(
            _sum(moments), numbers, c.scaling, sample.weights
        )
    return Statistics(mean, scale)


def _sum(moments: Sequence[Moments]) -> Moments:
    """Return the moments of all parts."""
    first, *others = moments
    for other in others:
        first = first.joined(other)
    return first


def _with_seen(inputs: Inputs, request: Request, found: Sequence[Measures]) -> Inputs:
    """Return the inputs with a summary of the training rows, which is added to that of earlier training."""
    summaries = [each.seen for each in found if each.seen is not None]
    if not summaries:
        return inputs
    first, *others = summaries
    for other in others:
        first = first.merged(other)
    if request.inputs is None:
        return inputs.replace(seen=Seen(inputs.encoder, inputs.n_columns, first))
    if inputs.seen is not None:
        inputs.seen.add_again(first)
    return inputs


def _validation(rows: LoadedPart, targets: Targets, c: Configuration) -> Validation:
    """Return the validation rows, gathered from all parts."""
    if rows.weights is not None and not rows.weights.any():
        raise ValueError(
            f"The weights of all {len(rows.y)} validation rows are 0. Pass validation_data, in which some rows have a"
            " weight above 0, or leave out the rows of weight 0."
        )
    return Validation(rows.X, targets.encode(rows.y, c.dtype, scaled=False), rows.weights)


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
    raw, targets, dtype = read_part(source, number), reading.targets, reading.configuration.dtype
    if is_empty(raw.X):
        y = np.empty((0, targets.n_outputs), dtype)
        return LoadedPart(np.empty((0, reading.inputs.n_columns), dtype), y, None)
    with located(place(number)):
        X = reading.inputs.read(raw.X)
        y = targets.encode(raw.y, dtype, title=partial(dataframes.title, raw.y))
        arrays.check_rows(X, y)
        own = sample_weights.check(raw.weights, len(X), may_be_zero=True)
        weights = measures.weights_of(reading, y, own)
    loaded = LoadedPart(X, y, weights)
    if not reading.n_held_out or not (n := reading.n_held_out[number]):
        return loaded
    labels = validation.classes_of(y, targets)
    _, rows = held_out.split(len(X), n, labels, reading.seed, number)
    assert rows is not None
    return loaded.take(rows)
