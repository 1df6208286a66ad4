"""Trainings of estimators."""

from __future__ import annotations

import compiled_nn as cnn
import numpy as np
from compiled_nn import schedules
from golden import data
from golden.data import CLASSES, GROUP_OF_ROW, SIGNAL, X, case

CASES = {}


def estimate(kind, y, *, samples=X, fit=None, **parameters):
    defaults = {"hidden_layer_sizes": (9,), "max_iter": 5, "random_state": 0, "batch_size": 16}
    return kind(**{**defaults, **parameters}).fit(samples, y, **(fit or {})), samples


CLASSIFIERS = {
    "plain": {},
    "float64": {"dtype": "float64", "standardize": True, "l1": 1e-3},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "nesterovs_momentum": False},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "max_iter": 30,
        "tol": 0.1,
        "n_iter_no_change": 1,
    },
    "stopped": {"early_stopping": True, "max_iter": 30, "n_iter_no_change": 3, "learning_rate_init": 0.05},
    "blocks": {"hidden_layer_sizes": (8, 8), "norm": (None, "batch"), "dropout": 0.25, "residual": True},
    "inits": {"init": "lecun_uniform", "activation": "gelu", "use_bias": False, "shuffle": False},
    "own_optimizer": {"optimizer": cnn.Lion(0.01), "ema": 0.75, "clip_norm": 1.0, "input_dropout": 0.125},
    "own_schedule": {"schedule": schedules.Cosine(0.02, 20), "label_smoothing": 0.125},
    "focal": {"loss": "focal", "class_weight": "balanced", "activation": "logistic"},
}


@case(CASES, *CLASSIFIERS)
def mlp_classifier(name):
    return estimate(cnn.MLPClassifier, np.array(["a", "b", "c"])[CLASSES], **CLASSIFIERS[name])


@case(CASES, "two", "indicator", "weighted", "sparse", "table", "groups")
def mlp_classifier_data(kind):
    y, how = CLASSES, {}
    if kind in ("two", "indicator"):
        y = SIGNAL > 0 if kind == "two" else (X[:, :3] > 0.25).astype(int)
    elif kind == "weighted":
        how = {"fit": {"sample_weight": np.arange(90) % 5 + 0.5}}
    elif kind == "sparse":
        how = {"samples": data.CompressedRows(np.where(X > 1, X, 0))}
    elif kind == "table":
        y, how = (
            data.THREE,
            {"samples": data.INPUTS["table"], "categorical_features": "auto", "standardize": True},
        )
    else:
        how = {"fit": {"validation_groups": GROUP_OF_ROW}, "metrics": ("balanced_accuracy",)}
    return estimate(cnn.MLPClassifier, y, **how)


@case(CASES, "warm", "partial")
def mlp_classifier_further(kind):
    model, _ = estimate(cnn.MLPClassifier, CLASSES, warm_start=True, dropout=0.25)
    if kind == "warm":
        model.set_params(max_iter=3, shuffle=False).fit(X, CLASSES)
    else:
        model.partial_fit(X[:50], CLASSES[:50]).partial_fit(X[50:], CLASSES[50:])
    return model, X


REGRESSORS = {
    "plain": {},
    "two_columns": {"dtype": "float64", "scale_targets": True},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "max_iter": 20, "tol": 0.1, "n_iter_no_change": 1},
    "stopped": {"early_stopping": True, "max_iter": 20, "n_iter_no_change": 3, "learning_rate_init": 0.05},
    "quantile": {"loss": "quantile"},
    "gaussian": {"loss": "gaussian_nll", "standardize": "minmax"},
    "poisson": {"loss": "poisson"},
}


@case(CASES, *REGRESSORS)
def mlp_regressor(name):
    y = np.stack([SIGNAL, 9 * X[:, 3]], axis=1) if name == "two_columns" else 1 + np.abs(SIGNAL)
    return estimate(cnn.MLPRegressor, y, **REGRESSORS[name])


@case(CASES)
def mlp_regressor_twice():
    model, _ = estimate(cnn.MLPRegressor, SIGNAL, warm_start=True, scale_targets=True)
    return model.fit(X, SIGNAL).partial_fit(X, SIGNAL), X
