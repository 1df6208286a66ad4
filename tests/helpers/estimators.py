"""Data and names shared by the tests of the estimators."""

import compiled_nn as cnn
import numpy as np
import pytest

CLASSIFIER, REGRESSOR = cnn.MLPClassifier, cnn.MLPRegressor
BOTH = pytest.mark.parametrize("estimator", [CLASSIFIER, REGRESSOR])


def three_blobs(rng):
    """Return X (120, 3) and y (120,) of three classes around three centres, in random order."""
    y = np.repeat([0, 1, 2], 40)
    X = rng.normal(size=(120, 3)) + np.array([[0, 0, 3], [0, 3, 0], [3, 0, 0]])[y]
    order = rng.permutation(120)
    return X[order], y[order]


def flat(estimator):
    """Return the weights and biases of all layers in one list."""
    pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    return [array for pair in pairs for array in pair]
