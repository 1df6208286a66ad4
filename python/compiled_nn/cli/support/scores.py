"""Metrics by name, and coverage of intervals, of a network on labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...losses import Quantile
from ...metrics.scorers import METRICS, Metric
from . import results
from .results import Model
from .terminal import UsageError

_OF_TWO_CLASSES = ("precision", "recall", "f1")


def metrics_of(net: Model, names: Sequence[str]) -> list[Metric]:
    """Return the metrics of --metric, after a check that they are for what the network predicts.

    Raises
    ------
    UsageError
        If a metric is for classes and the network predicts values, or the other way round.
    """
    found = [METRICS[name] for name in dict.fromkeys(names)]
    for metric in found:
        is_of_values = metric.needs == "values"
        if is_of_values == results.classifies(net):
            kinds = ("values", "classes") if is_of_values else ("classes", "values")
            raise UsageError(
                f"--metric {metric.name} is for {kinds[0]}, but the model predicts {kinds[1]}; omit it"
            )
        if metric.name in _OF_TWO_CLASSES and len(net.classes_) > 2:
            raise UsageError(
                f"--metric {metric.name} is for two classes, but the model has {len(net.classes_)}; give "
                f"{metric.name}_macro, {metric.name}_micro or {metric.name}_weighted"
            )
        quantiles = _quantiles(net)
        if quantiles is not None and 0.5 not in quantiles:
            raise UsageError(
                f"--metric {metric.name} compares the median, but the quantiles of the model are "
                f"{', '.join(f'{level:g}' for level in quantiles)}; omit it"
            )
    return found


def only_metric_of(net: Model, names: Sequence[str] | None) -> Metric | None:
    """Return the one metric of --metric, checked; None for the score of the network."""
    if names is None:
        return None
    if len(names) > 1:
        raise UsageError(
            f"--metric takes one name here, but there are {len(names)}: {', '.join(names)}; give one"
        )
    if _quantiles(net) is not None:
        raise UsageError("--metric compares single values, but the model predicts quantiles; omit it")
    return metrics_of(net, names)[0]


def measure(metric: Metric, net: Model, X: Any, y: NDArray[Any]) -> float:
    """Return a metric of the predictions for labelled rows; of several quantiles, that of the median."""
    if _quantiles(net) is None:
        return metric.measure(net, X, y)
    return metric(y, points(net, net.predict(X)))


def points(net: Model, predicted: NDArray[Any]) -> NDArray[Any]:
    """Return predicted values as one number per value, for metrics: of several quantiles the median."""
    quantiles = _quantiles(net)
    if quantiles is None or predicted.ndim == 1:
        return predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted
    return predicted[:, quantiles.index(0.5)] if 0.5 in quantiles else predicted


def _quantiles(net: Model) -> list[float] | None:
    loss = net._configuration.loss
    return list(loss.quantiles) if isinstance(loss, Quantile) else None


def baseline(net: Model, y: NDArray[Any]) -> float | None:
    """Return the accuracy of the most frequent class; None for values, and for rows with several labels."""
    if not results.classifies(net) or y.ndim != 1:
        return None
    return float(np.unique(y, return_counts=True)[1].max() / len(y))


def coverages_of(net: Model, given: Sequence[float] | None, model: str) -> tuple[float, ...]:
    """Return the coverages of --interval; by default that of training, if there is one.

    Raises
    ------
    UsageError
        If intervals are to be computed and the network has no scores of held-out rows.
    """
    from ..tables import record

    if given is None:
        known = record.of(net).interval
        return () if known is None or not results.is_calibrated(net) else (known,)
    if not results.is_calibrated(net):
        raise UsageError(
            f"--interval needs scores of held-out rows, which {model} does not have; train it with --interval"
        )
    return tuple(given)


def coverage(net: Model, X: Any, y: NDArray[Any], level: float) -> dict[str, float]:
    """Return how often the truth is in intervals, or sets of classes, of a coverage, and how large they are.

    Returns
    -------
    dict
        "coverage", "inside" (share of the rows), and "width" or, for classes, "size" (mean over the rows).
    """
    if results.classifies(net):
        sets = net.predict_set(X, level)
        inside = sets[np.arange(len(y)), np.searchsorted(net.classes_, y)]
        return {"coverage": level, "inside": float(inside.mean()), "size": float(sets.sum(axis=1).mean())}
    lower, upper = net.predict_interval(X, level)
    y = y.reshape(lower.shape)
    inside = (lower <= y) & (y <= upper)
    return {
        "coverage": level,
        "inside": float(inside.mean()),
        "width": float((upper - lower).mean(dtype=np.float64)),
    }


def coverage_text(found: dict[str, float]) -> str:
    """Return a result of :func:`coverage` as text."""
    size = (
        f"mean width {found['width']:.6g}" if "width" in found else f"{found['size']:.3g} classes on average"
    )
    return f"{found['inside']:.4f} of the rows inside, {size}"
