"""The decision boundary: what a network says of every point of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..common.errors import count
from ..data import arrays
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes

_MARKERS = "o^sDvP*"  # fewer than colours: together they tell 56 classes apart


class DecisionBoundaryDisplay:
    """What an estimator of two features predicts over the plane, and the samples in it.

    Make one by :meth:`from_estimator`. Two classes are shown by the probability of the second one, with a
    black line where it is one half; more classes by a colour each, with black lines between; values of a
    regression by shades. Samples of each class have a marker of its own; without samples, the names of three and
    more classes stand in their regions.

    Parameters
    ----------
    x0, x1 : ndarray (r,)
        Where the plane was asked, along each feature.
    response : ndarray (r, r) or (r, r, n_classes)
        Rows are those of `x1`: the probability of the second of two classes, or a predicted value; or of three
        and more classes, the probability of each.
    names : sequence of str (n_classes,), optional
        Of the classes; None for values.
    X : ndarray (m, 2), optional
        Samples to draw.
    y : ndarray (m,), optional
        Their classes as indices, or their values.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the plane was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    surface_ : matplotlib.image.AxesImage
        The colours of the plane.
    points_ : list of matplotlib.collections.PathCollection
        The samples, class by class.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import DecisionBoundaryDisplay
    >>> data = cnn.datasets.xor()
    >>> net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=500)
    >>> display = DecisionBoundaryDisplay.from_estimator(net, data.X_train, data.y_train)  # doctest: +SKIP
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
        """Ask an estimator about a grid of points around samples, and draw its answers.

        Parameters
        ----------
        net : Network, or estimator with `predict`
            Of two features.
        X : array-like (m, 2)
            The samples: they say how far the plane reaches.
        y : array-like (m,), optional
            Their labels or values. Without it the samples are not drawn.
        class_names : sequence of str (n_classes,), optional
            In the order of the classes.
        resolution : int, default 200
            Points along each feature.
        margin : float, default 0.15
            How far the plane reaches beyond the samples, in ranges of each feature.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        DecisionBoundaryDisplay

        Raises
        ------
        NotFittedError
            The network has no weights.
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        resolution = checks.integer("from_estimator", "resolution", resolution, minimum=2)
        margin = checks.real("from_estimator", "margin", margin, minimum=0)
        X = arrays.design(X, dtype="float64")
        if X.shape[1] != 2:
            raise ValueError(f"X has {count(X.shape[1], 'column')}; a decision boundary is drawn over 2.")
        x0, x1 = (_span(column, margin, resolution) for column in X.T)
        grid = np.stack(np.meshgrid(x0, x1), axis=-1).reshape(-1, 2)
        known = getattr(net, "classes_", None)
        if y is not None:
            y = inputs.labels(y, "y")
            arrays.check_rows(X, y)
        if known is None:
            response, names = np.asarray(net.predict(grid)), None
            if response.ndim != 1:
                raise ValueError(f"The estimator predicts {response.shape[1]} values; one can be drawn.")
        else:
            known = np.asarray(known)
            response, names = _probabilities(net, grid, known), classes.names(known, class_names)
            y = None if y is None else arrays.class_indices(y, known)
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
        """Draw the plane, and the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        feature_names : sequence of str (2,), default ("x0", "x1")
            Labels of the axes.
        cmap : str, default "cividis"
            Colours of a probability or value; the default grows lighter with it, for all eyes.
        **kwargs
            Passed to matplotlib's ``Axes.scatter``, for the samples.

        Returns
        -------
        self : DecisionBoundaryDisplay

        Raises
        ------
        ValueError
            When there are not two names of features.
        ImportError
            matplotlib is not installed.
        """
        if len(feature_names) != 2:
            raise ValueError(f"feature_names has {count(len(feature_names), 'name')}; there are 2 features.")
        ax = canvas.axes(ax, 5.4, 4.2)
        if self.response.ndim == 3:
            self.surface_ = self._regions(ax)
        else:
            self.surface_ = self._shades(ax, cmap)
        self.points_ = [] if self.X is None or self.y is None else self._samples(ax, cmap, kwargs)
        ax.set(xlim=self.x0[[0, -1]], ylim=self.x1[[0, -1]], xlabel=feature_names[0], ylabel=feature_names[1])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @property
    def _extent(self) -> tuple[float, ...]:
        """The plane's edges, half a point beyond the outermost points."""
        edges = []
        for x in (self.x0, self.x1):
            half = (x[1] - x[0]) / 2
            edges += [float(x[0] - half), float(x[-1] + half)]
        return tuple(edges)

    def _shades(self, ax: Any, cmap: str) -> Any:
        """Draw one number a point; for classes it is a probability."""
        limits = {"vmin": 0, "vmax": 1} if self.names else {}
        surface = ax.imshow(
            self.response, extent=self._extent, origin="lower", aspect="auto", cmap=cmap, **limits
        )
        label = "predicted value"
        if self.names:
            _line(ax, self.x0, self.x1, self.response - 0.5)
            label = f"probability of {self.names[1]}"
        ax.figure.colorbar(surface, ax=ax, label=label)
        return surface

    def _regions(self, ax: Any) -> Any:
        """Draw the most probable class of each point, and lines between classes."""
        assert self.names is not None
        colors = canvas.matplotlib("colors")
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
            _line(ax, self.x0, self.x1, self.response[..., i] - others)
            if self.y is None:  # no samples whose legend would say which class is where
                row, column = _middle(best == i)
                ax.text(self.x0[column], self.x1[row], self.names[i], ha="center", va="center")
        return surface

    def _samples(self, ax: Any, cmap: str, style: dict[str, Any]) -> list[Any]:
        """Draw the samples: those of a class with a marker of its own, values as shades."""
        assert self.X is not None
        assert self.y is not None
        X, y = self.X, self.y
        own: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.8, "s": 36, "zorder": 3}
        if self.names is None:
            shades = {"c": y, "cmap": cmap, "norm": self.surface_.norm}
            return [ax.scatter(X[:, 0], X[:, 1], **{**own, **shades, **style})]
        points = []
        many = self.response.ndim == 3
        for i, name in enumerate(self.names):
            colour = canvas.PALETTE[i % len(canvas.PALETTE)] if many else ("white", canvas.VERMILION)[i]
            mine = {"marker": _MARKERS[i % len(_MARKERS)], "color": colour, "label": name}
            points.append(ax.scatter(*X[y == i].T, **{**own, **mine, **style}))
        _legend(ax, points)
        return points


