"""Picture of the partial dependence of the predictions on one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from ..data import cells, class_labels, rows
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes, features

Kind: TypeAlias = Literal["average", "individual", "both"]
_KINDS: tuple[Kind, ...] = ("average", "individual", "both")
_TAIL = 0.05  # share of the rows below the lowest and above the highest point of a column of many numbers
_MOST_LEVELS = 20


class PartialDependenceDisplay(canvas.Display):
    """Mean prediction over the rows, if one column had the same value in all of them.

    It is created by :meth:`from_estimator`. The column is one of the table before its encoding: a number, a date or a
    category. For a classifier the prediction is the probability of a class. Marks at the bottom are the deciles of a
    column of numbers; the shares of rows are written beside the levels of a category.

    Parameters
    ----------
    values : ndarray (n,)
        Values of the column.
    individual : ndarray (m, n)
        Prediction for each row with each value.
    name : str
        Name of the column.
    response : str, default "predicted value"
        Label of the predictions.
    deciles : ndarray, optional
        Deciles of a column of numbers or dates.
    shares : ndarray (n,), optional
        Share of the rows with each level of a category.

    Attributes
    ----------
    average : ndarray (n,)
        Mean of `individual` over the rows.
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    line_ : matplotlib.lines.Line2D or None
        Average; None for the kind "individual".
    individual_lines_ : list of matplotlib.lines.Line2D
        Curves of single rows.

    See Also
    --------
    PermutationImportanceDisplay : Importance of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PartialDependenceDisplay
    >>> X = np.random.default_rng(0).uniform(size=(200, 2))
    >>> y = 3 * X[:, 0] - X[:, 1]
    >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
    >>> display = PartialDependenceDisplay.from_estimator(net, X, 0)
    >>> display.name, display.average[[0, -1]].round(1).tolist()
    ('x0', [-0.3, 2.4])
    >>> display.figure_.savefig("dependence.png")
    """

    def __init__(
        self,
        *,
        values: Array,
        individual: Array,
        name: str,
        response: str = "predicted value",
        deciles: Array | None = None,
        shares: Array | None = None,
    ) -> None:
        self.values = values
        self.individual = individual
        self.name = name
        self.response = response
        self.deciles = deciles
        self.shares = shares
        self.average: Array = individual.mean(axis=0)

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        column: str | int,
        *,
        positive: Any = None,
        kind: Kind = "average",
        n_points: int = 30,
        n_rows: int = 500,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> PartialDependenceDisplay:
        """Predict the rows with each value in the column, and draw the predictions.

        Parameters
        ----------
        net : Network, or estimator with `predict`, or with `predict_proba` and `classes_`
            Fitted estimator.
        X : array-like or table (m, k)
            Rows.
        column : str or int
            Name or index of the column.
        positive : label, optional
            Class whose probability is drawn. Default: the greater of two classes; of more, the most frequent
            prediction.
        kind : {"average", "individual", "both"}, default "average"
            Mean over the rows, curves of up to 50 single rows, or both.
        n_points : int, default 30
            Maximum number of values: of a column of more different numbers or dates, values at equal distances from its
            5 % to its 95 % quantile. The 20 most frequent levels of a category are drawn.
        n_rows : int, default 500
            Maximum number of rows; of more, that many are used, with the same draw in every call.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        PartialDependenceDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        KeyError
            If the table has no column of this name.
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import PartialDependenceDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
        >>> display = PartialDependenceDisplay.from_estimator(net, X, 1, kind="both", n_points=10)
        >>> slope = (display.average[-1] - display.average[0]) / (display.values[-1] - display.values[0])
        >>> display.individual.shape, round(float(slope), 1)
        ((200, 10), -1.0)
        """
        kind = checks.choice("from_estimator", "kind", kind, _KINDS)
        n_points = checks.integer("from_estimator", "n_points", n_points, minimum=2)
        n_rows = checks.integer("from_estimator", "n_rows", n_rows, minimum=1)
        X = features.opened(X)
        whole = features.dated(net, features.find(X, column))
        values, deciles, shares = _grid(net, whole, n_points)
        m = rows.shape(X)[0]
        X = rows.take(X, canvas.thin(m, n_rows))
        part = features.dated(net, features.find(X, whole.place))
        predict, response = _response(net, X, positive, class_names)
        found = [predict(features.replaced(X, part, value)) for value in values]
        display = cls(
            values=values,
            individual=np.stack(found, axis=1),
            name=whole.name,
            response=response,
            deciles=deciles,
            shares=shares,
        )
        return display.plot(ax, kind=kind, **kwargs)

    def plot(
        self, ax: Any = None, *, kind: Kind = "average", n_curves: int = 50, **kwargs: Any
    ) -> PartialDependenceDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        kind : {"average", "individual", "both"}, default "average"
            Mean over the rows, curves of single rows, or both.
        n_curves : int, default 50
            Maximum number of curves of single rows.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for the average.

        Returns
        -------
        self : PartialDependenceDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import PartialDependenceDisplay
        >>> display = PartialDependenceDisplay(
        ...     values=np.array([0.0, 1.0]), individual=np.array([[1.0, 2.0], [3.0, 6.0]]), name="age"
        ... )
        >>> display.plot(kind="both").line_.get_ydata().tolist(), len(display.individual_lines_)
        ([2.0, 4.0], 2)
        """
        kind = checks.choice("plot", "kind", kind, _KINDS)
        if self.shares is None:
            ax, x, line = canvas.axes(ax, 5.4, 4.0), self.values, "-"
        else:
            longest = max(len(canvas.shorten(value)) for value in self.values.tolist())
            ax = canvas.axes(ax, 4.0 + 0.09 * longest, 1.3 + 0.26 * len(self.values))
            x, line = np.arange(len(self.values)), "none"
        drawn = canvas.thin(len(self.individual), 0 if kind == "average" else n_curves)
        faint = {"color": canvas.GRAY, "linewidth": 0.6, "alpha": 0.5}
        self.individual_lines_ = [self._draw(ax, x, self.individual[i], faint) for i in drawn]
        style = {"color": canvas.BLUE, "linestyle": line, "marker": "o", "markersize": 4, "linewidth": 2}
        style = {**style, **canvas.normalize_line_style(kwargs)}
        self.line_ = None if kind == "individual" else self._draw(ax, x, self.average, style)
        canvas.open_frame(ax)
        if self.shares is None:
            self._label_numbers(ax)
        else:
            self._label_levels(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Any, x: Array, y: Array, style: dict[str, Any]) -> Any:
        """Draw predictions over the values, or for a category beside its levels."""
        return ax.plot(*((x, y) if self.shares is None else (y, x)), **style)[0]

    def _label_numbers(self, ax: Any) -> None:
        ax.set(xlabel=canvas.shorten(self.name, 34), ylabel=self.response)
        if self.values.dtype.kind == "M":
            canvas.label_dates(ax.xaxis)
        else:
            canvas.limit_ticks(ax.xaxis)
        if self.deciles is not None:
            low, high = self.values.min(), self.values.max()
            marks = self.deciles[(self.deciles >= low) & (self.deciles <= high)]
            below = ax.get_xaxis_transform()  # from the bottom, in shares of the height of the axes
            ax.vlines(marks, 0, 0.035, transform=below, color="#333333", linewidth=1.2)

    def _label_levels(self, ax: Any) -> None:
        assert self.shares is not None
        pairs = zip(self.values.tolist(), self.shares.tolist(), strict=True)
        names = [f"{canvas.shorten(value)} ({canvas.format_percent(share)})" for value, share in pairs]
        ax.set_yticks(np.arange(len(names)), names)
        ax.set(ylim=(len(names) - 0.5, -0.5), xlabel=self.response)
        ax.set_title(canvas.shorten(self.name), size="medium")
        canvas.limit_ticks(ax.xaxis, 5)


