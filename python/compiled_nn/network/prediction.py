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

        See Also
        --------
        predict_proba : Probability of each class.
        predict_interval : Intervals of values.
        predict_set : Sets of classes.

        Notes
        -----
        Any number of threads may predict with one network, also while it is trained: then with the weights after one
        whole step, the last one before the core returned to Python. The first such call after a step waits for the end
        of the running slice of training, which takes less than 0.1 s (a batch with batch normalisation is one slice).

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
        >>> net = cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(2)], optimizer="lbfgs", seed=0).fit(X, y)
        >>> net.predict([[0, 1], [1, 1]]).tolist()
        ['yes', 'no']
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

        See Also
        --------
        predict_log_proba : Logarithms, also of probabilities that round to 0.
        calibrate : Temperature that corrects probabilities which are too high or too low.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0], [1.0], [2.0], [2.0], [3.0]], ["cold", "cold", "warm", "cold", "warm", "warm"]
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit(X, y)
        >>> net.classes_.tolist()
        ['cold', 'warm']
        >>> net.predict_proba([[0.5], [1.5]]).round(2)
        array([[0.8, 0.2],
               [0.5, 0.5]], dtype=float32)
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

        See Also
        --------
        predict_proba : Probabilities.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0], [1.0], [2.0], [2.0], [3.0]], ["cold", "cold", "warm", "cold", "warm", "warm"]
        >>> net = cnn.Network([cnn.Dense(2)], optimizer="lbfgs", seed=0).fit(X, y)
        >>> net.predict_proba([[500.0]])
        array([[0., 1.]], dtype=float32)
        >>> net.predict_log_proba([[500.0]]).round(-1)
        array([[-690.,    0.]], dtype=float32)
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

        See Also
        --------
        compiled_nn.losses.GaussianNLL : Loss with which a network predicts distributions.
        predict_interval : Intervals with a given coverage.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [4.0, 6.0, 9.9, 10.1]
        >>> net = cnn.Network([cnn.Dense(2)], loss="gaussian_nll", optimizer="lbfgs", seed=0).fit(X, y)
        >>> mean, deviation = net.predict_distribution([[0.0], [1.0]])
        >>> mean.round(1), deviation.round(1)
        (array([ 5., 10.]), array([1. , 0.1]))
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

        See Also
        --------
        predict_proba : Probabilities, from these outputs by the link.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[0.0], [1.0], [1.0], [2.0], [2.0], [3.0]], ["cold", "cold", "warm", "cold", "warm", "warm"]
        >>> net = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", optimizer="lbfgs", seed=0).fit(X, y)
        >>> net.decision_function([[0.5], [2.5]]).round(1)  # above 0: "warm"
        array([-1.4,  1.4], dtype=float32)
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

        See Also
        --------
        loss : Mean loss.
        compiled_nn.metrics : Other scores.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=10)
        >>> round(net.score(data.X_test, data.y_test), 2)
        0.94
        """
        X, y, targets = self._labelled(X, y, sample_weight, scaled=False)
        score = self._predicting().score(X, y, weights_of(targets, y, sample_weight))
        return refusals.finite_score(score)
