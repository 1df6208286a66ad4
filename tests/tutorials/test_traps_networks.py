"""Mistakes of published tutorials, asked of networks and of the two classes of `compiled_nn.tutorials`.

As in `test_traps.py`, which asks the core: each check fails on the tutorial's formula, written afresh from its
description, and passes on ours. b28 (a figure of one data set told as that of another) is no matter of a formula: the
pages of this project run in `tests/docs/test_examples.py`, the figures of the tutorials' data in `test_figures.py`.
"""

import socket
import struct

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
import small
from compiled_nn import functional as F  # noqa: N812
from compiled_nn.spec import shapes
from compiled_nn.tutorials import NeuralNet, NNClassifier
from networks import true_gradients
from small import LN2, gradient_pairs, peak


def test_b13_training_keeps_a_chunk_of_the_activations(rng):
    X = rng.normal(size=(20_000, 10))
    y, dims = (X[:, 0] > 0).astype(int), [10, 64, 64, 1]
    params = F.initialize_parameters_deep(dims, seed=0)

    def tutorial():
        """Inputs, Z and outputs of every layer, for all rows."""
        caches, A = [], X.T
        for i in (1, 2, 3):
            Z = params[f"W{i}"] @ A + params[f"b{i}"]
            caches.append((A, Z))
            A = np.maximum(Z, 0)
        return caches

    net = cnn.Network.from_dict(params, n_threads=1)
    most, _ = peak(lambda: net.gradients(X, y))
    assert 5 * most < peak(tutorial)[0]
    # The functions hand Z out, as theirs do, but no copies of data and weights.
    _, caches = F.L_model_forward(X.T, params)
    assert np.shares_memory(caches[0][0][0], X)
    assert all(cache[0][1] is params[f"W{i}"] for i, cache in enumerate(caches, 1))


def test_b14_sizes_are_not_changed_by_fit():
    def tutorial(sizes, X):
        sizes.insert(0, X.shape[1])
        return sizes

    theirs = [7, 1]
    tutorial(theirs, small.X)
    assert tutorial(theirs, small.X) == [4, 4, 7, 1]
    sizes, y = [7, 1], small.INDICES % 2
    model = NeuralNet(sizes).fit(small.X, y, 0.1, 3)
    bits = small.bits(model.network_)
    assert small.bits(model.fit(small.X, y, 0.1, 3).network_) == bits
    assert (sizes, model.size_of_layers, model.length) == ([7, 1], (7, 1), 2)
    assert [W.shape for W, _ in model.network_.get_weights()] == [(4, 7), (7, 1)]


def test_b15_the_global_generator_is_left_alone(rng):
    def place():
        state = np.random.get_state(legacy=False)["state"]
        return state["key"].tobytes(), state["pos"]

    kept = np.random.get_state()
    before = place()
    np.random.seed(42)  # the tutorial's first line of fit
    assert place() != before
    np.random.set_state(kept)
    y = small.INDICES % 2
    NeuralNet([3, 1]).fit(small.X, y, 0.1, 2)
    NNClassifier(2, 4, 3, epochs=2, n_batches=2, random_seed=0).fit(small.X, y)
    small.classifier().fit(small.X, small.INDICES, epochs=1)
    F.initialize_parameters_deep([5, 4, 1], seed=42)
    F.initialise_parameters(5, [{"nodes": 1, "activation": "sigmoid"}])
    assert place() == before


@pytest.mark.parametrize(
    "model", [NeuralNet([3, 1]), NNClassifier(2, 4, 3, epochs=3, n_batches=2, random_seed=0)]
)
def test_b16_predict_needs_no_labels_returns_some_and_prints_nothing(model, capsys):
    def tutorial(X, Y):
        print("Accuracy: ", np.mean(Y))

    assert tutorial(small.X, small.INDICES) is None
    assert capsys.readouterr().out
    y = small.INDICES % 2
    model.fit(small.X, y)
    labels = model.predict(small.X)
    assert labels.shape == (30,)
    assert labels.dtype == y.dtype
    assert model.score(small.X, y) == np.mean(labels == y)
    assert capsys.readouterr() == ("", "")


