"""Weights, classes and optimizers: set, drawn, given, kept."""

import math

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits, blobs, classifier, gradient_pairs, regressor


def test_weights_come_and_go():
    X, y = blobs()
    net = classifier().fit(X, y, epochs=2)
    weights = net.get_weights()
    assert [(W.shape, b.shape) for W, b in weights] == [((4, 8), (8,)), ((8, 3), (3,))]
    other = classifier(seed=9)
    other.set_weights(weights)
    assert other.n_features_ == 4
    assert other.classes_.tolist() == [0, 1, 2]
    assert other.predict_proba(X).tobytes() == net.predict_proba(X).tobytes()
    weights[0][0][:] = 0
    assert bits(other) == bits(net) != bits(classifier().fit(X, y, epochs=1))


def test_fit_starts_from_the_weights_that_were_set():
    X, y = blobs()
    start = classifier(seed=5).fit(X, y, epochs=0).get_weights()
    net = classifier(seed=0)
    net.set_weights(start)
    first = bits(net.fit(X, y, epochs=2, shuffle=False))
    assert bits(net.fit(X, y, epochs=2, shuffle=False)) == first
    assert first == bits(classifier(seed=5).fit(X, y, epochs=2, shuffle=False))
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4"):
        net.fit(X[:, :3], y)


def test_setting_weights_forgets_momenta():
    X, y = blobs()
    net = classifier()
    start = net.fit(X, y, epochs=0).get_weights()
    once = bits(net.partial_fit(X, y))
    net.set_weights(start)
    assert bits(net.partial_fit(X, y)) == once


def test_set_weights_may_widen_the_input():
    X, y = blobs()
    net = classifier().fit(X, y, epochs=1)
    net.set_weights([(np.ones((7, 8)), np.zeros(8)), (np.ones((8, 3)), np.zeros(3))])
    assert net.predict(np.ones((2, 7))).shape == (2,)


def test_biases_may_be_left_out():
    X, y = blobs()
    net = cnn.Network([cnn.Dense(5, bias=False), cnn.Dense(3, bias=False)], seed=0).fit(X, y, epochs=2)
    assert [b for _, b in net.get_weights()] == [None, None]
    assert [b for _, b in gradient_pairs(net, X, y)] == [None, None]
    assert net.n_parameters == 4 * 5 + 5 * 3
    net.set_weights(net.get_weights())


