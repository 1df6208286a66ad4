"""Activations of the face: names, defaults, a user's own in training, files, copies and pictures."""

import copy
import json
import pickle
import threading

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
from compiled_nn import functional
from compiled_nn.display.diagram import network_diagram
from compiled_nn.spec import activations
from compiled_nn.spec.layers import draw_weights
from small import INDICES, X, bits, blobs, outputs


def slope_of_tanh(Z):
    return 1 - np.tanh(Z) ** 2


def bent_sine(Z):
    return np.sin(Z) + Z


def slope_of_bent_sine(Z):
    return np.cos(Z) + 1


@pytest.fixture
def registry(monkeypatch):
    """An empty registry, which the test may fill."""
    monkeypatch.setattr(activations, "_registered", {})


def network(activation, **parameters):
    return cnn.Network([cnn.Dense(8, activation), cnn.Dense(3)], seed=1, **parameters)


# ---- names


@pytest.mark.parametrize("name", networks.UNFUSED)
def test_networks_learn_with_each(name):
    samples, y = blobs()
    net = network(name, optimizer=cnn.Adam(0.02)).fit(samples, y, epochs=40, batch_size=15)
    assert net.score(samples, y) > 0.9
    assert net.activations == [name, "softmax"]


def test_other_words():
    assert cnn.Dense(4, "swish") == cnn.Dense(4, "silu")
    assert cnn.Dense(4, "linear") == cnn.Dense(4, "identity")
    with pytest.raises(ValueError, match=r"'leakyrelu' instead\. Did you mean 'leaky_relu'"):
        cnn.Dense(4, "leakyrelu")


@pytest.mark.parametrize(
    ("default", "names"),
    [
        ("he_normal", ["leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish", "hard_swish", "relu6"]),
        ("lecun_normal", ["selu"]),
        (
            "glorot_uniform",
            ["exp", "softplus", "softsign", "hard_sigmoid", "hard_tanh", cnn.Activation(abs, np.sign)],
        ),
    ],
)
def test_default_initial_weights(default, names):
    for name in names:
        layers = [cnn.Dense(9, name, init=init) for init in (None, default)]
        drawn = [draw_weights([layer], np.random.default_rng(0), n_features=4)[0][0] for layer in layers]
        assert np.array_equal(*drawn), name


@pytest.mark.parametrize("name", networks.UNFUSED)
def test_functional(name, dtype, rng):
    f, derivative = reference.ACTIVATIONS[name]
    Z = rng.normal(size=(6, 5)).astype(dtype)
    tolerance = {"rtol": 1e-5 if dtype == "float32" else 1e-13, "atol": 1e-6 if dtype == "float32" else 1e-14}
    np.testing.assert_allclose(functional.activate(name, Z), f(Z.astype(float)), **tolerance)
    np.testing.assert_allclose(functional.derivative(name, Z), derivative(Z.astype(float)), **tolerance)
    W, dA = np.eye(6, dtype=dtype), rng.normal(size=(6, 5)).astype(dtype)
    A, cache = functional.linear_activation_forward(Z, W, None, name)
    np.testing.assert_allclose(A, f(Z.astype(float)), **tolerance)
    dA_prev, _, _ = functional.linear_activation_backward(dA, cache, name)
    np.testing.assert_allclose(dA_prev, dA * derivative(Z.astype(float)), **tolerance)


def test_functional_takes_names():
    with pytest.raises(TypeError, match="'activation' parameter of activate must be a str"):
        functional.activate(cnn.Activation(np.tanh, slope_of_tanh), X)
    with pytest.raises(ValueError, match="no elementwise derivative"):
        functional.derivative("softmax", X)


# ---- a user's own


def test_it_learns_and_is_shown(dtype):
    samples, y = blobs()
    wave = cnn.Activation(bent_sine, slope_of_bent_sine, name="wave")
    net = network(wave, dtype=dtype, standardize=True).fit(
        samples, y, epochs=30, validation_data=(samples, y)
    )
    assert net.score(samples, y) > 0.9
    assert net.activations == ["wave", "softmax"]
    assert "wave" in str(net.summary())
    assert "wave" in net._repr_html_()
    assert "wave" in str(network_diagram(net))
    assert "<activation wave>" in repr(net)
    assert net.diagnose(samples, y) == ()


def test_it_gives_what_the_built_in_gives(dtype):
    samples, y = blobs()
    own = network(cnn.Activation(np.copy, np.ones_like), dtype=dtype).fit(samples, y, epochs=5)
    built_in = network("identity", dtype=dtype).fit(samples, y, epochs=5)
    assert bits(own) == bits(built_in)
    assert outputs(own, samples) == outputs(built_in, samples)
    assert own.history["loss"] == built_in.history["loss"]


@pytest.mark.parametrize("standardize", [False, True])
def test_an_error_ends_training_with_the_last_whole_step(standardize):
    calls = []

    def fails(Z):
        calls.append(len(Z))
        if len(calls) > 12:
            raise ZeroDivisionError("boom")
        return np.tanh(Z)

    net = network(cnn.Activation(fails, slope_of_tanh), standardize=standardize)
    with pytest.raises(ZeroDivisionError, match="boom"):
        net.fit(X, INDICES, epochs=10, batch_size=10)
    calls.clear()
    four_epochs = network(cnn.Activation(np.tanh, slope_of_tanh), standardize=standardize)
    four_epochs.fit(X, INDICES, epochs=4, batch_size=10)
    assert bits(net) == bits(four_epochs)
    assert outputs(net) == outputs(four_epochs)


