"""
Weights as images
=================

Each image has the weights of one hidden unit, pixel by pixel: the sum in the unit grows with ink in yellow pixels,
and falls with ink in blue ones. Pixels that the network does not need, such as the corners, have weights near 0
because of the L2 penalty.
"""

import compiled_nn as cnn
from compiled_nn.plotting import WeightImagesDisplay

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(18, "tanh"), cnn.Dense(10)],
    l2=0.005,
    input_scale=data.input_scale,
    seed=0,
)
net.fit(data.X_train, data.y_train, epochs=40)
WeightImagesDisplay.from_estimator(net, n_images=18)
