"""Picture of an activation function and its derivative, computed by the compiled core."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..network.network import Network
from ..spec.activations import ELEMENTWISE, Activation, ElementwiseName
from ..spec.layers import Dense
from . import canvas


class ActivationDisplay(canvas.Display):
    """Curves of an activation function f(z) and its derivative f'(z).

    It is created by :meth:`from_name`.

    Parameters
    ----------
    name : str
        Name of the activation.
    z, values, derivatives : ndarray (n,)
        Inputs z, and f(z) and f'(z) at each of them.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        Curve of f, then that of f' if it was drawn.

    See Also
    --------
    LossFunctionDisplay : Curves of a loss.

    Examples
    --------
    >>> from compiled_nn.plotting import ActivationDisplay
    >>> display = ActivationDisplay.from_name("sigmoid")
    >>> display.ax_.get_title(), [line.get_label() for line in display.lines_]
    ('sigmoid', ['f(z)', "f'(z)"])
    >>> display.figure_.savefig("sigmoid.png")
    """

    def __init__(self, name: str, *, z: Array, values: Array, derivatives: Array) -> None:
        self.name = name
        self.z = z
        self.values = values
        self.derivatives = derivatives

    @classmethod
    def from_name(
        cls, name: ElementwiseName | Activation, *, limit: float = 6.0, ax: Any = None, **kwargs: Any
    ) -> ActivationDisplay:
        """Compute and draw an activation function.

        Parameters
        ----------
        name : str or Activation
            Activation of :class:`compiled_nn.Dense` other than softmax, which is not a function of one number; or a
            user-defined one.
        limit : float, default 6.0
            Limit of z: the curves are drawn for z in [-limit, limit].
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        ActivationDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ActivationDisplay
        >>> display = ActivationDisplay.from_name("relu", limit=2.0)
        >>> display.z[[0, -1]].tolist(), display.values[[0, -1]].tolist()
        ([-2.0, 2.0], [0.0, 2.0])
        """
        if not isinstance(name, Activation):
            checks.choice("from_name", "name", name, ELEMENTWISE)
        limit = checks.real("from_name", "limit", limit, above=0)
        z = np.linspace(-limit, limit, 601)
        values, derivatives = _evaluate(name, z)
        return cls(str(name), z=z, values=values, derivatives=derivatives).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, derivative: bool = True, **kwargs: Any) -> ActivationDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        derivative : bool, default True
            Whether to draw f' too, as a dashed line.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : ActivationDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError
            If `derivative` is not a bool.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from compiled_nn.plotting import ActivationDisplay
        >>> display = ActivationDisplay.from_name("gelu")
        >>> len(display.plot().lines_), len(display.plot(derivative=False).lines_)
        (2, 1)
        """
        derivative = checks.flag("plot", "derivative", derivative)
        ax, style = canvas.axes(ax, 4.8, 3.2), canvas.normalize_line_style(kwargs)
        ax.axhline(0, color="black", linewidth=0.6)
        ax.axvline(0, color="black", linewidth=0.6)
        self.lines_ = ax.plot(self.z, self.values, **{"label": "f(z)", "color": canvas.BLUE, **style})
        if derivative:
            defaults = {"label": "f'(z)", "color": canvas.VERMILION, "linestyle": "--"}
            self.lines_ += ax.plot(self.z, self.derivatives, **{**defaults, **style})
        ax.set(xlabel="z", title=self.name)
        canvas.open_frame(ax)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _evaluate(name: ElementwiseName | Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z), derived from one gradient of a network, so that the formulas are not repeated here.

    For an input of 1, weights z in the first layer and weights of 1 in the second, the output is sum(f(z)) + b. Its
    loss L has the gradients dL/db = d, d f(z) for the second layer and d f'(z) for the first.
    """
    net = Network([Dense(len(z), name, bias=False), Dense(1)], loss="mse", dtype="float64")
    net.set_weights([(z[np.newaxis], None), (np.ones((len(z), 1)), np.zeros(1))])
    sample = np.ones((1, 1))
    first, second = net.gradients(sample, net.predict(sample) - 1)["layers"]
    d = second["bias"]
    return second["weight"][:, 0] / d, first["weight"][0] / d
