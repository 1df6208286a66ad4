"""
Residuals
=========

A residual is the actual value minus the predicted one. The residuals of a linear model, at the left, form a curve,
which means that the model is too simple. The residuals of a network with one hidden layer, at the right, form a band
around 0.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import PredictionErrorDisplay

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (1500, 3))
y = np.exp(X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=1500)

fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, hidden in zip(axes, ([], [cnn.Dense(32, "tanh")]), strict=True):
    net = cnn.Network(
        [*hidden, cnn.Dense(1)],
        loss="mse",
        optimizer=cnn.Adam(0.01),
        scale_targets=True,
        seed=0,
    )
    net.fit(X[:1000], y[:1000], epochs=60)
    PredictionErrorDisplay.from_estimator(net, X[1000:], y[1000:], ax=ax)
