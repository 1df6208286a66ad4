"""Learning-rate range test: training with a learning rate that rises from step to step [1]_.

References
----------
.. [1] L. N. Smith, "Cyclical learning rates for training neural networks", WACV, 2017.
"""

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
    from .training.batches import BatchSize

_ROWS = 1024  # maximum number of rows on which the loss is computed
_EXPLODED = 4.0  # ratio of the loss to the first loss at which the test ends
_SMOOTHED = 5  # width of the moving average of the losses


@dataclass(frozen=True, eq=False, repr=False)
class RangeTest:
    """Result of :func:`find_learning_rate`.

    Attributes
    ----------
    rates : ndarray (n,)
        Learning rate of each step, in increasing order.
    losses : ndarray (n,)
        Loss after each step.
    suggestion : float
        Suggested learning rate: the geometric mean of the rate with the steepest decrease of the smoothed loss and the
        rate with its minimum.

    See Also
    --------
    find_learning_rate : The test.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> test = cnn.rates.find_learning_rate(net, data.X_train, data.y_train)
    >>> f"loss {test.losses.min():.2f} at a rate of {test.rates[test.losses.argmin()]:.2g}"
    'loss 0.24 at a rate of 0.066'
    >>> test.plot().figure.savefig("rates.png")
    """

    rates: Array
    losses: Array
    suggestion: float

    def plot(self, ax: Any = None) -> Any:
        """Plot the losses against the learning rates, with a line at the suggestion.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes of the plot. Default: the axes of a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from .plotting import canvas

        ax = canvas.axes(ax, 6.0, 3.6)
        ax.plot(self.rates, self.losses, color=canvas.BLUE)
        ax.axvline(self.suggestion, color=canvas.VERMILION, linestyle="--", label=f"{self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.legend(title="suggestion", frameon=False)
        canvas.open_frame(ax)
        return ax

    def _repr_png_(self) -> bytes | None:
        """Return the plot for a notebook; None without matplotlib, where the notebook shows the text."""
        from .plotting import canvas

        try:
            return canvas.png(self.plot().figure)
        except ImportError:
            return None

    def __repr__(self) -> str:
        return (
            f"RangeTest(suggestion={self.suggestion:.2g}; {len(self.rates)} steps with rates from"
            f" {self.rates[0]:.2g} to {self.rates[-1]:.2g})"
        )


def find_learning_rate(
    net: Any,
    X: Any,
    y: Any,
    *,
    batch_size: BatchSize = 32,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 200,
) -> RangeTest:
    """Train a copy of a network with a rising learning rate, and suggest an initial learning rate.

    The copy starts from the same weights as ``net.fit``, and is trained on one batch per step. After each step the loss
    is computed on the same rows, at most 1024. The network itself is not modified.

    Parameters
    ----------
    net : Network, MLPClassifier or MLPRegressor
        Network or estimator to test, with its optimizer; the learning rate of the optimizer is ignored.
    X, y : array-like
        Training data, as in ``Network.fit``.
    batch_size : int or "full", default 32
        Number of rows per batch; the suggestion is for batches of this size.
    lowest, highest : float, default 1e-6 and 10.0
        First and last learning rate, > 0, with `highest` > `lowest`.
    steps : int, default 200
        Number of steps, at least 10. The test ends earlier if the loss exceeds four times its initial value.

    Returns
    -------
    RangeTest
        Learning rates, losses and the suggestion, with a method ``plot()``.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or the loss never decreases.

    See Also
    --------
    compiled_nn.schedules.OneCycle : Schedule with a largest rate.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> rate = cnn.rates.find_learning_rate(net, data.X_train, data.y_train).suggestion
    >>> net.optimizer = cnn.Adam(rate)
    >>> net = net.fit(data.X_train, data.y_train, epochs=5)
    >>> round(net.score(data.X_test, data.y_test), 2)
    0.96
    """
    owner = "find_learning_rate"
    if isinstance(net, type) or not hasattr(net, "fit"):
        got = f"the class {net.__name__}" if isinstance(net, type) else repr(net)
        raise TypeError(
            f"The 'net' parameter of {owner} must be a Network or an estimator. Got {got} instead."
        )
    lowest = checks.real(owner, "lowest", lowest, above=0)
    highest = checks.real(owner, "highest", highest, above=lowest)
    steps = checks.integer(owner, "steps", steps, minimum=10)
    rates = np.array([lowest * (highest / lowest) ** (i / (steps - 1)) for i in range(steps - 1)] + [highest])
    copy = _network_of(net, X, y) if hasattr(net, "get_params") else deepcopy(net).fit(X, y, epochs=0)
    if copy.optimizer.name == "lbfgs":
        raise ValueError("LBFGS has no learning rate: its line search finds the length of each step.")
    copy.optimizer = replace(copy.optimizer, learning_rate=lowest)
    losses = _losses(copy, X, y, batch_size, rates)
    rates = rates[: len(losses)]
    return RangeTest(rates, losses, _suggestion(rates, losses))


def _network_of(estimator: Any, X: Any, y: Any) -> Network:
    """Return the network of a copy of an estimator, with its initial weights for X and y."""
    parameters = estimator.get_params()
    if parameters["solver"] == "lbfgs":
        raise ValueError(
            "solver='lbfgs' has no learning rate: its line search finds the length of each step. Use solver='adam' or"
            " 'sgd'."
        )
    changes = {"max_iter": 0, "warm_start": False, "early_stopping": False, "callbacks": None, "metrics": ()}
    network: Network = type(estimator)(**parameters | changes).fit(X, y).network_
    return network


def _losses(net: Network, X: Any, y: Any, batch_size: BatchSize, rates: Array) -> Array:
    """Return the loss after each step; fewer losses than rates if the loss explodes."""
    X, y, _ = net._labelled(X, y)
    trainer, objective = net._known_trainer(), net._objective()
    trainer.set_optimizer(net.optimizer)
    stack, rng = trainer.stack, new_generator(0)
    sample = np.sort(rng.permutation(len(X))[:_ROWS])
    sample_X, sample_y = samples.select(X, sample), y[sample]
    batch_norm = net._configuration.has_batch_norm
    size = batches.make_batches(len(X), batch_size, None, True, batch_norm=batch_norm).size
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
            f"The loss explodes at the learning rate {rates[-1]:g}, before there are {_SMOOTHED} finite losses;"
            " pass a smaller lowest."
        )
    margin = np.pad(finite, _SMOOTHED // 2, mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(margin, _SMOOTHED).mean(axis=1)
    least = int(np.argmin(smooth))
    if least < 2:
        raise ValueError(
            "The loss never decreases; pass a smaller lowest or a larger highest, or call net.diagnose(X, y)."
        )
    steepest = int(np.argmin(np.gradient(smooth[: least + 1], arithmetic.log(rates[: least + 1]))))
    return float(np.sqrt(rates[steepest] * rates[least]))
