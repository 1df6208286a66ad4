"""Comparison with baselines on held-out rows: the largest class or the mean, and a linear model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from ...losses.values import MeanSquaredError
from ...optimizers.classes import Adam
from ...schedules.cycles import Cosine
from ...spec.layers import Dense
from . import trials
from .findings import Finding
from .subject import Subject

_FEWEST = 40  # rows: with fewer, a standard error says little
_RATE, _L2 = 0.03, 1e-3  # of the linear model
_LEAST = 1e-7  # probability in a log loss, so that a certain but wrong prediction has a finite one
_HALF = 0.5


def check_baselines(subject: Subject, predictions: Array) -> Iterator[Finding]:
    """Yield the finding about a model that is not better than a baseline, by more than a standard error.

    Parameters
    ----------
    subject : Subject
        Network and rows to examine.
    predictions : ndarray (m, n_classes) or (m, n)
        Probabilities of the classes, or values in units of y, that the model predicts for the rows of the subject. NaN
        for rows that were not held out.
    """
    known = ~np.isnan(predictions.sum(axis=1))
    targets = subject.targets
    if subject.y is None or targets is None or targets.kind == "indicator" or known.sum() < _FEWEST:
        return
    classifies = targets.kind == "classes"
    if targets.has_one_class or (not classifies and targets.n_columns != predictions.shape[1]):
        return  # nothing to predict, or several quantiles of y in place of its mean
    names = ("the largest class" if classifies else "the mean of y", "a linear model")
    constant, linear = _predictions(subject)
    model = _judged(subject, predictions, known)
    baselines = [_judged(subject, constant, known, largest=True), _judged(subject, linear, known)]
    equal = [i for i, baseline in enumerate(baselines) if not _is_better(model, baseline)]
    if not equal:
        return
    numbers = {"rows": float(known.sum())} | {name: float(losses.mean()) for name, losses in model.items()}
    for title, baseline in zip(("constant", "linear"), baselines, strict=True):
        numbers |= {f"{name} ({title})": float(losses.mean()) for name, losses in baseline.items()}
    text = (
        f"on {known.sum()} held-out rows the model has {_words(model)}; {names[equal[0]]} has"
        f" {_words(baselines[equal[0]])}: the network adds nothing beyond a standard error"
    )
    change: dict[str, Any] = {}
    tail = "add columns that say more about y, or use the constant prediction"
    if equal[0]:
        change = {"layers": (Dense(subject.configuration.n_outputs),)}
        tail = ", which is a linear model, or add columns that say more about y"
    yield subject.finding("no_better_than_baseline", text, numbers, change, tail=tail)


def _words(losses: Mapping[str, Array]) -> str:
    return " and ".join(f"a {name} of {float(each.mean()):.4g}" for name, each in losses.items())


def _is_better(model: Mapping[str, Array], baseline: Mapping[str, Array]) -> bool:
    """Return whether a model has a lower loss than a baseline, by more than a standard error of the difference."""
    for name, losses in model.items():
        differences = baseline[name] - losses
        if differences.mean() > differences.std() / math.sqrt(len(differences)):
            return True
    return False


def _judged(subject: Subject, predictions: Array, rows: Array, *, largest: bool = False) -> dict[str, Array]:
    """Return losses of each row of a mask (m,), by the name of their mean, for predictions of all rows.

    `largest`: the class with the highest probability is predicted, for ordered classes too.
    """
    targets, predictions = subject.targets, predictions[rows].astype(np.float64)
    assert targets is not None
    if targets.kind == "values":
        assert subject.values is not None
        scale = np.maximum(subject.values.var(axis=0), np.finfo(np.float64).tiny)
        errors = predictions - subject.values[rows]
        return {"relative squared error": (errors**2 / scale).mean(axis=1)}
    assert subject.y is not None
    true = targets.indices(subject.y)[rows]
    chosen = predictions.argmax(axis=1)
    if targets.loss.ordered and not largest:  # the median
        chosen = (np.cumsum(predictions, axis=1) < _HALF).sum(axis=1)
    of_class = np.clip(predictions[np.arange(len(true)), true], _LEAST, 1.0)
    return {"share of errors": (chosen != true).astype(np.float64), "log loss": -arithmetic.log(of_class)}


def _predictions(subject: Subject) -> tuple[Array, Array]:
    """Return the predictions of both baselines for each row, of the linear model by other rows than this one."""
    values, targets, c = subject.values, subject.targets, subject.configuration
    assert targets is not None
    change: dict[str, Any] = {
        **{"layers": (Dense(c.n_outputs),), "standardize": True, "l1": 0.0, "l2": _L2, "input_dropout": 0.0},
        **{"optimizer": Adam(Cosine(_RATE, over=trials.STEPS)), "loss": c.loss.unsmoothed},
        **{"clip_norm": None, "clip_value": None},
    }
    if subject.objective.penalty_per_row:
        change["l2"] *= trials.BATCH  # the penalty is divided by the rows of a batch
    y = subject.y
    if values is not None:
        change |= {"loss": MeanSquaredError(), "scale_targets": True, "layers": (Dense(values.shape[1]),)}
        y = trials.scaled_values(subject)
    assert y is not None
    outputs = trials.out_of_fold(subject, change, y, best_epoch=False).outputs
    if values is not None:
        deviations = values.std(axis=0)
        return _constants(subject), outputs * np.where(deviations > 0, deviations, 1.0) + values.mean(axis=0)
    shares = targets.loss.probabilities(outputs)
    return _constants(subject), np.hstack((1 - shares, shares)) if shares.shape[1] == 1 else shares


def _constants(subject: Subject) -> Array:
    """Return the means of y, or the shares of the classes, for each row."""
    targets, values = subject.targets, subject.values
    assert targets is not None
    if values is None:
        assert subject.y is not None
        n_classes = targets.loss.n_classes(subject.configuration.n_outputs)
        values = (targets.indices(subject.y)[:, np.newaxis] == np.arange(n_classes)).astype(np.float64)
    return np.broadcast_to(values.mean(axis=0), values.shape)
