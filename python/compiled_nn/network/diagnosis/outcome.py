"""Checks of what was learned: predictions of one class, too short training, overfitting, and wrong labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from cnn_core.encoding import first_inputs

from ...data.arrays import Array
from ...training.stacks import copy_of
from . import trials
from .findings import Finding
from .layers import outputs_of_layer
from .subject import FEWEST, Subject, quality, strongest_relation, variation

_ENOUGH = 40  # smallest number of rows for a reference network
_POOR = 0.75  # quality of a network that has not learned, divided by that of the reference
_CLEAR = 0.1  # smallest difference of these qualities
_INFORMATIVE = 0.3  # quality of the reference above which it is not compared with shuffled y
_CLEARLY = 6.0  # the same, in standard deviations of a chance score
# Standard deviations of a chance score by which the reference must be better than for shuffled y: to find any relation,
# and to be the measure of a network.
_DEVIATIONS, _CERTAIN = 2.0, 3.0
_IMBALANCED = 0.75  # share of the largest class above which class weights are suggested
_MOST_EPOCHS = 20  # largest number of epochs that is suggested, divided by the number trained
_MARGIN = 2.0  # number of further epochs that is suggested, divided by the number needed in a trial
_HORIZONS = 10.0  # smallest number of steps of a training, divided by those that an average of weights covers
_LONG = 2000  # steps of the trial that continues training
_MISMATCH = 0.1  # quality lost by running statistics
_RISE = 0.2  # rise of the validation loss after its minimum, divided by its fall before
# With wrong labels, the rows that are predicted with most confidence are as often wrong as the others. Where classes
# overlap, these rows are mostly right: their share of errors is a fifth to a half of that of all rows.
_ALIKE = 0.65  # share of errors of the confident rows divided by that of all rows
_ERRORS = 0.08  # smallest share of errors that is a finding
_CONFIDENT = (0.25, 0.5)  # shares of the rows that are called confident


class Outcome:
    """Quality of a subject, compared with that of a reference network.

    Parameters
    ----------
    subject : Subject
        Network and rows to examine.

    Attributes
    ----------
    reference : Reference or None
        Out-of-fold predictions of the reference network; None without y, or with too few rows.
    shuffled : sequence of Reference
        Results of reference networks for y in random orders; empty if the reference is clearly better than chance.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        known = subject.y is not None and subject.targets is not None and len(subject.X) >= _ENOUGH
        self.reference = trials.reference(subject) if known else None
        if self.reference is not None and math.isnan(self.reference.quality):
            self.reference = None  # y is constant
        clear = self.reference is None or self.reference.quality >= max(_INFORMATIVE, _CLEARLY * self._chance)
        self.shuffled = () if clear else tuple(trials.permuted(subject))

    @cached_property
    def expected(self) -> float:
        """Quality that the columns allow, by the reference; NaN if it is unknown or could be chance."""
        if self.reference is None or self._deviations <= _CERTAIN:
            return math.nan
        return self.reference.quality

    @property
    def uninformative(self) -> bool:
        """Whether the reference is no better than for shuffled y, neither by its score nor by ranks.

        A score can miss a relation: that of the classes if the largest one is predicted for every row, and R^2 or D^2
        if few rows have most of the deviance. The ranks are those of the outputs, and those of single columns.
        """
        if self.reference is None or self._deviations > _DEVIATIONS:
            return False
        rank = self.reference.rank - float(np.mean([each.rank for each in self.shuffled]))
        if rank * math.sqrt(len(self.subject.X)) > _CERTAIN:
            return False
        strongest, pairs = strongest_relation(self.subject)
        # The largest of several normal numbers grows by the second term.
        return strongest * math.sqrt(len(self.subject.X)) <= math.sqrt(_CERTAIN**2 + 2 * math.log(pairs))

    @cached_property
    def _deviations(self) -> float:
        """Standard deviations of a chance score by which the reference is better than for shuffled y."""
        if self.reference is None or not self.shuffled:
            return math.inf
        return (
            self.reference.quality - float(np.mean([each.quality for each in self.shuffled]))
        ) / self._chance

    @property
    def _chance(self) -> float:
        """Standard deviation of the quality of random predictions."""
        targets = self.subject.targets
        n_classes = 2 if targets is None or targets.classes is None else len(targets.classes)
        return 1 / math.sqrt(max(n_classes - 1, 1) * len(self.subject.X))

    @property
    def learned(self) -> bool:
        """Whether the network is trained and about as good as the reference."""
        if not self.subject.trained or math.isnan(self.expected):
            return False
        missing = self.expected - self.subject.quality
        return missing < _CLEAR or self.subject.quality > _POOR * self.expected

    @property
    def poor(self) -> bool:
        """Whether the network is trained and clearly worse than the reference."""
        return self.subject.trained and not math.isnan(self.expected) and not self.learned


