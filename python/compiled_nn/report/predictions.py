"""Sections of the page about the predictions: of classes, of several labels, and of values with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import metrics, plotting
from ..data.arrays import Array
from ..metrics import inputs
from . import page, pictures
from .scores import aligned
from .subject import Subject

_MOST_CLASSES = 100  # in the table of classes
_POINTS: dict[str, Any] = {"n_points": 1000}  # of a cloud in the page
_SHARES = (0.5, 0.9, 0.99, 1.0)
_HEAD = ("class", "rows", "precision", "recall")


def section(subject: Subject, coverage: float | None) -> str:
    """Return the section of the predictions; "" for several values per row."""
    if subject.kind == "classes":
        parts = _classes(subject, coverage)
    elif subject.kind == "labels":
        y, called = subject.y >= 0.5, subject.predicted >= 0.5
        right, rows, predicted = (part.sum(axis=0) for part in (y & called, y, called))
        parts = [_table(right, rows, predicted, subject.class_names)]
    elif subject.kind == "quantiles":
        parts = [_quantiles(subject), *([] if subject.points is None else _values(subject, None))]
    else:
        parts = _values(subject, coverage) if subject.kind == "value" else []
    return page.section("Predictions", *parts)


def coverage_text(subject: Subject, coverage: float | None) -> str:
    """Return how often the truth is in the intervals or sets of a coverage; "" without them."""
    if coverage is None or subject.kind not in ("classes", "value"):
        return ""
    rows, wanted = f"of {subject.scored_rows}", f"{100 * coverage:.4g}%"
    if subject.kind == "classes":
        sets = subject.model.predict_set(subject.X, coverage)
        inside = sets[np.arange(len(subject.y)), np.searchsorted(subject.labels, subject.y)].mean()
        size = sets.sum(axis=1).mean()
        said = f"Sets of classes that shall contain the class of {wanted} of the rows do so in {inside:.1%} {rows};"
        return f"{said} a set has {size:.3g} classes on average."
    lower, upper = subject.model.predict_interval(subject.X, coverage)
    y = subject.y.reshape(lower.shape)
    inside = np.mean((lower <= y) & (y <= upper))
    width = np.mean(upper - lower, dtype=np.float64)
    said = f"Intervals that shall contain the value of {wanted} of the rows do so in {inside:.1%} {rows};"
    return f"{said} their mean width is {width:.4g}."


def _classes(subject: Subject, coverage: float | None) -> list[str]:
    y, p, labels = subject.y, subject.probabilities, subject.labels
    true, predicted, _ = inputs.label_pair(y, subject.predicted, labels)
    n, counts = min(len(labels), _MOST_CLASSES), metrics.confusion(true, predicted, len(labels))
    table = _table(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0), subject.class_names[:n])
    rest = f"{len(labels) - n:,} further classes are not shown." if n < len(labels) else ""
    parts = [table, page.paragraph(rest, "note") if rest else ""]
    if not pictures.available():
        return parts
    pairs: dict[str, Any] = {"labels": labels, "class_names": subject.class_names}
    confusion = plotting.ConfusionMatrixDisplay.from_predictions
    drawn = [
        pictures.figure(
            "confusion",
            lambda: confusion(y, subject.predicted, **pairs),
            "Rows of each class, and their predictions.",
        )
    ]
    if len(labels) > 1:
        drawn += [
            pictures.figure(
                "reliability",
                lambda: plotting.CalibrationDisplay.from_predictions(y, p, **pairs),
                "Reliability of the probabilities: on the dotted line they are exact.",
            ),
            pictures.figure(
                "roc",
                lambda: plotting.RocCurveDisplay.from_predictions(y, p, **pairs),
                "ROC curve: share of the class that is found, over the share of the others that is taken for it.",
            ),
            pictures.figure(
                "precision",
                lambda: plotting.PrecisionRecallDisplay.from_predictions(y, p, **pairs),
                "Precision: share of the class among the rows that are taken for it; recall: share of the class that "
                "is found.",
            ),
        ]
    return [*parts, page.figures(drawn)]


def _table(right: Array, rows: Array, called: Array, names: list[str]) -> str:
    """Return the table of the classes, from their numbers of right predictions, of rows, and of predictions."""
    cells = [
        [name, f"{rows[i]:,.0f}", _share(right[i], called[i]), _share(right[i], rows[i])]
        for i, name in enumerate(names)
    ]
    return page.table(_HEAD, cells, kinds=("", *["number"] * 3))


def _values(subject: Subject, coverage: float | None) -> list[str]:
    y, predicted = subject.y, subject.points
    assert predicted is not None
    errors = aligned(np.quantile(abs(y - predicted), _SHARES).tolist())
    rows = [[f"{share:.0%} of the rows", error] for share, error in zip(_SHARES, errors, strict=True)]
    parts = [page.table(("share", "absolute error at most"), rows, kinds=("", "number"))]
    if not pictures.available():
        return parts
    make = plotting.PredictionErrorDisplay.from_predictions
    drawn = [
        pictures.figure(
            "errors",
            lambda: make(y, predicted, kind="actual_vs_predicted", **_POINTS),
            "Actual over predicted values; exact predictions are on the dashed line.",
        ),
        pictures.figure(
            "residuals", lambda: make(y, predicted, **_POINTS), "Residuals: actual minus predicted values."
        ),
    ]
    if coverage is not None:
        lower, upper = subject.model.predict_interval(subject.X, coverage)
        options: dict[str, Any] = {"y_pred": predicted, "nominal": coverage}
        interval = plotting.IntervalDisplay.from_predictions
        drawn.append(
            pictures.figure(
                "intervals",
                lambda: interval(y, lower, upper, **options),
                f"Prediction intervals for {100 * coverage:.4g}% of the rows.",
            )
        )
    return [*parts, page.figures(drawn)]


def _quantiles(subject: Subject) -> str:
    """Return the table of the shares of the values that are not above a predicted quantile."""
    predicted = subject.predicted.reshape(len(subject.y), len(subject.quantiles))
    below = (subject.y[:, None] <= predicted).mean(axis=0)
    rows = [[f"{level:g}", f"{share:.3f}"] for level, share in zip(subject.quantiles, below, strict=True)]
    return page.table(("quantile", "values at most"), rows, kinds=("", "number"))


def _share(part: int, whole: int) -> str:
    """Return a share as text; "" of nothing."""
    return f"{part / whole:.3f}" if whole else ""
