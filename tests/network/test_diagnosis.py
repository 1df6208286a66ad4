"""What keeps a network from learning is named: on the tutorials' own settings, and not on networks that learn."""

import math

import compiled_nn as cnn
import numpy as np
import pytest
import reference
from compiled_nn.network.diagnosis.findings import Diagnosis
from small import bits, blobs, gradient_pairs


def names(diagnosis):
    return [finding.name for finding in diagnosis]


def found(diagnosis, name):
    """The one finding of that name."""
    (finding,) = [finding for finding in diagnosis if finding.name == name]
    return finding


def oracle(net, X, activations):
    """Outputs of every hidden layer in float64."""
    network = [(W.astype(np.float64), b if b is None else b.astype(np.float64)) for W, b in net.get_weights()]
    zs = reference.pre_activations(network, activations, X)
    return [reference.ACTIVATIONS[f][0](z) for f, z in zip(activations[:-1], zs[:-1], strict=True)], zs


# ---- healthy networks


@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("optimizer", [cnn.Adam(), cnn.SGD(0.1), cnn.SGD(0.05, momentum=0.9)])
@pytest.mark.parametrize("seed", [0, 1])
def test_silent_on_a_network_that_learns(hidden, optimizer, seed):
    data = cnn.datasets.load_digits()
    layers = [cnn.Dense(64, hidden), cnn.Dense(32, hidden), cnn.Dense(10)]
    net = cnn.Network(layers, optimizer=optimizer, input_scale=data.input_scale, seed=seed)
    assert not net.diagnose(data.X_train, data.y_train)
    assert not net.diagnose(data.X_train)
    net.fit(data.X_train, data.y_train, epochs=25)
    assert net.score(data.X_test, data.y_test) > 0.8
    assert not net.diagnose(data.X_train, data.y_train)
    assert str(net.diagnose(data.X_train)) == "nothing found"


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_normalised_and_residual_layers_are_looked_at_as_they_are(rng, norm):
    """Weights so large that tanh would saturate, were its layer not normalised; a dead layer that is passed by."""
    X, y = blobs()
    layers = [cnn.Dense(8, "tanh", norm=norm), cnn.Dense(8, "relu", residual=True), cnn.Dense(3)]
    net = cnn.Network(layers, seed=0).fit(X, y, epochs=0)
    (W, b), (V, c), last = net.get_weights()
    plain = cnn.Network([cnn.Dense(8, "tanh"), *layers[1:]], seed=0)
    for either in (net, plain):
        either.set_weights([(1e4 * W, b), (V, c - 1e3), last])
    assert names(plain.diagnose(X)) == ["saturated_units", "dead_layer"]
    assert names(net.diagnose(X)) == ["dead_layer"]
    net.set_weights([(1e4 * W, b + 1e3), (V, c), last])
    assert found(net.diagnose(X), "saturated_units").layer == 0
    net.set_weights([(1e4 * W, b), (V, c), last])
    assert not net.diagnose(X)
    assert not net.fit(X, y, epochs=200).diagnose(X, y)


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy"])
@pytest.mark.parametrize("standardize", [True, False])
def test_silent_on_values_and_two_classes(rng, loss, standardize):
    X = rng.normal(size=(300, 5)) * ([1, 100, 1e-3, 1e4, 7] if standardize else 1)
    y = np.sin(X[:, 0]) if loss == "mse" else X[:, 0] > 0
    net = cnn.Network([cnn.Dense(16, "tanh"), cnn.Dense(1)], loss=loss, standardize=standardize, seed=0)
    assert not net.diagnose(X, y)
    net.fit(X, y, epochs=20)
    assert not net.diagnose(X, y)


def test_values_may_be_small(rng):
    """Targets of 1e-5, learned: outputs that hardly vary are then right."""
    X = rng.normal(size=(100, 3))
    net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.1), dtype="float64", seed=0)
    with pytest.warns(cnn.CompiledNNWarning, match="root mean square of y is 1.0"):
        net.fit(X, 1e-5 * X[:, 0], epochs=50)
    assert not net.diagnose(X, 1e-5 * X[:, 0])


