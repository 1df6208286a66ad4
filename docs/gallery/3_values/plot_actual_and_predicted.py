"""
Actual and predicted values
===========================

Exact predictions are on the dashed line. Points of large values are further from the line than points of small values,
because the noise of these data grows with the value.
"""

import numpy as np

import compiled_nn as cnn
from compiled_nn.plotting import PredictionErrorDisplay

rng = np.random.default_rng(1)
X = rng.uniform(0, 3, (1200, 2))
mean = 1 + X[:, 0] * X[:, 1]
y = mean * rng.lognormal(0, 0.15, 1200)

net = cnn.MLPRegressor(
    hidden_layer_sizes=(32,),
    learning_rate_init=0.01,
    max_iter=60,
    random_state=0,
)
net.fit(X[:800], y[:800])
PredictionErrorDisplay.from_estimator(
    net, X[800:], y[800:], kind="actual_vs_predicted"
)
