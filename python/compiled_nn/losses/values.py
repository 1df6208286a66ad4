"""Losses of real numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data.arrays import Array
from .base import Loss, keep_real, refuse_values

Link: TypeAlias = Literal["identity", "sigmoid", "tanh", "relu", "exp", "softmax"]
_LINKS: tuple[Link, ...] = ("identity", "sigmoid", "tanh", "relu", "exp", "softmax")


class MeanSquaredError(Loss):
    """``(z - y)^2``."""

    name = "mse"


class SquaredError(Loss):
    """``(z - y)^2 / 2``, as scikit-learn has it."""

    name = "squared_error"


class MeanAbsoluteError(Loss):
    """``|z - y|``, which the median minimises; its derivative at 0 is 0."""

    name = "mae"


@dataclass(frozen=True)
class Huber(Loss):
    """``(z - y)^2 / 2`` where ``|z - y| <= delta``, and ``delta (|z - y| - delta / 2)`` beyond (Huber 1964).

    Parameters
    ----------
    delta : float, default 1.0
        Above 0, in the unit of y.
    """

    name = "huber"
    _parameters = ("delta",)

    delta: float = 1.0

    def __post_init__(self) -> None:
        keep_real(self, "delta", above=0)


class LogCosh(Loss):
    """``log(cosh(z - y))``: half the square for small errors, the size of large ones."""

    name = "log_cosh"


class Poisson(Loss):
    """Half the Poisson deviance of the mean exp(z): ``exp(z) - y z + y log(y) - y``, for counts y >= 0."""

    name = "poisson"
    link = "exp"

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        return "tweedie", {"power": 1.0}

    def check_values(self, y: Array) -> None:
        """Refuse values below 0."""
        refuse_values(self, y, y < 0, "HalfPoissonLoss", ">= 0")


class Gamma(Loss):
    """Half the gamma deviance of the mean exp(z): ``y exp(-z) + z - log(y) - 1``, for y > 0."""

    name = "gamma"
    link = "exp"

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        return "tweedie", {"power": 2.0}

    def check_values(self, y: Array) -> None:
        """Refuse values that are not above 0."""
        refuse_values(self, y, y <= 0, "HalfGammaLoss", "> 0")


@dataclass(frozen=True)
class Tweedie(Loss):
    """Half the Tweedie deviance of the mean mu = exp(z) (Jorgensen 1987).

    ``y^(2-p) / ((1-p) (2-p)) - y mu^(1-p) / (1-p) + mu^(2-p) / (2-p)``; for powers of 1 and 2 its limits, which are
    those of :class:`Poisson` and :class:`Gamma`.

    Parameters
    ----------
    power : float, default 1.5
        p, at least 1: the variance of y is in proportion to mu^p. y >= 0 below 2, y > 0 from 2 on.
    """

    name = "tweedie"
    link = "exp"
    _parameters = ("power",)

    power: float = 1.5

    def __post_init__(self) -> None:
        keep_real(self, "power", minimum=1)

    def check_values(self, y: Array) -> None:
        """Refuse values out of the range that the power sets."""
        bad, valid = (y < 0, ">= 0") if self.power < 2 else (y <= 0, "> 0")
        refuse_values(self, y, bad, "HalfTweedieLoss", valid)


@dataclass(frozen=True)
class Quantile(Loss):
    """``max(q (y - z), (q - 1) (y - z))`` of one y and an output for each quantile q (Koenker and Bassett 1978).

    Nothing keeps the outputs in order while they are trained; predictions are sorted, which never makes them worse
    (Chernozhukov et al. 2010).

    Parameters
    ----------
    quantiles : sequence of float, default (0.1, 0.5, 0.9)
        Each between 0 and 1, in increasing order; as many as the last layer has units.
    """

    name = "quantile"
    _parameters = ("quantiles",)

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        if not isinstance(self.quantiles, (Sequence, np.ndarray)) or len(self.quantiles) == 0:
            raise TypeError(
                f"The 'quantiles' parameter of Quantile must be numbers. Got {self.quantiles!r} instead."
            )
        levels = tuple(checks.real("Quantile", "quantiles", q, above=0, below=1) for q in self.quantiles)
        if any(b <= a for a, b in itertools.pairwise(levels)):
            raise ValueError(f"The 'quantiles' parameter of Quantile must increase. Got {levels} instead.")
        object.__setattr__(self, "quantiles", levels)

    def n_outputs(self, n: int) -> int:
        """Return one output for each quantile."""
        return len(self.quantiles)

    def n_columns(self, n_outputs: int) -> int:
        """Return one: all quantiles are of the same y."""
        return 1

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse another number of outputs than of quantiles."""
        if n_outputs != len(self.quantiles):
            raise ValueError(
                f"quantile has {len(self.quantiles)} quantiles, one an output; the last layer has {n_outputs}."
            )

    def values(self, outputs: Array) -> Array:
        """Return the quantiles in order."""
        in_order: Array = np.sort(outputs, axis=1)
        return in_order

    def sources(self, outputs: Array) -> Array:
        """Return which output each quantile is."""
        return np.argsort(outputs, axis=1, kind="stable")

    def score(self, y: Array, predicted: Array, weights: Array | None) -> float:
        """Return D^2: the share of the loss of constant quantiles that is gone, averaged over the quantiles."""
        from .. import metrics  # what only predicts needs none

        return metrics.d2_pinball(y[:, 0], predicted, self.quantiles, weights)


