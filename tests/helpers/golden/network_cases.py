"""Trainings of networks with all options of `fit`, on all kinds of data."""

from __future__ import annotations

import compiled_nn as cnn
import numpy as np
from compiled_nn import SGD, Adam, Dense, losses
from compiled_nn.callbacks import EarlyStopping, Plateau, Target
from golden import data, drawn
from golden.data import CLASSES, GROUP_OF_ROW, SIGNAL, X, case

CASES = {}
N_DRAWN = 60


@case(CASES, *range(N_DRAWN))
def drawn_network(seed):
    layers, parameters, X, y, how = drawn.draw(seed)
    if seed % 3 == 0:
        how["validation_fraction"] = 0.25
    return cnn.Network(layers, **parameters).fit(X, y, epochs=4, **how), X


def classifier(*layers, **parameters):
    return cnn.Network(
        [*(layers or [Dense(12, "relu")]), Dense(3)], **{"seed": 1, "optimizer": Adam(0.01), **parameters}
    )


@case(CASES, "float32", "float64")
def wide(dtype):
    """Return a network large enough for two threads, and its X."""
    X = drawn.Draw(1).grid(700, 130)
    y = (X[:, 0] > 0) + 2 * (X[:, 1] > 0)
    layers = (
        Dense(300, "relu"),
        Dense(80, "gelu", norm="rms"),
        Dense(80, "tanh", residual=True),
        Dense(40, "sigmoid"),
    )
    return cnn.Network([*layers, Dense(4)], dtype=dtype, seed=0).fit(X, y, epochs=2, batch_size=256), X


@case(CASES, "float32", "float64")
def long_rows(dtype):
    X = drawn.Draw(2).grid(64, 2000)
    return cnn.Network([Dense(1)], loss="mse", dtype=dtype, seed=0).fit(
        X, X[:, 0], epochs=2, shuffle=False
    ), X


@case(CASES, "float32", "float64")
def single_rows(dtype):
    return classifier(Dense(7, "tanh"), Dense(6, "elu"), dtype=dtype).fit(
        X, CLASSES, epochs=2, batch_size=1
    ), X


@case(CASES, "float32", "float64")
def in_the_span_of_the_rows(dtype):
    X = drawn.Draw(3).grid(30, 400)
    net = cnn.Network([Dense(9, "tanh"), Dense(1)], loss="mse", optimizer=SGD(0.01, 0.5), dtype=dtype, seed=0)
    return net.fit(X, X[:, 0], epochs=30, batch_size="full", gram=True), X


@case(CASES, "float32", "float64")
def own_functions(dtype):
    def cubic_loss(y, z):
        error = z - y
        return (np.abs(error) * error * error)[:, 0], 3 * np.abs(error) * error

    layers = [Dense(8, cnn.Activation(data.hat, data.hat_slope)), Dense(1)]
    net = cnn.Network(layers, loss=losses.CustomLoss(cubic_loss), dtype=dtype, seed=0)
    return net.fit(X, SIGNAL, epochs=4), X


@case(CASES, "float32", "float64")
def sparse(dtype):
    dense = np.where(drawn.Draw(4).grid(90, 50) > 1, drawn.Draw(5).grid(90, 50), 0)
    rows = data.CompressedRows(dense.astype(dtype))
    return classifier(dtype=dtype, standardize=True).fit(
        rows, CLASSES, epochs=3, validation_fraction=0.2
    ), rows


@case(CASES, "plain", "own_epochs", "standardized")
def stream(kind):
    def batches():
        for start in range(0, 90, 40):
            yield X[start : start + 40], CLASSES[start : start + 40]

    net = classifier(standardize=kind == "standardized", dtype="float64" if kind == "plain" else "float32")
    how = (
        {"validation_data": (X[:20], CLASSES[:20])} if kind == "plain" else {"shuffle": kind != "own_epochs"}
    )
    return net.fit(batches, epochs=3, batch_size=16, classes=[0, 1, 2], **how), X


@case(CASES, "float32", "float64")
def partial_fits(dtype):
    net = classifier(Dense(6, "relu", norm="batch"), dtype=dtype, standardize=True)
    for start in range(0, 90, 30):
        rows = slice(start, start + 30)
        net.partial_fit(X[rows], CLASSES[rows], classes=[0, 1, 2], batch_size=8, shuffle=start > 0)
    return net, X


