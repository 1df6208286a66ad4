"""Pictures of images: samples of a data set, and weights of the first layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes, grids
from .grids import Caption

_SHOWN = 0.998  # share of the weights within the colour scale: extreme weights would make all others pale


class ImageGridDisplay(canvas.Display):
    """Grid of images, each with the name of its class above it.

    It is created by :meth:`from_images`.

    Parameters
    ----------
    images : ndarray (n, h, w), or (n, h, w, 3 or 4)
        Gray images, or colour images in uint8 or floats from 0 to 1. Gray images are drawn from black for the smallest
        value of all images to white for the largest one; in uint8 from 0 to 255, or to the largest value if that is
        below 64.
    titles : sequence of str (n,), optional
        Text above each image.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with all the images.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    images_ : list of matplotlib.image.AxesImage
        The drawn images.

    Raises
    ------
    TypeError, ValueError
        If `images` does not hold images, or the number of titles differs.

    See Also
    --------
    PredictionGridDisplay : Images with true and predicted classes.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ImageGridDisplay
    >>> data = cnn.datasets.load_digits()
    >>> display = ImageGridDisplay.from_images(data.X_train, data.y_train, n_images=10)
    >>> len(display.images_), display.titles[:3]
    (10, ['9', '9', '9'])
    >>> display.figure_.savefig("digits.png")
    """

    def __init__(self, images: Any, *, titles: Sequence[str] | None = None) -> None:
        self.images = grids.read_images(images, name="images")
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
            Images.
        y : array-like (m,), optional
            Labels of the images.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of the sorted labels of all rows of `y`.
        image_shape : sequence of int, optional
            Shape (h, w) or (h, w, channels) of images given as rows of k numbers. Default: square gray images.
        n_images : int, default 25
            Maximum number of images.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ImageGridDisplay
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
        >>> from compiled_nn.plotting import ImageGridDisplay
        >>> display = ImageGridDisplay.from_images(np.zeros((3, 64)), ["a", "b", "a"], image_shape=(8, 8))
        >>> display.images.shape, display.titles
        ((3, 8, 8), ['a', 'b', 'a'])
        """
        n_images = checks.integer("from_images", "n_images", n_images, minimum=1)
        images = grids.read_images(X[:n_images], image_shape)
        titles = None
        if y is not None:
            y = inputs.labels(y, "y")
            arrays.check_rows(X, y)
            found, indices = np.unique(y, return_inverse=True)
            names = classes.get_names(found, class_names)
            titles = [names[i] for i in indices[:n_images].tolist()]
        return cls(images, titles=titles).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, columns: int | None = None, cmap: str = "gray", **kwargs: Any
    ) -> ImageGridDisplay:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        columns : int, optional
            Number of images per row. Default: chosen by the number of images.
        cmap : str, default "gray"
            Colour map of gray images.
        **kwargs
            Arguments of matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : ImageGridDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import ImageGridDisplay
        >>> display = ImageGridDisplay(np.zeros((6, 8, 8)), titles=list("abcdef")).plot(columns=3)
        >>> len(display.images_)
        6
        """
        captions = [Caption(title) for title in self.titles or [""] * len(self.images)]
        style = {"cmap": cmap, **kwargs}
        self.ax_, self.images_ = grids.draw_images(ax, self.images, captions, columns=columns, **style)
        self.figure_ = self.ax_.figure
        return self


class WeightImagesDisplay(canvas.Display):
    """Weights of each unit of the first layer, as an image of the shape of the input images.

    It is created by :meth:`from_estimator`. All images share one symmetric colour scale, with zero in the middle. A few
    extreme weights are outside the scale.

    Parameters
    ----------
    weights : ndarray (n, h, w), or (n, h, w, 3 or 4)
        Weights of n units.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with all the images.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    images_ : list of matplotlib.image.AxesImage
        The drawn images.

    See Also
    --------
    ImageGridDisplay : Images of the data.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import WeightImagesDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = WeightImagesDisplay.from_estimator(net)
    >>> display.weights.shape, len(display.images_)  # one image of 8 x 8 weights per digit
    ((10, 8, 8), 10)
    >>> display.figure_.savefig("weights.png")
    """

    def __init__(self, weights: Array) -> None:
        if np.ndim(weights) not in (3, 4):
            raise ValueError(
                f"weights has shape {np.shape(weights)}; expected (n, h, w), or (n, h, w, 3 or 4)."
            )
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
            Fitted estimator.
        image_shape : sequence of int, optional
            Shape (h, w) or (h, w, channels) of the input images. Default: square gray images.
        n_images : int, default 25
            Maximum number of units.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        WeightImagesDisplay
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
        >>> from compiled_nn.plotting import WeightImagesDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> display = WeightImagesDisplay.from_estimator(net, image_shape=(8, 8), n_images=4)
        >>> len(display.images_)
        4
        """
        n_images = checks.integer("from_estimator", "n_images", n_images, minimum=1)
        rows = _get_first_weights(net).T[:n_images]
        if image_shape is not None and len(image_shape) == 3:
            # Read as gray images of width * channels: weights are not in the range of colours yet.
            height, width, channels = image_shape
            strips = grids.read_images(rows, (height, width * channels), "The first layer")
            return cls(strips.reshape(-1, height, width, channels)).plot(ax, **kwargs)
        return cls(grids.read_images(rows, image_shape, "The first layer")).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, columns: int | None = None, cmap: str = "cividis", **kwargs: Any
    ) -> WeightImagesDisplay:
        """Draw the images, and for gray ones a colour bar beside them.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        columns : int, optional
            Number of images per row. Default: chosen by the number of images.
        cmap : str, default "cividis"
            Colour map of the weights of gray images; the default becomes lighter with the weight, also for colour-blind
            readers.
        **kwargs
            Arguments of matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : WeightImagesDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import WeightImagesDisplay
        >>> weights = np.random.default_rng(0).normal(size=(6, 8, 8))
        >>> display = WeightImagesDisplay(weights).plot(columns=3)
        >>> len(display.images_)
        6
        """
        largest = float(np.quantile(np.abs(self.weights), _SHOWN)) or 1.0
        gray = self.weights.ndim == 3
        shown = self.weights if gray else np.clip(0.5 + self.weights / (2 * largest), 0, 1)
        style = {"cmap": cmap, "vmin": -largest, "vmax": largest, **kwargs}
        captions = [Caption()] * len(shown)
        layout: dict[str, Any] = {"columns": columns, "right_space": 1.0 if gray else 0.0}
        self.ax_, self.images_ = grids.draw_images(ax, shown, captions, **layout, **style)
        self.figure_ = self.ax_.figure
        if gray:
            self.ax_.set_anchor("E")
            bar = {"label": "weight", "extend": "both", "shrink": 0.8, "fraction": 0.05, "pad": 0.02}
            self.figure_.colorbar(self.images_[0], ax=self.ax_, **bar)
        return self


def _get_first_weights(net: Any) -> Array:
    """Return the weights (inputs, units) of the first layer of an estimator."""
    if hasattr(net, "get_weights"):
        return np.asarray(net.get_weights()[0][0])
    if hasattr(net, "coefs_"):
        return np.asarray(net.coefs_[0])
    if hasattr(net, "coef_"):
        return np.atleast_2d(net.coef_).T
    raise TypeError(
        f"The {type(net).__name__} has no weights: neither 'get_weights' nor 'coefs_' nor 'coef_'."
    )
