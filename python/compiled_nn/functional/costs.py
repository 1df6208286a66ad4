"""Costs and scores of outputs, and one-hot encoding of targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import metrics
from ..common import checks
from ..data.arrays import Array
from ..network.network import Network
from ..spec.layers import Dense
from .orientation import as_rows, orient, outputs_as_rows, targets_as_rows

if TYPE_CHECKING:
    from ..losses import LossName
    from ..spec.configuration import DType


def one_hot(y: Any, n_classes: int, *, samples_first: bool = True, dtype: str = "float64") -> Array:
    """Return one row per label, with a 1 in the column of the label and 0 elsewhere.

    Parameters
    ----------
    y : array-like of int, (m,), (m, 1) or (1, m)
        Labels from 0 to n_classes - 1.
    n_classes : int
        Number of classes, at least 1.
    samples_first : bool, default True
        Whether the result is (m, n_classes); False: (n_classes, m).
    dtype : str, default "float64"
        Dtype of the result.

    Returns
    -------
    ndarray (m, n_classes), or (n_classes, m)
        One-hot labels.

    Raises
    ------
    TypeError
        If y does not hold integers.
    ValueError
        If y has another shape, or a label is not in 0, ..., n_classes - 1.

    Examples
    --------
    >>> from compiled_nn.functional import one_hot
    >>> one_hot([0, 2, 1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    >>> one_hot([0, 2, 1], 4, samples_first=False).shape
    (4, 3)
    """
    n_classes = checks.integer("one_hot", "n_classes", n_classes, minimum=1)
    labels = np.asarray(y)
    if labels.dtype.kind not in "biu":
        raise TypeError(f"y has dtype {labels.dtype}; expected integer labels 0, 1, ...")
    if labels.ndim not in (1, 2) or labels.size != max(labels.shape):
        raise ValueError(f"y has shape {labels.shape}; expected (m,), (m, 1) or (1, m).")
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(
            f"y has labels from {labels.min()} to {labels.max()}; the labels of {n_classes} classes are 0 to"
            f" {n_classes - 1}."
        )
    rows: Array = (labels.reshape(-1, 1) == np.arange(n_classes)).astype(dtype)
    return orient(rows, samples_first)


def compute_cost(
    AL: Any, Y: Any, m: int | None = None, *, logits: Any = None, samples_first: bool = False
) -> float:
    """Return the binary cross-entropy, summed over the outputs and averaged over the samples.

    Textbooks use two orders of the arguments: ``compute_cost(AL, Y)``, and with the number of samples
    ``compute_cost(Y, AL, m)``.

    Parameters
    ----------
    AL : array-like (outputs, samples), or (samples,) for one output
        Probabilities.
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else in the shape of AL.
    m : int, optional
        Number of samples; with it, Y is the first argument and AL the second.
    logits : array-like of the shape of AL, optional
        Inputs of the sigmoid whose output is AL (Z of the last layer). The cost is then exact even where AL is
        saturated, and Y must hold only 0 and 1 for one output.
    samples_first : bool, default False
        Whether AL and logits are (samples, outputs); False: (outputs, samples).

    Returns
    -------
    float
        Cost, always finite. Without logits, a probability of 0 is replaced by the smallest normal number of its dtype,
        and a probability of 1 by the largest number below 1. The cost of one wrong output is then at most 709 for a
        probability of 0 and 37 for 1 in float64, and 88 and 17 in float32.

    Raises
    ------
    TypeError, ValueError
        If AL holds numbers that are not probabilities, or the shapes do not match.

    See Also
    --------
    cross_entropy : Cross-entropy of several classes.

    Examples
    --------
    >>> from compiled_nn.functional import compute_cost
    >>> round(compute_cost([0.5, 0.5], [1, 0]), 4)  # log(2)
    0.6931
    >>> compute_cost([1.0], [0], logits=[800.0])
    800.0
    """
    if m is not None:
        AL, Y = Y, AL
    A = outputs_as_rows(AL, "AL", samples_first)
    rows = targets_as_rows(Y, A, samples_first)
    if m is not None and m != len(A):
        raise ValueError(f"m is {m}; there are {len(A)} samples.")
    if not (A >= 0).all() or not (A <= 1).all():
        raise ValueError(f"AL has values from {A.min():g} to {A.max():g}; probabilities are from 0 to 1.")
    if logits is None:
        below_one = 1 - np.finfo(A.dtype).epsneg
        losses = -rows * _finite_log(A) - (1 - rows) * np.log1p(-np.minimum(A, below_one))
        return math.fsum(losses.sum(axis=1).tolist()) / len(A)
    Z = outputs_as_rows(logits, "logits", samples_first)
    if Z.shape != A.shape:
        raise ValueError(f"logits has shape {np.shape(logits)}; AL has {np.shape(AL)}.")
    return _loss_of_logits("binary_cross_entropy", Z, rows)


def _finite_log(p: Array) -> Array:
    """Return log(p), where a p of 0 is replaced by the smallest normal number."""
    logarithm: Array = np.log(np.maximum(p, np.finfo(p.dtype).tiny))
    return logarithm


def _loss_of_logits(loss: LossName, Z: Array, Y: Array) -> float:
    """Return the mean loss of logits Z (m, n): that of a network whose only layer is the identity."""
    n = Z.shape[1]
    net = Network([Dense(n, bias=False)], loss=loss, dtype=cast("DType", Z.dtype.name))
    net.set_weights([(np.eye(n), None)])
    return net.loss(Z, Y)


def cross_entropy(outputs: Any, y_target: Any, *, samples_first: bool = True) -> Array:
    """Return -sum(y log(p)) over the classes of each sample.

    Parameters
    ----------
    outputs : array-like (samples, classes)
        Probabilities p, for example from :func:`softmax`. A p of 0 is replaced by the smallest normal number of its
        dtype, so that the result is finite.
    y_target : array-like of the shape of `outputs`
        One-hot labels, or probabilities.
    samples_first : bool, default True
        Whether both are (samples, classes); False: (classes, samples).

    Returns
    -------
    ndarray (samples,)
        Cross-entropy of each sample.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not real, or their shapes differ.

    See Also
    --------
    compute_cost : Binary cross-entropy of a batch.
    one_hot : Targets of this function from labels.

    Examples
    --------
    >>> from compiled_nn.functional import cross_entropy
    >>> cross_entropy([[0.25, 0.75], [0.5, 0.5]], [[1, 0], [0, 1]]).round(4)
    array([1.3863, 0.6931])
    """
    p = as_rows(outputs, "outputs", samples_first)
    losses: Array = -(targets_as_rows(y_target, p, samples_first) * _finite_log(p)).sum(axis=1)
    return losses


def accuracy(Y: Any, Y_pred: Any, *, samples_first: bool = False) -> float:
    """Return the share of samples that are predicted correctly.

    Parameters
    ----------
    Y : array-like
        Labels. For one output 0 and 1, (m,), (1, m) or (m, 1); for several outputs one-hot in the shape of Y_pred, or
        0, 1, ..., (m,).
    Y_pred : array-like
        Probabilities. For one output (m,), (1, m) or (m, 1), where class 1 is predicted from 0.5 on; for several
        outputs (outputs, samples), where the output with the largest one is predicted.
    samples_first : bool, default False
        Whether several outputs are (samples, outputs); False: (outputs, samples).

    Returns
    -------
    float
        Accuracy, from 0 to 1.

    Raises
    ------
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> from compiled_nn.functional import accuracy
    >>> accuracy([1, 0, 1, 1], [0.9, 0.2, 0.4, 0.7])
    0.75
    >>> accuracy([0, 2], [[0.8, 0.3], [0.1, 0.3], [0.1, 0.4]])
    1.0
    """
    predicted = np.asarray(Y_pred)
    if predicted.size == max(predicted.shape, default=0):
        predicted = predicted.reshape(-1, 1)
        return metrics.accuracy(targets_as_rows(Y, predicted, True) >= 0.5, predicted >= 0.5)
    rows = as_rows(predicted, "Y_pred", samples_first)
    labels = np.asarray(Y)
    if labels.ndim == 2:
        labels = targets_as_rows(labels, rows, samples_first).argmax(axis=1)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"Y has shape {labels.shape}; Y_pred has {len(rows)} samples.")
    return metrics.accuracy(labels, rows.argmax(axis=1))
