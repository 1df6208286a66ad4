"""Embeddings: against an oracle that looks vectors up, and whether anything but them moves in their layer."""

import copy
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import small

M = 60
COLOURS = ("red", "blue", "green", "black", "white")


def table(rng, m=M, colours=COLOURS):
    """Numbers and two columns of categories, and a y that follows from all of them."""
    x, colour, size = rng.normal(3, 2, m), rng.integers(0, len(colours), m), rng.integers(0, 3, m)
    X = [[float(a), colours[b], int(c)] for a, b, c in zip(x, colour, size, strict=True)]
    return X, np.sin(colour) + size * x / 3


def network(**parameters):
    parameters = {"embeddings": 3, "dtype": "float64", "seed": 0, "optimizer": cnn.SGD(0.05)} | parameters
    layers = parameters.pop("layers", [cnn.Dense(6, "tanh"), cnn.Dense(1)])
    return cnn.Network(layers, loss="mse", categorical_features=[1, 2], **parameters)


def is_held(net):
    """Whether all but the vectors is as it was: other columns go through, and nothing else does."""
    W, layer, row, column = net.get_weights()[0][0].copy(), net.layers[0], 0, 0
    for n, width in layer.blocks:
        block = W[row : row + n, column : column + (width or n)]
        if not width and not np.array_equal(block, np.eye(n)):
            return False
        block[...] = 0
        row, column = row + n, column + (width or n)
    return not W.any()


class Oracle:
    """The same network with vectors that are looked up, and plain gradient descent."""

    def __init__(self, net, X):
        columns = net.encoder_.columns_
        x = np.array([row[0] for row in X])
        self.x = ((x - net.mean_[0]) / net.scale_[0])[:, np.newaxis]
        self.codes = [[columns[i].categories.index(row[i]) for row in X] for i in (1, 2)]
        self.tables = [net.embeddings_[i] for i in (1, 2)]
        (_, _), (self.W, self.b), (self.V, self.c) = (
            tuple(None if a is None else a.copy() for a in pair) for pair in net.get_weights()
        )

    def step(self, y, rate, l2):
        m = len(y)
        joined = np.hstack([self.x, *(T[codes] for T, codes in zip(self.tables, self.codes, strict=True))])
        A = np.tanh(joined @ self.W + self.b)
        d = 2 * (A @ self.V + self.c - y[:, np.newaxis]) / m
        e = d @ self.V.T * (1 - A**2)
        below = e @ self.W.T
        new, start = [], 1
        for T, codes in zip(self.tables, self.codes, strict=True):
            gradient = np.zeros_like(T)
            np.add.at(gradient, codes, below[:, start : start + T.shape[1]])
            new.append(T - rate * (gradient + l2 * T))
            start += T.shape[1]
        self.V, self.c, W = self.V - rate * (A.T @ d + l2 * self.V), self.c - rate * d.sum(axis=0), self.W
        self.W, self.b = W - rate * (joined.T @ e + l2 * W), self.b - rate * e.sum(axis=0)
        self.tables = new


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize(("units", "n_colours", "width"), [(6, 5, 3), (300, 5, 3), (6, 700, 1)])
def test_training_is_that_of_vectors_that_are_looked_up(l2, units, n_colours, width, rng):
    X, y = table(rng, 60 if n_colours == 5 else 1500, [f"colour {i}" for i in range(n_colours)])
    layers = [cnn.Dense(units, "tanh"), cnn.Dense(1)]
    net = network(layers=layers, embeddings=width, standardize=True, l2=l2)
    net.fit(X, y, epochs=1, batch_size="full", shuffle=False)
    oracle = Oracle(net, X)
    net.fit(X, y, epochs=5, batch_size="full", shuffle=False, warm_start=True)
    for _ in range(5):
        oracle.step(y, 0.05, l2)
    _, (W, b), (V, c) = net.get_weights()
    for got, expected in zip(
        (*net.embeddings_.values(), W, b, V, c),
        (*oracle.tables, oracle.W, oracle.b, oracle.V, oracle.c),
        strict=True,
    ):
        assert np.allclose(got, expected, rtol=1e-9, atol=1e-11)
    squares = sum((a**2).sum() for a in (*net.embeddings_.values(), W, V))
    assert net.history["penalty"][-1] == pytest.approx(l2 / 2 * squares, rel=1e-12)
    assert net.n_parameters == sum(a.size for a in (*net.embeddings_.values(), W, b, V, c))


