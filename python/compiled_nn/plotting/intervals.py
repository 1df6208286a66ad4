"""Picture of prediction intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays, dataframes
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, features


class IntervalDisplay(canvas.Display):
    """Prediction intervals as a band, and the true values as points.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. The rows are sorted by the prediction, or by a
    column. Values outside their interval are orange crosses. The title has the coverage: the share of all rows whose
    value is inside.

    Parameters
    ----------
    y_true, lower, upper : ndarray (m,)
        True values, and the bounds of the intervals.
    y_pred : ndarray (m,), optional
        Predicted values.
    x : ndarray (m,), optional
        Numbers or dates by which the rows are sorted. Default: the rank of the prediction.
    x_name : str, optional
        Label of the horizontal axis.
    nominal : float, optional
        Coverage for which the intervals were made, for the title.

    Attributes
    ----------
    coverage : float
        Share of the rows whose value is inside their interval.
    ax_ : matplotlib.axes.Axes
        Axes with the band.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    band_ : matplotlib.collections.PolyCollection or LineCollection
        Intervals: a band, or over a column one line per row.
    inside_, outside_ : matplotlib.collections.PathCollection
        Points inside and outside their interval.

    See Also
    --------
    PredictionErrorDisplay : Residuals of predicted values.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.plotting import IntervalDisplay
    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> display = IntervalDisplay.from_predictions(y, lower=y - 1, upper=[1.5, 2.5, 3.5, 3.5])
    >>> display.coverage
    0.75
    >>> display.figure_.savefig("intervals.png")
    """

    def __init__(
        self,
        *,
        y_true: Array,
        lower: Array,
        upper: Array,
        y_pred: Array | None = None,
        x: Array | None = None,
        x_name: str | None = None,
        nominal: float | None = None,
    ) -> None:
        self.y_true = y_true
        self.lower = lower
        self.upper = upper
        self.y_pred = y_pred
        self.x = x
        self.x_name = x_name
        self.nominal = nominal
        self.coverage = float(np.mean((lower <= y_true) & (y_true <= upper)))

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        coverage: float = 0.9,
        sort_by: str | int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> IntervalDisplay:
        """Predict the intervals of the rows, and draw them.

        Parameters
        ----------
        net : Network or MLPRegressor
            Network of one value per row with `predict_interval`, after `calibrate_intervals`.
        X : array-like or table (m, k)
            Rows, in a form that the network accepts.
        y : array-like (m,)
            True values.
        coverage : float, default 0.9
            Coverage of the intervals.
        sort_by : str or int, optional
            Name or index of a column of numbers or dates by which the rows are sorted. Default: the prediction.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        IntervalDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If the network is not fitted, or `calibrate_intervals` was not called.
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import IntervalDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> y = y + np.random.default_rng(1).normal(size=200)
        >>> net = net.fit(X[:100], y[:100]).calibrate_intervals(X[100:150], y[100:150])
        >>> display = IntervalDisplay.from_estimator(net, X[150:], y[150:], coverage=0.8, sort_by=0)
        >>> round(display.coverage, 2), display.ax_.get_xlabel()
        (0.76, 'x0')
        """
        X = dataframes.opened(X)
        lower, upper = net.predict_interval(X, coverage)
        options: dict[str, Any] = {"y_pred": np.asarray(net.predict(X)), "nominal": coverage}
        if sort_by is not None:
            column = features.find(X, sort_by)
            options |= {"x": features.numbers_or_dates(column), "x_name": column.name}
        return cls.from_predictions(y, lower, upper, **options, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        lower: Any,
        upper: Any,
        *,
        y_pred: Any = None,
        x: Any = None,
        x_name: str | None = None,
        nominal: float | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> IntervalDisplay:
        """Draw intervals.

        Parameters
        ----------
        y_true, lower, upper : array-like (m,)
            True values, and the bounds of the intervals.
        y_pred : array-like (m,), optional
            Predicted values. Default: the middle of each interval, which is not drawn.
        x : array-like (m,), optional
            Numbers or dates by which the rows are sorted. Default: the rank of the prediction.
        x_name : str, optional
            Label of the horizontal axis.
        nominal : float, optional
            Coverage for which the intervals were made, for the title.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        IntervalDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import IntervalDisplay
        >>> display = IntervalDisplay.from_predictions([1.0, 2.0, 9.0], lower=[0.0, 1.0, 2.0], upper=[2.0, 3.0, 4.0])
        >>> len(display.inside_.get_offsets()), len(display.outside_.get_offsets())
        (2, 1)
        """
        given = {"y_true": y_true, "lower": lower, "upper": upper, "y_pred": y_pred}
        columns: dict[str, Any] = {}
        for name, values in given.items():
            if values is None:
                continue
            column = inputs.numbers(values, name)
            if column.shape[1] != 1:
                raise ValueError(f"{name} has {column.shape[1]} columns; one value per row is drawn.")
            arrays.check_rows(columns.get("y_true", column), column, "y_true", name)
            columns[name] = column[:, 0]
        if x is not None:
            x = np.asarray(x)
            arrays.check_rows(columns["y_true"], x, "y_true", "x")
        return cls(**columns, x=x, x_name=x_name, nominal=nominal).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, n_rows: int = 300, **kwargs: Any) -> IntervalDisplay:
        """Draw the band, the predictions and the true values.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        n_rows : int, default 300
            Maximum number of rows. Of more, that many are drawn at random, with the same draw every time.
        **kwargs
            Arguments of matplotlib's ``Axes.fill_between`` for the band, or of ``Axes.vlines`` over a column.

        Returns
        -------
        self : IntervalDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import IntervalDisplay
        >>> y = np.linspace(0, 1, 1000)
        >>> display = IntervalDisplay(y_true=y, lower=y - 0.1, upper=y + 0.1).plot(n_rows=50)
        >>> len(display.inside_.get_offsets())
        50
        """
        ax = canvas.axes(ax, 6.4, 4.2)
        m = len(self.y_true)
        middle = (self.lower + self.upper) / 2 if self.y_pred is None else self.y_pred
        order = np.argsort(middle if self.x is None else self.x, kind="stable")
        order = order[canvas.thin(m, checks.integer("plot", "n_rows", n_rows, minimum=1))]
        x = np.arange(1, len(order) + 1) if self.x is None else self.x[order]
        y, lower, upper = self.y_true[order], self.lower[order], self.upper[order]
        style = {"color": canvas.BLUE, "alpha": 0.25, **kwargs}
        if self.x is None:
            self.band_ = ax.fill_between(x, lower, upper, **{"linewidth": 0, "step": "mid", **style})
        else:
            self.band_ = ax.vlines(x, lower, upper, **{"linewidth": 3, **style})
        self.band_.set_label("interval")
        if self.y_pred is not None:
            line = {"drawstyle": "steps-mid"} if self.x is None else {"linestyle": "none", "marker": "_"}
            ax.plot(x, self.y_pred[order], color=canvas.BLUE, linewidth=1, label="prediction", **line)
        inside = (lower <= y) & (y <= upper)
        self.inside_ = ax.scatter(x[inside], y[inside], s=9, color="#444444", linewidths=0, zorder=3)
        style = {"s": 24, "color": canvas.VERMILION, "marker": "x", "zorder": 4}
        self.outside_ = ax.scatter(x[~inside], y[~inside], label="outside", **style)
        self.inside_.set_label("inside")
        ax.set(
            xlabel=canvas.shorten(self.x_name) if self.x_name else "rows, sorted by prediction",
            ylabel="value",
        )
        if self.x is None:
            canvas.limit_ticks(ax.xaxis, integer=True)
        elif self.x.dtype.kind == "M":
            canvas.label_dates(ax.xaxis)
        ax.set_title(self._title(len(order)), size="medium")
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
        canvas.open_frame(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _title(self, shown: int) -> str:
        nominal = "" if self.nominal is None else f" (requested: {100 * self.nominal:g} %)"
        width = canvas.format_number(float(np.mean(self.upper - self.lower)))
        title = f"coverage {100 * self.coverage:.1f} %{nominal}, mean width {width}"
        return "\n".join(filter(None, [title, canvas.rows_note(shown, len(self.y_true))]))
