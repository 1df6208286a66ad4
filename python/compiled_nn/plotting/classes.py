"""Classes of a picture: labels, names and indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import NotFittedError, count
from ..data import class_labels
from ..data.arrays import Array
from ..metrics import inputs


def get_classes(estimator: Any) -> Array:
    """Return the classes of a classifier; raise ValueError for another estimator."""
    try:
        return np.asarray(estimator.classes_)
    except NotFittedError:
        raise
    except AttributeError as error:
        name = type(estimator).__name__
        raise ValueError(f"This picture needs a classifier; the {name} has no 'classes_'.") from error


def get_names(classes: Array, class_names: Sequence[str] | None) -> list[str]:
    """Return the name of each class: `class_names`, in the order of the classes, or by default the labels."""
    if class_names is None or len(class_names) == 0:
        return [str(label) for label in classes.tolist()]
    if len(class_names) != len(classes):
        raise ValueError(
            f"class_names has {count(len(class_names), 'name')}; there are {len(classes)} classes."
        )
    return [str(name) for name in class_names]


def get_index(label: Any, classes: Array) -> int:
    """Return the index of a label in the sorted classes."""
    return int(class_labels.indices(inputs.labels([label], "y"), classes)[0])
