"""
Learning curve
==============

The accuracy on rows that were not used for training rises with the number of training rows. At the left the network
overfits: its accuracy is higher on the rows that it was trained on. At the right the two curves meet: more images of
this kind would help little.
"""

import compiled_nn as cnn
from compiled_nn.plotting import LearningCurveDisplay

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(32, "relu"), cnn.Dense(10)],
    input_scale=data.input_scale,
    seed=0,
)
LearningCurveDisplay.from_estimator(
    net,
    data.X_train,
    data.y_train,
    train_sizes=(0.05, 0.1, 0.25, 0.5, 1),
    fit_params={"epochs": 20},
)
