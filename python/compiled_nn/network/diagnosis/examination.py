"""Examination of a network: all checks in their order, and which of them apply to a network that has learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...data.arrays import Array
from . import baselines, data, layers, outcome, training
from .findings import Diagnosis, Finding
from .subject import Subject

# Changes of findings that come before the check of the learning rate, by the name of the finding.
_FIRST: dict[str, dict[str, Any]] = {
    "unscaled_input": {"standardize": True},
    "unscaled_target": {"scale_targets": True},
    "frozen": {"trainable": True},
}


def examine(
    subject: Subject, *, restored: bool, stopped: str | None, held_out: Array | None = None
) -> Diagnosis:
    """Examine a network on its rows, and return the findings.

    `restored`: whether the weights are those of the best epoch. `stopped`: reason for which training ended. `held_out`:
    predictions of the rows by a model that was trained on other ones, if they are known.
    """
    # No warnings of overflow, because it is reported as a finding.
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = data.scaled_inputs(subject)
        found = list(data.check_inputs(subject, inputs))
        if found and found[0].name == "constant_input":
            return Diagnosis(found)
        result = outcome.Outcome(subject)
        if result.learned:
            found = [finding for finding in found if not finding.change]
        else:
            found += _of_training(subject, inputs, unscaled=bool(found))
        if result.poor and stopped == "time_limit":
            found = [outcome.time_limit(subject), *found]
        found += outcome.check_running_statistics(subject)
        found += outcome.check_classes(result, found)
        if result.poor and not found:
            found += outcome.check_progress(result)
        found += outcome.check_overfitting(subject, restored)
        found += outcome.check_information(result)
        if held_out is not None:
            found += baselines.check_baselines(subject, held_out)
    return Diagnosis(found)


def _of_training(subject: Subject, inputs: np.ndarray[Any, Any], unscaled: bool) -> list[Finding]:
    """Return the findings of the checks of thresholds, except those about X."""
    found = list(data.check_targets(subject)) if subject.uses_rate else []
    fixed: dict[str, Any] = {"standardize": True} if unscaled else {}
    decay = list(training.check_decay(subject, fixed | ({"scale_targets": True} if found else {})))
    if not (decay and subject.trained):  # otherwise, the state of the units is an effect of the decay
        found += layers.check_layers(subject, inputs, unscaled)
    found += decay
    found += training.check_parameters(subject)
    for finding in found:
        fixed |= _FIRST.get(finding.name, {})
        if finding.name == "strong_dropout":
            fixed |= {"dropout": 0.0, "input_dropout": 0.0}
        if finding.name == "strong_decay":
            fixed |= {"weight_decay": 0.0}
        if finding.name == "strong_smoothing":
            fixed |= {"loss": subject.configuration.loss.unsmoothed}
    steps = [] if subject.y is None else list(training.check_steps(subject, fixed))
    if not found and not steps:
        steps += training.check_losses(subject, fixed)
    return found + steps
