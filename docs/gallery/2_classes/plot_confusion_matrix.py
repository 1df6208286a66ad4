"""
Confusion matrix
================

Each row is a true digit, each column a predicted one. Correct predictions are on the diagonal; the numbers beside it
show which digits are mistaken for which others.
"""

import compiled_nn as cnn
from compiled_nn.plotting import ConfusionMatrixDisplay

data = cnn.datasets.load_digits()
net = cnn.Network(
    [cnn.Dense(16, "relu"), cnn.Dense(10)],
    input_scale=data.input_scale,
    seed=0,
)
net.fit(data.X_train, data.y_train, epochs=10)
ConfusionMatrixDisplay.from_estimator(net, data.X_test, data.y_test)
