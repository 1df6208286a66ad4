"""Gradients: the oracle against central differences, the core against both."""

import itertools

import networks
import numpy as np
import pytest
import reference

from cnn_core.stack import Objective, Stack

# Against the oracle; central differences of order 4 are good to 1e-6.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
# Unequal widths on purpose: with equal ones a gradient taken from the wrong layer has the right shape.
SIZES = {1: (6, 4), 2: (6, 5, 3), 3: (7, 4, 6, 2), 4: (5, 7, 4, 6, 3)}
PENALTIES = [{"l1": 0.0, "l2": 0.0}, {"l1": 0.03, "l2": 0.2}]

matrix = pytest.mark.parametrize(
    ("loss", "hidden", "depth"), list(itertools.product(networks.LOSSES, networks.HIDDEN, SIZES))
)


def core_gradient(case, n_threads=1, **penalties):
    """(loss + penalty, [(dW, db), ...] in float64) of the stack."""
    value = sum(case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads, **penalties)))
    return value, networks.widened(case.stack.views(case.stack.gradients))


def oracle_differences(case, **penalties):
    X, y = case.wide

    def objective():
        value = reference.loss(case.network, case.activations, X, y, case.loss)
        return value + reference.penalty(case.network, **penalties)

    return reference.central_differences(objective, case.network)


def core_differences(case, **penalties):
    """Central differences of the stack's own loss: its float64 weights are moved through its views."""
    return reference.central_differences(
        lambda: sum(case.stack.loss(case.X, case.y, Objective(case.loss, **penalties))), case.stack.views()
    )


@matrix
@pytest.mark.parametrize("penalties", PENALTIES, ids=["plain", "penalties"])
def test_oracle_equals_central_differences(rng, loss, hidden, depth, penalties):
    case = networks.draw(rng, SIZES[depth], hidden, loss, m=4, smooth=True)
    _, _, gradients = case.oracle_gradient(**penalties)
    assert networks.relative_error(gradients, oracle_differences(case, **penalties)) < 1e-8


@matrix
@pytest.mark.parametrize("penalties", PENALTIES, ids=["plain", "penalties"])
def test_core_equals_central_differences(rng, loss, hidden, depth, penalties):
    case = networks.draw(rng, SIZES[depth], hidden, loss, m=4, smooth=True)
    before = case.stack.parameters.copy()
    differences = core_differences(case, **penalties)
    assert np.array_equal(case.stack.parameters, before)
    _, gradients = core_gradient(case, **penalties)
    assert networks.relative_error(gradients, differences) < 1e-6


@matrix
def test_core_equals_oracle(rng, dtype, n_threads, loss, hidden, depth):
    for biases, penalties in itertools.product(([True] * depth, [False] * depth), PENALTIES):
        case = networks.draw(rng, SIZES[depth], hidden, loss, m=8, dtype=dtype, biases=biases, smooth=True)
        expected, extra, expected_gradients = case.oracle_gradient(**penalties)
        value, gradients = core_gradient(case, n_threads, **penalties)
        assert value == pytest.approx(expected + extra, rel=TOLERANCE[dtype])
        assert networks.relative_error(gradients, expected_gradients) < TOLERANCE[dtype]


def test_two_hundred_drawn_networks(rng, dtype):
    """Depth, widths, rows, activations a layer, biases, loss, penalties and threads all drawn."""
    for number in range(200):
        depth = int(rng.integers(1, 5))
        sizes = tuple(int(n) for n in rng.integers(1, 9, depth + 1))
        loss = str(rng.choice(networks.LOSSES))
        if loss == "softmax_cross_entropy":
            sizes = (*sizes[:-1], sizes[-1] + 1)
        hidden = [str(name) for name in rng.choice(networks.HIDDEN, depth - 1)]
        biases = (rng.random(depth) < 0.7).tolist()
        m = int(rng.integers(1, 20))
        case = networks.draw(rng, sizes, hidden, loss, m=m, dtype=dtype, biases=biases, smooth=True)
        penalties = {"l1": float(rng.choice([0, 0.05])), "l2": float(rng.choice([0, 0.5]))}
        _, _, expected = case.oracle_gradient(**penalties)
        _, gradients = core_gradient(case, 1 + number % 2, **penalties)
        error = networks.relative_error(gradients, expected)
        assert error < 10 * TOLERANCE[dtype], (number, sizes, case.activations, biases, loss, m, penalties)
        if dtype == "float64" and number % 4 == 0:
            assert networks.relative_error(gradients, core_differences(case, **penalties)) < 1e-6, number


@pytest.mark.parametrize(
    ("sizes", "m"),
    [
        ((784, 128, 10), 128),
        ((300, 50, 10), 240),
        ((100, 130, 70, 3), 57),
        ((5000, 3, 1), 30),
        ((3, 400, 2), 100),
        ((33, 17, 31, 15, 1), 1),
        ((64, 300, 300, 10), 700),
    ],
)
@pytest.mark.parametrize("hidden", ["relu", "tanh"])
def test_large_networks_equal_the_oracle(rng, dtype, n_threads, sizes, m, hidden):
    loss = "binary_cross_entropy" if sizes[-1] < 3 else "softmax_cross_entropy"
    case = networks.draw(rng, sizes, hidden, loss, m=m, dtype=dtype)
    for penalties in PENALTIES:
        expected, extra, expected_gradients = case.oracle_gradient(**penalties)
        value, gradients = core_gradient(case, n_threads, **penalties)
        assert value == pytest.approx(expected + extra, rel=TOLERANCE[dtype])
        assert networks.relative_error(gradients, expected_gradients) < TOLERANCE[dtype]