def _grid(net: Any, column: features.Column, n_points: int) -> tuple[Array, Array | None, Array | None]:
    """Return the values of a column to predict, and its deciles, or the shares of its levels."""
    values = column.values
    if values.dtype.kind in "iufM" and features.kind_of(net, column) != "category":
        present = values[~np.isnat(values)] if values.dtype.kind == "M" else values[~np.isnan(values)]
        if not len(present):
            raise ValueError(f"The column {column.name!r} has no values.")
        found = np.unique(present)
        if len(found) > n_points:
            method: Any = "nearest" if values.dtype.kind == "M" else "linear"
            low, high = np.quantile(present, [_TAIL, 1 - _TAIL], method=method)
            found = low + (high - low) * np.linspace(0, 1, n_points)
        deciles = np.quantile(present, np.arange(0.1, 0.95, 0.1), method="nearest")
        return found, deciles, None
    present = values[[not cells.is_missing(value) for value in values.tolist()]]
    if not len(present):
        raise ValueError(f"The column {column.name!r} has no values.")
    levels, first, counts = np.unique(present.astype(str), return_index=True, return_counts=True)
    chosen = np.argsort(-counts, kind="stable")[: min(_MOST_LEVELS, len(levels))]
    return present[first[chosen]], None, counts[chosen] / len(values)


def _response(net: Any, X: Any, positive: Any, class_names: Sequence[str] | None) -> tuple[Any, str]:
    """Return the function from rows to one number per row, and its name."""
    if not hasattr(net, "classes_"):

        def predict_value(rows: Any) -> Array:
            predicted = np.asarray(net.predict(rows))
            if predicted.ndim > 1 and predicted.shape[1] > 1:
                raise ValueError(f"The estimator predicts {predicted.shape[1]} values per row; one is drawn.")
            return predicted.reshape(len(predicted))

        return predict_value, "predicted value"
    found = classes.get_classes(net)
    if positive is not None:
        i = int(class_labels.indices(inputs.labels([positive], "positive"), found)[0])
    elif len(found) == 2:
        i = 1
    else:
        i = int(np.bincount(np.argmax(net.predict_proba(X), axis=1), minlength=len(found)).argmax())
    name = canvas.shorten(classes.get_names(found, class_names)[i])
    gap = "\n" if len(name) > 20 else " "
    return lambda rows: np.asarray(net.predict_proba(rows))[:, i], f"probability of{gap}{name}"
