"""Sections of the page, each of a subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import metrics, plotting
from ..common.errors import count
from ..metrics import inputs
from . import columns, page, pictures
from .subject import Subject, scores

_MOST_CLASSES = 100  # in the table of classes
_MOST_DEPENDENT = 3  # columns whose partial dependence is drawn
_MOST_IN_TABLE = 30  # columns in the table of importances
_POINTS: dict[str, Any] = {"n_points": 1000}  # of a cloud in the page


def made(subject: Subject, details: Mapping[str, Any]) -> str:
    """Return the section of how the model was made, with the rows."""
    table = [[name, value] for name, value in details.items()]
    if not details and subject.y_train is not None:
        table.append(["rows to train on", f"{len(subject.y_train):,}"])
    table.append(["rows of the scores", f"{len(subject.y):,} {subject.part} rows"])
    parts = [page.table((), table)]
    if subject.part != "test":
        parts.append(
            page.paragraph("There are no test rows: the scores are those of rows that were trained on.")
        )
    if not pictures.available():
        parts.append(
            page.paragraph(
                'The pictures need matplotlib, which is not installed: pip install "compiled-nn[plot]"'
            )
        )
    return page.section("How it was made", *parts)


def score_table(subject: Subject) -> str:
    """Return the section of the scores beside those of a constant prediction."""
    constant = "most frequent class" if subject.classifies else "mean"
    rows = [[name, f"{value:.4g}", f"{base:.4g}"] for name, value, base in scores(subject)]
    head = ("score", "model", f"always the {constant}")
    return page.section("Scores", page.table(head, rows, numbers=2))


def data(subject: Subject) -> str:
    """Return the section of the columns."""
    X = subject.X if subject.X_train is None else subject.X_train
    rows, note = columns.describe(subject.network, X)
    return page.section(
        "Columns",
        page.table(columns.HEAD, rows) if rows else "",
        page.paragraph(note, note=True) if note else "",
    )


def training(subject: Subject) -> str:
    """Return the section of the loss by epoch."""
    history = getattr(subject.network, "history", None)
    if not history or not history["epoch"]:
        return ""
    epochs, best = len(history["epoch"]), getattr(subject.network, "best_epoch_", None)
    said = f"{count(epochs, 'epoch')}; the last training loss is {history['loss'][-1]:.4g}."
    if best is not None:
        said += f" The weights are those of epoch {best:,}, the best one."
    drawn = []
    if pictures.available():
        drawn.append(
            _figure(
                "loss", lambda: plotting.LossCurveDisplay.from_estimator(subject.network), "Loss by epoch."
            )
        )
    return page.section("Training", page.paragraph(said), page.figures(drawn))


def class_table(subject: Subject) -> str:
    """Return the section of the predictions of classes."""
    y, labels, names = subject.y, subject.labels, subject.class_names
    true, predicted, _ = inputs.label_pair(y, subject.predicted, labels)
    counts = metrics.confusion(true, predicted, len(labels))
    right, rows_of, called = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    rows = [
        [names[i], f"{rows_of[i]:,}", _share(right[i], called[i]), _share(right[i], rows_of[i])]
        for i in range(min(len(names), _MOST_CLASSES))
    ]
    head = ("class", "rows", "precision", "recall")
    table = page.table(head, rows, numbers=3)
    drawn = []
    if pictures.available():
        p, pairs = subject.probabilities, _pairs(subject)
        confusion = plotting.ConfusionMatrixDisplay.from_predictions
        drawn = [
            _figure(
                "confusion",
                lambda: confusion(y, subject.predicted, **pairs),
                "Rows of each class, and their predictions.",
            ),
            _figure(
                "reliability",
                lambda: plotting.CalibrationDisplay.from_predictions(y, p, **pairs),
                "Reliability of the probabilities: on the dotted line they are exact.",
            ),
            _figure(
                "roc",
                lambda: plotting.RocCurveDisplay.from_predictions(y, p, **pairs),
                "ROC curve: share of the class that is found, over the share of the others that is taken for it.",
            ),
            _figure(
                "precision",
                lambda: plotting.PrecisionRecallDisplay.from_predictions(y, p, **pairs),
                "Precision over recall.",
            ),
        ]
    return page.section("Predictions", table, page.figures(drawn))


def value_table(subject: Subject, coverage: float | None) -> str:
    """Return the section of the predictions of values."""
    if not subject.one_target:
        return ""
    y, predicted = subject.y, subject.predicted.reshape(len(subject.y))
    errors = abs(y - predicted)
    shares = (0.5, 0.9, 0.99, 1.0)
    rows = [[f"{share:.0%} of the rows", f"{np.quantile(errors, share):.4g}"] for share in shares]
    parts = [page.table(("absolute error at most", ""), rows, numbers=1)]
    drawn = []
    if pictures.available():
        make = plotting.PredictionErrorDisplay.from_predictions
        drawn = [
            _figure(
                "errors",
                lambda: make(y, predicted, kind="actual_vs_predicted", **_POINTS),
                "Actual over predicted values; exact predictions are on the dashed line.",
            ),
            _figure(
                "residuals",
                lambda: make(y, predicted, **_POINTS),
                "Residuals: actual minus predicted values.",
            ),
        ]
    if coverage is not None:
        lower, upper = subject.model.predict_interval(subject.X, coverage)
        inside = float(np.mean((lower <= y) & (y <= upper)))
        width = float(np.mean(upper - lower))
        said = f"Intervals for {coverage:.4g} of the rows contain {inside:.1%} of the values;"
        said += f" their mean width is {width:.4g}."
        parts.append(page.paragraph(said))
        if pictures.available():
            options: dict[str, Any] = {"y_pred": predicted, "nominal": coverage}
            interval = plotting.IntervalDisplay.from_predictions
            drawn.append(
                _figure("intervals", lambda: interval(y, lower, upper, **options), "Prediction intervals.")
            )
    return page.section("Predictions", *parts, page.figures(drawn))


def importance(subject: Subject) -> str:
    """Return the section of the importances of the columns, and of what the prediction does over the top ones."""
    result = subject.importances
    names, mean, std = result.feature_names, result.importances_mean, result.importances_std
    rows = [[names[i], f"{mean[i]:.4g}", f"{std[i]:.2g}"] for i in result.order[:_MOST_IN_TABLE]]
    said = f"Change of {result.metric} if the values of the column are shuffled among the rows; 0: it is not used."
    drawn = []
    if pictures.available():
        display = plotting.PermutationImportanceDisplay.from_importances
        drawn.append(_figure("importance", lambda: display(result), "Importance of the columns."))
        top = [int(i) for i in result.order[:_MOST_DEPENDENT] if mean[i] > 0]
        drawn += [
            _dependence(subject, i, str(names[i]))
            for i in top
            if subject.one_target and not subject.predicts_quantiles
        ]
    return page.section(
        "Importance",
        page.paragraph(said),
        page.figures(drawn),
        page.table(("column", "importance", "standard deviation"), rows, numbers=2),
    )


def model(subject: Subject) -> str:
    """Return the section of the layers and the parameters."""
    head, *layers = subject.network.summary().rows()
    facts = [
        ["parameters", f"{subject.network.n_parameters:,}"],
        ["model", repr(subject.model)],
    ]
    return page.section(
        "Model", page.table((), facts), page.table(head, layers, numbers=len(head) - 1, caption="Layers")
    )


def _share(part: int, whole: int) -> str:
    """Return a share as text; "" of nothing."""
    return f"{part / whole:.3f}" if whole else ""


def _pairs(subject: Subject) -> dict[str, Any]:
    """Return the labels of the classes and their names as arguments of displays."""
    return {"labels": subject.labels, "class_names": subject.class_names}


def _dependence(subject: Subject, i: int, name: str) -> str:
    """Return the figure of the prediction over one column."""

    def draw() -> Any:
        options: dict[str, Any] = {"class_names": subject.class_names} if subject.classifies else {}
        return plotting.PartialDependenceDisplay.from_estimator(subject.model, subject.X, i, **options)

    return _figure(f"dependence{i}", draw, f"Mean prediction if {name} has the same value in all rows.")


def _figure(name: str, draw: pictures.Draw, caption: str) -> str:
    return page.figure(pictures.drawing(name, draw, caption), caption)
