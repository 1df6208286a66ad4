"""Metrics by name, with the kind of prediction that each needs and whether greater values are better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from . import deviances, labels, probabilities, ranking, values

Needs = Literal["labels", "probabilities", "values"]


@dataclass(frozen=True)
class Metric:
    """Metric with the properties that a training loop or a parameter search needs.

    Parameters
    ----------
    name : str
        Name of the metric.
    function : callable
        Function ``function(y, predicted)``. It accepts ``sample_weight=`` and, if it needs probabilities, ``classes=``.
    needs : {"labels", "probabilities", "values"}
        Kind of prediction that the function needs: "labels" and "values" are the result of ``predict``,
        "probabilities" the result of ``predict_proba``.
    greater_is_better : bool, default True
        Whether greater values are better.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metrics.resolve("neg_log_loss")(["a", "b"], [[0.5, 0.5], [0.5, 0.5]])
    -0.6931471805599453
    """

    name: str
    function: Callable[..., Any]
    needs: Needs
    greater_is_better: bool = True

    def __call__(self, y: Any, predicted: Any, *, sample_weight: Any = None, classes: Any = None) -> float:
        """Return the metric of predictions.

        Parameters
        ----------
        y : array-like (m,) or (m, n)
            True labels or values.
        predicted : array-like
            Predicted labels, values or probabilities, according to `needs`.
        sample_weight : array-like (m,), optional
            Weight of each sample, >= 0. Default: all weights are equal.
        classes : array-like (n_classes,), optional
            Sorted labels of the columns of probabilities. Ignored by metrics of labels and values.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If the shapes differ, or an array is invalid.
        """
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        if classes is not None and self.needs == "probabilities":
            options["classes"] = classes
        result = self.function(y, predicted, **options)
        try:
            if isinstance(result, (str, bytes)) or np.ndim(result):
                raise TypeError("it is not a single number")
            return float(result)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"The metric {self.name!r} returned {result!r:.60}; a metric must return a number."
            ) from error

    def measure(self, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None) -> float:
        """Return the metric of the predictions of a fitted network or estimator.

        Parameters
        ----------
        estimator : Network or estimator
            Object with ``predict``, or with ``predict_proba`` and ``classes_`` if the metric needs probabilities.
        X : array-like (m, k)
            Samples.
        y : array-like (m,) or (m, n)
            True labels or values.
        sample_weight : array-like (m,), optional
            Weight of each sample, >= 0. Default: all weights are equal.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If the metric is not for this kind of estimator or targets, or an array is invalid.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> cnn.metrics.resolve("accuracy").measure(model, [[-1.0], [4.0], [5.0]], ["low", "high", "low"])
        0.6666666666666666
        """
        if self.needs == "probabilities":
            predicted = estimator.predict_proba(X)
            return self(y, predicted, sample_weight=sample_weight, classes=estimator.classes_)
        return self(y, estimator.predict(X), sample_weight=sample_weight)


def _negative(function: Callable[..., Any], y: Any, predicted: Any, **options: Any) -> float:
    return -float(function(y, predicted, **options))


def _table() -> dict[str, Metric]:
    of_labels: dict[str, Callable[..., Any]] = {
        "accuracy": labels.accuracy,
        "balanced_accuracy": labels.balanced_accuracy,
        "matthews": labels.matthews,
        "matthews_corrcoef": labels.matthews,
    }
    for function in (labels.precision, labels.recall, labels.f1):
        of_labels[function.__name__] = function
        for average in ("micro", "macro", "weighted"):
            of_labels[f"{function.__name__}_{average}"] = partial(function, average=average)
    of_probabilities: dict[str, Callable[..., Any]] = {
        "top_k_accuracy": probabilities.top_k_accuracy,
        "average_precision": ranking.average_precision,
        "roc_auc": ranking.roc_auc,
    }
    for multi_class in ("ovr", "ovo"):
        averages: tuple[tuple[str, ranking.ColumnAverage], ...] = (
            (f"roc_auc_{multi_class}", "macro"),
            (f"roc_auc_{multi_class}_weighted", "weighted"),
        )
        for name, average in averages:
            of_probabilities[name] = partial(ranking.roc_auc, multi_class=multi_class, average=average)
    # The second entry is the name of scikit-learn's scorer without "neg_".
    losses: dict[str, tuple[Callable[..., Any], str, Needs]] = {
        "log_loss": (probabilities.log_loss, "log_loss", "probabilities"),
        "brier": (probabilities.brier, "brier_score", "probabilities"),
        "ece": (probabilities.ece, "ece", "probabilities"),
        "mse": (values.mse, "mean_squared_error", "values"),
        "rmse": (values.rmse, "root_mean_squared_error", "values"),
        "mae": (values.mae, "mean_absolute_error", "values"),
        "mape": (values.mape, "mean_absolute_percentage_error", "values"),
        "median_absolute_error": (values.median_absolute_error, "median_absolute_error", "values"),
        "max_error": (values.max_error, "max_error", "values"),
        "pinball": (values.pinball, "pinball", "values"),
        "poisson_deviance": (deviances.poisson_deviance, "mean_poisson_deviance", "values"),
        "gamma_deviance": (deviances.gamma_deviance, "mean_gamma_deviance", "values"),
    }
    table = {name: Metric(name, function, "labels") for name, function in of_labels.items()}
    table |= {name: Metric(name, function, "probabilities") for name, function in of_probabilities.items()}
    table |= {name: Metric(name, values.r2_score, "values") for name in ("r2", "r2_score")}
    for name, (function, scorer_name, needs) in losses.items():
        loss = table[name] = Metric(name, function, needs, greater_is_better=False)
        negative = replace(
            loss, name=f"neg_{scorer_name}", function=partial(_negative, function), greater_is_better=True
        )
        table[negative.name] = negative
    return table


METRICS = _table()
MetricName: TypeAlias = Literal[
    "accuracy", "balanced_accuracy", "matthews", "matthews_corrcoef",
    "precision", "precision_micro", "precision_macro", "precision_weighted",
    "recall", "recall_micro", "recall_macro", "recall_weighted", "f1", "f1_micro", "f1_macro", "f1_weighted",
    "top_k_accuracy", "average_precision",
    "roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted",
    "log_loss", "neg_log_loss", "brier", "neg_brier_score", "ece", "neg_ece",
    "r2", "r2_score", "mse", "neg_mean_squared_error", "rmse", "neg_root_mean_squared_error",
    "mae", "neg_mean_absolute_error", "mape", "neg_mean_absolute_percentage_error",
    "median_absolute_error", "neg_median_absolute_error", "max_error", "neg_max_error", "pinball", "neg_pinball",
    "poisson_deviance", "neg_mean_poisson_deviance", "gamma_deviance", "neg_mean_gamma_deviance",
]  # fmt: skip
MetricLike: TypeAlias = MetricName | Metric | Callable[..., float]


def resolve(
    metric: MetricName | Metric | Callable[..., Any], owner: str = "resolve", parameter: str = "metric"
) -> Metric:
    """Return a metric by name.

    Parameters
    ----------
    metric : str, Metric or callable
        Name of a function of `compiled_nn.metrics` ("f1", "log_loss", "mae"), also with a kind of average ("f1_macro",
        "roc_auc_ovo_weighted"), or name of a scikit-learn scorer ("neg_log_loss", "r2"); the prefix ``neg_`` stands
        for the negative of a loss. A callable ``metric(y, predicted)`` is called with the result of ``predict``, and
        greater is better; for anything else, pass a :class:`Metric`.
    owner, parameter : str
        Names of the function and of its parameter that takes the metric, for errors.

    Returns
    -------
    Metric

    Raises
    ------
    TypeError, ValueError
        If no metric has this name, or `metric` is of another type.

    Examples
    --------
    >>> from compiled_nn import metrics
    >>> metric = metrics.resolve("neg_log_loss")
    >>> metric.needs, metric.greater_is_better
    ('probabilities', True)
    >>> metrics.resolve("rmse")([1.0, 2.0], [4.0, 6.0])
    3.5355339059327378
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        for registered in METRICS.values():
            if registered.function is metric:
                return registered
        return Metric(getattr(metric, "__name__", type(metric).__name__), metric, "labels")
    return METRICS[checks.choice(owner, parameter, metric, METRICS)]
