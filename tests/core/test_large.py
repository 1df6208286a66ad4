"""Layers whose products are computed by blocks: W of more than 1 MiB."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.stack import Objective

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
SHAPES = [(12, 515, 531, 5), (1100, 261, 3), (9, 519, 515)]
# Rows that are multiplied by W in place (one, some, the most) and by panels, several blocks of rows, and a batch that
# is polled.
ROWS = [1, 17, 64, 65, 1100]


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize("m", ROWS)
def test_gradient_equals_the_reference(rng, dtype, n_threads, sizes, m):
    case = networks.draw(rng, sizes, "tanh", "softmax_cross_entropy", m=m, dtype=dtype)
    expected, extra, gradients = case.oracle_gradient(l2=0.1)
    value = sum(case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads, l2=0.1)))
    assert value == pytest.approx(expected + extra, rel=TOLERANCE[dtype])
    got = networks.widened(case.stack.views(case.stack.gradients))
    assert networks.relative_error(got, gradients) < TOLERANCE[dtype]


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [20, 90])
def test_training_equals_the_reference(rng, dtype, n_threads, name, batch_size):
    case = networks.draw(rng, SHAPES[0], "tanh", "softmax_cross_entropy", m=110, dtype=dtype)
    order, rates = rng.permutation(110), np.full(-(-110 // batch_size), 0.001)
    hyper = networks.SMOOTH_HYPER[name]
    case.stack.set_optimizer(name, **hyper)
    case.stack.train(
        case.X, case.y, Objective(case.loss, n_threads=n_threads), order, rates, batch_size=batch_size
    )
    expected, *_ = reference.train(
        case.network,
        case.activations,
        *case.wide,
        case.loss,
        reference.OPTIMIZERS[name](**hyper),
        order,
        rates,
        batch_size=batch_size,
    )
    got = networks.widened(case.stack.views())
    assert networks.relative_error(got, expected) < 10 * TOLERANCE[dtype]


@pytest.mark.parametrize("m", ROWS)
def test_bits_are_independent_of_threads(rng, dtype, m):
    case = networks.draw(rng, SHAPES[0], "tanh", "mse", m=m, dtype=dtype)
    initial, results = case.stack.parameters.copy(), []
    for n_threads in (1, 2, 3):
        case.stack.parameters[...] = initial
        case.stack.set_optimizer("adam")
        objective = Objective(case.loss, n_threads=n_threads)
        case.stack.train(case.X, case.y, objective, np.arange(m), np.full(1, 0.01), batch_size=m)
        results.append(case.stack.parameters.copy())
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


@pytest.mark.parametrize("sizes", [(5003, 60, 2), (13, 521, 530)], ids=str)
def test_bits_of_panels_and_rows_that_are_not_whole(rng, dtype, sizes):
    """Panels of fewer than three vectors at the end, and a last block of few rows of W, for each thread."""
    case = networks.draw(rng, sizes, "relu", "mse", m=70, dtype=dtype)
    results = []
    for n_threads in (1, 2, 3):
        stack = networks.stack_of(case.network, case.activations, dtype)
        stack.set_optimizer("adam")
        objective = Objective(case.loss, n_threads=n_threads)
        stack.train(case.X, case.y, objective, np.arange(70)[::-1].copy(), np.full(2, 0.01), batch_size=35)
        results.append(stack.parameters.tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("sizes", SHAPES[1:], ids=str)
def test_panels_give_the_bits_of_weights_in_place(rng, dtype, sizes):
    case = networks.draw(rng, sizes, "tanh", "mse", m=130, dtype=dtype)
    outputs, _ = case.stack.record(case.X)
    for rows in (1, 3, 8, 9, 17, 64, 100):
        assert case.stack.forward(case.X[:rows]).tobytes() == outputs[:rows].tobytes()


def test_gradient_of_the_rows_of_a_tape(rng, dtype, n_threads):
    case = networks.draw(rng, SHAPES[2], "tanh", "mse", m=130, dtype=dtype)
    case.stack.gradient(case.X, case.y, Objective("mse", n_threads=1))
    outputs, tape = case.stack.record(case.X, n_threads=n_threads)
    d = reference.mse_gradient(outputs, case.y).astype(dtype)
    gradients, _ = case.stack.backward(tape, d, n_threads=n_threads)
    got, expected = case.stack.views(gradients), case.stack.views(case.stack.gradients)
    assert networks.relative_error(networks.widened(got), networks.widened(expected)) < TOLERANCE[dtype]
