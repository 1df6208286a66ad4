"""Predictions of MLPClassifier: labels, probabilities, outputs before the link, prediction sets and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import losses, metrics
from ..artefact import refusals
from ..data.arrays import Array
from . import inputs, sklearn_compat
from .reading import Reading

if TYPE_CHECKING:
    from typing import Self


def _has_decision_function(estimator: Any) -> str | None:
    """Return the reason why an estimator has no decision_function; None if it has one."""
    loss = estimator.network_._configuration.loss if hasattr(estimator, "network_") else estimator.loss
    if loss == "ordinal" or isinstance(loss, losses.Ordinal):
        return (
            "decision_function does not exist for the loss 'ordinal', whose outputs belong to thresholds, not to"
            " classes. Use predict_proba."
        )
    return None


class ClassPredictions(Reading):
    """Base class of :class:`MLPClassifier`: what it predicts after fit."""

    _label_dtype: np.dtype[Any]

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,) in the dtype of y; 0, 1, ... where y has one 0/1 column per label.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(max_iter=1, random_state=0).fit([[0.0], [1.0], [2.0]], ["red", "green", "red"])
        >>> model.classes_.tolist()
        ['green', 'red']
        """
        return np.unique(self.network_.classes_).astype(self._label_dtype)

    def predict(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the label of each row.

        The label is that of the highest probability; between equal ones the first class with a softmax, and the second
        of two classes with a sigmoid, as a probability of 0.5 counts as positive. The loss "ordinal" predicts the
        median.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : ndarray (m,) or (m, n), optional
            Array to write to, of a dtype that holds the labels.

        Returns
        -------
        ndarray (m,), or (m, n) for several labels per row
            Labels in the dtype of ``classes_``; for several labels 0 and 1.

        Raises
        ------
        TypeError, ValueError
            If X or `out` has an invalid type, shape or value.
        NotFittedError
            Before fit.

        See Also
        --------
        predict_proba : Probability of each class.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.predict([[-1.0], [4.0]]).tolist()
        ['low', 'high']
        """
        rows = self._read_rows(X)
        if out is not None:
            return self.network_.predict(rows, out=out)
        labels = self.network_.predict(rows)
        return labels.astype(self._label_dtype, copy=False)

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : ndarray (m, n_classes), optional
            Array to write to, C-contiguous and in the dtype of the network. No memory is then allocated, if X is an
            array of floats.

        Returns
        -------
        ndarray (m, n_classes)
            Probabilities in the dtype of the network, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X or `out` has an invalid type, shape or value.
        NotFittedError
            Before fit.

        See Also
        --------
        calibrate : Calibration of the probabilities on held-out rows.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", alpha=0.1, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(alpha=0.1, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.classes_.tolist(), model.predict_proba([[-1.0], [1.5], [4.0]]).round(2).tolist()
        (['high', 'low'], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
        """
        rows = self._read_rows(X)
        return self.network_.predict_proba(rows, out=out)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of the probability of each class, finite even where a probability rounds to 0.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m, n_classes)
            Logarithms in the dtype of the network, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", alpha=0.1, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(alpha=0.1, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.predict_proba([[1000.0]])[0, 1].item(), model.predict_log_proba([[1000.0]])[0, 1].round().item()
        (0.0, -2647.0)
        """
        rows = self._read_rows(X)
        return self.network_.predict_log_proba(rows)

    @sklearn_compat.AvailableIf(_has_decision_function)
    def decision_function(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the outputs before the link, from which the prediction follows.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        out : ndarray (m,) or (m, n_outputs), optional
            Array to write to, C-contiguous and in the dtype of the network.

        Returns
        -------
        ndarray (m,), or (m, n_outputs) for more than two classes or several labels per row
            For two classes, the logarithm of the odds of ``classes_[1]``; otherwise one column per class or label.

        Notes
        -----
        The method is absent for the loss "ordinal", whose outputs belong to the thresholds between classes.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", alpha=0.1, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"])
        MLPClassifier(alpha=0.1, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.decision_function([[0.0], [3.0]]).round(2)
        array([-3.98,  3.98], dtype=float32)
        """
        rows = self._read_rows(X)
        network = self.network_
        if network._configuration.n_outputs == 2 and self.out_activation_ == "softmax":
            outputs = network.decision_function(rows)
            with np.errstate(over="ignore"):
                odds = np.subtract(outputs[:, 1], outputs[:, 0], out=out)
            refusals.check_rows(odds[:, np.newaxis], "the logarithms of the odds")
            return odds
        return network.decision_function(rows, out=out)

    def calibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate the probabilities by temperature scaling on rows that were not used to fit.

        Parameters
        ----------
        X, y, sample_weight : array-like
            Samples, targets and weights of the rows, as for :meth:`fit`.

        Returns
        -------
        self : MLPClassifier
            Calibrated estimator: the outputs before the link are divided by ``network_.temperature_``, which does not
            change the predicted labels.

        Raises
        ------
        TypeError, ValueError
            If X or y is invalid, or the loss is ordinal.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(max_iter=8, learning_rate_init=0.01, input_scale=1 / 16, random_state=0)
        >>> model.fit(data.X_train[:600], data.y_train[:600])
        MLPClassifier(input_scale=0.0625, learning_rate_init=0.01, max_iter=8, random_state=0)
        >>> round(model.calibrate(data.X_train[600:], data.y_train[600:]).network_.temperature_, 2)
        0.68
        """
        inputs.check_lengths(X, y, sample_weight)
        rows = self._read_rows(X)
        self.network_.calibrate(rows, y, sample_weight=sample_weight)
        return self

    def predict_set(self, X: Any, coverage: float = 0.9) -> Array:
        """Return the prediction set of each row, which holds the true class with a probability of at least `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        coverage : float, default 0.9
            Probability that the set holds the true class, between 0 and 1.

        Returns
        -------
        ndarray (m, n_classes) of bool
            Whether each class is in the set; the columns are in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If :meth:`calibrate_intervals` was not called, or had too few rows for `coverage`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(max_iter=8, learning_rate_init=0.01, input_scale=1 / 16, random_state=0)
        >>> model.fit(data.X_train[:600], data.y_train[:600])
        MLPClassifier(input_scale=0.0625, learning_rate_init=0.01, max_iter=8, random_state=0)
        >>> sets = model.calibrate_intervals(data.X_train[600:], data.y_train[600:]).predict_set(data.X_test, 0.9)
        >>> sets.shape, sets[range(359), data.y_test].mean().round(2).item(), sets.sum(axis=1).max().item()
        ((359, 10), 0.91, 1)
        """
        rows = self._read_rows(X)
        return self.network_.predict_set(rows, coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose label, or whose labels in all columns, are predicted.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        y : array-like (m,) or (m, n)
            True labels.
        sample_weight : array-like (m,), optional
            Weight of each row.

        Returns
        -------
        float

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.score([[-1.0], [4.0], [5.0], [6.0]], ["low", "high", "high", "low"])
        0.75
        """
        inputs.check_lengths(X, y, sample_weight)
        predicted = self.predict(X)
        y = inputs.read_targets(type(self).__name__, y, len(predicted))
        return metrics.accuracy(y, predicted, inputs.read_weights(sample_weight, len(y)))
