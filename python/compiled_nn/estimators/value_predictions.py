"""Predictions of MLPRegressor: values, distributions, intervals and the score."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..artefact import refusals
from ..data.arrays import Array
from . import inputs
from .reading import Reading


class ValuePredictions(Reading):
    """Base class of :class:`MLPRegressor`: what it predicts after fit."""

    _label_dtype: np.dtype[Any]
    scale_targets: bool | Literal["auto"]

    def predict(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the predicted values.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : ndarray (m,) or (m, n), optional
            C-contiguous array of float32 or float64 to write to. No memory is then allocated, if X is an array of
            floats.

        Returns
        -------
        ndarray (m,), or (m, n) where y had n columns
            Predicted means, or one column per quantile for the loss "quantile", in the float dtype of the y of fit. For
            integers y they are float64; float32 if X is float32 and `scale_targets` is False.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])  # y = 2 x + 1
        MLPRegressor(alpha=0.0, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.predict([[3.0], [10.0]]).round(2).tolist()
        [7.0, 21.0]
        """
        rows = self._read_rows(X)
        if out is not None:
            return self.network_.predict(rows, out=out)
        values, of_y = self.network_.predict(rows), getattr(self, "_label_dtype", None)
        if of_y is None or (of_y.kind != "f" and not self.scale_targets):  # as in scikit-learn
            of_x = getattr(rows, "dtype", None)
            return values.astype(np.float32 if of_x == np.float32 else np.float64, copy=False)
        return values

    def predict_distribution(self, X: Any, *, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """Return the predicted means and standard deviations, for the loss "gaussian_nll".

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : pair of ndarray, optional
            Arrays to write the means and the standard deviations to.

        Returns
        -------
        mean, deviation : ndarray (m,), or (m, n) where y had n columns
            Values in the units of y.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(1, 5, (500, 1))
        >>> y = 10 * X[:, 0] + X[:, 0] * rng.normal(size=500)  # the noise grows with x
        >>> options = {"loss": "gaussian_nll", "scale_targets": True, "standardize": True, "learning_rate_init": 0.01}
        >>> model = cnn.MLPRegressor(max_iter=30, random_state=0, **options).fit(X, y)
        >>> mean, deviation = model.predict_distribution([[1.0], [4.0]])
        >>> mean.round().tolist(), deviation.round(1).tolist()
        ([10.0, 39.0], [1.1, 3.8])
        """
        rows = self._read_rows(X)
        return self.network_.predict_distribution(rows, out=out)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return bounds that hold the true value of a new row with a probability of at least `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        coverage : float, default 0.9
            Probability that the interval holds the true value, between 0 and 1; for several columns of y, that of each
            column.

        Returns
        -------
        lower, upper : ndarray (m,), or (m, n)
            Bounds in the float dtype of y. :meth:`Network.predict_interval` describes their width.

        Raises
        ------
        TypeError, ValueError
            If :meth:`calibrate_intervals` was not called, or had too few rows for `coverage`.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(0, 1, (400, 1))
        >>> y = 10 * X[:, 0] + rng.normal(size=400)
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X[:200], y[:200])
        >>> lower, upper = model.calibrate_intervals(X[200:], y[200:]).predict_interval([[0.5]], coverage=0.9)
        >>> lower.round(1).tolist(), upper.round(1).tolist()
        ([3.3], [6.7])
        """
        rows = self._read_rows(X)
        return self.network_.predict_interval(rows, coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, averaged over the columns of y; for the loss "quantile" D^2.

        D^2 is 1 - loss / loss of the constant prediction of the quantiles of y.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        y : array-like (m,) or (m, n)
            True values.
        sample_weight : array-like (m,), optional
            Weight of each row.

        Returns
        -------
        float

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
        MLPRegressor(alpha=0.0, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> round(model.score([[0.0], [4.0]], [1.0, 7.0]), 2)  # 9 is predicted for 7
        0.78
        """
        inputs.check_lengths(X, y, sample_weight)
        predicted = self.predict(X)
        y = inputs.read_targets(type(self).__name__, y, len(predicted))
        weights = inputs.read_weights(sample_weight, len(y))
        shape = (len(y), -1)
        loss = self.network_._configuration.loss
        return refusals.finite_score(loss.score(np.reshape(y, shape), np.reshape(predicted, shape), weights))
