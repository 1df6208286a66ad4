"""The report on a classifier as text."""

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
    *,
    classes: Any = None,
    class_names: Sequence[str] | None = None,
    sample_weight: Any = None,
    digits: int = 2,
) -> str:
    """Return precision, recall and F1 of each class and their averages as a table.

    Parameters
    ----------
    y, predicted : array-like (m,), or 0/1 matrices (m, n)
        Labels.
    classes : array-like (n_classes,), optional
        All labels there are. Default: those in `y` and `predicted`.
    class_names : sequence of str, optional
        What to call the classes, in the order of the sorted labels.
    sample_weight : array-like (m,), optional
    digits : int, default 2
        Behind the point.

    Returns
    -------
    str
        A line a class; then the accuracy (the micro average for 0/1 matrices), the mean over the classes, and the
        mean weighted by support, which is how many samples of the class there are.

    Raises
    ------
    TypeError, ValueError
        When the arrays cannot be used, or the names are not as many as the classes.
    """
    checks.integer("classification_report", "digits", digits, minimum=0)
    c = labels.counted(y, predicted, classes, sample_weight)
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
    """Return precision, recall and F1, a row each."""
    pairs = ((right, predicted), (right, true), (2 * right, predicted + true))
    return np.array([labels.ratio(part, whole) for part, whole in pairs])
