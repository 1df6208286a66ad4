"""What a picture asks about classes: which there are, what people call them, which one a label is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import NotFittedError, count
from ..data import arrays
from ..data.arrays import Array
from ..metrics import inputs


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


def index(label: Any, classes: Array) -> int:
    """Return where a label stands in the sorted classes."""
    return int(arrays.class_indices(inputs.labels([label], "y"), classes)[0])
