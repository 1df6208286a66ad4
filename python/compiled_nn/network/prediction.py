"""Predictions and scores of a model."""

from __future__ import annotations

from typing import Any

from ..artefact import refusals
from ..data.arrays import Array
from ..training.targets import weights_of
from .exchanging import NetworkExchanging


class Prediction(NetworkExchanging):
    """Methods of a model that predict, and the score of its predictions."""

    def predict(self, X: Any, *, out: Array | None = None) -> Array:
        """Predict the label of each row, or its values.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])
            Rows, with the same columns as the X of fit. A table or a list of dicts is matched by the names of its
            columns; one dict is one row.
        out : ndarray (m,), or (m, n_outputs), optional
            Array to write to, C-contiguous. For values it is float32 or float64, and no memory is allocated if the core
            can read X without a copy; for classes its dtype holds the labels.

        Returns
        -------
        ndarray (m,), or (m, n_outputs)
            For classes, labels in the dtype of ``classes_``: the most probable one, the first of equal ones;
            ``classes_[1]`` if the probability of a single sigmoid output is at least 0.5; the median class for
            "ordinal"; a 0/1 matrix if y was one. For values, numbers in the float dtype of the y of fit, float64 for
            integers, with shape (m,) for one column: means for "gaussian_nll", and one column per quantile, in
            increasing order, for "quantile". A network that was not fitted predicts values in its own dtype, and one of
            float64 in float64 in any case.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X cannot be used, a prediction is not finite, or `out` has another shape, dtype or layout.

        Notes
        -----
        Any number of threads may predict with one network, also while it is trained: then with the weights after one
        whole step, the last one before the core returned to Python. The first such call after a step waits for the end
        of the running slice of training, which takes less than 0.1 s (a batch with batch normalisation is one slice).
        """
        return (self._predictor or self._predicting()).predict(X, out)

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        out : ndarray (m, n_classes), optional
            Array to write to, C-contiguous and in the dtype of the network. No memory is then allocated, if the core
            can read X without a copy.

        Returns
        -------
        ndarray (m, n_classes), in the dtype of the network
            `out`, or a new array. A single sigmoid output gives two columns. Several sigmoid outputs are independent,
            so their rows need not sum to 1.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X cannot be used, the network predicts values, or `out` has another shape, dtype or layout.
        """
        predictor = self._predictor or self._predicting()
        layers, kind = predictor.direct, predictor.probabilities
        if layers is not None and kind is not None:
            # A direct call of the core, because for a single row further Python calls take longer than the network.
            outputs = layers.try_forward(X, out, kind, predictor.scale, predictor.n_threads)
            if outputs is not None:
                return outputs
        return predictor.predict_proba(X, out)

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the logarithm of the probability of each class, finite even where the probability rounds to 0.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.

        Returns
        -------
        ndarray (m, n_classes), in the dtype of the network
            Logarithms of the numbers that :meth:`predict_proba` returns.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X cannot be used, or the network predicts values.
        """
        from ..artefact.log_probabilities import (
            log_probabilities,
        )  # imported here to keep `import compiled_nn` fast

        return log_probabilities(self._predicting(), X)

    def predict_distribution(self, X: Any, *, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """Predict the mean and standard deviation of the normal distribution of each row, with loss "gaussian_nll".

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        out : pair of ndarray, optional
            Arrays to write the means and the standard deviations to.

        Returns
        -------
        mean, std : ndarray (m,), or (m, n) for a y with n columns
            Mean and standard deviation in units of y, and in the dtype of :meth:`predict`.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X cannot be used, or the network has another loss.
        """
        return self._predicting().predict_distribution(X, out)

    def decision_function(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the outputs before the link: logits for classes.

        After :meth:`calibrate` they are divided by the temperature, so that the link turns them into the calibrated
        probabilities.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        out : ndarray (m, n_outputs), or (m,) for one output, optional
            Array to write to, C-contiguous and in the dtype of the network; for values, float32 or float64.

        Returns
        -------
        ndarray (m, n_outputs), or (m,) for one output
            Outputs in the dtype of the network; for values, in the dtype of :meth:`predict`.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X cannot be used.
        """
        return self._predicting().decision_function(X, out)

    # ---- score

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy for classes, or R^2 for values.

        For the loss "quantile" it is D^2: one minus the pinball loss divided by that of constant predictions.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        y : array-like
            True labels or values, as for :meth:`fit`.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.

        Returns
        -------
        float
            Score; larger is better, and 1.0 is perfect.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If an argument cannot be used, or the score is infinite.
        """
        X, y, targets = self._labelled(X, y, sample_weight, scaled=False)
        score = self._predicting().score(X, y, weights_of(targets, y, sample_weight))
        return refusals.finite_score(score)
