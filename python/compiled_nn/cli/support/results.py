"""Loss, score and confusion table of a network, as numbers, lines of text and JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...common.text import printable
from . import report
from .terminal import Terminal

if TYPE_CHECKING:
    from ...network.ensemble import Ensemble
    from ...network.network import Network

Model: TypeAlias = "Network | Ensemble"
_TITLES = {"accuracy": "accuracy", "r2": "R^2", "d2_pinball": "D^2"}


def classifies(net: Model) -> bool:
    """Return whether the network predicts classes."""
    return hasattr(net, "classes_")


def is_calibrated(net: Model) -> bool:
    """Return whether the network has scores of held-out rows, for intervals or sets of classes."""
    return net._outputs.calibration.scores is not None


def score_name(net: Model) -> str:
    """Return the key of the network's score in JSON."""
    if net._configuration.loss.name == "quantile":
        return "d2_pinball"
    return "accuracy" if classifies(net) else "r2"


def score_title(score: str) -> str:
    """Return the name of a score in text."""
    return _TITLES[score]


def scaling_text(method: bool | str) -> str:
    """Return the description of input that is standardised by a method."""
    return "standardised" + (f" ({method})" if isinstance(method, str) else "")


def measure(net: Model, X: NDArray[Any], y: NDArray[Any]) -> dict[str, Any]:
    """Compute the loss, score and confusion table of a network on samples and targets.

    Returns
    -------
    dict
        "rows" int, "loss" float, "accuracy", "r2" or "d2_pinball" float, and for targets with one class per row
        "confusion": a list with one list per true class, which has the number of rows for each predicted class.
    """
    result: dict[str, Any] = {"rows": len(X), "loss": net.loss(X, y), score_name(net): net.score(X, y)}
    if classifies(net) and y.ndim == 1:
        true, predicted = np.searchsorted(net.classes_, y), np.searchsorted(net.classes_, net.predict(X))
        result["confusion"] = metrics.confusion(true, predicted, len(net.classes_)).tolist()
    return result


def score_text(result: dict[str, Any]) -> str:
    """Return the score of a result of :func:`measure` as text; an accuracy with its numbers of rows."""
    if "accuracy" not in result:
        value = next(result[name] for name in _TITLES if name in result)
        return f"{value:.4f}" if math.isfinite(value) else "not defined"
    correct = round(result["accuracy"] * result["rows"])
    return f"{result['accuracy']:.4f} ({correct:,} of {result['rows']:,} rows)"


def confusion_lines(
    result: dict[str, Any], classes: NDArray[Any], class_names: Sequence[str], terminal: Terminal
) -> list[str]:
    """Return an empty line and the confusion table of a result of :func:`measure`; no lines if it has none."""
    if "confusion" not in result:
        return []
    # Escaped before the columns are aligned.
    labels = [printable(str(label)) for label in classes.tolist()]
    names = [printable(name) for name in class_names]
    return ["", *report.confusion(np.array(result["confusion"]), labels, names, terminal)]


def print_json(result: dict[str, Any]) -> None:
    """Print a JSON object on one line; infinities and NaN, which JSON does not have, become null."""
    sys.stdout.write(json.dumps(_plain(result), allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