# ---- inputs


def tutorial_of_004(**parameters):
    """b25: 784-50-10, no biases, weights uniform from -1 to 1, sums of gradients over batches of 2400."""
    layers = [cnn.Dense(n, f, bias=False, init=cnn.Uniform(-1, 1)) for n, f in ((50, "sigmoid"), (10, None))]
    return cnn.Network(layers, loss="binary_cross_entropy", optimizer=cnn.SGD(2.4), seed=0, **parameters)


def test_b25_unscaled_pixels_saturate_wide_weights(rng):
    X, y = rng.integers(0, 256, (400, 784), np.uint8), np.arange(400) % 10
    net = tutorial_of_004()
    diagnosis = net.diagnose(X, y)
    assert names(diagnosis)[:2] == ["unscaled_input", "saturated_units"]
    scale = found(diagnosis, "unscaled_input")
    assert scale.remedy == "standardize=True"
    assert (scale.numbers["smallest"], scale.numbers["largest"], scale.numbers["columns"]) == (0, 255, 784)
    assert "from 0 to 255; 784 of 784 columns" in scale.text
    saturated = found(diagnosis, "saturated_units")
    net.set_weights(
        cnn.Network(net.layers, loss="binary_cross_entropy", seed=0).fit(X, y, epochs=0).get_weights()
    )
    (hidden,), _ = oracle(net, X.astype(np.float64), ("sigmoid", "sigmoid"))
    share = (hidden * (1 - hidden) < 0.25e-3).mean()
    assert saturated.layer == 0
    assert saturated.numbers["share"] == pytest.approx(share, abs=0.002)
    assert share > 0.95
    assert scale.change == {"standardize": True}
    assert not tutorial_of_004(**scale.change).diagnose(X)
    assert names(tutorial_of_004(**scale.change).diagnose(X, y)) == ["no_information"]  # of random pixels


def test_inputs_too_small(rng):
    X = rng.random((50, 6)) / 1000
    finding = found(cnn.Network([cnn.Dense(2)], seed=0).diagnose(X), "unscaled_input")
    assert "all columns are far from 1" in finding.text
    assert not cnn.Network([cnn.Dense(2)], seed=0, input_scale=1000).diagnose(X)


def test_rows_far_from_those_of_training(rng):
    X, y = blobs()
    net = cnn.Network([cnn.Dense(3)], standardize=True, seed=0).fit(X, y, epochs=200)
    assert not net.diagnose(X, y)
    finding = found(net.diagnose(X * 255), "unscaled_input")
    assert "once standardised" in finding.text
    assert "units" in finding.remedy


def test_weights_given_before_standardisation_is_learned(rng):
    X = rng.normal(size=(60, 3)) * 100
    net = cnn.Network([cnn.Dense(2)], standardize=True)
    net.set_weights([(rng.normal(size=(3, 2)), np.zeros(2))])
    assert not net.diagnose(X, X[:, 0] > 0)
    assert not hasattr(net, "mean_")


# ---- units and signal


@pytest.mark.parametrize("name", ["softsign", "hard_sigmoid", "hard_tanh"])
def test_bounded_activations_saturate(rng, name):
    X = rng.normal(size=(200, 20))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    wide = cnn.Network([cnn.Dense(10, name, init=cnn.Normal(200)), cnn.Dense(3)], seed=0)
    saturated = found(wide.diagnose(X, y), "saturated_units")
    assert f"of the {name} derivatives" in saturated.text
    slope = reference.ACTIVATIONS[name][1]
    wide.fit(X, y, epochs=0)
    z = X @ wide.get_weights()[0][0]
    share = (slope(z) < 1e-3 * slope(np.zeros(1))).mean()
    assert saturated.numbers["share"] == pytest.approx(share, abs=0.005)
    assert not cnn.Network([cnn.Dense(10, name), cnn.Dense(3)], seed=0).diagnose(X, y)


