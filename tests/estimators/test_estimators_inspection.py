"""Summary of an estimator: that of its network after fit, with question marks before."""

import numpy as np
import pytest
from compiled_nn import MLPClassifier, MLPRegressor
from small import blobs


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_summary(kind):
    X, y = blobs()
    estimator = kind(hidden_layer_sizes=(5, 4), norm="batch", max_iter=1, dtype="float64")
    before = str(estimator.summary()).splitlines()
    assert [line.split() for line in before[1:]] == [
        ["0", "?", "5", "relu", "batch", "?", "?", "?"],
        ["1", "5", "4", "relu", "batch", "28", "40", "288"],
        ["2", "4", "?", "?", "?", "?", "?"],
        ["total", "?", "?", "?"],
    ]
    after = estimator.fit(X, y).summary()
    assert str(after) == str(estimator.network_.summary())
    gains = 5 + 4
    assert after.n_parameters == sum(a.size for a in [*estimator.coefs_, *estimator.intercepts_]) + gains


def test_summary_of_784_50_10():
    estimator = MLPClassifier(hidden_layer_sizes=50, max_iter=1, random_state=0)
    X, y = np.random.default_rng(0).random((30, 784)), np.arange(30) % 10
    assert estimator.fit(X, y).summary().n_parameters == 39760


def test_summary_of_wrong_parameters():
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
        MLPClassifier(hidden_layer_sizes=(0,)).summary()
