"""Which learning rate to take: a range test (Smith, 2017), in which the rate rises from step to step."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .common import arithmetic, checks
from .data import samples
from .training import batches
from .training.trainer import new_generator

if TYPE_CHECKING:
    from .data.arrays import Array
    from .network.network import Network

_ROWS = 1024  # that the loss is of
_EXPLODED = 4.0  # the test ends at so many times the first loss
_SMOOTHED = 5  # losses, whose mean is looked at


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What :func:`find_learning_rate` has found.

    Attributes
    ----------
    rates : ndarray (n,)
        The learning rate of each step, rising.
    losses : ndarray (n,)
        The loss after each step.
    suggestion : float
        The geometric mean of the rate at which the loss falls steepest and the one at which it is lowest.
    """

    rates: Array
    losses: Array
    suggestion: float

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses over the rates, and the suggestion.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        from .plotting import canvas

        ax = canvas.axes(ax, 6.0, 3.6)
        ax.plot(self.rates, self.losses, color=canvas.BLUE)
        ax.axvline(self.suggestion, color=canvas.VERMILION, linestyle="--", label=f"{self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.legend(title="suggestion", frameon=False)
        canvas.open_frame(ax)
        return ax


def find_learning_rate(
    net: Network,
    X: Any,
    y: Any,
    *,
    batch_size: int | str = 32,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 200,
) -> RangeTest:
    """Train a copy of a network with a rising learning rate, and suggest one to start with.

    The copy starts where ``net.fit`` would, and takes one batch a step. The loss is that of the same rows each time,
    1024 at most. The network is not changed.

    Parameters
    ----------
    net : Network
        Its optimizer is taken but for the learning rate.
    X, y : array-like
        As for ``Network.fit``.
    batch_size : int or "full", default 32
        Rows of a step: the rate suits batches of this size.
    lowest, highest : float, default 1e-6 and 10.0
        The first rate and the last; above 0.
    steps : int, default 200
        At least 10; fewer are taken when the loss explodes.

    Returns
    -------
    RangeTest
        With ``rates``, ``losses``, ``suggestion`` and ``plot()``.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be used, or the loss never falls.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.rates import find_learning_rate
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> 0.001 < find_learning_rate(net, data.X_train, data.y_train).suggestion < 0.1
    True
    """
    owner = "find_learning_rate"
    lowest = checks.real(owner, "lowest", lowest, above=0)
    highest = checks.real(owner, "highest", highest, above=lowest)
    steps = checks.integer(owner, "steps", steps, minimum=10)
    rates = np.array([lowest * (highest / lowest) ** (i / (steps - 1)) for i in range(steps - 1)] + [highest])
    copy = deepcopy(net)
    copy.optimizer = replace(net.optimizer, learning_rate=lowest)
    copy.fit(X, y, epochs=0)
    losses = _losses(copy, X, y, batch_size, rates)
    rates = rates[: len(losses)]
    return RangeTest(rates, losses, _suggestion(rates, losses))


def _losses(net: Network, X: Any, y: Any, batch_size: int | str, rates: Array) -> Array:
    """Return the loss after each step; fewer than rates when it explodes."""
    X, y, _ = net._labelled(X, y)
    trainer, objective = net._known_trainer(), net._objective()
    trainer.set_optimizer(net.optimizer)
    stack, rng = trainer.stack, new_generator(0)
    sample = np.sort(rng.permutation(len(X))[:_ROWS])
    sample_X, sample_y = samples.select(X, sample), y[sample]
    size = batches.make_batches(len(X), batch_size, None, True).size
    most = _EXPLODED * stack.loss(sample_X, sample_y, objective)[0]
    losses: list[float] = []
    order = np.empty(0, np.int64)
    for rate in rates:
        if len(order) < size:
            order = rng.permutation(len(X))
        rows, order = order[:size], order[size:]
        stack.train(X, y, objective, rows, np.array([rate]), batch_size=size)
        losses.append(stack.loss(sample_X, sample_y, objective)[0])
        if not losses[-1] <= most:
            break
    return np.array(losses)


def _suggestion(rates: Array, losses: Array) -> float:
    finite = losses[np.isfinite(losses)]
    if len(finite) < _SMOOTHED:
        raise ValueError(
            f"The loss explodes at the learning rate {rates[-1]:g} already: take a smaller lowest."
        )
    margin = np.pad(finite, _SMOOTHED // 2, mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(margin, _SMOOTHED).mean(axis=1)
    least = int(np.argmin(smooth))
    if least < 2:
        raise ValueError(
            "The loss never falls: take a smaller lowest or a larger highest, or see net.diagnose(X, y)."
        )
    steepest = int(np.argmin(np.gradient(smooth[: least + 1], arithmetic.log(rates[: least + 1]))))
    return float(np.sqrt(rates[steepest] * rates[least]))
