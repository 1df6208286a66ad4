"""Shared parts of ROC and precision-recall curves: one curve per class, and the choice of those in colour."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

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

    Examples
    --------
    >>> from compiled_nn.plotting import RocCurveDisplay
    >>> curve = RocCurveDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).curves[0]
    >>> curve.name, curve.x.tolist(), curve.y.tolist(), curve.score
    ('1', [0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0], 0.75)
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


class ClassCurvesDisplay(canvas.Display, ABC):
    """Base class of the displays of one curve per class."""

    def __init__(self, curves: list[Curve], *, missing: Sequence[str] = ()) -> None:
        self.curves = curves
        self.missing = list(missing)

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Predict the probabilities of the rows, and draw the curves.

        Parameters
        ----------
        net : Network, or estimator with `predict_proba` or `decision_function`, and `classes_`
            Fitted classifier.
        X : array-like or table (m, k)
            Rows, in a form that the network accepts.
        y : array-like (m,)
            True labels.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        Self
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import RocCurveDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> display = RocCurveDisplay.from_estimator(net, data.X_test, data.y_test)
        >>> [curve.name for curve in display.curves][:3], round(display.curves[0].score, 2)
        (['0', '1', '2'], 1.0)
        """
        labels = classes.get_classes(net)
        scores = get_scores(net, X)
        return cls.from_predictions(y, scores, labels=labels, class_names=class_names, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        scores: Any,
        *,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curves of predicted probabilities or other scores.

        Parameters
        ----------
        y_true : array-like (m,)
            True labels.
        scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
            Probabilities, or other scores that are higher for more likely classes.
        labels : array-like (n_classes,), optional
            Labels of the columns, sorted. Default: the labels in `y_true`.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        Self
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import RocCurveDisplay
        >>> display = RocCurveDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> display.curves[0].score  # 3 of the 4 pairs are in the right order
        0.75
        """
        curves, missing = compute_curves(y_true, scores, labels, class_names, cls._compute)
        return cls(curves, missing=missing).plot(ax, **kwargs)

    @abstractmethod
    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the curves."""

    @staticmethod
    @abstractmethod
    def _compute(is_class: Array, scores: Array) -> tuple[Array, Array, Array, float] | None:
        """Return points, thresholds and score of the curve of a class; None if it is not defined."""
