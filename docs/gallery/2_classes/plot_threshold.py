"""
A threshold with the lowest cost
================================

A missed positive row costs ten times as much as a false alarm. The curve shows the cost for each threshold of the
probability, on rows that were held out. Its minimum is far below 0.5, the threshold of ``predict``.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

rng = np.random.default_rng(0)
X = rng.normal(size=(6000, 4))
y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(0, 1, 6000) > 2).astype(int)
net = cnn.Network(
    [cnn.Dense(16, "tanh"), cnn.Dense(1)],
    loss="binary_cross_entropy",
    seed=0,
)
net.fit(X[:3000], y[:3000], epochs=30)

probability, truth = net.predict_proba(X[3000:])[:, 1], y[3000:]
thresholds = np.linspace(0.01, 0.99, 99)
missed = np.array([(truth[probability < t] == 1).sum() for t in thresholds])
alarms = np.array(
    [(truth[probability >= t] == 0).sum() for t in thresholds]
)
cost = 10 * missed + alarms
best = thresholds[cost.argmin()]

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(thresholds, cost, label="cost")
ax.plot(thresholds, 10 * missed, "--", label="cost of missed rows")
ax.plot(thresholds, alarms, ":", label="cost of false alarms")
ax.axvline(best, color="0.5", linewidth=1)
ax.set_title(f"lowest cost at {best:.2f}")
ax.set(xlabel="threshold", ylabel="cost")
ax.legend(frameon=False)
ax.grid(alpha=0.3)
