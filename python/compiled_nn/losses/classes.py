"""Losses for classification, with one class per row or with independent outputs.

References
----------
.. [1] C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR, 2016. (label smoothing)
.. [2] T.-Y. Lin et al., "Focal loss for dense object detection", ICCV, 2017.
.. [3] P. McCullagh, "Regression models for ordinal data", Journal of the Royal Statistical Society B, 42, 1980.
   (cumulative links)
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data.arrays import Array
from .base import Loss, keep_real, keep_reals

FocalLink: TypeAlias = Literal["softmax", "sigmoid"]
_FOCAL_LINKS: tuple[FocalLink, ...] = ("softmax", "sigmoid")


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy ``-w y log(p) - (1 - y) log(1 - p)`` of each output, with ``p = sigmoid(z)``.

    The last layer has one unit for two classes, or one unit for each of several independent 0/1 targets.

    Parameters
    ----------
    pos_weight : float or array-like (n_outputs,), optional
        Weight w > 0 of positive targets, for all outputs or for each output. Default: 1.
    label_smoothing : float, default 0.0
        Smoothing e in [0, 1): y is replaced by ``y (1 - e) + e / 2`` in training, but not in validation or in
        :meth:`Network.loss`.

    See Also
    --------
    SoftmaxCrossEntropy : Loss for one class of several per row.
    Focal : Loss that gives less weight to rows that are predicted well.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 4, [0, 0, 0, 1]
    >>> for weight in (1.0, 3.0):
    ...     loss = cnn.losses.BinaryCrossEntropy(pos_weight=weight)
    ...     net = cnn.Network([cnn.Dense(1)], loss=loss, optimizer="lbfgs", seed=0).fit(X, y)
    ...     print(net.predict_proba([[0.0]]).round(2))
    [[0.75 0.25]]
    [[0.5 0.5]]
    """

    name = "binary_cross_entropy"
    link = "sigmoid"
    classifies = True

    pos_weight: float | Sequence[float] | Array | None = None
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        keep_real(self, "label_smoothing", minimum=0, below=1)
        if isinstance(self.pos_weight, numbers.Real):
            keep_real(self, "pos_weight", above=0)
        elif self.pos_weight is not None:
            keep_reals(self, "pos_weight", above=0)

    @property
    def core(self) -> Any:
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        parameters = {"pos_weight": self.pos_weight, "label_smoothing": self.label_smoothing}
        parameters = {name: value for name, value in parameters.items() if value}
        return (self.name, parameters) if parameters else self.name

    @property
    def unsmoothed(self) -> Loss:
        """Loss without label smoothing."""
        return replace(self, label_smoothing=0.0)

    def n_outputs(self, n: int) -> int:
        """Return one output for two classes, else one output per class."""
        return 1 if n == 2 else n

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError if the number of outputs is not the number of positive weights."""
        if isinstance(self.pos_weight, tuple) and len(self.pos_weight) != n_outputs:
            raise ValueError(
                f"pos_weight has {len(self.pos_weight)} numbers; the last layer has {n_outputs} outputs."
            )


def _check_softmax_outputs(loss: Loss, n_outputs: int, instead: str) -> None:
    if loss.link == "softmax" and n_outputs < 2:
        raise ValueError(
            f"{loss.name} needs at least 2 outputs, one per class; the last layer has {n_outputs}."
            f" For two classes with one output, use {instead}."
        )


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy ``-sum_j y_j log(p_j)`` with ``p = softmax(z)``.

    The target is one class per row, or a probability distribution over the classes.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        Smoothing e in [0, 1): y is replaced by ``y (1 - e) + e / n`` for n classes in training, but not in validation
        or in :meth:`Network.loss` (Szegedy et al., 2016).

    See Also
    --------
    BinaryCrossEntropy : Loss for two classes, or for any number of labels per row.
    Ordinal : Loss for classes in order.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [5.0]], ["no", "yes"]
    >>> for smoothing in (0.0, 0.2):
    ...     loss = cnn.losses.SoftmaxCrossEntropy(label_smoothing=smoothing)
    ...     net = cnn.Network([cnn.Dense(2)], loss=loss, optimizer="lbfgs", seed=0).fit(X, y)
    ...     print(net.predict_proba([[5.0]]).round(2))
    [[0. 1.]]
    [[0.1 0.9]]
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
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        return (self.name, {"label_smoothing": self.label_smoothing}) if self.label_smoothing else self.name

    @property
    def unsmoothed(self) -> Loss:
        """Loss without label smoothing."""
        return SoftmaxCrossEntropy()

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError for a single output."""
        _check_softmax_outputs(self, n_outputs, "binary_cross_entropy")


