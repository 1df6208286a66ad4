"""Shared parts of ROC and precision-recall curves: one curve per class, and the choice of those in colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data import arrays, class_labels
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes

_MOST_COLOURED = 7
_LINES = ("-", "--", "-.", ":")


class Curve(NamedTuple):
    """Curve of one class against all others.

    Attributes
    ----------
    name : str
        Name of the class.
    x, y : ndarray (n,)
        Points.
    thresholds : ndarray
        Thresholds of the points.
    score : float
        Area or average precision.
    """

    name: str
    x: Array
    y: Array
    thresholds: Array
    score: float


def get_scores(net: Any, X: Any) -> Array:
    """Return the probabilities of a classifier, or the values of `decision_function` of one without probabilities."""
    return np.asarray(net.predict_proba(X) if hasattr(net, "predict_proba") else net.decision_function(X))


def compute_curves(
    y: Any,
    scores: Any,
    labels: Any,
    class_names: Sequence[str] | None,
    compute: Callable[[Array, Array], tuple[Array, Array, Array, float] | None],
) -> tuple[list[Curve], list[str]]:
    """Return the curve of each class, and the names of the classes without one; of two classes, the greater one."""
    true, matrix = inputs.labels(y, "y_true"), inputs.numbers(scores, "scores")
    arrays.check_rows(true, matrix, "y_true", "scores")
    found = inputs.known(true) if labels is None else inputs.of_columns(labels, "labels")
    names = classes.get_names(found, class_names)
    columns = matrix.shape[1]
    if columns != len(found) and not (columns == 1 and len(found) == 2):
        raise ValueError(
            f"scores has {columns} columns; there are {len(found)} classes. Pass the labels of all columns as"
            " labels=..."
        )
    index = class_labels.indices(true, found)
    drawn = [1] if len(found) == 2 else range(len(found))
    curves, missing = [], []
    for i in drawn:
        result = compute(index == i, matrix[:, min(i, columns - 1)])
        if result is None:
            missing.append(names[i])
        else:
            curves.append(Curve(names[i], *result))
    return curves, missing


def draw_curves(
    ax: Any, curves: Sequence[Curve], missing: Sequence[str], kwargs: dict[str, Any]
) -> tuple[Any, list[Any]]:
    """Draw all curves, of many classes those of the lowest scores in colour and the others gray, with a legend."""
    style = canvas.normalize_line_style(kwargs)
    coloured = sorted(np.argsort([curve.score for curve in curves], kind="stable")[:_MOST_COLOURED].tolist())
    titles = [f"{canvas.shorten(curves[i].name)}: {curves[i].score:.3f}" for i in coloured]
    others = [curve for i, curve in enumerate(curves) if i not in coloured]
    notes = [f"{len(others)} others: from {min(curve.score for curve in others):.3f}"] if others else []
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        notes.append(f"no curve: {canvas.shorten(missing[0])}{more}")
    beside = [*titles, *notes] if len(titles) + len(notes) > 1 else []
    ax = canvas.axes(ax, 4.6 + (canvas.legend_width(beside) if beside else 0.0), 4.2)
    lines = []
    for i, curve in enumerate(curves):
        points = canvas.thin_curve(len(curve.x))
        look = {"color": canvas.GRAY, "linewidth": 0.7, "alpha": 0.6, "zorder": 1}
        if i in coloured:
            rank = coloured.index(i)
            look = {"color": canvas.PALETTE[rank], "linestyle": _LINES[rank % len(_LINES)]}
        lines += ax.plot(curve.x[points], curve.y[points], **{**look, **style})
    if beside:
        empty = canvas.import_matplotlib("lines").Line2D([], [], linestyle="none")
        handles = [lines[i] for i in coloured] + [empty] * len(notes)
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "fontsize": "small"}
        ax.legend(handles, beside, frameon=False, **place)
    return ax, lines


def title_of(curves: Sequence[Curve], what: str) -> str:
    """Return the score of the only curve, or the mean of the scores of several."""
    if not curves:
        return f"no class has a {what}"
    mean = float(np.mean([curve.score for curve in curves]))
    if len(curves) > 1:
        return f"{what}, mean of {len(curves)} classes: {mean:.3f}"
    return f"{what} of {canvas.shorten(curves[0].name, 24)}: {mean:.3f}"
