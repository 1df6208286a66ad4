"""Split conformal prediction: intervals and sets that contain the true value with a given probability (coverage).

Scores (m, n) measure the errors of the predictions on held-out rows; `threshold` is the quantile of the scores up to
which values are in the interval or set of a new row. If the held-out rows and the new row are exchangeable, the true
value is in it with at least the given coverage, on average over both, for any network and any distribution (Vovk,
Gammerman and Shafer, 2005; split conformal prediction is described in Lei et al., Distribution-Free Predictive
Inference for Regression, 2018).

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
    """Return the absolute errors, the scores for intervals from predicted - q to predicted + q.

    Parameters
    ----------
    predicted : array-like (m,) or (m, n)
        Predicted values.
    y : array-like (m,) or (m, n)
        True values.

    Returns
    -------
    ndarray (m, n) of float64
        Scores ``|y - predicted|``.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or the numbers are not real and finite.

    See Also
    --------
    cqr : Scores for intervals between two predicted quantiles.
    threshold : Quantile of the scores.
    compiled_nn.Network.calibrate_intervals : Scores of held-out rows, kept by a network.

    Examples
    --------
    >>> from compiled_nn import conformal
    >>> conformal.absolute(predicted=[10.0, 12.0, 15.0], y=[11.0, 12.0, 13.0])
    array([[1.],
           [0.],
           [2.]])
    """
    true, guessed, _ = inputs.value_pair(y, predicted, None)
    arrays.check_finite(guessed, "predicted", "float64")
    return abs(true - guessed)


def cqr(lower: Any, upper: Any, y: Any) -> Array:
    """Return the scores of conformalised quantile regression, for intervals from lower - q to upper + q.

    The width of the intervals varies with that of the predicted quantiles. q is negative if the quantiles are too far
    apart (Romano, Patterson and Candès, 2019); an interval is then empty, with lower > upper, where they are closer
    than -2 q.

    Parameters
    ----------
    lower : array-like (m,) or (m, n)
        Lower quantiles.
    upper : array-like (m,) or (m, n)
        Upper quantiles.
    y : array-like (m,) or (m, n)
        True values.

    Returns
    -------
    ndarray (m, n) of float64
        Scores ``max(lower - y, y - upper)``.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or the numbers are not real and finite.

    See Also
    --------
    absolute : Scores for intervals of the same width for all rows.
    threshold : Quantile of the scores.

    Examples
    --------
    >>> from compiled_nn import conformal
    >>> conformal.cqr(lower=[10.0, 10.0], upper=[14.0, 20.0], y=[15.0, 12.0])
    array([[ 1.],
           [-2.]])
    """
    true, low, _ = inputs.value_pair(y, lower, None)
    true, high, _ = inputs.value_pair(y, upper, None)
    for name, bound in (("lower", low), ("upper", high)):
        arrays.check_finite(bound, name, "float64")
    scores: Array = np.maximum(low - true, true - high)
    return scores


def lac(probabilities: Any, y: Any, *, classes: Any = None) -> Array:
    """Return 1 - p of the true class, the scores for sets of the classes with 1 - p <= q.

    If the probabilities are correct, these are the smallest sets with this coverage on average (least ambiguous
    classifiers; Sadinle, Lei and Wasserman, 2019). A set is empty if no class is probable enough.

    Parameters
    ----------
    probabilities : array-like (m, n_classes), or (m,)
        Probability of each class; with shape (m,), that of the second of two classes in sorted order.
    y : array-like (m,)
        True labels.
    classes : array-like (n_classes,), optional
        Labels of the columns, sorted. Default: the labels in `y`.

    Returns
    -------
    ndarray (m, 1) of float64
        Scores ``1 - p``.

    Raises
    ------
    TypeError, ValueError
        If the arrays cannot be used.

    See Also
    --------
    threshold : Quantile of the scores.
    compiled_nn.Network.predict_set : Sets of classes from a network.

    Examples
    --------
    >>> from compiled_nn import conformal
    >>> probabilities = [[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]]
    >>> conformal.lac(probabilities, [0, 2], classes=[0, 1, 2])
    array([[0.3],
           [0.6]])
    """
    p = inputs.probabilities(probabilities, "probabilities")
    true, p = inputs.columns(y, p, classes, "probabilities")
    return 1 - p[np.arange(len(p)), true][:, np.newaxis]


def threshold(scores: Array, coverage: float) -> Array:
    """Return the largest score that is inside the interval or set of a new row.

    Parameters
    ----------
    scores : ndarray (m, n), or (m,) for one column
        Scores of rows that the network was not trained on.
    coverage : float
        Probability, between 0 and 1, with which the true value is inside.

    Returns
    -------
    ndarray (n,) of float64
        The ``ceil((m + 1) * coverage)``-th smallest score of each column.

    Raises
    ------
    TypeError, ValueError
        If the coverage is out of range, or needs more than m rows.

    See Also
    --------
    absolute, cqr, lac : Scores.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn import conformal
    >>> held_out = conformal.absolute(np.zeros(99), np.arange(99.0))
    >>> conformal.threshold(held_out, coverage=0.5), conformal.threshold(held_out, coverage=0.9)
    (array([49.]), array([89.]))
    """
    checks.real("the interval", "coverage", coverage, above=0, below=1)
    scores = scores.reshape(len(scores), -1)
    m = len(scores)
    rank = math.ceil((m + 1) * coverage - 1e-9)  # the small number absorbs rounding: 0.9 * 10 must give 9
    if rank > m:
        least = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise ValueError(f"A coverage of {coverage:g} needs at least {least} held-out rows; there are {m}.")
    found: Array = np.partition(scores, rank - 1, axis=0)[rank - 1]
    return found