def test_b17_a_tie_is_the_larger_class_everywhere():
    a, X = np.full(4, 0.5), np.zeros((4, 2))
    assert ((a > 0.5) != (a >= 0.5)).all()  # one tutorial's threshold and another's
    zeros = {"W1": np.zeros((1, 2)), "b1": np.zeros((1, 1))}
    net = cnn.Network.from_dict(zeros)
    model = NeuralNet([1], init=zeros).fit(X, [0, 1, 0, 1], n_iterations=0)
    assert net.predict_proba(X)[:, 1].tolist() == a.tolist()
    assert net.predict(X).tolist() == model.predict(X).tolist() == [1, 1, 1, 1]
    assert F.accuracy([1, 1, 1, 0], a) == net.score(X, [1, 1, 1, 0]) == 0.75


def test_b17_costs_are_of_every_iteration_and_know_their_epochs():
    theirs = [cost for i, cost in enumerate(np.linspace(1, 0, 30)) if i % 10 == 0]
    assert list(range(len(theirs))) == [0, 1, 2]  # what their axis calls epochs
    model = NeuralNet([3, 1]).fit(small.X, small.INDICES % 2, n_iterations=30)
    assert len(model.costs) == 30
    assert model.network_.history["epoch"] == list(range(1, 31))


def test_b18_labels_are_mapped_through_classes():
    def tutorial(y, first, second):
        y = y.copy()
        y[y == first[0]] = first[1]
        y[y == second[0]] = second[1]
        return y

    y = np.array([1, 2, 2, 1], np.uint8)
    assert tutorial(y, (1, 0), (2, 1)).tolist() == [0, 1, 1, 0]
    assert tutorial(y, (2, 1), (1, 0)).tolist() == [0, 0, 0, 0]  # the other order
    assert (-y).tolist() == [255, 254, 254, 255]
    X = np.array([[0.0], [1], [1], [0]])
    bits = []
    for labels in (y, y.astype(int), y == 2, np.where(y == 2, "two", "one"), (y == 2).astype("uint8")):
        model = NeuralNet([2, 1]).fit(X, labels, 0.5, 5)
        assert model.classes_.tolist() == np.unique(labels).tolist()
        assert set(model.predict(X)) <= set(labels)
        bits.append(small.bits(model.network_))
    assert len(set(bits)) == 1
    a = np.array([0.3, 0.6, 0.8, 0.1])
    assert F.compute_cost(a, (y == 2).astype("uint8")) == F.compute_cost(a, (y == 2).astype(float))


def test_b20_probabilities_come_from_the_logits():
    X, y = np.eye(10), np.arange(10)
    model = NNClassifier(10, 10, 20, l2=0.0, epochs=2000, learning_rate=0.5, n_batches=1, random_seed=0).fit(
        X, y
    )
    logits = model.network_.decision_function(X)
    assert reference.softmax(reference.sigmoid(logits)).max() < 0.2321  # however sure the network is
    probabilities = model.predict_proba(X)
    assert np.diag(probabilities).min() > 0.95
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_b21_the_error_does_not_depend_on_the_size_of_the_batch():
    def tutorial(a, y):
        """(classes, samples), summed over the samples."""
        return 0.5 * np.mean(-np.sum(np.log(a) * y, axis=1))

    theirs, ours, by_sample = [], [], []
    zeros = {"W1": np.zeros((3, 2)), "W2": np.zeros((10, 3))}
    for m in (240, 2400):
        X, y = np.ones((m, 2)), np.arange(m) % 10
        theirs.append(tutorial(np.full((10, m), 0.5), F.one_hot(y, 10).T))
        model = NNClassifier(
            10, 2, 3, l2=0.0, epochs=1, learning_rate=1e-9, n_batches=m // 240, init=zeros, dtype="float64"
        )
        ours += model.fit(X, y).error_
        by_sample.append(F.cross_entropy(np.full((m, 10), 0.1), F.one_hot(y, 10)))
    assert theirs[1] == pytest.approx(10 * theirs[0])
    assert theirs[1] == pytest.approx(83.2, abs=0.1)
    assert ours == pytest.approx([10 * LN2] * 2, rel=1e-6)
    assert [len(losses) for losses in by_sample] == [240, 2400]
    np.testing.assert_allclose(np.concatenate(by_sample), np.log(10), rtol=1e-12)


