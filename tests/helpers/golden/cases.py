"""Hashes of results of trainings, by groups: weights, predictions and histories."""

from __future__ import annotations

import hashlib
import warnings

import compiled_nn as cnn
import numpy as np
from golden import estimator_cases, network_cases, numpy_cases
from golden.files import weights

CASES = {
    "networks": network_cases.CASES,
    "estimators": estimator_cases.CASES,
    "temperature": numpy_cases.TEMPERATURE,
    "lbfgs": numpy_cases.LBFGS,
    "embeddings": numpy_cases.EMBEDDINGS,
}
FURTHER = (
    "predict_proba",
    "predict_distribution",
    "predict_interval",
    "predict_set",
)  # methods of some models


def run(group, name):
    """Return {part: hash} of one case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # a few epochs do not converge
        model, samples = CASES[group][name]()
        parts = {
            "weights": weights(model),
            "predictions": [model.predict(samples)],
            "history": [],
            "scores": [],
        }
        for arrays in _further(model, samples):
            parts["predictions"] += arrays
    for column, numbers in _history(model).items():
        is_score = column.startswith("val") and column != "val_loss"
        parts["scores" if is_score else "history"].append(np.array(numbers, np.float64))
    return {part: _digest(arrays) for part, arrays in parts.items() if arrays}


def drawn_by_numpy():
    """Return a hash of numbers drawn by NumPy's generators, on which initial weights and row orders depend."""
    new, old = np.random.default_rng(0), np.random.RandomState(0)
    return _digest(
        [new.normal(size=999), *(a for r in (new, old) for a in (r.uniform(size=99), r.permutation(99)))]
    )


def _digest(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _further(model, samples):
    """Yield the results of the other methods of prediction of a model."""
    for method in ("decision_function", *FURTHER):
        try:
            result = getattr(model, method)(samples)
        except (AttributeError, ValueError):  # not supported by the loss, or not calibrated
            continue
        yield result if isinstance(result, tuple) else [result]


def _history(model):
    if hasattr(model, "coefs_"):
        columns = {
            name: getattr(model, name, None) for name in ("loss_curve_", "validation_scores_", "n_iter_")
        }
        return {name: column for name, column in columns.items() if column is not None}
    return {name: column for name, column in model.history.items() if name != "seconds"}
