"""Pictures of predictions: many images, right or wrong; the probabilities of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import arrays, checks
from ..arrays import Array
from . import canvas, classes, pictures
from .pictures import Caption

_LONGEST = 1.22  # end of the axis of probabilities, with room for the number of a bar of 1
_IMAGE = 0.4  # share of the axes' width that an image beside the bars takes


class PredictionGridDisplay:
    """Images with the class that was predicted: "right" in a blue frame, "wrong" and what it is in a dashed red one.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : ndarray (n, h, w), or (n, h, w, 3 or 4)
        In gray, or in colour: uint8, or floats from 0 to 1.
    true, predicted : sequence of str (n,)
        Names of the classes.
    probability : sequence of float (n,), optional
        Of the predicted classes.

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
    >>> from compiled_nn.plotting import PredictionGridDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> display = PredictionGridDisplay.from_estimator(net, data.X_test, data.y_test)  # doctest: +SKIP
    """

    def __init__(
        self,
        images: Any,
        *,
        true: Sequence[str],
        predicted: Sequence[str],
        probability: Sequence[float] | None = None,
    ) -> None:
        self.images = pictures.read(images, name="images")
        for name, column in (("true", true), ("predicted", predicted), ("probability", probability)):
            if column is not None:
                classes.check_rows("images", len(self.images), name, len(column))
        self.true = true
        self.predicted = predicted
        self.probability = probability

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        class_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
        n_images: int = 25,
        ax: Any = None,
        **kwargs: Any,
    ) -> PredictionGridDisplay:
        """Predict the first images of a data set, and draw them.

        Parameters
        ----------
        net : Network, or estimator with `predict`
        X : array-like (m, h, w), (m, h, w, 3 or 4), or (m, k)
            What the network takes.
        y : array-like (m,)
            Labels.
        class_names : sequence of str (n_classes,), optional
            In the order of the classes.
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
        PredictionGridDisplay

        Raises
        ------
        NotFittedError
            The network has no weights.
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        known = classes.of(net)
        n_images = checks.integer("from_estimator", "n_images", n_images, minimum=1)
        classes.check_rows("X", len(X), "y", len(y))
        images = pictures.read(X[:n_images], image_shape)
        proba = net.predict_proba(X[:n_images]) if hasattr(net, "predict_proba") else None
        true, predicted = y[:n_images], net.predict(X[:n_images])
        how: dict[str, Any] = {"labels": known, "class_names": class_names, "probabilities": proba}
        return cls.from_predictions(images, true, predicted, **how, n_images=n_images, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_pred: Any,
        *,
        probabilities: Any = None,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
        n_images: int = 25,
        ax: Any = None,
        **kwargs: Any,
    ) -> PredictionGridDisplay:
        """Draw the first of some images and their predictions.

        Parameters
        ----------
        X : array-like (m, h, w), (m, h, w, 3 or 4), or (m, k)
        y_true, y_pred : array-like (m,)
            Labels.
        probabilities : array-like (m, n_classes), optional
            Of all classes; the largest of a row is shown.
        labels : array-like (n_classes,), optional
            All labels there are. Default: those in `y_true` and `y_pred`.
        class_names : sequence of str (n_classes,), optional
            In the order of the sorted labels.
        image_shape, n_images, ax, **kwargs
            As for :meth:`from_estimator`.

        Returns
        -------
        PredictionGridDisplay

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        n_images = checks.integer("from_predictions", "n_images", n_images, minimum=1)
        true, predicted, known = classes.indices(y_true, y_pred, labels)
        classes.check_rows("X", len(X), "y_true", len(true))
        names, shown = classes.names(known, class_names), slice(0, n_images)
        probability = None
        if probabilities is not None:
            classes.check_rows("X", len(X), "probabilities", len(probabilities))
            probability = np.max(probabilities, axis=1)[shown].tolist()
        return cls(
            pictures.read(X[shown], image_shape),
            true=[names[i] for i in true[shown].tolist()],
            predicted=[names[i] for i in predicted[shown].tolist()],
            probability=probability,
        ).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, columns: int | None = None, cmap: str = "gray", **kwargs: Any
    ) -> PredictionGridDisplay:
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
        self : PredictionGridDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        shares = [""] * len(self.images)
        if self.probability is not None:
            shares = [f" {_percent(share)}" for share in self.probability]
        captions = []
        for true, predicted, share in zip(self.true, self.predicted, shares, strict=True):
            if true == predicted:
                captions.append(Caption(f"{predicted}{share}\nright", canvas.BLUE))
            else:
                captions.append(Caption(f"{predicted}{share}\nwrong: {true}", canvas.VERMILION, dashed=True))
        low, high = pictures.gray_limits(self.images)
        style = {"cmap": cmap, "vmin": low, "vmax": high, **kwargs}
        self.ax_, self.images_ = pictures.draw(ax, self.images, captions, columns=columns, **style)
        self.figure_ = self.ax_.figure
        return self


class ProbabilityBarsDisplay:
    """The probability of each class for one sample, as bars; the picture of the sample beside them.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`. The bar of the predicted class is dark, the
    others light; where the true class is known, its name says so.

    Parameters
    ----------
    probabilities : sequence of float (n_classes,)
    names : sequence of str (n_classes,)
        Of the classes.
    image : ndarray (h, w), or (h, w, 3 or 4), optional
        In gray, or in colour: uint8, or floats from 0 to 1.
    true : int, optional
        Index of the true class.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the bars were drawn.
    image_ax_ : matplotlib.axes.Axes or None
        Where the image was drawn: to the right of the bars.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    bars_ : matplotlib.container.BarContainer
        The bars, from the top.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ProbabilityBarsDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> display = ProbabilityBarsDisplay.from_estimator(net, data.X_test[0])  # doctest: +SKIP
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
                f"There are {len(names)} names of classes; there are {len(self.probabilities)} probabilities."
            )
        low, high = self.probabilities.min(), self.probabilities.max()
        if low < 0 or high > 1:
            raise ValueError(f"probabilities range from {low:g} to {high:g}; they are from 0 to 1.")
        self.names = names
        self.image = None if image is None else pictures.read(np.asarray(image)[np.newaxis], name="image")[0]
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
        """Predict one sample, and draw it.

        Parameters
        ----------
        net : Network, or estimator with `predict_proba` and `classes_`
        x : array-like (k,), (h, w), (h, w, 3 or 4), or any of them in a batch of one row
            The sample. It is shown where it is an image, or `image_shape` says so.
        y : label, optional
            Its true class.
        class_names : sequence of str (n_classes,), optional
            In the order of the classes.
        image_shape : sequence of int, optional
            (h, w) or (h, w, channels) of the numbers of `x`.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ProbabilityBarsDisplay

        Raises
        ------
        NotFittedError
            The network has no weights.
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        known = classes.of(net)
        row = _one_row(np.asarray(x))
        image = row[0] if row.ndim > 2 else None
        if image_shape is not None:
            image = pictures.read(row, image_shape, "x")[0]
        return cls.from_predictions(
            net.predict_proba(row)[0], y, labels=known, class_names=class_names, image=image, ax=ax, **kwargs
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
        y_true : label, optional
            Its true class.
        labels : array-like (n_classes,), optional
            All labels there are. Default: 0, 1, ...
        class_names : sequence of str (n_classes,), optional
            In the order of the sorted labels.
        image : array-like (h, w), or (h, w, 3 or 4), optional
            The sample.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ProbabilityBarsDisplay

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        known = classes.known(np.arange(len(probabilities)) if labels is None else labels)
        true = None if y_true is None else classes.index(y_true, known)
        names = classes.names(known, class_names)
        return cls(probabilities, names=names, image=image, true=true).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, n_bars: int = 20, cmap: str = "gray", **kwargs: Any
    ) -> ProbabilityBarsDisplay:
        """Draw the bars, and the image.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        n_bars : int, default 20
            Of more classes than that, only the most probable are drawn, the best at the top.
        cmap : str, default "gray"
            Colours of an image in gray.
        **kwargs
            Passed to matplotlib's ``Axes.barh``.

        Returns
        -------
        self : ProbabilityBarsDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        n_bars = checks.integer("plot", "n_bars", n_bars, minimum=1)
        shown = self._shown(n_bars)
        shares = self.probabilities[shown]
        predicted = int(np.argmax(self.probabilities))
        names = [self.names[i] + (" (true)" if i == self.true else "") for i in shown]
        colours = [canvas.BLUE if i == predicted else "#BBBBBB" for i in shown]
        ax = canvas.axes(ax, 4.4 if self.image is None else 6.6, max(1.6, 0.5 + 0.26 * len(shown)))
        places = np.arange(len(shown))
        self.bars_ = ax.barh(places, shares, **{"color": colours, "height": 0.75, **kwargs})
        for place, share in zip(places.tolist(), shares.tolist(), strict=True):
            ax.text(share + 0.015, place, _percent(share), va="center", size="small")
        ax.set_yticks(places, names)
        ax.set(xlim=(0, _LONGEST), ylim=(len(shown) - 0.4, -0.6), xticks=[0, 0.5, 1])
        ax.set_xlabel("probability", loc="left")
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines["bottom"].set_bounds(0, 1)
        self.image_ax_ = None
        if self.image is not None:
            self.image_ax_ = _beside(ax, self.image, cmap)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _shown(self, n_bars: int) -> list[int]:
        """Return the classes of the bars: all of them in their order, or the most probable."""
        if len(self.probabilities) <= n_bars:
            return list(range(len(self.probabilities)))
        best: list[int] = np.argsort(-self.probabilities, kind="stable")[:n_bars].tolist()
        return best


def _one_row(x: Array) -> Array:
    """Return one sample as a batch of one row."""
    if x.ndim > 1 and len(x) == 1:
        return x
    if x.ndim in (1, 2) or (x.ndim == 3 and x.shape[2] in (1, 3, 4)):
        return x[np.newaxis]
    raise ValueError(f"x has shape {x.shape}; expected one sample: (k,), (h, w), or (h, w, 3 or 4).")


def _beside(ax: Any, image: Array, cmap: str) -> Any:
    """Draw an image to the right of the bars, which make room for it."""
    ax.set_xlim(0, _LONGEST / (1 - _IMAGE))
    beside = ax.inset_axes([1 - _IMAGE, 0.0, _IMAGE, 1.0])
    low, high = pictures.gray_limits(image)
    beside.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    beside.set(xticks=[], yticks=[])
    return beside


def _percent(share: float) -> str:
    """Return a share as people say it, without a 100 % or 0 % that is not one."""
    if 0.995 <= share < 1:
        return "> 99 %"
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