# ---- predictions


def check_classes(outcome: Outcome, found: list[Finding]) -> Iterator[Finding]:
    """Yield the finding about a trained network that predicts one class; `found` are the previous findings."""
    subject = outcome.subject
    X, y, targets = subject.X, subject.y, subject.targets
    if not subject.trained or targets is None or targets.kind != "classes" or len(X) < FEWEST:
        return
    outputs = subject.forward(subject.stack, X)
    predicted = np.unique(targets.decode(outputs))
    indices = None if y is None else targets.indices(y)
    if indices is not None and (indices == indices[0]).all():
        return  # y has one class, so that one predicted class is correct
    if len(predicted) > 1 or (X[0] == X).all():
        return
    numbers = {"rows": float(len(X)), "spread": variation(outputs)}
    text = f"all {len(X)} rows are predicted to be {predicted[0]!s}; outputs vary by {variation(outputs):.2g}"
    if found:
        yield Finding("class_collapse", None, numbers, text, found[0].remedy, found[0].change)
        return
    share = 0.0 if indices is None else float(np.bincount(indices).max()) / len(X)
    if share >= _IMBALANCED:
        text += f"; {share:.0%} of the rows have one class"
        better = None if math.isnan(outcome.expected) else next(_remedies(outcome), None)
        tail = ", or class_weight='balanced'" if better else ""
        change = better[-1] if better else {"class_weight": "balanced"}
        yield subject.finding("class_collapse", text, numbers, change, tail=tail)
        return
    rate = subject.first_rate * 10 if y is None else trials.best_rate(subject, {})
    change = {} if rate is None or not subject.uses_rate else {"learning_rate": rate}
    tail = ", or more epochs" if change else "more epochs"
    yield subject.finding("class_collapse", text, numbers, change, tail=tail)


def check_running_statistics(subject: Subject) -> Iterator[Finding]:
    """Yield the finding about running statistics of batch normalisation that do not fit the rows."""
    targets, y = subject.targets, subject.y
    if not subject.trained or targets is None or y is None or "batch" not in subject.stack.norms:
        return
    a = _first_inputs(subject)
    for i, activation in enumerate(subject.stack.activations):
        # The largest number of a row is the same before softmax, which only a last layer can have.
        activation = "identity" if activation == "softmax" else activation
        below, a = a, outputs_of_layer(subject, i, activation, a)
        a = a + below if subject.stack.residuals[i] else a
    by_rows = quality(targets, y, a)
    if by_rows - subject.quality < _MISMATCH:
        return
    yield subject.finding(
        "running_statistics",
        f"with the running statistics of batch normalisation the score is {subject.quality:.2g}, with the"
        f" statistics of the rows {by_rows:.2g}",
        {"running": subject.quality, "rows": by_rows},
        {"batch_size": 64},
        tail=" or more, or norm='layer'",
    )


def _first_inputs(subject: Subject) -> Array:
    return first_inputs(subject.stack, subject.X, subject.objective.scale).astype(subject.X.dtype)


# ---- history


