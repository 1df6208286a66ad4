"""Proximal steps: exact zeros, the minimum of loss + l1 sum |W| with every optimizer, the same bits for any threads."""

import networks
import numpy as np
import pytest

from cnn_core.hyperparameters import OPTIMIZERS
from cnn_core.stack import Objective, Stack

SIGNS = ("lion", "rprop")  # their steps do not depend on the size of the gradient
L1 = 0.3
RATES = {"adadelta": 1.0, "adagrad": 0.3}


def lasso(X, y, l1, passes=3000):
    """Return the w that minimises mean((X w - y)^2) / 2 + l1 sum |w|, by coordinate descent."""
    w, squares = np.zeros(X.shape[1]), (X**2).mean(axis=0)
    for _ in range(passes):
        for j in range(len(w)):
            gradient = (X[:, j] * (y - X @ w + X[:, j] * w[j])).mean()
            w[j] = np.sign(gradient) * max(abs(gradient) - l1, 0) / squares[j]
    return w


def problem(rng, dtype="float64"):
    X = rng.normal(size=(60, 12))
    X[:, 4] += X[:, 0]
    y = X @ [3, -2, 1, 0.5, 0.3, 0, 0, 0, 0, 0, 0, 0.1] + 0.3 * rng.normal(size=60)
    return X.astype(dtype), y.astype(dtype)[:, None]


@pytest.mark.parametrize("units_major", [True, False])
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in SIGNS])
def test_minimum_is_that_of_the_lasso(rng, name, units_major):
    X, y = problem(rng)
    expected = lasso(X, y[:, 0], L1)
    assert 3 <= (expected == 0).sum() <= 9
    stack = Stack((12, 1), ("identity",), (False,), "float64", units_major=units_major)
    stack.views()[0][0][...] = rng.normal(size=(12, 1))
    decay = {"weight_decay": 0.0} if name == "adamw" else {}
    stack.set_optimizer(name, **decay)
    stack.set_update(proximal=True)
    n, rate = 6000, RATES.get(name, 0.01)
    # A falling rate ends the oscillations of the methods that normalise the gradient.
    rates = rate * np.minimum(1, 4 * (1 - np.arange(n) / n)) ** 2
    objective = Objective("squared_error", l1=L1)
    _, penalties = stack.train_epochs(X, y, objective, None, rates, epochs=n, batch_size=60)
    w = stack.views()[0][0][:, 0]
    assert penalties[-1] == pytest.approx(L1 * np.abs(w).sum(), rel=1e-12)
    assert np.array_equal(w == 0, expected == 0)
    assert not np.signbit(w[w == 0]).any()
    assert (
        np.abs(w - expected).max() < 2e-3
    )  # adagrad and adadelta end that far from the minimum; the others nearer


@pytest.mark.parametrize("name", SIGNS)
def test_optimizers_of_signs_are_refused(rng, name):
    X, y = problem(rng)
    stack = Stack((12, 1), ("identity",), dtype="float64")
    stack.set_optimizer(name)
    stack.set_update(proximal=True)
    with pytest.raises(ValueError, match=f"{name} uses only its sign"):
        stack.train(X, y, Objective("squared_error", l1=L1), None, np.ones(1), batch_size=60)
    stack.train(X, y, Objective("squared_error"), None, np.ones(1), batch_size=60)


def test_one_step_of_sgd_by_hand(rng, dtype, n_threads):
    X, y = problem(rng, dtype)
    stack = Stack((12, 20, 1), ("tanh", "identity"), dtype=dtype)
    for W, b in stack.views():
        W[...], b[...] = rng.normal(size=W.shape), rng.normal(size=b.shape)
    before = networks.widened(stack.views())
    stack.gradient(X, y, Objective("mse", l2=0.2))
    gradient = networks.widened(stack.views(stack.gradients))
    stack.set_optimizer("sgd")
    stack.set_update(proximal=True, factors=[1.0, 0.5])
    objective = Objective("mse", l1=9.0, l2=0.2, n_threads=n_threads)
    stack.train(X, y, objective, None, np.array([0.1]), batch_size=60)
    for rate, (W, b), (g, gb), (got, got_b) in zip((0.1, 0.05), before, gradient, stack.views(), strict=True):
        moved = W - rate * g
        expected = np.sign(moved) * np.maximum(np.abs(moved) - 9.0 * rate, 0)
        tolerance = 1e-12 if dtype == "float64" else 1e-5  # a rounding of the gradient
        assert np.abs(got - expected).max() < tolerance * np.abs(W).max()
        assert (got == 0).any()
        assert np.allclose(got_b, b - rate * gb, rtol=tolerance, atol=tolerance)  # biases are not penalised


def test_penalty_per_row_weights_and_frozen_layers(rng):
    X, y = problem(rng)
    weights = rng.uniform(0, 2, 60)
    results = []
    for per_row, l1 in ((True, 30.0), (False, 30.0 / weights.sum())):
        stack = Stack((12, 20, 1), ("tanh", "identity"), dtype="float64")
        for W, _ in stack.views():
            W[...] = np.random.default_rng(1).normal(size=W.shape)
        frozen = stack.views()[0][0].copy()
        stack.set_optimizer("adam")
        stack.set_update(proximal=True, factors=[0.0, 1.0])
        objective = Objective("mse", l1=l1, penalty_per_row=per_row, weights=weights)
        value = stack.train_epochs(X, y, objective, None, np.full(200, 0.01), epochs=200, batch_size=60)
        assert np.array_equal(stack.views()[0][0], frozen)
        assert 0 < (stack.views()[1][0] == 0).sum() < 20
        results.append([*value, stack.parameters.copy()])
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "centered_rmsprop", "adadelta"])
def test_any_number_of_threads_gives_the_same_bits(rng, dtype, name):
    X, y = rng.normal(size=(400, 300)).astype(dtype), rng.normal(size=(400, 10)).astype(dtype)
    results = []
    for threads in (1, 2, 3):
        stack = Stack((300, 130, 10), ("relu", "identity"), dtype=dtype)
        for W, _ in stack.views():
            W[...] = np.random.default_rng(1).normal(size=W.shape) / 20
        stack.set_optimizer(name)
        stack.set_update(proximal=True, clip_norm=1.0, ema=0.9)
        objective = Objective("mse", l1=0.01, n_threads=threads)
        stack.train_epochs(X, y, objective, None, np.full(20, 0.01), epochs=5, batch_size=100)
        results.append((stack.parameters.tobytes(), stack.average.tobytes()))
        assert (stack.views()[0][0] == 0).any()
    assert results[0] == results[1] == results[2]


def test_weights_held_by_a_mask_are_not_penalised(rng):
    X, y = problem(rng)
    stack = Stack((12, 5), ("identity",), (False,), "float64")
    mask = np.zeros((12, 5), bool)
    mask[:6, :3] = True
    frozen = np.where(mask, 0, np.eye(12, 5))
    stack.set_optimizer("sgd")
    stack.set_mask(mask, frozen)
    stack.set_update(proximal=True)
    stack.train(X, np.repeat(y, 5, axis=1), Objective("mse", l1=5.0), None, np.full(6, 0.01), batch_size=10)
    assert np.array_equal(stack.views()[0][0][~mask], frozen[~mask])
