"""Scores of a trained network on its rows, beside those of the simplest prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...metrics import Metric
from ..support import results, scores
from ..support.results import Model
from ..support.terminal import print_note
from .splits import Part

if TYPE_CHECKING:
    from ...network.ensemble import Ensemble


def measured(net: Model, part: Part, fitted: Part, found: Sequence[Metric], title: str) -> dict[str, Any]:
    """Return the scores of a part.

    Parameters
    ----------
    net : Network or Ensemble
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


def out_of_fold(net: Ensemble, y: NDArray[Any], found: Sequence[Metric]) -> dict[str, Any]:
    """Return the scores of the out-of-fold predictions of an ensemble: those of networks that a row has not trained.

    Parameters
    ----------
    net : Ensemble
        Trained ensemble.
    y : ndarray (m,)
        Targets of its training.
    found : sequence of Metric
        Metrics to compute in addition.

    Returns
    -------
    dict
        As that of :func:`measured`, without "loss"; of the rows that a network has held out.
    """
    predicted = net.oof_.reshape(len(y), -1)
    rows = np.isfinite(predicted).all(axis=1)
    predicted, y = predicted[rows], y[rows]
    if results.classifies(net):
        classes = net.classes_
        labels, true = classes[predicted.argmax(axis=1)], np.searchsorted(classes, y)
        result: dict[str, Any] = {"rows": len(y), "accuracy": float(np.mean(labels == y))}
        result["confusion"] = metrics.confusion(true, predicted.argmax(axis=1), len(classes)).tolist()
        result["baseline"] = {"accuracy": float(np.bincount(true).max() / len(y))}
        values = {"probabilities": predicted, "labels": labels}
    else:
        targets, points = net._known_targets(), scores.points(net, predicted)
        score = targets.loss.score(y.reshape(len(y), -1).astype(np.float64), predicted, None)
        result = {"rows": len(y), results.score_name(net): score, "rmse": _rmse(y, predicted)}
        result["baseline"] = {"rmse": _rmse(y, np.broadcast_to(y.mean(axis=0), y.shape))}
        values, classes = {"values": points}, None
    if found:
        result["metrics"] = {
            metric.name: _defined(metric, y, values[metric.needs], classes, "out-of-fold") for metric in found
        }
    return result


def _rmse(y: NDArray[Any], predicted: NDArray[Any]) -> float | None:
    """Return the root mean square error; None for predictions that are not one number per value, such as quantiles."""
    if predicted.size != y.size:
        return None
    return metrics.rmse(y.astype(np.float64), predicted.reshape(y.shape))


def _value(metric: Metric, net: Model, part: Part, title: str) -> float | None:
    """Return a metric; None, with a note, for rows for which it is not defined."""
    try:
        return scores.measure(metric, net, part.X, part.y)
    except ValueError as error:
        _note_not_defined(metric, title, error)
        return None


def _defined(metric: Metric, y: Any, predicted: Any, classes: Any, title: str) -> float | None:
    """Return a metric of predictions; None, with a note, where it is not defined."""
    try:
        return metric(y, predicted, classes=classes)
    except ValueError as error:
        _note_not_defined(metric, title, error)
        return None


def _note_not_defined(metric: Metric, title: str, error: ValueError) -> None:
    print_note(f"the metric {metric.name} of the {title} rows cannot be computed: {error}")
