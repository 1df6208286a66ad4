"""
Prediction intervals
====================

``calibrate_intervals`` uses rows that were held out to make intervals that contain 90 % of new values. With a
quantile loss, their width depends on the row: they are narrow at the left, where the noise is small, and wide at the
right.
"""

import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import IntervalDisplay

rng = np.random.default_rng(0)
X = rng.uniform(0, 4, (3000, 1))
y = np.sin(2 * X[:, 0]) + (0.05 + 0.2 * X[:, 0]) * rng.normal(size=3000)
train, held_out, test = slice(0, 1500), slice(1500, 2500), slice(2500, 3000)

net = cnn.Network(
    [cnn.Dense(32, "tanh"), cnn.Dense(3)],
    loss=cnn.losses.Quantile((0.05, 0.5, 0.95)),
    optimizer=cnn.Adam(0.01),
    standardize=True,
    seed=0,
)
net.fit(X[train], y[train], epochs=60)
net.calibrate_intervals(X[held_out], y[held_out])
lower, upper = net.predict_interval(X[test], 0.9)
IntervalDisplay.from_predictions(
    y[test],
    lower,
    upper,
    y_pred=net.predict(X[test])[:, 1],
    x=X[test, 0],
    x_name="x",
    nominal=0.9,
)
