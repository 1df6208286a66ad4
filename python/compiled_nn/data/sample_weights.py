"""Weights of the samples: what each row counts in the loss, given by the user or by its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from . import arrays
from .arrays import Array

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float]


def check(
    sample_weight: Any, n_rows: int, name: str = "sample_weight", *, rows_of: str = "X"
) -> Array | None:
    """Return the weights as float64 (n_rows,): finite, at least 0, not all of them 0; None for None."""
    if sample_weight is None:
        return None
    weights = arrays.weights(sample_weight, name, dtype="float64", ndim=1)
    arrays.check_rows(range(n_rows), weights, rows_of, name)
    if weights.min() < 0:
        row = int(np.argmin(weights))
        raise ValueError(f"Negative values in {name}: row {row} is {weights[row]:g}; weights are at least 0.")
    if not weights.any():
        raise ValueError(f"{name} is 0 in every row; some row must have a weight above 0.")
    return weights


def of_classes(class_weight: Any, classes: Array, indices: Array, weights: Array | None) -> Array:
    """Return the weight (m,) that each row has by its class.

    Parameters
    ----------
    class_weight : "balanced" or dict
        "balanced": n / (k sum of the weights of the class), n being the sum of all and k the number of classes that
        occur, so that every class counts the same in total. A dict has numbers of at least 0 by label; the classes that
        it leaves out count 1.
    classes : ndarray (n_classes,)
    indices : ndarray (m,)
        Where each row's label stands in `classes`.
    weights : ndarray (m,), optional
        The rows' own.
    """
    if isinstance(class_weight, Mapping):
        known = classes.tolist()
        unknown = [label for label in class_weight if label not in known]
        if unknown:
            raise ValueError(f"class_weight has {unknown[0]!r}, which is no class; the classes are {known}.")
        factors = np.array(
            [checks.real("fit", "class_weight", class_weight.get(label, 1.0), minimum=0) for label in known]
        )
    elif isinstance(class_weight, str):
        checks.choice("fit", "class_weight", class_weight, ("balanced",))
        totals = np.bincount(indices, weights, len(classes))
        present = totals > 0
        factors = np.where(present, totals.sum() / (present.sum() * np.where(present, totals, 1.0)), 0.0)
    else:
        raise TypeError(
            f"The 'class_weight' parameter of fit must be 'balanced', a dict or None. Got {class_weight!r} instead."
        )
    of_rows: Array = factors[indices]
    if not of_rows.any():
        raise ValueError("class_weight is 0 for the class of every row; some row must have a weight above 0.")
    return of_rows
