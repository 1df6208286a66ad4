"""Losses of classes, one a row or independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data.arrays import Array
from .base import Loss, keep_real

FocalLink: TypeAlias = Literal["softmax", "sigmoid"]
_FOCAL_LINKS: tuple[FocalLink, ...] = ("softmax", "sigmoid")


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """``-w y log(p) - (1 - y) log(1 - p)`` of each output, ``p = sigmoid(z)``; one output for two classes, or one each.

    Parameters
    ----------
    pos_weight : float or sequence of float, optional
        w, above 0: for all outputs, or one for each. Default: 1.
    label_smoothing : float, default 0.0
        e in [0, 1): y becomes ``y (1 - e) + e / 2``, in training; not in validation or :meth:`Network.loss`.
    """

    name = "binary_cross_entropy"
    link = "sigmoid"
    classifies = True

    pos_weight: float | tuple[float, ...] | None = None
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        keep_real(self, "label_smoothing", minimum=0, below=1)
        if isinstance(self.pos_weight, Sequence):
            weights = tuple(checks.real(self.name, "pos_weight", w, above=0) for w in self.pos_weight)
            object.__setattr__(self, "pos_weight", weights)
        elif self.pos_weight is not None:
            keep_real(self, "pos_weight", above=0)

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        given = {"pos_weight": self.pos_weight, "label_smoothing": self.label_smoothing}
        given = {name: value for name, value in given.items() if value}
        return (self.name, given) if given else self.name

    @property
    def unsmoothed(self) -> Loss:
        """The loss with labels as they are."""
        return replace(self, label_smoothing=0.0)

    def n_outputs(self, n: int) -> int:
        """Return one output for two classes, else one a class."""
        return 1 if n == 2 else n

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse another number of outputs than there are weights."""
        if isinstance(self.pos_weight, tuple) and len(self.pos_weight) != n_outputs:
            raise ValueError(
                f"pos_weight has {len(self.pos_weight)} numbers; the last layer has {n_outputs} outputs."
            )


def _check_softmax_outputs(loss: Loss, n_outputs: int, instead: str) -> None:
    if loss.link == "softmax" and n_outputs < 2:
        raise ValueError(
            f"{loss.name} needs 2 outputs, one a class; the last layer has {n_outputs}."
            f" For two classes with one output, use {instead}."
        )


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """``-sum_j y_j log(p_j)``, ``p = softmax(z)``: classes of which one is right, or a distribution over them.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        e in [0, 1): y becomes ``y (1 - e) + e / n`` for n classes, in training; not in validation or
        :meth:`Network.loss` (Szegedy et al. 2016).
    """

    name = "softmax_cross_entropy"
    link = "softmax"
    classifies = True
    min_outputs = 2

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        keep_real(self, "label_smoothing", minimum=0, below=1)

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        return (self.name, {"label_smoothing": self.label_smoothing}) if self.label_smoothing else self.name

    @property
    def unsmoothed(self) -> Loss:
        """The loss with labels as they are."""
        return SoftmaxCrossEntropy()

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse a single output."""
        _check_softmax_outputs(self, n_outputs, "binary_cross_entropy")


@dataclass(frozen=True)
class Focal(Loss):
    """``-(1 - p)^gamma log(p)`` of the probability p of the true class (Lin et al. 2017): easy rows count less.

    Parameters
    ----------
    gamma : float, default 2.0
        At least 0; 0 is cross-entropy.
    link : {"softmax", "sigmoid"}, default "softmax"
        "sigmoid" for one output and two classes, or for outputs that are independent of each other.
    """

    name = "focal"
    classifies = True

    gamma: float = 2.0
    link: FocalLink = "softmax"

    def __post_init__(self) -> None:
        keep_real(self, "gamma", minimum=0)
        checks.choice("Focal", "link", self.link, _FOCAL_LINKS)

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        name = SoftmaxCrossEntropy.name if self.link == "softmax" else BinaryCrossEntropy.name
        return name, {"gamma": self.gamma}

    def n_outputs(self, n: int) -> int:
        """Return one output for two classes of a sigmoid, else one a class."""
        return 1 if n == 2 and self.link == "sigmoid" else n

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse a single output of a softmax."""
        _check_softmax_outputs(self, n_outputs, "Focal(link='sigmoid')")


class Ordinal(Loss):
    """``-log P(y)`` of classes in an order, the sorted labels: a cumulative link, with one output fewer than classes.

    ``P(y > j) = sigmoid(a_j)`` with ``a_0 = z_0`` and ``a_j = a_(j-1) - log(1 + exp(z_j))``, so that probabilities
    of higher classes never cross. The thresholds follow each row. :meth:`Network.predict` gives the median class.
    """

    name = "ordinal"
    classifies = True
    ordered = True

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index a row: yes."""
        return True

    def n_outputs(self, n: int) -> int:
        """Return one output fewer than classes."""
        return n - 1

    def n_classes(self, n_outputs: int) -> int:
        """Return how many classes a last layer tells apart."""
        return n_outputs + 1

    def exceedance(self, z: Array) -> Array:
        """Return the logits a (m, n) of P(y > j), from the outputs z (m, n)."""
        steps = arithmetic.activate("softplus", z[:, 1:])
        return np.cumsum(np.concatenate([z[:, :1], -steps], axis=1), axis=1, dtype=z.dtype)

    def class_indices(self, outputs: Array) -> Array:
        """Return the median class (m,)."""
        median: Array = (self.exceedance(outputs) >= 0).sum(axis=1)
        return median

    def probabilities(self, outputs: Array) -> Array:
        """Return P(y = k) (m, n + 1), from the outputs (m, n)."""
        above = arithmetic.activate("sigmoid", self.exceedance(outputs))
        edge = np.ones((len(outputs), 1), outputs.dtype)
        chances: Array = -np.diff(np.concatenate([edge, above, 0 * edge], axis=1), axis=1)
        return chances
