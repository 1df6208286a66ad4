"""Metrics by name: what each must be given, and which way is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from ..common import checks
from . import labels, probabilities, ranking, values

Needs = Literal["labels", "probabilities", "values"]


@dataclass(frozen=True)
class Metric:
    """A metric, with what a training loop or a search must know of it.

    Attributes
    ----------
    name : str
    function : callable
        ``function(y, predicted)``, with ``sample_weight=`` and, when it needs probabilities, ``classes=``.
    needs : {"labels", "probabilities", "values"}
        What it is given beside y: what ``predict`` returns, labels or values, or what ``predict_proba`` does.
    greater_is_better : bool, default True

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
        """Return the metric of what it needs.

        Parameters
        ----------
        y : array-like (m,) or (m, n)
            As the user gives it: labels or values.
        predicted : array-like
            Labels, values or probabilities: see `needs`.
        sample_weight : array-like (m,), optional
        classes : array-like (n_classes,), optional
            Labels of the columns of probabilities; for other metrics without effect.
        """
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        if classes is not None and self.needs == "probabilities":
            options["classes"] = classes
        return float(self.function(y, predicted, **options))

    def measure(self, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None) -> float:
        """Return the metric of a fitted network, or of any estimator with ``predict``, on X (m, k) and y.

        Raises
        ------
        TypeError, ValueError
            When the metric does not go with the estimator or the data.
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
    losses: dict[str, tuple[Callable[..., Any], str, Needs]] = {  # and what follows "neg_" in scikit-learn
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
        "poisson_deviance": (values.poisson_deviance, "mean_poisson_deviance", "values"),
        "gamma_deviance": (values.gamma_deviance, "mean_gamma_deviance", "values"),
    }
    table = {name: Metric(name, function, "labels") for name, function in of_labels.items()}
    table |= {name: Metric(name, function, "probabilities") for name, function in of_probabilities.items()}
    table |= {name: Metric(name, values.r2_score, "values") for name in ("r2", "r2_score")}
    for name, (function, theirs, needs) in losses.items():
        loss = table[name] = Metric(name, function, needs, greater_is_better=False)
        negative = replace(
            loss, name=f"neg_{theirs}", function=partial(_negative, function), greater_is_better=True
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


def resolve(metric: MetricName | Metric | Callable[..., Any]) -> Metric:
    """Return a metric by its name.

    Parameters
    ----------
    metric : str, Metric or callable
        A function of this module ("f1", "log_loss", "mae"); with an average behind it ("f1_macro",
        "roc_auc_ovo_weighted"); or a name of a scikit-learn scorer ("neg_log_loss", "r2"), those that begin with
        "neg_" being the negative of a loss. A callable ``metric(y, predicted)`` of one's own gets what ``predict``
        returns, and more is better; make a :class:`Metric` where it is otherwise.

    Returns
    -------
    Metric

    Raises
    ------
    TypeError, ValueError
        When there is no metric of that name.
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        for known in METRICS.values():
            if known.function is metric:
                return known
        return Metric(getattr(metric, "__name__", type(metric).__name__), metric, "labels")
    return METRICS[checks.choice("resolve", "metric", metric, METRICS)]