def test_the_gradient_of_integers_is_exact(dtype, n_threads):
    """mse of integer networks: every sum is an integer far below 2**24, m a power of two, so no digit may
    differ."""
    rng = np.random.default_rng(5)
    for m, k, n in [
        (1, 1, 1),
        (2, 3, 5),
        (64, 17, 3),
        (128, 50, 33),
        (256, 9, 130),
        (512, 130, 1),
        (16, 129, 47),
    ]:
        network = [(rng.integers(-2, 3, (k, n)).astype(float), rng.integers(-2, 3, n).astype(float))]
        X, y = rng.integers(-2, 3, (m, k)).astype(float), rng.integers(-2, 3, (m, n)).astype(float)
        stack = networks.stack_of(network, ("identity",), dtype)
        expected, _, ((dW, db),) = reference.gradient(network, ("identity",), X, y, "mse")
        value, _ = stack.gradient(X, y.astype(dtype), Objective("mse", n_threads=n_threads))
        ((got_W, got_b),) = stack.views(stack.gradients)
        assert value == expected
        assert np.array_equal(got_W, dW), (m, k, n)
        assert np.array_equal(got_b, db), (m, k, n)


@pytest.mark.parametrize("n", [1, 5, 16])
def test_relu_has_derivative_zero_at_zero(dtype, n):
    """Hidden inputs of exactly 0, 1 and -1: the gradient passes the second only."""
    stack = Stack((1, 3 * n, 1), ("relu", "identity"), dtype=dtype)
    (_, b), (V, _) = stack.views()
    b[...], V[...] = np.repeat([0, 1, -1], n), 1
    stack.gradient(np.ones((4, 1), dtype), np.full((4, 1), 100, dtype), Objective("mse"))
    (dW, db), (dV, _) = stack.views(stack.gradients)
    slope = 2 * (n - 100)  # z = n, y = 100
    assert np.array_equal(db, np.repeat([0, slope, 0], n))
    assert np.array_equal(dW[0], db)
    assert np.array_equal(dV[:, 0], np.repeat([0, slope, 0], n))


def test_a_dead_layer_still_trains_what_follows(dtype):
    """All relu inputs negative: the layers before get a gradient of 0, the bias after gets the loss's own."""
    stack = Stack((3, 4, 2), ("relu", "softmax"), dtype=dtype)
    stack.views()[0][1][...] = -5
    stack.gradient(np.zeros((6, 3), dtype), np.array([0, 0, 0, 0, 0, 1]), Objective("softmax_cross_entropy"))
    (dW, db), (dV, dc) = stack.views(stack.gradients)
    assert not dW.any()
    assert not db.any()
    assert not dV.any()
    assert np.allclose(dc, [0.5 - 5 / 6, 0.5 - 1 / 6], atol=1e-6)


def test_gradients_do_not_accumulate_or_depend_on_the_call_before(rng, dtype, n_threads):
    case = networks.draw(rng, (20, 30, 10), m=100, dtype=dtype)
    case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
    first = case.stack.gradients.tobytes()
    case.stack.gradient(case.X[:3] * 7, case.y[:3], Objective(case.loss, l1=1.0, n_threads=n_threads))
    assert case.stack.gradients.tobytes() != first
    case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
    assert case.stack.gradients.tobytes() == first


@pytest.mark.parametrize("input_dtype", ["uint8", "int64", "float32", "float64"])
def test_scale_and_input_dtype_reach_the_gradient(rng, dtype, n_threads, input_dtype):
    raw = rng.integers(0, 256, (60, 20)).astype(input_dtype)
    case = networks.draw(rng, (20, 9, 10), "sigmoid", m=60, dtype=dtype)
    scaled = raw.astype(dtype) * np.dtype(dtype).type(1 / 255)
    expected = case.stack.gradient(scaled, case.y, Objective(case.loss))
    gradients = case.stack.gradients.copy()
    assert (
        case.stack.gradient(raw, case.y, Objective(case.loss, scale=1 / 255, n_threads=n_threads)) == expected
    )
    assert np.array_equal(case.stack.gradients, gradients)
    fortran = np.asfortranarray(raw)[::-1]
    assert (
        case.stack.gradient(fortran[::-1], case.y, Objective(case.loss, scale=1 / 255, n_threads=n_threads))
        == expected
    )
    assert np.array_equal(case.stack.gradients, gradients)


def test_a_short_batch_equals_the_same_rows_of_a_long_one(rng, dtype):
    """The gradient of a batch is the mean of its rows' gradients, whatever tile the row falls into."""
    case = networks.draw(rng, (13, 21, 6), "tanh", m=37, dtype=dtype)
    _, whole = core_gradient(case)
    total = reference.combine(np.zeros_like, whole)
    for i in range(37):
        case.stack.gradient(case.X[i : i + 1], case.y[i : i + 1], Objective(case.loss))
        total = reference.combine(
            lambda t, g: t + g / 37, total, networks.widened(case.stack.views(case.stack.gradients))
        )
    assert networks.relative_error(whole, total) < 100 * networks.EPS[dtype]
