"""Settings of a fit that the user leaves to "auto", as pure functions of the size of a table and the kind of y.

(a) Work is counted, not time, so that equal seeds give equal models on every machine. A unit of work is the training of
    one parameter on one row: 1e11 of them take about 5 s of one core of a Zen 5.
(b) The settings were chosen on inner splits of the training rows of 57 tables; benchmarks/tables.py measures them on
    test rows.
(c) A budget above 1 trains longer and more members, one below 1 fewer; nothing else depends on it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...common.errors import count
from ...data.arrays import Array
from ...spec.configuration import Scaling
from ...spec.layers import Norm
from ...spec.numeric_embeddings import BinRule

WORK = 8e10  # of a fit with the budget 1, for up to `_ROWS` rows
_ROWS = 20_000  # rows from which on the work grows as the square root of their number
_OF_A_UNIT = 20.0  # work of an input or a unit besides that of its weights, in parameters
_OF_A_STEP = 10.0  # work of a step besides that of its rows, in rows
# Rows, and rows of a batch for more; a member trains on about four fifths of the rows.
_BATCHES = ((200_000, 640), (50_000, 320), (10_000, 160), (2_000, 80), (0, 40))
_FEWEST_IN_SHARD = 40  # rows of a batch of a shard
_WIDTHS = (128, 64, 32)  # units of the hidden layers, from the best to the cheapest
_N_LAYERS = 2
LAYERS = (_WIDTHS[0],) * _N_LAYERS
_RATE, _BATCH_OF_RATE, _POWER = 3e-3, 40, 0.4  # larger batches have larger rates
_MEMBERS = (5, 4, 3, 2)
_MANY = 10  # members, where their whole training is within a part of the work
_PARTS = ((3_000, 1.0), (0, 0.3))  # rows, and the part of the work for more
_EPOCHS, _FEWEST_EPOCHS, _MOST_EPOCHS = 60, 12, 300
_STEPS = 500  # of the training of a member, at least: the epochs of a small table have few steps
_PATIENCE = 10  # epochs without a better one
_STEPS_OF_PATIENCE = 100  # at least: the average of the weights follows slowly
BINS = 16  # of each column of numbers, for tables that are not small
_ROWS_PER_BIN, _FEWEST_BINS = 50, 2
FEWEST_TO_NORMALIZE = 16  # inputs: with one, layer normalisation leaves only its sign
FRACTION = 0.2  # of the rows that are drawn at random for validation
_FEWEST_FOLDS = 5  # so that a member is trained on four fifths of the rows, or more
FEWEST_TO_VALIDATE = 20  # rows
_FEWEST_OF_A_CLASS = 2  # rows of the largest class: fewer cannot be divided


@dataclass(frozen=True)
class Settings:
    """Settings of the networks and their training that depend only on the kind of y.

    Attributes
    ----------
    activation : str
        Activation of the hidden layers.
    norm : {"batch", "layer", "rms"} or None
        Normalisation of the hidden layers.
    dropout : float
        Dropout of the hidden layers.
    standardize : str
        Scaling of the columns of numbers.
    weight_decay : float
        Decay of the weights.
    ema : float or None
        Decay of the average of the weights.
    label_smoothing : float
        Smoothing of the labels.
    monitor : str
        Column of the history that decides which epoch is the best.
    gain : float
        Factor of the encoding of numbers.
    bins_by : {"quantile", "tree", "both"}
        Edges of the bins of that encoding.
    """

    activation: str = "silu"
    norm: Norm | None = "layer"
    dropout: float = 0.15
    standardize: Scaling = "standard_smooth_clip"
    weight_decay: float = 0.02
    ema: float | None = 0.995
    label_smoothing: float = 0.0
    monitor: str = "val_loss"
    gain: float = 1.0
    bins_by: BinRule = "quantile"


# With a standard deviation of more interquartile ranges, most numbers of a column are nearly equal in float32 after
# they are divided by it, and the bins of their encoding cannot be distinguished.
_FAR = 1e4
_ROWS_FOR_QUARTILES = 10_000
_CLASSES = Settings()
_VALUES = replace(_CLASSES, norm=None, dropout=0.0, bins_by="both")


def far_column(numbers: Array) -> tuple[int, float] | None:
    """Return the column of numbers (m, k) with the largest standard deviation in interquartile ranges, and this number.

    None if none is so large that centre and scale must not depend on numbers far out.
    """
    found, most = None, _FAR
    step = max(1, len(numbers) // _ROWS_FOR_QUARTILES)
    for i in range(numbers.shape[1]):
        column = numbers[:, i].astype(np.float64)
        column /= max(float(abs(column).max()), np.finfo(np.float64).tiny)
        low, high = np.percentile(column[::step], (25, 75)).tolist()
        deviation = float(column.std())
        if high > low and deviation > most * (high - low):
            most = deviation / (high - low)
            found = i, most
    return found


def settings(*, classifies: bool) -> Settings:
    """Return the settings for classes or for values."""
    return _CLASSES if classifies else _VALUES


@dataclass(frozen=True)
class Size:
    """Size of a table.

    Attributes
    ----------
    n_rows : int
        Number of rows to train on.
    n_inputs : int
        Number of inputs of the first layer, bins included.
    n_outputs : int
        Number of outputs.
    longest : int or None, default None
        Number of rows of the longest shard, if shards are trained on in parallel; None for one sequence of rows.
    """

    n_rows: int
    n_inputs: int
    n_outputs: int
    longest: int | None = None

    @property
    def in_sequence(self) -> int:
        """Number of rows that are trained on one after another in an epoch: batches and steps are those of them."""
        return self.n_rows if self.longest is None else self.longest

    def in_shard(self, rows: int) -> int:
        """Return the part of the rows of a batch that is the batch of a shard."""
        if self.longest is None:
            return rows
        return max(_FEWEST_IN_SHARD, round(rows * self.longest / self.n_rows))

    def in_all_shards(self, batch_size: int) -> int:
        """Return the number of rows of the batches of all shards in one step."""
        return round(batch_size * self.n_rows / self.in_sequence)


@dataclass(frozen=True)
class Plan:
    """Size of the networks and length of their training.

    Attributes
    ----------
    n_members : int
        Number of networks.
    hidden : tuple of int
        Units of the hidden layers.
    epochs : int
        Largest number of epochs.
    batch_size : int
        Rows of a batch.
    """

    n_members: int
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int

    def work(self, size: Size) -> float:
        """Return the work of the training of all members."""
        return self.n_members * self.epochs * work_of_epoch(size, self.hidden, self.batch_size)


def work_of_epoch(size: Size, hidden: tuple[int, ...], batch_size: int) -> float:
    """Return the work of one epoch of one member."""
    widths = (size.n_inputs, *hidden, size.n_outputs)
    parameters = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    steps = math.ceil(size.n_rows / batch_size)
    return (size.n_rows + _OF_A_STEP * steps) * parameters + size.n_rows * _OF_A_UNIT * sum(widths)


def most_work(n_rows: int, budget: float = 1.0) -> float:
    """Return the largest work of a fit."""
    return budget * WORK * math.sqrt(max(1.0, n_rows / _ROWS))


def batch_size(n_rows: int) -> int:
    """Return the number of rows of a batch."""
    return next(size for rows, size in _BATCHES if n_rows > rows)


def learning_rate(batch_size: int) -> float:
    """Return the learning rate at the start, from which it falls to 0 as half a cosine wave."""
    return float(f"{_RATE * (batch_size / _BATCH_OF_RATE) ** _POWER:.2g}")


def n_bins(n_rows: int) -> int:
    """Return the number of bins of each column of numbers; 0 if there are too few rows for an encoding."""
    bins = min(BINS, n_rows // _ROWS_PER_BIN)
    return bins if bins >= _FEWEST_BINS else 0


def validation(
    n_rows: int, largest_class: int | None, n_members: int
) -> tuple[Literal["folds", "random"] | None, str]:
    """Return how rows are held out, and the reason; `largest_class` is its number of rows, None for values."""
    if n_rows < FEWEST_TO_VALIDATE or (largest_class is not None and largest_class < _FEWEST_OF_A_CLASS):
        return None, f"{count(n_rows, 'row')} or the rows of each class are too few to hold some out"
    if n_members < _FEWEST_FOLDS:
        return "random", f"folds of {count(n_members, 'member')} would leave too few rows to train on"
    return "folds", "each row is held out by a member"


def n_folds(n_members: int, n_units: int) -> int:
    """Return the number of folds of rows or groups, of which there are `n_units`.

    It is the largest one with which the members are complete repeats, unless that would be less than half of what is
    possible.
    """
    most = max(2, min(n_members, n_units))
    return next((n for n in range(most, most // 2, -1) if n > 1 and n_members % n == 0), most)


def wanted_epochs(n_rows: int, batch_size: int) -> int:
    """Return the number of epochs that are trained where the budget suffices."""
    steps = math.ceil(n_rows / batch_size)
    return min(_MOST_EPOCHS, max(_EPOCHS, math.ceil(_STEPS / steps)))


def patience(n_rows: int, batch_size: int) -> int:
    """Return the number of epochs without a better one after which the training of a member stops."""
    steps = math.ceil(n_rows / batch_size)
    return max(_PATIENCE, math.ceil(_STEPS_OF_PATIENCE / steps))


def make_plan(
    size: Size,
    budget: float = 1.0,
    *,
    n_members: int | None = None,
    hidden: tuple[int, ...] | None = None,
    epochs: int | None = None,
    batch: int | None = None,
) -> Plan:
    """Return the plan of a fit whose work is within the budget, if that is possible.

    Parameters
    ----------
    size : Size
        Size of the table.
    budget : float, default 1.0
        Factor of the largest work.
    n_members, hidden, epochs, batch
        Values that the user has stated; None for those that are chosen here.

    Returns
    -------
    Plan
    """
    rows = size.in_shard(batch_size(size.n_rows)) if batch is None else batch
    most = most_work(size.n_rows, budget)
    wanted = wanted_epochs(size.in_sequence, rows) if epochs is None else epochs
    fewest = wanted if epochs is not None else min(_FEWEST_EPOCHS, wanted)
    widths = [hidden] if hidden is not None else [(width,) * _N_LAYERS for width in _WIDTHS]
    members = [n_members] if n_members is not None else list(_MEMBERS)
    if n_members is None:
        part = next(part for least, part in _PARTS if size.n_rows > least)
        if _MANY * wanted * work_of_epoch(size, widths[0], rows) <= part * most:
            return Plan(_MANY, widths[0], wanted, rows)
    for each in widths:  # a narrower network only where the shortest training of the wider one is too much
        for number in members:
            affordable = int(most / (number * work_of_epoch(size, each, rows)))
            if affordable >= fewest:
                return Plan(number, each, min(wanted, affordable), rows)
    affordable = int(most / (members[-1] * work_of_epoch(size, widths[-1], rows)))
    return Plan(members[-1], widths[-1], wanted if epochs is not None else max(1, affordable), rows)
