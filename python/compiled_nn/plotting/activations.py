"""An activation function and its derivative, as the compiled core computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..network.network import Network
from ..spec.activations import ELEMENTWISE, Activation, ElementwiseName
from ..spec.layers import Dense
from . import canvas


class ActivationDisplay:
    """f(z) and f'(z) of an activation function, over z.

    Make one by :meth:`from_name`.

    Parameters
    ----------
    name : str
    z, values, derivatives : ndarray (n,)
        f(z) and f'(z) at each z.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the curves were drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        f, then f' where it was wanted.

    Examples
    --------
    >>> from compiled_nn.plotting import ActivationDisplay
    >>> ActivationDisplay.from_name("sigmoid").figure_.savefig("sigmoid.png")  # doctest: +SKIP
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
            Any that :class:`compiled_nn.Dense` takes but softmax, which is no function of one number; or your own.
        limit : float, default 6.0
            Draw from -limit to limit.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to :meth:`plot`.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used.
        ImportError
            matplotlib is not installed.
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
            Where to draw. Default: a new figure.
        derivative : bool, default True
            Whether to draw f' too, dashed.
        **kwargs
            Passed to matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : ActivationDisplay

        Raises
        ------
        TypeError
            When `derivative` is no bool.
        ImportError
            matplotlib is not installed.
        """
        derivative = checks.flag("plot", "derivative", derivative)
        ax, style = canvas.axes(ax, 4.8, 3.2), canvas.line_style(kwargs)
        ax.axhline(0, color="black", linewidth=0.6)
        ax.axvline(0, color="black", linewidth=0.6)
        self.lines_ = ax.plot(self.z, self.values, **{"label": "f(z)", "color": canvas.BLUE, **style})
        if derivative:
            own = {"label": "f'(z)", "color": canvas.VERMILION, "linestyle": "--"}
            self.lines_ += ax.plot(self.z, self.derivatives, **{**own, **style})
        ax.set(xlabel="z", title=self.name)
        canvas.open_frame(ax)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _evaluate(name: ElementwiseName | Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z), taken from one gradient: there is no second copy of the formulas here.

    For an input of 1, weights z and then weights of 1, the output is sum(f(z)) + b. Its loss L has dL/db = d,
    the gradient d f(z) in the second layer and d f'(z) in the first.
    """
    net = Network([Dense(len(z), name, bias=False), Dense(1)], loss="mse", dtype="float64")
    net.set_weights([(z[np.newaxis], None), (np.ones((len(z), 1)), np.zeros(1))])
    sample = np.ones((1, 1))
    first, second = net.gradients(sample, net.predict(sample) - 1)["layers"]
    d = second["bias"]
    return second["weight"][:, 0] / d, first["weight"][0] / d
