"""Text report on the predictions of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import arithmetic, checks
from ..common.errors import count
from ..data.arrays import Array
from . import labels

_HEADS = ("precision", "recall", "f1-score", "support")


def classification_report(
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    classes: Any = None,
    class_names: Sequence[str] | None = None,
    digits: int = 2,
) -> str:
    """Return a table of the precision, recall and F1 score of each class, and their averages.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n)
        True and predicted labels.
    sample_weight : array-like (m,), optional
        Weight of each sample, >= 0. Default: all weights are equal.
    classes : array-like (n_classes,), optional
        Labels of all classes. Default: the labels in `y` and `predicted`.
    class_names : sequence of str, optional
        Names of the classes, in the order of the sorted labels. Default: the labels.
    digits : int, default 2
        Number of decimal places.

    Returns
    -------
    str
        Table with one line per class, followed by the accuracy (the micro average for 0/1 matrices), the mean over the
        classes, and the mean weighted by the support. The support is the number, or the total weight, of the samples of
        a class.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, an array is invalid, or the number of names is not the number of classes.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> print(metrics.classification_report([0, 1, 1, 0], [0, 1, 1, 1]))
                  precision     recall   f1-score    support
    <BLANKLINE>
               0       1.00       0.50       0.67          2
               1       0.67       1.00       0.80          2
    <BLANKLINE>
        accuracy                             0.75          4
       macro avg       0.83       0.75       0.73          4
    weighted avg       0.83       0.75       0.73          4
    <BLANKLINE>
    """
    checks.integer("classification_report", "digits", digits, minimum=0)
    c = labels.count_samples(y, predicted, classes, sample_weight)
    if class_names is None:
        names = [str(label) for label in c.classes.tolist()]
    elif len(class_names) == len(c.classes):
        names = [str(name) for name in class_names]
    else:
        raise ValueError(
            f"class_names has {count(len(class_names), 'name')}; there are {len(c.classes)} classes."
        )
    scores = _scores(c.right, c.predicted, c.true)
    total = c.true.sum()
    one = "accuracy" if c.exclusive else "micro avg"
    averages = {
        one: _scores(c.right.sum(), c.predicted.sum(), total),
        "macro avg": scores.mean(axis=-1),
        "weighted avg": arithmetic.weighted_sums(c.true, scores.T) / total if total else np.zeros(3),
    }
    number = ".0f" if sample_weight is None else f".{digits}f"
    width = max(map(len, [*names, *averages]))
    lines = [" " * width + "".join(f"{head:>11}" for head in _HEADS), ""]

    def line(name: str, values: Array, support: float) -> str:
        shown = [f"{value:.{digits}f}" for value in values]
        if name == "accuracy":
            shown[:2] = "", ""
        return f"{name:>{width}}" + "".join(f"{text:>11}" for text in [*shown, f"{support:{number}}"])

    lines += [line(name, scores[:, i], c.true[i]) for i, name in enumerate(names)]
    lines += ["", *(line(name, values, total) for name, values in averages.items())]
    return "\n".join(lines) + "\n"


def _scores(right: Array, predicted: Array, true: Array) -> Array:
    """Return an array with the rows precision, recall and F1 score."""
    pairs = ((right, predicted), (right, true), (2 * right, predicted + true))
    return np.array([labels.ratio(part, whole) for part, whole in pairs])
