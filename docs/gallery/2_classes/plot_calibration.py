"""
Reliability before and after calibration
========================================

The network at the left overfits and is too confident: of the predictions with a probability of 0.9, fewer than 90 %
are correct. ``calibrate`` computes one temperature on rows that were held out. At the right the same network is
nearly on the diagonal; its predicted classes are unchanged.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import CalibrationDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(6000, 10))
y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(0, 1.5, 6000) > 0).astype(int)
train, held_out, test = slice(0, 1000), slice(1000, 3000), slice(3000, 6000)

net = cnn.Network(
    [cnn.Dense(64, "relu"), cnn.Dense(1)],
    loss="binary_cross_entropy",
    optimizer=cnn.Adam(0.01),
    seed=0,
)
net.fit(X[train], y[train], epochs=40)

fig, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 4.6), layout="constrained"
)
before = CalibrationDisplay.from_estimator(net, X[test], y[test], ax=left)
net.calibrate(X[held_out], y[held_out])
after = CalibrationDisplay.from_estimator(net, X[test], y[test], ax=right)
print(f"expected calibration error before: {before.ece:.3f}")
print(f"expected calibration error after: {after.ece:.3f}")
