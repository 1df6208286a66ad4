"""Subject of a report: a model, the rows on which it is scored, and its predictions, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import metrics
from ..common.errors import NotFittedError
from ..data import arrays, dataframes, rows
from ..data.arrays import Array
from ..plotting import classes

_MOST = 5000  # rows for importances


@dataclass(frozen=True)
class Subject:
    """Model with the rows of its report.

    Attributes
    ----------
    model : Network, MLPClassifier or MLPRegressor
        Fitted model.
    X, y : array-like or table, and ndarray
        Rows on which it is scored.
    part : str
        Name of these rows: "test" or "training".
    X_train, y_train : array-like or table, and ndarray, or None
        Rows on which it was trained.
    class_names : list of str
        Names of the classes; empty for values.
    """

    model: Any
    X: Any
    y: Array
    part: str
    X_train: Any
    y_train: Array | None
    class_names: list[str]

    @property
    def network(self) -> Any:
        """Network of the model."""
        return getattr(self.model, "network_", self.model)

    @property
    def classifies(self) -> bool:
        return bool(self.class_names)

    @property
    def labels(self) -> Array:
        """Sorted labels of the classes."""
        return np.asarray(self.model.classes_)

    @property
    def one_target(self) -> bool:
        """Whether each row has one label or one value."""
        return self.y.ndim == 1

    @property
    def predicts_quantiles(self) -> bool:
        """Whether a row has several predictions of one value."""
        return bool(self.network._configuration.loss.name == "quantile")

    @cached_property
    def probabilities(self) -> Array:
        return np.asarray(self.model.predict_proba(self.X))

    @cached_property
    def predicted(self) -> Array:
        """Predictions; of several quantiles, the one that is nearest to the median."""
        predicted = np.asarray(self.model.predict(self.X))
        if not self.predicts_quantiles or predicted.ndim == self.y.ndim:
            return predicted
        quantiles = np.array(self.network._configuration.loss.quantiles)
        nearest: Array = predicted[:, int(np.argmin(np.abs(quantiles - 0.5)))]
        return nearest

    @cached_property
    def importances(self) -> Any:
        """Permutation importances on at most 5,000 rows; None for rows of one column."""
        # Imported here to keep the import of the chapter fast.
        from ..network.importance import permutation_importance

        X, y = self.X, self.y
        if len(y) > _MOST:
            chosen = np.sort(np.random.default_rng(0).choice(len(y), _MOST, replace=False))
            X, y = rows.take(X, chosen), y[chosen]
        return permutation_importance(self.model, X, y)

    def baseline(self) -> Array:
        """Return the targets from which the constant predictions of the baseline are computed."""
        return self.y if self.y_train is None else self.y_train


def make(
    model: Any, X: Any, y: Any, X_train: Any, y_train: Any, class_names: Sequence[str] | None
) -> Subject:
    """Return the subject of a report; the training rows are scored if X has no rows.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If X and y differ in their numbers of rows, or there is no row at all.
    """
    part = "test"
    if not len(y) and X_train is not None:
        X, y, part = X_train, y_train, "training"
    X, targets = rows.of(dataframes.opened(X)), arrays.targets(y)
    arrays.check_rows(X, targets)
    trained = None if y_train is None else arrays.targets(y_train, "y_train")
    try:
        names = classes.get_names(np.asarray(model.classes_), class_names)
    except NotFittedError:
        raise
    except AttributeError:
        names = []
    return Subject(model, X, targets, part, X_train, trained, names)


def scores(subject: Subject) -> list[tuple[str, float, float]]:
    """Return the name of each score, its value, and that of a constant prediction."""
    y, base = subject.y, subject.baseline()
    if not subject.classifies:
        constant = np.broadcast_to(base.mean(axis=0), y.shape)
        functions = {
            "R²": metrics.r2_score,
            "root mean squared error": metrics.rmse,
            "mean absolute error": metrics.mae,
        }
        few = len(y) < 2
        return [
            (name, function(y, subject.predicted), function(y, constant))
            for name, function in functions.items()
            if not (few and name == "R²")
        ]
    labels, counts = np.unique(base, return_counts=True)
    most = np.full(len(y), labels[counts.argmax()], dtype=labels.dtype)
    share = np.zeros(len(subject.labels))
    share[np.searchsorted(subject.labels, labels)] = counts / counts.sum()
    chances, p = np.tile(share, (len(y), 1)), subject.probabilities
    options: dict[str, Any] = {"classes": subject.labels}
    found = [
        ("accuracy", metrics.accuracy(y, subject.predicted), metrics.accuracy(y, most)),
        (
            "balanced accuracy",
            metrics.balanced_accuracy(y, subject.predicted),
            metrics.balanced_accuracy(y, most),
        ),
        ("log loss", metrics.log_loss(y, p, **options), metrics.log_loss(y, chances, **options)),
    ]
    if len(np.unique(y)) == len(subject.labels) > 1:
        found.append(("area under the ROC curve", metrics.roc_auc(y, p, **options), 0.5))
    return found
