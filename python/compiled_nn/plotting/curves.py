"""Curves by epoch: of the loss, and of the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common import axes
from ..common.errors import NotFittedError
from . import canvas

_NO_HISTORY = (
    "This {} instance has no history to draw. Call 'fit' first; neither 'partial_fit' nor a file keeps one."
)


class LossCurveDisplay:
    """Loss by epoch of a network's training, and of its validation data.

    Make one by :meth:`from_estimator`, or from numbers: of a cost, say, that was recorded every so many
    iterations.

    Parameters
    ----------
    epochs : sequence of int (n_epochs,)
    loss : sequence of float (n_epochs,)
        Mean loss over the training rows, as seen while training, without the penalty.
    val_loss : sequence of float (n_epochs,), optional
        Loss on the validation data.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the curve was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        The curves: training, then validation.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import LossCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=data.input_scale, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, validation_data=(data.X_test, data.y_test))
    >>> LossCurveDisplay.from_estimator(net).figure_.savefig("loss.png")  # doctest: +SKIP
    """

    def __init__(
        self, *, epochs: Sequence[int], loss: Sequence[float], val_loss: Sequence[float] | None = None
    ) -> None:
        self.epochs = epochs
        self.loss = loss
        self.val_loss = val_loss

    @classmethod
    def from_estimator(cls, net: Any, ax: Any = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the loss curve of a network.

        Parameters
        ----------
        net : Network, or estimator with `loss_curve_`
            One that `fit` has trained in this process; a file keeps no history.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            The network has no history.
        ImportError
            matplotlib is not installed.
        """
        history = _history(net, "loss", "loss_curve_")
        display = cls(epochs=history["epoch"], loss=history["loss"], val_loss=history.get("val_loss"))
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        val_label: str = "validation",
        xlabel: str = "epoch",
        ylabel: str = "loss",
        **kwargs: Any,
    ) -> LossCurveDisplay:
        """Draw the curves; the axis is logarithmic where the loss falls to a small part of its first value.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        val_label : str, default "validation"
            What the legend calls the validation data.
        xlabel, ylabel : str, default "epoch" and "loss"
            Labels of the axes: "iteration" and "cost", for one.
        **kwargs
            Passed to matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        curves = {"training": self.loss}
        if self.val_loss is not None:
            curves[val_label] = self.val_loss
        self.ax_, self.lines_ = _draw(ax, self.epochs, curves, (xlabel, ylabel), kwargs)
        self.figure_ = self.ax_.figure
        if axes.is_logarithmic([*self.loss, *(self.val_loss or ())]):
            self.ax_.set_yscale("log")
        return self


class ScoreCurveDisplay:
    """Score by epoch, on the training rows and on the validation data: the accuracy of classes, R^2 of values.

    Make one by :meth:`from_estimator`. The history has the score of `validation_data`; that of training rows
    is recorded by a callback, :class:`compiled_nn.callbacks.TrainingScore`.

    Parameters
    ----------
    epochs : sequence of int (n_epochs,)
    score : sequence of float (n_epochs,), optional
        Score on the training rows.
    val_score : sequence of float (n_epochs,), optional
        Score on the validation data.
    name : str, default "accuracy"
        What the score is called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the curve was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        The curves that there are: training, then validation.

    Raises
    ------
    ValueError
        Neither of the scores is given.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.callbacks import TrainingScore
    >>> from compiled_nn.plotting import ScoreCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], input_scale=data.input_scale, seed=0)
    >>> watched = {"callback": TrainingScore(data.X_train, data.y_train)}
    >>> net = net.fit(data.X_train, data.y_train, validation_data=(data.X_test, data.y_test), **watched)
    >>> ScoreCurveDisplay.from_estimator(net).figure_.savefig("accuracy.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        epochs: Sequence[int],
        score: Sequence[float] | None = None,
        val_score: Sequence[float] | None = None,
        name: str = "accuracy",
    ) -> None:
        if score is None and val_score is None:
            raise ValueError("A score curve needs score, val_score or both. Got neither.")
        self.epochs = epochs
        self.score = score
        self.val_score = val_score
        self.name = name

    @classmethod
    def from_estimator(cls, net: Any, ax: Any = None, **kwargs: Any) -> ScoreCurveDisplay:
        """Draw the score curves of a network.

        Parameters
        ----------
        net : Network, or estimator with `validation_scores_`
            One that `fit` has trained in this process, with `validation_data`, with a `TrainingScore`, or both.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ScoreCurveDisplay

        Raises
        ------
        NotFittedError
            The network has no history.
        ValueError
            Its history has no scores.
        ImportError
            matplotlib is not installed.
        """
        history = _history(net, "val_score", "validation_scores_")
        score, val_score = history.get("score"), history.get("val_score")
        if score is None and val_score is None:
            raise ValueError(
                "The history has no score. Call 'fit' with validation_data=(X, y), and with"
                " callback=TrainingScore(X, y) of compiled_nn.callbacks for that of the training rows."
            )
        name = "accuracy" if hasattr(net, "classes_") else "R²"
        return cls(epochs=history["epoch"], score=score, val_score=val_score, name=name).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, val_label: str = "validation", **kwargs: Any) -> ScoreCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        val_label : str, default "validation"
            What the legend calls the validation data.
        **kwargs
            Passed to matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : ScoreCurveDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        named = {"training": self.score, val_label: self.val_score}
        curves = {label: column for label, column in named.items() if column is not None}
        self.ax_, self.lines_ = _draw(ax, self.epochs, curves, ("epoch", self.name), kwargs)
        self.figure_ = self.ax_.figure
        self.ax_.legend(frameon=False)  # of a single curve too: which rows the score is of is not plain
        return self


def _history(net: Any, column: str, attribute: str) -> dict[str, list[Any]]:
    """Return a copy of the columns of a network's history; of other estimators, the list they keep."""
    history = getattr(net, "history", None)
    if history is None and hasattr(net, attribute):
        values = list(getattr(net, attribute))
        history = {"epoch": list(range(1, len(values) + 1)), column: values}
    if not history or not history["epoch"]:
        raise NotFittedError(_NO_HISTORY.format(type(net).__name__))
    return {name: list(values) for name, values in history.items()}


def _draw(
    ax: Any,
    epochs: Sequence[int],
    curves: dict[str, Sequence[float]],
    labels: tuple[str, str],
    style: dict[str, Any],
) -> tuple[Any, list[Any]]:
    """Draw the curves of a legend's labels: the training data's solid, others dashed."""
    ticker = canvas.matplotlib("ticker")
    ax, style = canvas.axes(ax, 6.4, 4.0), canvas.line_style(style)
    lines: list[Any] = []
    for label, values in curves.items():
        solid = label == "training"
        own = {
            "color": canvas.BLUE if solid else canvas.VERMILION,
            "linestyle": "-" if solid else "--",
            "marker": "o" if len(epochs) == 1 else None,  # one epoch is a point, which no line would show
        }
        lines += ax.plot(epochs, values, label=label, **{**own, **style})
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    canvas.open_frame(ax)
    if len(lines) > 1:
        ax.legend(frameon=False)
    return ax, lines
