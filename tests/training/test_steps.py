"""The face of clipped, frozen, accumulated and averaged steps; their arithmetic is tested in test_updates."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.spec import configuration
from small import INDICES, OPTIMIZERS, bits, blobs, classifier, gradient_pairs

LAYERS = [cnn.Dense(8, "tanh"), cnn.Dense(3)]


def network(**parameters):
    parameters = {"optimizer": cnn.Adam(0.02), "seed": 0, "dtype": "float64", **parameters}
    return cnn.Network(parameters.pop("layers", LAYERS), **parameters)


def arrays(net):
    return [a for pair in net.get_weights() for a in pair if a is not None]


# ---- clipping


def test_history_has_the_norm_before_clipping():
    X, y = blobs()
    free = network(clip_norm=1e9, optimizer=cnn.SGD(0.1)).fit(X, y, epochs=3, batch_size="full")
    gradients = gradient_pairs(network(optimizer=cnn.SGD(0.1)).fit(X, y, epochs=0), X, y)
    norm = np.sqrt(sum((a**2).sum() for pair in gradients for a in pair))
    assert free.history["gradient_norm"][0] == pytest.approx(norm, rel=1e-12)
    assert len(free.history["gradient_norm"]) == 3
    assert "gradient_norm" not in network().fit(X, y, epochs=1).history


def test_no_step_is_longer_than_the_limit():
    X, y = blobs()
    net = network(clip_norm=0.01, optimizer=cnn.SGD(1.0))
    before = np.concatenate([a.ravel() for a in arrays(net.fit(X, y, epochs=0))])
    after = np.concatenate([a.ravel() for a in arrays(net.fit(X, y, epochs=1, batch_size="full"))])
    assert np.linalg.norm(after - before) == pytest.approx(0.01, rel=1e-9)
    net = network(clip_value=1e-4, optimizer=cnn.SGD(1.0))
    after = np.concatenate([a.ravel() for a in arrays(net.fit(X, y, epochs=1, batch_size="full"))])
    assert np.abs(after - before).max() == pytest.approx(1e-4, rel=1e-9)


def test_clipping_keeps_a_wild_rate_finite():
    X, y = blobs()
    with pytest.raises(cnn.DivergenceError):
        network(loss="mse", layers=[cnn.Dense(8, "relu"), cnn.Dense(1)], optimizer=cnn.SGD(10.0)).fit(
            X, y, epochs=5
        )
    net = network(
        loss="mse", layers=[cnn.Dense(8, "relu"), cnn.Dense(1)], optimizer=cnn.SGD(10.0), clip_norm=0.001
    )
    assert np.isfinite(net.fit(X, y, epochs=5).history["loss"]).all()


# ---- accumulation


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_accumulated_batches_are_one_larger_batch_to_the_bit(dtype, n_threads):
    X, y = blobs(m=500, k=40)
    layers = [cnn.Dense(100, "tanh"), cnn.Dense(3)]
    options = {"layers": layers, "dtype": dtype, "n_threads": n_threads}
    whole = network(**options).fit(X, y, epochs=3, batch_size=256)
    halves = network(**options).fit(X, y, epochs=3, batch_size=128, accumulate=2)
    assert bits(halves) == bits(whole)
    assert halves.history["loss"] == whole.history["loss"]
    cut = network(**options).fit(X, y, epochs=3, n_batches=4, accumulate=2)
    assert bits(cut) == bits(network(**options).fit(X, y, epochs=3, n_batches=2))


def test_accumulating_beyond_the_rows_is_a_full_batch():
    X, y = blobs()
    full = network().fit(X, y, epochs=2, batch_size="full")
    assert bits(network().fit(X, y, epochs=2, batch_size=50, accumulate=100)) == bits(full)
    with pytest.raises(ValueError, match=r"accumulate.*fit.*>= 1. Got 0"):
        network().fit(X, y, accumulate=0)


# ---- frozen layers, rates of their own


def test_a_frozen_layer_keeps_its_bytes():
    X, y = blobs()
    layers = [cnn.Dense(8, "tanh", trainable=False), cnn.Dense(6, "relu"), cnn.Dense(3)]
    net = network(layers=layers, l2=0.1)
    (W, b), *_ = net.fit(X, y, epochs=0).get_weights()
    (W_after, b_after), (V, _), _ = net.fit(X, y, epochs=3).get_weights()
    assert W_after.tobytes() == W.tobytes()
    assert b_after.tobytes() == b.tobytes()
    assert not np.array_equal(V, net.fit(X, y, epochs=0).get_weights()[1][0])


def test_transfer_learning():
    """Weights of one network, its first layer kept, another head trained."""
    X, y = blobs()
    first = network().fit(X, y, epochs=5)
    (W, b), _ = first.get_weights()
    frozen = cnn.Dense(8, "tanh", trainable=False, init=(W, b))
    second = network(layers=[frozen, cnn.Dense(2)]).fit(X, y > 0, epochs=20)
    assert np.array_equal(second.get_weights()[0][0], W)
    assert second.score(X, y > 0) > 0.8


def test_a_rate_of_its_own_is_that_rate():
    X, y = blobs()
    half = [cnn.Dense(8, "tanh", rate=0.5), cnn.Dense(3, rate=0.5)]
    net = network(layers=half, optimizer=cnn.SGD(0.2, momentum=0.9)).fit(X, y, epochs=3)
    assert bits(net) == bits(network(optimizer=cnn.SGD(0.1, momentum=0.9)).fit(X, y, epochs=3))


# ---- averages


def test_predictions_are_of_the_averaged_weights():
    X, y = blobs()
    plain, net = network(), network(ema=0.9)
    expected, seen = None, []
    for step in range(1, 8):
        for one in (plain, net):
            one.fit(X, y, epochs=1, batch_size="full", warm_start=step > 1)
        seen.append(arrays(plain))
        weights = 0.9 ** np.arange(step)[::-1]
        expected = [np.average(a, axis=0, weights=weights) for a in zip(*seen, strict=True)]
        for mine, average in zip(arrays(net), expected, strict=True):
            assert np.allclose(mine, average, rtol=1e-12, atol=1e-14)
    judge = network()
    judge.set_weights(net.get_weights())
    assert np.array_equal(net.decision_function(X), judge.decision_function(X))
    assert net.history["loss"] == plain.history["loss"]


def test_validation_sees_the_averaged_weights():
    X, y = blobs()
    net = network(ema=0.99).fit(X, y, epochs=4, validation_data=(X, y))
    assert net.history["val_loss"][-1] == pytest.approx(net.loss(X, y), rel=1e-12)
    assert net.history["val_score"][-1] == net.score(X, y)


@pytest.mark.parametrize("standardize", [False, True])
def test_files_hold_what_predicts(tmp_path, standardize):
    X, y = blobs()
    net = network(ema=0.95, clip_norm=1.0, clip_value=0.5, standardize=standardize).fit(X, y, epochs=4)
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors")
    assert again.decision_function(X).tobytes() == net.decision_function(X).tobytes()
    assert repr(again) == repr(net)
    assert bits(again) == bits(net)


@pytest.mark.parametrize("name", ["sgd", "adam", "amsgrad", "nadam"])
def test_a_pickle_goes_on_with_the_same_bits(name):
    X, y = blobs()
    whole = network(ema=0.9, clip_norm=0.5, optimizer=OPTIMIZERS[name]).fit(X, y, epochs=5)
    net = network(ema=0.9, clip_norm=0.5, optimizer=OPTIMIZERS[name]).fit(X, y, epochs=2)
    copy = pickle.loads(pickle.dumps(net)).fit(X, y, epochs=3, warm_start=True)
    assert bits(copy) == bits(whole)
    assert copy.history["gradient_norm"] == whole.history["gradient_norm"]


def test_given_weights_are_not_averaged_with_those_before():
    X, y = blobs()
    net = network(ema=0.9).fit(X, y, epochs=2)
    weights = [(0 * W, 0 * b) for W, b in net.get_weights()]
    net.set_weights(weights)
    assert not any(a.any() for a in arrays(net))
    assert not net.decision_function(X).any()


def test_a_network_that_diverges_keeps_its_average():
    X, y = blobs()
    net = network(ema=0.5, loss="mse", layers=[cnn.Dense(1)], optimizer=cnn.SGD(0.01)).fit(X, y, epochs=2)
    before = bits(net)
    net.optimizer = cnn.SGD(1e200)
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, y, epochs=3, warm_start=True)
    assert bits(net) == before


# ---- what is asked for


def test_files_without_any_of_it_say_nothing_of_it():
    config = configuration.to_config(configuration.configure(LAYERS, "softmax_cross_entropy"))
    assert not config.keys() & {"clip_norm", "clip_value", "ema"}
    assert all(layer.keys() == {"units", "activation", "bias", "init"} for layer in config["layers"])


def test_configurations_return_from_files():
    layers = [cnn.Dense(8, "relu", rate=0.1), cnn.Dense(3, trainable=False)]
    asked = configuration.configure(layers, "softmax_cross_entropy", clip_norm=2.0, clip_value=0.5, ema=0.9)
    assert configuration.from_config(configuration.to_config(asked)) == asked
    assert "clip_norm=2.0, clip_value=0.5, ema=0.9" in str(asked)
    assert "rate=0.1" in str(asked)
    assert "trainable=False" in str(asked)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network(clip_norm=0), r"clip_norm.*Network.*> 0. Got 0"),
        (lambda: network(clip_value=-1), r"clip_value.*Network.*> 0. Got -1"),
        (lambda: network(ema=1), r"ema.*Network.*> 0 and < 1. Got 1"),
        (lambda: network(ema="0.9"), r"ema.*Network.*Got '0.9'"),
        (lambda: cnn.Dense(3, rate=-1), r"rate.*Dense.*>= 0. Got -1"),
        (lambda: cnn.Dense(3, trainable=0), r"trainable.*Dense.*bool. Got 0"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_gram_training_is_refused():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 400)), np.arange(10) % 3
    for parameters in ({"clip_norm": 1.0}, {"ema": 0.5}, {"layers": [cnn.Dense(3, rate=0.5)]}):
        net = network(optimizer=cnn.SGD(0.1), **parameters)
        with pytest.raises(
            ValueError, match="gradients are clipped, weights are averaged, or layers have different"
        ):
            net.fit(X, y, batch_size="full", gram=True)
        net.fit(X, y, batch_size="full", epochs=200)


def test_small_networks_wait_too():
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    net = classifier(outputs=1, loss="binary_cross_entropy", clip_norm=1.0).fit(X, y, epochs=2, batch_size=4)
    assert len(net.history["gradient_norm"]) == 2


@pytest.mark.parametrize("columns", [1, 4, 17, 40])
def test_gram_training_of_few_columns_on_any_number_of_threads(columns):
    """A thread without a column of its own does nothing."""
    x = np.random.default_rng(0).normal(size=(30, columns)).astype("float32")
    found = set()
    for n_threads in (1, 2, 3):
        with cnn.threads(n_threads):
            net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(3)], optimizer=cnn.SGD(0.1), seed=0)
            found.add(bits(net.fit(x, INDICES, epochs=3, batch_size="full", gram=True)))
    assert len(found) == 1
