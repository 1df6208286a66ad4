"""Picture of precision and recall of each class."""

from __future__ import annotations

from typing import Any, Self

from .. import metrics
from ..data.arrays import Array
from . import canvas, class_curves


class PrecisionRecallDisplay(class_curves.ClassCurvesDisplay):
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

    See Also
    --------
    RocCurveDisplay : True and false positive rates.
    compiled_nn.metrics.precision_recall_curve : Points of a curve.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PrecisionRecallDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = PrecisionRecallDisplay.from_estimator(net, data.X_test, data.y_test)
    >>> len(display.curves), round(display.curves[0].score, 2)  # average precision of the digit 0
    (10, 1.0)
    >>> display.figure_.savefig("precision_recall.png")
    """

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
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

        Examples
        --------
        >>> from compiled_nn.plotting import PrecisionRecallDisplay
        >>> display = PrecisionRecallDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> again = PrecisionRecallDisplay(display.curves).plot()
        >>> again.ax_.get_xlabel(), again.ax_.get_ylabel()
        ('recall', 'precision')
        """
        style = {"drawstyle": "steps-post", **canvas.normalize_line_style(kwargs)}
        ax, self.lines_ = class_curves.draw_curves(ax, self.curves, self.missing, style)
        ax.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
        ax.set_title(class_curves.title_of(self.curves, "average precision"), size="medium")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @staticmethod
    def _compute(is_class: Array, scores: Array) -> tuple[Array, Array, Array, float] | None:
        """Return recall, precision, thresholds and the average precision of a class; None if no row belongs to it."""
        if not is_class.any():
            return None
        precision, recall, thresholds = metrics.precision_recall_curve(is_class, scores, positive=True)
        return (
            recall,
            precision,
            thresholds,
            metrics.average_precision(is_class, scores, classes=[False, True]),
        )
