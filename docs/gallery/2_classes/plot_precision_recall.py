"""
Precision and recall of a rare class
====================================

One row in fifty is positive. The curve shows which precision is possible at which recall: to find nearly all positive
rows, many false alarms are necessary. The accuracy, printed below, is hardly higher than the accuracy of never
predicting the rare class.
"""

import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import PrecisionRecallDisplay

rng = np.random.default_rng(0)
y = (rng.random(8000) < 0.02).astype(int)
X = rng.normal(size=(8000, 5))
X[:, :2] += 1.6 * y[:, np.newaxis]

net = cnn.Network(
    [cnn.Dense(16, "relu"), cnn.Dense(1)],
    loss="binary_cross_entropy",
    seed=0,
)
net.fit(X[:4000], y[:4000], epochs=15)
print(f"accuracy: {net.score(X[4000:], y[4000:]):.3f}")
print(f"accuracy of always predicting 0: {1 - y[4000:].mean():.3f}")
PrecisionRecallDisplay.from_estimator(net, X[4000:], y[4000:])