def check_overfitting(subject: Subject, restored: bool) -> Iterator[Finding]:
    """Yield the finding about a validation loss that rises; `restored`: the best epoch was restored."""
    losses, held_out = np.array(subject.history["loss"]), np.array(subject.history.get("val_loss", []))
    if restored or len(held_out) < 3 or len(held_out) != len(losses) or not np.isfinite(held_out).all():
        return
    best, low = int(np.argmin(held_out)), float(held_out.min())
    fall = max(float(held_out[0]) - low, abs(low) / 20)
    if held_out[-1] - low < _RISE * fall or losses[-1] >= losses[best]:
        return
    yield subject.finding(
        "overfitting",
        f"the validation loss rose from {low:.4g} in epoch {best + 1} to {held_out[-1]:.4g} in epoch"
        f" {len(losses)}, while the training loss fell from {losses[best]:.4g} to {losses[-1]:.4g}",
        {"best": float(best + 1), "lowest": low, "last": float(held_out[-1])},
        {"epochs": best + 1},
        tail=", or early_stopping=True",
    )


# ---- networks that have not learned what the columns allow


def check_progress(outcome: Outcome) -> Iterator[Finding]:
    """Yield the finding about a trained network without other findings that is clearly worse than the reference."""
    subject, expected = outcome.subject, outcome.expected
    gap = f"the score is {subject.quality:.2g}; a reference network reaches {expected:.2g} on held-out rows"
    numbers = {"score": subject.quality, "reference": expected}
    if subject.last is not subject.stack and _quality_of_last(subject) >= _POOR * expected:
        text = f"{gap}, and this one with the weights of its last step in place of their average"
        yield subject.finding("slow_average", text, numbers, {"ema": None})
        return
    for name, words, change in _remedies(outcome):
        yield subject.finding(name, f"{gap}, and this one {words}", numbers, change)
        return
    change = trials.reference_change(subject)
    change = {
        key: change[key] for key in ("layers", "standardize", "scale_targets", "optimizer") if key in change
    }
    if subject.configuration.layers[0].blocks:
        del change["layers"]
    yield subject.finding(
        "underfitting", f"{gap}, which is one with these parameters", numbers, {**change, "epochs": 100}
    )


def time_limit(subject: Subject) -> Finding:
    """Return the finding about a poor network whose training the time limit ended."""
    epochs = len(subject.history["epoch"])
    text = f"time_limit ended training after {epochs} epochs and {subject.last.steps} steps"
    return subject.finding("time_limit", text, {"epochs": float(epochs)}, {"time_limit": None})


def _quality_of_last(subject: Subject) -> float:
    assert subject.targets is not None
    assert subject.y is not None
    return quality(subject.targets, subject.y, subject.forward(subject.last, subject.X))


def _longer(outcome: Outcome) -> dict[str, Any]:
    """Return the change to a number of epochs that suffices, without a longer average; empty if there is none."""
    subject, epochs = outcome.subject, _epochs_needed(outcome)
    if epochs is None:
        return {}
    ema = subject.configuration.ema
    steps = epochs * subject.last.steps / len(subject.history["epoch"])
    slow = ema is not None and (1 - ema) * steps < _HORIZONS
    return {"epochs": epochs, "ema": None} if slow else {"epochs": epochs}


def _remedies(outcome: Outcome) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, words and change of what lets trials reach three quarters of the score of the reference."""
    longer = _longer(outcome)
    if longer:
        yield "few_epochs", "with more epochs", longer
    for name, words, change in _suspects(outcome.subject):
        if trials.reached(outcome.subject, change) >= _POOR * outcome.expected:
            yield name, words, change


def _suspects(subject: Subject) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, words and change of the parameters that can be the cause, the simplest first."""
    c = subject.configuration
    penalties = {name: 0.0 for name in ("l1", "l2") if getattr(c, name)}
    if penalties:
        yield "strong_penalty", "without penalties", penalties
    if getattr(c.optimizer, "weight_decay", 0.0) and subject.uses_rate:
        yield "strong_decay", "without weight decay", {"weight_decay": 0.0}
    if c.loss.unsmoothed != c.loss:
        yield "strong_smoothing", "without label smoothing", {"loss": c.loss.unsmoothed}
    if any(layer.dropout for layer in c.layers):
        yield "strong_dropout", "without dropout", {"dropout": 0.0}
    if c.input_dropout:
        yield "strong_dropout", "without input_dropout", {"input_dropout": 0.0}
    clips = {name: None for name in ("clip_norm", "clip_value") if getattr(c, name) is not None}
    if clips:
        yield "clipped_gradient", "without clipping", clips
    if not c.standardize:
        yield "unscaled_input", "with standardised columns", {"standardize": True}
    scale: dict[str, Any] = {"scale_targets": True} if trials.can_scale_targets(subject) else {}
    if scale:
        yield "unscaled_target", "with scaled targets", scale
    if subject.uses_rate:
        rate = trials.best_rate(subject, {})
        if rate is not None:
            higher = rate > subject.first_rate
            name = "small_rate" if higher else "exploding_rate"
            yield name, f"with a {'higher' if higher else 'lower'} learning rate", {"learning_rate": rate}


