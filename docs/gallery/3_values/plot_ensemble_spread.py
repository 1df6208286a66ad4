"""
Spread of an ensemble
=====================

Twelve networks are trained on the same rows from different initial weights. Where there are training rows, their
predictions agree. In the gap in the middle and at both ends, the predictions differ: the mean is uncertain there.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-3, -0.8, 60), rng.uniform(0.8, 3, 60)])
y = np.sin(2 * x) + 0.1 * rng.normal(size=len(x))

net = cnn.Network(
    [cnn.Dense(32, "tanh"), cnn.Dense(32, "tanh"), cnn.Dense(1)],
    loss="mse",
    optimizer=cnn.Adam(0.01),
    seed=0,
)
model = cnn.Ensemble(net, n_members=12).fit(x[:, np.newaxis], y, epochs=300)

grid = np.linspace(-4, 4, 300)[:, np.newaxis]
members = np.array([member.predict(grid) for member in model.members_])
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.plot(grid, members.T, color="C0", alpha=0.4, linewidth=1)
ax.plot(
    grid,
    model.predict(grid),
    color="C3",
    linewidth=2,
    label="mean of the ensemble",
)
ax.scatter(x, y, s=10, color="0.2", zorder=3, label="training rows")
ax.set(xlabel="x", ylabel="y", ylim=(-2.5, 2.5))
ax.legend(frameon=False, loc="lower right")
