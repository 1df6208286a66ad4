"""L-BFGS: minima that are known, other programs' minima, and the ways a run may end."""

import itertools

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.optimizers import lbfgs


def quadratic(matrix, minimum):
    """Half of (x - minimum)' matrix (x - minimum)."""

    def function(x):
        gradient = matrix @ (x - minimum)
        return 0.5 * float((x - minimum) @ gradient), gradient

    return function


def rosenbrock(x):
    gradient = np.zeros_like(x)
    rise = x[1:] - x[:-1] ** 2
    gradient[1:] += 200 * rise
    gradient[:-1] -= 400 * x[:-1] * rise + 2 * (1 - x[:-1])
    return float((100 * rise**2 + (1 - x[:-1]) ** 2).sum()), gradient


def logistic(rng, rows=300, columns=20, penalty=1e-3):
    """Loss of a logistic regression with its Hessian."""
    X = rng.normal(size=(rows, columns)) * np.geomspace(0.1, 10, columns)
    y = (X @ rng.normal(size=columns) + rng.normal(size=rows) > 0).astype(float)

    def function(w):
        z = X @ w
        p = 1 / (1 + np.exp(-z))
        value = np.mean(np.logaddexp(0, z) - y * z) + penalty / 2 * (w @ w)
        return float(value), X.T @ (p - y) / rows + penalty * w

    def hessian(w):
        p = 1 / (1 + np.exp(-(X @ w)))
        return (X.T * (p * (1 - p))) @ X / rows + penalty * np.eye(columns)

    return function, hessian


@pytest.mark.parametrize("condition", [1, 1e2, 1e4])
def test_quadratics(rng, condition):
    n = 30
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    minimum = rng.normal(size=n)
    function = quadratic((basis * np.geomspace(1, condition, n)) @ basis.T, minimum)
    found = lbfgs.minimize(function, np.zeros(n), gtol=1e-8, ftol=0, max_iter=2000)
    assert found.reason == "gtol"
    np.testing.assert_allclose(found.x, minimum, atol=1e-7)
    assert found.iterations <= found.evaluations <= 1.5 * found.iterations + 10
    assert found.value == function(found.x)[0]
    np.testing.assert_array_equal(found.gradient, function(found.x)[1])


@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrock(n):
    start = np.full(n, -0.5)
    start[0] = -1.2
    found = lbfgs.minimize(rosenbrock, start, gtol=1e-9, ftol=0, max_iter=500)
    assert found.reason == "gtol"
    np.testing.assert_allclose(found.x, 1, atol=1e-8)
    assert found.evaluations < 50 + 10 * n


def test_logistic_regression_against_newton(rng):
    function, hessian = logistic(rng)
    newton = np.zeros(20)
    for _ in range(50):
        newton -= np.linalg.solve(hessian(newton), function(newton)[1])
    found = lbfgs.minimize(function, np.zeros(20), gtol=1e-7, ftol=0, max_iter=2000)
    assert found.reason == "gtol"
    assert found.value == pytest.approx(function(newton)[0], rel=1e-9)
    np.testing.assert_allclose(found.x, newton, atol=1e-7 / 1e-3)  # gtol over the smallest curvature
    default = lbfgs.minimize(function, np.zeros(20))
    assert default.value == pytest.approx(function(newton)[0], rel=1e-4)


def test_every_step_satisfies_the_wolfe_conditions(rng):
    function, _ = logistic(rng)
    points = [np.zeros(20)]
    lbfgs.minimize(function, points[0], callback=lambda x, value, iteration: points.append(x))
    assert len(points) > 10
    for before, after in itertools.pairwise(points):
        (old, gradient), (new, later), step = function(before), function(after), after - before
        assert new <= old + 1e-4 * (gradient @ step)
        assert abs(later @ step) <= 0.9 * abs(gradient @ step)


def test_noise_of_float32_ends_near_the_minimum(rng):
    function, _ = logistic(rng)
    exact = lbfgs.minimize(function, np.zeros(20), gtol=1e-9, ftol=0, max_iter=2000)

    def rounded(x):
        value, gradient = function(x.astype(np.float32))
        return float(np.float32(value)), gradient.astype(np.float32)

    found = lbfgs.minimize(rounded, np.zeros(20), gtol=0)
    assert found.reason in ("ftol", "line_search")
    assert found.value == pytest.approx(exact.value, rel=1e-3)
    assert found.evaluations < 300


@pytest.mark.parametrize("start", [(-1.0, 1.2), (0.5, -1.2)])
def test_along_a_kink(start):
    """8 |y - x^2| + (1 - x)^2, of Lewis and Overton: a valley with a kink as its floor leads to the minimum, 0."""

    def function(point):
        x, y = point
        slope = 8 * np.sign(y - x * x)
        return 8 * abs(y - x * x) + (1 - x) ** 2, np.array([-2 * x * slope - 2 * (1 - x), slope])

    found = lbfgs.minimize(function, np.array(start), gtol=1e-6, max_iter=1000)
    assert found.value < 1e-3  # of 4 and more; where a search in the kink counted as the end, 1.5 was left


