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
        """Sorted labels (n_classes,) in the dtype of y; 0, 1, ... where y has one 0/1 column per label."""
        return np.unique(self.network_.classes_).astype(self._label_dtype)

    def predict(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the label (m,) of each row of X (m, k) in the dtype of ``classes_``; for several labels 0/1 (m, n).

        `out` is an array to write to, of a dtype that holds the labels.
        The label is that of the highest probability; between equal ones the first class with a softmax, and the second
        of two classes with a sigmoid, as a probability of 0.5 counts as positive. The loss "ordinal" predicts the
        median.
        """
        rows = self._read_rows(X)
        if out is not None:
            return self.network_.predict(rows, out=out)
        labels = self.network_.predict(rows)
        return labels.astype(self._label_dtype, copy=False)

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class (m, n_classes) for X (m, k), in the order of ``classes_``.

        `out` is an array to write to, C-contiguous and in the dtype of the network. No memory is then allocated, if X
        is an array of floats.
        """
        rows = self._read_rows(X)
        return self.network_.predict_proba(rows, out=out)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities (m, n_classes), finite even where a probability rounds to 0."""
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
        """
        inputs.check_lengths(X, y, sample_weight)
        predicted = self.predict(X)
        y = inputs.read_targets(type(self).__name__, y, len(predicted))
        return metrics.accuracy(y, predicted, inputs.read_weights(sample_weight, len(y)))
