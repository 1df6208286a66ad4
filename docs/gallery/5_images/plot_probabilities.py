"""
Probabilities of one image
==========================

The test image for which the network is least certain, and its probabilities for all classes: a few similar digits have
nearly equal probabilities.
"""

import compiled_nn as cnn
from compiled_nn.plotting import ProbabilityBarsDisplay

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(32, "relu"), cnn.Dense(10)],
    input_scale=data.input_scale,
    seed=0,
)
net.fit(data.X_train, data.y_train, epochs=20)
hardest = net.predict_proba(data.X_test).max(axis=1).argmin()
ProbabilityBarsDisplay.from_estimator(
    net, data.X_test[hardest], data.y_test[hardest]
)
