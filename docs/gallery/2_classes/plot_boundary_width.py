"""
Exclusive or, with 1, 2, 4 and 16 hidden units
==============================================

The colour of each point of the plane shows the predicted probability, and the black line is the boundary of the
predicted classes. One hidden unit separates the plane by one straight line. Four units suffice for the four corners;
with more units, the boundary is more exact.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import DecisionBoundaryDisplay

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (400, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int)

fig, axes = plt.subplots(2, 2, figsize=(9, 7.6), layout="constrained")
for ax, width in zip(axes.flat, (1, 2, 4, 16), strict=True):
    net = cnn.Network(
        [cnn.Dense(width, "tanh"), cnn.Dense(1)],
        loss="binary_cross_entropy",
        optimizer=cnn.Adam(0.03),
        seed=0,
    )
    net.fit(X, y, epochs=150)
    DecisionBoundaryDisplay.from_estimator(net, X, y, ax=ax, s=8)
    ax.set_xlabel(f"hidden units: {width}, accuracy: {net.score(X, y):.2f}")
