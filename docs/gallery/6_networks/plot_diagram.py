"""
Diagram of a network
====================

A trained network of a few units, with its weights: blue and solid lines are positive weights, red and dashed lines
are negative ones, and larger weights have wider lines. The diagram is SVG, so that it is sharp at any size, and its
text is light on a dark page.
"""

import numpy as np

import compiled_nn as cnn
from compiled_nn.diagram import network_diagram

rng = np.random.default_rng(0)
X = rng.uniform(0, 1, (300, 3))
y = np.where(X[:, 0] > X[:, 1], "left", "right")
net = cnn.Network(
    [cnn.Dense(4, "tanh"), cnn.Dense(2)], optimizer=cnn.Adam(0.02), seed=0
)
net.fit(X, y, epochs=40)
network_diagram(
    net, feature_names=["a", "b", "c"], class_names=["left", "right"]
)
