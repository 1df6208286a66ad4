"""Costs and scores of outputs, and targets in the form of outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import metrics
from ..common import checks
from ..data.arrays import Array
from ..network.network import Network
from ..spec.layers import Dense
from .orientation import matrix, outputs, targets, turned

if TYPE_CHECKING:
    from ..losses import LossName
    from ..spec.configuration import DType


def one_hot(y: Any, n_classes: int, *, samples_first: bool = True, dtype: str = "float64") -> Array:
    """Return a row of zeros with a single 1 for each label.

    Parameters
    ----------
    y : array-like of int, (m,), (m, 1) or (1, m)
        Labels from 0 to n_classes - 1.
    n_classes : int
    samples_first : bool, default True
        True gives (m, n_classes), False (n_classes, m).
    dtype : str, default "float64"

    Raises
    ------
    TypeError, ValueError
        When the labels are not such numbers.
    """
    n_classes = checks.integer("one_hot", "n_classes", n_classes, minimum=1)
    labels = np.asarray(y)
    if labels.dtype.kind not in "biu":
        raise TypeError(f"y is of dtype {labels.dtype}; expected labels 0, 1, ...")
    if labels.ndim not in (1, 2) or labels.size != max(labels.shape):
        raise ValueError(f"y has shape {labels.shape}; expected (m,), (m, 1) or (1, m).")
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(
            f"y has labels from {labels.min()} to {labels.max()}; {n_classes} classes are 0 to {n_classes - 1}."
        )
    rows: Array = (labels.reshape(-1, 1) == np.arange(n_classes)).astype(dtype)
    return turned(rows, samples_first)


def compute_cost(
    AL: Any, Y: Any, m: int | None = None, *, logits: Any = None, samples_first: bool = False
) -> float:
    """Return the binary cross-entropy, a sum over the outputs and a mean over the samples.

    Called as ``compute_cost(AL, Y)``, or with the number of samples as ``compute_cost(Y, AL, m)``: both
    orders are in use, and the number tells them apart.

    Parameters
    ----------
    AL : array-like (outputs, samples), or (samples,) for one output
        Probabilities.
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else of the shape of AL.
    m : int, optional
        Number of samples; Y then comes first.
    logits : array-like of the shape of AL, optional
        What AL is the sigmoid of (the Z of the last layer). The cost is then exact however saturated AL is,
        and Y must be of 0 and 1 for one output.
    samples_first : bool, default False
        True: AL and logits are (samples, outputs).

    Returns
    -------
    float
        Finite. Without logits, a probability that was rounded to 0 counts as the smallest normal number of its dtype,
        and one that was rounded to 1 as the largest number below 1: right predictions then cost nothing, and
        wrong ones at most 709 (0) or 37 (1) in float64, 88 or 17 in float32.

    Raises
    ------
    TypeError, ValueError
        When AL are no probabilities, or Y does not fit them.
    """
    if m is not None:
        AL, Y = Y, AL
    A = outputs(AL, "AL", samples_first)
    rows = targets(Y, A, samples_first)
    if m is not None and m != len(A):
        raise ValueError(f"m is {m}; there are {len(A)} samples.")
    if not (A >= 0).all() or not (A <= 1).all():
        raise ValueError(f"AL goes from {A.min():g} to {A.max():g}; probabilities are from 0 to 1.")
    if logits is None:
        below_one = 1 - np.finfo(A.dtype).epsneg
        surprise = -rows * _finite_log(A) - (1 - rows) * np.log1p(-np.minimum(A, below_one))
        return math.fsum(surprise.sum(axis=1).tolist()) / len(A)
    Z = outputs(logits, "logits", samples_first)
    if Z.shape != A.shape:
        raise ValueError(f"logits has shape {np.shape(logits)}; AL has {np.shape(AL)}.")
    return _loss_of_logits("binary_cross_entropy", Z, rows)


def _finite_log(p: Array) -> Array:
    """Return log(p), a probability rounded to 0 being the smallest normal number."""
    logarithm: Array = np.log(np.maximum(p, np.finfo(p.dtype).tiny))
    return logarithm


def _loss_of_logits(loss: LossName, Z: Array, Y: Array) -> float:
    """Return the loss of a network that hands its inputs on as logits."""
    n = Z.shape[1]
    net = Network([Dense(n, bias=False)], loss=loss, dtype=cast("DType", Z.dtype.name))
    net.set_weights([(np.eye(n), None)])
    return net.loss(Z, Y)


def cross_entropy(outputs: Any, y_target: Any, *, samples_first: bool = True) -> Array:
    """Return -sum(y log(p)) over the classes of each sample.

    Parameters
    ----------
    outputs : array-like (samples, classes)
        Probabilities p, as :func:`softmax` gives them. One rounded to 0 counts as the smallest normal number of its
        dtype, so that the result is finite.
    y_target : array-like of the shape of `outputs`
        One-hot, or probabilities.
    samples_first : bool, default True
        False: both are (classes, samples).

    Returns
    -------
    ndarray (samples,)
    """
    p = matrix(outputs, "outputs", samples_first)
    surprise: Array = -(targets(y_target, p, samples_first) * _finite_log(p)).sum(axis=1)
    return surprise


def accuracy(Y: Any, Y_pred: Any, *, samples_first: bool = False) -> float:
    """Return the share of samples predicted right.

    Parameters
    ----------
    Y : array-like
        Labels 0 and 1, (m,), (1, m) or (m, 1), for one output; for several, one-hot in the shape of Y_pred,
        or labels 0, 1, ... (m,).
    Y_pred : array-like
        Probabilities: (m,), (1, m) or (m, 1) for one output, from 0.5 on class 1; for several outputs
        (outputs, samples), the largest is the class.
    samples_first : bool, default False
        True: several outputs are (samples, outputs).

    Raises
    ------
    ValueError
        When the shapes do not fit.
    """
    predicted = np.asarray(Y_pred)
    if predicted.size == max(predicted.shape, default=0):
        predicted = predicted.reshape(-1, 1)
        return metrics.accuracy(targets(Y, predicted, True) >= 0.5, predicted >= 0.5)
    rows = matrix(predicted, "Y_pred", samples_first)
    labels = np.asarray(Y)
    if labels.ndim == 2:
        labels = targets(labels, rows, samples_first).argmax(axis=1)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"Y has shape {labels.shape}; Y_pred has {len(rows)} samples.")
    return metrics.accuracy(labels, rows.argmax(axis=1))
