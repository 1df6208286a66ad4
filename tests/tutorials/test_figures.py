"""The tutorials' networks on the tutorials' data: figures that plain NumPy reaches from the same initial weights.

The data are looked for in the folder that the environment variable COMPILED_NN_DATA names, or in ../shared/data
beside the sources; Fashion-MNIST where `load_fashion_mnist` finds it. What is not there is skipped. Initial weights
are draws of `RandomState(seed)`, layer by layer; X is divided by 255.
"""

import os
from itertools import pairwise
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import functional as F  # noqa: N812
from compiled_nn.tutorials import NeuralNet, NNClassifier

DATA = Path(os.environ.get("COMPILED_NN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def folder(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"no folder {name} in the data; COMPILED_NN_DATA names where it lies")
    return DATA / name


def start(sizes, seed, scale):
    """W1, b1, ... with normal draws times scale(inputs)."""
    random = np.random.RandomState(seed)
    params = {}
    for i, (k, n) in enumerate(pairwise(sizes), 1):
        params |= {f"W{i}": random.randn(n, k) * scale(k), f"b{i}": np.zeros((n, 1))}
    return params


def he(k):
    return np.sqrt(2 / k)


def lecun(k):
    return 1 / np.sqrt(k)


# ---- cat or not, 12288-20-7-5-1


@pytest.fixture(scope="module")
def cats():
    h5py = pytest.importorskip("h5py")
    data = []
    for part in ("train", "test"):
        with h5py.File(folder("catvnoncat") / f"{part}_catvnoncat.h5") as file:
            X, y = file[f"{part}_set_x"][:], file[f"{part}_set_y"][:]
        data += [X.reshape(len(X), -1), y]
    assert [part.shape for part in data] == [(209, 12288), (209,), (50, 12288), (50,)]
    return data


@pytest.mark.parametrize("gram", ["auto", False])
def test_cats_through_a_network(cats, gram):
    X, y, X_test, y_test = cats
    params = start([12288, 20, 7, 5, 1], 1, lecun)
    net = cnn.Network.from_dict(params, optimizer=cnn.SGD(0.0075), input_scale=1 / 255)
    net.fit(X, y, epochs=2500 if gram else 501, batch_size="full", gram=gram)
    cost = net.history["loss"]
    assert cost[0] == pytest.approx(0.7717493284237686, abs=1e-9)
    assert cost[500] == pytest.approx(0.540138, abs=1e-6)
    if gram:
        assert [cost[1000], cost[1500], cost[2000]] == pytest.approx([0.315187, 0.161189, 0.113821], abs=1e-6)
        assert cost[2499] == pytest.approx(0.0884399, abs=1e-6)
        assert net.score(X, y) == 206 / 209
        assert net.score(X_test, y_test) == 40 / 50


def test_cats_through_the_functions(cats):
    X, y = cats[0].T / 255, cats[1][None]
    params = start([12288, 20, 7, 5, 1], 1, lecun)
    for step in range(101):
        AL, caches = F.L_model_forward(X, params)
        if step == 0:
            assert F.compute_cost(AL, y) == pytest.approx(0.7717493284237686, abs=1e-12)
        params = F.update_parameters(params, F.L_model_backward(AL, y, caches), 0.0075)
    net = cnn.Network.from_dict(start([12288, 20, 7, 5, 1], 1, lecun), optimizer=cnn.SGD(0.0075))
    net.fit(X.T, cats[1], epochs=101, batch_size="full")
    for name, W in net.to_dict().items():
        np.testing.assert_allclose(params[name], W, atol=1e-9)


# ---- beans, 30000-4-3-2-1


BEANS = [{"nodes": n, "activation": "relu"} for n in (4, 3, 2)] + [{"nodes": 1, "activation": "sigmoid"}]


@pytest.fixture(scope="module")
def beans():
    data = []
    for part in ("train", "validation"):
        with np.load(folder("beans") / f"beans_{part}_100x100.npz", allow_pickle=False) as file:
            data += [file["X"].reshape(len(file["X"]), -1), (file["y"] != 2).astype(int)]
    assert [part.shape for part in data] == [(1034, 30000), (1034,), (133, 30000), (133,)]
    return data


@pytest.mark.parametrize(
    ("seed", "costs"),
    [
        (0, [0.70264, 0.690507]),
        (1, [0.866498, 0.686125]),
        (2, [0.693289, 0.690313]),
        (3, [0.696396, 0.690304]),
        (4, [0.693147, 0.690321]),
        (29, [0.688229, 0.557236, 0.438669, 0.393526]),
    ],
)
def test_beans(beans, seed, costs):
    """relu' is 0 at 0; seeds 2, 3 and 4 have units that are 0 for every picture, for which that matters."""
    X, y, X_dev, y_dev = beans
    net = cnn.Network.from_dict(
        start([30000, 4, 3, 2, 1], seed, he), BEANS, optimizer=cnn.SGD(0.001), input_scale=1 / 255
    )
    net.fit(X, y, epochs=1000 if len(costs) > 2 else 101, batch_size="full")
    found = [net.history["loss"][epoch] for epoch in (0, 100, 500, 900)[: len(costs)]]
    assert found == pytest.approx(costs, abs=1e-5)
    if seed == 29:  # the accuracy jumps from step to step: 0.869 before the last one, 0.854 after it
        assert net.score(X, y) == pytest.approx(0.86, abs=0.015)
        assert net.score(X_dev, y_dev) == pytest.approx(0.84, abs=0.03)


def test_a_step_on_beans_through_the_functions(beans):
    X, Y = (beans[0].astype(np.float32) / 255).T, beans[1]
    params = start([30000, 4, 3, 2, 1], 29, he)
    grads = F.forward_prop(X, params, BEANS)
    assert [A.shape for A in grads.values()][:3] == [(30000, 1034), (4, 1034), (4, 1034)]
    assert F.compute_cost(Y, grads["A4"], 1034) == pytest.approx(0.688229, abs=1e-5)
    assert F.back_prop(X, Y, params, grads, BEANS)["W1"].shape == (4, 30000)


# ---- MNIST, 1 or 2, 784-196-1


@pytest.mark.slow
def test_mnist():
    digits = cnn.datasets.load_mnist(folder("mnist"))
    parts = []
    for X, y in ((digits.X_train, digits.y_train), (digits.X_test, digits.y_test)):
        chosen = (y == 1) | (y == 2)
        parts += [X[chosen].reshape(-1, 784).astype(np.float32) / 255, y[chosen]]
    X, y, X_test, y_test = parts
    assert (X.shape, X_test.shape) == ((12700, 784), (2167, 784))
    model = NeuralNet([196, 1], init=start([784, 196, 1], 42, lecun))
    model.fit(X, y, learning_rate=0.1, n_iterations=101)
    assert model.costs[0] == pytest.approx(0.756224, abs=1e-5)
    assert model.costs[100] == pytest.approx(0.153160, abs=1e-5)
    assert model.score(X, y) == pytest.approx(0.968346, abs=5e-4)
    assert model.score(X_test, y_test) == pytest.approx(0.966774, abs=1e-3)


# ---- Fashion-MNIST, 784-50-10


@pytest.fixture(scope="module")
def clothes():
    try:
        return cnn.datasets.load_fashion_mnist()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def fashion(clothes):
    X, X_test = (standardised(part.reshape(-1, 784)) for part in (clothes.X_train, clothes.X_test))
    return X, clothes.y_train, X_test, clothes.y_test


def standardised(X):
    """By its own mean and deviation, as in the tutorial."""
    X = X.astype(float)
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype("float32")


@pytest.mark.parametrize(
    ("seed", "epochs", "train", "test"),
    [
        (0, 1, 0.7315, 0.7269),
        (1, 1, 0.7309, 0.7236),
        (0, 10, 0.8380, 0.8243),
        pytest.param(0, 50, 0.8924, 0.8562, marks=pytest.mark.slow),
    ],
)
def test_fashion(fashion, seed, epochs, train, test):
    X, y, X_test, y_test = fashion
    random = np.random.RandomState(seed)
    init = {"W1": random.uniform(-1, 1, (50, 784)), "W2": random.uniform(-1, 1, (10, 50))}
    model = NNClassifier(
        10, 784, 50, l2=0.5, l1=0.0, epochs=epochs, learning_rate=0.001, n_batches=25, init=init
    )
    model.fit(X, y)
    assert model.score(X, y) == pytest.approx(train, abs=0.003)
    assert model.score(X_test, y_test) == pytest.approx(test, abs=0.003)


@pytest.mark.slow
def test_fashion_of_the_same_width_is_as_good_as_published(clothes):
    """0.8703 is published; the batches come in an order of their own, so a few epochs are enough."""
    layers = [cnn.Dense(50, "sigmoid"), cnn.Dense(10)]
    net = cnn.Network(layers, input_scale=clothes.input_scale, seed=0)
    net.fit(clothes.X_train, clothes.y_train, epochs=16, batch_size=128)
    assert net.score(clothes.X_test, clothes.y_test) >= 0.87
    raw = cnn.Network(layers, seed=0).fit(clothes.X_train, clothes.y_train, epochs=3, batch_size=128)
    assert raw.score(clothes.X_test, clothes.y_test) > 0.6  # published: 0.4983
