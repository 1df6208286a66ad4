"""Subject of a report: a model, the rows on which it is scored, and its predictions, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .. import metrics
from ..common.errors import count
from ..data import arrays, class_labels, dataframes, rows
from ..data.arrays import Array
from ..metrics import Metric
from ..metrics.scorers import MetricLike
from ..network.importance import PermutationImportance, permutation_importance
from ..network.predicting import Predicting
from ..plotting import canvas, classes
from ..preprocessing.columns import LeftOut

Kind = Literal["classes", "labels", "value", "values", "quantiles"]

_MOST = 5000  # rows for importances and partial dependence


@dataclass(frozen=True)
class Subject:
    """Model with the rows of its report.

    Attributes
    ----------
    model : Network, Ensemble or estimator
        Fitted model.
    X, y : array-like or table, and ndarray
        Rows on which it is scored.
    part : str
        Name of these rows: "test" or "training".
    X_train, y_train : array-like or table, and ndarray, or None
        Rows on which it was trained.
    class_names : list of str
        Names of the classes; empty for values.
    metrics : tuple of Metric
        Metrics in addition to the usual ones; the importances are those of the first one.
    watched : str
        Name of the rows on which each epoch was scored.
    fitted_rows : str
        Words for the training rows; "" for their number.
    shows_code : bool
        Whether the page shows the model as Python code.
    """

    model: Any
    X: Any
    y: Array
    part: str
    X_train: Any
    y_train: Array | None
    class_names: list[str]
    metrics: tuple[Metric, ...] = ()
    watched: str = "validation"
    fitted_rows: str = ""
    shows_code: bool = True

    @property
    def network(self) -> Any:
        """Network of the model."""
        return getattr(self.model, "network_", self.model)

    @property
    def kind(self) -> Kind:
        """Kind of prediction for a row: one class, several labels, one or several values, or quantiles of a value."""
        if self.class_names:
            return "classes" if self.y.ndim == 1 else "labels"
        if self.quantiles:
            return "quantiles"
        return "value" if self.y.ndim == 1 else "values"

    @property
    def quantiles(self) -> list[float]:
        """Predicted quantiles; [] if there are none."""
        loss = self.network._configuration.loss
        return list(loss.quantiles) if loss.name == "quantile" else []

    @property
    def labels(self) -> Array:
        """Sorted labels of the classes."""
        return np.asarray(self.model.classes_)

    @cached_property
    def probabilities(self) -> Array:
        """Probabilities (m, n_classes); of a single class they are 1."""
        p = np.asarray(self.model.predict_proba(self.X))
        return np.ones((len(p), 1)) if len(self.labels) == 1 else p

    @cached_property
    def predicted(self) -> Array:
        return np.asarray(self.model.predict(self.X))

    @property
    def points(self) -> Array | None:
        """Predictions with which values are compared: of quantiles the median, None without it."""
        if self.kind != "quantiles":
            return self.predicted.reshape(self.y.shape)
        predicted = self.predicted.reshape(len(self.y), len(self.quantiles))
        return predicted[:, self.quantiles.index(0.5)] if 0.5 in self.quantiles else None

    @cached_property
    def sample(self) -> tuple[Any, Array]:
        """At most 5,000 of the rows, with the same draw in every call."""
        if len(self.y) <= _MOST:
            return self.X, self.y
        chosen = canvas.thin(len(self.y), _MOST)
        return rows.take(self.X, chosen), self.y[chosen]

    @property
    def scored_rows(self) -> str:
        """Words for the rows on which the model is scored."""
        return self._words(len(self.y)) if self.part == "training" else _count(len(self.y), "test row")

    @property
    def training_rows(self) -> str:
        """Words for the rows on which the model was trained."""
        m = len(self.y) if self.X_train is None else rows.shape(self.X_train)[0]
        return self._words(m)

    def _words(self, m: int) -> str:
        return self.fitted_rows or _count(m, "training row")

    @property
    def rows_of_sample(self) -> str:
        """Words for the rows of `sample`."""
        m = len(self.y)
        return self.scored_rows if m <= _MOST else f"{_MOST:,} of {self.scored_rows}, drawn at random"

    @cached_property
    def importances(self) -> PermutationImportance | None:
        """Permutation importances of the columns that the model uses, on `sample`; None of one row or class."""
        X, y = self.sample
        if len(y) < 2 or (self.kind == "classes" and len(self.labels) < 2):
            return None
        try:
            found = permutation_importance(self.model, X, y, metric=self.metrics[0] if self.metrics else None)
        except ValueError:
            if not self.metrics:
                raise
            found = permutation_importance(self.model, X, y)  # the metric is not defined for these rows
        used = self.used
        names = tuple(found.feature_names[i] for i in used)
        return PermutationImportance(found.importances[used], names, found.metric, found.score)

    @property
    def used(self) -> list[int]:
        """Indices of the columns that the model uses."""
        encoder = getattr(self.network, "encoder_", None)
        if encoder is None:
            return list(range(self.network._predicting().inputs.n_features))
        return [i for i, column in enumerate(encoder.columns_) if not isinstance(column, LeftOut)]

    @property
    def basis(self) -> Array:
        """Targets from which the constant predictions follow."""
        return self.y if self.y_train is None else self.y_train


def make(
    model: Any,
    X: Any,
    y: Any,
    X_train: Any,
    y_train: Any,
    class_names: Sequence[str] | None,
    chosen: MetricLike | Sequence[MetricLike] = (),
    **settings: Any,
) -> Subject:
    """Return the subject of a report; the training rows are scored if X has no rows.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is none of ours.
    ValueError
        If X and y differ in their numbers of rows, there is no row at all, or a label is none of the classes.
    """
    _check_model(model, X)
    network = getattr(model, "network_", model)
    part, y = "test", None if y is None or not len(y) else arrays.targets(y)
    trained = None if y_train is None else arrays.targets(y_train, "y_train")
    if X_train is not None:
        X_train = rows.of(dataframes.opened(X_train))
        if trained is not None:
            _check_rows(X_train, trained, "X_train", "y_train")
    if y is None:
        if X_train is None or trained is None:
            raise ValueError(
                "X and y have no rows; give rows to score, or X_train and y_train to score these."
            )
        X, y, part = X_train, trained, "training"
    X = rows.of(dataframes.opened(X))
    _check_rows(X, y, "X", "y")
    names = classes.get_names(np.asarray(model.classes_), class_names) if _classifies(network) else []
    if names:
        labels = np.asarray(model.classes_)
        y = _labels(y, network, labels, "y")
        trained = None if trained is None else _labels(trained, network, labels, "y_train")
    several: Any = chosen if isinstance(chosen, (list, tuple)) else [chosen]
    found = tuple(metrics.resolve(each, "write", "metrics") for each in several)
    return Subject(model, X, y, part, X_train, trained, names, found, **settings)


def _check_model(model: Any, X: Any) -> None:
    """Raise an error for a model that is not fitted, or none of ours."""
    network = getattr(model, "network_", model)
    if not isinstance(network, Predicting):
        if hasattr(model, "_read_rows"):
            model._read_rows(X)  # raises the error for an estimator that is not fitted
        raise TypeError(
            "The 'model' parameter of write must be a Network, an Ensemble or an estimator of compiled_nn."
            f" Got {type(model).__name__} instead."
        )
    network._predicting()


def _count(m: int, what: str) -> str:
    return f"{m:,} {what}{'s' * (m != 1)}"


def _classifies(network: Any) -> bool:
    return bool(network._configuration.loss.classifies)


def _check_rows(X: Any, y: Array, X_name: str, y_name: str) -> None:
    m = rows.shape(X)[0]
    if m != len(y):
        raise ValueError(f"{X_name} has {count(m, 'row')}; {y_name} has {len(y)}.")


def _labels(y: Array, network: Any, labels: Array, name: str) -> Array:
    """Return labels that are checked; rows of one number per class become the class of the largest number."""
    if network._known_targets().kind == "indicator":
        return y
    if y.ndim == 2:
        of_rows: Array = labels[y.argmax(axis=1)]
        return of_rows
    try:
        class_labels.indices(y, labels)
    except ValueError as error:
        raise ValueError(str(error).replace("`y`", f"`{name}`").replace("'y'", f"'{name}'")) from None
    return y
