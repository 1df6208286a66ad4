"""
Three spirals
=============

Three classes in a plane. The colour of a point shows its most probable class, and black lines are the boundaries of
the classes. A network also predicts a class for points far from all training rows; the data do not support it there.
"""

import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import DecisionBoundaryDisplay

rng = np.random.default_rng(0)
y = np.repeat([0, 1, 2], 150)
radius = rng.uniform(0.1, 1, 450)
angle = 4 * radius + y * 2 * np.pi / 3 + rng.normal(0, 0.15, 450)
X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

net = cnn.MLPClassifier(
    hidden_layer_sizes=(32, 32),
    activation="tanh",
    learning_rate_init=0.01,
    max_iter=200,
    random_state=0,
)
net.fit(X, y)
DecisionBoundaryDisplay.from_estimator(
    net, X, y, class_names=["first", "second", "third"], s=12
)