@pytest.mark.parametrize("l1", [0.0, 0.3])
def test_b22_b23_a_step_follows_the_gradient_of_the_loss_told(rng, l1):
    """Of the mean loss and the penalty: sign(w) for L1, and 0 at 0."""
    case = networks.draw(rng, (4, 3, 2), "sigmoid", "binary_cross_entropy", m=50, biases=[False, False])
    case.network[0][0][0, 0] = 0.0
    X, y = case.wide
    net = cnn.Network.from_dict(
        shapes.to_dict(case.network), [{"nodes": n, "activation": "sigmoid"} for n in (3, 2)], l1=l1
    )
    got = gradient_pairs(net, X, y)
    plain = true_gradients(case)
    truth = reference.combine(lambda g, w: g + l1 * np.sign(w), plain, case.network)
    summed = reference.combine(lambda g: 50 * g, plain)
    assert networks.relative_error(summed, truth) > 1  # not divided by the rows
    if l1:
        shrunk = reference.combine(lambda g, w: g + l1 * w, plain, case.network)
        assert networks.relative_error(shrunk, truth) > 1e-2  # that is L2
        assert abs(got[0][0][0, 0] - plain[0][0][0, 0]) < 1e-8
    assert networks.relative_error(got, truth) < 1e-6


def test_b25_the_default_weights_do_not_saturate_on_pixels(rng):
    X = rng.integers(0, 256, (200, 784)).astype("uint8")

    def dead_share(net):
        z = X * net._configuration.input_scale @ net.get_weights()[0][0]
        return np.mean(F.sigmoid_prime(z.astype(float)) < 1e-12)

    layers = [cnn.Dense(50, "sigmoid"), cnn.Dense(10)]
    theirs = [cnn.Dense(50, "sigmoid", init=cnn.Uniform(-1, 1)), cnn.Dense(10)]
    y = np.arange(200) % 10
    assert dead_share(cnn.Network(theirs, seed=0).fit(X, y, epochs=0)) > 0.9
    assert dead_share(cnn.Network(layers, input_scale=1 / 255, seed=0).fit(X, y, epochs=0)) == 0


def test_b26_a_prediction_does_not_depend_on_the_rows_beside_it():
    def tutorial(X):
        """Standardised by the mean and deviation of whatever is to be predicted."""
        return (X - X.mean(axis=0)) / X.std(axis=0)

    assert np.abs(tutorial(small.X)[:5] - tutorial(small.X[:5])).max() > 0.1
    net = small.fitted()
    model = NNClassifier(3, 4, 5, epochs=3, n_batches=2, random_seed=0).fit(small.X, small.INDICES)
    for one in (net, model):
        together = one.predict_proba(small.X)
        apart = np.concatenate([one.predict_proba(small.X[i : i + 1]) for i in range(30)])
        np.testing.assert_array_equal(together, apart)


def test_b27_biases_and_shuffling_are_on_and_nothing_is_copied(rng):
    X = rng.normal(size=(100_000, 20)).astype("float32")
    y = (X[:, 0] > 0).astype(int)
    most, _ = peak(lambda: [X.copy(), X.copy(), X.copy()])
    assert most >= 3 * X.nbytes
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0, n_threads=1)
    most, _ = peak(lambda: net.fit(X, y, epochs=1, batch_size=1000, shuffle=False))
    assert most < X.nbytes / 2
    assert all(b is not None for _, b in net.get_weights())
    ordered, shuffled = (
        cnn.Network([cnn.Dense(3)], seed=0).fit(small.X, small.INDICES, batch_size=5, epochs=1, **options)
        for options in ({"shuffle": False}, {})
    )
    assert small.bits(ordered) != small.bits(shuffled)


def test_b29_data_come_from_files_on_this_machine(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("198.51.100.1", 80))  # what a tutorial's loader would do
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.tobytes())
    np.testing.assert_array_equal(cnn.datasets.read_idx(path), images)
    assert len(cnn.datasets.xor().X_train) == 4
    assert cnn.datasets.load_digits().X_train.shape[1:] == (8, 8)


# ---- figures that the tutorials print


def test_xor_is_learned_without_biases():
    """50000 epochs at the tutorial's rate, 0.1 on half the summed squares; its seeds 1 and 2 end at rounding level."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    shape = [
        {"nodes": 3, "activation": "sigmoid", "bias": False},
        {"nodes": 1, "activation": "linear", "bias": False},
    ]
    for seed in (1, 2):
        random = np.random.RandomState(seed)
        params = {"W1": random.uniform(size=(2, 3)).T, "W2": random.uniform(size=(3, 1)).T}
        net = cnn.Network.from_dict(params, shape, optimizer=cnn.SGD(0.2))
        net.fit(X, y, epochs=50_000, batch_size="full")
        assert np.abs(net.predict(X) - y).max() < 1e-6
        assert f"{net.predict(X[1:2])[0]:.8g}" == "1"
