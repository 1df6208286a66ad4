"""Figures, drawn by matplotlib: imported when the first one is drawn, and never through pyplot."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import NotFittedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .network import Network

__all__ = ["LossCurveDisplay"]

_LOG_FROM = 20.0  # ratio of the largest to the smallest loss from which the axis is logarithmic


class LossCurveDisplay:
    """Loss by epoch of a network's training, and of its validation data.

    Make one by :meth:`from_estimator`; the curve can be drawn again by :meth:`plot`, elsewhere or in another
    style. Nothing is shown on a screen: ``display.figure_.savefig("loss.png")`` writes a file, and a notebook
    shows ``display.figure_``.

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
    def from_estimator(cls, net: Network, ax: Any = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the loss curve of a network.

        Parameters
        ----------
        net : Network
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
        history = net.history
        if not history["epoch"]:
            raise NotFittedError(
                "This Network instance has no history to draw. Call 'fit' first; neither 'partial_fit' nor a "
                "file keeps one."
            )
        display = cls(
            epochs=list(history["epoch"]),
            loss=list(history["loss"]),
            val_loss=list(history["val_loss"]) if "val_loss" in history else None,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, val_label: str = "validation", **kwargs: Any) -> LossCurveDisplay:
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
        self : LossCurveDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        ticker = _matplotlib("ticker")
        if ax is None:
            ax = _matplotlib("figure").Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained").subplots()
        # One epoch is a point, which a line alone would not show.
        kwargs = {"marker": "o" if len(self.epochs) == 1 else None, **kwargs}
        self.lines_ = [*ax.plot(self.epochs, self.loss, label="training", **kwargs)]
        if self.val_loss is not None:
            self.lines_ += ax.plot(self.epochs, self.val_loss, label=val_label, **kwargs)
        losses = [*self.loss, *(self.val_loss or ())]
        if min(losses) > 0 and max(losses) / min(losses) > _LOG_FROM:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="loss")
        ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
        if len(self.lines_) > 1:
            ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _matplotlib(module: str) -> Any:
    """Import a module of matplotlib; say how to get it where it is absent."""
    try:
        return import_module(f"matplotlib.{module}")
    except ImportError as error:
        raise ImportError('plotting needs matplotlib; pip install "compiled-nn[plot]"') from error
