"""Picture of permutation importances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..data.arrays import Array
from . import canvas


class PermutationImportanceDisplay(canvas.Display):
    """Permutation importance of each column: how much the score falls if the values of the column are shuffled.

    It is created by :meth:`from_estimator` or :meth:`from_importances`. A bar is the mean over the repetitions, its
    whisker their standard deviation. The most important column is at the top.

    Parameters
    ----------
    importances : ndarray (k, n_repeats)
        Importance of each column in each repetition.
    names : sequence of str (k,)
        Names of the columns.
    metric : str, optional
        Name of the metric, for the label.

    Attributes
    ----------
    mean, std : ndarray (k,)
        Mean and standard deviation over the repetitions.
    order : ndarray of int (k,)
        Indices of the columns, the most important one first.
    ax_ : matplotlib.axes.Axes
        Axes with the bars.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    bars_ : matplotlib.container.BarContainer
        Bars, from the top.

    See Also
    --------
    compiled_nn.permutation_importance : Numbers of the bars.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PermutationImportanceDisplay
    >>> X = np.random.default_rng(0).uniform(size=(200, 2))
    >>> y = 3 * X[:, 0] - X[:, 1]
    >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
    >>> display = PermutationImportanceDisplay.from_estimator(net, X, y)
    >>> display.order.tolist(), display.mean.round(1).tolist()
    ([0, 1], [1.7, 0.2])
    >>> display.figure_.savefig("importances.png")
    """

    def __init__(self, importances: Any, *, names: Sequence[str], metric: str | None = None) -> None:
        self.importances: Array = arrays.weights(importances, "importances", dtype="float64", ndim=2)
        if len(self.importances) != len(names):
            raise ValueError(
                f"names has {len(names)} entries; there are {len(self.importances)} importances."
            )
        self.names = [str(name) for name in names]
        self.metric = metric
        self.mean: Array = self.importances.mean(axis=1)
        self.std: Array = self.importances.std(axis=1)
        self.order: Array = np.argsort(-self.mean, kind="stable")

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        metric: Any = None,
        n_repeats: int = 5,
        random_state: int = 0,
        ax: Any = None,
        **kwargs: Any,
    ) -> PermutationImportanceDisplay:
        """Compute the permutation importances, and draw them.

        Parameters
        ----------
        net : Network, MLPClassifier or MLPRegressor
            Fitted network.
        X : array-like or table (m, k)
            Rows, best those that the network was not trained on.
        y : array-like (m,)
            True labels or values.
        metric : str, Metric or callable, optional
            Metric, as for :func:`compiled_nn.permutation_importance`. Default: accuracy for classes, R^2 for values.
        n_repeats : int, default 5
            Number of permutations of each column.
        random_state : int, Generator, RandomState or None, default 0
            Seed of the permutations, or the generator of this seed.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        PermutationImportanceDisplay
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
        >>> from compiled_nn.plotting import PermutationImportanceDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
        >>> display = PermutationImportanceDisplay.from_estimator(net, X, y, metric="mae", n_repeats=3)
        >>> display.importances.shape, display.metric
        ((2, 3), 'mae')
        """
        # Imported here to keep the import of pictures fast.
        from ..network.importance import permutation_importance

        options: dict[str, Any] = {"metric": metric, "n_repeats": n_repeats, "random_state": random_state}
        return cls.from_importances(permutation_importance(net, X, y, **options), ax=ax, **kwargs)

    @classmethod
    def from_importances(
        cls, result: Any, *, feature_names: Sequence[str] | None = None, ax: Any = None, **kwargs: Any
    ) -> PermutationImportanceDisplay:
        """Draw importances.

        Parameters
        ----------
        result : PermutationImportance
            Result of :func:`compiled_nn.permutation_importance`, or of the function of scikit-learn of this name.
        feature_names : sequence of str (k,), optional
            Names of the columns. Default: those of the result, or "x0", "x1", ...
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        PermutationImportanceDisplay
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
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import PermutationImportanceDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
        >>> result = cnn.permutation_importance(net, X, y)
        >>> display = PermutationImportanceDisplay.from_importances(result, feature_names=["width", "height"])
        >>> [label.get_text() for label in display.ax_.get_yticklabels()]
        ['width', 'height']
        """
        names = getattr(result, "feature_names", None) if feature_names is None else feature_names
        names = [f"x{i}" for i in range(len(result.importances))] if names is None else names
        return cls(result.importances, names=names, metric=getattr(result, "metric", None)).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, n_bars: int = 20, **kwargs: Any) -> PermutationImportanceDisplay:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        n_bars : int, default 20
            Maximum number of bars; of more columns the most important ones are drawn.
        **kwargs
            Arguments of matplotlib's ``Axes.barh``.

        Returns
        -------
        self : PermutationImportanceDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import PermutationImportanceDisplay
        >>> display = PermutationImportanceDisplay([[0.1, 0.3], [0.8, 0.6], [0.0, 0.0]], names=["a", "b", "c"])
        >>> [round(float(bar.get_width()), 2) for bar in display.plot(n_bars=2).bars_]
        [0.7, 0.2]
        """
        shown = self.order[: checks.integer("plot", "n_bars", n_bars, minimum=1)]
        names = [canvas.shorten(self.names[i]) for i in shown]
        width = 4.2 + 0.09 * max(map(len, names))
        ax = canvas.axes(ax, width, 1.1 + 0.26 * len(shown))
        style = {"color": canvas.BLUE, "height": 0.72, "xerr": self.std[shown], "ecolor": "#555555", **kwargs}
        self.bars_ = ax.barh(np.arange(len(shown)), self.mean[shown], **style)
        ax.axvline(0.0, color="#555555", linewidth=0.8)
        ax.set_yticks(np.arange(len(shown)), names)
        ax.set(ylim=(len(shown) - 0.4, -0.6))
        what = self.metric if isinstance(self.metric, str) else "score"
        ax.set_xlabel(f"change of {canvas.shorten(what)}\nif the column is shuffled")
        canvas.limit_ticks(ax.xaxis, 5)
        if len(shown) < len(self.names):
            ax.set_title(f"{len(shown)} of {len(self.names):,} columns", size="medium")
        canvas.open_frame(ax)
        ax.grid(visible=False, axis="y")
        self.ax_, self.figure_ = ax, ax.figure
        return self