def test_networks_of_relu_are_not_given_up_at_a_kink():
    """Iris is told apart by all but a few starts: half of the losses are a hundredth of what is left otherwise, .03."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    X, y = datasets.load_iris(return_X_y=True)
    options = {"hidden_layer_sizes": (10, 10), "solver": "lbfgs", "dtype": "float64", "max_iter": 1000}
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    losses = [cnn.MLPClassifier(random_state=seed, **options).fit(X, y).loss_ for seed in range(40)]
    assert np.median(losses) < 1e-3


@pytest.mark.parametrize("beyond", [np.inf, np.nan, -np.inf])
def test_a_wall(beyond):
    """-log(1 - x) - log(1 + x) - x / 2: its minimum lies within walls that the first steps run into."""

    def function(x):
        if (abs(x) >= 1).any():
            return beyond, np.full_like(x, np.nan)
        return float((-np.log1p(-x * x) - x / 2).sum()), 2 * x / (1 - x * x) - 0.5

    start = np.array([-1 + 1e-9, 0.999])
    found = lbfgs.minimize(function, start, gtol=1e-10, ftol=0)
    assert found.reason == "gtol"
    np.testing.assert_allclose(found.x, -2 + np.sqrt(5), atol=1e-9)


def test_a_gradient_that_is_not_finite_is_stepped_back_from():
    def function(x):
        return float(x @ x), np.where(x < -1, np.inf, 2 * x)

    assert lbfgs.minimize(function, np.array([100.0])).reason == "gtol"


def test_without_curvature():
    """Concave along the way: no pair is kept, and the run goes on."""

    def function(x):
        return float(np.cos(x).sum()), -np.sin(x)

    found = lbfgs.minimize(function, np.array([0.1, -0.2, 0.01]), gtol=1e-9, ftol=0)
    np.testing.assert_allclose(np.cos(found.x), -1, atol=1e-9)


def test_every_reason_to_end(rng):
    function, start = rosenbrock, np.array([-1.2, 1.0])
    assert lbfgs.minimize(function, start, max_iter=3).reason == "max_iter"
    assert lbfgs.minimize(function, start, max_iter=3).iterations == 3
    few = lbfgs.minimize(function, start, max_fun=7)
    assert few.reason == "max_fun"
    assert few.evaluations == 7
    assert lbfgs.minimize(function, start, gtol=0, ftol=0.5).reason == "ftol"
    stopped = lbfgs.minimize(function, start, callback=lambda x, value, iteration: iteration == 4)
    assert (stopped.reason, stopped.iterations) == ("callback", 4)
    assert lbfgs.minimize(lambda x: (float(x @ x), -2 * x), start).reason == "line_search"
    at_once = lbfgs.minimize(function, np.ones(2), callback=lambda *_: pytest.fail("there is no step"))
    assert (at_once.reason, at_once.iterations, at_once.evaluations) == ("gtol", 0, 1)


def test_the_callback_sees_every_step():
    seen = []
    found = lbfgs.minimize(rosenbrock, np.array([-1.2, 1.0]), callback=lambda *now: seen.append(now))
    assert [iteration for _, _, iteration in seen] == list(range(1, found.iterations + 1))
    values = [value for _, value, _ in seen]
    assert values == sorted(values, reverse=True)
    assert values[-1] == found.value


def test_arrays_are_the_callers():
    """The start is left alone, and a gradient buffer may be filled again."""
    buffer, start = np.zeros(2), np.array([-1.2, 1.0])

    def function(x):
        value, buffer[:] = rosenbrock(x)
        return value, buffer

    found = lbfgs.minimize(function, start)
    plain = lbfgs.minimize(rosenbrock, start)
    np.testing.assert_array_equal(start, [-1.2, 1.0])
    np.testing.assert_array_equal(found.x, plain.x)
    assert not np.shares_memory(found.gradient, buffer)


def test_a_start_that_is_not_finite():
    with pytest.raises(ValueError, match="not finite at the start: the value is inf"):
        lbfgs.minimize(lambda x: (np.inf, x), np.zeros(3))
    with pytest.raises(ValueError, match="not finite at the start"):
        lbfgs.minimize(lambda x: (0.0, x * np.nan), np.zeros(3))


@pytest.mark.parametrize("case", ["rosenbrock", "logistic", "quadratic"])
def test_as_good_as_scipys(rng, case):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    function, start = {
        "rosenbrock": (rosenbrock, np.full(10, -1.2)),
        "logistic": (logistic(rng)[0], np.zeros(20)),
        "quadratic": (quadratic(np.diag(np.geomspace(1, 1e3, 50)), rng.normal(size=50)), np.zeros(50)),
    }[case]
    options = {"maxiter": 200, "gtol": 1e-4, "maxfun": 15000}
    theirs = optimize.minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    ours = lbfgs.minimize(function, start)
    assert ours.value <= theirs.fun + 1e-4 * max(1, theirs.fun)
    assert ours.evaluations <= 1.5 * theirs.nfev + 5