def _epochs_needed(outcome: Outcome) -> int | None:
    """Return a number of epochs after which training reaches the reference, by a trial from the present weights."""
    subject, goal = outcome.subject, (1 + _POOR) / 2 * outcome.expected
    epochs, targets, y = len(subject.history["epoch"]), subject.targets, subject.y
    if not epochs or not subject.uses_rate or targets is None or y is None:
        return None
    c = subject.configuration.replace(ema=None)
    stack = copy_of(subject.last, c)
    setting, n = trials.Setting(stack, y, subject.objective, c), [0]

    def judge() -> bool:
        n[0] += 1
        return quality(targets, y, subject.forward(stack, subject.X)) >= goal

    rows = np.arange(len(subject.X))
    trials.train(setting, subject.X, rows, trials.n_steps(stack, _LONG), judge)
    if not judge():
        return None
    per_epoch = subject.last.steps / epochs or math.ceil(len(rows) / 32)
    needed = math.ceil(epochs + _MARGIN * stack.steps / per_epoch)
    return needed if needed <= max(_MOST_EPOCHS * epochs, 100) else None


# ---- labels


def check_information(outcome: Outcome) -> Iterator[Finding]:
    """Yield the finding about columns from which y cannot be predicted, or about wrong labels."""
    subject, reference = outcome.subject, outcome.reference
    if reference is None:
        return
    if outcome.uninformative:
        shuffled = [each.quality for each in outcome.shuffled]
        low, high = min(shuffled), max(shuffled)
        yield subject.finding(
            "no_information",
            f"a reference network predicts held-out rows with a score of {reference.quality:.2g}, where 0 is that of"
            f" a constant prediction; with shuffled y it is {low:.2g} to {high:.2g}: no relation between the columns"
            " and y was found",
            {"score": reference.quality, "lowest": low, "highest": high},
            {},
            tail="check that the rows of X and y belong together; add columns that are related to y",
        )
        return
    yield from _check_labels(subject, reference)


def _check_labels(subject: Subject, reference: trials.Reference) -> Iterator[Finding]:
    targets, y = subject.targets, subject.y
    assert targets is not None
    assert y is not None
    if targets.kind != "classes" or subject.configuration.loss.ordered:
        return
    true, outputs = targets.indices(y), reference.outputs
    predicted = targets.loss.class_indices(outputs)
    wrong = predicted != true
    confidence = np.abs(outputs[:, 0] - 0.5) if outputs.shape[1] == 1 else outputs.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    share = float(wrong.mean())
    each = [float(wrong[order[: max(int(part * len(true)), FEWEST)]].mean()) for part in _CONFIDENT]
    if share < _ERRORS or float(np.mean(each)) < max(_ALIKE * share, _ERRORS):
        return
    rows = tuple(subject.rows[order[wrong[order]]].tolist())
    penalty = trials.best_penalty(subject)
    leave = f"inspect or leave out the {len(rows)} rows in `rows`, of which the first are the most certain"
    yield subject.finding(
        "label_noise",
        f"{share:.0%} of the rows have another label than a network that was trained on other rows predicts, and"
        f" {each[0]:.0%} of the quarter of the rows that it predicts with most confidence: these labels are"
        " wrong, or depend on what the columns do not contain",
        {"disagreeing": share, "confident": each[0], "rows": float(len(rows))},
        {} if penalty is None else {"l2": penalty},
        tail=leave if penalty is None else f", against learning them by heart; {leave}",
        rows=rows,
    )
