"""Narrow precisions of a model: quantisation to int8, and the comparison of its predictions with those of float32."""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..training.targets import weights_of
from .predicting import Predicting

if TYPE_CHECKING:
    from typing import Self

    from ..artefact.narrowing import PredictionPrecision
    from ..artefact.precision_report import PrecisionReport
    from ..artefact.predictor import Predictor
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..training.validation import Validation


class Comparing:
    """Method of networks and estimators that measures what a narrow precision changes."""

    def compare_precision(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> PrecisionReport:
        """Compare the predictions of the narrow precision with those of float32, from the same weights.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``: those of a test part show what the precision costs for new rows.
        y : array-like, optional
            True labels or values, as for ``fit``. The report then has the scores.
        sample_weight : array-like (m,), optional
            Weight of each row, for the scores.

        Returns
        -------
        PrecisionReport
            Differences of the outputs, share of equal labels, and scores.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        TypeError, ValueError
            If X or y cannot be used, or the model predicts with float32 or float64.

        See Also
        --------
        quantize : Copy that predicts with int8.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
        >>> net = cnn.Network(layers, input_scale=1 / 16, precision="bfloat16", seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=10)
        >>> report = net.compare_precision(data.X_test, data.y_test)
        >>> report.rows, report.equal_labels > 0.98
        (359, True)
        """
        return self._precision_report(X, y, sample_weight)

    @abstractmethod
    def _precision_report(self, X: Any, y: Any, sample_weight: Any) -> PrecisionReport:
        """Return the report of `compare_precision`."""


class Narrowing(Comparing, Predicting):
    """Methods of a model that narrow its precision, and measure what that changes."""

    precision_report_: PrecisionReport

    @abstractmethod
    def _predicting_in(self, precision: PredictionPrecision) -> Predictor:
        """Return a new predictor for the present weights with another precision."""

    @abstractmethod
    def _measure_ranges(self, rows: Samples) -> None:
        """Set the ranges of the inputs of all layers from calibration rows; the model then predicts with int8."""

    @property
    def precision_(self) -> PredictionPrecision:
        """Precision of the products of predictions: the parameter `precision`, or "int8" after :meth:`quantize`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> net.precision_, net.quantize([[0.0], [255.0]]).precision_
        ('float32', 'int8')
        """
        return "int8" if self._is_quantized else self._configuration.precision

    def quantize(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Return a copy that predicts with weights of int8. The model itself is not changed.

        The weights of each layer become whole numbers from -127 to 127 with one scale for each unit, and the inputs of
        each layer whole numbers from 0 to 255, with one scale and shift for each column of X, and one pair for the
        inputs of each later layer. Their products are summed exactly. Biases, activations and everything else remain
        float32. The copy has the report of the loss of accuracy on X as `precision_report_`.

        The copy only predicts: methods that train it or set its weights are refused.

        Parameters
        ----------
        X : array-like (m, k)
            Calibration rows, as for :meth:`predict`: some hundred training rows. They determine the ranges of the
            inputs of each layer; numbers beyond a range are replaced by its end.
        y : array-like, optional
            True labels or values of these rows, as for :meth:`fit`. The report then has the scores.
        sample_weight : array-like (m,), optional
            Weight of each row, for the scores.

        Returns
        -------
        Network or Ensemble
            Copy of this model.

        Raises
        ------
        NotFittedError
            If the model has no weights yet.
        TypeError, ValueError
            If X or y cannot be used, the dtype is not float32, a layer has more than 65,000 inputs, or the model is
            quantised already.

        Warns
        -----
        CompiledNNWarning
            If a column has one value in all calibration rows, but had several in training; or int8 changes more than a
            tenth of the labels of these rows, or their values by more than a tenth of the standard deviation.

        See Also
        --------
        compare_precision : Loss of accuracy on other rows.
        to_onnx : File with the same products, as QuantizeLinear and DequantizeLinear.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=10)
        >>> narrow = net.quantize(data.X_train[:300], data.y_train[:300])
        >>> narrow.precision_, narrow.precision_report_.equal_labels > 0.98
        ('int8', True)
        >>> abs(narrow.score(data.X_test, data.y_test) - net.score(data.X_test, data.y_test)) < 0.02
        True
        """
        self._fitted()
        if self._is_quantized:
            raise ValueError(
                f"This {self._owner} is quantised already. Call quantize of the {self._noun} that it was made from."
            )
        if self._configuration.dtype != "float32":
            raise ValueError(
                f"quantize needs dtype 'float32'; dtype is {self._configuration.dtype!r}. Create the {self._noun} with"
                " dtype='float32'."
            )
        from ..artefact import calibration_rows  # imported here to keep `import compiled_nn` fast

        rows, encoded, weights = self._read_labelled(X, y, sample_weight)
        other = deepcopy(self)
        other._measure_ranges(rows)
        calibration_rows.check(rows, self._known_inputs())
        other._compare(rows, encoded, weights)
        return other

    # ---- parts

    def _precision_report(self, X: Any, y: Any, sample_weight: Any) -> PrecisionReport:
        self._fitted()
        if self.precision_ == "float32":
            raise ValueError(
                f"compare_precision compares a narrow precision with float32; this {self._noun} predicts with"
                f" {self._configuration.dtype}. Create it with precision='bfloat16', or call it on the result of"
                " quantize."
            )
        rows, encoded, weights = self._read_labelled(X, y, sample_weight)
        return self._compared(rows, encoded, weights)

    def _read_labelled(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Samples, Array | None, Array | None]:
        """Return X, y and the weights of the rows for the core; None for those that are not given."""
        if y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight is for the scores, which need y. Pass y, or leave it out.")
            return self._known_inputs().read(X), None, None
        rows, encoded, targets = self._labelled(X, y, sample_weight, scaled=False)
        return rows, encoded, weights_of(targets, encoded, sample_weight)

    def _compared(
        self, rows: Samples, y: Array | None, weights: Array | None, *, warns: bool = False
    ) -> PrecisionReport:
        from ..artefact.precision_report import compare  # imported here to keep `import compiled_nn` fast

        return compare(self._predicting(), self._predicting_in("float32"), rows, y, weights, warns=warns)

    def _compare(self, rows: Samples, y: Array | None, weights: Array | None) -> None:
        """Set `precision_report_` from some rows, and warn if the precision changes much."""
        self.precision_report_ = self._compared(rows, y, weights, warns=True)

    def _compare_held_out(self, held_out: Validation | None) -> None:
        """Set `precision_report_` from the validation rows of training with a narrow precision; without, remove it."""
        if held_out is not None and self.precision_ != "float32":
            self._compare(held_out.X, held_out.y, held_out.weights)
        elif hasattr(self, "precision_report_"):
            del self.precision_report_
