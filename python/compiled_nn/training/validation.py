"""Validation while training: which rows are kept for it, and what is recorded of them after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import samples
from ..data.arrays import Array
from ..data.samples import Encoder, Samples
from . import targets
from .targets import Targets

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ..metrics import Metric
    from ..spec.configuration import Configuration
    from .plan import Plan

DEFAULT_FRACTION = 0.1


class Validation(NamedTuple):
    """Rows to validate on, X (m, k), y and weights as the core takes them, and metrics besides loss and score."""

    X: Samples
    y: Array
    weights: Array | None
    metrics: tuple[Metric, ...] = ()

    def columns(self, stack: Stack, known: Targets, objective: Objective) -> dict[str, list[float]]:
        """Return the columns of the history that the present weights give."""
        loss, _ = stack.loss(self.X, self.y, objective.replace(weights=self.weights))
        outputs = stack.forward(self.X, scale=objective.scale, n_threads=objective.n_threads)
        columns = {"val_loss": [loss], "val_score": [known.score(self.y, outputs, self.weights)]}
        if self.metrics:
            y, predicted = self._labels(known), known.decode(outputs)
            from ..metrics.inputs import both_classes  # loaded with the metrics

            for metric in self.metrics:
                given = both_classes(outputs) if metric.needs == "probabilities" else predicted
                columns[f"val_{metric.name}"] = [
                    metric(y, given, sample_weight=self.weights, classes=known.classes)
                ]
        return columns

    def _labels(self, known: Targets) -> Array:
        """Return y as the user gave it: labels or values."""
        if self.y.ndim == 1 and known.classes is not None:
            labels: Array = known.classes[self.y]
            return labels
        return known.decode(self.y)


def choose(
    plan: Plan,
    configuration: Configuration,
    X: Samples,
    y: Array,
    known: Targets,
    *,
    encoder: Encoder | None,
    weights: Array | None,
    parts: Callable[[Array, Targets, float, Any], tuple[Array, Array]],
) -> tuple[Validation | None, Array | None]:
    """Return what to validate on, and the rows of X that are left to train on (None: all).

    X and y are as the core takes them; `parts` splits the rows, as :func:`parts` does.
    """
    fraction, groups, watched = plan.validation_fraction, plan.validation_groups, plan.metrics
    if plan.validation_data is not None:
        if fraction is not None or groups is not None:
            raise ValueError(
                "validation_data is given: validation_fraction and validation_groups must be None."
            )
        pair = targets.prepare_pair(configuration, plan.validation_data, X.shape[1], known, encoder)
        return Validation(*pair, watched), None
    if fraction is None and groups is None:
        if watched:
            raise ValueError("metrics are those of validation: give validation_data or validation_fraction.")
        return None, None
    share = DEFAULT_FRACTION if fraction is None else fraction
    share = checks.real("fit", "validation_fraction", share, above=0, below=1)
    held_out, rows = parts(y, known, share, groups)
    held_weights = None if weights is None else weights[held_out]
    return Validation(samples.select(X, held_out), y[held_out], held_weights, watched), rows


def parts(y: Array, known: Targets, fraction: float, groups: Any, seed: int | None) -> tuple[Array, Array]:
    """Return row numbers to validate and to train on, in order: whole groups, where there are any."""
    if groups is None:
        return _at_random(y, known, fraction, seed)
    return by_groups(len(y), groups, fraction, seed)


def _at_random(y: Array, known: Targets, fraction: float, seed: int | None) -> tuple[Array, Array]:
    """Return row numbers to validate and to train on, in order; class by class where rows have one class each."""
    from ..datasets.splits import split_rows  # training without it needs none

    labels = _classes_of(y, known)
    if labels is not None:
        counts = np.bincount(labels)
        if (counts == 1).any():
            assert known.classes is not None
            label = known.classes[counts == 1][0]
            raise ValueError(
                f"Class {label!s} has 1 row; validation_fraction takes at least 2 of each. Give validation_data."
            )
    strata = np.zeros(len(y)) if labels is None else labels
    held_out, rows = split_rows(strata, strata, [fraction], seed, labels is not None, "fit")
    return np.sort(held_out), np.sort(rows)


def _classes_of(y: Array, known: Targets) -> Array | None:
    """Return the class index of each row (m,), None where rows are not of one class each."""
    if y.ndim == 1:
        return y
    if known.kind != "classes" or not ((y == 0) | (y == 1)).all():
        return None
    indices: Array = y[:, 0].astype(np.intp) if y.shape[1] == 1 else np.argmax(y, axis=1)
    return indices


def by_groups(m: int, groups: Any, fraction: float, seed: int | None) -> tuple[Array, Array]:
    """Return row numbers to validate and to train on: whole groups, drawn until the fraction is reached."""
    groups = np.asarray(groups)
    if groups.shape != (m,):
        raise ValueError(f"validation_groups has shape {groups.shape}; X has {count(m, 'row')}.")
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError("validation_groups has 1 group; it takes at least 2, one of them to validate on.")
    order = np.argsort(np.random.PCG64(seed).random_raw(len(names)), kind="stable")
    sizes = np.bincount(codes)[order].cumsum()
    n_groups = min(int(np.searchsorted(sizes, fraction * m)) + 1, len(names) - 1)
    held_out = np.isin(codes, order[:n_groups])
    return np.flatnonzero(held_out), np.flatnonzero(~held_out)
