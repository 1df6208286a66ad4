"""
Images of a data set
====================

Some images of a data set with their labels. Look at your images before you train a network: wrong labels, and images
that are turned or cut off, are easy to see.
"""

import compiled_nn as cnn
from compiled_nn.plotting import ImageGridDisplay

data = cnn.datasets.load_digits()
ImageGridDisplay.from_images(
    data.X_train[100:], data.y_train[100:], n_images=24, cmap="gray_r"
)