def test_relu6_dies_as_relu_does(rng):
    X, y = rng.normal(size=(50, 4)), np.arange(50) % 3
    net = cnn.Network([cnn.Dense(5, "relu6", init=(np.ones((4, 5)), np.full(5, -100))), cnn.Dense(3)], seed=0)
    assert found(net.diagnose(X, y), "dead_layer").layer == 0


def test_b04_a_dead_start_as_the_tutorial_printed_it(rng):
    """4-3-2 relu units after He's initialisation: some seeds start dead, at a cost of exactly ln 2, and stay there."""
    X, y = rng.random((60, 300)), np.arange(60) % 3 > 0
    seeds = {}
    for seed in range(60):
        net = cnn.Network(
            [*(cnn.Dense(n, "relu") for n in (4, 3, 2)), cnn.Dense(1)],
            loss="binary_cross_entropy",
            optimizer=cnn.SGD(0.001),
            dtype="float64",
            seed=seed,
        )
        diagnosis = net.diagnose(X)
        net.fit(X, y, epochs=0)
        hidden, _ = oracle(net, X, ("relu", "relu", "relu", "sigmoid"))
        dead = [i for i, a in enumerate(hidden) if not a.any()]
        assert [f.layer for f in diagnosis if f.name == "dead_layer"] == dead[:1]
        assert [f.layer for f in diagnosis if f.name == "dead_units"] == [
            i
            for i, a in enumerate(hidden[: dead[0] if dead else 3])
            if 2 * (~a.any(axis=0)).sum() >= a.shape[1]
        ]
        assert (net.loss(X, y) == pytest.approx(math.log(2), rel=1e-14)) == bool(dead)
        if dead:
            finding = found(diagnosis, "dead_layer")
            assert finding.remedy == f"another seed, such as seed={finding.change['seed']}"
            living = cnn.Network(net.layers, loss="binary_cross_entropy", dtype="float64", **finding.change)
            assert "dead_layer" not in names(living.diagnose(X))
            net.fit(X, y, epochs=50, batch_size="full")
            assert names(net.diagnose(X))[-1] == "class_collapse"
        seeds[seed] = bool(dead)
    assert 2 < sum(seeds.values()) < 30


def test_b10_weights_of_a_hundredth_let_the_signal_die(rng):
    X, y = rng.random((100, 12288), np.float32), np.arange(100) % 3 > 0
    layers = [
        cnn.Dense(n, f, init=cnn.Normal(0.01)) for n, f in ((20, "relu"), (7, "relu"), (5, "relu"), (1, None))
    ]
    net = cnn.Network(layers, loss="binary_cross_entropy", optimizer=cnn.SGD(0.0075), seed=0)
    finding = found(net.diagnose(X, y), "vanishing_signal")
    net.fit(X, y, epochs=0)
    hidden, zs = oracle(net, X.astype(np.float64), ("relu", "relu", "relu", "sigmoid"))
    spreads = [np.sqrt(a.var(axis=0).mean()) for a in (X, *hidden, zs[-1])]
    assert finding.numbers["outputs"] == pytest.approx(spreads[-1], rel=1e-2)
    assert finding.layer == np.argmin(np.divide(spreads[1:], spreads[:-1]))
    assert "init left out" in finding.remedy
    assert all(layer.init is None for layer in finding.change["layers"])
    assert np.abs(reference.sigmoid(zs[-1]) - 0.5).max() < 1e-4  # the tutorial's 0.5 for everything
    net.fit(X, y, epochs=20, batch_size="full")
    after = net.diagnose(X)
    assert names(after) == ["vanishing_signal", "class_collapse"]
    assert found(after, "class_collapse").remedy == found(after, "vanishing_signal").remedy
    assert "vanishing_signal" not in names(
        cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(2)], seed=0).diagnose(X)
    )


# ---- learning rate and classes


