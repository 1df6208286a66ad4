"""Losses with parameters: values against the oracle, gradients against its differences, extremes, custom losses.

A network of one layer with an identity matrix has the rows of X as logits, and weights of a single row give that
row's loss; its bias gradient is then the gradient with respect to the logits.
"""

import networks
import numpy as np
import pytest
import reference
from processes import run_with_isa

import cnn_core
from cnn_core.stack import LOSSES, Objective, Stack

CASES = {
    "squared error": ("squared_error", {}),
    "mae": ("mae", {}),
    "huber": ("huber", {}),
    "huber 0.3": ("huber", {"delta": 0.3}),
    "log cosh": ("log_cosh", {}),
    "poisson": ("tweedie", {"power": 1.0}),
    "tweedie": ("tweedie", {}),
    "tweedie 1.9": ("tweedie", {"power": 1.9}),
    "gamma": ("tweedie", {"power": 2.0}),
    "inverse gaussian": ("tweedie", {"power": 3.0}),
    "quantile": ("quantile", {"quantiles": (0.05, 0.3, 0.5, 0.9)}),
    "gaussian": ("gaussian_nll", {}),
    "weighted binary": ("binary_cross_entropy", {"pos_weight": (0.5, 1, 2, 7)}),
    "smoothed binary": ("binary_cross_entropy", {"label_smoothing": 0.1}),
    "binary focal": ("binary_cross_entropy", {"gamma": 2.0}),
    "all of binary": (
        "binary_cross_entropy",
        {"gamma": 0.5, "label_smoothing": 0.2, "pos_weight": (3, 1, 1, 2)},
    ),
    "smoothed softmax": ("softmax_cross_entropy", {"label_smoothing": 0.1}),
    "softmax focal": ("softmax_cross_entropy", {"gamma": 2.0}),
    "softmax focal 0.5": ("softmax_cross_entropy", {"gamma": 0.5, "label_smoothing": 0.05}),
    "distributions": ("softmax_cross_entropy", {"gamma": 1.0}),
    "ordinal": ("ordinal", {}),
}
CASES |= {name: (name, {}) for name in LOSSES if name not in {name for name, _ in CASES.values()}}
N = 4
LINKS = {"binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax", "tweedie": "exp"}


