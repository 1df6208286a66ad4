"""Full-batch descent in the span of the rows is the direct descent, to rounding."""

import _thread
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest

import cnn_core.gram
from cnn_core.stack import Objective, Stack


def wide(m, k, dtype, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((m, k)).astype(dtype)
    return X, rng.integers(0, 2, m)


def network(dtype="float64", **options):
    options = {"optimizer": cnn.SGD(0.01), "seed": 3, **options}
    layers = [cnn.Dense(4, "relu"), cnn.Dense(3, "relu"), cnn.Dense(1)]
    return cnn.Network(layers, loss="binary_cross_entropy", dtype=dtype, **options)


def largest_difference(net, other):
    return max(
        np.abs(mine - theirs).max()
        for pairs in zip(net.get_weights(), other.get_weights(), strict=True)
        for mine, theirs in zip(*pairs, strict=True)
    )


@pytest.mark.parametrize("m", [1, 2, 15, 16, 17, 33, 64, 65, 129, 200])
@pytest.mark.parametrize("k", [5, 1024, 1025, 2500])
def test_gram_matrix(m, k, dtype, n_threads):
    X, _ = wide(m, k, dtype)
    home = Stack((k, 3), ("identity",), dtype=dtype)
    home.set_optimizer("sgd")
    gram = cnn_core.gram.make_gram_stack(home, X, n_threads=n_threads).gram
    exact = X.astype(float) @ X.astype(float).T
    assert gram.shape == (m, m)
    assert np.array_equal(gram, gram.T)
    assert np.abs(gram - exact).max() <= 40 * np.finfo(dtype).eps * exact.max()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("m", [3, 40, 150])
def test_the_same_losses_and_weights_as_direct_descent(m, momentum):
    X, y = wide(m, 700, "float64")
    fits = [
        network(optimizer=cnn.SGD(0.002, momentum=momentum)).fit(
            X, y, epochs=60, batch_size="full", gram=gram
        )
        for gram in (True, False)
    ]
    losses = [np.array(net.history["loss"]) for net in fits]
    assert losses[0].shape == (60,)
    assert np.abs(losses[0] - losses[1]).max() <= 1e-12
    assert largest_difference(*fits) <= 1e-12
    if momentum:  # the folded momenta carry on a direct descent
        for net in fits:
            net.fit(X, y, epochs=5, batch_size="full", warm_start=True)
        assert largest_difference(*fits) <= 1e-12


def test_float32_and_scaled_bytes():
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, 256, (50, 20, 15, 3)).astype(np.uint8), rng.integers(0, 2, 50)
    fits = [
        network("float32", input_scale=1 / 255).fit(X, y, epochs=100, batch_size="full", gram=gram)
        for gram in (True, False)
    ]
    assert np.allclose(*(net.history["loss"] for net in fits), atol=2e-6, rtol=0)
    assert largest_difference(*fits) <= 1e-5


def test_bits_do_not_depend_on_the_number_of_threads(dtype):
    X, y = wide(130, 1500, dtype)
    nets = [network(dtype, n_threads=n).fit(X, y, epochs=20, batch_size="full", gram=True) for n in (1, 2, 3)]
    for net in nets[1:]:
        assert largest_difference(nets[0], net) == 0
        assert net.history["loss"] == nets[0].history["loss"]


def test_chosen_by_itself_where_it_pays(monkeypatch):
    entered = []
    make = cnn_core.gram.make_gram_stack
    monkeypatch.setattr(
        cnn_core.gram, "make_gram_stack", lambda *args, **options: entered.append(1) or make(*args, **options)
    )
    X, y = wide(50, 2000, "float32")
    cases = [
        (1, {"epochs": 500, "batch_size": "full"}),
        (0, {"epochs": 2, "batch_size": "full"}),  # X X^T would not be repaid
        (0, {"epochs": 500, "batch_size": "full", "gram": False}),
        (0, {"epochs": 5, "batch_size": 10}),
        (0, {"epochs": 5, "batch_size": "full", "validation_data": (X, y)}),
        (1, {"epochs": 2, "batch_size": "full", "gram": True}),
    ]
    for expected, options in cases:
        entered.clear()
        network("float32", optimizer=cnn.SGD(1e-4)).fit(X, y, **options)
        assert len(entered) == expected, options
    entered.clear()
    network("float32", optimizer="adam").fit(X, y, epochs=500, batch_size="full")
    network("float32", optimizer=cnn.SGD(1e-4), l2=0.1).fit(X, y, epochs=500, batch_size="full")
    network("float32", optimizer=cnn.SGD(1e-4)).fit(X.T[:50].T, y, epochs=500, batch_size="full")  # square
    assert not entered