class GaussianNLL(Loss):
    """``(log(2 pi) + s + (y - mu)^2 exp(-s)) / 2``: a normal distribution for each row, of mean mu and variance exp(s).

    The first half of the outputs are means, the other half s. :meth:`Network.predict` gives the means,
    :meth:`Network.predict_distribution` the standard deviations too.
    """

    name = "gaussian_nll"
    min_outputs = 2

    def n_outputs(self, n: int) -> int:
        """Return two outputs for each column."""
        return 2 * n

    def n_columns(self, n_outputs: int) -> int:
        """Return one column for two outputs."""
        return n_outputs // 2

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse an odd number of outputs."""
        if n_outputs % 2:
            raise ValueError(
                f"gaussian_nll takes a mean and a log variance for each column of y; the last layer has {n_outputs}"
                f" output{'s' if n_outputs > 1 else ''}."
            )

    def values(self, outputs: Array) -> Array:
        """Return the means."""
        return outputs[:, : outputs.shape[1] // 2]

    def deviations(self, outputs: Array) -> Array:
        """Return the standard deviations."""
        return arithmetic.activate("exp", outputs[:, outputs.shape[1] // 2 :] / 2)

    def sources(self, outputs: Array) -> Array:
        """Return the outputs that are means."""
        return np.arange(outputs.shape[1] // 2)[np.newaxis]


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A loss of your own, for values.

    It is called once a batch, in one thread, so training is slower than with a loss of the core. An error in it ends
    training, with the weights of the last whole step, and is raised. A network with it cannot be saved.

    Parameters
    ----------
    function : callable(y, z) -> (loss, dz)
        Of targets y (m, n) and outputs before the link z (m, n), in the network's dtype, the loss of each row (m,)
        and its derivatives dz (m, n), neither divided by m. It may change its arguments.
    link : str, default "identity"
        Activation of the last layer, for predictions: "identity", "sigmoid", "tanh", "relu", "exp", "softmax".
    name : str, default "custom"
    """

    function: Callable[[Array, Array], tuple[Any, Any]]
    link: Link = "identity"
    name: str = "custom"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(
                f"The 'function' parameter of CustomLoss must be callable. Got {self.function!r} instead."
            )
        checks.choice("CustomLoss", "link", self.link, _LINKS)

    @property
    def core(self) -> Any:
        """The loss as :class:`cnn_core.stack.Stack` takes it."""
        return self.function

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index a row: no."""
        return False
