"""
Weights as images
=================

Each image shows the weights of one hidden unit, one weight per pixel: ink in a yellow pixel increases the weighted sum
of the unit, ink in a blue pixel decreases it. Pixels that the network does not need, such as the corners, have weights
near 0 because of the L2 penalty.
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
