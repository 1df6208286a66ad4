"""Divergence: the error when loss or weights are not finite, and the snapshot that training returns to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..common.errors import DivergenceError

if TYPE_CHECKING:
    from cnn_core.stack import Stack


class Divergence(NamedTuple):
    """Description of an epoch after which the loss or a weight is not finite.

    Attributes
    ----------
    learning_rate : float
        Learning rate of the first step of the epoch.
    loss : float
        Mean loss of the epoch.
    layer : int or None
        Index of the first layer with a weight or bias that is not finite; None if there is none.
    """

    learning_rate: float
    loss: float
    layer: int | None

    def error(self, when: str) -> DivergenceError:
        """Return the error to raise; `when` names the epoch or pass that diverged."""
        rate = self.learning_rate
        where = "" if self.layer is None else f", first in layer {self.layer}"
        return DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need"
            f" to be preprocessed. {when}, learning rate {rate:g}, loss {self.loss:g}{where}. Standardise the"
            " columns of X (standardize=True), or set input_scale (1/255 for 8-bit images), or try a learning rate of"
            f" {rate / 10:g}. The network keeps its last finite weights."
        )


def first_bad_layer(stack: Stack) -> int | None:
    """Return the index of the first layer with a weight or bias that is not finite, or None."""
    for number, pair in enumerate(stack.views()):
        if not all(array is None or np.isfinite(array).all() for array in pair):
            return number
    return None


class Snapshot:
    """Copy of the state of a stack that training changes, taken when all of it was finite.

    The state consists of weights, running statistics, averaged weights, moments of the optimizer and number of steps.

    Parameters
    ----------
    stack : cnn_core.stack.Stack
        Stack in training. Its optimizer must be set, because the moments are copied too.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        average = () if stack.average is None else (stack.average,)
        state = (stack.parameters, stack.running, *average, *stack.moments)
        self._live = tuple(array for array in state if array.size)
        self._copies = tuple(array.copy() for array in self._live)
        self._steps = stack.steps

    def update(self) -> bool:
        """Copy the present state if all of it is finite, and return whether it is."""
        for array in self._live:
            if not np.logical_and.reduce(np.isfinite(array)):
                return False
        for copy, live in zip(self._copies, self._live, strict=True):
            copy[:] = live
        self._steps = self._stack.steps
        return True

    def restore(self) -> None:
        """Write the copy back into the stack."""
        for copy, live in zip(self._copies, self._live, strict=True):
            live[:] = copy
        self._stack.steps = self._steps
