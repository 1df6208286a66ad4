"""
Fan of quantiles
================

One network predicts nine quantiles of y at once, from 5 to 95 %. The bands between them show the distribution of y:
in the middle it is wide, and not symmetric, because the noise there is exponential.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, 3000)
noise = np.exp(-(x**2)) * rng.exponential(1.0, 3000)
y = np.cos(x) + noise + 0.1 * rng.normal(size=3000)

levels = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
net = cnn.Network(
    [cnn.Dense(32, "tanh"), cnn.Dense(32, "tanh"), cnn.Dense(len(levels))],
    loss=cnn.losses.Quantile(levels),
    optimizer=cnn.Adam(0.005),
    seed=0,
)
net.fit(x[:, np.newaxis], y, epochs=60)

grid = np.linspace(-3, 3, 200)
quantiles = net.predict(grid[:, np.newaxis])
fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
ax.scatter(x, y, s=1, color="0.3", alpha=0.5, zorder=3)
for i in range(len(levels) // 2):
    label = f"{100 * levels[i]:.0f} to {100 * levels[-1 - i]:.0f} %"
    low, high = quantiles[:, i], quantiles[:, -1 - i]
    colour = plt.cm.Blues(0.2 + 0.15 * i)
    ax.fill_between(grid, low, high, color=colour, label=label)
ax.plot(grid, quantiles[:, 4], color="C3", zorder=4, label="median")
ax.set(xlabel="x", ylabel="y")
ax.legend(frameon=False)
