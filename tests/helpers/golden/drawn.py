"""Random networks and parameters of `fit`, which are the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import compiled_nn as cnn
import numpy as np
from compiled_nn import losses, schedules
from golden.data import ACTIVATIONS
from golden.files import OPTIMIZERS, SCHEDULES

LOSSES = (
    *("softmax_cross_entropy", losses.SoftmaxCrossEntropy(label_smoothing=0.125), losses.Focal(1.5)),
    *("binary_cross_entropy", losses.BinaryCrossEntropy(pos_weight=2.0), losses.Focal(link="sigmoid")),
    *("mse", "squared_error", "mae", losses.Huber(2.0), "log_cosh", "poisson", "gamma", losses.Tweedie(1.5)),
    *(losses.Quantile((0.25, 0.5, 0.75)), "gaussian_nll", "ordinal"),
)


class Draw:
    """Random choices that draw integers only."""

    def __init__(self, seed):
        self.rng = np.random.Generator(np.random.PCG64(seed))

    def integer(self, low, high):
        return int(self.rng.integers(low, high))

    def one_of(self, *values):
        return values[self.integer(0, len(values))]

    def often(self, share):
        return self.integer(0, 1000) < 1000 * share

    def grid(self, m, k):
        """Return numbers (m, k) from -2 to 2."""
        return self.rng.integers(-1000, 1001, (m, k)) / 500


def target(draw, loss, X):
    """Return a y for a loss, which can be learned from X (m, k), and the number of outputs."""
    m = len(X)
    name = loss if isinstance(loss, str) else loss.name
    signal = X[:, 0] + X[:, 1] * draw.one_of(-1, 0.5, 2)
    rank = np.argsort(np.argsort(signal, kind="stable"), kind="stable")
    one_output = name == "binary_cross_entropy" or getattr(loss, "link", "") == "sigmoid"
    if one_output:
        if draw.often(0.3):  # several labels per row
            return (X[:, :2] > draw.one_of(0, 0.5)).astype(int), 2
        return draw.one_of(np.array(["no", "yes"]), np.array([False, True]))[(2 * rank >= m).astype(int)], 1
    if name in ("softmax_cross_entropy", "focal", "ordinal"):
        n = draw.integer(3, 6)
        labels = draw.one_of(np.arange(n), np.array(["a", "bb", "ccc", "d", "e"][:n]), np.arange(n) / 2)
        return labels[rank * n // m], n - 1 if name == "ordinal" else n
    if name in ("poisson", "gamma", "tweedie"):
        return 1 + rank % 5, 1
    if name == "quantile":
        return signal, 3
    if name == "gaussian_nll":
        return signal / 16, 2
    return (np.stack([signal, 10 * X[:, 1] + 3], axis=1), 2) if draw.often(0.3) else (10 * signal, 1)


def hidden_layers(draw, activations):
    width = draw.one_of(3, 5, 8, 17, 33)
    return [
        cnn.Dense(
            width,
            name,
            bias=draw.often(0.8),
            dropout=draw.one_of(0.0, 0.0, 0.25),
            norm=draw.one_of(None, None, None, "layer", "rms", "batch"),
            residual=i > 0 and draw.often(0.4),
            trainable=draw.often(0.9),
            rate=draw.one_of(1.0, 1.0, 0.5),
            init=draw.one_of(
                None, None, "he_uniform", "glorot_normal", "lecun_uniform", cnn.Uniform(-0.25, 0.25)
            ),
        )
        for i, name in enumerate(activations)
    ]


def draw(seed):
    """Return layers, parameters, X, y, and keywords of fit. Consecutive seeds cover all losses and optimizers."""
    draw = Draw(seed)
    m, k = draw.integer(40, 100), draw.integer(2, 20)
    X = draw.grid(m, k) * draw.one_of(0.5, 1, 16) + draw.one_of(0, 5)
    loss = LOSSES[seed % len(LOSSES)]
    y, n_outputs = target(draw, loss, X - X[0] * 0.25)
    at = 3 * seed % len(ACTIVATIONS)
    names = [ACTIVATIONS[(at + i) % len(ACTIVATIONS)] for i in range(draw.integer(0, 4))]
    optimizer = OPTIMIZERS[seed % len(OPTIMIZERS)]
    if isinstance(optimizer, cnn.SGD):
        # a larger rate diverges for losses whose slope is unbounded
        optimizer = replace(optimizer, learning_rate=0.01)
    if draw.often(0.25):
        optimizer = (
            cnn.Adam(draw.one_of(*SCHEDULES)) if draw.often(0.5) else cnn.SGD(schedules.Cosine(0.01, 9), 0.5)
        )
    parameters = {
        "loss": loss,
        "optimizer": optimizer,
        "l1": draw.one_of(0.0, 0.0, 1e-3),
        "l2": draw.one_of(0.0, 1e-2),
        "dtype": draw.one_of("float32", "float64"),
        "seed": draw.integer(0, 100),
        "standardize": draw.one_of(True, True, "robust", "minmax"),
        "scale_targets": loss == "mse" and draw.often(0.5),
        "input_dropout": draw.one_of(0.0, 0.0, 0.125),
        "clip_norm": draw.one_of(None, None, 1.0),
        "clip_value": draw.one_of(None, None, None, 0.5),
        "ema": draw.one_of(None, None, 0.75),
    }
    how = {"batch_size": draw.one_of(7, 16, 33, "full"), "shuffle": draw.often(0.8)}
    if how["batch_size"] != "full":
        how["drop_last"], how["accumulate"] = draw.often(0.2), draw.one_of(1, 1, 2)
    if draw.often(0.4):
        how["sample_weight"] = draw.rng.integers(1, 5, m) / 2
    if np.ndim(y) == 1 and _classifies(loss) and draw.often(0.3):
        how["class_weight"] = "balanced"
    return [*hidden_layers(draw, names), cnn.Dense(n_outputs)], parameters, X, y, how


def _classifies(loss):
    return losses.LOSSES[loss if isinstance(loss, str) else loss.name].classifies
