"""What a network learns, and that it learns the same every time."""

import contextlib
import copy

import compiled_nn as cnn
import numpy as np
import pytest
from small import OPTIMIZERS, binary, bits, blobs, classifier, gradient_pairs, regressor

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")


# ---- learning


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "softmax_cross_entropy", "mse"])
def test_learns_xor(loss, dtype):
    outputs = 2 if loss == "softmax_cross_entropy" else 1
    net = classifier(outputs, loss=loss, dtype=dtype, optimizer=cnn.Adam(0.05))
    net.fit(XOR, [0, 1, 1, 0], epochs=500, batch_size="full")
    assert net.score(XOR, [0, 1, 1, 0]) > 0.99
    assert net.history["loss"][-1] < 0.02 < net.history["loss"][0]


@pytest.mark.parametrize(
    "labels",
    [
        ["ant", "bee", "cow"],
        [b"ant", b"bee", b"cow"],
        [-5, 3, 70],
        [0.5, 1.5, 2.5],
        np.array([1, 2, 3], "uint8"),
        np.array(["x", "y", "z"], dtype=object),
    ],
)
def test_labels_of_any_type(labels):
    X, indices = blobs()
    y = np.array(labels)[indices]
    net = classifier().fit(X, y, epochs=30)
    assert net.score(X, y) > 0.9
    assert net.classes_.tolist() == list(labels)
    predicted = net.predict(X)
    assert predicted.shape == (90,)
    assert predicted.dtype == net.classes_.dtype
    np.testing.assert_array_equal(predicted, net.classes_[net.predict_proba(X).argmax(axis=1)])
    assert bits(net) == bits(classifier().fit(X, y.tolist(), epochs=30))
    assert bits(net) == bits(classifier().fit(X, y.reshape(-1, 1), epochs=30))


def test_binary_labels():
    X, y = blobs(n=2)
    net = binary().fit(X, y == 1, epochs=30)
    assert net.classes_.tolist() == [False, True]
    assert net.score(X, y == 1) > 0.9
    probabilities = net.predict_proba(X)
    assert probabilities.shape == (90, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(net.predict(X), probabilities[:, 1] >= 0.5)
    logits = net.decision_function(X)
    assert logits.shape == (90,)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_a_tie_is_class_1():
    net = cnn.Network([cnn.Dense(1, init="zeros")], loss="binary_cross_entropy").fit(
        [[1.0], [2.0]], ["no", "yes"], epochs=0
    )
    assert net.predict_proba([[3.0]]).tolist() == [[0.5, 0.5]]
    assert net.predict([[3.0]]).tolist() == ["yes"]


def test_one_hot_and_soft_labels():
    X, y = blobs()
    one_hot = np.eye(3)[y]
    net = classifier().fit(X, one_hot, epochs=5)
    assert net.predict(X).tolist() == classifier().fit(X, y, epochs=5).predict(X).tolist()
    assert net.score(X, one_hot) == net.score(X, y)
    soft = classifier().fit(X, np.full((90, 3), 1 / 3), epochs=200)
    np.testing.assert_allclose(soft.predict_proba(X), 1 / 3, atol=0.05)


def test_several_sigmoids_for_one_label():
    X, y = blobs()
    net = classifier(loss="binary_cross_entropy").fit(X, y, epochs=30)
    assert net.score(X, y) > 0.9
    np.testing.assert_array_equal(net.predict(X), net.predict_proba(X).argmax(axis=1))


def test_independent_targets():
    X, _ = blobs(k=3)
    y = (X > 0).astype(int)
    net = classifier(loss="binary_cross_entropy", optimizer=cnn.Adam(0.02)).fit(X, y, epochs=60)
    predicted = net.predict(X)
    assert predicted.shape == y.shape
    assert set(np.unique(predicted)) == {0, 1}
    assert net.score(X, y) == np.mean((predicted == y).all(axis=1))
    assert net.score(X, y) > 0.8


@pytest.mark.parametrize("outputs", [1, 2])
def test_values(outputs, dtype):
    X, _ = blobs()
    y = X[:, :outputs] - 2 * X[:, 2:3]
    net = regressor(outputs, dtype=dtype, optimizer=cnn.Adam(0.01)).fit(X, y, epochs=100)
    predicted = net.predict(X)
    assert predicted.dtype == dtype
    assert predicted.shape == ((90,) if outputs == 1 else (90, 2))
    residual = ((y - predicted.reshape(y.shape)) ** 2).sum(axis=0)
    expected = np.mean(1 - residual / ((y - y.mean(axis=0)) ** 2).sum(axis=0))
    assert net.score(X, y) == pytest.approx(expected, rel=1e-5)
    assert net.score(X, y) > 0.9
    assert net.loss(X, y) == pytest.approx(residual.sum() / 90, rel=1e-5)


def test_r2_of_constant_targets():
    net = cnn.Network([cnn.Dense(1, init="zeros")], loss="mse").fit([[1.0]], [0.0], epochs=0)
    assert net.score([[1.0], [2.0]], [0.0, 0.0]) == 1
    assert net.score([[1.0], [2.0]], [3.0, 3.0]) == 0


def test_loss_and_penalty_are_apart():
    X, y = blobs()
    net = classifier(l1=0.01, l2=0.1).fit(X, y, epochs=1, batch_size="full")
    weights = [W.astype("float64") for W, _ in net.get_weights()]
    penalty = sum(0.05 * (W**2).sum() + 0.01 * np.abs(W).sum() for W in weights)
    assert net.history["penalty"] == pytest.approx([penalty], rel=1e-5)
    probabilities = net.predict_proba(X)[np.arange(90), y]
    assert net.loss(X, y) == pytest.approx(-np.log(probabilities).mean(), rel=1e-5)


def test_gradients_are_those_of_loss_and_penalty():
    X, y = blobs(m=12)
    net = classifier(l1=0.01, l2=0.1, dtype="float64").fit(X, y, epochs=1)
    weights = net.get_weights()
    gradients = gradient_pairs(net, X, y)

    def objective():
        net.set_weights(weights)
        penalty = sum(0.05 * (W**2).sum() + 0.01 * np.abs(W).sum() for W, _ in weights)
        return net.loss(X, y) + penalty

    for pair, gradient in zip(weights, gradients, strict=True):
        for parameter, slope in zip(pair, gradient, strict=True):
            assert parameter.shape == slope.shape
            place = (0,) * parameter.ndim
            start = parameter[place]
            above, below = (_at(parameter, place, start + step, objective) for step in (1e-5, -1e-5))
            parameter[place] = start
            assert slope[place] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-9)


