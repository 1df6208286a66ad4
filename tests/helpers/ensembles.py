"""Rows, labels, values and networks for tests of ensembles."""

import compiled_nn as cnn
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 5))
LABELS = np.array(["a", "b", "c"])[(X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0.8)]
VALUES = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + 10
X_NEW = RNG.normal(size=(50, 5))


def classifiers(dtype="float32", n=3, **parameters):
    """Networks that differ in everything in which members may differ."""
    Dense, options = cnn.Dense, {"standardize": True, "dtype": dtype, **parameters}
    return [
        cnn.Network([Dense(8, "relu"), Dense(3)], optimizer=cnn.Adam(0.02), seed=1, **options),
        cnn.Network(
            [Dense(5, "tanh", dropout=0.2), Dense(6, "silu"), Dense(3)],
            optimizer=cnn.SGD(0.1),
            seed=2,
            **options,
        ),
        cnn.Network(
            [Dense(12, "silu", norm="layer"), Dense(3)],
            optimizer=cnn.AdamW(0.01),
            ema=0.9,
            l2=0.01,
            seed=3,
            **options,
        ),
        cnn.Network(
            [Dense(4, "relu", norm="batch"), Dense(3)], clip_norm=0.5, input_dropout=0.1, seed=4, **options
        ),
    ][:n]


def regressors(dtype="float32", loss="mse", n_outputs=1, **parameters):
    options = {"standardize": True, "dtype": dtype, "loss": loss, **parameters}
    return [
        cnn.Network(
            [cnn.Dense(8, "tanh"), cnn.Dense(n_outputs)], optimizer=cnn.Adam(0.02), seed=seed, **options
        )
        for seed in range(3)
    ]