@dataclass(frozen=True)
class Focal(Loss):
    """Focal loss ``-(1 - p)^gamma log(p)``, where p is the probability of the true class (Lin et al., 2017).

    Rows that are classified well have less weight than with cross-entropy.

    Parameters
    ----------
    gamma : float, default 2.0
        Focusing parameter, >= 0; 0 is cross-entropy.
    link : {"softmax", "sigmoid"}, default "softmax"
        Link function: "softmax" for one class per row; "sigmoid" for one output and two classes, or for independent
        outputs.

    See Also
    --------
    SoftmaxCrossEntropy, BinaryCrossEntropy : Losses with the same weight for all rows.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 4, ["a", "a", "a", "b"]
    >>> for gamma in (0.0, 2.0):
    ...     loss = cnn.losses.Focal(gamma=gamma)
    ...     net = cnn.Network([cnn.Dense(2)], loss=loss, optimizer="lbfgs", seed=0).fit(X, y)
    ...     print(net.predict_proba([[0.0]]).round(2))
    [[0.75 0.25]]
    [[0.6 0.4]]
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
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        name = SoftmaxCrossEntropy.name if self.link == "softmax" else BinaryCrossEntropy.name
        return name, {"gamma": self.gamma}

    def n_outputs(self, n: int) -> int:
        """Return one output for two classes with a sigmoid, else one output per class."""
        return 1 if n == 2 and self.link == "sigmoid" else n

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError for a single output with softmax."""
        _check_softmax_outputs(self, n_outputs, "Focal(link='sigmoid')")


class Ordinal(Loss):
    """Ordinal loss ``-log P(y)`` for classes in the order of their sorted labels, with a cumulative link.

    ``P(y > j) = sigmoid(a_j)``, where ``a_0 = z_0`` and ``a_j = a_(j-1) - log(1 + exp(z_j))``, so that ``P(y > j)``
    never increases with j. The model is that of McCullagh (1980), with distances of the thresholds that depend on the
    row. The last layer has one unit fewer than there are classes. :meth:`Network.predict` returns the median class.

    See Also
    --------
    SoftmaxCrossEntropy : Loss for classes without an order.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [1.0], [1.0], [2.0], [2.0], [3.0]], [1, 1, 2, 2, 3, 3]  # ratings from 1 to 3
    >>> net = cnn.Network([cnn.Dense(2)], loss=cnn.losses.Ordinal(), optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.5], [1.5], [2.5]])
    array([1, 2, 3])
    >>> net.predict_proba([[1.0]]).round(2)
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    name = "ordinal"
    classifies = True
    ordered = True

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index per row as targets: True."""
        return True

    def n_outputs(self, n: int) -> int:
        """Return the number of outputs, one fewer than the number of classes."""
        return n - 1

    def n_classes(self, n_outputs: int) -> int:
        """Return the number of classes, one more than the number of outputs."""
        return n_outputs + 1

    def exceedance(self, z: Array) -> Array:
        """Return the logits a (m, n) of P(y > j), from the outputs z (m, n)."""
        steps = arithmetic.activate("softplus", z[:, 1:])
        return np.cumsum(np.concatenate([z[:, :1], -steps], axis=1), axis=1, dtype=z.dtype)

    def to_mean(self, outputs: Array, first: Array) -> Array:
        """Return the probabilities P(y > j)."""
        return arithmetic.activate("sigmoid", self.exceedance(outputs.astype(np.float64)))

    def from_mean(self, mean: Array, first: Array) -> Array:
        """Return the outputs for which P(y > j) is `mean`."""
        inside = np.clip(mean, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
        logits = arithmetic.log(inside) - np.log1p(-inside)
        steps = np.maximum(logits[:, :-1] - logits[:, 1:], np.finfo(np.float64).tiny)
        return np.concatenate([logits[:, :1], steps + arithmetic.log(-np.expm1(-steps))], axis=1)

    def class_indices(self, outputs: Array) -> Array:
        """Return the median class (m,)."""
        median: Array = (self.exceedance(outputs) >= 0).sum(axis=1)
        return median

    def probabilities(self, outputs: Array) -> Array:
        """Return the probabilities P(y = k) (m, n + 1), from the outputs (m, n)."""
        above = arithmetic.activate("sigmoid", self.exceedance(outputs))
        edge = np.ones((len(outputs), 1), outputs.dtype)
        chances: Array = np.concatenate([edge, above], axis=1) - np.concatenate([above, 0 * edge], axis=1)
        return chances  # `-np.diff(...)` would give -0.0 for 0
