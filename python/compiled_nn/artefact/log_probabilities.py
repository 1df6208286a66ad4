"""Logarithms of probabilities, computed from the outputs before the link: finite where a probability rounds to 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arithmetic
from ..data.arrays import Array
from . import refusals
from .predictor import LOGITS

if TYPE_CHECKING:
    from .predictor import Predictor


def log_probabilities(predictor: Predictor, X: Any) -> Array:
    """Return the logarithms of probabilities; documented in :meth:`compiled_nn.Network.predict_log_proba`."""
    outputs = predictor.outputs
    if predictor.probabilities is None:  # raises the error of a network that predicts values
        p = predictor.predict_proba(X)
        return arithmetic.log(np.maximum(p, np.finfo(p.dtype).tiny))
    logits = predictor.forward(X, LOGITS)
    with np.errstate(over="ignore", under="ignore"):
        if outputs.loss.link == "softmax":
            logits = logits - logits.max(axis=1, keepdims=True)
            sums = arithmetic.activate("exp", logits).sum(axis=1, keepdims=True)
            log_proba: Array = logits - arithmetic.log(sums)
            refusals.check_rows(log_proba, "the logarithms of probabilities")
            return log_proba
        positive: Array = -np.logaddexp(0, -logits)
        if logits.shape[1] > 1:
            return positive
        return np.concatenate([-np.logaddexp(0, logits), positive], axis=1)