def _at(parameter, place, value, objective):
    parameter[place] = value
    return objective()


# ---- reproducibility


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fitting_twice_is_fitting_once(name):
    X, y = blobs()
    net = classifier(optimizer=OPTIMIZERS[name], seed=3).fit(X, y, epochs=3)
    once, history = bits(net), net.history
    assert bits(net.fit(X, y, epochs=3)) == once
    assert net.history["loss"] == history["loss"]
    assert bits(classifier(optimizer=OPTIMIZERS[name], seed=3).fit(X, y, epochs=3)) == once
    assert bits(classifier(optimizer=OPTIMIZERS[name], seed=4).fit(X, y, epochs=3)) != once


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_on_is_one_training(name):
    X, y = blobs()
    whole = classifier(optimizer=OPTIMIZERS[name]).fit(X, y, epochs=5)
    parts = classifier(optimizer=OPTIMIZERS[name]).fit(X, y, epochs=2).fit(X, y, epochs=3, warm_start=True)
    assert bits(parts) == bits(whole)
    assert parts.history["epoch"] == [1, 2, 3, 4, 5]
    assert parts.history["loss"] == whole.history["loss"]
    assert parts.history["learning_rate"] == whole.history["learning_rate"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_partial_fit_is_an_epoch_without_shuffling(name):
    X, y = blobs()
    whole = classifier(optimizer=OPTIMIZERS[name]).fit(X, y, epochs=1, batch_size=30, shuffle=False)
    parts = classifier(optimizer=OPTIMIZERS[name])
    for start in (0, 30, 60):
        parts.partial_fit(X[start : start + 30], y[start : start + 30])
    assert bits(parts) == bits(whole)
    assert parts.history["epoch"] == []


def test_seeds_differ_when_none_is_given():
    X, y = blobs()
    assert bits(classifier(seed=None).fit(X, y, epochs=0)) != bits(classifier(seed=None).fit(X, y, epochs=0))


def test_threads_do_not_matter():
    X, y = blobs(m=3000, k=50)
    nets = [classifier(hidden=64, n_threads=n).fit(X, y, epochs=2, batch_size=1000) for n in (1, 2, 3)]
    assert len({bits(net) for net in nets}) == 1


def test_no_global_random_state_is_touched():
    X, y = blobs()
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    classifier().fit(X, y, epochs=1).partial_fit(X, y, shuffle=True)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_inputs_are_never_changed():
    X, y = blobs()
    layers, samples, labels = [cnn.Dense(4, "relu"), cnn.Dense(3)], X.tolist(), y.tolist()
    expected = copy.deepcopy((layers, samples, labels))
    net = cnn.Network(layers, seed=0).fit(samples, labels, validation_data=[samples, labels])
    net.fit(samples, labels)
    assert (layers, samples, labels) == expected
    before = X.copy()
    X.flags.writeable = y.flags.writeable = False
    net.fit(X, y).partial_fit(X, y).predict(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=0)[::2], np.ndarray.tolist]
)
def test_layouts_give_the_same_bits(layout):
    X, y = blobs()
    X = X.astype("float64")  # as the lists are read
    assert bits(classifier().fit(layout(X), y)) == bits(classifier().fit(X, y))


