"""Base class of the losses, and checks of their parameters and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..common import checks
from ..data.arrays import Array


@dataclass(frozen=True)
class Loss:
    """Base class of the losses.

    Attributes
    ----------
    name : str
        Name of the loss.
    link : str
        Link function: the activation of the last layer for predictions.
    classifies : bool
        Whether targets are classes; otherwise they are real numbers.
    min_outputs : int
        Minimum number of units of the last layer.
    ordered : bool
        Whether the classes have an order. Probabilities are then computed by :meth:`probabilities`, not by the link.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> loss = cnn.losses.Poisson()
    >>> isinstance(loss, cnn.losses.Loss), loss.name, loss.link, loss.classifies
    (True, 'poisson', 'exp', False)
    """

    name = "loss"
    link = "identity"
    classifies = False
    min_outputs = 1
    ordered = False
    _parameters: ClassVar[
        tuple[str, ...]
    ] = ()  # names of parameters that the core takes under the same names

    @property
    def core(self) -> Any:
        """Loss in the form that :class:`cnn_core.stack.Stack` takes: a name, or a name with parameters."""
        if not self._parameters:
            return self.name
        return self.name, {name: getattr(self, name) for name in self._parameters}

    @property
    def unsmoothed(self) -> Loss:
        """Loss without label smoothing, which is reported for data outside training."""
        return self

    @property
    def takes_activation(self) -> bool:
        """Whether the last layer may have an activation: for losses that compare outputs of any range with y."""
        return self.link == "identity" and not self.classifies

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index per row as targets."""
        return self.link == "softmax"

    def n_outputs(self, n: int) -> int:
        """Return the number of units of the last layer for `n` classes, or for `n` columns of values."""
        return n

    def n_classes(self, n_outputs: int) -> int:
        """Return the number of classes for a last layer of `n_outputs` units."""
        return max(n_outputs, 2)

    def n_columns(self, n_outputs: int) -> int:
        """Return the number of columns of y for a last layer of `n_outputs` units."""
        return n_outputs

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError if the loss does not accept a last layer of `n_outputs` units."""
        if n_outputs < self.min_outputs:
            raise ValueError(f"{self.name} needs {self.min_outputs} outputs; the last layer has {n_outputs}.")

    def check_values(self, y: Array) -> None:
        """Raise ValueError if targets (m, n) are out of the range of the loss."""

    def arranged(self, outputs: Array) -> Array:
        """Return outputs (m, n_outputs) in the order in which predictions use them."""
        return outputs

    def values(self, outputs: Array) -> Array:
        """Return the predicted values (m, n) from the outputs after the link."""
        return outputs

    def deviations(self, outputs: Array) -> Array | None:
        """Return the predicted standard deviations (m, n) from the outputs after the link; None if there are none."""
        return None

    def in_units(self, mean: Array, scale: Array) -> tuple[Array, Array]:
        """Return the factor and the shift (n_outputs,) of the outputs in units of y, if training scales y.

        `mean` and `scale` are those of the columns of y (n_columns,): training is on (y - mean) / scale.
        """
        return scale, mean

    def class_indices(self, outputs: Array) -> Array:
        """Return the predicted class (m,) from the outputs after the link.

        A single output of 0.5 means the second class. Among several equal outputs, the first class is predicted.
        """
        if outputs.size == 1:  # for one row, operations on arrays would take longer than a small network
            return np.array([outputs.item() >= 0.5], np.intp)
        chosen: Array = (
            (outputs[:, 0] >= 0.5).astype(np.intp) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        )
        return chosen

    def probabilities(self, outputs: Array) -> Array:
        """Return the probabilities from the outputs after the link: the outputs themselves."""
        return outputs

    def to_mean(self, outputs: Array, first: Array) -> Array:
        """Return outputs (m, n) after the link in the form whose mean over several networks is computed, in float64.

        `first` are the outputs of the first of the networks, for forms relative to them.
        """
        return self.arranged(outputs).astype(np.float64)

    def from_mean(self, mean: Array, first: Array) -> Array:
        """Return the outputs (m, n) after the link that :meth:`to_mean` turns into `mean`."""
        return mean

    def sources(self, outputs: Array) -> Array:
        """Return the index of the output of each predicted value, (m, n) or (1, n)."""
        return np.arange(outputs.shape[1])[np.newaxis]

    def score(self, y: Array, predicted: Array, weights: Array | None) -> float:
        """Return R^2 of predicted values (m, n)."""
        from .. import metrics  # imported here, because prediction needs no metrics

        return metrics.r2_score(y, predicted, weights)


def keep_real(loss: Loss, name: str, **bounds: float) -> None:
    """Check a parameter of a loss, and store it as a float."""
    value = checks.real(type(loss).__name__, name, getattr(loss, name), **bounds)
    object.__setattr__(loss, name, value)


def keep_reals(loss: Loss, name: str, **bounds: float) -> tuple[float, ...]:
    """Check a parameter of a loss that is a sequence or an array (n,) of numbers, and store it as a tuple of floats."""
    value = getattr(loss, name)
    one_dimension = np.ndim(value) == 1 and len(value) > 0
    if (
        isinstance(value, str)
        or not (isinstance(value, Sequence) or hasattr(value, "__array__"))
        or not one_dimension
    ):
        owner = type(loss).__name__
        raise TypeError(
            f"The '{name}' parameter of {owner} must be a sequence of numbers. Got {value!r} instead."
        )
    numbers = tuple(checks.real(type(loss).__name__, name, number, **bounds) for number in value)
    object.__setattr__(loss, name, numbers)
    return numbers


def refuse_values(loss: Loss, y: Array, bad: Array, name: str, valid: str) -> None:
    """Raise ValueError with the first of the values of y (m, n) for which `bad` is True, if there are any."""
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"Some value(s) of y are out of the valid range of the loss {name!r}. {loss.name} takes y {valid};"
            f" row {row}, column {column} is {y[row, column]:g}."
        )
