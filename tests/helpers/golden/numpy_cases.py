"""Trainings that compute partly outside the core: temperatures, L-BFGS, folded embeddings."""

from __future__ import annotations

import compiled_nn as cnn
import numpy as np
from compiled_nn import Dense
from golden import data
from golden.data import CLASSES, SIGNAL, X, case
from golden.estimator_cases import estimate
from golden.network_cases import classifier

TEMPERATURE, LBFGS, EMBEDDINGS = {}, {}, {}


@case(TEMPERATURE, "softmax", "sigmoid", "indicator")
def temperature(kind):
    y = {"softmax": CLASSES, "sigmoid": SIGNAL > 0, "indicator": (X[:, :2] > 0).astype(int)}[kind]
    n_outputs, loss = {"softmax": (3, "softmax_cross_entropy"), "sigmoid": (1, "binary_cross_entropy")}.get(
        kind, (2, "binary_cross_entropy")
    )
    net = cnn.Network([Dense(8, "tanh"), Dense(n_outputs)], loss=loss, seed=0, dtype="float64")
    return net.fit(X[:60], y[:60], epochs=9).calibrate(X[60:], y[60:]), X


@case(TEMPERATURE)
def temperature_of_a_classifier():
    model, _ = estimate(cnn.MLPClassifier, CLASSES)
    return model.calibrate(X, CLASSES), X


@case(LBFGS, "float32", "float64", "penalty", "indicator", "values", "two_columns", "weighted", "warm")
def lbfgs(kind):
    how = {"solver": "lbfgs", "max_iter": 25, "batch_size": "auto"}
    dtype = "float64" if kind in ("float64", "penalty", "two_columns") else "float32"
    if kind in ("penalty", "values", "two_columns"):
        y = np.stack([SIGNAL, 9 * X[:, 3]], axis=1) if kind == "two_columns" else SIGNAL
        return estimate(cnn.MLPRegressor, y, alpha=1.0 if kind == "penalty" else 1e-4, dtype=dtype, **how)
    y = (X[:, :3] > 0.25).astype(int) if kind == "indicator" else CLASSES
    fit = {"sample_weight": np.arange(90) % 5 + 0.5} if kind == "weighted" else {}
    model, _ = estimate(cnn.MLPClassifier, y, fit=fit, warm_start=kind == "warm", dtype=dtype, **how)
    return model.fit(X, y) if kind == "warm" else model, X


@case(EMBEDDINGS, "float32", "float64", "auto", "some", "ema", "partial")
def embeddings(kind):
    X, y = data.INPUTS["table"], data.THREE
    options = {
        "auto": {"embeddings": "auto", "standardize": True},
        "some": {"embeddings": {3: 3}, "min_frequency": 4},
        "ema": {"embeddings": 2, "ema": 0.75, "standardize": "robust"},
    }.get(kind, {"embeddings": 2, "dtype": "float64" if kind == "float64" else "float32"})
    net = classifier(
        Dense(9, "tanh", norm="batch" if kind == "auto" else None), categorical_features="auto", **options
    )
    return net.partial_fit(X, y) if kind == "partial" else net.fit(
        X, y, epochs=4, validation_fraction=0.25
    ), X
