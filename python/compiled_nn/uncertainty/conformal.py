"""Conformal prediction: from how far a network was off on held-out rows to intervals and sets that hold the truth.

Scores (m, n) say how far off each row is; `threshold` of them is how far off a new row may be. If the held-out rows and
the new one could have come in any order, the truth is within it with at least the coverage asked for, on average over
both, whatever the network and the distribution (Vovk, Gammerman and Shafer, 2005; split as in Lei et al.,
Distribution-Free Predictive Inference for Regression, 2018).

>>> import numpy as np
>>> from compiled_nn import conformal
>>> held_out = conformal.absolute(np.zeros(9), np.arange(9.0))
>>> conformal.threshold(held_out, coverage=0.8)
array([7.])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..data.arrays import Array
from ..metrics import inputs


def absolute(predicted: Any, y: Any) -> Array:
    """Return |y - predicted| as (m, n): scores for intervals predicted - q to predicted + q.

    Parameters
    ----------
    predicted, y : array-like (m,) or (m, n)

    Raises
    ------
    TypeError, ValueError
        When the shapes differ or the numbers are not real and finite.
    """
    true, guessed, _ = inputs.value_pair(y, predicted, None)
    arrays.check_finite(guessed, "predicted", "float64")
    return abs(true - guessed)


def cqr(lower: Any, upper: Any, y: Any) -> Array:
    """Return max(lower - y, y - upper) as (m, n): scores for intervals lower - q to upper + q.

    Conformalised quantile regression: the intervals keep the varying width of predicted quantiles; q is below 0 where
    these are too wide (Romano, Patterson and Candès, 2019).

    Parameters
    ----------
    lower, upper, y : array-like (m,) or (m, n)

    Raises
    ------
    TypeError, ValueError
        When the shapes differ or the numbers are not real and finite.
    """
    true, low, _ = inputs.value_pair(y, lower, None)
    true, high, _ = inputs.value_pair(y, upper, None)
    for name, bound in (("lower", low), ("upper", high)):
        arrays.check_finite(bound, name, "float64")
    scores: Array = np.maximum(low - true, true - high)
    return scores


def lac(probabilities: Any, y: Any, *, classes: Any = None) -> Array:
    """Return 1 - p of the true class as (m, 1): scores for the sets of classes with 1 - p <= q.

    The least ambiguous sets of a coverage, if the probabilities are right (Sadinle, Lei and Wasserman, 2019). A set may
    be empty where no class is probable enough.

    Parameters
    ----------
    probabilities : array-like (m, n_classes), or (m,) for the greater of two classes
    y : array-like (m,)
        Labels.
    classes : array-like (n_classes,), optional
        Labels of the columns, sorted. Default: those in `y`.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used.
    """
    p = inputs.probabilities(probabilities, "probabilities")
    true, p = inputs.columns(y, p, classes, "probabilities")
    return 1 - p[np.arange(len(p)), true][:, np.newaxis]


def threshold(scores: Array, coverage: float) -> Array:
    """Return what scores a new row may have: the ceil((m + 1) coverage)-th smallest of each column.

    Parameters
    ----------
    scores : ndarray (m, n), or (m,) as one column
        Of rows that the network was not trained on.
    coverage : float
        Between 0 and 1: how often the truth is to lie within.

    Returns
    -------
    ndarray (n,) of float64

    Raises
    ------
    TypeError, ValueError
        When the coverage is out of range, or needs more rows than there are.
    """
    checks.real("the interval", "coverage", coverage, above=0, below=1)
    scores = scores.reshape(len(scores), -1)
    m = len(scores)
    rank = math.ceil((m + 1) * coverage - 1e-9)  # 0.9 * 10 is 9, however it rounds
    if rank > m:
        least = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise ValueError(f"A coverage of {coverage:g} needs {least} held-out rows or more; there are {m}.")
    found: Array = np.partition(scores, rank - 1, axis=0)[rank - 1]
    return found