@pytest.mark.parametrize("optimizer", small.OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_optimizer_moves_what_is_held(optimizer, dtype, rng):
    X, y = table(rng)
    net = network(
        optimizer=small.OPTIMIZERS[optimizer], dtype=dtype, l1=1e-3, l2=1e-3, standardize=True, clip_norm=1.0
    )
    net.fit(X, y, epochs=3, batch_size=16)
    before = net.embeddings_
    net.fit(X, y, epochs=1, batch_size=16, warm_start=True)
    assert is_held(net)
    assert all((net.embeddings_[i] != before[i]).any() for i in (1, 2))


@pytest.mark.parametrize(
    "how",
    [
        {"ema": 0.9},
        {"clip_value": 0.01},
        {"input_dropout": 0.2},
        {
            "layers": [
                cnn.Dense(6, "gelu", norm="batch", dropout=0.2),
                cnn.Dense(6, residual=True),
                cnn.Dense(1),
            ]
        },
        {"layers": [cnn.Dense(6, "relu", norm="layer"), cnn.Dense(1)], "standardize": "robust"},
        {"layers": [cnn.Dense(1)], "scale_targets": True},
    ],
    ids=lambda how: "-".join(how),
)
def test_goes_with_all_else_and_predicts_what_was_trained(how, rng):
    X, y = table(rng)
    net = network(**how).fit(X, y, epochs=4, batch_size=16, averaging=None if "ema" in how else cnn.SWA(0.5))
    assert is_held(net)
    stack = net._evaluated()
    expected = stack.forward(net.encoder_.transform(X))[:, 0]
    if "scale_targets" in how:
        expected = expected * net.target_scale_ + net.target_mean_
    assert np.allclose(net.predict(X), expected, rtol=1e-10, atol=1e-12)


def test_a_batch_moves_only_the_vectors_of_its_categories(rng):
    X, y = table(rng)
    net = network().fit(X, y, epochs=1)
    before = net.embeddings_
    net.partial_fit([[1.0, "blue", 2], [2.0, "green", 2]], [5.0, 6.0], batch_size=2)
    categories = [net.encoder_.columns_[i].categories for i in (1, 2)]
    moved = [(net.embeddings_[i] != before[i]).any(axis=1) for i in (1, 2)]
    assert [set(np.array(c)[m].tolist()) for c, m in zip(categories, moved, strict=True)] == [
        {"blue", "green"},
        {2},
    ]


def test_an_unknown_category_has_the_vector_zero(rng):
    X, y = table(rng)
    net = network().fit(X, y, epochs=3)
    _, (W, b), (V, c) = net.get_weights()
    sizes = net.encoder_.columns_[2].categories
    row = np.concatenate([[1.5], np.zeros(3), net.embeddings_[2][sizes.index(1)]])
    assert np.allclose(net.predict([[1.5, "violet", 1]]), np.tanh(row @ W + b) @ V + c, rtol=1e-12)


def test_hidden_layers_and_derivatives_are_those_of_the_users_layers(rng):
    X, y = table(rng)
    net = network(standardize=True).fit(X, y, epochs=3)
    assert net.transform(X).shape == (M, 6)
    with pytest.raises(ValueError, match="the network has 1 hidden layer"):
        net.transform(X, 1)
    up, down = ([[x + h, *rest] for x, *rest in X] for h in (1e-5, -1e-5))
    expected = (net.predict(up) - net.predict(down)) / 2e-5
    gradient = net.input_gradient(X)
    assert gradient.shape == (M, 1 + 5 + 3)
    assert np.allclose(gradient[:, 0], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_files_checkpoints_and_copies_are_exact(ema, rng, tmp_path):
    X, y = table(rng)
    whole = network(optimizer="adam", ema=ema, standardize=True).fit(X, y, epochs=4)
    net = network(optimizer="adam", ema=ema, standardize=True).fit(X, y, epochs=2)
    net.save(tmp_path / "net.safetensors")
    net.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    loaded = cnn.load(tmp_path / "net.safetensors")
    assert loaded.embeddings_.keys() == {1, 2}
    resumed = cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors")
    for other in (loaded, resumed, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.predict(X).tobytes() == net.predict(X).tobytes()
        assert is_held(other)
    for other in (resumed, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.fit(X, y, epochs=2, warm_start=True)
        assert other.predict(X).tobytes() == whole.predict(X).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_trains_the_same_bits(dtype, rng):
    X, y = table(rng, 900)
    bits = set()
    for threads in (1, 2, 3):
        layers = [cnn.Dense(200, "relu"), cnn.Dense(100, "relu"), cnn.Dense(1)]
        net = network(layers=layers, optimizer="adam", dtype=dtype, n_threads=threads, clip_norm=1.0, l2=1e-4)
        bits.add(small.bits(net.fit(X, y, epochs=2, batch_size=300)))
    assert len(bits) == 1


def test_another_fit_learns_other_categories(rng):
    X, y = table(rng)
    net = network().fit(X, y, epochs=1)
    X = [[x, "violet" if colour == "red" else "cyan", size] for x, colour, size in X]
    net.fit(X, y, epochs=1)
    assert net.embeddings_[1].shape == (2, 3)
    assert len(net.layers) == 3
    assert network().fit(X, y, epochs=1).predict(X).tobytes() == net.predict(X).tobytes()


def test_gradients_are_zero_for_what_is_held_and_those_of_differences_else(rng):
    X, y = table(rng)
    net = network(standardize=True, l2=0.01).fit(X, y, epochs=2)
    gradient = net.gradients(X, y)["layers"][0]["weight"]
    W = net.get_weights()[0][0]
    free = np.zeros(W.shape, bool)
    free[1:6, 1:4] = free[6:, 4:] = True
    assert not gradient[~free].any()
    for i, j in ((1, 1), (5, 3), (8, 6)):
        losses = []
        for h in (1e-5, -1e-5):
            moved = copy.deepcopy(net)
            weights = moved.get_weights()
            weights[0][0][i, j] += h
            moved.set_weights(weights)
            losses.append(moved.loss(X, y) + 0.005 * weights[0][0][i, j] ** 2)
        assert gradient[i, j] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def test_diagnose_and_validation_take_them(rng):
    X, y = table(rng)
    net = network(standardize=True)
    net.diagnose(X, y)
    with pytest.raises(cnn.NotFittedError):
        net.predict(X)
    assert len(net.layers) == 2
    net.fit(X, y, epochs=2, validation_data=(X, y))
    net.diagnose(X, y)
    assert net.history["val_loss"][-1] == pytest.approx(net.loss(X, y), rel=1e-9)
    assert "       9" in str(net.summary())


def test_columns_of_every_kind(rng):
    only = [["ab"[i % 2], "cde"[i % 3]] for i in range(30)]
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features=[0, 1], embeddings="auto", seed=0)
    net.fit(only, np.arange(30.0), epochs=1)
    assert {column: vectors.shape for column, vectors in net.embeddings_.items()} == {0: (2, 2), 1: (3, 3)}
    X, y = table(rng)
    X[3][0] = None
    rare = network(embeddings={2: 4}, min_frequency=15).fit(X, y, epochs=1)
    n_colours = rare.encoder_.columns_[1].width
    assert rare.layers[0].blocks == ((2, 0), (n_colours, 0), (rare.encoder_.columns_[2].width, 4))
    assert list(rare.embeddings_) == [2]
    assert is_held(rare)


def test_auto_widths():
    from compiled_nn.spec import embeddings

    assert [embeddings.width_for(n) for n in (1, 2, 10, 1000, 10**6)] == [2, 2, 6, 77, 600]


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ("large", ValueError, "The 'embeddings' parameter of Network must be 'auto', a width"),
        (0, ValueError, "'embeddings' parameter of Network must be an int >= 1. Got 0"),
        (2.5, TypeError, "'embeddings' parameter of Network must be an int >= 1. Got 2.5"),
        ({1: 0}, ValueError, "'embeddings' parameter of Network must be an int >= 1. Got 0"),
        ({1.5: 2}, TypeError, "The 'embeddings' parameter of Network must be"),
    ],
)
def test_refuses_other_widths(wanted, error, message):
    with pytest.raises(error, match=message):
        network(embeddings=wanted)


def test_refuses_columns_without_categories(rng):
    X, y = table(rng)
    net = network(embeddings={0: 2})
    with pytest.raises(ValueError, match="embeddings contains 0, which is not a categorical column of X"):
        net.fit(X, y)
    with pytest.raises(cnn.NotFittedError):
        net.predict(X)
    with pytest.raises(ValueError, match="embeddings is given, but categorical_features is not"):
        cnn.Network([cnn.Dense(1)], loss="mse", embeddings=3)
    with pytest.raises(AttributeError, match="has no embeddings_"):
        small.fitted().embeddings_  # noqa: B018
    with pytest.raises(ValueError, match=r"layers\[1\] has blocks, which are allowed in the first layer"):
        cnn.Network([cnn.Dense(3), cnn.Dense(2, bias=False, blocks=((3, 2),)), cnn.Dense(1)], loss="mse")
    with pytest.raises(ValueError, match="blocks have 2 columns in total; the layer has 4 units"):
        cnn.Dense(4, bias=False, blocks=((3, 2),))
    with pytest.raises(ValueError, match="A layer with blocks must be linear"):
        cnn.Dense(2, "relu", bias=False, blocks=((3, 2),))
    with pytest.raises(ValueError, match="The last layer has blocks"):
        cnn.Network([cnn.Dense(2, bias=False, blocks=((3, 2),))], loss="mse")


def test_its_layer_makes_another_network_of_encoded_columns(rng):
    X, y = table(rng)
    net = network().fit(X, y, epochs=2)
    encoded = net.encoder_.transform(X).toarray()
    other = cnn.Network(net.layers, loss="mse", dtype="float64", seed=1)
    other.set_weights(net.get_weights())
    assert other.predict(encoded).tobytes() == net.predict(X).tobytes()
    assert is_held(other.fit(encoded, y, epochs=1, warm_start=True))
    with pytest.raises(ValueError, match="The embedding layer needs 9 columns; the encoded X has 8"):
        cnn.Network(net.layers, loss="mse").fit(encoded[:, 1:], y)


def test_weights_that_are_held_cannot_be_set(rng):
    X, y = table(rng)
    net = network().fit(X, y, epochs=2)
    weights = net.get_weights()
    weights[0] = (weights[0][0] + 1, None)
    net.set_weights(weights)
    assert is_held(net)
    assert np.array_equal(net.embeddings_[2], weights[0][0][6:, 4:])
