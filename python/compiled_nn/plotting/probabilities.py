"""Picture of the predicted probabilities of one sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays, dataframes
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes, grids

_LONGEST = 1.32  # end of the axis of probabilities, with room for the text of a bar of length 1
_IMAGE = 0.4  # share of the axes' width that an image beside the bars takes


class ProbabilityBarsDisplay(canvas.Display):
    """Bars of the probability of each class for one sample, and the sample as an image beside them.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`. The bar of the predicted class is dark, all
    others are light. The name of the true class, if given, is followed by "(true)".

    Parameters
    ----------
    probabilities : sequence of float (n_classes,)
        Probability of each class.
    names : sequence of str (n_classes,)
        Names of the classes.
    image : ndarray (h, w), or (h, w, 3 or 4), optional
        Gray image, or colour image in uint8 or floats from 0 to 1, drawn as by :class:`ImageGridDisplay`.
    true : int, optional
        Index of the true class.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the bars.
    image_ax_ : matplotlib.axes.Axes or None
        Axes with the image, at the right of the bars; None without an image.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    bars_ : matplotlib.container.BarContainer
        Bars, from the top.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ProbabilityBarsDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = ProbabilityBarsDisplay.from_estimator(net, data.X_test[0], data.y_test[0])
    >>> display.ax_.get_xlabel(), display.image.shape
    ('probability', (8, 8))
    >>> display.figure_.savefig("probabilities.png")
    """

    def __init__(
        self,
        probabilities: Any,
        *,
        names: Sequence[str],
        image: Any = None,
        true: int | None = None,
    ) -> None:
        self.probabilities = arrays.weights(probabilities, "probabilities", dtype="float64", ndim=1)
        if len(names) != len(self.probabilities):
            raise ValueError(
                f"names has {len(names)} entries; there are {len(self.probabilities)} probabilities."
            )
        low, high = self.probabilities.min(), self.probabilities.max()
        if low < 0 or high > 1:
            raise ValueError(
                f"probabilities has values from {low:g} to {high:g}; probabilities are from 0 to 1."
            )
        self.names = names
        self.image = (
            None if image is None else grids.read_images(np.asarray(image)[np.newaxis], name="image")[0]
        )
        self.true = true

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        x: Any,
        y: Any = None,
        *,
        class_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ProbabilityBarsDisplay:
        """Predict one sample, and draw its probabilities.

        Parameters
        ----------
        net : Network, or estimator with `predict_proba` and `classes_`
            Fitted classifier.
        x : array-like (k,), (h, w), (h, w, 3 or 4), any of them in a batch of one row, or a table of one row
            Sample. It is shown if it is an image, or if `image_shape` is given.
        y : label, optional
            True class of the sample.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        image_shape : sequence of int, optional
            Shape (h, w) or (h, w, channels) of the image whose numbers are `x`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ProbabilityBarsDisplay
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
        >>> from compiled_nn.plotting import ProbabilityBarsDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> display = ProbabilityBarsDisplay.from_estimator(net, data.X_test[0], n_bars=3)
        >>> len(display.bars_), display.image_ax_ is None
        (3, False)
        """
        labels = classes.get_classes(net)
        row = dataframes.opened(x)
        if not dataframes.is_table(row):
            row = _as_one_row(np.asarray(x))
        elif len(row) != 1:
            raise ValueError(f"x has {len(row)} rows; the probabilities of 1 row are drawn.")
        image = row[0] if getattr(row, "ndim", 2) > 2 else None
        if image_shape is not None:
            image = grids.read_images(row, image_shape, "x")[0]
        return cls.from_predictions(
            net.predict_proba(row)[0], y, labels=labels, class_names=class_names, image=image, ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        probabilities: Any,
        y_true: Any = None,
        *,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        image: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ProbabilityBarsDisplay:
        """Draw the probabilities of one sample.

        Parameters
        ----------
        probabilities : array-like (n_classes,)
            Probability of each class.
        y_true : label, optional
            True class of the sample.
        labels : array-like (n_classes,), optional
            All labels. Default: 0, 1, ...
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of the sorted labels.
        image : array-like (h, w), or (h, w, 3 or 4), optional
            Image of the sample.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ProbabilityBarsDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ProbabilityBarsDisplay
        >>> display = ProbabilityBarsDisplay.from_predictions([0.1, 0.7, 0.2], labels=["cat", "dog", "fox"])
        >>> [label.get_text() for label in display.ax_.get_yticklabels()]
        ['cat', 'dog', 'fox']
        """
        found = inputs.of_columns(np.arange(len(probabilities)) if labels is None else labels, "labels")
        true = None if y_true is None else classes.get_index(y_true, found)
        names = classes.get_names(found, class_names)
        return cls(probabilities, names=names, image=image, true=true).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, n_bars: int = 20, cmap: str = "gray", **kwargs: Any
    ) -> ProbabilityBarsDisplay:
        """Draw the bars and the image.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        n_bars : int, default 20
            Maximum number of bars. Of more classes only the most probable ones are drawn, in descending order.
        cmap : str, default "gray"
            Colour map of a gray image.
        **kwargs
            Arguments of matplotlib's ``Axes.barh``.

        Returns
        -------
        self : ProbabilityBarsDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ProbabilityBarsDisplay
        >>> display = ProbabilityBarsDisplay([0.1, 0.7, 0.2], names=["cat", "dog", "fox"], true=1)
        >>> [float(bar.get_width()) for bar in display.plot(n_bars=2).bars_]
        [0.7, 0.2]
        """
        n_bars = checks.integer("plot", "n_bars", n_bars, minimum=1)
        shown = self._choose_classes(n_bars)
        shares = self.probabilities[shown]
        predicted = int(np.argmax(self.probabilities))
        names = [canvas.shorten(self.names[i]) + (" (true)" if i == self.true else "") for i in shown]
        colours = [canvas.BLUE if i == predicted else "#BBBBBB" for i in shown]
        beyond = max(0.0, 0.085 * (max(map(len, names)) - 12))  # width of long names in inches
        ax = canvas.axes(ax, beyond + (4.4 if self.image is None else 6.6), max(1.6, 0.5 + 0.26 * len(shown)))
        places = np.arange(len(shown))
        self.bars_ = ax.barh(places, shares, **{"color": colours, "height": 0.75, **kwargs})
        for place, share in zip(places.tolist(), shares.tolist(), strict=True):
            ax.text(share + 0.015, place, canvas.format_percent(share), va="center", size="small")
        ax.set_yticks(places, names)
        ax.set(xlim=(0, _LONGEST), ylim=(len(shown) - 0.4, -0.6), xticks=[0, 0.5, 1])
        ax.set_xlabel("probability", loc="left")
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines["bottom"].set_bounds(0, 1)
        self.image_ax_ = None
        if self.image is not None:
            self.image_ax_ = _draw_image(ax, self.image, cmap)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _choose_classes(self, n_bars: int) -> list[int]:
        """Return the indices of the classes to draw: all of them in their order, or the most probable ones."""
        if len(self.probabilities) <= n_bars:
            return list(range(len(self.probabilities)))
        best: list[int] = np.argsort(-self.probabilities, kind="stable")[:n_bars].tolist()
        return best


def _as_one_row(x: Array) -> Array:
    """Return one sample as a batch of one row."""
    if x.ndim > 1 and len(x) == 1:
        return x
    if x.ndim in (1, 2) or (x.ndim == 3 and x.shape[2] in (1, 3, 4)):
        return x[np.newaxis]
    raise ValueError(f"x has shape {x.shape}; expected one sample: (k,), (h, w), or (h, w, 3 or 4).")


def _draw_image(ax: Any, image: Array, cmap: str) -> Any:
    """Draw an image at the right of the bars, and extend the axis to make room for it."""
    ax.set_xlim(0, _LONGEST / (1 - _IMAGE))
    image_ax = ax.inset_axes([1 - _IMAGE, 0.0, _IMAGE, 1.0])
    low, high = grids.gray_limits(image)
    image_ax.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    image_ax.set(xticks=[], yticks=[])
    return image_ax
