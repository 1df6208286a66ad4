"""Losses and their gradients from logits: tables, huge logits, encodings of the target, penalties.

A network of zero weights gives its biases as logits; its bias gradient is then the gradient with respect to
the logits.
"""

import math

import networks
import numpy as np
import pytest
import reference
from float_flags import flags_raised, needs_fenv

from cnn_core.stack import Objective, Stack

LOGITS = np.concatenate(
    [np.linspace(-50, 50, 201), [-1e4, -1e3, -745.2, -709.8, -104, -88.8, 0, 88.8, 104, 709.8, 1e3, 1e4]]
)


def loss_and_gradient(loss, z, y, dtype, n_threads=1):
    """(loss, dloss/dz) of one row of logits z (n,)."""
    stack = Stack((1, len(z)), (networks.LINKS[loss],), dtype=dtype)
    stack.views()[0][1][...] = z
    x = np.zeros((1, 1), dtype)
    value, penalty = stack.gradient(x, y, Objective(loss, n_threads=n_threads))
    assert penalty == 0
    assert np.array_equal(stack.loss(x, y, Objective(loss)), (value, 0), equal_nan=True)
    return value, stack.views(stack.gradients)[0][1].copy()


def logit_rows(z, dtype, activation="identity"):
    """A stack and inputs whose logits are the rows of z (m, n), through an identity matrix; z must be
    finite."""
    stack = Stack((z.shape[1], z.shape[1]), (activation,), dtype=dtype)
    stack.views()[0][0][...] = np.eye(z.shape[1])
    return stack, z.astype(dtype)


@pytest.mark.parametrize("target", [0.0, 0.25, 0.5, 1.0])
def test_binary_cross_entropy_table(dtype, target):
    eps = networks.EPS[dtype]
    for z in LOGITS.astype(dtype):
        value, dz = loss_and_gradient("binary_cross_entropy", z[None], np.array([[target]], dtype), dtype)
        wide = np.array([[z]], np.longdouble)
        expected = reference.binary_cross_entropy(wide, target)
        assert abs(value - expected) <= 8 * eps * expected + np.finfo(dtype).tiny, z
        assert abs(dz[0] - reference.binary_cross_entropy_gradient(wide, target)[0, 0]) <= 4 * eps, z


@pytest.mark.parametrize("n", [2, 3, 10, 16, 21, 100])
def test_softmax_cross_entropy_table(rng, dtype, n):
    eps = networks.EPS[dtype]
    for spread in (0.01, 1, 20, 300, 1e4):
        z = (rng.standard_normal(n) * spread).astype(dtype)
        for label in {0, n - 1, int(z.argmax()), int(z.argmin())}:
            y = np.array([label])
            value, dz = loss_and_gradient("softmax_cross_entropy", z, y, dtype)
            wide = z[None].astype(np.longdouble)
            expected = reference.softmax_cross_entropy(wide, y)
            size = max(1, float(np.abs(z).max()), float(expected))
            assert abs(value - expected) <= 4 * eps * size, (spread, label)
            # Rounding z - max(z) moves a probability p by p |z - max(z)| / 2 units, at most 0.4 of them.
            assert np.abs(dz - reference.softmax_cross_entropy_gradient(wide, y)[0]).max() <= 5 * eps


@pytest.mark.parametrize("n", [1, 5, 16, 33])
def test_mse_table(rng, dtype, n):
    z, y = rng.standard_normal(n).astype(dtype), rng.standard_normal((1, n)).astype(dtype)
    value, dz = loss_and_gradient("mse", z, y, dtype)
    error = z.astype(float) - y[0]
    assert value == pytest.approx(np.sum(error**2), rel=8 * networks.EPS[dtype])
    assert np.abs(dz - 2 * error).max() <= 4 * networks.EPS[dtype] * np.abs(error).max()


# -- by hand ---------------------------------------------------------------------------------------


def test_zero_logits_give_ln_2_to_the_last_digit():
    value, dz = loss_and_gradient("binary_cross_entropy", np.zeros(1), np.ones((1, 1)), "float64")
    assert value == math.log(2)
    assert dz[0] == -0.5
    value, dz = loss_and_gradient("softmax_cross_entropy", np.zeros(2), np.array([1]), "float64")
    assert value == math.log(2)
    assert dz.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("m", [2, 3, 7, 64, 1000])
