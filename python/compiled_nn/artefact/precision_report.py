"""Comparison of the predictions of a narrow precision with those of float32, from the same weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..common.errors import count
from ..data import samples

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..data.samples import Samples
    from .narrowing import PredictionPrecision
    from .predictor import Predictor


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
    narrow: Predictor, exact: Predictor, rows: Samples, y: Array | None = None, weights: Array | None = None
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
    """
    both = narrow.of_encoded(), exact.of_encoded()
    classifies = narrow.outputs.loss.classifies
    largest, total, n, equal = 0.0, 0.0, 0, 0
    for part in samples.parts(rows, narrow.outputs.n_outputs):
        some = samples.between(rows, part.start, part.stop)
        found, expected = (_outputs(each, some) for each in both)
        differences = np.abs(found - expected)
        largest, total = max(largest, float(differences.max())), total + float(differences.sum())
        n += differences.size
        if classifies:
            same = np.equal(*(each.predict(some) for each in both)).reshape(len(differences), -1)
            equal += int(same.all(axis=1).sum())
    scores = [None if y is None else each.score(rows, y, weights) for each in both]
    return PrecisionReport(
        narrow.precision,
        len(rows),
        "probabilities" if classifies else "values",
        largest,
        total / n,
        equal / len(rows) if classifies else None,
        *scores,
    )


def _outputs(predictor: Predictor, rows: Samples) -> Array:
    """Return probabilities, or values in the units of y, in float64."""
    found = predictor.predict_proba(rows) if predictor.outputs.loss.classifies else predictor.values(rows)
    return found.astype(np.float64)
