"""Scores of the rows of a report, beside those of a constant prediction."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import metrics
from ..common.errors import CompiledNNWarning
from ..data.arrays import Array
from ..metrics import Metric
from .subject import Subject

_TITLES = {
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "roc_auc": "area under the ROC curve",
    "r2": "R²",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "d2_pinball": "D² of the pinball loss",
}
_OF_CLASSES = ("accuracy", "balanced_accuracy", "log_loss", "roc_auc")
_OF_VALUES = ("r2", "rmse", "mae")
_CONSTANTS = {
    "classes": "the most frequent class",
    "labels": "the most frequent value of each label",
    "value": "the mean",
    "values": "the means",
    "quantiles": "the quantiles of all rows",
}


class Score(NamedTuple):
    """Score of the model and of a constant prediction; NaN where it is not defined.

    Attributes
    ----------
    title : str
        Name.
    model, constant : float
        Scores.
    greater_is_better : bool
        Whether greater values are better.
    """

    title: str
    model: float
    constant: float
    greater_is_better: bool = True

    def cells(self) -> list[str]:
        """Return the row of a table."""
        direction = "" if self.greater_is_better else ", lower is better"
        return [f"{self.title}{direction}", *aligned([self.model, self.constant])]


def constant(subject: Subject) -> str:
    """Return the words for the constant prediction."""
    return _CONSTANTS[subject.kind]


def title(name: str) -> str:
    """Return the name of a metric in words."""
    return _TITLES.get(name, name)


def aligned(values: list[float]) -> list[str]:
    """Return numbers with the same number of decimals: four significant digits of the largest one."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    digits = 3 - math.floor(math.log10(largest)) if largest else 3
    if digits > 7 or largest >= 1e9:
        return ["not defined" if math.isnan(value) else f"{value:.3e}" if value else "0" for value in values]
    return ["not defined" if math.isnan(value) else _fixed(value, max(digits, 0)) for value in values]


def compute(subject: Subject) -> list[Score]:
    """Return the scores, those of the user first."""
    if subject.kind == "labels":
        return _of_labels(subject)
    found = _of_quantiles(subject) if subject.kind == "quantiles" else []
    if subject.points is None:
        return found
    usual = _OF_CLASSES if subject.kind == "classes" else _OF_VALUES
    names = [metric.name for metric in subject.metrics]
    others = [metrics.resolve(name) for name in usual if name not in names]  # type: ignore[arg-type]
    wanted = [*subject.metrics, *others]
    chosen = [metric.name for metric in subject.metrics]
    scored = [_score(subject, metric, metric.name in chosen) for metric in wanted]
    return [*found, *(score for score in scored if score is not None)]


def _score(subject: Subject, metric: Metric, is_chosen: bool) -> Score | None:
    """Return a score; one that was not chosen is None if it is not defined for the rows."""
    probable = metric.needs == "probabilities"
    predicted = subject.probabilities if probable else subject.points
    options = {"classes": subject.labels} if subject.kind == "classes" else {}
    model = _measured(lambda: metric(subject.y, predicted, **options))
    base = _measured(lambda: metric(subject.y, _constants(subject, probable), **options))
    if math.isnan(model) and not is_chosen:
        return None
    name = title(metric.name)
    name += (
        f" ({metric.name})" if is_chosen and name not in (metric.name, metric.name.replace("_", " ")) else ""
    )
    return Score(name, model, base, metric.greater_is_better)


def _measured(measure: Callable[[], float]) -> float:
    """Return a metric; NaN if it is not defined for the rows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompiledNNWarning)  # undefined scores are marked on the page
            value = float(measure())
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _constants(subject: Subject, probable: bool) -> Array:
    """Return the constant prediction for each row."""
    basis, m = subject.basis, len(subject.y)
    if subject.kind != "classes":
        middle = np.median(basis) if subject.kind == "quantiles" else basis.mean(axis=0, dtype=np.float64)
        return np.broadcast_to(middle, subject.y.shape)
    labels, counts = np.unique(basis, return_counts=True)
    if not probable:
        return np.full(m, labels[counts.argmax()], dtype=labels.dtype)
    share = np.zeros(len(subject.labels))
    share[np.searchsorted(subject.labels, labels)] = counts / counts.sum()
    return np.broadcast_to(share, (m, len(share)))


def _of_labels(subject: Subject) -> list[Score]:
    """Return the scores of rows with several labels."""
    y, predicted = subject.y >= 0.5, subject.predicted >= 0.5
    most = np.broadcast_to(subject.basis.mean(axis=0) >= 0.5, y.shape)
    return [
        Score("labels that are right", float((y == predicted).mean()), float((y == most).mean())),
        Score(
            "rows with all labels right",
            float((y == predicted).all(axis=1).mean()),
            float((y == most).all(axis=1).mean()),
        ),
    ]


def _of_quantiles(subject: Subject) -> list[Score]:
    """Return the mean pinball loss of the predicted quantiles."""
    y, levels = subject.y, subject.quantiles
    predicted = subject.predicted.reshape(len(y), len(levels))
    fixed = np.broadcast_to(np.quantile(subject.basis, levels), predicted.shape)

    def loss(values: Array) -> float:
        pairs: Any = zip(values.T, levels, strict=True)
        return float(np.mean([metrics.pinball(y, column, quantile=level) for column, level in pairs]))

    return [Score("pinball loss", loss(predicted), loss(fixed), False)]


def _fixed(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not float(text.replace(",", "")) else text
