"""
Which pixels count
==================

Below each image is a gradient: the derivative of the output for the predicted class with respect to each pixel. More
ink in a red pixel makes this class more likely, and more ink in a blue pixel makes it less likely.
"""

import matplotlib.pyplot as plt
import numpy as np

import compiled_nn as cnn

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(64, "silu"), cnn.Dense(10)],
    l2=1e-3,
    input_scale=data.input_scale,
    seed=0,
)
net.fit(data.X_train, data.y_train, epochs=40)

digits = (0, 2, 3, 6)
images = [data.X_test[data.y_test == digit][:1] for digit in digits]
fig, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
for (above, below), image in zip(axes.T, images, strict=True):
    digit = int(net.predict(image)[0])
    gradient = net.input_gradient(image, output=digit).reshape(8, 8)
    above.imshow(image.reshape(8, 8), cmap="gray_r")
    above.set_title(f"predicted: {digit}", size="medium")
    most = np.abs(gradient).max()
    below.imshow(gradient, cmap="RdBu_r", vmin=-most, vmax=most)
    above.set_axis_off()
    below.set_axis_off()
