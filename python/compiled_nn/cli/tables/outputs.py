"""Named outputs of a network: the columns that ``compiled-nn predict`` writes.

prediction              label or value of a row; prediction_0, prediction_1, ... if it has several
probability_CLASS       probability of a class
q0.05                   quantile of the loss "quantile"
std                     standard deviation of the loss "gaussian_nll"
lower_0.9, upper_0.9    interval of a calibrated network
set_0.9_CLASS           1 if a class is in the prediction set of a calibrated network, else 0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.text import distinct_texts
from ...losses import Quantile
from ..support import results
from ..support.results import Model

Columns = dict[str, NDArray[Any]]


class Outputs:
    """Outputs of a network for batches of rows.

    Parameters
    ----------
    net : Network or Ensemble
        Fitted network.
    proba : bool, default False
        Whether the outputs are probabilities of classes, in place of predictions.
    coverages : sequence of float, default ()
        Coverages of intervals or sets of classes.
    """

    def __init__(self, net: Model, *, proba: bool = False, coverages: Sequence[float] = ()) -> None:
        self._net, self._proba, self._coverages = net, proba, coverages
        self._loss = net._configuration.loss
        self._classes = distinct_texts(net.classes_.tolist()) if results.classifies(net) else []

    def of(self, X: Any) -> Columns:
        """Return the outputs (m,) of rows, by their names."""
        net = self._net
        if self._proba:
            found = _named([f"probability_{name}" for name in self._classes], net.predict_proba(X))
        elif isinstance(self._loss, Quantile):
            found = _named([f"q{level:g}" for level in self._loss.quantiles], net.predict(X))
        elif self._loss.name == "gaussian_nll":
            mean, deviation = net.predict_distribution(X)
            found = _several("prediction", mean) | _several("std", deviation)
        else:
            found = _several("prediction", net.predict(X))
        for coverage in self._coverages:
            found |= self._region(X, coverage)
        return found

    def _region(self, X: Any, coverage: float) -> Columns:
        """Return the bounds of intervals, or the sets of classes."""
        net = self._net
        if results.classifies(net):
            sets = net.predict_set(X, coverage).astype(np.int8)
            return _named([f"set_{coverage:g}_{name}" for name in self._classes], sets)
        lower, upper = net.predict_interval(X, coverage)
        return _several(f"lower_{coverage:g}", lower) | _several(f"upper_{coverage:g}", upper)


def _several(name: str, values: NDArray[Any]) -> Columns:
    """Return values (m,) under a name, and the columns of values (m, n) under names with their indices."""
    if values.ndim == 1:
        return {name: values}
    return _named([f"{name}_{i}" for i in range(values.shape[1])], values)


def _named(names: Sequence[str], values: NDArray[Any]) -> Columns:
    columns = values[:, np.newaxis] if values.ndim == 1 else values
    return {name: columns[:, i] for i, name in enumerate(names)}
