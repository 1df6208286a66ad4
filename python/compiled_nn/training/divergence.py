"""Training that does not end finite: what is said of it, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..common.errors import DivergenceError

if TYPE_CHECKING:
    from cnn_core.stack import Stack


class Divergence(NamedTuple):
    """Learning rate and loss of an epoch that did not end finite, and the first layer with a bad weight, if any."""

    learning_rate: float
    loss: float
    layer: int | None

    def error(self, when: str) -> DivergenceError:
        """Return the error that says so."""
        rate = self.learning_rate
        where = "" if self.layer is None else f", first in layer {self.layer}"
        return DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need"
            f" to be preprocessed. {when}, learning rate {rate:g}, loss {self.loss:g}{where}. Standardise the"
            " columns of X (standardize=True), or set input_scale (1/255 for 8-bit images), or try a learning rate of"
            f" {rate / 10:g}. The weights from before are kept."
        )


def first_bad_layer(stack: Stack) -> int | None:
    """Return the first layer, from 0, with a weight or bias that is not finite."""
    for number, pair in enumerate(stack.views()):
        if not all(array is None or np.isfinite(array).all() for array in pair):
            return number
    return None


class LastFinite:
    """A copy of what training changes in a stack, as of the last time that all of it was finite.

    Parameters
    ----------
    stack : cnn_core.stack.Stack
        With its optimizer set.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        average = () if stack.average is None else (stack.average,)
        state = (stack.parameters, stack.running, *average, *stack.moments)
        self._live = tuple(array for array in state if array.size)
        self._kept = tuple(array.copy() for array in self._live)
        self._steps = stack.steps

    def keep(self) -> bool:
        """Copy the state when all is finite; tell whether it is."""
        for array in self._live:
            if not np.logical_and.reduce(np.isfinite(array)):
                return False
        for kept, live in zip(self._kept, self._live, strict=True):
            kept[:] = live
        self._steps = self._stack.steps
        return True

    def restore(self) -> None:
        """Put the copy back."""
        for kept, live in zip(self._kept, self._live, strict=True):
            live[:] = kept
        self._stack.steps = self._steps
