"""Logarithms of probabilities, and seeds that are generators."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import Dense


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "n_outputs", "n_classes"),
    [
        ("softmax_cross_entropy", 3, 3),
        ("softmax_cross_entropy", 2, 2),
        ("binary_cross_entropy", 1, 2),
        ("binary_cross_entropy", 3, 3),
        ("focal", 3, 3),
        ("ordinal", 2, 3),
    ],
)
def test_they_are_the_logarithms_of_the_probabilities(rng, loss, n_outputs, n_classes, dtype):
    X, y = rng.normal(size=(50, 4)), np.arange(50) % n_classes
    net = cnn.Network([Dense(5, "tanh"), Dense(n_outputs)], loss=loss, seed=0, dtype=dtype)
    net.fit(X, y, epochs=3)
    logs = net.predict_log_proba(X)
    assert logs.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-12  # some units in the last place
    np.testing.assert_allclose(np.exp(logs), net.predict_proba(X), rtol=tolerance)
    with np.errstate(all="raise"):
        far = net.predict_log_proba(1e5 * X)
    assert np.isfinite(far).all()
    calibrated = (
        net.calibrate(X, y) if loss != "ordinal" and (loss, n_outputs) != ("binary_cross_entropy", 3) else net
    )
    np.testing.assert_allclose(
        np.exp(calibrated.predict_log_proba(X)), calibrated.predict_proba(X), rtol=tolerance
    )


def test_they_are_finite_where_a_probability_is_0():
    net = cnn.Network([Dense(2)])
    net.set_weights([(np.array([[-1000.0, 1000.0]]), np.zeros(2))])
    assert net.predict_proba([[1.0]])[0, 0] == 0
    assert net.predict_log_proba([[1.0]]).tolist() == [[-2000.0, 0.0]]
    one = cnn.Network([Dense(1)], loss="binary_cross_entropy")
    one.set_weights([(np.array([[1000.0]]), np.zeros(1))])
    assert one.predict_log_proba([[1.0]]).tolist() == [[-1000.0, 0.0]]


def test_a_network_of_values_has_none(rng):
    net = cnn.Network([Dense(1)], loss="mse").fit(rng.normal(size=(9, 2)), np.arange(9.0), epochs=1)
    with pytest.raises(ValueError, match="the loss mse predicts values"):
        net.predict_log_proba(np.zeros((1, 2)))


# ---- seeds


def weights(net):
    return [array.tolist() for pair in net.get_weights() for array in pair]


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_draws_the_seed(rng, make):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    generator, again = make(5), make(5)
    nets = [
        cnn.Network([Dense(4, "relu"), Dense(2)], seed=source) for source in (generator, generator, again)
    ]
    first, second, third = (weights(net.fit(X, y, epochs=2)) for net in nets)
    assert first == third
    assert first != second
    assert weights(nets[0].fit(X, y, epochs=2)) == first  # the seed was drawn once
    with pytest.raises(TypeError, match="must be an int >= 0, a Generator, a RandomState or None"):
        cnn.Network([Dense(2)], seed="one")


def test_a_drawn_seed_is_saved(rng, tmp_path):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    net = cnn.Network([Dense(4, "relu"), Dense(2)], seed=np.random.default_rng(5)).fit(X, y, epochs=2)
    net.save(tmp_path / "n.safetensors")
    loaded = cnn.load(tmp_path / "n.safetensors")
    assert weights(loaded.fit(X, y, epochs=2)) == weights(net)


# ---- ties


def test_ties_of_probabilities():
    """The first of equal classes with a softmax, the second class with a sigmoid of 0.5."""
    softmax = cnn.Network([Dense(3)])
    softmax.set_weights([(np.zeros((2, 3)), np.zeros(3))])
    assert softmax.predict([[1.0, 2.0]]).tolist() == [0]
    sigmoid = cnn.Network([Dense(1)], loss="binary_cross_entropy")
    sigmoid.set_weights([(np.zeros((2, 1)), np.zeros(1))])
    assert sigmoid.predict([[1.0, 2.0]]).tolist() == [1]
