"""The confusion matrix: which classes are taken for which."""

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
_MOST_NUMBERS = 25  # classes up to which the cells have room for their numbers


class ConfusionMatrixDisplay:
    """How many samples of each true class (down) were predicted as each class (across).

    Make one by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    matrix : ndarray (n_classes, n_classes)
        Counts, or shares from 0 to 1.
    names : sequence of str (n_classes,)
        Of the classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the matrix was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    image_ : matplotlib.image.AxesImage
        The cells.
    texts_ : list of matplotlib.text.Text
        Their numbers, row by row; empty beyond 25 classes, which a scale of the colours stands in for.

    Raises
    ------
    ValueError
        When the matrix is not square, or has more or fewer classes than `names`.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ConfusionMatrixDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> display = ConfusionMatrixDisplay.from_estimator(net, data.X_test, data.y_test)  # doctest: +SKIP
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
        """Predict samples, and draw what their classes were taken for.

        Parameters
        ----------
        net : Network, or estimator with `predict` and `classes_`
        X : array-like (m, k)
            What the network takes.
        y : array-like (m,)
            Labels.
        normalize : {"true", "pred", "all"}, optional
            Shares in place of counts: of each true class, of each predicted class, or of all samples.
        class_names : sequence of str (n_classes,), optional
            In the order of the classes.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ConfusionMatrixDisplay

        Raises
        ------
        NotFittedError
            The network has no weights.
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        how: dict[str, Any] = {"labels": classes.of(net), "normalize": normalize, "class_names": class_names}
        return cls.from_predictions(y, net.predict(X), **how, ax=ax, **kwargs)

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
        """Draw what the classes of samples were taken for.

        Parameters
        ----------
        y_true, y_pred : array-like (m,)
            Labels.
        labels : array-like (n_classes,), optional
            All labels there are. Default: those in `y_true` and `y_pred`.
        normalize, ax, **kwargs
            As for :meth:`from_estimator`.
        class_names : sequence of str (n_classes,), optional
            In the order of the sorted labels.

        Returns
        -------
        ConfusionMatrixDisplay

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
        """
        if normalize is not None:
            checks.choice("the confusion matrix", "normalize", normalize, _NORMALIZE)
        true, predicted, known = inputs.label_pair(y_true, y_pred, labels, ("y_true", "y_pred"))
        names = classes.names(known, class_names)
        counts = metrics.confusion(true, predicted, len(known))
        return cls(_normalized(counts, normalize), names=names).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: str = "Blues", **kwargs: Any) -> ConfusionMatrixDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        cmap : str, default "Blues"
            Colours from few to many; the default darkens with the number.
        **kwargs
            Passed to matplotlib's ``Axes.imshow``.

        Returns
        -------
        self : ConfusionMatrixDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        k = len(self.names)
        side = min(max(2.4, 0.46 * k), 11.0)
        ax = canvas.axes(ax, side + 1.5, side + 1.2)
        self.image_ = ax.imshow(self.matrix, **{"cmap": cmap, "vmin": 0, **kwargs})
        self.texts_ = self._numbers(ax) if k <= _MOST_NUMBERS else []
        if not self.texts_:
            ax.figure.colorbar(self.image_, ax=ax, shrink=0.8)
        step = -(-k // 40)  # of more names than that, every second or third
        slanted = max(map(len, self.names)) > 3
        turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        ax.set_xticks(range(0, k, step), self.names[::step], **turn)
        ax.set_yticks(range(0, k, step), self.names[::step])
        ax.set(xlabel="predicted", ylabel="true")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _numbers(self, ax: Any) -> list[Any]:
        """Write the numbers into the cells: white on dark, black on light; nothing for nothing."""
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


def _normalized(counts: Array, normalize: Normalize | None) -> Array:
    """Return counts as shares; of a class without samples, zeros."""
    if normalize is None:
        return counts
    total = counts.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    shares: Array = counts / np.maximum(total, 1)
    return shares
