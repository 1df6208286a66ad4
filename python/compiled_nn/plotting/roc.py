"""Picture of the receiver operating characteristic (ROC) of each class."""

from __future__ import annotations

from typing import Any, Self

from .. import metrics
from ..data.arrays import Array
from . import canvas, class_curves


class RocCurveDisplay(class_curves.ClassCurvesDisplay):
    """ROC curve of each class: true positive rate over false positive rate, for all thresholds.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. Two classes have one curve, that of the greater
    class; of more classes each is compared with all others. Of more than 7 classes those with the lowest scores are
    drawn in colour. A class that no row or every row belongs to has no curve.

    Parameters
    ----------
    curves : list of Curve
        For each class its `name`, the points `x` (false positive rate) and `y` (true positive rate),
        `thresholds`, and `score`, the area under the curve.
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
    PrecisionRecallDisplay : Curves for rare classes.
    compiled_nn.metrics.roc_curve : Points of a curve.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import RocCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = RocCurveDisplay.from_estimator(net, data.X_test, data.y_test)
    >>> len(display.curves), round(display.curves[0].score, 2)  # area under the curve of the digit 0
    (10, 1.0)
    >>> display.figure_.savefig("roc.png")
    """

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the curves, and the diagonal of random scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for all curves.

        Returns
        -------
        self : RocCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import RocCurveDisplay
        >>> display = RocCurveDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> again = RocCurveDisplay(display.curves).plot()
        >>> again.ax_.get_xlabel(), again.ax_.get_ylabel()
        ('false positive rate', 'true positive rate')
        """
        ax, self.lines_ = class_curves.draw_curves(ax, self.curves, self.missing, kwargs)
        ax.plot([0, 1], [0, 1], color=canvas.GRAY, linestyle=":", linewidth=1, zorder=0)
        ax.set(
            xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
        )
        ax.set_title(class_curves.title_of(self.curves, "ROC AUC"), size="medium")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @staticmethod
    def _compute(is_class: Array, scores: Array) -> tuple[Array, Array, Array, float] | None:
        """Return rates, thresholds and the area of a class; None if there are no rows in or none outside the class."""
        if is_class.all() or not is_class.any():
            return None
        fpr, tpr, thresholds = metrics.roc_curve(is_class, scores, positive=True)
        return fpr, tpr, thresholds, metrics.roc_auc(is_class, scores, classes=[False, True])
