"""Numbers of rows that differ: refused before X is read, by every function that takes both."""

import compiled_nn as cnn
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
BAD = X.copy()
BAD[0, 0] = np.nan  # reading it would raise another error


def network():
    return cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], seed=0).fit(X, Y, epochs=1)


CALLS = {
    "fit": lambda x, y: network().fit(x, y),
    "partial_fit": lambda x, y: network().partial_fit(x, y),
    "validation_data": lambda x, y: network().fit(X, Y, validation_data=(x, y)),
    "score": lambda x, y: network().score(x, y),
    "loss": lambda x, y: network().loss(x, y),
    "gradients": lambda x, y: network().gradients(x, y),
    "calibrate": lambda x, y: network().calibrate(x, y),
    "MLPClassifier": lambda x, y: cnn.MLPClassifier().fit(x, y),
    "MLPClassifier.partial_fit": lambda x, y: cnn.MLPClassifier().partial_fit(x, y, classes=[0, 1]),
}


@pytest.mark.parametrize("kind", [np.asarray, list])
@pytest.mark.parametrize("name", CALLS)
def test_lengths_are_compared_before_x_is_read(name, kind):
    with pytest.raises(ValueError, match="X has 40 rows; y has 39"):
        CALLS[name](kind(BAD), kind(Y[:39]))


def test_weights_are_counted_before_x_is_read():
    with pytest.raises(ValueError, match="X has 40 rows; sample_weight has 41"):
        network().fit(BAD, Y, sample_weight=np.ones(41))


@pytest.mark.parametrize("name", CALLS)
def test_rows_of_equal_number_are_read(name):
    with pytest.raises(ValueError, match="NaN"):
        CALLS[name](BAD, Y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_that_are_not_finite_are_refused(dtype):
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="mse", dtype=dtype, seed=0).fit(
        X, X[:, 0], epochs=1
    )
    huge = 1e15 if dtype == "float32" else 1e120
    net.set_weights([(np.full(W.shape, huge), b) for W, b in net.get_weights()])
    with pytest.raises(ValueError, match=f"not finite.*beyond the range of {dtype}"):
        net.gradients(X, X[:, 0])