def test_zero_logits_of_any_batch_give_ln_n(dtype, n_threads, m):
    eps = networks.EPS[dtype]
    for n in (2, 10, 19):
        stack = Stack((5, n), ("softmax",), dtype=dtype)
        value, _ = stack.loss(
            np.ones((m, 5), dtype), np.arange(m) % n, Objective("softmax_cross_entropy", n_threads=n_threads)
        )
        assert value == pytest.approx(math.log(n), rel=4 * eps)
        stack = Stack((5, n), ("sigmoid",), dtype=dtype)
        value, _ = stack.loss(
            np.ones((m, 5), dtype),
            np.ones((m, n), dtype),
            Objective("binary_cross_entropy", n_threads=n_threads),
        )
        assert value == pytest.approx(n * math.log(2), rel=4 * eps)  # a sum over the outputs


def test_mse_sums_outputs_and_means_rows(dtype):
    stack, X = logit_rows(np.array([[1.0, 2.0], [0.0, 3.0]]), dtype)
    value, _ = stack.gradient(X, np.zeros((2, 2), dtype), Objective("mse"))
    assert value == (1 + 4 + 9) / 2
    assert stack.views(stack.gradients)[0][1].tolist() == [1, 5]  # 2 (z - y) / m, summed over the rows


@pytest.mark.parametrize("loss", networks.LOSSES)
def test_a_batch_is_the_mean_of_its_rows(rng, dtype, n_threads, loss):
    case = networks.draw(rng, (6, 9, 4), loss=loss, m=300, dtype=dtype)
    value, _ = case.stack.gradient(case.X, case.y, Objective(loss, n_threads=n_threads))
    gradients = networks.widened(case.stack.views(case.stack.gradients))
    single = [case.stack.loss(case.X[i : i + 1], case.y[i : i + 1], Objective(loss))[0] for i in range(300)]
    eps = networks.EPS[dtype]
    assert value == pytest.approx(np.mean(single), rel=16 * eps)
    twice, _ = case.stack.gradient(
        np.tile(case.X, (2, 1)), np.concatenate([case.y, case.y]), Objective(loss, n_threads=n_threads)
    )
    assert twice == pytest.approx(value, rel=16 * eps)
    again = networks.widened(case.stack.views(case.stack.gradients))
    assert networks.relative_error(again, gradients) <= 64 * eps


# -- huge logits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", networks.LOSSES)
@pytest.mark.parametrize("size", [1e4, 1e15, 1e30])
def test_huge_logits_have_a_finite_loss(dtype, loss, size):
    for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
        for hot in (0, 1):
            z, y = np.array(signs) * size, np.eye(2, dtype=dtype)[hot : hot + 1]
            value, dz = loss_and_gradient(loss, z, y, dtype)
            expected = reference.LOSSES[loss][0](z[None].astype(dtype).astype(float), y.astype(float))
            assert math.isfinite(value)
            assert value == pytest.approx(expected, rel=1e-6)
            assert np.isfinite(dz).all()


def test_a_perfect_saturated_prediction_costs_nothing(dtype):
    for size in (120.0, 1e4, 1e30):
        limit = max(math.exp(-120), float(np.finfo(dtype).tiny))  # what is smaller may be lost
        for z, y in ((size, 1), (-size, 0)):
            value, dz = loss_and_gradient(
                "binary_cross_entropy", np.array([z]), np.array([[y]], dtype), dtype
            )
            assert 0 <= value <= limit
            assert abs(dz[0]) <= limit
        value, dz = loss_and_gradient(
            "softmax_cross_entropy", np.array([-size, size, -size]), np.array([1]), dtype
        )
        assert 0 <= value <= limit
        assert np.abs(dz).max() <= limit


@pytest.mark.parametrize("loss", networks.LOSSES)
def test_nan_is_not_swallowed(dtype, loss):
    y = np.eye(3, dtype=dtype)[:1]
    for place in range(3):
        z = np.zeros(3)
        z[place] = np.nan
        value, dz = loss_and_gradient(loss, z, y, dtype)
        assert math.isnan(value)
        assert np.isnan(dz[place])


