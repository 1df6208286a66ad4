"""Picture of images with their predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays
from ..metrics import inputs
from . import canvas, classes, grids
from .grids import Caption


class PredictionGridDisplay(canvas.Display):
    """Grid of images with their predicted classes.

    A correct prediction has a blue frame and the caption "right"; a wrong one has a dashed red frame, and the caption
    "wrong" with the true class.

    It is created by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : ndarray (n, h, w), or (n, h, w, 3 or 4)
        Gray images, or colour images in uint8 or floats from 0 to 1, drawn as by :class:`ImageGridDisplay`.
    true, predicted : sequence of str (n,)
        Names of the true and of the predicted classes.
    probability : sequence of float (n,), optional
        Probabilities of the predicted classes.

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
    ImageGridDisplay : Images without predictions.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import PredictionGridDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = PredictionGridDisplay.from_estimator(net, data.X_test, data.y_test, n_images=10)
    >>> display.true[:6], display.predicted[:6]
    (['0', '6', '3', '8', '1', '8'], ['0', '6', '3', '8', '1', '7'])
    >>> display.figure_.savefig("predictions.png")
    """

    def __init__(
        self,
        images: Any,
        *,
        true: Sequence[str],
        predicted: Sequence[str],
        probability: Sequence[float] | None = None,
    ) -> None:
        self.images = grids.read_images(images, name="images")
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
        """Predict and draw the first images of a data set.

        Parameters
        ----------
        net : Network, or estimator with `predict` and `classes_`
            Fitted classifier.
        X : array-like (m, h, w), (m, h, w, 3 or 4), or (m, k)
            Samples, in a form that the network accepts.
        y : array-like (m,)
            True labels.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
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
        PredictionGridDisplay
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
        >>> from compiled_nn.plotting import PredictionGridDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> wrong = net.predict(data.X_test) != data.y_test
        >>> display = PredictionGridDisplay.from_estimator(net, data.X_test[wrong], data.y_test[wrong], n_images=6)
        >>> len(display.images_), any(a == b for a, b in zip(display.true, display.predicted))
        (6, False)
        """
        labels = classes.get_classes(net)
        n_images = checks.integer("from_estimator", "n_images", n_images, minimum=1)
        arrays.check_rows(X, y)
        images = grids.read_images(X[:n_images], image_shape)
        proba = net.predict_proba(X[:n_images]) if hasattr(net, "predict_proba") else None
        true, predicted = y[:n_images], net.predict(X[:n_images])
        options: dict[str, Any] = {"labels": labels, "class_names": class_names, "probabilities": proba}
        return cls.from_predictions(images, true, predicted, **options, n_images=n_images, ax=ax, **kwargs)

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
        """Draw the first images with their predictions.

        Parameters
        ----------
        X : array-like (m, h, w), (m, h, w, 3 or 4), or (m, k)
            Images.
        y_true, y_pred : array-like (m,)
            True and predicted labels.
        probabilities : array-like (m, n_classes), optional
            Probabilities of all classes; the largest of each row is shown.
        labels : array-like (n_classes,), optional
            All labels that can occur. Default: the labels in `y_true` and `y_pred`.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of the sorted labels.
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
        PredictionGridDisplay
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
        >>> from compiled_nn.plotting import PredictionGridDisplay
        >>> X, true, predicted = np.zeros((2, 8, 8)), ["cat", "dog"], ["cat", "cat"]
        >>> display = PredictionGridDisplay.from_predictions(X, true, predicted)
        >>> display.true, display.predicted
        (['cat', 'dog'], ['cat', 'cat'])
        """
        n_images = checks.integer("from_predictions", "n_images", n_images, minimum=1)
        true, predicted, found = inputs.label_pair(y_true, y_pred, labels, ("y_true", "y_pred"))
        arrays.check_rows(X, true, y_name="y_true")
        names, shown = classes.get_names(found, class_names), slice(0, n_images)
        probability = None
        if probabilities is not None:
            arrays.check_rows(X, probabilities, y_name="probabilities")
            probability = np.max(probabilities, axis=1)[shown].tolist()
        return cls(
            grids.read_images(X[shown], image_shape),
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
            Axes to draw on. Default: those of a new figure.
        columns : int, optional
            Number of images per row. Default: chosen by the number of images.
        cmap : str, default "gray"
            Colour map of gray images.
        **kwargs
            Arguments of matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : PredictionGridDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import PredictionGridDisplay
        >>> display = PredictionGridDisplay(np.zeros((2, 8, 8)), true=["cat", "dog"], predicted=["cat", "cat"])
        >>> len(display.plot(columns=1).images_)
        2
        """
        shares = [""] * len(self.images)
        if self.probability is not None:
            shares = [f" ({canvas.format_percent(share)})" for share in self.probability]
        captions = []
        for true, predicted, share in zip(self.true, self.predicted, shares, strict=True):
            name = canvas.shorten(predicted, 18)
            if true == predicted:
                captions.append(Caption(f"{name}{share}\nright", canvas.BLUE))
            else:
                captions.append(
                    Caption(
                        f"{name}{share}\nwrong: {canvas.shorten(true, 18)}", canvas.VERMILION, dashed=True
                    )
                )
        style = {"cmap": cmap, **kwargs}
        self.ax_, self.images_ = grids.draw_images(ax, self.images, captions, columns=columns, **style)
        self.figure_ = self.ax_.figure
        return self