def test_a_rate_that_explodes(rng):
    X, y = blobs()
    net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(3)], optimizer=cnn.SGD(1e4), seed=0)
    finding = found(net.diagnose(X, y), "exploding_rate")
    assert finding.numbers["ratio"] > 1
    rate = finding.change["optimizer"].learning_rate
    assert finding.remedy == f"a learning rate of {rate:.2g}"
    followed = cnn.Network(net.layers, seed=0, **finding.change).fit(X, y, epochs=30)
    assert followed.score(X, y) > 0.95
    _, dW = max(
        (np.linalg.norm(dW) / np.linalg.norm(W), i)
        for i, ((W, _), (dW, _)) in enumerate(
            zip(net.fit(X, y, epochs=0).get_weights(), gradient_pairs(net, X, y), strict=True)
        )
    )
    assert finding.layer == dW
    net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(10), seed=0)
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, y, epochs=50)
    assert "exploding_rate" in names(net.diagnose(X, y))
    assert "exploding_rate" in names(
        cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(3)], optimizer=cnn.Adam(500), seed=0).diagnose(X, y)
    )


def test_a_loss_that_rises(rng):
    X, y = blobs()
    net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(0.09), seed=0)
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, y, epochs=10_000, batch_size="full")
    finding = found(net.diagnose(X), "exploding_rate")
    assert finding.layer is None
    assert finding.numbers["last"] > finding.numbers["first"]


def test_one_class_for_all_rows(rng):
    """b04's and b10's end: after training every row is sick. A network that has not been trained may do so."""
    X, y = rng.normal(size=(200, 4)), rng.random(200) < 0.1
    net = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", optimizer=cnn.SGD(0.5), seed=0)
    assert names(net.diagnose(X, y)) == ["no_information"]
    net.fit(X, y, epochs=20)
    finding = found(net.diagnose(X, y), "class_collapse")
    assert "all 200 rows are predicted to be False" in finding.text
    assert not net.diagnose(X[~y], y[~y])  # the data have but one
    assert not net.diagnose(X[:5])  # too few to say


# ---- manners


def test_the_network_is_not_changed(rng):
    X, y = blobs()
    before = X.copy()
    fresh = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], seed=0)
    fresh.diagnose(X, y)
    assert not hasattr(fresh, "n_features_")
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], seed=0).fit(X, y, epochs=2)
    assert bits(fresh.fit(X, y, epochs=2)) == bits(net)
    net.diagnose(X, y)
    fresh.fit(X, y, epochs=2, warm_start=True)
    net.fit(X, y, epochs=2, warm_start=True)
    assert bits(fresh) == bits(net)
    assert np.array_equal(X, before)


def test_many_rows_are_drawn_from(rng):
    """Rows in the rhythm of the classes: every n-th of them would be of one class."""
    y = np.arange(8192 * 3) % 4
    X = rng.normal(size=(len(y), 2)) + 5 * y[:, np.newaxis]
    net = cnn.Network([cnn.Dense(4)], seed=0, standardize=True).fit(X, y, epochs=3)
    assert not net.diagnose(X, y)


def test_it_prints_as_a_table(rng):
    X = rng.integers(0, 256, (400, 784), np.uint8)
    diagnosis = tutorial_of_004().diagnose(X)
    assert isinstance(diagnosis, Diagnosis)
    lines = str(diagnosis).splitlines()
    assert lines[0].startswith("unscaled_input   network  the first layer takes")
    assert lines[1].strip() == "-> standardize=True"
    assert len(lines) == 2 * len(diagnosis)
    assert repr(diagnosis) == str(diagnosis)
    assert repr(diagnosis[0]).startswith("Finding(name='unscaled_input', layer=None")


def test_data_that_cannot_be_used(rng):
    net = cnn.Network([cnn.Dense(3)], seed=0).fit(*blobs())
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4"):
        net.diagnose(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="X has 5 rows; y has 4"):
        net.diagnose(np.zeros((5, 4)), [0, 1, 2, 0])
    with pytest.raises(ValueError, match="NaN"):
        net.diagnose(np.full((5, 4), np.nan))
