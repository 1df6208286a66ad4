"""Initial weights by name, by distribution and constant; initial biases; in networks, files and estimators."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.spec import initializers

X = np.linspace(-1, 1, 60).reshape(20, 3)
Y = np.arange(20) % 2


def fresh(init, units=400, k=3, activation="relu"):
    """Return (W, b) of a layer before training."""
    layers = [cnn.Dense(units, activation, init=init), cnn.Dense(2)]
    X = np.zeros((4, k))
    return cnn.Network(layers, dtype="float64", seed=0).fit(X, [0, 1, 0, 1], epochs=0).get_weights()[0]


@pytest.mark.parametrize(
    ("init", "mean", "variance"),
    [
        ("he_normal", 0, 2 / 50),
        ("he_uniform", 0, 2 / 50),
        ("glorot_normal", 0, 2 / 450),
        ("glorot_uniform", 0, 2 / 450),
        ("lecun_normal", 0, 1 / 50),
        ("lecun_uniform", 0, 1 / 50),
        ("zeros", 0, 0),
        ("ones", 1, 0),
        (cnn.Constant(-0.25), -0.25, 0),
        (cnn.Normal(0.3), 0, 0.09),
        (cnn.Uniform(1, 3), 2, 4 / 12),
    ],
)
def test_mean_and_variance(init, mean, variance):
    W, b = fresh(init, k=50)
    m = W.size
    # six standard errors: of the mean, and of the variance of normal numbers, which is the larger one
    assert abs(W.mean() - mean) <= 6 * np.sqrt(variance / m)
    assert abs(W.var() - variance) <= 6 * variance * np.sqrt(2 / m)
    assert not b.any()


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        (0.1, 0.1),
        (-2, -2.0),
        (np.float32(0.5), 0.5),
        ("ones", 1.0),
        ("zeros", 0.0),
        (cnn.Constant(3), 3.0),
        (np.arange(5.0), np.arange(5.0)),
        ([1, 2, 3, 4, 5], [1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
@pytest.mark.parametrize("weights", [None, "he_uniform", cnn.Normal(0.5), cnn.Constant(0.5)])
def test_biases(weights, bias, expected):
    W, b = fresh((weights, bias), units=5)
    assert (b == expected).all()
    assert (fresh(weights, units=5)[0] == W).all()


def test_biases_from_a_distribution():
    _, b = fresh((None, cnn.Uniform(2, 3)))
    assert b.min() > 2
    assert b.max() < 3
    assert len(set(b)) == len(b)


INITS = ["ones", cnn.Constant(0.5), ("he_normal", 0.1), (None, cnn.Normal(0.2)), (cnn.Uniform(0, 1), "ones")]


@pytest.mark.parametrize("init", INITS)
def test_files_hold_initialisers(init, tmp_path):
    net = cnn.Network([cnn.Dense(4, "tanh", init=init), cnn.Dense(2)], seed=0).fit(X, Y, epochs=2)
    net.save(tmp_path / "net.safetensors")
    loaded = cnn.load(tmp_path / "net.safetensors")
    assert loaded.layers == net.layers
    assert repr(loaded) == repr(net)
    assert (loaded.predict_proba(X) == net.predict_proba(X)).all()
    assert (loaded.fit(X, Y, epochs=2).predict_proba(X) == net.predict_proba(X)).all()


def test_files_do_not_hold_arrays_of_biases(tmp_path):
    net = cnn.Network([cnn.Dense(4, init=(None, np.ones(4))), cnn.Dense(2)], seed=0).fit(X, Y, epochs=1)
    net.save(tmp_path / "net.safetensors")
    loaded = cnn.load(tmp_path / "net.safetensors")
    assert (loaded.predict_proba(X) == net.predict_proba(X)).all()
    with pytest.raises(ValueError, match="were given as arrays, which its file does not hold"):
        loaded.fit(X, Y, epochs=1)


@pytest.mark.parametrize("init", INITS)
def test_layers_are_compared_and_hashed(init):
    assert cnn.Dense(4, init=init) == cnn.Dense(4, init=init)
    assert hash(cnn.Dense(4, init=init)) == hash(cnn.Dense(4, init=init))
    assert cnn.Dense(4, init=init) != cnn.Dense(4, init=("he_normal", 0.3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cnn.Constant("a"), TypeError, "'value' parameter of Constant must be a finite number"),
        (lambda: cnn.Constant(np.inf), ValueError, "'value' parameter of Constant"),
        (lambda: cnn.Dense(3, init="constant"), ValueError, r"Pass Constant\(value\)"),
        (lambda: cnn.Dense(3, init=("he_normal", "he_normal")), ValueError, "among {'zeros', 'ones'}"),
        (
            lambda: cnn.Dense(3, init=("he_normal", [1.0])),
            ValueError,
            "bias in init has 1 number; the layer has 3",
        ),
        (lambda: cnn.Dense(3, init=("he_normal", np.nan)), ValueError, "'value' parameter of Constant"),
        (lambda: cnn.Dense(3, bias=False, init=("he_normal", 0.1)), ValueError, "the layer has bias=False"),
        (lambda: cnn.Dense(3, init=("he_norml", 0.1)), ValueError, "Did you mean 'he_normal'"),
        (
            lambda: initializers.from_config({"name": "pair", "weights": None, "biases": "he"}),
            ValueError,
            "among",
        ),
        (lambda: initializers.from_config({"name": "constant"}), ValueError, "lacks"),
    ],
)
def test_bad_initialisers(call, error, words):
    with pytest.raises(error, match=words):
        call()
