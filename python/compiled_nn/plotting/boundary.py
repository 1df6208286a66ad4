"""Picture of a decision boundary: the predictions of a network over a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import arrays, class_labels, dataframes
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes

_LEGEND_ROWS = 16
_SHORT = 12  # characters of names that fit beside each other
_MOST_REGIONS = 8  # with their names inside
_MARKERS = "o^sDvP*"  # 7 markers and 8 colours: 56 different combinations


class DecisionBoundaryDisplay(canvas.Display):
    """Predictions of an estimator of two features over the plane, with samples.

    It is created by :meth:`from_estimator`. Two classes are shown by the probability of the second class, with a black
    line where it is one half; three and more classes by one colour per class, with black lines between them; values of
    a regression by shades. Each class of samples has a different marker. Without samples, the names of three and more
    classes are written in their regions.

    Parameters
    ----------
    x0, x1 : ndarray (r,)
        Coordinates of the grid along each feature.
    response : ndarray (r, r) or (r, r, n_classes)
        Predictions at the grid points, rows along `x1`: the probability of the second of two classes or a predicted
        value; for three and more classes, the probability of each.
    names : sequence of str (n_classes,), optional
        Names of the classes; None for a regression.
    X : ndarray (m, 2), optional
        Samples to draw.
    y : ndarray (m,), optional
        Class indices of the samples, or their values.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the plane.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    surface_ : matplotlib.image.AxesImage
        Image of the plane.
    points_ : list of matplotlib.collections.PathCollection
        The samples, one collection per class.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import DecisionBoundaryDisplay
    >>> data = cnn.datasets.xor()
    >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(2)], optimizer=cnn.Adam(0.1), seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=100)
    >>> display = DecisionBoundaryDisplay.from_estimator(net, data.X_train, data.y_train)
    >>> display.response.shape, len(display.points_)
    ((200, 200), 2)
    >>> display.figure_.savefig("xor.png")
    """

    def __init__(
        self,
        *,
        x0: Array,
        x1: Array,
        response: Array,
        names: Sequence[str] | None = None,
        X: Array | None = None,
        y: Array | None = None,
    ) -> None:
        self.x0 = x0
        self.x1 = x1
        self.response = response
        self.names = names
        self.X = X
        self.y = y

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any = None,
        *,
        class_names: Sequence[str] | None = None,
        resolution: int = 200,
        margin: float = 0.15,
        ax: Any = None,
        **kwargs: Any,
    ) -> DecisionBoundaryDisplay:
        """Predict a grid of points around the samples, and draw the predictions.

        Parameters
        ----------
        net : Network, or estimator with `predict`
            Fitted estimator of two features.
        X : array-like or table (m, 2)
            Samples, whose ranges determine the limits of the plane. The names of a table label the axes.
        y : array-like (m,), optional
            Labels or values of the samples. Without it the samples are not drawn.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        resolution : int, default 200
            Number of grid points along each feature.
        margin : float, default 0.15
            Margin around the samples, as a share of the range of each feature.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        DecisionBoundaryDisplay
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
        >>> from compiled_nn.plotting import DecisionBoundaryDisplay
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> y = 3 * X[:, 0] - X[:, 1]
        >>> net = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
        >>> display = DecisionBoundaryDisplay.from_estimator(net, X, y, resolution=50, feature_names=("age", "size"))
        >>> display.response.shape, display.ax_.get_xlabel(), display.ax_.get_ylabel()
        ((50, 50), 'age', 'size')
        """
        resolution = checks.integer("from_estimator", "resolution", resolution, minimum=2)
        margin = checks.real("from_estimator", "margin", margin, minimum=0)
        table = dataframes.opened(X)
        X = arrays.design(table, dtype="float64")
        if X.shape[1] != 2:
            raise ValueError(f"X has {count(X.shape[1], 'column')}; a decision boundary is drawn over 2.")
        x0, x1 = (_grid_coordinates(column, margin, resolution) for column in X.T)
        grid = dataframes.like(table, np.stack(np.meshgrid(x0, x1), axis=-1).reshape(-1, 2))
        if titles := dataframes.feature_names(table):
            kwargs.setdefault("feature_names", titles)
        labels = getattr(net, "classes_", None)
        if y is not None:
            y = inputs.labels(y, "y")
            arrays.check_rows(X, y)
        if labels is None:
            response, names = np.asarray(net.predict(grid)), None
            if response.ndim != 1:
                raise ValueError(
                    f"The estimator predicts {response.shape[1]} values per row; only one can be drawn."
                )
        else:
            labels = np.asarray(labels)
            response, names = _predict_shares(net, grid, labels), classes.get_names(labels, class_names)
            y = None if y is None else class_labels.indices(y, labels)
        plane = response.reshape(resolution, resolution, *response.shape[1:])
        display = cls(x0=x0, x1=x1, response=plane, names=names, X=X, y=y)
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        feature_names: Sequence[str] = ("x0", "x1"),
        cmap: str = "cividis",
        **kwargs: Any,
    ) -> DecisionBoundaryDisplay:
        """Draw the plane and the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        feature_names : sequence of str (2,), default ("x0", "x1")
            Labels of the axes.
        cmap : str, default "cividis"
            Colour map of probabilities or values; the default becomes lighter with the value, also for colour-blind
            readers.
        **kwargs
            Arguments of matplotlib's ``Axes.scatter``, for the samples.

        Returns
        -------
        self : DecisionBoundaryDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ValueError
            If `feature_names` does not have two entries.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import DecisionBoundaryDisplay
        >>> x = np.linspace(-1, 1, 20)
        >>> display = DecisionBoundaryDisplay(x0=x, x1=x, response=np.add.outer(x, x))
        >>> display.plot(feature_names=("width", "height")).surface_.get_array().shape
        (20, 20)
        """
        if len(feature_names) != 2:
            raise ValueError(f"feature_names has {count(len(feature_names), 'name')}; there are 2 features.")
        ax = canvas.axes(ax, 5.4 + self._legend_width(), 4.2)
        if self.response.ndim == 3:
            self.surface_ = self._draw_regions(ax)
        else:
            self.surface_ = self._draw_values(ax, cmap)
        self.points_ = [] if self.X is None or self.y is None else self._draw_samples(ax, cmap, kwargs)
        ax.set(xlim=self.x0[[0, -1]], ylim=self.x1[[0, -1]], xlabel=feature_names[0], ylabel=feature_names[1])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @property
    def _extent(self) -> tuple[float, ...]:
        """Limits of the image of the plane, half a grid step beyond the outermost points."""
        edges = []
        for x in (self.x0, self.x1):
            half = (x[1] - x[0]) / 2
            edges += [float(x[0] - half), float(x[-1] + half)]
        return tuple(edges)

    def _draw_values(self, ax: Any, cmap: str) -> Any:
        """Draw one number per grid point: a value, or the probability of the second class."""
        limits = {"vmin": 0, "vmax": 1} if self.names else {}
        surface = ax.imshow(
            self.response, extent=self._extent, origin="lower", aspect="auto", cmap=cmap, **limits
        )
        label = "predicted value"
        if self.names:
            _draw_zero_line(ax, self.x0, self.x1, self.response - 0.5)
            label = f"probability of {canvas.shorten(self.names[1], 30)}"
        ax.figure.colorbar(surface, ax=ax, label=label)
        return surface

    def _draw_regions(self, ax: Any) -> Any:
        """Draw the most probable class of each grid point, and lines between the classes."""
        assert self.names is not None
        colors = canvas.import_matplotlib("colors")
        k = len(self.names)
        palette = [colors.to_rgb(canvas.PALETTE[i % len(canvas.PALETTE)]) for i in range(k)]
        light = colors.ListedColormap(0.55 + 0.45 * np.array(palette))
        best = np.argmax(self.response, axis=2)
        surface = ax.imshow(
            best,
            extent=self._extent,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap=light,
            vmin=-0.5,
            vmax=k - 0.5,
        )
        for i in np.unique(best):
            others = np.delete(self.response, i, axis=2).max(axis=2)
            _draw_zero_line(ax, self.x0, self.x1, self.response[..., i] - others)
            if self.y is None and not self._beside:
                row, column = _find_inner_point(best == i)
                ax.text(self.x0[column], self.x1[row], self.names[i], ha="center", va="center")
        if self.y is None and self._beside:
            patch = canvas.import_matplotlib("patches").Patch
            pairs = zip(light.colors, self.names, strict=True)
            _draw_legend(
                ax, [patch(fc=shade, ec="black", label=canvas.shorten(name)) for shade, name in pairs]
            )
        return surface

    @property
    def _beside(self) -> bool:
        """Whether the names of the classes are in a legend at the right of the plane."""
        if self.names is None or len(self.names) == 2:
            return False
        return self.y is not None or len(self.names) > _MOST_REGIONS or max(map(len, self.names)) > _SHORT

    def _legend_width(self) -> float:
        """Return the width in inches by which a legend at the right of the plane exceeds one of short names."""
        if not self._beside or self.names is None:
            return 0.0
        width = 1.2 * canvas.legend_width([canvas.shorten(name) for name in self.names])
        return max(0.0, width * -(-len(self.names) // _LEGEND_ROWS) - 1.2)

    def _draw_samples(self, ax: Any, cmap: str, style: dict[str, Any]) -> list[Any]:
        """Draw the samples: classes by different markers, values by shades."""
        assert self.X is not None
        assert self.y is not None
        X, y = self.X, self.y
        defaults: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.8, "s": 36, "zorder": 3}
        if self.names is None:
            shades = {"c": y, "cmap": cmap, "norm": self.surface_.norm}
            return [ax.scatter(X[:, 0], X[:, 1], **{**defaults, **shades, **style})]
        points = []
        many = self.response.ndim == 3
        for i, name in enumerate(self.names):
            colour = canvas.PALETTE[i % len(canvas.PALETTE)] if many else ("white", canvas.VERMILION)[i]
            of_class = {"marker": _MARKERS[i % len(_MARKERS)], "color": colour, "label": canvas.shorten(name)}
            points.append(ax.scatter(*X[y == i].T, **{**defaults, **of_class, **style}))
        _draw_legend(ax, points)
        return points


def _draw_zero_line(ax: Any, x0: Array, x1: Array, difference: Array) -> None:
    """Draw the line where a difference is 0, if there is one."""
    if difference.min() < 0 <= difference.max():
        ax.contour(x0, x1, difference, levels=[0], colors="black", linewidths=1.4)


def _find_inner_point(region: Array) -> tuple[int, int]:
    """Return row and column of a point of a region (r, r) far from its edges: a point of the last erosion."""
    inner = region
    while inner.any():
        region = inner
        around = np.pad(region, 1)
        inner = region & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    row, column = np.argwhere(region)[0].tolist()
    return row, column


def _draw_legend(ax: Any, handles: list[Any]) -> None:
    """Draw the legend of the classes: two above the plane, as the colour bar is at its right; more at the right."""
    if len(handles) == 2:
        short = all(len(handle.get_label()) <= _SHORT for handle in handles)
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 1 + short}
    else:
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "ncols": -(-len(handles) // _LEGEND_ROWS)}
    ax.legend(handles=handles, frameon=False, **place)


def _grid_coordinates(column: Array, margin: float, resolution: int) -> Array:
    low, high = float(column.min()), float(column.max())
    beyond = margin * (high - low) or 0.5  # the range of a constant column is 0
    return np.linspace(low - beyond, high + beyond, resolution)


def _predict_shares(net: Any, grid: Array, labels: Array) -> Array:
    """Return the probability of the second of two classes (r,), or of each of more classes (r, n_classes).

    Without `predict_proba` the probability of the predicted class is 1.
    """
    if hasattr(net, "predict_proba"):
        shares = np.asarray(net.predict_proba(grid))
    else:
        shares = (np.asarray(net.predict(grid))[:, np.newaxis] == labels).astype(np.float64)
    return shares[:, 1] if len(labels) == 2 else shares
