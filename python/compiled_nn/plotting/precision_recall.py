"""Picture of precision and recall of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import metrics
from ..data.arrays import Array
from . import canvas, class_curves, classes
from .class_curves import Curve


class PrecisionRecallDisplay(canvas.Display):
    """Precision over recall of each class, for all thresholds.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. Two classes have one curve, that of the greater
    class; of more classes each is compared with all others. Of more than 7 classes those with the lowest scores are
    drawn in colour. A class that no row belongs to has no curve.

    Parameters
    ----------
    curves : list of Curve
        For each class its `name`, the points `x` (recall) and `y` (precision),
        `thresholds`, and `score`, the average precision.
    missing : list of str, default ()
        Names of the classes without a curve.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        Lines of the curves.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PrecisionRecallDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> display = PrecisionRecallDisplay.from_estimator(net, data.X_test, data.y_test)  # doctest: +SKIP
    """

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
    ) -> PrecisionRecallDisplay:
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
        PrecisionRecallDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.
        """
        labels = classes.get_classes(net)
        scores = class_curves.get_scores(net, X)
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
    ) -> PrecisionRecallDisplay:
        """Draw the curves of predicted probabilities or other scores.

        Parameters
        ----------
        y_true : array-like (m,)
            True labels.
        scores : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
            Probabilities, or other scores that are higher for more likely classes.
        labels : array-like (n_classes,), optional
            Labels of the columns, sorted. Default: the labels in `y_true`.
        class_names, ax, **kwargs
            Arguments of :meth:`from_estimator`.

        Returns
        -------
        PrecisionRecallDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.
        """
        curves, missing = class_curves.compute_curves(y_true, scores, labels, class_names, _compute)
        return cls(curves, missing=missing).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> PrecisionRecallDisplay:
        """Draw the curves as steps.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for all curves.

        Returns
        -------
        self : PrecisionRecallDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        style = {"drawstyle": "steps-post", **canvas.normalize_line_style(kwargs)}
        ax, self.lines_ = class_curves.draw_curves(ax, self.curves, self.missing, style)
        ax.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
        ax.set_title(class_curves.title_of(self.curves, "average precision"), size="medium")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _compute(is_class: Array, scores: Array) -> tuple[Array, Array, Array, float] | None:
    """Return recall, precision, thresholds and the average precision of a class; None if no row belongs to it."""
    if not is_class.any():
        return None
    precision, recall, thresholds = metrics.precision_recall_curve(is_class, scores, positive=True)
    return recall, precision, thresholds, metrics.average_precision(is_class, scores, classes=[False, True])
