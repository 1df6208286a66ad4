"""Validation during training: selection of the validation rows, and their columns in the history."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import cells, samples
from ..data.arrays import Array
from ..data.samples import Reader, Samples
from .stacks import loss_of_values
from .targets import Targets, read_validation_data

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ..metrics import Metric
    from ..spec.configuration import Configuration
    from .plan import Plan

DEFAULT_FRACTION = 0.1


class Validation(NamedTuple):
    """Validation rows and metrics.

    Attributes
    ----------
    X : ndarray (m, k) or SparseRows
        Rows, converted for the core.
    y : ndarray
        Encoded y; values are in their own units, in float64.
    weights : ndarray (m,) of float64, or None
        Weight of each row.
    metrics : tuple of Metric
        Metrics to compute in addition to loss and score.
    """

    X: Samples
    y: Array
    weights: Array | None
    metrics: tuple[Metric, ...] = ()

    def part(self, rows: Array) -> Validation:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(X=samples.select(self.X, rows), y=self.y[rows], weights=weights)

    def columns(
        self, stack: Stack, targets: Targets, objective: Objective, deadline: float = math.inf
    ) -> dict[str, list[float]]:
        """Return the validation columns of the history for the present weights, with one value each.

        Raises
        ------
        TimeoutError
            If the deadline, a value of `perf_counter`, passes during the computation.
        """
        if targets.kind == "values":
            loss, outputs = self._values(stack, targets, objective, deadline)
        else:
            loss, _ = stack.loss(self.X, self.y, objective.replace(weights=self.weights), deadline=deadline)
            outputs = stack.forward(
                self.X, scale=objective.scale, n_threads=objective.n_threads, deadline=deadline
            )
        if targets.has_one_class:
            outputs = _certain(outputs)
        columns = {"val_loss": [loss], "val_score": [targets.score(self.y, outputs, self.weights)]}
        if self.metrics:
            y, predicted = self._labels(targets), targets.decode(outputs)
            from ..metrics.inputs import both_classes  # imported here to keep `import compiled_nn` fast

            for metric in self.metrics:
                scored = both_classes(outputs) if metric.needs == "probabilities" else predicted
                columns[f"val_{metric.name}"] = [
                    metric(y, scored, sample_weight=self.weights, classes=targets.classes)
                ]
        return columns

    def _values(
        self, stack: Stack, targets: Targets, objective: Objective, deadline: float
    ) -> tuple[float, Array]:
        """Return the loss in the units of training, and the outputs after the link in units of y and in its dtype."""
        options: dict[str, Any] = {
            "scale": objective.scale,
            "n_threads": objective.n_threads,
            "deadline": deadline,
        }
        activated = objective.activated
        outputs = stack.forward(self.X, link=activated, **options)
        exact, y = outputs.astype(np.float64), targets.standardized(self.y)
        loss = loss_of_values(targets.loss, exact, y, self.weights, objective.n_threads)
        if targets.loss.link != "identity" and not activated:
            outputs = stack.forward(self.X, **options)
        with np.errstate(over="ignore"):
            return loss, targets.in_units(outputs).astype(targets.dtype or stack.dtype)

    def _labels(self, targets: Targets) -> Array:
        """Return y decoded to labels or values."""
        if targets.kind == "values":
            return self.y[:, 0] if self.y.shape[1] == 1 else self.y
        if self.y.ndim == 1 and targets.classes is not None:
            labels: Array = targets.classes[self.y]
            return labels
        return targets.decode(self.y)


def _certain(outputs: Array) -> Array:
    """Return the outputs after the link for which the first class is certain."""
    certain = np.zeros_like(outputs)
    certain[:, 0] = outputs.shape[1] > 1
    return certain


def hold_out(
    plan: Plan,
    configuration: Configuration,
    X: Samples,
    y: Array,
    targets: Targets,
    *,
    inputs: Reader,
    weights: Array | None,
    given: Any,
    split: Callable[[Array, Targets, float, Any], tuple[Array, Array]],
) -> tuple[Validation | None, Array | None]:
    """Select the validation rows.

    Parameters
    ----------
    plan : Plan
        Parameters of fit.
    configuration : Configuration
        Parameters of the network.
    X : ndarray (m, k) or SparseRows
        Rows given to fit, converted for the core.
    y : ndarray
        Encoded y.
    targets : Targets
        Encoding of y.
    inputs : Inputs
        Inputs of the network, which read the X of `validation_data`.
    weights : ndarray (m,) or None
        Weight of each row.
    given : array-like
        The y given to fit.
    split : callable
        Function of (y, targets, fraction, groups) that returns the indices of the validation rows and of the training
        rows, such as :func:`split_rows` with a seed.

    Returns
    -------
    validation : Validation or None
        Validation rows; None if there are none.
    rows : ndarray of int64, or None
        Indices of the training rows in X; None for all rows.

    Raises
    ------
    TypeError, ValueError
        If the parameters of validation cannot be used, or contradict one another.
    """
    fraction, groups, metrics = plan.validation_fraction, plan.validation_groups, plan.metrics
    given_rows = read_given(plan, configuration, targets, inputs)
    if given_rows is not None or (fraction is None and groups is None):
        return given_rows, None
    share = DEFAULT_FRACTION if fraction is None else fraction
    share = checks.real("fit", "validation_fraction", share, above=0, below=1)
    held_out, rows = split(y, targets, share, groups)
    for part, chosen in (("validation", held_out), ("training", rows)):
        if weights is not None and not weights[chosen].any():
            raise ValueError(
                f"The weights of all {len(chosen)} {part} rows are 0. Pass validation_data, in which each part has rows"
                " of a weight above 0, or leave out the rows of weight 0."
            )
    held_weights = None if weights is None else weights[held_out]
    if targets.kind == "values":
        y = targets.encode(given, configuration.dtype, scaled=False)
    return Validation(samples.select(X, held_out), y[held_out], held_weights, metrics), rows


def read_given(
    plan: Plan, configuration: Configuration, targets: Targets, inputs: Reader
) -> Validation | None:
    """Return the validation rows of `validation_data`; None if fit has none, or holds out training rows.

    Raises
    ------
    TypeError, ValueError
        If the parameters of validation cannot be used, or contradict one another.
    """
    holds_out = plan.validation_fraction is not None or plan.validation_groups is not None
    if plan.validation_data is not None:
        if holds_out:
            raise ValueError(
                "validation_data is given, so validation_fraction and validation_groups must be None."
            )
        return Validation(
            *read_validation_data(configuration, plan.validation_data, inputs, targets), plan.metrics
        )
    if plan.metrics and not holds_out:
        raise ValueError(
            "metrics are computed on validation rows, but there are none."
            " Pass validation_data or validation_fraction."
        )
    return None


def split_rows(
    y: Array, targets: Targets, fraction: float, groups: Any, seed: int | None
) -> tuple[Array, Array]:
    """Return the indices of the validation rows and of the training rows, sorted; groups are not divided."""
    if groups is None:
        return _split_at_random(y, targets, fraction, seed)
    return by_groups(len(y), groups, fraction, seed)


def _split_at_random(y: Array, targets: Targets, fraction: float, seed: int | None) -> tuple[Array, Array]:
    """Return the indices of the validation rows and of the training rows, sorted.

    The split is stratified if each row has one class.
    """
    from ..datasets import splits  # imported here to keep `import compiled_nn` fast

    labels = classes_of(y, targets)
    if labels is not None:
        counts = np.bincount(labels)
        if (counts == 1).any():
            assert targets.classes is not None
            label = targets.classes[counts == 1][0]
            raise ValueError(
                f"Class {label!s} has 1 row; validation_fraction needs at least 2 rows of each class."
                " Pass validation_data instead."
            )
    strata = np.zeros(len(y)) if labels is None else labels
    held_out, rows = splits.split_rows(strata, strata, [fraction], seed, labels is not None, "fit")
    return np.sort(held_out), np.sort(rows)


def classes_of(y: Array, targets: Targets) -> Array | None:
    """Return the class index of each row (m,), or None if a row can have another number of classes than one."""
    if y.ndim == 1:
        return y
    if targets.kind != "classes" or not ((y == 0) | (y == 1)).all():
        return None
    indices: Array = y[:, 0].astype(np.intp) if y.shape[1] == 1 else np.argmax(y, axis=1)
    return indices


def by_groups(m: int, groups: Any, fraction: float, seed: int | None) -> tuple[Array, Array]:
    """Return the indices of the validation rows and of the training rows, sorted.

    Groups are drawn at random until their rows reach the fraction; at least one group is left for training.
    """
    codes = codes_of_groups(m, groups)
    n = int(codes.max()) + 1
    if n < 2:
        raise ValueError(
            "validation_groups has 1 group; expected at least 2, one to validate on and one to train on."
        )
    order = np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
    sizes = np.bincount(codes)[order].cumsum()
    n_groups = min(int(np.searchsorted(sizes, fraction * m)) + 1, n - 1)
    held_out = np.isin(codes, order[:n_groups])
    return np.flatnonzero(held_out), np.flatnonzero(~held_out)


def codes_of_groups(m: int, groups: Any) -> Array:
    """Return the index of the group of each of `m` rows among the sorted groups.

    Raises
    ------
    TypeError, ValueError
        If the groups are not one of each row, or one is missing.
    """
    groups = np.asarray(groups)
    if groups.shape != (m,):
        raise ValueError(f"validation_groups has shape {groups.shape}; X has {count(m, 'row')}.")
    texts = groups.dtype.kind == "U"  # NumPy drops exceptions of signal handlers while it yields texts
    each = groups.tolist() if texts else groups
    missing = np.fromiter((cells.is_missing(group) for group in each), np.bool_, m)
    if missing.any():
        raise ValueError(
            f"Input validation_groups contains {cells.name_of_missing(groups[missing][0])}: row {missing.argmax()}."
            " Give each row the name or the number of its group."
        )
    try:
        codes: Array = np.unique(groups, return_inverse=True)[1]
    except TypeError as error:
        raise TypeError(f"validation_groups mixes values that cannot be sorted: {error}") from error
    return codes
