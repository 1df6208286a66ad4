"""What every loss has, and checks that several share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..common import checks
from ..data.arrays import Array


@dataclass(frozen=True)
class Loss:
    """What a network must know of its loss; made by one of the classes below.

    Attributes
    ----------
    name : str
    link : str
        Activation of the last layer that belongs to it.
    classifies : bool
        Whether targets are classes (else real numbers).
    min_outputs : int
        Fewest outputs for which it means something.
    ordered : bool
        Whether classes are in an order: their probabilities then follow from no link.
    """

    name = "loss"
    link = "identity"
    classifies = False
    min_outputs = 1
    ordered = False
    _parameters: ClassVar[tuple[str, ...]] = ()  # the core has them under the same names

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        if not self._parameters:
            return self.name
        return self.name, {name: getattr(self, name) for name in self._parameters}

    @property
    def unsmoothed(self) -> Loss:
        """The loss that is reported of data which are not trained on: labels are not smoothed there."""
        return self

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index a row."""
        return self.link == "softmax"

    def n_outputs(self, n: int) -> int:
        """Return how many outputs the last layer has for `n` classes, or `n` columns of values."""
        return n

    def n_classes(self, n_outputs: int) -> int:
        """Return how many classes a last layer tells apart."""
        return max(n_outputs, 2)

    def n_columns(self, n_outputs: int) -> int:
        """Return how many columns of values y has."""
        return n_outputs

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse a last layer of another number of units than the loss takes."""
        if n_outputs < self.min_outputs:
            raise ValueError(f"{self.name} needs {self.min_outputs} outputs; the last layer has {n_outputs}.")

    def check_values(self, y: Array) -> None:
        """Refuse values (m, n) that are out of the range of the loss."""

    def values(self, outputs: Array) -> Array:
        """Return what is predicted, (m, n), by the outputs after the link."""
        return outputs

    def deviations(self, outputs: Array) -> Array | None:
        """Return the standard deviations (m, n) that outputs after the link tell; None where they tell none."""
        return None

    def class_indices(self, outputs: Array) -> Array:
        """Return the class (m,) that is predicted by the outputs after the link: a tie is the second of two."""
        chosen: Array = (
            (outputs[:, 0] >= 0.5).astype(np.intp) if outputs.shape[1] == 1 else np.argmax(outputs, axis=1)
        )
        return chosen

    def probabilities(self, outputs: Array) -> Array:
        """Return the probabilities that the outputs after the link stand for: themselves."""
        return outputs

    def sources(self, outputs: Array) -> Array:
        """Return which output each value is, (m, n) or (1, n), of outputs after the link."""
        return np.arange(outputs.shape[1])[np.newaxis]

    def score(self, y: Array, predicted: Array, weights: Array | None) -> float:
        """Return R^2 of predicted values (m, n)."""
        from .. import metrics  # what only predicts needs none

        return metrics.r2_score(y, predicted, weights)


def keep_real(loss: Loss, name: str, **bounds: float) -> None:
    """Check a parameter of a frozen dataclass and keep it as a float."""
    value = checks.real(type(loss).__name__, name, getattr(loss, name), **bounds)
    object.__setattr__(loss, name, value)


def refuse_values(loss: Loss, y: Array, bad: Array, name: str, valid: str) -> None:
    """Raise the error of values of y (m, n) that a loss cannot take, where there are any."""
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"Some value(s) of y are out of the valid range of the loss {name!r}. {loss.name} takes y {valid};"
            f" row {row}, column {column} is {y[row, column]:g}."
        )