@pytest.mark.parametrize(
    ("options", "fit", "reason"),
    [
        ({"optimizer": "adam"}, {}, "optimizer is Adam"),
        ({"l2": 0.1}, {}, "penalty"),
        ({"l1": 0.1}, {}, "penalty"),
        ({}, {"batch_size": 10}, "batch has 10 of the 30 rows"),
        ({}, {"callback": lambda *_: None}, "need the weights of every epoch"),
    ],
)
def test_refused_where_it_is_not_exact(options, fit, reason):
    X, y = wide(30, 100, "float64")
    with pytest.raises(ValueError, match=f"gram=True needs full-batch SGD.*{reason}"):
        network(**options).fit(X, y, **{"batch_size": "full", "gram": True, **fit})


@pytest.mark.parametrize("gram", [1, None, "on"])
def test_bad_values_of_gram(gram):
    X, y = wide(30, 100, "float64")
    with pytest.raises((TypeError, ValueError), match="'gram' parameter of fit"):
        network().fit(X, y, batch_size="full", gram=gram)


def test_divergence_leaves_the_last_finite_weights():
    X, y = wide(20, 300, "float64")
    net = network(optimizer=cnn.SGD(lambda step: 1e-3 if step < 7 else 1e300))
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, y, epochs=50, batch_size="full", gram=True)
    good = network(optimizer=cnn.SGD(1e-3)).fit(X, y, epochs=7, batch_size="full", gram=True)
    assert len(net.history["loss"]) >= 7
    assert net.history["loss"][:7] == good.history["loss"]
    assert all(np.isfinite(W).all() and np.isfinite(b).all() for W, b in net.get_weights())


def test_an_interrupt_folds_what_was_trained():
    X, y = wide(300, 3000, "float64")
    net = network(optimizer=cnn.SGD(1e-4))
    start = time.perf_counter()
    network(optimizer=cnn.SGD(1e-4)).fit(X, y, epochs=1, batch_size="full", gram=True)
    threading.Timer(0.5 + 2 * (time.perf_counter() - start), _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, epochs=10_000_000, batch_size="full", gram=True)
    done = len(net.history["epoch"])
    assert done > 0
    assert net.loss(X, y) < net.history["loss"][0]


def test_refuses_a_stack_out_of_the_span():
    home = Stack((8, 3, 1), ("relu", "sigmoid"))
    X = np.ones((4, 8), np.float32)
    for name in (None, "adam", "adamw"):
        if name:
            home.set_optimizer(name)
        with pytest.raises(ValueError, match=f"optimizer is {name!r}"):
            cnn_core.gram.make_gram_stack(home, X)
    home.set_optimizer("momentum")
    home.moments[0][0] = 1
    with pytest.raises(ValueError, match="not linear combinations of the rows"):
        cnn_core.gram.make_gram_stack(home, X)


def test_refuses_what_is_not_descent_on_the_gram():
    X = np.random.default_rng(0).random((20, 300))
    home = Stack((300, 3, 1), ("relu", "sigmoid"), dtype="float64")
    home.set_optimizer("sgd")
    inner = cnn_core.gram.make_gram_stack(home, X)
    y, rates = np.zeros((20, 1)), np.array([0.1])

    def train(gram, order=None, batch_size=20, rates=rates):
        return inner.train(gram, y, Objective("binary_cross_entropy"), order, rates, batch_size=batch_size)

    for gram in (inner.gram.astype(np.float32), inner.gram.T[::-1].copy().T, X[:, :20].astype(np.uint8)):
        with pytest.raises(ValueError, match="must be the Gram matrix"):
            train(gram)
    with pytest.raises(ValueError, match="batch_size the number of rows"):
        train(inner.gram, batch_size=10, rates=np.array([0.1, 0.1]))
    with pytest.raises(ValueError, match="order must be None"):
        train(inner.gram, order=np.arange(20))
    train(inner.gram)
    inner.write_back()
    with pytest.raises(ValueError, match="called before"):
        inner.write_back()
