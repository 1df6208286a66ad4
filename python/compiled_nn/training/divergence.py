"""Divergence: the error when loss or weights are not finite, and the snapshot that training returns to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..common.errors import DivergenceError

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..data.arrays import Array
    from ..spec.configuration import Configuration

# The loss is computed once more after an epoch in which the largest weight has doubled and exceeds this number: finite
# weights can be so large that predictions overflow.
_SUSPICIOUS = 10.0


class Divergence(NamedTuple):
    """Description of an epoch after which the loss or a weight is not finite.

    Attributes
    ----------
    learning_rate : float or None
        Learning rate of the first step of the epoch; None for L-BFGS.
    loss : float
        Mean loss of the epoch.
    layer : int
        Index of the first layer with a weight or bias that is not finite; if there is none, of the layer with the
        largest one.
    largest : float
        Largest absolute weight or bias of this layer; not finite if it has one that is not.
    """

    learning_rate: float | None
    loss: float
    layer: int
    largest: float

    def error(self, when: str, configuration: Configuration, owner: str = "network") -> DivergenceError:
        """Return the error to raise; `when` names the epoch or pass that diverged, `owner` what keeps its weights."""
        rate = "" if self.learning_rate is None else f", learning rate {self.learning_rate:g}"
        where = f"first in layer {self.layer}"
        if math.isfinite(self.largest):
            where = f"the largest weights, up to {self.largest:.3g}, are in layer {self.layer}"
        return DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need"
            f" to be preprocessed. {when}{rate}, loss {self.loss:g}, {where}. {self._advice(configuration)}"
            f" The {owner} keeps its last finite weights."
        )

    def _advice(self, configuration: Configuration) -> str:
        """Return the changes to try; none of them is in the configuration already."""
        advice = []
        if not configuration.standardize:
            advice.append("standardise the columns of X (standardize=True)")
            if configuration.input_scale == 1:
                advice.append("set input_scale (1/255 for 8-bit images)")
        if self.learning_rate is not None:
            advice.append(f"try a learning rate of {self.learning_rate / 10:g}")
            if configuration.clip_norm is None:
                advice.append("limit the gradient (clip_norm=1.0)")
        if not advice:
            advice.append("divide the targets by their standard deviation")
        text = ", or ".join(advice)
        return f"{text[0].upper()}{text[1:]}."


def worst_layer(stack: Stack) -> tuple[int, float]:
    """Return the first layer with a number that is not finite, or the layer with the largest one; and that number."""
    sizes = [
        max(float(np.abs(array).max(initial=0.0)) for array in pair if array is not None)
        for pair in stack.views()
    ]
    for layer, size in enumerate(sizes):
        if not math.isfinite(size):
            return layer, size
    layer = int(np.argmax(sizes))
    return layer, sizes[layer]


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
        self._copies = tuple(array.copy() for array in self._live())
        self._largest = 0.0
        self._steps = stack.steps

    def _live(self) -> tuple[Array, ...]:
        """Return the present arrays of the state: the stack may have moved to other memory."""
        stack = self._stack
        average = () if stack.average is None else (stack.average,)
        return tuple([a for a in (stack.parameters, stack.running, *average, *stack.moments) if a.size])

    def update(self, has_finite_loss: Callable[[], bool]) -> bool:
        """Copy the present state if all of it is finite, and return whether it is.

        If weights have become large, the state counts as finite only if ``has_finite_loss()`` is true.
        """
        state = self._live()
        for array in state[1:]:
            if not largest(array) < math.inf:
                return False
        size = largest(state[0])
        if not size < math.inf:
            return False
        if size > max(_SUSPICIOUS, 2 * self._largest):
            if not has_finite_loss():
                return False
            self._largest = size
        for copy, live in zip(self._copies, state, strict=True):
            copy[:] = live
        self._steps = self._stack.steps
        return True

    def restore(self) -> None:
        """Write the copy back into the stack."""
        with self._stack.changing():
            for copy, live in zip(self._copies, self._live(), strict=True):
                live[:] = copy
            self._stack.steps = self._steps


def largest(array: Array) -> float:
    """Return the largest absolute value of an array (n,); NaN if there is a NaN, which argmax and argmin find first."""
    found: float = max(array.item(array.argmax()), -array.item(array.argmin()))
    return found
