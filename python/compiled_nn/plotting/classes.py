"""What a picture asks about classes: which there are, what people call them, which one a label is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import arrays
from ..arrays import Array
from ..errors import NotFittedError, count


def labels(y: Any, name: str) -> Array:
    """Return labels (m,) as an array; a matrix of targets is refused, `name` being what to call it."""
    y = arrays.targets(y)
    if y.ndim != 1:
        raise ValueError(f"{name} has shape {y.shape}; expected one label a row.")
    return arrays.labels(y)


def of(estimator: Any) -> Array:
    """Return the classes of an estimator that classifies; others are refused."""
    try:
        return np.asarray(estimator.classes_)
    except NotFittedError:
        raise
    except AttributeError as error:
        name = type(estimator).__name__
        raise ValueError(f"This picture is of classes; the {name} has no 'classes_'.") from error


def names(classes: Array, class_names: Sequence[str] | None) -> list[str]:
    """Return what to call each class: the names given, in the order of the classes, or the classes themselves."""
    if class_names is None or len(class_names) == 0:
        return [str(label) for label in classes.tolist()]
    if len(class_names) != len(classes):
        raise ValueError(
            f"class_names has {count(len(class_names), 'name')}; there are {len(classes)} classes."
        )
    return [str(name) for name in class_names]


def known(y: Any) -> Array:
    """Return the sorted distinct labels of `y`."""
    return arrays.unique_labels(labels(y, "labels"))


def index(label: Any, classes: Array) -> int:
    """Return where a label stands in the sorted classes."""
    return int(arrays.class_indices(labels([label], "y"), classes)[0])


def indices(y_true: Any, y_pred: Any, all_labels: Any = None) -> tuple[Array, Array, Array]:
    """Return true and predicted labels (m,) as indices of the sorted classes, and these.

    Parameters
    ----------
    y_true, y_pred : array-like (m,)
    all_labels : array-like (n_classes,), optional
        All labels there are. Default: those in `y_true` and `y_pred`.

    Raises
    ------
    TypeError, ValueError
        When the two differ in length, or a label is not among those known.
    """
    true, predicted = labels(y_true, "y_true"), labels(y_pred, "y_pred")
    arrays.check_rows(true, predicted, "y_true", "y_pred")
    classes = known(np.concatenate([true, predicted]) if all_labels is None else all_labels)
    return arrays.class_indices(true, classes), arrays.class_indices(predicted, classes), classes
