"""Losses for regression.

References
----------
.. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics, 35, 1964.
.. [2] B. Jorgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B, 49, 1987.
   (deviances of Poisson, gamma and Tweedie distributions)
.. [3] R. Koenker, G. Bassett, "Regression quantiles", Econometrica, 46, 1978.
.. [4] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without crossing",
   Econometrica, 78, 2010.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import arithmetic, checks
from ..data.arrays import Array
from .base import Loss, keep_real, keep_reals, refuse_values

Link: TypeAlias = Literal["identity", "sigmoid", "tanh", "relu", "exp", "softmax"]
_LINKS: tuple[Link, ...] = ("identity", "sigmoid", "tanh", "relu", "exp", "softmax")


class MeanSquaredError(Loss):
    """Squared error ``(z - y)^2``.

    See Also
    --------
    SquaredError : Half of it.
    MeanAbsoluteError, Huber : Losses on which outliers have less influence.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 100.0]
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0]]).round(1)  # the mean of y
    array([22.])
    """

    name = "mse"


class SquaredError(Loss):
    """Half the squared error, ``(z - y)^2 / 2``, as in scikit-learn.

    See Also
    --------
    MeanSquaredError : Twice this loss.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [1.0]], [1.0, 3.0]
    >>> for loss in ("mse", "squared_error"):
    ...     net = cnn.Network([cnn.Dense(1, init="zeros")], loss=loss).fit(X, y, epochs=0)
    ...     print(net.loss(X, y))
    5.0
    2.5
    """

    name = "squared_error"


class MeanAbsoluteError(Loss):
    """Absolute error ``abs(z - y)``, which is minimised by the median; the derivative at 0 is 0.

    See Also
    --------
    Huber, LogCosh : Losses with a derivative at 0.
    Quantile : Loss for other quantiles than the median.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 100.0]
    >>> net = cnn.Network([cnn.Dense(1)], loss="mae", optimizer=cnn.SGD(0.01), seed=0)
    >>> net.fit(X, y, epochs=1000, batch_size="full").predict([[0.0]]).round(1)  # the median of y
    array([3.])
    """

    name = "mae"


@dataclass(frozen=True)
class Huber(Loss):
    """Huber loss: ``(z - y)^2 / 2`` if ``abs(z - y) <= delta``, else ``delta (abs(z - y) - delta / 2)`` (Huber, 1964).

    Parameters
    ----------
    delta : float, default 1.0
        Error > 0, in the unit of y, from which the loss is linear. With ``scale_targets``, training applies it to
        errors in standard deviations of y.

    See Also
    --------
    LogCosh : Loss of a similar form without a parameter.
    MeanAbsoluteError : Limit for small values of `delta`.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 100.0]
    >>> for delta in (1.0, 1000.0):
    ...     net = cnn.Network([cnn.Dense(1)], loss=cnn.losses.Huber(delta), optimizer="lbfgs", seed=0)
    ...     print(delta, net.fit(X, y).predict([[0.0]]).round(1))
    1.0 [3.]
    1000.0 [22.]
    """

    name = "huber"
    _parameters = ("delta",)

    delta: float = 1.0

    def __post_init__(self) -> None:
        keep_real(self, "delta", above=0)


class LogCosh(Loss):
    """Log-cosh loss ``log(cosh(z - y))``: about half the squared error for small errors, linear for large errors.

    See Also
    --------
    Huber : Loss of a similar form with a parameter.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 100.0]
    >>> net = cnn.Network([cnn.Dense(1)], loss="log_cosh", optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0]]).round(1)  # near the median of y
    array([3.])
    """

    name = "log_cosh"


class Poisson(Loss):
    """Half the Poisson deviance of the mean exp(z): ``exp(z) - y z + y log(y) - y``, for counts y >= 0.

    See Also
    --------
    Gamma, Tweedie : Losses for values above 0.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [0, 2, 10, 12]  # numbers of events
    >>> net = cnn.Network([cnn.Dense(1)], loss="poisson", optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0], [1.0]]).round(1)
    array([ 1., 11.])
    """

    name = "poisson"
    link = "exp"

    @property
    def core(self) -> Any:
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        return "tweedie", {"power": 1.0}

    def check_values(self, y: Array) -> None:
        """Raise ValueError for targets below 0."""
        refuse_values(self, y, y < 0, "HalfPoissonLoss", ">= 0")


class Gamma(Loss):
    """Half the gamma deviance of the mean exp(z): ``y exp(-z) + z - log(y) - 1``, for y > 0.

    See Also
    --------
    Poisson : Loss for counts.
    Tweedie : Loss for values that may also be 0.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [1.0, 2.0, 100.0, 200.0]  # sizes of claims
    >>> net = cnn.Network([cnn.Dense(1)], loss="gamma", optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0], [1.0]]).round(1)
    array([  1.5, 150. ])
    """

    name = "gamma"
    link = "exp"

    @property
    def core(self) -> Any:
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        return "tweedie", {"power": 2.0}

    def check_values(self, y: Array) -> None:
        """Raise ValueError for targets that are not above 0."""
        refuse_values(self, y, y <= 0, "HalfGammaLoss", "> 0")


@dataclass(frozen=True)
class Tweedie(Loss):
    """Half the Tweedie deviance of the mean mu = exp(z) (Jorgensen, 1987).

    ``y^(2-p) / ((1-p) (2-p)) - y mu^(1-p) / (1-p) + mu^(2-p) / (2-p)``. For p = 1 and p = 2 it is the limit of this
    formula, which is the loss of :class:`Poisson` and :class:`Gamma`.

    Parameters
    ----------
    power : float, default 1.5
        Power p >= 1: the variance of y is proportional to mu^p. Targets must be >= 0 if p < 2, else > 0.

    See Also
    --------
    Poisson : Loss of the power 1.
    Gamma : Loss of the power 2.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [0.0, 1.0, 0.0, 300.0]  # costs, most of which are 0
    >>> net = cnn.Network([cnn.Dense(1)], loss=cnn.losses.Tweedie(power=1.5), optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0], [1.0]]).round(1)
    array([  0.5, 150. ])
    """

    name = "tweedie"
    link = "exp"
    _parameters = ("power",)

    power: float = 1.5

    def __post_init__(self) -> None:
        keep_real(self, "power", minimum=1)

    def check_values(self, y: Array) -> None:
        """Raise ValueError for targets out of the range for the power."""
        bad, valid = (y < 0, ">= 0") if self.power < 2 else (y <= 0, "> 0")
        refuse_values(self, y, bad, "HalfTweedieLoss", valid)


@dataclass(frozen=True)
class Quantile(Loss):
    """Pinball loss ``max(q (y - z), (q - 1) (y - z))`` of one y, with one output per quantile q.

    The loss is that of Koenker and Bassett (1978). Quantiles can cross during training; predictions are sorted, which
    never makes them worse (Chernozhukov et al., 2010).

    Parameters
    ----------
    quantiles : sequence of float, default (0.1, 0.5, 0.9)
        Quantiles between 0 and 1, in increasing order, one for each unit of the last layer.

    See Also
    --------
    GaussianNLL : Mean and standard deviation of each row.
    compiled_nn.Network.calibrate_intervals : Intervals with a given coverage.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X, y = np.zeros((101, 1)), np.linspace(0.0, 1.0, 101)
    >>> loss = cnn.losses.Quantile((0.1, 0.5, 0.9))
    >>> net = cnn.Network([cnn.Dense(3)], loss=loss, optimizer=cnn.SGD(0.01), seed=0).fit(X, y, epochs=200)
    >>> net.predict([[0.0]]).round(1)
    array([[0.1, 0.5, 0.9]])
    """

    name = "quantile"
    _parameters = ("quantiles",)

    quantiles: Sequence[float] | Array = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        levels = keep_reals(self, "quantiles", above=0, below=1)
        if any(b <= a for a, b in itertools.pairwise(levels)):
            raise ValueError(
                f"The 'quantiles' parameter of Quantile must be in increasing order. Got {levels} instead."
            )

    def n_outputs(self, n: int) -> int:
        """Return the number of outputs, one per quantile."""
        return len(self.quantiles)

    def n_columns(self, n_outputs: int) -> int:
        """Return 1, because all quantiles belong to the same y."""
        return 1

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError if the number of outputs is not the number of quantiles."""
        if n_outputs != len(self.quantiles):
            raise ValueError(
                f"quantile has {len(self.quantiles)} quantiles, one per output; the last layer has {n_outputs}."
            )

    def in_units(self, mean: Array, scale: Array) -> tuple[Array, Array]:
        """Return the factor and the shift of the outputs in units of y: the same for all quantiles."""
        n = len(self.quantiles)
        return np.repeat(scale, n), np.repeat(mean, n)

    def arranged(self, outputs: Array) -> Array:
        """Return the outputs in increasing order, because quantiles may cross."""
        sorted_outputs: Array = np.sort(outputs, axis=1)
        return sorted_outputs

    def values(self, outputs: Array) -> Array:
        """Return the predicted quantiles in increasing order."""
        return self.arranged(outputs)

    def sources(self, outputs: Array) -> Array:
        """Return the index of the output of each predicted quantile."""
        return np.argsort(outputs, axis=1, kind="stable")

    def score(self, y: Array, predicted: Array, weights: Array | None) -> float:
        """Return D^2, averaged over the quantiles: 1 - (loss / loss of constant quantiles)."""
        from .. import metrics  # imported here, because prediction needs no metrics

        return metrics.d2_pinball(y[:, 0], predicted, weights, quantiles=self.quantiles)


