"""The regressor: numbers to outputs and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks, losses
from ..arrays import Array
from ..targets import Targets
from . import inputs, manners
from .base import Perceptron

if TYPE_CHECKING:
    from typing import Self


@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(Perceptron):
    """A multilayer perceptron that predicts numbers; scikit-learn's MLPRegressor, one import changed.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, another loss of values, or its name; default "squared_error"
        "squared_error" is half the square, summed over the columns of y; its gradient is the error itself. "poisson" is
        half the Poisson deviance of exp(output), for y >= 0. Others are in :mod:`compiled_nn.losses`.
    hidden_layer_sizes, activation, solver, ... : optional
        All others are those of :class:`MLPClassifier`, without `class_weight` and `label_smoothing`.

    Attributes
    ----------
    coefs_, intercepts_, n_iter_, loss_, loss_curve_, ... :
        Those of :class:`MLPClassifier` without `classes_`. Losses are means over the columns of y for "squared_error".

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(2).tolist()
    [7.0]
    """

    _kind = "regressor"

    loss: Any = "squared_error"
    scale_targets: bool = False

    def _check(self) -> None:
        super()._check()
        checks.flag(type(self).__name__, "scale_targets", self.scale_targets)
        self._resolved()

    def _of_network(self) -> dict[str, Any]:
        return {**super()._of_network(), "scale_targets": self.scale_targets}

    def _resolved(self) -> losses.Loss:
        """Return the loss, which must be one of values."""
        name = type(self).__name__
        known = [loss.name for loss in losses.LOSSES.values() if not loss.classifies]
        loss = (
            losses.LOSSES[checks.choice(name, "loss", self.loss, known)]
            if isinstance(self.loss, str)
            else self.loss
        )
        if not isinstance(loss, losses.Loss) or loss.classifies:
            raise TypeError(
                f"The 'loss' parameter of {name} must be a loss of values or a str among {known}. Got {self.loss!r}"
                " instead."
            )
        return loss

    # ---- values

    def _learned(self, y: Array) -> Targets:
        loss = self._resolved()
        return Targets(loss, loss.n_outputs(y.shape[1] if y.ndim == 2 else 1), "values", None)

    def _check_known(self, y: Array, partial: bool) -> None:
        """Leave it to the network, which tells by its outputs."""

    def _reported_loss(self) -> float:
        return 1 / self.n_outputs_ if isinstance(self._resolved(), losses.SquaredError) else 1.0

    # ---- training

    @manners.OfStochasticSolvers
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train by one pass over the data, going on from the present weights and momenta.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for :meth:`fit`.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        TypeError, ValueError
            When the data cannot be used.
        DivergenceError
            When the pass ends with a loss or weights that are not finite.
        """
        return self._train(X, y, sample_weight, partial=True)

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the values (m,), or (m, n) where y had n columns, for X (m, k): means, or a column a quantile.

        They are float32 for such an X, else float64.
        """
        rows = self._rows(X)
        values = self.network_.predict(rows)
        of_x = getattr(rows, "dtype", None)
        return values.astype(np.float32 if of_x == np.float32 else np.float64, copy=False)

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean and standard deviation (m,), or (m, n), of each row of X (m, k), for the loss "gaussian_nll"."""
        return self.network_.predict_distribution(self._rows(X))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return bounds that hold the true value of a new row with a probability of at least `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
        coverage : float, default 0.9
            Between 0 and 1; of several columns of y each one's own.

        Returns
        -------
        lower, upper : ndarray (m,), or (m, n)
            In the network's dtype. See :meth:`Network.predict_interval` for how wide they are.

        Raises
        ------
        TypeError, ValueError
            Before :meth:`calibrate_intervals`, or when it saw too few rows.
        """
        return self.network_.predict_interval(self._rows(X), coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, a mean over the columns of y, on X (m, k) and y (m,) or (m, n); rows may have weights (m,).

        For the loss "quantile" D^2: the share of the loss of constant quantiles that is gone.
        """
        predicted = self.predict(X)
        y = inputs.targets(type(self).__name__, y, len(predicted))
        weights = inputs.weights(sample_weight, len(y))
        shape = (len(y), -1)
        loss = self.network_.loss_function
        return loss.score(np.reshape(y, shape), np.reshape(predicted, shape), weights)
