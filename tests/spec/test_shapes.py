"""Networks from a list of layers and from a dict of weights, and back."""

import compiled_nn as cnn
import numpy as np
import pytest
import reference
import small
from compiled_nn import functional as F  # noqa: N812

SHAPE = [{"nodes": 5, "activation": "relu"}, {"nodes": 3, "activation": "tanh"}]


def with_end(nodes, activation):
    return [*SHAPE, {"nodes": nodes, "activation": activation}]


@pytest.mark.parametrize(
    ("nodes", "activation", "loss"),
    [
        (1, "sigmoid", "binary_cross_entropy"),
        (3, "softmax", "softmax_cross_entropy"),
        (2, "identity", "mse"),
        (1, "linear", "mse"),
    ],
)
def test_the_loss_follows_from_the_last_activation(nodes, activation, loss):
    net = cnn.Network.from_shape(with_end(nodes, activation), seed=1, dtype="float64")
    assert f"loss='{loss}'" in repr(net)
    assert [layer.units for layer in net.layers] == [5, 3, nodes]
    links = {"linear": "identity"}
    assert net.to_shape() == with_end(nodes, links.get(activation, activation))
    assert repr(cnn.Network.from_shape(net.to_shape(), seed=1, dtype="float64")) == repr(net)


def test_a_shape_may_name_biases_and_initialisers():
    shape = [{"nodes": 5, "activation": "relu", "bias": False, "init": "zeros"}, with_end(1, "sigmoid")[-1]]
    net = cnn.Network.from_shape(shape)
    assert net.layers[0] == cnn.Dense(5, "relu", bias=False, init="zeros")
    assert net.to_shape()[0] == {"nodes": 5, "activation": "relu", "bias": False}
    assert shape[0].keys() == {"nodes", "activation", "bias", "init"}


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ([], ValueError, "at least one layer"),
        ("relu", TypeError, "list of layers"),
        ([4, 1], TypeError, r"shape\[0\] must be a dict"),
        ([{"nodes": 4, "activation": "Relu"}], ValueError, r"shape\[0\].*Did you mean 'relu'"),
        ([{"node": 4, "activation": "relu"}], ValueError, "unknown key 'node'. Did you mean 'nodes'"),
        ([{"nodes": 4}], ValueError, r"shape\[0\] lacks the key 'activation'"),
        ([{"nodes": 0, "activation": "relu"}], ValueError, r"'nodes' parameter of shape\[0\].*>= 1"),
        ([{"nodes": 4, "activation": None}], TypeError, "'activation' parameter"),
        (with_end(1, "softmax"), ValueError, "needs at least 2 outputs"),
    ],
)
def test_a_bad_shape_is_refused(shape, error, message):
    with pytest.raises(error, match=message):
        cnn.Network.from_shape(shape)


def test_a_dict_has_units_first_and_columns_of_biases():
    net = small.fitted()
    weights, pairs = net.to_dict(), net.get_weights()
    assert {name: w.shape for name, w in weights.items()} == {
        "W1": (5, 4),
        "b1": (5, 1),
        "W2": (3, 5),
        "b2": (3, 1),
    }
    for i, (W, b) in enumerate(pairs, 1):
        np.testing.assert_array_equal(weights[f"W{i}"], W.T)
        np.testing.assert_array_equal(weights[f"b{i}"][:, 0], b)
    weights["W1"][...] = 0
    assert net.get_weights()[0][0].any()


@pytest.mark.parametrize("nodes", [1, 2])
def test_there_and_back(nodes, dtype):
    shape = [*SHAPE[:1], {"nodes": nodes, "activation": "sigmoid", "bias": False}]
    net = cnn.Network.from_shape(shape, seed=0, dtype=dtype)
    net.fit(small.X, small.INDICES % 2, epochs=2)
    same = cnn.Network.from_dict(net.to_dict())  # relu, and sigmoid at the end, is what weights alone imply
    assert small.bits(same) == small.bits(net)
    assert same.to_shape() == net.to_shape()
    assert small.outputs(same) == small.outputs(net)
    other = cnn.Network.from_dict(
        net.to_dict(), [{**shape[0], "activation": "tanh"}, shape[1]], optimizer="sgd"
    )
    assert other.to_shape()[0]["activation"] == "tanh"
    assert small.outputs(other) != small.outputs(net)


def test_fit_starts_from_the_dict_and_leaves_it_alone(rng):
    weights = F.initialize_parameters(4, 5, 1, seed=0)
    before = {name: w.copy() for name, w in weights.items()}
    net = cnn.Network.from_dict(weights, optimizer=cnn.SGD(0.1))
    assert net._configuration.dtype == "float64"
    y = small.INDICES % 2
    first = small.bits(net.fit(small.X, y, epochs=2, shuffle=False))
    assert small.bits(net.fit(small.X, y, epochs=2, shuffle=False)) == first
    assert all((weights[name] == before[name]).all() for name in weights)


def test_integers_become_the_default_dtype():
    net = cnn.Network.from_dict({"W1": [[1, 2]], "b1": [[3]]})
    assert net.predict_proba([[1.0, 1.0]])[0, 1] == pytest.approx(reference.sigmoid(np.array(6.0)))
    assert net.to_dict()["W1"].dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "shape", "error", "message"),
    [
        ([1], None, TypeError, "dict of W1, b1"),
        ({}, None, ValueError, "Got none"),
        ({"W2": np.ones((1, 2))}, None, ValueError, "without gaps. Got W2"),
        ({"W1": np.ones((1, 2)), "c1": 1}, None, ValueError, "Got W1, c1"),
        ({"W1": np.ones(2)}, None, ValueError, r"W1 has shape \(2,\)"),
        (
            {"W1": np.ones((1, 2)), "b1": np.ones((1, 1, 1))},
            None,
            ValueError,
            r"b1 has shape \(1, 1, 1\).*must be \(1, 1\)",
        ),
        ({"W1": np.ones((3, 2)), "W2": np.ones((1, 4))}, None, ValueError, r"W2 has shape \(1, 4\).*3 units"),
        ({"W1": np.ones((3, 2))}, with_end(1, "sigmoid"), ValueError, "1 layer; the shape has 3"),
        ({"W1": np.full((1, 2), np.nan)}, None, ValueError, "NaN"),
    ],
)
def test_a_bad_dict_is_refused(weights, shape, error, message):
    with pytest.raises(error, match=message):
        cnn.Network.from_dict(weights, shape)


def test_a_network_and_its_functions_start_alike(dtype):
    shape = with_end(1, "sigmoid")
    params = F.initialise_parameters(4, shape, seed=5, dtype=dtype)
    net = cnn.Network.from_shape(shape, seed=5, dtype=dtype).fit(small.X, small.INDICES % 2, epochs=0)
    for name, w in net.to_dict().items():
        np.testing.assert_array_equal(w, params[name])


@pytest.mark.parametrize(
    ("option", "what"), [({"norm": "layer"}, "normalised"), ({"residual": True}, "residual")]
)
def test_what_a_shape_cannot_say_is_refused(option, what):
    layers = [cnn.Dense(3, "relu"), cnn.Dense(3, "relu", **option), cnn.Dense(1)]
    net = cnn.Network(layers, loss="mse", seed=0).fit([[0.0], [1.0]], [0.0, 1.0], epochs=1)
    for method in (net.to_shape, net.to_dict):
        with pytest.raises(ValueError, match=rf"layers\[1\] is {what}"):
            method()
