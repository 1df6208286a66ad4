"""Checks of X and y: scales, constant columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cnn_core.encoding import first_inputs

from ...data.arrays import Array
from . import trials
from .findings import Finding
from .subject import FEWEST, Subject

# Initial weights are about 1 / sqrt(k), so that the sums of a layer are about as large as its k inputs. At a sum of 10,
# the derivative of a sigmoid is 5e-5. The gradient of the weights is proportional to the inputs: inputs of 0.01 need
# a hundred times the learning rate of the other layers.
_LARGE, _SMALL = 10.0, 0.01
# An output starts near 0 with a spread of about 1, and a step of Adam changes it by a multiple of the learning rate
# that is independent of y: values around 100 are 1e5 steps of 1e-3 away. Errors of 0.001 are below the noise of steps.
_FAR, _NARROW = 100.0, 1e-3


def scaled_inputs(subject: Subject) -> Array:
    """Return the rows as the first layer receives them, in float64."""
    return first_inputs(subject.stack, subject.X, subject.objective.scale)


def check_inputs(subject: Subject, inputs: Array) -> Iterator[Finding]:
    """Yield the findings about X, whose rows the first layer has as `inputs`."""
    if len(inputs) >= FEWEST and (inputs == inputs[0]).all():
        yield subject.finding(
            "constant_input",
            f"all {len(inputs)} rows of X are equal: the outputs cannot depend on X",
            {"rows": float(len(inputs))},
            {},
            tail="pass an X whose columns vary",
        )
        return
    sizes = np.sqrt((inputs**2).mean(axis=0))
    large = sizes > _LARGE
    if not large.any() and not 0 < sizes.max() < _SMALL:
        return
    low, high = float(inputs.min()), float(inputs.max())
    numbers = {"smallest": low, "largest": high, "size": float(sizes.max()), "columns": float(large.sum())}
    columns = f"{large.sum()} of {len(sizes)} columns" if large.any() else "all columns"
    text = f"the first layer takes numbers from {low:.4g} to {high:.4g}; {columns} are far from 1"
    if subject.stack.statistics is None:
        yield subject.finding("unscaled_input", text, numbers, {"standardize": True})
        return
    tail = "pass X in the same units as in fit, which computed mean_ and scale_"
    yield subject.finding("unscaled_input", f"{text} once standardised", numbers, {}, tail=tail)


def check_targets(subject: Subject) -> Iterator[Finding]:
    """Yield the finding about the scale of y, for losses of values whose last layer has no link."""
    values = subject.values
    if values is None or not trials.can_scale_targets(subject):
        return
    means, spreads = np.abs(values.mean(axis=0)), values.std(axis=0)
    largest, smallest = float(max(means.max(), spreads.max())), float(spreads.max())
    if largest <= _FAR and smallest >= _NARROW:
        return
    j = int(np.argmax(np.maximum(means, spreads)))
    yield subject.finding(
        "unscaled_target",
        f"y has mean {values[:, j].mean():.4g} and standard deviation {spreads[j]:.4g}; the outputs start near 0"
        " with a spread of about 1",
        {"mean": float(values[:, j].mean()), "deviation": float(spreads[j])},
        {"scale_targets": True},
    )
