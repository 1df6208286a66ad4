"""Checks of training: learning rate, penalties, clipping, dropout, frozen layers, from the initial weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...common import arithmetic
from ...data.arrays import Array
from . import trials
from .findings import Finding
from .subject import Subject

_STEP = 1.0  # norm of a step divided by that of the weights; usual values are 1e-4 to 1e-2
_NO_STEP = 1e-6  # a million steps then change the weights by their own size
_PENALTY = 30.0  # penalty divided by the loss; it is below 3 for an l2 of 0.01 and 1000 units
_SLOWED = 0.1  # norm of the clipped step divided by that of the whole one
_SLOW = 1e-4  # norm of a clipped step divided by that of the weights
_DECAYED = 1.0  # weight decay from which it is tried whether training is better without it; usual values are below 0.1
_BETTER = 0.1  # gain in quality of such a trial
_SMOOTHED = 0.9  # label smoothing; usual values are 0.05 to 0.2
_DROPPED = 0.9  # dropout probability; usual values are 0.1 to 0.5


def check_parameters(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about parameters that can be judged without y."""
    c = subject.configuration
    if not any(layer.rate_factor for layer in c.layers):
        yield subject.finding(
            "frozen", "no layer is trained: all have trainable=False or rate=0", {}, {"trainable": True}
        )
    smoothing = getattr(c.loss, "label_smoothing", 0.0)
    if smoothing >= _SMOOTHED:
        yield subject.finding(
            "strong_smoothing",
            f"label_smoothing={smoothing:g} leaves {100 * (1 - smoothing):.2g} % of the difference between labels",
            {"label_smoothing": smoothing},
            {"loss": c.loss.unsmoothed},
        )
    worst = max(layer.dropout for layer in c.layers)
    for name, value in (("dropout", worst), ("input_dropout", c.input_dropout)):
        if value >= _DROPPED:
            yield subject.finding(
                "strong_dropout",
                f"{name}={value:g} keeps {100 * (1 - value):.2g} % of the numbers in training",
                {"dropout": value},
                {name: 0.0},
            )


def check_decay(subject: Subject, fixed: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the finding about a large weight decay without which a trial is better, with the changes `fixed`."""
    decay = getattr(subject.configuration.optimizer, "weight_decay", 0.0)
    if decay < _DECAYED or subject.y is None or not subject.uses_rate:
        return
    present, without = (
        trials.reached(subject, {**fixed, **change}) for change in ({}, {"weight_decay": 0.0})
    )
    if without > max(present, 0.0) + _BETTER:
        yield subject.finding(
            "strong_decay",
            f"a trial with weight_decay={decay:g} reaches a score of {present:.2g}, and one without it {without:.2g}",
            {"decay": float(decay), "with": present, "without": without},
            {"weight_decay": 0.0},
        )


def check_steps(subject: Subject, fixed: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings about the first step from the initial weights, after the changes `fixed` of other findings."""
    setting, c = trials.prepare(subject, fixed), subject.configuration
    loss, penalty = setting.stack.gradient(subject.X, setting.y, setting.objective)
    if penalty > _PENALTY * loss and np.isfinite(loss):
        change = {name: 0.0 for name in ("l1", "l2") if getattr(c, name)}
        yield subject.finding(
            "strong_penalty",
            f"the penalty of the initial weights is {penalty:.3g}, {penalty / loss:.2g} times the loss",
            {"penalty": float(penalty), "loss": float(loss)},
            change,
        )
        fixed = {**fixed, **change}
        setting = trials.prepare(subject, fixed)
        setting.stack.gradient(subject.X, setting.y, setting.objective)
    if not subject.uses_rate:
        return
    rate = subject.first_rate
    whole = _step_ratios(subject, setting, rate, clipped=False)
    ratios = _step_ratios(subject, setting, rate, clipped=True)
    largest = int(np.argmax(ratios))
    slowed = ratios[largest] < min(_SLOWED * whole[largest], _SLOW)
    if slowed and whole[largest] <= _STEP:
        unclipped = {name: None for name in ("clip_norm", "clip_value") if getattr(c, name) is not None}
        yield subject.finding(
            "clipped_gradient",
            f"clipping makes the first step {whole[largest] / max(ratios[largest], 1e-300):.2g} times smaller",
            {"clipped": ratios[largest], "whole": whole[largest]},
            unclipped,
        )
        fixed, ratios = {**fixed, **unclipped}, whole
    if not ratios[largest] <= _STEP and not trials.falls(subject, fixed):
        yield exploding_rate(subject, fixed, largest, ratios[largest], rate)
    elif 0 < ratios[largest] < _NO_STEP:
        change = rate_change(subject, fixed, rate * 1e3)
        yield subject.finding(
            "small_rate",
            f"the first step changes the weights by {ratios[largest]:.2g} of their size, at a learning rate of"
            f" {rate:.2g}",
            {"ratio": ratios[largest], "rate": rate},
            change,
        )


def exploding_rate(
    subject: Subject, fixed: Mapping[str, Any], layer: int | None, ratio: float, rate: float
) -> Finding:
    """Return the finding about a step that is larger than the weights."""
    return subject.finding(
        "exploding_rate",
        f"a step is {ratio:.2g} times the size of the weights it changes",
        {"ratio": ratio, "rate": rate},
        rate_change(subject, fixed, rate / 10),
        layer=layer,
    )


def rate_change(subject: Subject, fixed: Mapping[str, Any], otherwise: float) -> dict[str, Any]:
    """Return a learning rate that works in short trials, or `otherwise` if there is none."""
    found = trials.best_rate(subject, fixed)
    return {"learning_rate": otherwise if found is None else found}


def check_losses(subject: Subject, fixed: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the finding about a loss that rose."""
    losses = subject.history["loss"]
    if not subject.uses_rate or len(losses) < 2 or not losses[-1] > losses[0]:
        return
    rate = subject.first_rate
    change = {"learning_rate": rate / 10} if subject.y is None else rate_change(subject, fixed, rate / 10)
    text = f"the loss rose from {losses[0]:.4g} to {losses[-1]:.4g} in {len(losses)} epochs"
    numbers = {"first": float(losses[0]), "last": float(losses[-1]), "rate": rate}
    yield subject.finding("exploding_rate", text, numbers, change)


def _step_ratios(subject: Subject, setting: trials.Setting, rate: float, *, clipped: bool) -> list[float]:
    """Return the norm of the first step divided by that of the weights, for each layer; 0 if the weights are 0."""
    stack, c = setting.stack, setting.configuration
    flat: Array = stack.gradients.copy()
    if clipped and c.clip_norm is not None:
        norm = arithmetic.norm(flat)
        flat *= min(1.0, c.clip_norm / norm) if norm > 0 else 1.0
    if clipped and c.clip_value is not None:
        np.clip(flat, -c.clip_value, c.clip_value, out=flat)
    ratios = []
    for layer, (W, _), (dW, _) in zip(c.layers, stack.views(), stack.views(flat), strict=True):
        size = arithmetic.norm(W)
        step = layer.rate_factor * c.optimizer.step_norm(rate, dW)
        step *= _shrinkage(c.optimizer, dW)
        ratios.append(step / size if size > 0 else 0.0)
    return ratios


def _shrinkage(optimizer: Any, gradient: Array) -> float:
    """Return the factor by which `epsilon` of an adaptive optimizer shrinks the step; 1 without it."""
    epsilon, used = getattr(optimizer, "epsilon", 0.0), gradient[gradient != 0]
    if not epsilon or not used.size:
        return 1.0
    size = float(np.sqrt((used.astype(np.float64) ** 2).mean()))
    return size / (size + epsilon)