@needs_fenv
@pytest.mark.parametrize("loss", networks.LOSSES)
def test_no_flag_is_raised(dtype, loss):
    largest = 1e15 if loss == "mse" else 1e30  # the square must fit into float32
    sizes = np.concatenate(
        [np.linspace(0, 150, 301), np.linspace(700, 1e4, 100), np.geomspace(1e4, largest, 200)]
    )
    z = np.concatenate([sizes, -sizes])
    stack = Stack((1, len(z)), (networks.LINKS[loss],), dtype=dtype)
    stack.views()[0][1][...] = z
    x, y = np.zeros((1, 1), dtype), (np.arange(len(z)) % 3 == 0).astype(dtype)[None]
    if loss == "softmax_cross_entropy":
        y = np.array([5])
    assert flags_raised(lambda: stack.gradient(x, y, Objective(loss))) == 0
    assert flags_raised(lambda: stack.loss(x, y, Objective(loss))) == 0


# -- targets ---------------------------------------------------------------------------------------


def test_three_encodings_of_a_class_give_one_loss(rng, dtype, n_threads):
    for n in (2, 10, 17):
        case = networks.draw(rng, (5, 8, n), m=50, dtype=dtype)
        one_hot = np.eye(n, dtype=dtype)[case.y]
        by_index = case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
        gradients = case.stack.gradients.copy()
        by_row = case.stack.gradient(case.X, one_hot, Objective(case.loss, n_threads=n_threads))
        eps = networks.EPS[dtype]
        assert by_row == pytest.approx(by_index, rel=8 * eps)
        assert np.abs(case.stack.gradients - gradients).max() <= 8 * eps * np.abs(gradients).max()
        soft = rng.dirichlet(np.ones(n), 50).astype(dtype)
        expected, _, expected_gradient = reference.gradient(
            case.network, case.activations, case.wide[0], soft.astype(float), case.loss
        )
        value, _ = case.stack.gradient(case.X, soft, Objective(case.loss, n_threads=n_threads))
        assert value == pytest.approx(expected, rel=64 * eps)
        assert networks.relative_error(case.stack.views(case.stack.gradients), expected_gradient) <= 256 * eps


def test_binary_cross_entropy_equals_softmax_of_two(rng, dtype):
    z = rng.uniform(-20, 20, 40)
    for value in z:
        for label in (0, 1):
            one, _ = loss_and_gradient(
                "binary_cross_entropy", np.array([value]), np.array([[label]], dtype), dtype
            )
            two, _ = loss_and_gradient(
                "softmax_cross_entropy", np.array([0, value]), np.array([label]), dtype
            )
            assert one == pytest.approx(
                two, rel=1e-5 if dtype == "float32" else 1e-13, abs=4 * networks.EPS[dtype]
            )


# -- penalties -------------------------------------------------------------------------------------


def test_the_penalty_is_apart_and_spares_the_biases(rng, dtype, n_threads):
    case = networks.draw(rng, (7, 5, 3), m=20, dtype=dtype)
    plain, nothing = case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
    assert nothing == 0
    biases = [b.copy() for _, b in case.stack.views(case.stack.gradients)]
    for l1, l2 in ((0.0, 0.3), (0.2, 0.0), (0.2, 0.3)):
        value, extra = case.stack.gradient(
            case.X, case.y, Objective(case.loss, l1=l1, l2=l2, n_threads=n_threads)
        )
        assert value == plain
        assert extra == pytest.approx(reference.penalty(case.network, l1, l2), rel=16 * networks.EPS[dtype])
        assert case.stack.loss(case.X, case.y, Objective(case.loss, l1=l1, l2=l2)) == (value, extra)
        for (_, db), before in zip(case.stack.views(case.stack.gradients), biases, strict=True):
            assert np.array_equal(db, before)


def test_the_gradient_of_l1_at_zero_is_zero(dtype):
    stack = Stack((3, 2), ("identity",), dtype=dtype)
    W, _ = stack.views()[0]
    W[...] = [[0, 2], [-0.0, -3], [1e-3, 0]]
    stack.gradient(np.zeros((4, 3), dtype), np.zeros((4, 2), dtype), Objective("mse", l1=0.5))
    dW, _ = stack.views(stack.gradients)[0]
    assert dW.tolist() == [[0, 0.5], [0, -0.5], [0.5, 0]]
