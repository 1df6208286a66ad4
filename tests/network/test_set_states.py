"""set_weights with states of layers: gains and running statistics too, as a start of fit and for transfer."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits, blobs

X, Y = blobs()
KINDS = pytest.mark.parametrize("norm", ["batch", "layer", "rms"])


def normalised(norm="batch", seed=0, **parameters):
    layers = [cnn.Dense(6, "tanh", norm=norm), cnn.Dense(5, "relu", bias=False), cnn.Dense(3)]
    return cnn.Network(layers, optimizer=cnn.Adam(0.01), seed=seed, **parameters)


@KINDS
def test_states_carry_gains_and_statistics(norm):
    source = normalised(norm).fit(X, Y, epochs=5)
    states = source.snapshot()["layers"]
    fresh, trained = normalised(norm, seed=1), normalised(norm, seed=2).fit(X, Y, epochs=1)
    for net in (fresh, trained):
        net.set_weights(states)
        assert (net.predict_proba(X) == source.predict_proba(X)).all()
        states[0]["weight"] = states[0]["weight"].copy()
        assert all((net.norms_[0][name] == source.norms_[0][name]).all() for name in source.norms_[0])
    states[0]["norm"]["gain"][:] = 7
    assert (fresh.norms_[0]["gain"] != 7).all()


@KINDS
def test_fit_starts_from_them(norm):
    states = normalised(norm).fit(X, Y, epochs=5).snapshot()["layers"]
    net = normalised(norm, seed=3)
    net.set_weights(states)
    assert net.fit(X, Y, epochs=0).norms_[0]["gain"].tolist() == states[0]["norm"]["gain"].tolist()
    once = bits(net.fit(X, Y, epochs=3))
    assert bits(net.fit(X, Y, epochs=3)) == once
    assert bits(pickle.loads(pickle.dumps(net)).fit(X, Y, epochs=3)) == once


def test_a_gain_alone(rng):
    net = normalised().fit(X, Y, epochs=2)
    states, before = net.snapshot()["layers"], net.norms_[0]
    states[0]["norm"] = {"gain": [2] * 6}
    states[1].pop("norm", None)
    net.set_weights(states)
    assert (net.norms_[0]["gain"] == 2).all()
    assert (net.norms_[0]["mean"] == before["mean"]).all()


def test_a_frozen_layer_gives_the_features_of_its_source():
    source = normalised(standardize=True).fit(X, Y, epochs=20)
    layer = cnn.Dense(6, "tanh", norm="batch", trainable=False)
    rate = cnn.Adam(0.05)
    net = cnn.Network(
        [layer, cnn.Dense(1)], loss="binary_cross_entropy", optimizer=rate, standardize=True, seed=0
    )
    net.set_weights([source.snapshot()["layers"][0], {"weight": np.ones((6, 1)), "bias": [0]}])
    net.fit(X, Y == 0, epochs=30)
    assert (net.transform(X) == source.transform(X, 0)).all()
    assert net.score(X, Y == 0) > 0.9


def test_gradients_have_the_gains():
    net = normalised(dtype="float64").fit(X, Y, epochs=2)
    gradient = net.gradients(X, Y)["layers"][0]["norm"]["gain"]
    states, step = net.snapshot()["layers"], 1e-6
    for unit in range(6):
        losses = []
        for sign in (1, -1):
            states[0]["norm"]["gain"][unit] += sign * step
            net.restore({"layers": states})
            losses.append(_training_loss(net))
            states[0]["norm"]["gain"][unit] -= sign * step
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[unit], abs=1e-7)


def _training_loss(net):
    """The loss with the statistics of the batch, as the gradients have it."""
    stack = net._fitted()
    targets = net._known_targets()
    return sum(stack.gradient(X, targets.encode(Y, "float64"), net._objective()))


STATE = {"weight": np.ones((4, 6)), "bias": np.ones(6), "norm": {"gain": np.ones(6)}}
REST = [{"weight": np.ones((6, 5))}, {"weight": np.ones((5, 3)), "bias": np.ones(3)}]
BAD = {
    "key": (
        {**STATE, "gain": 1},
        ValueError,
        r"weights\[0\] has the keys \['bias', 'gain', 'norm', 'weight'\]",
    ),
    "no weight": ({"bias": np.ones(6)}, ValueError, r"weights\[0\] has no 'weight'"),
    "no bias": ({"weight": np.ones((4, 6))}, TypeError, r"weights\[0\]\['bias'\] is None"),
    "pair": ((np.ones((4, 6)), np.ones(6)), TypeError, r"weights\[0\] must be a dict"),
    "shape": (
        {**STATE, "weight": np.ones((6, 4))},
        ValueError,
        r"weights\[0\]\['weight'\] has shape \(6, 4\)",
    ),
    "gain": (
        {**STATE, "norm": {"gain": np.ones(5)}},
        ValueError,
        r"\['norm'\]\['gain'\] has shape \(5,\).*\(6,\)",
    ),
    "NaN": (
        {**STATE, "norm": {"mean": [np.nan] * 6}},
        ValueError,
        r"\['norm'\]\['mean'\] has a number that is not",
    ),
    "variance": (
        {**STATE, "norm": {"variance": [-1] * 6}},
        ValueError,
        r"\['variance'\] has a number below 0",
    ),
    "unknown": (
        {**STATE, "norm": {"std": [1] * 6}},
        ValueError,
        r"weights\[0\]\['norm'\] has the keys \['std'\]",
    ),
    "norm": ({**STATE, "norm": None}, TypeError, r"weights\[0\]\['norm'\] must be a dict"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_states_change_nothing(case):
    state, error, words = BAD[case]
    net = normalised().fit(X, Y, epochs=1)
    before = bits(net)
    with pytest.raises(error, match=words):
        net.set_weights([state, *REST])
    assert bits(net) == before


def test_a_norm_for_a_layer_without_one():
    net = normalised()
    with pytest.raises(ValueError, match=r"weights\[1\]\['norm'\] is given; the layer is not normalised"):
        net.set_weights([STATE, {**REST[0], "norm": {"gain": np.ones(5)}}, REST[1]])
    with pytest.raises(cnn.NotFittedError):
        net.predict(X)
