"""
Loss and accuracy by epoch
==========================

Both losses fall at first. Later the accuracy on the training rows is 1, and only the training loss still falls: the
network overfits, and more epochs do not help.
"""

import compiled_nn as cnn
from compiled_nn.callbacks import TrainingScore
from compiled_nn.plotting import LossCurveDisplay, ScoreCurveDisplay

data = cnn.datasets.load_digits()
X, y = (
    data.X_train[:300],
    data.y_train[:300],
)  # few rows, so that the network overfits
net = cnn.Network(
    [cnn.Dense(64, "relu"), cnn.Dense(10)],
    optimizer=cnn.Adam(0.01),
    input_scale=data.input_scale,
    seed=0,
)
net.fit(
    X,
    y,
    epochs=60,
    validation_data=(data.X_test, data.y_test),
    callback=TrainingScore(X, y),
)
LossCurveDisplay.from_estimator(net)

# %%
# The callback ``TrainingScore`` records the accuracy on the training rows; ``fit`` itself records the accuracy on the
# validation rows.

ScoreCurveDisplay.from_estimator(net)
