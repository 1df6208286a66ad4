"""Loss, scaling of the targets and weights of the classes: as the options say, or as follows from the targets."""

from __future__ import annotations

import math
from argparse import Namespace
from typing import Any

from ...common.errors import did_you_mean
from ...losses import LOSSES, LossName
from ..support.terminal import UsageError
from .material import Material


def loss_of(options: Namespace, data: Material) -> tuple[LossName, int]:
    """Return the name of the loss and the number of outputs."""
    y = data.rows.y
    if not data.classifies:
        loss: LossName = options.loss or "mse"
        return loss, LOSSES[loss].n_outputs(math.prod(y.shape[1:]))
    n_classes = len(data.classes)
    loss = options.loss or ("binary_cross_entropy" if n_classes == 2 else "softmax_cross_entropy")
    if options.calibrate and LOSSES[loss].ordered:
        raise UsageError(f"--calibrate does not apply to the loss {loss}, which has thresholds; omit it")
    return loss, LOSSES[loss].n_outputs(n_classes)


def scales_targets(options: Namespace, loss: LossName) -> bool:
    """Return whether the targets are scaled: as the options say, or else if the loss allows it."""
    possible = not LOSSES[loss].classifies and LOSSES[loss].link == "identity"
    if options.scale_targets and not possible:
        kind = (
            "for classes"
            if LOSSES[loss].classifies
            else f"whose values have the range of {LOSSES[loss].link}"
        )
        raise UsageError(f"--scale-targets does not apply to the loss {loss}, {kind}; omit it")
    return possible if options.scale_targets is None else bool(options.scale_targets)


def class_weight(options: Namespace, data: Material) -> Any:
    """Return the weights of classes by their labels."""
    given = options.class_weight
    if not isinstance(given, dict):
        return given
    labels = {str(label): label for label in data.classes.tolist()}
    for name in given:
        if name not in labels:
            known = ", ".join(map(repr, labels))
            hint = did_you_mean(name, labels)
            raise ValueError(
                f"--class-weight names {name!r}, which is not a class; the classes are {known}.{hint}"
            )
    return {labels[name]: weight for name, weight in given.items()}
