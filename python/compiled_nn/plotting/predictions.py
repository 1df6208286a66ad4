"""Images with what was predicted for them, right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..metrics import inputs
from . import canvas, classes, grids
from .grids import Caption


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
        self.images = grids.read(images, name="images")
        for name, column in (("true", true), ("predicted", predicted), ("probability", probability)):
            if column is not None:
                arrays.check_rows(self.images, column, "images", name)
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
        arrays.check_rows(X, y)
        images = grids.read(X[:n_images], image_shape)
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
        true, predicted, known = inputs.label_pair(y_true, y_pred, labels, ("y_true", "y_pred"))
        arrays.check_rows(X, true, y_name="y_true")
        names, shown = classes.names(known, class_names), slice(0, n_images)
        probability = None
        if probabilities is not None:
            arrays.check_rows(X, probabilities, y_name="probabilities")
            probability = np.max(probabilities, axis=1)[shown].tolist()
        return cls(
            grids.read(X[shown], image_shape),
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
            shares = [f" {canvas.percent(share)}" for share in self.probability]
        captions = []
        for true, predicted, share in zip(self.true, self.predicted, shares, strict=True):
            if true == predicted:
                captions.append(Caption(f"{predicted}{share}\nright", canvas.BLUE))
            else:
                captions.append(Caption(f"{predicted}{share}\nwrong: {true}", canvas.VERMILION, dashed=True))
        style = {"cmap": cmap, **kwargs}
        self.ax_, self.images_ = grids.draw(ax, self.images, captions, columns=columns, **style)
        self.figure_ = self.ax_.figure
        return self
