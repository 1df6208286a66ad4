"""Scores of a trained network on its rows, beside those of the simplest prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...metrics import Metric
from ...network.network import Network
from ..support import results, scores
from ..support.terminal import print_note
from .splits import Part


def measured(net: Network, part: Part, fitted: Part, found: Sequence[Metric], title: str) -> dict[str, Any]:
    """Return the scores of a part.

    Parameters
    ----------
    net : Network
        Trained network.
    part : Part
        Rows to score, at least one.
    fitted : Part
        Rows that are not test rows, from which the simplest prediction follows: the most frequent class, or the mean.
    found : sequence of Metric
        Metrics to compute in addition.
    title : str
        Name of the part, for messages.

    Returns
    -------
    dict
        Scores of :func:`results.measure`; "rmse" of values; "baseline", a dict with the "accuracy" or the "rmse" of the
        simplest prediction; and "metrics", a dict by name, if there are any.
    """
    result = results.measure(net, part.X, part.y)
    if results.classifies(net):
        counts = np.bincount(np.searchsorted(net.classes_, fitted.y))
        result["baseline"] = {"accuracy": float(np.mean(part.y == net.classes_[np.argmax(counts)]))}
    else:
        result["rmse"] = _rmse(part.y, net.predict(part.X))
        result["baseline"] = {"rmse": _rmse(part.y, np.broadcast_to(fitted.y.mean(axis=0), part.y.shape))}
    if found:
        result["metrics"] = {metric.name: _value(metric, net, part, title) for metric in found}
    return result


def _rmse(y: NDArray[Any], predicted: NDArray[Any]) -> float | None:
    """Return the root mean square error; None for predictions that are not one number per value, such as quantiles."""
    if predicted.size != y.size:
        return None
    return metrics.rmse(y.astype(np.float64), predicted.reshape(y.shape))


def _value(metric: Metric, net: Network, part: Part, title: str) -> float | None:
    """Return a metric; None, with a note, for rows for which it is not defined."""
    try:
        return scores.measure(metric, net, part.X, part.y)
    except ValueError as error:
        print_note(f"the metric {metric.name} of the {title} rows cannot be computed: {error}")
        return None
