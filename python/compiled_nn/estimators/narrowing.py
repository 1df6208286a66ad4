"""Narrow precisions of an estimator: those of its network, for rows that the estimator reads."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import TYPE_CHECKING, Any

from ..network.narrowing import Comparing
from . import inputs
from .exchanging import EstimatorExchanging

if TYPE_CHECKING:
    from typing import Self

    from ..artefact.narrowing import PredictionPrecision
    from ..artefact.precision_report import PrecisionReport


class EstimatorNarrowing(Comparing, EstimatorExchanging):
    """Methods of a fitted estimator that narrow its precision, and measure what that changes."""

    @abstractmethod
    def _read_rows(self, X: Any) -> Any:
        """Return X checked for `network_`; raise NotFittedError before fit."""

    def _with_network(self, network: Any) -> Self:
        """Return a copy of the estimator with another network."""
        other = copy(self)
        other.network_ = network  # type: ignore[attr-defined]
        return other

    @property
    def _is_quantized(self) -> bool:
        """Whether fit was replaced by `quantize`, so that the estimator only predicts."""
        return bool(getattr(getattr(self, "network_", None), "_is_quantized", False))

    @property
    def precision_(self) -> PredictionPrecision:
        """Precision of the products of predictions: the parameter `precision`, or "int8" after :meth:`quantize`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(max_iter=1, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.precision_, model.quantize([[0.0], [1.0]]).precision_
        ('float32', 'int8')
        """
        found: PredictionPrecision = self._network().precision_
        return found

    @property
    def precision_report_(self) -> PrecisionReport:
        """Comparison with float32 by the last fit on validation rows, or by :meth:`quantize`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(max_iter=1, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.quantize([[0.0], [1.0]]).precision_report_.rows
        2
        """
        report: PrecisionReport = self._network().precision_report_
        return report

    def quantize(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Return a copy that predicts with weights of int8; documented in :meth:`Network.quantize`.

        The copy only predicts: its methods that train are refused. The estimator itself is not changed, and
        ``sklearn.base.clone`` of the copy is an estimator that is not fitted.

        Parameters
        ----------
        X : array-like (m, k)
            Calibration rows, as for ``predict``: some hundred training rows.
        y : array-like, optional
            Targets of these rows. ``precision_report_`` then has the scores.
        sample_weight : array-like (m,), optional
            Weight of each row, for the scores.

        Returns
        -------
        estimator
            Copy of this estimator.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If X or y is invalid, `dtype` is not "float32", or the estimator is quantised already.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(max_iter=8, learning_rate_init=0.01, input_scale=1 / 16, random_state=0)
        >>> narrow = model.fit(data.X_train, data.y_train).quantize(data.X_train[:300])
        >>> report = narrow.compare_precision(data.X_test, data.y_test)
        >>> narrow.precision_, abs(report.score - report.score_float32) < 0.02
        ('int8', True)
        """
        inputs.check_lengths(X, y, sample_weight)
        rows = self._read_rows(X)
        return self._with_network(self._network().quantize(rows, y, sample_weight=sample_weight))

    def _precision_report(self, X: Any, y: Any, sample_weight: Any) -> PrecisionReport:
        inputs.check_lengths(X, y, sample_weight)
        rows = self._read_rows(X)
        report: PrecisionReport = self._network().compare_precision(rows, y, sample_weight=sample_weight)
        return report