def test_eight_callers_at_once(dtype):
    samples, y = blobs(m=2000)
    net = network(cnn.Activation(np.tanh, slope_of_tanh), dtype=dtype).fit(samples, y, epochs=1)
    expected, got = outputs(net, samples), []
    callers = [threading.Thread(target=lambda: got.append(outputs(net, samples))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert got == [expected] * 8


def test_bad_own_activations():
    for arguments, error, words in [
        (("tanh", np.tanh), TypeError, "'f' parameter of Activation must be callable. Got 'tanh'"),
        ((np.tanh, None), TypeError, "'derivative' parameter of Activation must be callable. Got None"),
        ((np.tanh, slope_of_tanh, 3), TypeError, "'name' parameter of Activation must be a str. Got 3"),
        ((np.tanh, slope_of_tanh, ""), ValueError, "must not be empty"),
    ]:
        with pytest.raises(error, match=words):
            cnn.Activation(*arguments)
    with pytest.raises(TypeError, match="'activation' parameter of Dense must be a str among"):
        cnn.Dense(3, np.tanh)


def test_its_name():
    assert str(cnn.Activation(bent_sine, slope_of_bent_sine)) == "bent_sine"
    assert str(cnn.Activation(np.sin, np.cos)) == "sin"
    assert str(cnn.Activation(np.tanh, slope_of_tanh, "mine")) == "mine"


def test_the_loss_determines_the_activation_of_the_last_layer():
    with pytest.raises(ValueError, match="The last layer is bent_sine; the loss requires softmax"):
        cnn.Network([cnn.Dense(3, cnn.Activation(bent_sine, slope_of_bent_sine))])
    with pytest.raises(ValueError, match="The last layer is gelu; the loss requires softmax"):
        cnn.Network([cnn.Dense(3, "gelu")])


# ---- files and copies


def test_a_file_needs_the_name_registered(registry, tmp_path):
    path = tmp_path / "net.safetensors"
    wave = cnn.Activation(bent_sine, slope_of_bent_sine, "wave")
    net = network(wave).fit(X, INDICES, epochs=1)
    with pytest.raises(ValueError, match=r"'wave' is not registered.*register_activation\('wave'"):
        net.save(path)
    assert not path.exists()
    assert cnn.register_activation("wave", bent_sine, slope_of_bent_sine) == wave
    assert cnn.Dense(8, "wave").activation == wave
    net.save(path)
    assert outputs(cnn.load(path)) == outputs(net)
    activations._registered.clear()
    with pytest.raises(
        ValueError, match=r"'wave' is unknown.*register_activation\('wave'.*before you load the file"
    ):
        cnn.load(path)


def test_another_of_the_same_name_is_not_saved(registry, tmp_path):
    cnn.register_activation("wave", bent_sine, slope_of_bent_sine)
    net = network(cnn.Activation(np.tanh, slope_of_tanh, "wave")).fit(X, INDICES, epochs=1)
    with pytest.raises(ValueError, match="not registered"):
        net.save(tmp_path / "net.safetensors")


def test_registering_again_replaces(registry):
    cnn.register_activation("wave", bent_sine, slope_of_bent_sine)
    layer = cnn.Dense(3, "wave")
    newer = cnn.register_activation("wave", np.tanh, slope_of_tanh)
    assert cnn.Dense(3, "wave").activation == newer != layer.activation
    for name in ("relu", "swish"):
        with pytest.raises(ValueError, match=f"'{name}' is built in"):
            cnn.register_activation(name, np.tanh, slope_of_tanh)
    with pytest.raises(ValueError, match=r"Got 'wvae' instead\. Did you mean 'wave'"):
        cnn.Dense(3, "wvae")


@pytest.mark.parametrize("name", networks.UNFUSED)
def test_the_names_of_the_library_are_saved(name, tmp_path):
    path = tmp_path / "net.safetensors"
    net = network(name).fit(X, INDICES, epochs=1)
    net.save(path)
    assert cnn.load(path).layers == net.layers
    assert outputs(cnn.load(path)) == outputs(net)


def test_copies_train_on_exactly():
    net = network(cnn.Activation(bent_sine, slope_of_bent_sine)).fit(X, INDICES, epochs=2)
    copies = [pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    for each in (net, *copies):
        each.fit(X, INDICES, epochs=2, warm_start=True)
    assert len({bits(each) for each in (net, *copies)}) == 1


def test_shapes_take_it(registry):
    wave = cnn.register_activation("wave", bent_sine, slope_of_bent_sine)
    shape = [{"nodes": 4, "activation": "wave"}, {"nodes": 1, "activation": "sigmoid"}]
    net = cnn.Network.from_shape(shape)
    assert net.layers[0].activation == wave
    assert json.loads(json.dumps(net.to_shape())) == shape
