"""
Outliers and losses
===================

Some values of y are wrong by a large amount, all in the same direction. The curve of the squared error, ``mse``, is
pulled towards them; the curve of ``huber`` is pulled less, and the curve of ``mae``, the absolute error, hardly at
all.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, 400)
y = np.sin(x) + 0.1 * rng.normal(size=400)
y[rng.random(400) < 0.12] += 4

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.scatter(x, y, s=8, color="0.7")
grid = np.linspace(-3, 3, 200)
ax.plot(grid, np.sin(grid), ":", color="0.3", label="without noise")
for loss in ("mse", "huber", "mae"):
    net = cnn.Network(
        [cnn.Dense(16, "tanh"), cnn.Dense(1)],
        loss=loss,
        optimizer=cnn.Adam(0.02),
        seed=0,
    )
    net.fit(x[:, np.newaxis], y, epochs=150)
    ax.plot(grid, net.predict(grid[:, np.newaxis]), label=loss)
ax.set(xlabel="x", ylabel="y")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