def drawn(case, rng, m):
    """Logits (m, N), targets, loss as the core takes it, and the oracle's loss of each row."""
    name, parameters = CASES[case]
    z = rng.uniform(-2.5, 2.5, (m, N))
    if name == "ordinal":
        y = np.arange(m) % (N + 1)
    elif case == "distributions":
        y = rng.dirichlet(np.ones(N), m)
    elif name == "softmax_cross_entropy":
        y = np.arange(m) % N
    elif name == "binary_cross_entropy":
        y = rng.integers(0, 2, (m, N)).astype(float)
    elif name == "tweedie":
        y = rng.gamma(1.5, 2.0, (m, N))
        y[: m // 2, 0] = 0 if parameters.get("power", 1.5) < 2 else 1e-3
    else:
        y = rng.normal(0, 2, (m, {"quantile": 1, "gaussian_nll": N // 2}.get(name, N)))
    return z, y, (name, parameters), lambda z, y: reference.ROW_LOSSES[name](z, y, **parameters)


def rows(stack, z, y, loss, **options):
    """The loss (m,) and dz (m, N) of every row by itself."""
    values, gradients = [], []
    for i in range(len(z)):
        value, _ = stack.gradient(z, y, Objective(loss, weights=np.eye(len(z))[i], **options))
        values.append(value)
        gradients.append(stack.views(stack.gradients)[0][1].copy())
    return np.array(values), np.array(gradients)


def identity_stack(name, dtype):
    stack = Stack((N, N), (LINKS.get(name, "identity"),), dtype=dtype)
    stack.views()[0][0][...] = np.eye(N)
    return stack


def differences(f, z, h=1e-4):
    """df/dz (m, N) of the rows' losses f(z) (m,): order 4, as in the oracle."""
    result = np.empty_like(z)
    for j in range(z.shape[1]):
        step = h * np.eye(z.shape[1])[j]
        result[:, j] = (f(z - 2 * step) - 8 * f(z - step) + 8 * f(z + step) - f(z + 2 * step)) / (12 * h)
    return result


def typed(y, dtype):
    return y if y.ndim == 1 else y.astype(dtype)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(rng, dtype, n_threads, case):
    z, y, loss, oracle = drawn(case, rng, 37)
    z, y = z.astype(dtype), typed(y, dtype)
    wide = z.astype(float), typed(y, float)
    value, dz = rows(identity_stack(loss[0], dtype), z, y, loss, n_threads=n_threads)
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    assert np.allclose(value, oracle(*wide), rtol=tolerance, atol=tolerance)
    tolerance = 1e-4 if dtype == "float32" else 1e-6  # of the differences
    assert np.allclose(dz, differences(lambda z: oracle(z, wide[1]), wide[0]), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_backpropagation(rng, n_threads, case):
    """Through two layers, with weights of the rows, against differences of the core's own loss."""
    _, y, loss, _ = drawn(case, rng, 23)
    case = networks.draw(rng, (5, 7, N), "tanh", m=23)
    stack, weights = case.stack, rng.uniform(0, 2, 23)
    stack.gradient(case.X, y, Objective(loss, weights=weights, n_threads=n_threads))
    got = networks.widened(stack.views(stack.gradients))
    expected = reference.central_differences(
        lambda: stack.loss(case.X, y, Objective(loss, weights=weights, n_threads=n_threads))[0], stack.views()
    )
    assert networks.relative_error(got, expected) < 1e-6


@pytest.mark.parametrize("name", cnn_core.available())
def test_every_instruction_set(name):
    done = run_with_isa(name, __file__)
    assert done.returncode == 0, done.stderr


def check_all():
    for case in CASES:
        for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-6)):
            z, y, loss, oracle = drawn(case, np.random.default_rng(3), 37)
            z, y = z.astype(dtype), typed(y, dtype)
            wide = z.astype(float), typed(y, float)
            results = [rows(identity_stack(loss[0], dtype), z, y, loss, n_threads=n) for n in (1, 2)]
            value, dz = results[0]
            expected = differences(lambda z, y=wide[1], f=oracle: f(z, y), wide[0])
            assert np.allclose(value, oracle(*wide), rtol=tolerance, atol=tolerance), case
            assert np.allclose(dz, expected, rtol=tolerance, atol=tolerance), case
            assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True)), case


def test_labels_are_one_hot_rows(rng, dtype):
    z = rng.normal(0, 2, (20, N)).astype(dtype)
    y = np.arange(20) % N
    stack, loss = identity_stack("softmax_cross_entropy", dtype), ("softmax_cross_entropy", {"gamma": 2.0})
    by_index = stack.gradient(z, y, Objective(loss))
    gradients = stack.gradients.copy()
    assert stack.gradient(z, np.eye(N, dtype=dtype)[y], Objective(loss)) == by_index
    assert np.array_equal(stack.gradients, gradients)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_without_gamma_it_is_cross_entropy(rng, name):
    z = rng.normal(0, 3, (40, N))
    y = np.arange(40) % N if name.startswith("soft") else rng.integers(0, 2, (40, N)).astype(float)
    stack = identity_stack(name, "float64")
    plain, _ = stack.gradient(z, y, Objective(name))
    gradients = stack.gradients.copy()
    assert stack.gradient(z, y, Objective((name, {"gamma": 0.0})))[0] == pytest.approx(plain, rel=1e-14)
    assert np.allclose(stack.gradients, gradients, rtol=1e-13, atol=1e-16)


FINITE = [case for case in CASES if CASES[case][0] not in reference.UNBOUNDED]


@pytest.mark.parametrize("case", FINITE)
def test_huge_logits_have_finite_losses(rng, dtype, case):
    z, y, loss, _ = drawn(case, rng, 40)
    z = (np.sign(z) * 10.0 ** rng.uniform(0, 30, z.shape)).astype(dtype)
    value, dz = rows(identity_stack(loss[0], dtype), z, typed(y, dtype), loss)
    assert np.isfinite(value).all()
    assert (value >= 0).all()
    assert np.abs(dz).max() < 100


@pytest.mark.parametrize("case", CASES)
def test_nan_is_not_swallowed(dtype, rng, case):
    z, y, loss, _ = drawn(case, rng, 10)
    for place in range(N):
        z = z.astype(dtype)
        z[3, place] = np.nan
        value, dz = rows(identity_stack(loss[0], dtype), z[3:4], typed(y[3:4], dtype), loss)
        assert np.isnan(value[0])
        assert np.isnan(dz[0, place])


def test_kinks_have_the_derivative_between():
    y = np.ones((1, N))
    _, dz = rows(identity_stack("mae", "float64"), np.ones((1, N)), y, "mae")
    assert dz.tolist() == [[0.0] * N]
    levels = (0.1, 0.25, 0.5, 0.9)
    _, dz = rows(
        identity_stack("quantile", "float64"), np.ones((1, N)), y[:, :1], ("quantile", {"quantiles": levels})
    )
    assert np.allclose(dz, 0.5 - np.array(levels))


@pytest.mark.parametrize(
    ("loss", "y", "error", "words"),
    [
        ("hubert", np.zeros((3, N)), ValueError, "loss is 'hubert'"),
        (None, np.zeros((3, N)), ValueError, "loss is None"),
        (("huber", {"gamma": 1}), np.zeros((3, N)), TypeError, "'huber' has no parameter 'gamma'"),
        (("mse", {"gamma": 1}), np.zeros((3, N)), TypeError, "'mse' has no parameter 'gamma'"),
        ("quantile", np.zeros((3, 1)), ValueError, "has 3 parameters; the stack has 4 outputs"),
        ("gaussian_nll", np.zeros((3, 4)), ValueError, r"shape \(3, 4\); it must be \(3, 2\)"),
        ("ordinal", np.array([0, 1, 5]), ValueError, "indices from 0 to 5; the stack has 4 outputs"),
        ("ordinal", np.zeros((3, N)), TypeError, "contiguous int64"),
    ],
)
def test_refusals(loss, y, error, words):
    with pytest.raises(error, match=words):
        identity_stack("mse", "float64").loss(np.zeros((3, N)), y, Objective(loss))


def test_an_odd_number_of_outputs_has_no_pairs():
    with pytest.raises(ValueError, match="the stack has 3 outputs"):
        Stack((2, 3), ("identity",), dtype="float64").loss(
            np.zeros((1, 2)), np.zeros((1, 1)), Objective("gaussian_nll")
        )


# -- custom losses ---------------------------------------------------------------------------------


def custom_mse(y, z):
    d = z - y
    return (d.astype(float) ** 2).sum(axis=1), d * 2


@pytest.mark.parametrize("sizes", [(3, 4, 2), (40, 30, 5), (2000, 4, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_custom_square_trains_to_the_same_bits(rng, dtype, n_threads, sizes, weighted):
    case = networks.draw(rng, sizes, loss="mse", m=50, dtype=dtype)
    weights = rng.uniform(0, 2, 50) if weighted else None
    start, order, results = case.stack.parameters.copy(), rng.permutation(50), []
    for loss in ("mse", custom_mse):
        case.stack.parameters[:] = start
        case.stack.set_optimizer("adam")
        losses, _ = case.stack.train_epochs(
            case.X,
            case.y,
            Objective(loss, n_threads=n_threads, weights=weights),
            order,
            np.full(12, 0.01),
            epochs=3,
            batch_size=16,
        )
        results.append(
            (case.stack.parameters.copy(), case.stack.loss(case.X, case.y, Objective(loss, weights=weights)))
        )
        assert losses[0] != losses[-1]
    assert np.array_equal(results[0][0], results[1][0])
    assert results[0][1][0] == pytest.approx(results[1][1][0], rel=1e-6)


def test_an_error_in_a_custom_loss_ends_training(rng):
    case = networks.draw(rng, (3, 4, 2), loss="mse", m=40)
    calls = []

    def failing(y, z):
        calls.append(len(y))
        if len(calls) == 3:
            raise RuntimeError("the third batch")
        return custom_mse(y, z)

    case.stack.set_optimizer("momentum")
    with pytest.raises(RuntimeError, match="the third batch"):
        case.stack.train(case.X, case.y, Objective(failing), None, np.full(4, 0.1), batch_size=10)
    assert calls == [10, 10, 10]
    assert case.stack.steps == 2
    after = case.stack.parameters.copy()
    networks.write(case.stack, case.network)
    case.stack.set_optimizer("momentum")
    case.stack.train(case.X[:20], case.y[:20], Objective("mse"), None, np.full(2, 0.1), batch_size=10)
    assert np.array_equal(case.stack.parameters, after)
    calls[:] = [0, 0]
    with pytest.raises(RuntimeError, match="the third batch"):
        case.stack.loss(case.X, case.y, Objective(failing))


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (lambda y, z: None, TypeError, "returns a pair"),
        (lambda y, z: (np.zeros(len(z)), "x"), TypeError, "returns a pair"),
        (lambda y, z: (np.zeros(3), z), ValueError, r"shape \(3,\) and a dz of shape \(5, 2\)"),
        (lambda y, z: (np.zeros(len(z)), z.T), ValueError, r"must be \(5,\) and \(5, 2\)"),
    ],
)
def test_results_of_a_custom_loss_are_checked(rng, result, error, words):
    case = networks.draw(rng, (3, 4, 2), loss="mse", m=5)
    with pytest.raises(error, match=words):
        case.stack.gradient(case.X, case.y, Objective(result))


def test_a_custom_loss_may_change_its_arguments(rng):
    case = networks.draw(rng, (3, 4, 2), loss="mse", m=5)

    def careless(y, z):
        z -= y
        y[:] = 0
        return (z**2).sum(axis=1), 2 * z

    before = case.y.copy()
    assert case.stack.gradient(case.X, case.y, Objective(careless))[0] == pytest.approx(
        case.stack.gradient(case.X, case.y, Objective("mse"))[0], rel=1e-14
    )
    assert np.array_equal(case.y, before)


if __name__ == "__main__":
    check_all()
