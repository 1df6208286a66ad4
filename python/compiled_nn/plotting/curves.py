"""Pictures of loss and score by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common import axes
from ..common.errors import NotFittedError
from . import canvas

_NO_HISTORY = (
    "This {} instance has no history to draw. Call 'fit' first; 'partial_fit' and files keep no history."
)


class LossCurveDisplay(canvas.Display):
    """Loss by epoch, on the training rows and on the validation data.

    It is created by :meth:`from_estimator`, or from numbers, for example from a cost recorded every 100 iterations.

    Parameters
    ----------
    epochs : sequence of int (n_epochs,)
        Numbers of the epochs.
    loss : sequence of float (n_epochs,)
        Mean loss over the training rows during each epoch, without the penalty.
    val_loss : sequence of float (n_epochs,), optional
        Loss on the validation data.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        Curves: training, then validation.

    See Also
    --------
    ScoreCurveDisplay : Curves of the score.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import LossCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=2)
    >>> display = LossCurveDisplay.from_estimator(net)
    >>> display.epochs, display.lines_[0].get_label()
    ([1, 2], 'training')
    >>> display.figure_.savefig("loss.png")
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
            Estimator that `fit` has trained in this process; a file does not keep the history.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        LossCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If there is no history, because `fit` has not run in this process.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import LossCurveDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=3, validation_data=(data.X_test, data.y_test))
        >>> display = LossCurveDisplay.from_estimator(net)
        >>> [line.get_label() for line in display.lines_]
        ['training', 'validation']
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
        """Draw the curves; the axis is logarithmic where the largest loss is over 20 times the smallest.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        val_label : str, default "validation"
            Name of the validation data in the legend.
        xlabel, ylabel : str, default "epoch" and "loss"
            Labels of the axes, for example "iteration" and "cost".
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : LossCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import LossCurveDisplay
        >>> display = LossCurveDisplay(epochs=[1, 2, 3], loss=[0.9, 0.5, 0.3], val_loss=[1.0, 0.7, 0.6])
        >>> display.plot(val_label="held out", ylabel="cross-entropy").ax_.get_ylabel()
        'cross-entropy'
        """
        curves = {"training": self.loss}
        if self.val_loss is not None:
            curves[val_label] = self.val_loss
        self.ax_, self.lines_ = _draw(ax, self.epochs, curves, (xlabel, ylabel), kwargs)
        self.figure_ = self.ax_.figure
        if axes.is_logarithmic([*self.loss, *(self.val_loss or ())]):
            self.ax_.set_yscale("log")
        return self


class ScoreCurveDisplay(canvas.Display):
    """Score by epoch, on the training rows and on the validation data: accuracy of a classifier, R^2 of a regressor.

    It is created by :meth:`from_estimator`. The history has the score on `validation_data`; the score on the training
    rows is recorded by the callback :class:`compiled_nn.callbacks.TrainingScore`.

    Parameters
    ----------
    epochs : sequence of int (n_epochs,)
        Numbers of the epochs.
    score : sequence of float (n_epochs,), optional
        Score on the training rows.
    val_score : sequence of float (n_epochs,), optional
        Score on the validation data.
    name : str, default "accuracy"
        Name of the score.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        Curves: training, then validation, of those that exist.

    Raises
    ------
    ValueError
        If neither `score` nor `val_score` is given.

    See Also
    --------
    LossCurveDisplay : Curves of the loss.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import ScoreCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=3, validation_data=(data.X_test, data.y_test))
    >>> display = ScoreCurveDisplay.from_estimator(net)
    >>> display.name, [round(score, 2) for score in display.val_score]
    ('accuracy', [0.9, 0.95, 0.95])
    >>> display.figure_.savefig("accuracy.png")
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
            raise ValueError("A score curve needs score, val_score or both; got neither.")
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
            Estimator that `fit` has trained in this process with `validation_data`, a `TrainingScore`, or both.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ScoreCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        NotFittedError
            If there is no history, because `fit` has not run in this process.
        ValueError
            If the history has no scores.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import ScoreCurveDisplay
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(10)], optimizer=cnn.Adam(0.01), standardize=True, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=3, validation_data=(data.X_test, data.y_test))
        >>> display = ScoreCurveDisplay.from_estimator(net)
        >>> display.epochs, display.ax_.get_ylabel()
        ([1, 2, 3], 'accuracy')
        """
        history = _history(net, "val_score", "validation_scores_")
        score, val_score = history.get("score"), history.get("val_score")
        if score is None and val_score is None:
            raise ValueError(
                "The history has no score. Call 'fit' with validation_data=(X, y), or with"
                " callback=compiled_nn.callbacks.TrainingScore(X, y) for the score on the training rows."
            )
        name = "accuracy" if hasattr(net, "classes_") else "R²"
        return cls(epochs=history["epoch"], score=score, val_score=val_score, name=name).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, val_label: str = "validation", **kwargs: Any) -> ScoreCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        val_label : str, default "validation"
            Name of the validation data in the legend.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : ScoreCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ScoreCurveDisplay
        >>> display = ScoreCurveDisplay(epochs=[1, 2, 3], score=[0.6, 0.8, 0.9], val_score=[0.6, 0.7, 0.7], name="F1")
        >>> [line.get_label() for line in display.plot(val_label="held out").lines_]
        ['training', 'held out']
        """
        scores = {"training": self.score, val_label: self.val_score}
        curves = {label: column for label, column in scores.items() if column is not None}
        self.ax_, self.lines_ = _draw(ax, self.epochs, curves, ("epoch", self.name), kwargs)
        self.figure_ = self.ax_.figure
        self.ax_.legend(frameon=False)  # also for a single curve, to say which rows the score is of
        return self


def _history(net: Any, column: str, attribute: str) -> dict[str, list[Any]]:
    """Return a copy of the history of a network; of other estimators, one column from a list of values."""
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
    """Draw curves, given by their labels in the legend: "training" as a solid line, others dashed."""
    ticker = canvas.import_matplotlib("ticker")
    ax, style = canvas.axes(ax, 6.4, 4.0), canvas.normalize_line_style(style)
    lines: list[Any] = []
    for label, values in curves.items():
        solid = label == "training"
        defaults = {
            "color": canvas.BLUE if solid else canvas.VERMILION,
            "linestyle": "-" if solid else "--",
            "marker": "o" if len(epochs) == 1 else None,  # a line through one point is invisible
        }
        lines += ax.plot(epochs, values, label=label, **{**defaults, **style})
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    canvas.open_frame(ax)
    if len(lines) > 1:
        ax.legend(frameon=False)
    return ax, lines
