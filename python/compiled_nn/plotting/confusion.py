"""Picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from .. import metrics
from ..common import checks
from ..data.arrays import Array
from ..metrics import inputs
from . import canvas, classes

Normalize: TypeAlias = Literal["true", "pred", "all"]
_NORMALIZE: tuple[Normalize, ...] = ("true", "pred", "all")
_MOST_NUMBERS = 25  # largest number of classes whose cells have room for numbers


class ConfusionMatrixDisplay(canvas.Display):
    """Confusion matrix: number of samples of each true class (rows) that were predicted as each class (columns).

    It is created by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    matrix : ndarray (n_classes, n_classes)
        Counts, or shares from 0 to 1.
    names : sequence of str (n_classes,)
        Names of the classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the matrix.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    image_ : matplotlib.image.AxesImage
        Image of the cells.
    texts_ : list of matplotlib.text.Text
        Numbers of the cells, row by row; empty for more than 25 classes, where a colour bar replaces them.

    Raises
    ------
    ValueError
        If the matrix does not have one row and one column per name.

    See Also
    --------
    compiled_nn.metrics.confusion_matrix : Numbers of the matrix.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ConfusionMatrixDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = ConfusionMatrixDisplay.from_estimator(net, data.X_test, data.y_test)
    >>> display.matrix.diagonal()
    array([35, 35, 32, 37, 36, 35, 35, 35, 30, 30])
    >>> display.figure_.savefig("confusion.png")
    """

    def __init__(self, matrix: Any, *, names: Sequence[str]) -> None:
        self.matrix = np.asarray(matrix)
        if self.matrix.shape != (len(names), len(names)):
            raise ValueError(
                f"The confusion matrix has shape {self.matrix.shape}; there are {len(names)} names of classes."
            )
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        normalize: Normalize | None = None,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConfusionMatrixDisplay:
        """Predict the samples, and draw the confusion matrix.

        Parameters
        ----------
        net : Network, or estimator with `predict` and `classes_`
            Fitted classifier.
        X : array-like (m, k)
            Samples, in a form that the network accepts.
        y : array-like (m,)
            True labels.
        normalize : {"true", "pred", "all"}, optional
            Divide the counts by the samples of each true class, of each predicted class, or by all samples. Default:
            counts.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of `classes_`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ConfusionMatrixDisplay
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
        >>> from compiled_nn.plotting import ConfusionMatrixDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=2)
        >>> display = ConfusionMatrixDisplay.from_estimator(net, data.X_test, data.y_test, normalize="true")
        >>> display.matrix.diagonal().round(1)  # share of each digit that is recognised
        array([1. , 1. , 0.9, 1. , 1. , 1. , 1. , 1. , 0.9, 0.8])
        """
        options: dict[str, Any] = {
            "labels": classes.get_classes(net),
            "normalize": normalize,
            "class_names": class_names,
        }
        return cls.from_predictions(y, net.predict(X), **options, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        labels: Any = None,
        normalize: Normalize | None = None,
        class_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConfusionMatrixDisplay:
        """Draw the confusion matrix of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like (m,)
            True and predicted labels.
        labels : array-like (n_classes,), optional
            All labels that can occur. Default: the labels in `y_true` and `y_pred`.
        normalize : {"true", "pred", "all"}, optional
            Divide the counts by the samples of each true class, of each predicted class, or by all samples. Default:
            counts.
        class_names : sequence of str (n_classes,), optional
            Names of the classes, in the order of the sorted labels.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ConfusionMatrixDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ConfusionMatrixDisplay
        >>> display = ConfusionMatrixDisplay.from_predictions(["yes", "no", "yes"], ["yes", "yes", "yes"])
        >>> display.matrix, display.names
        (array([[0, 1],
               [0, 2]]), ['no', 'yes'])
        >>> [text.get_text() for text in display.texts_]
        ['0', '1', '0', '2']
        """
        if normalize is not None:
            checks.choice("the confusion matrix", "normalize", normalize, _NORMALIZE)
        true, predicted, found = inputs.label_pair(y_true, y_pred, labels, ("y_true", "y_pred"))
        names = classes.get_names(found, class_names)
        counts = metrics.confusion(true, predicted, len(found))
        return cls(_normalize_counts(counts, normalize), names=names).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: str = "Blues", **kwargs: Any) -> ConfusionMatrixDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        cmap : str, default "Blues"
            Colour map of the cells; the default becomes darker with the number.
        **kwargs
            Arguments of matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : ConfusionMatrixDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ConfusionMatrixDisplay
        >>> display = ConfusionMatrixDisplay([[8, 2], [1, 9]], names=["no", "yes"]).plot(cmap="Greens")
        >>> display.image_.get_cmap().name, [text.get_text() for text in display.texts_]
        ('Greens', ['8', '2', '1', '9'])
        """
        k = len(self.names)
        side = min(max(2.4, 0.46 * k), 11.0)
        names = [canvas.shorten(name) for name in self.names]
        longest = max(map(len, names))
        beyond = max(
            0.0, 0.085 * (longest - 12)
        )  # width of long names in inches; rotated ones are 0.7 as high
        ax = canvas.axes(ax, side + 1.5 + beyond, side + 1.2 + 0.7 * beyond)
        self.image_ = ax.imshow(self.matrix, **{"cmap": cmap, "vmin": 0, **kwargs})
        self.texts_ = self._draw_numbers(ax) if k <= _MOST_NUMBERS else []
        if not self.texts_:
            ax.figure.colorbar(self.image_, ax=ax, shrink=0.8)
        step = -(-k // 40)  # more than 40 names do not fit: only every second or third is written
        rotated = longest > 3
        rotation = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if rotated else {}
        ax.set_xticks(range(0, k, step), names[::step], **rotation)
        ax.set_yticks(range(0, k, step), names[::step])
        ax.set(xlabel="predicted", ylabel="true")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_numbers(self, ax: Any) -> list[Any]:
        """Write the numbers into the cells: white on dark cells, black on light ones; zeros are faint."""
        texts = []
        shares = self.matrix.dtype.kind == "f"
        for (i, j), number in np.ndenumerate(self.matrix):
            light = canvas.luminance(self.image_.cmap(self.image_.norm(number))) > 0.5
            text = f"{number:.2f}" if shares else f"{number}"
            texts.append(
                ax.text(
                    j,
                    i,
                    text if number else "0",
                    ha="center",
                    va="center",
                    size=min(9, 32 / len(text)),
                    color="black" if light else "white",
                    alpha=1.0 if number else 0.35,
                )
            )
        return texts


def _normalize_counts(counts: Array, normalize: Normalize | None) -> Array:
    """Return counts divided as `normalize` says; 0 for a class without samples."""
    if normalize is None:
        return counts
    total = counts.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    shares: Array = counts / np.maximum(total, 1)
    return shares
