"""
Images that are predicted wrongly
=================================

Test images whose predicted class is wrong. The first line above each image is the predicted class with its
probability, the second line the true class. Some of these digits are also hard to read for people.
"""

import compiled_nn as cnn
from compiled_nn.plotting import PredictionGridDisplay

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(16, "relu"), cnn.Dense(10)],
    input_scale=data.input_scale,
    seed=0,
)
net.fit(data.X_train, data.y_train, epochs=10)
wrong = net.predict(data.X_test) != data.y_test
PredictionGridDisplay.from_estimator(
    net, data.X_test[wrong], data.y_test[wrong], n_images=15
)
