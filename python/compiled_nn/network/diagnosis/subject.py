"""Network and rows to examine, and what several checks compute from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import optimizers
from ...data.arrays import Array
from ...data.samples import Samples
from ...training.trainer import new_generator
from .findings import Finding, Translation, in_words

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ...artefact.inputs import Inputs
    from ...common.protocols import History
    from ...preprocessing.standardization import Statistics
    from ...spec.configuration import Configuration
    from ...training.targets import Targets

_ROWS = 4096  # largest number of rows examined, drawn at random; fractions are then accurate to about 0.01
_NUMBERS = 1 << 22  # largest number of entries, zeros included, to which sparse rows are expanded
FEWEST = 10  # smallest number of rows for which a single predicted class is a finding
_STEPS = 1000  # steps over which the largest learning rate of a schedule is sought


@dataclass(frozen=True)
class Subject:
    """Network and data to examine.

    Attributes
    ----------
    stack : Stack
        Stack with the present weights and, if it standardises, the statistics of the network.
    initial : Stack
        Stack with the initial weights; `stack` before fit.
    last : Stack
        Stack with the weights of the last step; `stack` without ``ema``.
    configuration : Configuration
        Parameters of the network.
    inputs : Inputs
        Description of the inputs.
    X : ndarray (m, k)
        Rows, converted for the core.
    y : ndarray or None
        Encoded y, with the scaling of the network.
    values : ndarray or None
        y in its own units in float64, for losses of values.
    targets : Targets or None
        Encoding of y.
    rows : ndarray of int (m,)
        Index of each row in the X of the caller.
    trained : bool
        Whether the network was trained.
    uses_rate : bool
        Whether the solver has a learning rate.
    history : dict of lists
        History of the network.
    objective : Objective
        Function that training minimises.
    statistics : Statistics
        Mean and standard deviation of the columns of X, as standardize=True would compute them.
    translation : callable
        Translation of changes to the arguments of the model.
    """

    stack: Stack
    initial: Stack
    last: Stack
    configuration: Configuration
    inputs: Inputs
    X: Array
    y: Array | None
    values: Array | None
    targets: Targets | None
    rows: Array
    trained: bool
    uses_rate: bool
    history: History
    objective: Objective
    statistics: Statistics
    translation: Translation = field(repr=False)

    @property
    def default_start(self) -> bool:
        """Whether all layers have the default initialiser."""
        return all(layer.init is None for layer in self.configuration.layers)

    @cached_property
    def quality(self) -> float:
        """Quality of the predictions for the rows; see :func:`quality`. NaN without y."""
        if self.y is None or self.targets is None:
            return np.nan
        return quality(self.targets, self.y, self.forward(self.stack, self.X))

    @property
    def first_rate(self) -> float:
        """Largest learning rate of the first steps."""
        optimizer = self.configuration.optimizer
        epochs = max(len(self.history["epoch"]), 1)
        rates = optimizers.learning_rates(optimizer, 0, _STEPS)
        if getattr(optimizer.learning_rate, "per", "step") == "epoch":
            rates = optimizers.learning_rates(optimizer, 0, epochs, 0, epochs)
        return float(rates.max())

    def forward(self, stack: Stack, X: Array) -> Array:
        """Return the outputs of a stack of this network after the link."""
        return stack.forward(X, scale=self.configuration.scale, n_threads=self.objective.n_threads)

    def finding(
        self,
        name: str,
        text: str,
        numbers: dict[str, float],
        change: Mapping[str, Any],
        *,
        layer: int | None = None,
        tail: str = "",
        rows: tuple[int, ...] = (),
    ) -> Finding:
        """Return a finding whose remedy is a change, in the words and arguments of the model, and `tail`."""
        arguments = self.translation(change)
        remedy = in_words(change, arguments) + tail
        return Finding(name, layer, numbers, text, remedy, arguments, rows)


def drawn_rows(X: Samples) -> Array:
    """Return the indices of the rows to examine: at most `_ROWS` of them, drawn at random, in their order."""
    most = _ROWS if isinstance(X, np.ndarray) else min(_ROWS, max(FEWEST, _NUMBERS // X.shape[1]))
    if len(X) <= most:
        return np.arange(len(X))
    return np.sort(new_generator(0).choice(len(X), most, replace=False))


def quality(targets: Targets, encoded: Array, outputs: Array) -> float:
    """Return a score of outputs that is 1 for right predictions and about 0 for a constant one.

    For values, it is the score of the loss (R^2 or D^2). For classes, it is the mean over the classes of the share of
    their rows that are predicted, scaled so that guessing gives 0; for several labels per row, the mean over the
    labels. NaN if y is constant.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if targets.kind == "values":
            if not np.isfinite(outputs).all():
                return -np.inf
            if (encoded == encoded[0]).all():
                return np.nan
            return float(targets.score(encoded, outputs))
    if targets.kind == "classes":
        return _informedness(targets.indices(encoded), targets.loss.class_indices(outputs))
    each = [_informedness(a, b) for a, b in zip(encoded.T >= 0.5, outputs.T >= 0.5, strict=True)]
    known = [value for value in each if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _informedness(true: Array, predicted: Array) -> float:
    labels = np.unique(true)
    if len(labels) < 2:
        return np.nan
    recall = np.mean([(predicted[true == label] == label).mean() for label in labels])
    return float((recall * len(labels) - 1) / (len(labels) - 1))


def rank_correlation(targets: Targets, encoded: Array, outputs: Array) -> float:
    """Return the largest correlation of the ranks of a column of y, or of an indicator of a class, with its outputs.

    Unlike the score of a loss, it has the same distribution for unrelated rows whatever the tails of y.
    """
    given = targets.loss.values(outputs) if targets.kind == "values" else outputs
    true = _ranked(_columns(targets, encoded, outputs.shape[1]))
    given = _ranked(given)
    same = true.shape == given.shape  # otherwise, an output is one of several quantiles of a column
    pairs = zip(true.T, given.T, strict=True) if same else product(true.T, given.T)
    return max(_correlation(a, b) for a, b in pairs)


def strongest_relation(subject: Subject) -> tuple[float, int]:
    """Return the largest absolute rank correlation of a column of X with one of y, and the number of these pairs."""
    assert subject.targets is not None
    assert subject.y is not None
    n_outputs = subject.configuration.n_outputs
    X, y = _ranked(subject.X), _ranked(_columns(subject.targets, subject.y, n_outputs))
    return max(abs(_correlation(a, b)) for a, b in product(X.T, y.T)), X.shape[1] * y.shape[1]


def _columns(targets: Targets, encoded: Array, n_outputs: int) -> Array:
    """Return the columns of y, for classes an indicator for each output."""
    if targets.kind != "classes":
        return encoded
    # One output is the probability of the second class; those of ordered classes are of y > 0, 1, ...
    cumulative = targets.loss.ordered or n_outputs == 1
    indices, columns = targets.indices(encoded)[:, None], np.arange(n_outputs)
    return indices > columns if cumulative else indices == columns


def _ranked(a: Array) -> Array:
    """Return the ranks of the numbers in each column of (m, n)."""
    return np.stack([_ranks(column) for column in a.T], axis=1)


def _ranks(a: Array) -> Array:
    """Return the ranks of numbers (m,), for equal numbers their mean rank."""
    _, places, counts = np.unique(a, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def variation(a: Array) -> float:
    """Return the root mean square of the deviations of the columns from their means."""
    return float(np.sqrt(a.var(axis=0, dtype=np.float64).mean()))
