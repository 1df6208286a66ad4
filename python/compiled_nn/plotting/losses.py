"""Picture of a loss function, computed by the compiled core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..losses import LOSSES
from ..network.network import Network
from ..spec.layers import Dense
from . import canvas

DrawnLoss: TypeAlias = Literal["binary_cross_entropy", "softmax_cross_entropy", "mse"]
_DRAWN: tuple[DrawnLoss, ...] = ("binary_cross_entropy", "softmax_cross_entropy", "mse")
_XLABELS = {
    "sigmoid": "predicted probability of class 1",
    "softmax": "predicted probability of the true class",
    "identity": "predicted - true",
    "exp": "predicted value",
}


class LossFunctionDisplay(canvas.Display):
    """Loss of one sample as a function of its prediction.

    It is created by :meth:`from_name`.

    Parameters
    ----------
    name : str
        Name of a loss of :mod:`compiled_nn.losses`.
    predicted : ndarray (n,)
        Predictions: probabilities, or errors of predicted values.
    losses : dict of str to ndarray (n,)
        Loss of each prediction, by the true value, such as "y = 1".

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        One curve for each entry of `losses`.

    Raises
    ------
    TypeError, ValueError
        If no loss has this name.

    See Also
    --------
    ActivationDisplay : Curves of an activation.

    Examples
    --------
    >>> from compiled_nn.plotting import LossFunctionDisplay
    >>> display = LossFunctionDisplay.from_name("binary_cross_entropy")
    >>> display.ax_.get_title(), display.ax_.get_xlabel()
    ('binary_cross_entropy', 'predicted probability of class 1')
    >>> display.figure_.savefig("cross-entropy.png")
    """

    def __init__(self, name: str, *, predicted: Array, losses: Mapping[str, Array]) -> None:
        self.name = checks.choice("LossFunctionDisplay", "name", name, LOSSES)
        self.predicted = predicted
        self.losses = losses

    @classmethod
    def from_name(cls, name: DrawnLoss, *, ax: Any = None, **kwargs: Any) -> LossFunctionDisplay:
        """Compute and draw a loss.

        Parameters
        ----------
        name : {"binary_cross_entropy", "softmax_cross_entropy", "mse"}
            Name of the loss. "binary_cross_entropy" is drawn for both classes over the probability of class 1,
            "softmax_cross_entropy" over the probability of the true class, "mse" over the error.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        LossFunctionDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If `name` is not one of these losses.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import LossFunctionDisplay
        >>> display = LossFunctionDisplay.from_name("binary_cross_entropy")
        >>> [line.get_label() for line in display.lines_]
        ['y = 1', 'y = 0']
        """
        loss = LOSSES[checks.choice("from_name", "name", name, _DRAWN)]
        predicted = np.linspace(0.005, 0.995, 199) if loss.classifies else np.linspace(-2, 2, 201)
        outputs = np.log(predicted / (1 - predicted)) if loss.classifies else predicted
        # With these weights the single input is the first logit, and any other logit is 0.
        W = np.eye(1, loss.min_outputs)
        net = Network([Dense(loss.min_outputs, bias=False)], loss=name, dtype="float64")
        net.set_weights([(W, None)])
        truths = {"y = 1": 1, "y = 0": 0} if loss.link == "sigmoid" else {"": 0}
        losses = {
            label: np.array([net.loss([[output]], [y]) for output in outputs.tolist()])
            for label, y in truths.items()
        }
        return cls(name, predicted=predicted, losses=losses).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> LossFunctionDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for all curves.

        Returns
        -------
        self : LossFunctionDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import LossFunctionDisplay
        >>> p = np.linspace(-1, 1, 5)
        >>> display = LossFunctionDisplay("mse", predicted=p, losses={"y = 0": p**2}).plot()
        >>> display.lines_[0].get_ydata().tolist()
        [1.0, 0.25, 0.0, 0.25, 1.0]
        """
        ax, style = canvas.axes(ax, 4.8, 3.2), canvas.normalize_line_style(kwargs)
        self.lines_ = []
        for i, (label, losses) in enumerate(self.losses.items()):
            defaults = {"color": (canvas.BLUE, canvas.VERMILION)[i % 2], "linestyle": ("-", "--")[i % 2]}
            self.lines_ += ax.plot(self.predicted, losses, **{"label": label, **defaults, **style})
        ax.set(xlabel=_XLABELS[LOSSES[self.name].link], ylabel="loss", title=self.name)
        canvas.open_frame(ax)
        if len(self.lines_) > 1:
            ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