class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution, ``(log(2 pi) + s + (y - mu)^2 exp(-s)) / 2``.

    Each row has its own mean mu and variance exp(s). The first half of the outputs are the means, the second half the
    log variances s. :meth:`Network.predict` returns the means, :meth:`Network.predict_distribution` also the standard
    deviations.

    See Also
    --------
    Quantile : Quantiles of each row.
    compiled_nn.Network.predict_distribution : Means and standard deviations of rows.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [4.0, 6.0, 9.9, 10.1]
    >>> net = cnn.Network([cnn.Dense(2)], loss="gaussian_nll", optimizer="lbfgs", seed=0).fit(X, y)
    >>> mean, deviation = net.predict_distribution([[0.0], [1.0]])
    >>> mean.round(1), deviation.round(1)
    (array([ 5., 10.]), array([1. , 0.1]))
    """

    name = "gaussian_nll"
    min_outputs = 2
    takes_activation = False  # it would change the log variances, too

    def n_outputs(self, n: int) -> int:
        """Return the number of outputs, two per column of y."""
        return 2 * n

    def n_columns(self, n_outputs: int) -> int:
        """Return the number of columns of y, one per two outputs."""
        return n_outputs // 2

    def check_outputs(self, n_outputs: int) -> None:
        """Raise ValueError for an odd number of outputs."""
        if n_outputs % 2:
            raise ValueError(
                f"gaussian_nll takes a mean and a log variance for each column of y; the last layer has {n_outputs}"
                f" output{'s' if n_outputs > 1 else ''}."
            )

    def in_units(self, mean: Array, scale: Array) -> tuple[Array, Array]:
        """Return the factor and the shift of the outputs in units of y: log variances are shifted by 2 log(scale)."""
        return np.append(scale, np.ones(len(scale))), np.append(mean, 2 * arithmetic.log(scale))

    def values(self, outputs: Array) -> Array:
        """Return the predicted means."""
        return outputs[:, : outputs.shape[1] // 2]

    def deviations(self, outputs: Array) -> Array:
        """Return the predicted standard deviations."""
        return arithmetic.activate("exp", outputs[:, outputs.shape[1] // 2 :] / 2)

    def to_mean(self, outputs: Array, first: Array) -> Array:
        """Return the means, and the second moments about the means of the first network."""
        n = outputs.shape[1] // 2
        exact, about = outputs.astype(np.float64), first[:, :n].astype(np.float64)
        second = arithmetic.activate("exp", exact[:, n:]) + (exact[:, :n] - about) ** 2
        return np.concatenate([exact[:, :n], second], axis=1)

    def from_mean(self, mean: Array, first: Array) -> Array:
        """Return mean and log variance of the mixture of the distributions of the networks."""
        n = mean.shape[1] // 2
        about = first[:, :n].astype(np.float64)
        variance = np.maximum(mean[:, n:] - (mean[:, :n] - about) ** 2, np.finfo(np.float64).tiny)
        return np.concatenate([mean[:, :n], arithmetic.log(variance)], axis=1)

    def sources(self, outputs: Array) -> Array:
        """Return the indices of the outputs that are means."""
        return np.arange(outputs.shape[1] // 2)[np.newaxis]


@dataclass(frozen=True)
class CustomLoss(Loss):
    """User-defined loss for regression.

    The function is called once per batch, in one thread, so that training is slower than with a loss of the core. An
    exception in the function ends training with the weights of the last complete step, and is raised. A network with a
    custom loss can be pickled, but not saved to a file.

    Parameters
    ----------
    function : callable(y, z) -> (loss, dz)
        Function of the targets y (m, n) and the outputs before the link z (m, n), in the dtype of the network. If the
        last layer has an activation that is not the link, z are the outputs after the activation. The function
        returns the loss of each row (m,) and its derivatives dz (m, n), both not divided by m. It may modify its
        arguments.
    link : {"identity", "sigmoid", "tanh", "relu", "exp", "softmax"}, default "identity"
        Link function: the activation of the last layer for predictions.
    name : str, default "custom"
        Name of the loss, for messages and reports.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> def fourth_power(y, z):
    ...     return ((z - y) ** 4).sum(axis=1), 4 * (z - y) ** 3
    >>> loss = cnn.losses.CustomLoss(fourth_power, name="fourth_power")
    >>> X, y = [[0.0]] * 3, [0.0, 0.0, 1.0]
    >>> net = cnn.Network([cnn.Dense(1)], loss=loss, optimizer="lbfgs", seed=0).fit(X, y)
    >>> net.predict([[0.0]]).round(2)
    array([0.44])
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
        """Loss in the form that :class:`cnn_core.stack.Stack` takes."""
        return self.function

    @property
    def takes_indices(self) -> bool:
        """Whether the core takes one class index per row as targets: False."""
        return False
