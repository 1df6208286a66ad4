"""Comparison of the predictions of a narrow precision with those of float32, from the same weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..common.errors import CompiledNNWarning, count, warn
from ..data import samples

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..data.samples import Samples
    from .narrowing import PredictionPrecision
    from .predictor import Predictor

_FEWEST_EQUAL = 0.9  # share of equal labels below which there is a warning
_ROUNDING = 1e-8  # share of the mean square of values below which their variance is rounding
_MOST_OF_DEVIATION = 0.1  # mean difference of values above which there is one, in standard deviations


@dataclass(frozen=True, repr=False)
class PrecisionReport:
    """Loss of accuracy by a narrow precision: predictions compared with those of float32 from the same weights.

    Attributes
    ----------
    precision : {"bfloat16", "int8"}
        Precision of the products.
    rows : int
        Number of rows.
    outputs : {"probabilities", "values"}
        Outputs that were compared: probabilities of classes, or values in the units of y.
    largest_difference, mean_difference : float
        Largest and mean absolute difference of an output.
    equal_labels : float or None
        Share of the rows with the same predicted label; None for values.
    score, score_float32 : float or None
        Accuracy or R^2 with the precision, and with float32; None without y.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
    >>> net = net.fit(data.X_train, data.y_train, epochs=10)
    >>> report = net.quantize(data.X_train[:300]).compare_precision(data.X_test, data.y_test)
    >>> report.rows, report.equal_labels > 0.98, abs(report.score - report.score_float32) < 0.02
    (359, True, True)
    """

    precision: PredictionPrecision
    rows: int
    outputs: Literal["probabilities", "values"]
    largest_difference: float
    mean_difference: float
    equal_labels: float | None = None
    score: float | None = None
    score_float32: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values by name.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> report = net.quantize([[0.0], [255.0]]).precision_report_.to_dict()
        >>> report["precision"], report["rows"], report["outputs"], report["equal_labels"]
        ('int8', 2, 'values', None)
        """
        return asdict(self)

    def __repr__(self) -> str:
        text = (
            f"{self.precision} compared with float32 on {count(self.rows, 'row')}: {self.outputs} differ by"
            f" {self.mean_difference:.2g} on average and by {self.largest_difference:.2g} at most"
        )
        if self.equal_labels is not None:
            text += f"; {100 * self.equal_labels:.5g} % of the labels are equal"
        if self.score is not None:
            text += f"; score {self.score:.4g}, with float32 {self.score_float32:.4g}"
        return text


def compare(
    narrow: Predictor,
    exact: Predictor,
    rows: Samples,
    y: Array | None = None,
    weights: Array | None = None,
    *,
    warns: bool = False,
) -> PrecisionReport:
    """Compare two predictors of the same model.

    Parameters
    ----------
    narrow, exact : Predictor
        Predictors of the narrow precision and of float32.
    rows : ndarray or SparseRows (m, k)
        Rows, converted for the core.
    y : ndarray, optional
        Encoded y; values are in their own units.
    weights : ndarray (m,), optional
        Weight of each row, for the scores.
    warns : bool, default False
        Whether there is a warning if the predictions differ much.
    """
    both = narrow.of_encoded(), exact.of_encoded()
    classifies = narrow.outputs.loss.classifies
    largest, equal, total, moments = 0.0, 0, np.zeros(1), np.zeros((2, 1))
    for part in samples.parts(rows, narrow.outputs.n_outputs):
        some = samples.between(rows, part.start, part.stop)
        found, expected = (_outputs(each, some).reshape(len(some), -1) for each in both)
        differences = np.abs(found - expected)
        largest, total = max(largest, float(differences.max())), total + differences.sum(axis=0)
        with np.errstate(over="ignore"):
            moments = moments + np.stack([expected.sum(axis=0), (expected**2).sum(axis=0)])
        if classifies:
            same = np.equal(*(each.predict(some) for each in both)).reshape(len(differences), -1)
            equal += int(same.all(axis=1).sum())
    means = total / len(rows)
    report = PrecisionReport(
        narrow.precision,
        len(rows),
        "probabilities" if classifies else "values",
        largest,
        float(means.mean()),
        equal / len(rows) if classifies else None,
        *(None if y is None else each.score(rows, y, weights) for each in both),
    )
    if warns:
        _warn_of_differences(report, means, deviations_of(*moments / len(rows)))
    return report


def deviations_of(mean: Array, square: Array) -> Array:
    """Return standard deviations from means and mean squares; 0 for numbers that differ only by rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        variance = square - mean**2
        return np.sqrt(np.where(variance > _ROUNDING * square, variance, 0))


def _warn_of_differences(report: PrecisionReport, differences: Array, deviations: Array) -> None:
    """Warn if many labels differ, or the values of an output by much of their standard deviation."""
    if report.equal_labels is not None:
        if report.equal_labels >= _FEWEST_EQUAL:
            return
        what = f"{100 * (1 - report.equal_labels):.3g} % of the labels"
    else:
        varies = deviations > 0
        ratio = float((differences[varies] / deviations[varies]).max(initial=0))
        if ratio <= _MOST_OF_DEVIATION:
            return
        what = f"values by {ratio:.2g} of their standard deviation on average"
    remedy = "Use more calibration rows, and standardize='robust_smooth_clip' for columns with a few very large numbers"
    warn(
        f"{report.precision} changes {what}, of {count(report.rows, 'row')}: see precision_report_."
        f" {remedy if report.precision == 'int8' else 'Use float32'}.",
        CompiledNNWarning,
    )


def _outputs(predictor: Predictor, rows: Samples) -> Array:
    """Return probabilities, or values in the units of y, in float64."""
    found = predictor.predict_proba(rows) if predictor.outputs.loss.classifies else predictor.values(rows)
    return found.astype(np.float64)