BAD_WEIGHTS = {
    "None": (None, TypeError, "weights must be a list of pairs"),
    "too few": ([(np.ones((4, 8)), np.ones(8))], ValueError, "weights has 1 pair; the network has 2 layers"),
    "no pair": ([np.ones((4, 8)), np.ones(8)], TypeError, r"weights\[0\] must be a pair"),
    "transposed": ([(np.ones((8, 4)), np.ones(8))] * 2, ValueError, r"weights\[0\]\[0\] has shape \(8, 4\)"),
    "chain": ([(np.ones((4, 8)), np.ones(8)), (np.ones((7, 3)), np.ones(3))], ValueError, r"needs \(8, 3\)"),
    "bias": ([(np.ones((4, 8)), np.ones(7)), (np.ones((8, 3)), np.ones(3))], ValueError, "has 7 numbers"),
    "no bias": (
        [(np.ones((4, 8)), None), (np.ones((8, 3)), np.ones(3))],
        TypeError,
        r"weights\[0\]\[1\] is None",
    ),
    "NaN": ([(np.ones((4, 8)), np.ones(8)), (np.ones((8, 3)), [1, np.nan, 1])], ValueError, "contains NaN"),
    "no inputs": ([(np.ones((0, 8)), np.ones(8)), (np.ones((8, 3)), np.ones(3))], ValueError, r"\(0, 8\)"),
    "text": ([("a", "b"), ("c", "d")], TypeError, r"weights\[0\]\[0\] is 'a'; expected an array"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_change_nothing(case):
    weights, error, words = BAD_WEIGHTS[case]
    X, y = blobs()
    net = classifier().fit(X, y, epochs=1)
    before = bits(net)
    with pytest.raises(error, match=words):
        net.set_weights(weights)
    assert bits(net) == before
    net.fit(X, y, epochs=1)
    assert bits(net) == before


def test_partial_fit_learns_classes_once():
    X, y = blobs()
    net = classifier().partial_fit(X[y < 2], y[y < 2], classes=[2, 0, 1])
    assert net.classes_.tolist() == [0, 1, 2]
    net.partial_fit(X[y > 0], y[y > 0]).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes is \[0 1 5\]; the network was fitted on \[0 1 2\]"):
        net.partial_fit(X, y, classes=[0, 1, 5])
    with pytest.raises(ValueError, match="has classes not in"):
        net.partial_fit(X[:1], [7])
    with pytest.raises(ValueError, match=r"y has 2 classes; the network has 3 outputs.*by classes=\.\.\."):
        classifier().partial_fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match="classes is given, but the loss mse predicts values"):
        regressor().partial_fit(X, y, classes=[0, 1, 2])


def test_a_new_rate_keeps_the_momenta_a_new_momentum_does_not():
    X, y = blobs()

    def after(optimizer):
        net = classifier(optimizer=cnn.SGD(0.01, momentum=0.9)).fit(X, y, epochs=2)
        start = net.get_weights()
        net.optimizer = optimizer
        fresh = classifier(optimizer=optimizer)
        fresh.set_weights(start)
        return bits(net.partial_fit(X, y)) == bits(fresh.partial_fit(X, y))

    assert not after(cnn.SGD(0.02, momentum=0.9))
    assert after(cnn.SGD(0.01, momentum=0.8))


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("glorot_normal", 2 / 500),
        ("glorot_uniform", 2 / 500),
        ("lecun_normal", 1 / 300),
        ("lecun_uniform", 1 / 300),
        ("zeros", 0),
        (cnn.Normal(0.3), 0.09),
        (cnn.Uniform(-1, 2), 0.75),
    ],
)
def test_initialisers(name, variance):
    layers = [cnn.Dense(200, "tanh", init=name), cnn.Dense(1)]
    net = cnn.Network(layers, loss="mse", seed=0, dtype="float64").fit(np.ones((1, 300)), [1], epochs=0)
    W, b = net.get_weights()[0]
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert not b.any()
    bound = {"uniform": math.sqrt(3 * variance)}.get(str(name)[-7:])
    if bound:
        assert bound * 0.99 < np.abs(W).max() <= bound


def test_default_initialisers_follow_the_activation():
    for activation, name in [("relu", "he_normal"), ("tanh", "glorot_uniform"), (None, "glorot_uniform")]:
        nets = [
            cnn.Network([cnn.Dense(4, activation, init=init), cnn.Dense(2)], seed=1) for init in (None, name)
        ]
        plain, named = (net.fit(np.ones((2, 3)), [0, 1], epochs=0) for net in nets)
        assert bits(plain) == bits(named)


def test_given_weights():
    W, b = np.arange(8.0).reshape(2, 4), np.ones(4)
    X = [[1.0, 2.0], [0.0, 1.0]]
    layer = cnn.Dense(4, init=(W, b))
    W_before = W.copy()
    W[:] = 0  # the layer has its own copy
    net = cnn.Network([layer, cnn.Dense(1, init=np.ones((4, 1)))], loss="mse").fit(X, [1, 2], epochs=0)
    assert net.get_weights()[0][0].tolist() == W_before.tolist()
    assert net.get_weights()[0][1].tolist() == b.tolist()
    assert net.get_weights()[1][1].tolist() == [0]
    with pytest.raises(
        ValueError, match=r"init has shape \(2, 4\); a layer with 3 inputs and 4 units needs \(3, 4\)"
    ):
        net.fit(np.ones((2, 3)), [1, 2])


@pytest.mark.parametrize("units", [10**13, 99999999999999999999])
def test_sizes_beyond_any_memory_are_named(units):
    net = cnn.Network([cnn.Dense(units, "relu"), cnn.Dense(2)])
    with pytest.raises(ValueError, match=rf"Layer 0 would have 4 x {units} weights"):
        net.fit(np.zeros((2, 4)), [0, 1])
    with pytest.raises(cnn.NotFittedError):
        net.get_weights()
