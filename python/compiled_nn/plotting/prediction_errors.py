"""Picture of predicted against actual values, and of the residuals."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from .. import metrics
from ..common import checks
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas

Kind: TypeAlias = Literal["actual_vs_predicted", "residual_vs_predicted"]
_KINDS: tuple[Kind, ...] = ("actual_vs_predicted", "residual_vs_predicted")


class PredictionErrorDisplay(canvas.Display):
    """Actual values, or residuals, over predicted values.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. Points on the line are predicted exactly. The
    title has R^2 and the mean absolute error over all rows.

    Parameters
    ----------
    y_true, y_pred : ndarray (m,)
        True and predicted values.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the points.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    line_ : matplotlib.lines.Line2D
        Line of exact predictions.
    scatter_ : matplotlib.collections.PathCollection
        Points of the rows.

    See Also
    --------
    IntervalDisplay : Intervals and the values inside them.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PredictionErrorDisplay
    >>> X = np.random.default_rng(0).uniform(size=(200, 2))
    >>> y = 3 * X[:, 0] - X[:, 1]
    >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
    >>> display = PredictionErrorDisplay.from_estimator(net, X, y)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('predicted value', 'actual - predicted')
    >>> display.figure_.savefig("errors.png")
    """

    def __init__(self, *, y_true: Array, y_pred: Array) -> None:
        self.y_true = y_true
        self.y_pred = y_pred

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        kind: Kind = "residual_vs_predicted",
        ax: Any = None,
        **kwargs: Any,
    ) -> PredictionErrorDisplay:
        """Predict the rows, and draw the errors.

        Parameters
        ----------
        net : Network, or estimator with `predict`
            Fitted network of one value per row.
        X : array-like or table (m, k)
            Rows, in a form that the network accepts.
        y : array-like (m,)
            True values.
        kind : {"actual_vs_predicted", "residual_vs_predicted"}, default "residual_vs_predicted"
            Values over the predicted ones: the actual values, or actual minus predicted.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        PredictionErrorDisplay
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
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import PredictionErrorDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
        >>> display = PredictionErrorDisplay.from_estimator(net, X, y, kind="actual_vs_predicted")
        >>> display.ax_.get_ylabel(), len(display.scatter_.get_offsets())
        ('actual value', 200)
        """
        return cls.from_predictions(y, net.predict(X), kind=kind, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, *, kind: Kind = "residual_vs_predicted", ax: Any = None, **kwargs: Any
    ) -> PredictionErrorDisplay:
        """Draw the errors of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like (m,)
            True and predicted values.
        kind : {"actual_vs_predicted", "residual_vs_predicted"}, default "residual_vs_predicted"
            Values over the predicted ones: the actual values, or actual minus predicted.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        PredictionErrorDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import PredictionErrorDisplay
        >>> display = PredictionErrorDisplay.from_predictions([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
        >>> display.scatter_.get_offsets().tolist()  # predicted value, residual
        [[1.5, -0.5], [2.0, 0.0], [2.0, 1.0]]
        """
        true, predicted, _ = inputs.value_pair(y_true, y_pred, None)
        if true.shape[1] != 1:
            raise ValueError(
                f"There are {true.shape[1]} values per row; one is drawn: pass a column of each array."
            )
        return cls(y_true=true[:, 0], y_pred=predicted[:, 0]).plot(ax, kind=kind, **kwargs)

    def plot(
        self, ax: Any = None, *, kind: Kind = "residual_vs_predicted", n_points: int = 2000, **kwargs: Any
    ) -> PredictionErrorDisplay:
        """Draw the points and the line of exact predictions.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        kind : {"actual_vs_predicted", "residual_vs_predicted"}, default "residual_vs_predicted"
            Values over the predicted ones, as in :meth:`from_estimator`.
        n_points : int, default 2000
            Maximum number of points. Of more rows, that many are drawn at random, with the same draw every time.
        **kwargs
            Arguments of matplotlib's ``Axes.scatter``.

        Returns
        -------
        self : PredictionErrorDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import PredictionErrorDisplay
        >>> y = np.linspace(0, 1, 5000)
        >>> display = PredictionErrorDisplay(y_true=y, y_pred=y**2).plot(kind="actual_vs_predicted", n_points=100)
        >>> len(display.scatter_.get_offsets())
        100
        """
        kind = checks.choice("plot", "kind", kind, _KINDS)
        shown = canvas.thin(len(self.y_true), checks.integer("plot", "n_points", n_points, minimum=1))
        ax = canvas.axes(ax, 5.4, 4.4)
        x, y = self.y_pred[shown], self.y_true[shown]
        style = {"s": 14, "alpha": 0.5 if len(shown) > 100 else 0.8, "color": canvas.BLUE, "linewidths": 0}
        line = {"color": canvas.VERMILION, "linestyle": "--", "linewidth": 1.2}
        if kind == "actual_vs_predicted":
            self.scatter_ = ax.scatter(x, y, **{**style, **kwargs})
            ends = [np.nanmin([x, y]), np.nanmax([x, y])]
            self.line_ = ax.plot(ends, ends, **line)[0]
        else:
            self.scatter_ = ax.scatter(x, y - x, **{**style, **kwargs})
            self.line_ = ax.axhline(0.0, **line)
        label = "actual value" if kind == "actual_vs_predicted" else "actual - predicted"
        ax.set(xlabel="predicted value", ylabel=label)
        canvas.limit_ticks(ax.xaxis)
        ax.set_title(self._title(len(shown)), size="medium")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _title(self, shown: int) -> str:
        """Return the scores over all rows, and how many of them are drawn."""
        error = canvas.format_number(metrics.mae(self.y_true, self.y_pred))
        scores = f"mean absolute error {error}"
        if len(self.y_true) > 1:
            scores = f"R² {metrics.r2_score(self.y_true, self.y_pred):.3f}, {scores}"
        return "\n".join(filter(None, [scores, canvas.rows_note(shown, len(self.y_true))]))
