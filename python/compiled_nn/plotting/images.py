"""Pictures of images: samples of a data set, and what the units of a first layer look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..data.arrays import Array
from ..metrics import inputs
from . import classes, grids
from .grids import Caption

_SHOWN = 0.998  # share of the weights within the scale of colours: a few extremes would make the rest pale


class ImageGridDisplay:
    """Images side by side, each with the name of its class above.

    Make one by :meth:`from_images`.

    Parameters
    ----------
    images : ndarray (n, h, w), or (n, h, w, 3 or 4)
        In gray, or in colour: uint8, or floats from 0 to 1.
    titles : sequence of str (n,), optional
        What stands above each image.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the images were drawn, all of them on one axes.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    images_ : list of matplotlib.image.AxesImage
        The images, as they were drawn.

    Raises
    ------
    TypeError, ValueError
        When `images` are no images, or there are more or fewer titles.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ImageGridDisplay
    >>> data = cnn.datasets.load_digits()
    >>> display = ImageGridDisplay.from_images(data.X_train, data.y_train, n_images=10)  # doctest: +SKIP
    """

    def __init__(self, images: Any, *, titles: Sequence[str] | None = None) -> None:
        self.images = grids.read(images, name="images")
        if titles is not None:
            arrays.check_rows(self.images, titles, "images", "titles")
        self.titles = titles

    @classmethod
    def from_images(
        cls,
        X: Any,
        y: Any = None,
        *,
        class_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
        n_images: int = 25,
        ax: Any = None,
        **kwargs: Any,
    ) -> ImageGridDisplay:
        """Draw the first images of a data set.

        Parameters
        ----------
        X : array-like (m, h, w), (m, h, w, 3 or 4), or (m, k)
        y : array-like (m,), optional
            Labels.
        class_names : sequence of str (n_classes,), optional
            Names of the sorted distinct labels of `y`, all rows counted.
        image_shape : sequence of int, optional
            (h, w) or (h, w, channels) of rows of k numbers. Default: a square in gray.
        n_images : int, default 25
            How many to draw, at most.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ImageGridDisplay

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        n_images = checks.integer("from_images", "n_images", n_images, minimum=1)
        images = grids.read(X[:n_images], image_shape)
        titles = None
        if y is not None:
            y = inputs.labels(y, "y")
            arrays.check_rows(X, y)
            found, indices = np.unique(y, return_inverse=True)
            names = classes.names(found, class_names)
            titles = [names[i] for i in indices[:n_images].tolist()]
        return cls(images, titles=titles).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, columns: int | None = None, cmap: str = "gray", **kwargs: Any
    ) -> ImageGridDisplay:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        columns : int, optional
            Images in a row. Default: as suits their number.
        cmap : str, default "gray"
            Colours of images in gray.
        **kwargs
            Passed to matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : ImageGridDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        captions = [Caption(title) for title in self.titles or [""] * len(self.images)]
        style = {"cmap": cmap, **kwargs}
        self.ax_, self.images_ = grids.draw(ax, self.images, captions, columns=columns, **style)
        self.figure_ = self.ax_.figure
        return self


class WeightImagesDisplay:
    """The weights of each unit of a first layer, as an image of the size of those it sees.

    Make one by :meth:`from_estimator`. All images share one scale, which is symmetric: the colour in its
    middle is a weight of zero. A few extreme weights lie beyond its ends.

    Parameters
    ----------
    weights : ndarray (n, h, w), or (n, h, w, 3 or 4)
        Of n units.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the images were drawn, all of them on one axes.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    images_ : list of matplotlib.image.AxesImage
        The images, as they were drawn.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import WeightImagesDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> WeightImagesDisplay.from_estimator(net).figure_.savefig("weights.png")  # doctest: +SKIP
    """

    def __init__(self, weights: Array) -> None:
        self.weights = weights

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        *,
        image_shape: Sequence[int] | None = None,
        n_images: int = 25,
        ax: Any = None,
        **kwargs: Any,
    ) -> WeightImagesDisplay:
        """Draw the weights of the first units of the first layer.

        Parameters
        ----------
        net : Network, or estimator with `coefs_` or `coef_`
            Fitted.
        image_shape : sequence of int, optional
            (h, w) or (h, w, channels) of the images that the network takes. Default: a square in gray.
        n_images : int, default 25
            How many units to draw, at most.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        WeightImagesDisplay

        Raises
        ------
        NotFittedError
            The network has no weights.
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        n_images = checks.integer("from_estimator", "n_images", n_images, minimum=1)
        rows = _first_layer(net).T[:n_images]
        if image_shape is not None and len(image_shape) == 3:
            # Read as gray, one strip an image: weights are no colours yet.
            height, width, channels = image_shape
            strips = grids.read(rows, (height, width * channels), "The first layer")
            return cls(strips.reshape(-1, height, width, channels)).plot(ax, **kwargs)
        return cls(grids.read(rows, image_shape, "The first layer")).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, columns: int | None = None, cmap: str = "cividis", **kwargs: Any
    ) -> WeightImagesDisplay:
        """Draw the images, and the scale of their colours beside them where they are in gray.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        columns : int, optional
            Images in a row. Default: as suits their number.
        cmap : str, default "cividis"
            Colours of the weights of images in gray; the default grows lighter with the weight, for all eyes.
        **kwargs
            Passed to matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : WeightImagesDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        largest = float(np.quantile(np.abs(self.weights), _SHOWN)) or 1.0
        gray = self.weights.ndim == 3
        shown = self.weights if gray else np.clip(0.5 + self.weights / (2 * largest), 0, 1)
        style = {"cmap": cmap, "vmin": -largest, "vmax": largest, **kwargs}
        captions = [Caption()] * len(shown)
        layout: dict[str, Any] = {"columns": columns, "beside": 1.0 if gray else 0.0}
        self.ax_, self.images_ = grids.draw(ax, shown, captions, **layout, **style)
        self.figure_ = self.ax_.figure
        if gray:
            self.ax_.set_anchor("E")
            bar = {"label": "weight", "extend": "both", "shrink": 0.8, "fraction": 0.05, "pad": 0.02}
            self.figure_.colorbar(self.images_[0], ax=self.ax_, **bar)
        return self


def _first_layer(net: Any) -> Array:
    """Return the weights (inputs, units) of an estimator's first layer."""
    if hasattr(net, "get_weights"):
        return np.asarray(net.get_weights()[0][0])
    if hasattr(net, "coefs_"):
        return np.asarray(net.coefs_[0])
    if hasattr(net, "coef_"):
        return np.atleast_2d(net.coef_).T
    raise TypeError(f"The {type(net).__name__} has neither 'get_weights' nor 'coefs_' nor 'coef_'.")
