"""Picture of the reliability of predicted probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import arrays, class_labels
from ..data.arrays import Array
from ..metrics import curves, inputs
from ..metrics.curves import Strategy
from . import canvas, classes


class CalibrationDisplay(canvas.Display):
    """Reliability of probabilities: share of the rows that belong to a class, over the predicted probability.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. Calibrated probabilities are on the diagonal.
    For two classes the probability is that of the greater class; for more classes, that of the predicted class, and
    the share is the accuracy. The bars are the shares of the rows in each bin.

    Parameters
    ----------
    prob_true : ndarray (n,)
        For each bin with rows, the share that belongs to the class.
    prob_pred : ndarray (n,)
        Mean predicted probability of each bin.
    counts : ndarray (n,)
        Number of rows in each bin.
    name : str, optional
        Name of the class; None for the predicted class.

    Attributes
    ----------
    ece : float
        Expected calibration error: mean difference of both axes over all rows.
    ax_ : matplotlib.axes.Axes
        Axes with the curve.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    line_ : matplotlib.lines.Line2D
        Curve.
    bars_ : matplotlib.container.BarContainer
        Shares of the rows.

    See Also
    --------
    compiled_nn.Network.calibrate : Calibration of the probabilities.
    compiled_nn.metrics.ece : Calibration error.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import CalibrationDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = CalibrationDisplay.from_estimator(net, data.X_test, data.y_test)
    >>> round(display.ece, 2), display.ax_.get_ylabel()
    (0.07, 'share that is right')
    >>> display.figure_.savefig("calibration.png")
    """

    def __init__(self, *, prob_true: Array, prob_pred: Array, counts: Array, name: str | None = None) -> None:
        self.prob_true = prob_true
        self.prob_pred = prob_pred
        self.counts = counts
        self.name = name
        self.ece = float((abs(prob_true - prob_pred) * counts).sum() / counts.sum())

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        positive: Any = None,
        bins: int = 10,
        strategy: Strategy = "uniform",
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CalibrationDisplay:
        """Predict the probabilities of the rows, and draw their reliability.

        Parameters
        ----------
        net : Network, or estimator with `predict_proba` and `classes_`
            Fitted classifier.
        X : array-like or table (m, k)
            Rows, in a form that the network accepts.
        y : array-like (m,)
            True labels.
        positive : label, optional
            Class whose probability is drawn. Default: the greater of two classes; of more, the predicted class of each
            row.
        bins : int, default 10
            Number of bins.
        strategy : {"uniform", "quantile"}, default "uniform"
            Bins of equal width, or of about equal numbers of rows.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        CalibrationDisplay
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
        >>> from compiled_nn.plotting import CalibrationDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> display = CalibrationDisplay.from_estimator(net, data.X_test, data.y_test, positive=8, bins=5)
        >>> display.ax_.get_xlabel(), len(display.prob_pred)
        ('predicted probability of 8', 5)
        """
        options: dict[str, Any] = {"positive": positive, "bins": bins, "strategy": strategy}
        labels = classes.get_classes(net)
        p = net.predict_proba(X)
        return cls.from_predictions(y, p, labels=labels, class_names=class_names, **options, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        probabilities: Any,
        *,
        labels: Any = None,
        positive: Any = None,
        bins: int = 10,
        strategy: Strategy = "uniform",
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CalibrationDisplay:
        """Draw the reliability of probabilities.

        Parameters
        ----------
        y_true : array-like (m,)
            True labels.
        probabilities : array-like (m, n_classes), or (m,) or (m, 1) for the greater of two classes
            Predicted probabilities.
        labels : array-like (n_classes,), optional
            Labels of the columns, sorted. Default: the labels in `y_true`.
        positive : label, optional
            Class whose probability is drawn. Default: the greater of two classes; of more, the predicted class of each
            row.
        bins : int, default 10
            Number of bins.
        strategy : {"uniform", "quantile"}, default "uniform"
            Bins of equal width, or of about equal numbers of rows.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        CalibrationDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import CalibrationDisplay
        >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
        >>> display = CalibrationDisplay.from_predictions([0, 1, 1, 1], probabilities, positive=1, bins=2)
        >>> display.prob_pred.tolist(), display.prob_true.tolist()
        ([0.1, 0.8], [0.5, 1.0])
        """
        p = inputs.probabilities(probabilities, "probabilities")
        known = inputs.of_single_column(y_true, probabilities, labels)
        true, p = inputs.columns(y_true, p, known, "probabilities")
        arrays.check_finite(p, "probabilities", "float64")
        found = inputs.known(y_true) if known is None else inputs.of_columns(known, "labels")
        names = classes.get_names(found, class_names)
        if positive is None and len(found) > 2:
            name, happened, chance = None, p.argmax(axis=1) == true, p.max(axis=1)
        else:
            label = found[-1:] if positive is None else inputs.labels([positive], "positive")
            i = int(class_labels.indices(label, found)[0])
            name, happened, chance = names[i], true == i, p[:, i]
        w = np.ones(len(p))
        found_bins = curves.probability_bins(
            "CalibrationDisplay", happened, chance, w, bins=bins, strategy=strategy
        )
        return cls(**found_bins._asdict(), name=name).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> CalibrationDisplay:
        """Draw the curve, the diagonal and the shares of the rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for the curve.

        Returns
        -------
        self : CalibrationDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import CalibrationDisplay
        >>> display = CalibrationDisplay(
        ...     prob_true=np.array([0.2, 0.7]), prob_pred=np.array([0.1, 0.8]), counts=np.array([30, 10])
        ... )
        >>> display.plot().line_.get_xydata().tolist()
        [[0.1, 0.2], [0.8, 0.7]]
        """
        style = {"color": canvas.BLUE, "marker": "o", "markersize": 4, **canvas.normalize_line_style(kwargs)}
        ax = canvas.axes(ax, 4.8, 4.6)
        shares = self.counts / self.counts.sum()
        gaps = np.diff(np.sort(self.prob_pred))
        width = min(0.05, 0.8 * gaps.min()) if len(gaps) and gaps.min() > 0 else 0.05
        self.bars_ = ax.bar(self.prob_pred, shares, width=width, color="#BBBBBB", zorder=1)
        self.bars_.set_label("share of the rows")
        ax.plot([0, 1], [0, 1], color=canvas.GRAY, linestyle=":", label="calibrated")
        self.line_ = ax.plot(self.prob_pred, self.prob_true, **{"zorder": 3, **style})[0]
        what = "the predicted class" if self.name is None else canvas.shorten(self.name)
        ax.set(
            xlim=(-0.03, 1.03),
            ylim=(0, 1.05),
            ylabel=f"share that {'is right' if self.name is None else 'belongs to it'}",
        )
        ax.set_xlabel(
            f"predicted probability of\n{what}" if len(what) > 20 else f"predicted probability of {what}"
        )
        rows = f"{self.counts.sum():,.0f} rows"
        ax.set_title(f"expected calibration error {self.ece:.3f}, {rows}", size="medium")
        ax.legend(frameon=False, loc="upper left", fontsize="small")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self
