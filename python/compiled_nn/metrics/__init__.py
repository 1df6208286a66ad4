"""Metrics of predicted labels, probabilities and values, with sample weights.

Every metric takes the true targets first and the predictions second. Most return a Python float. The results agree with
the corresponding functions of scikit-learn. `resolve` returns a metric by name; the names of scikit-learn's scorers are
accepted as well.

>>> from compiled_nn import metrics
>>> metrics.f1(["yes", "no", "yes"], ["yes", "no", "no"])
0.6666666666666666
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .curves import calibration_curve, precision_recall_curve, roc_curve
    from .deviances import gamma_deviance, poisson_deviance, tweedie_deviance
    from .labels import (
        accuracy,
        balanced_accuracy,
        confusion,
        confusion_matrix,
        f1,
        matthews,
        precision,
        recall,
    )
    from .probabilities import brier, ece, log_loss, top_k_accuracy
    from .ranking import average_precision, roc_auc
    from .report import classification_report
    from .scorers import Metric, resolve
    from .values import (
        d2_pinball,
        mae,
        mape,
        max_error,
        median_absolute_error,
        mse,
        pinball,
        r2_score,
        rmse,
    )

__all__ = [
    "Metric",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration_curve",
    "classification_report",
    "confusion",
    "confusion_matrix",
    "d2_pinball",
    "ece",
    "f1",
    "gamma_deviance",
    "log_loss",
    "mae",
    "mape",
    "matthews",
    "max_error",
    "median_absolute_error",
    "mse",
    "pinball",
    "poisson_deviance",
    "precision",
    "precision_recall_curve",
    "r2_score",
    "recall",
    "resolve",
    "rmse",
    "roc_auc",
    "roc_curve",
    "top_k_accuracy",
    "tweedie_deviance",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(("calibration_curve", "precision_recall_curve", "roc_curve"), "curves"),
        **dict.fromkeys(("gamma_deviance", "poisson_deviance", "tweedie_deviance"), "deviances"),
        **dict.fromkeys(
            (
                "accuracy",
                "balanced_accuracy",
                "confusion",
                "confusion_matrix",
                "f1",
                "matthews",
                "precision",
                "recall",
            ),
            "labels",
        ),
        **dict.fromkeys(("brier", "ece", "log_loss", "top_k_accuracy"), "probabilities"),
        **dict.fromkeys(("average_precision", "roc_auc"), "ranking"),
        "classification_report": "report",
        **dict.fromkeys(("Metric", "resolve"), "scorers"),
        **dict.fromkeys(
            (
                "d2_pinball",
                "mae",
                "mape",
                "max_error",
                "median_absolute_error",
                "mse",
                "pinball",
                "r2_score",
                "rmse",
            ),
            "values",
        ),
    },
)
