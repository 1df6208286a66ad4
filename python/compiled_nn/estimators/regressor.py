"""The regressor: numbers to outputs and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks, losses, metrics
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

    def _check(self) -> None:
        super()._check()
        self._resolved()

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
        """Return the values (m,), or (m, n) where y had n columns, for X (m, k).

        They are float32 for such an X, else float64.
        """
        rows: Any = self._rows(X)
        values = self.network_.predict(rows)
        return values.astype(np.float32 if rows.dtype == np.float32 else np.float64, copy=False)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, a mean over the columns of y, on X (m, k) and y (m,) or (m, n); rows may have weights (m,)."""
        predicted = self.predict(X)
        y = inputs.targets(type(self).__name__, y, len(predicted))
        weights = inputs.weights(sample_weight, len(y))
        return metrics.r2_score(np.reshape(y, (len(y), -1)), np.reshape(predicted, (len(y), -1)), weights)