@case(CASES, "fraction", "data", "groups")
def validated(by):
    y = np.array(["a", "b", "c"])[CLASSES]
    how = {
        "fraction": {"validation_fraction": 0.2, "metrics": ["balanced_accuracy", "matthews"]},
        "data": {"validation_data": (X[:30], y[:30], np.arange(30) / 4 + 1)},
        "groups": {"validation_groups": GROUP_OF_ROW},
    }[by]
    stopping = EarlyStopping(patience=3)
    watch = [Plateau(patience=1), Target("val_loss", 0.25)]
    return classifier(optimizer=Adam(0.1)).fit(
        X, y, epochs=30, early_stopping=stopping, callbacks=watch, **how
    ), X


@case(CASES, "one_column", "two_columns", "weighted")
def validated_values(kind):
    y = np.stack([SIGNAL, X[:, 3]], axis=1) if kind == "two_columns" else 10 * SIGNAL
    held_out = (X[:40], y[:40], np.arange(40) / 4 + 1) if kind == "weighted" else (X[:40], y[:40])
    net = cnn.Network([Dense(8, "tanh"), Dense(y.size // 90)], loss="mse", seed=0, scale_targets=True)
    return net.fit(X, y, epochs=6, validation_data=held_out, metrics=["mae"]), X


@case(CASES, "batches", "accumulate", "weights")
def rows_into_steps(kind):
    how = {
        "batches": {"n_batches": 7, "drop_last": True},
        "accumulate": {"accumulate": 3, "batch_size": 8},
        "weights": {"sample_weight": np.arange(90) % 4, "class_weight": {0: 2.0, 2: 0.5}},
    }[kind]
    return classifier(Dense(9, "silu", dropout=0.25)).fit(X, CLASSES, epochs=4, **how), X


@case(CASES, "swa", "ema", "share", "warm")
def averaged(kind):
    net = classifier(
        Dense(6, "relu", norm="batch"), optimizer=SGD(0.05, 0.5), ema=0.75 if kind == "ema" else None
    )
    if kind == "ema":
        return net.fit(X, CLASSES, epochs=4), X
    net.fit(X, CLASSES, epochs=4, averaging=cnn.SWA(0.25 if kind == "share" else 2))
    return net.fit(X, CLASSES, epochs=3, averaging=cnn.SWA(0), warm_start=True) if kind == "warm" else net, X


@case(CASES, *range(len(drawn.SCHEDULES)))
def schedule(i):
    return classifier(optimizer=SGD(drawn.SCHEDULES[i], 0.5)).fit(X, CLASSES, epochs=4, batch_size=16), X


@case(CASES, "uint8", "int64", "float16", "fortran", "far", "images")
def inputs(kind):
    raw = drawn.Draw(6).rng.integers(0, 256, (90, 6))
    samples = {
        "uint8": raw.astype(np.uint8),
        "int64": raw.astype(np.int64),
        "float16": X.astype(np.float16),
        "fortran": np.asfortranarray(X),
        "far": X + np.array([0, 0, 1e8, 0, -1e4, 0]),
        "images": raw.astype(np.uint8).reshape(90, 3, 2),
    }[kind]
    scaling = {"input_scale": 1 / 255} if kind in ("uint8", "images") else {"standardize": True}
    return classifier(**scaling).fit(samples, CLASSES, epochs=3), samples


@case(CASES, "auto", "rare")
def table(kind):
    options = {"auto": {"standardize": True}, "rare": {"min_frequency": 6, "standardize": "robust"}}[kind]
    net = classifier(categorical_features="auto", **options)
    return net.fit(data.INPUTS["table"], data.THREE, epochs=4), data.INPUTS["table"]


@case(CASES, "mse", "quantile", "gaussian_nll")
def intervals(loss):
    n_outputs = {"mse": 1, "quantile": 3, "gaussian_nll": 2}[loss]
    net = cnn.Network([Dense(8, "tanh"), Dense(n_outputs)], loss=loss, seed=0).fit(
        X[:60], SIGNAL[:60], epochs=4
    )
    return net.calibrate_intervals(X[60:], SIGNAL[60:]), X


@case(CASES, "softmax", "ordinal")
def sets(kind):
    net = (
        classifier()
        if kind == "softmax"
        else cnn.Network([Dense(8, "tanh"), Dense(2)], loss="ordinal", seed=0)
    )
    return net.fit(X[:60], CLASSES[:60], epochs=4).calibrate_intervals(X[60:], CLASSES[60:]), X