def _line(ax: Any, x0: Array, x1: Array, difference: Array) -> None:
    """Draw where a difference is 0, if it is anywhere."""
    if difference.min() < 0 <= difference.max():
        ax.contour(x0, x1, difference, levels=[0], colors="black", linewidths=1.4)


def _middle(region: Array) -> tuple[int, int]:
    """Return the row and column of a point of a region (r, r) that is far from its edges: the last one left
    when its outermost points are taken away again and again."""
    inner = region
    while inner.any():
        region = inner
        around = np.pad(region, 1)
        inner = region & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    row, column = np.argwhere(region)[0].tolist()
    return row, column


def _legend(ax: Any, handles: list[Any]) -> None:
    """Name the classes: two above the plane, whose scale of colours is to its right; more at the right."""
    if len(handles) == 2:
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2}
    else:
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "ncols": -(-len(handles) // 16)}
    ax.legend(handles=handles, frameon=False, **place)


def _span(column: Array, margin: float, resolution: int) -> Array:
    low, high = float(column.min()), float(column.max())
    beyond = margin * (high - low) or 0.5  # a constant column has no range of its own
    return np.linspace(low - beyond, high + beyond, resolution)


def _probabilities(net: Any, grid: Array, known: Array) -> Array:
    """Return the probability of the second of two classes (r,), or of each of more (r, n_classes)."""
    if hasattr(net, "predict_proba"):
        shares = np.asarray(net.predict_proba(grid))
    else:
        shares = (np.asarray(net.predict(grid))[:, np.newaxis] == known).astype(np.float64)
    return shares[:, 1] if len(known) == 2 else shares
