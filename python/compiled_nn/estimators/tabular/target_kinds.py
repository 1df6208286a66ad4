"""Kinds of y: classes in or out of balance, ordered classes, counts, positive values, heavy tails; and their losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import losses
from ...common import arithmetic
from ...common.errors import count
from ...data import class_labels
from ...data.arrays import Array
from ...losses.base import Loss

ONE_CLASS, ONE_VALUE = "one class", "one value"  # names of kinds of y that need no training
LINKS_OF_ONE_VALUE = ("identity", "exp")  # links of the losses with which a constant y needs no training
_LEAST = 1e-30  # predicted in place of a constant 0 through the link "exp"
_IMBALANCED = 0.1  # share of the smallest class divided by that of equal classes
_SKEWED = 2.0  # skewness of a heavy tail
_MSE = losses.MeanSquaredError()


@dataclass(frozen=True)
class TargetKind:
    """Kind of y.

    Attributes
    ----------
    name : str
        Name of the kind, in words.
    loss : Loss
        Loss for it.
    n_outputs : int
        Units of the last layer.
    reason : str
        Reason for the loss.
    classes : ndarray (n_classes,) or None
        Sorted labels; None for values and for several labels per row.
    largest_class : int or None
        Number of rows of the largest class; None for values and for several labels per row.
    """

    name: str
    loss: Loss
    n_outputs: int
    reason: str
    classes: Array | None = None
    largest_class: int | None = None


# ---- classes


def of_labels(
    labels: Array,
    *,
    levels: Sequence[Any] | None = None,
    used: Array | None = None,
    classes: Any = None,
    stated: Loss | None = None,
    smoothing: float = 0.0,
) -> TargetKind:
    """Return the kind of labels (m,), one per row.

    Parameters
    ----------
    labels : ndarray (m,)
        Labels, read by :func:`class_labels.read`.
    levels : sequence, optional
        Levels of y in the order that its owner has given them, such as those of an ordered categorical column.
    used : ndarray of int, optional
        Indices of the rows that are trained on; labels of other ones are classes without rows. Default: all rows.
    classes : array-like, optional
        All labels, if some of them are not among `labels`.
    stated : Loss, optional
        Loss that the user has stated.
    smoothing : float, default 0.0
        Smoothing of the labels in the cross-entropy.
    """
    classes = class_labels.distinct(labels) if classes is None else class_labels.of_list(np.asarray(classes))
    indices = class_labels.indices(labels if used is None else labels[used], classes)
    counts = np.bincount(indices, minlength=len(classes))
    return of_counts(classes, counts, levels=levels, stated=stated, smoothing=smoothing)


def of_counts(
    classes: Array,
    counts: Array,
    *,
    levels: Sequence[Any] | None = None,
    stated: Loss | None = None,
    smoothing: float = 0.0,
) -> TargetKind:
    """Return the kind of labels of which only the sorted classes and their numbers of rows are known."""
    n, m, largest = len(classes), int(counts.sum()), int(counts.max())
    if n == 1:
        text = f"all {count(m, 'row')} have this class, so that it is always predicted"
        return TargetKind(ONE_CLASS, losses.BinaryCrossEntropy(), 1, text, classes, largest)
    name = "classes out of balance" if counts.min() * n < _IMBALANCED * m else "classes"
    reason = f"{n} classes, the smallest with {counts.min() / m:.2g} of the rows"
    loss: Loss = losses.BinaryCrossEntropy(label_smoothing=smoothing)
    if n > 2:
        loss = losses.SoftmaxCrossEntropy(label_smoothing=smoothing)
    if levels is not None and n > 2 and stated is None:
        if list(levels) == sorted(levels):
            name, loss, reason = "ordered classes", losses.Ordinal(), f"y is an ordered category; {reason}"
        else:
            reason += "; the order of the category is not that of its sorted labels, and is not used"
    loss = stated or loss
    return TargetKind(name, loss, loss.n_outputs(n), reason, classes, largest)


def of_indicators(y: Array, stated: Loss | None = None, smoothing: float = 0.0) -> TargetKind:
    """Return the kind of y (m, n) with one 0/1 column per label."""
    loss = stated or losses.BinaryCrossEntropy(label_smoothing=smoothing)
    if loss.link != "sigmoid":
        raise ValueError(
            f"y has {y.shape[1]} columns, one per label; the loss {loss.name} takes one label per row, y (m,). Use"
            " losses.BinaryCrossEntropy() or losses.Focal(link='sigmoid')."
        )
    columns = count(y.shape[1], "column")
    return TargetKind("several labels per row", loss, y.shape[1], f"y has {columns} of 0 and 1")


def ordered_levels(y: Any) -> list[Any] | None:
    """Return the levels of an ordered categorical column in their order; None for any other y."""
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "ordered", False) is not True:
        return None
    try:
        return list(dtype.categories)  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        return None


# ---- values


def of_values(y: Array, stated: Loss | None = None) -> TargetKind:
    """Return the kind of values y (m, n), finite and in float64; `stated`: the loss that the user has stated."""
    kind = _of_column(y[:, 0]) if y.shape[1] == 1 else TargetKind("values", _MSE, 1, "")
    if y.shape[1] > 1:
        kind = replace(kind, n_outputs=y.shape[1], reason=f"y has {count(y.shape[1], 'column')}")
        if (y == y[0]).all():
            kind = replace(kind, name=ONE_VALUE, reason=f"{kind.reason} with the same values in every row")
    if stated is None:
        return kind
    if kind.name == ONE_VALUE and stated.link not in LINKS_OF_ONE_VALUE:
        kind = replace(kind, name="values")
    return replace(kind, loss=stated, n_outputs=stated.n_outputs(y.shape[1]))


def constant_outputs(y: Array, loss: Loss, n_outputs: int, scaled: bool) -> Array:
    """Return the outputs before the link (n_outputs,) that predict a constant y (m,) or (m, n), trained as `scaled`."""
    outputs = np.zeros(n_outputs)
    if not scaled:
        row = np.atleast_1d(y[0]).astype(np.float64)
        each = loss.n_columns(n_outputs) == 1 and loss.values(np.zeros((1, n_outputs))).shape[1] > 1
        row = np.repeat(row, n_outputs) if each else row
        outputs[: len(row)] = arithmetic.log(np.maximum(row, _LEAST)) if loss.link == "exp" else row
    return outputs


def _of_column(y: Array) -> TargetKind:
    low, high = float(y.min()), float(y.max())
    if low == high:
        return TargetKind(ONE_VALUE, _MSE, 1, f"y is {low:.4g} in every row")
    skew = skewness(y)
    if low == 0 and (y == np.rint(y)).all():
        text = f"whole numbers from 0 to {high:g}, {float((y == 0).mean()):.0%} of them 0"
        return TargetKind("counts", _MSE, 1, text)
    text = f"numbers from {low:.4g} to {high:.4g}"
    if abs(skew) > _SKEWED:
        sign = "positive values" if low >= 0 else "values"
        text += f" with a skewness of {skew:.2g}"
        return TargetKind(f"{sign} with a heavy tail", _MSE, 1, text)
    return TargetKind("values", _MSE, 1, text)


def skewness(values: Array) -> float:
    """Return the skewness of values (m,), which is 0 for a symmetric distribution; computed in units of the range."""
    scaled = (values - values.min()) / max(float(np.ptp(values)), np.finfo(np.float64).tiny)
    centred = scaled - scaled.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean()) / deviation**3 if deviation > 0 else 0.0