def test_feature_major_data_come_transposed():
    X, y = blobs()
    assert bits(classifier().fit(np.ascontiguousarray(X.T).T, y)) == bits(classifier().fit(X, y))


def test_images_and_scale(rng):
    images = rng.integers(0, 256, (40, 5, 4)).astype("uint8")
    y = np.arange(40) % 3
    net = classifier(input_scale=1 / 255).fit(images, y, epochs=3)
    assert net.n_features_ == 20
    assert bits(net) == bits(classifier(input_scale=1 / 255).fit(images.reshape(40, 20), y, epochs=3))
    scaled = classifier().fit(images.reshape(40, 20) / 255, y, epochs=3)
    np.testing.assert_allclose(
        net.predict_proba(images), scaled.predict_proba(images.reshape(40, -1) / 255), 1e-4
    )


# ---- text, threads


def test_repr_shows_what_was_asked():
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(1)], loss="mse", l2=0.1, optimizer=cnn.SGD(0.5))
    assert repr(net) == (
        "Network([Dense(units=5, activation='relu', bias=True, init=None),"
        " Dense(units=1, activation=None, bias=True, init=None)], loss='mse',"
        " optimizer=SGD(learning_rate=0.5, momentum=0.0, nesterov=False), l2=0.1)"
    )
    assert repr(eval(repr(net), vars(cnn))) == repr(net)


def test_summary():
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(3, bias=False)])
    assert str(net.summary()).splitlines()[1:] == [
        "    0       ?      5        relu           ?      ?      ?",
        "    1       5      3     softmax          15     30     60",
        "total                                      ?      ?      ?",
    ]
    assert net.summary().n_parameters is None
    net.fit(*blobs(), epochs=0)
    assert str(net.summary()).splitlines() == [
        "layer  inputs  units  activation  parameters  FLOPs  bytes",
        "    0       4      5        relu          25     40    100",
        "    1       5      3     softmax          15     30     60",
        "total                                     40     70    160",
    ]
    assert repr(net.summary()) == str(net.summary())  # a bare last line in a notebook or a shell
    assert net.n_parameters == 40


def test_summary_of_784_50_10():
    net = cnn.Network([cnn.Dense(50, "relu"), cnn.Dense(10)], dtype="float64").fit(
        np.zeros((10, 784)), np.arange(10), epochs=0
    )
    summary = net.summary()
    assert (summary.n_parameters, summary.flops, summary.bytes) == (39760, 79400, 39760 * 8)
    assert summary._repr_html_().count("<tr>") == 4
    assert "\x1b" not in repr(summary)


def test_summary_counts_gains_frozen_layers_and_embeddings():
    X, y = blobs()
    layers = [
        cnn.Dense(8, "relu", norm="batch"),
        cnn.Dense(8, "tanh", norm="layer", dropout=0.25, residual=True, bias=False),
        cnn.Dense(8, "tanh", norm="rms", trainable=False),
        cnn.Dense(3, rate=0),
    ]
    net = cnn.Network(layers, seed=0).fit(X, y, epochs=1)
    summary = net.summary()
    assert [layer.parameters for layer in summary.layers] == [4 * 8 + 16, 64 + 8, 64 + 16, 24 + 3]
    assert summary.n_parameters == net.n_parameters == 227
    assert summary.n_trainable == 120
    assert summary.layers[0].bytes == 4 * (48 + 16)  # with the running statistics
    head, *_, totals, trainable = map(str.split, str(summary).splitlines())
    assert head[4:8] == ["norm", "dropout", "residual", "trainable"]
    assert totals[:2] == ["total", "227"]
    assert trainable == ["trainable", "120"]
    table = [[a, "uvw"[i % 3]] for i, a in enumerate(X[:, 0].tolist())]
    embedded = cnn.Network(
        [cnn.Dense(4, "relu"), cnn.Dense(3)], categorical_features=[1], embeddings=2, seed=0
    ).fit(table, y, epochs=1)
    assert embedded.summary().layers[0].parameters == 3 * 2
    assert embedded.summary().n_parameters == embedded.n_parameters


def test_threads_are_restored():
    before = cnn.get_num_threads()
    with cnn.threads(3):
        assert cnn.get_num_threads() == 3
        with contextlib.suppress(KeyError), cnn.threads(1):
            assert cnn.get_num_threads() == 1
            raise KeyError
        assert cnn.get_num_threads() == 3
    assert cnn.get_num_threads() == before
    cnn.set_num_threads(1)
    assert cnn.get_num_threads() == 1
    cnn.set_num_threads(None)
    assert cnn.get_num_threads() == before
