"""Second pass over the parts: sums of their training rows, a sample of them, and the rows that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact.seen import Seen
from ..common.errors import located
from ..data import arrays, dataframes, sample_weights
from ..preprocessing.standardization import Moments
from ..training import levels, validation
from . import held_out
from .parts import LoadedPart, Reading, is_empty, place, read_part

if TYPE_CHECKING:
    from ..artefact.seen import Summary
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..preprocessing.tabular import Tabular
    from ..training.targets import Targets

MOST_ROWS = 100_000  # of a sample for medians, quartiles and bins
FEW_ROWS = 4096  # of a sample for other purposes
_MOST_NUMBERS = 1 << 24  # of a sample


class Measuring(NamedTuple):
    """How parts are measured.

    Attributes
    ----------
    encoder : Tabular or None
        Encoder of tables.
    statistics : bool
        Whether to compute the moments of the columns.
    scale_targets : bool
        Whether to compute the moments of y.
    reading : Reading or None
        How parts are loaded; None if they are described in the same pass.
    """

    encoder: Tabular | None
    statistics: bool
    scale_targets: bool
    reading: Reading | None = None


class Measures(NamedTuple):
    """Measures of the training rows of a part.

    Attributes
    ----------
    n_rows : int
        Number of training rows.
    weight : float
        Sum of their weights.
    moments, moments_of_y : Moments or None
        Moments of the columns of X that are scaled, and of those of y, weighted by the sample weights.
    seen : Summary or None
        Summary of the rows of a weight above 0; None if there are none.
    sample : LoadedPart
        Some of the training rows.
    held_out : LoadedPart or None
        LoadedPart that are held out, with their weights: sample weight times class weight.
    """

    n_rows: int
    weight: float
    moments: Moments | None
    moments_of_y: Moments | None
    seen: Summary | None
    sample: LoadedPart
    held_out: LoadedPart | None


def measure(source: Any, number: int, measuring: Measuring, n_sample: int) -> Measures | None:
    """Return the measures of a part, on a worker; None if it has no rows.

    Parameters
    ----------
    source : tuple or callable
        As for :func:`compiled_nn.distributed.parts.read_part`.
    number : int
        Place of the part in the list of all parts.
    measuring : Measuring
        How it is measured.
    n_sample : int
        Number of its training rows that belong to the sample.
    """
    raw, reading = read_part(source, number), measuring.reading
    assert reading is not None
    if is_empty(raw.X):
        return None
    with located(place(number)):
        y = arrays.targets(raw.y)
        X = reading.inputs.read(raw.X)
        arrays.check_rows(X, y)
        own = sample_weights.check(raw.weights, len(X), may_be_zero=True)
        encoded = encode(reading.targets, raw.y, reading)
        return measured(X, y, encoded, own, number, measuring, n_sample)


def encode_part(source: Any, number: int, reading: Reading) -> None:
    """Encode y of a part, on a worker, which raises an error for a row that cannot be encoded."""
    raw = read_part(source, number)
    with located(place(number)):
        if not is_empty(raw.X):
            encode(reading.targets, raw.y, reading)


def encode(targets: Targets, y: Any, reading: Reading) -> Array:
    """Return an encoded y: class indices, shares, or values in their own units."""
    c, title = reading.configuration, partial(dataframes.title, y)
    encoded = targets.encode(y, c.dtype, scaled=False, title=title)
    if targets.kind == "values" and targets.scaling is None and not c.scale_targets:
        levels.rounded(encoded, c.dtype, targets.loss, title)
    return encoded


def measured(
    X: Samples,
    y: Array,
    encoded: Array | None,
    own: Array | None,
    number: int,
    measuring: Measuring,
    n_sample: int,
) -> Measures:
    """Return the measures of rows that are converted for the core, with their sample weights.

    `encoded` is the encoded y; None if no rows are held out and classes have no weights.
    """
    reading, rows, held = measuring.reading, None, None
    weights = own
    given = LoadedPart(X, y, own)
    if reading is not None and encoded is not None:
        weights = weights_of(reading, encoded, own)
        if reading.n_held_out and (n := reading.n_held_out[number]):
            labels = validation.classes_of(encoded, reading.targets)
            chosen, rows = held_out.split(len(X), n, labels, reading.seed, number)
            held = given._replace(weights=weights).take(chosen)
    m = len(X) if rows is None else len(rows)
    of_rows = weights if rows is None or weights is None else weights[rows]
    seen = Seen(measuring.encoder, X.shape[1])
    seen.add(X, rows, weights)
    moments = moments_of_y = None
    if measuring.statistics:
        numbers = X if measuring.encoder is None else measuring.encoder.numbers(X)
        moments = Moments.of(numbers, rows, own)
    if measuring.scale_targets:
        values = arrays.values(y, n_outputs=y.shape[1] if y.ndim == 2 else 1, dtype="float64")
        moments_of_y = Moments.of(values, rows, own)
    n = min(n_sample, m)
    places = np.arange(n) * m // max(1, n)
    sample = given.take(places if rows is None else rows[places])
    weight = float(m if of_rows is None else of_rows.sum())
    return Measures(m, weight, moments, moments_of_y, seen.summary, sample, held)


def weights_of(reading: Reading, encoded: Array, own: Array | None) -> Array | None:
    """Return the weight of each row, sample weight times class weight; None if all are 1."""
    if reading.class_weights is None:
        return own
    factors: Array = reading.class_weights[reading.targets.indices(encoded)]
    return factors if own is None else own * factors


def sizes_of_samples(n_rows: Sequence[int], width: int, *, thorough: bool) -> tuple[int, ...]:
    """Return the number of rows of the sample of each part, which have `width` numbers; all rows if they are few.

    `thorough` is whether medians, quartiles or bins are computed from the sample.
    """
    most = min(MOST_ROWS, max(FEW_ROWS, _MOST_NUMBERS // max(1, width))) if thorough else FEW_ROWS
    total = sum(n_rows)
    if total <= most:
        return tuple(n_rows)
    ends = np.rint(np.cumsum(n_rows) * (most / total)).astype(np.int64)
    return tuple(np.diff(ends, prepend=0).tolist())
