"""Sample weights: the factor of each row in the loss, from `sample_weight` and `class_weight`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from . import arrays
from .arrays import Array

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float]


def check(
    sample_weight: Any,
    n_rows: int,
    name: str = "sample_weight",
    *,
    rows_of: str = "X",
    may_be_zero: bool = False,
) -> Array | None:
    """Return the weights as float64 (n_rows,); None is returned unchanged. With `may_be_zero`, all may be 0.

    Raises
    ------
    TypeError, ValueError
        If a weight is not finite or is negative, if their number is not `n_rows`, or if all are 0 and may not be.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, str):
        raise TypeError(
            f"{name} is {sample_weight!r}; expected one number for each row. Weights of classes are given by"
            " class_weight."
        )
    weights = arrays.weights(sample_weight, name, dtype="float64", ndim=1)
    arrays.check_rows(range(n_rows), weights, rows_of, name)
    if weights.min() < 0:
        row = int(np.argmin(weights))
        raise ValueError(f"Negative values in {name}: row {row} is {weights[row]:g}; weights are at least 0.")
    if not may_be_zero and not weights.any():
        raise ValueError(f"{name} is 0 in every row; some row must have a weight above 0.")
    with np.errstate(over="ignore", under="ignore"):
        total = float(weights.sum())
    if weights.any() and not np.finfo(np.float64).tiny <= total < np.inf:
        row = int(np.argmax(weights))
        raise ValueError(
            f"The sum of {name} is beyond the range of float64: row {row} is {weights[row]:g}. Multiply all weights by"
            " one number, since only their ratios matter."
        )
    return weights


def factors_of_classes(class_weight: Any, classes: Array, totals: Callable[[], Array]) -> Array:
    """Return the weight of each class, shape (n_classes,).

    Parameters
    ----------
    class_weight : "balanced" or dict
        As for :func:`of_classes`.
    classes : ndarray (n_classes,)
        Labels of the classes.
    totals : callable
        Function that returns the sum of the sample weights of the rows of each class, for "balanced".

    Raises
    ------
    TypeError, ValueError
        If `class_weight` is of another type, or has an unknown label or a negative weight.
    """
    if isinstance(class_weight, Mapping):
        labels = classes.tolist()
        unknown = [label for label in class_weight if label not in labels]
        if unknown:
            raise ValueError(
                f"class_weight has {unknown[0]!r}, which is not a class; the classes are {labels}."
            )
        return np.array(
            [
                checks.real("fit", f"class_weight[{label!r}]", class_weight.get(label, 1.0), minimum=0)
                for label in labels
            ]
        )
    if isinstance(class_weight, str):
        checks.choice("fit", "class_weight", class_weight, ("balanced",))
        sums = totals()
        present = sums > 0
        return np.where(present, sums.sum() / (present.sum() * np.where(present, sums, 1.0)), 0.0)
    raise TypeError(
        f"The 'class_weight' parameter of fit must be 'balanced', a dict or None. Got {class_weight!r} instead."
    )


def of_classes(class_weight: Any, classes: Array, indices: Array, weights: Array | None) -> Array:
    """Return the class weight of each row, shape (m,).

    Parameters
    ----------
    class_weight : "balanced" or dict
        "balanced": total / (n_present * weight of the class), where total is the sum of the weights of all rows and
        n_present the number of classes that occur, so that all classes have the same total weight. A dict maps labels
        to weights >= 0; a class that is not in the dict has weight 1.
    classes : ndarray (n_classes,)
        Labels of the classes.
    indices : ndarray (m,)
        Index in `classes` of the label of each row.
    weights : ndarray (m,), optional
        Sample weights, for "balanced". Default: 1 for each row.

    Returns
    -------
    ndarray (m,)

    Raises
    ------
    TypeError, ValueError
        If `class_weight` is of another type, has an unknown label or a negative weight, or is 0 for every row.
    """
    factors = factors_of_classes(
        class_weight, classes, lambda: np.bincount(indices, weights, len(classes)).astype(np.float64)
    )
    of_rows: Array = factors[indices]
    if not of_rows.any():
        raise ValueError("class_weight is 0 for the class of every row; some row must have a weight above 0.")
    if weights is not None and not of_rows[weights > 0].any():
        raise ValueError(
            "class_weight is 0 for the class of every row whose sample_weight is above 0; some row must have a weight"
            " above 0."
        )
    return of_rows
