"""Activations over the whole range of floats: accuracy, NaN, infinities, exception flags.

A value reaches an activation unchanged through a layer of zero weights whose biases are the values, or, where
all values are finite, through a layer whose weights are the identity matrix.
"""

import platform

import networks
import numpy as np
import pytest
import reference
from float_flags import FLAGS, flags_raised, needs_fenv
from unfused import FINITE

from cnn_core.functions import activate, derive_from_inputs
from cnn_core.stack import Objective, Stack

ELEMENTWISE = (*networks.HIDDEN, *networks.UNFUSED)


def through(activation, z, dtype, n_threads=1):
    """The activation of the values z (n,), each as the bias of its own unit."""
    stack = Stack((1, len(z)), (activation,), dtype=dtype)
    stack.views()[0][1][...] = z
    return stack.forward(np.zeros((1, 1), dtype), n_threads=n_threads)[0]


def finite_range(dtype):
    """Finite numbers of dtype: dense grids where the functions bend, and every magnitude from subnormal to
    largest."""
    info = np.finfo(dtype)
    magnitudes = np.geomspace(float(info.tiny), float(info.max) / 2, 3001)
    special = [0.0, float(info.smallest_subnormal), float(info.tiny) / 3, float(info.max), 1e30, 1e-30]
    z = np.concatenate(
        [np.linspace(0, 2, 4001), np.linspace(0, 120, 6001), np.linspace(0, 1e4, 8001), magnitudes, special]
    )
    z = z.astype(dtype)
    return np.concatenate([z, -z])


def exact(activation, z):
    """The oracle in the widest float there is."""
    return reference.ACTIVATIONS[activation][0](z.astype(np.longdouble))


def ulp_errors(got, expected):
    """Errors in units in the last place. What is smaller than the smallest normal number may be flushed to
    0."""
    info = np.finfo(got.dtype)
    magnitude = np.maximum(np.abs(expected), info.tiny)
    unit = np.ldexp(np.longdouble(info.eps), np.frexp(magnitude)[1] - 1)
    oracle = (
        0 if np.finfo(np.longdouble).eps < info.eps / 100 else 2
    )  # the oracle's own error where no float is wider
    errors = np.maximum(np.abs(got - expected) / unit - oracle, 0)
    return np.where((np.abs(expected) < info.tiny) & (np.abs(got) <= info.tiny), 0, errors)


def in_range(activation, z, dtype):
    """Of z, where f(z) is a number of dtype."""
    return z[np.abs(z) < FINITE[activation][dtype]] if activation in FINITE else z


def bound(activation, z):
    """Return the largest error in units in the last place, for each z."""
    units = reference.ULP[activation]
    return units(z.astype(float)) if callable(units) else np.full(len(z), units, float)


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_accuracy_over_the_finite_range(dtype, activation, n_threads):
    z = in_range(activation, finite_range(dtype), dtype)
    got, expected = through(activation, z, dtype, n_threads), exact(activation, z)
    errors = ulp_errors(got, expected)
    if activation in networks.UNFUSED:  # z times an exponential of which something may be flushed
        errors[np.abs(got - expected) < 1e3 * np.finfo(dtype).tiny] = 0
    worst = int(np.argmax(errors - bound(activation, z)))
    assert errors[worst] <= bound(activation, z)[worst], f"{errors[worst]} ulp at z = {z[worst]}"


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_accuracy_of_the_derivative(dtype, activation):
    """Where f is finite and z not subnormal, which may count as 0: within 2 eps, or 2 eps f' if that is more."""
    z = in_range(activation, finite_range(dtype), dtype)
    z = z[(np.abs(z) >= np.finfo(dtype).tiny) | (z == 0)]
    got = derive_from_inputs(activation, z, np.ones_like(z))
    expected = reference.ACTIVATIONS[activation][1](z.astype(np.longdouble))
    errors = np.abs(got - expected) / np.maximum(1, np.abs(expected))
    worst = int(np.argmax(errors))
    assert errors[worst] <= 2 * networks.EPS[dtype], f"{errors[worst]} at z = {z[worst]}"


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_derivatives_of_arrays_and_of_layers_are_the_same(rng, dtype, activation):
    """A layer's dW for the input 1 is the sum over its rows of dA f'(z): here of one row, with dA = 1."""
    z = rng.standard_normal(37).astype(dtype) * 4
    stack = Stack((1, 37, 1), (activation, "identity"), dtype=dtype)
    (W, b), (V, _) = stack.views()
    W[...], b[...], V[...] = z, 0, 1
    x = np.ones((1, 1), dtype)
    stack.gradient(x, stack.forward(x) - np.dtype(dtype).type(0.5), Objective("mse"))
    dA = stack.views(stack.gradients)[1][1]
    expected = derive_from_inputs(activation, z, np.repeat(dA, 37))
    assert np.array_equal(stack.views(stack.gradients)[0][0][0], expected)


def test_derivatives_at_kinks(dtype):
    for activation, slopes in reference.SLOPES.items():
        z = np.array([*slopes, 0.5], dtype)
        got = derive_from_inputs(activation, z, np.full(len(z), 2, dtype))
        assert np.array_equal(got[:-1], 2 * np.array([*slopes.values()], dtype)), activation


@pytest.mark.parametrize("activation", networks.UNFUSED)
def test_the_same_as_torch(activation):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    z = np.linspace(-30, 30, 24001)
    z = z[np.abs(z) < 10] if activation == "exp" else z
    t = torch.tensor(z, requires_grad=True)
    f = {
        "exp": torch.exp,
        "gelu_tanh": lambda t: functional.gelu(t, approximate="tanh"),
        "hard_sigmoid": functional.hardsigmoid,
        "hard_swish": functional.hardswish,
        "hard_tanh": functional.hardtanh,
        "sine": torch.sin,
    }.get(activation) or getattr(functional, activation)
    a = f(t)
    a.sum().backward()
    slope = derive_from_inputs(activation, z, np.ones_like(z))
    np.testing.assert_allclose(activate(activation, z), a.detach().numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(slope, t.grad.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_a_hidden_activation_equals_the_last(dtype, activation):
    z = finite_range(dtype)[::7]
    z = z[np.abs(z) < 1e30][:1000]
    stack = Stack((1, len(z), len(z)), (activation, "identity"), dtype=dtype)
    (_, b), (W, _) = stack.views()
    b[...], W[...] = z, np.eye(len(z))
    expected = through(activation, z, dtype)
    tiny = np.finfo(dtype).tiny  # what is smaller may flush to 0
    assert np.abs(stack.forward(np.zeros((1, 1), dtype))[0] - expected).max() <= tiny


def softmax_ulp_bound(z):
    """4 units, and what the rounding of z - max(z) alone does to its exponential: up to a unit for each 1 of
    it."""
    return 4 + np.abs(z - z.max(axis=1, keepdims=True))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 16, 17, 33, 100, 1000])
def test_softmax_accuracy(rng, dtype, n):
    span = 80.0 if dtype == "float32" else 600.0
    scales = np.geomspace(1e-3, span, 61)[:, None]
    z = (rng.uniform(-1, 1, (61, n)) * scales / 2 + rng.uniform(-50, 50, (61, 1))).astype(dtype)
    stack = networks.stack_of([(np.eye(n), None)], ("softmax",), dtype)
    got = stack.forward(z)
    errors = ulp_errors(got, exact("softmax", z))
    assert (errors <= softmax_ulp_bound(z)).all(), errors.max()
    assert np.abs(got.sum(axis=1) - 1).max() <= 4 * networks.EPS[dtype]
    transposed = networks.stack_of([(np.eye(n)[:, ::-1], None)], ("softmax",), dtype).forward(z)
    assert (ulp_errors(transposed[:, ::-1], exact("softmax", z)) <= softmax_ulp_bound(z)).all()


@pytest.mark.parametrize("top", [1e4, 1e30])
@pytest.mark.parametrize("n", [2, 3, 17])
def test_softmax_of_huge_logits(dtype, top, n):
    z = np.full((3, n), -top)
    z[0, 1] = z[1, 0] = top
    z[2] = top  # all equal
    got = networks.stack_of([(np.eye(n), None)], ("softmax",), dtype).forward(z.astype(dtype))
    assert np.array_equal(got[:2], np.eye(n)[[1, 0]])
    assert np.abs(got[2] * n - 1).max() <= 2 * networks.EPS[dtype]


def test_softmax_of_equal_logits_is_uniform(dtype):
    for n in (1, 2, 10, 16, 19):
        for value in (0.0, 1.5, -1e4, 1e30, -float(np.finfo(dtype).max)):
            got = through("softmax", np.full(n, value), dtype)
            assert np.abs(got.astype(float) * n - 1).max() <= 2 * networks.EPS[dtype], (n, value)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        *(("identity", [-np.inf, np.inf]), ("relu", [0, np.inf]), ("sigmoid", [0, 1]), ("tanh", [-1, 1])),
        *(("leaky_relu", [-np.inf, np.inf]), ("elu", [-1, np.inf]), ("selu", [-1.7580993408473768, np.inf])),
        *((name, [0, np.inf]) for name in ("gelu", "gelu_tanh", "silu", "mish", "softplus", "hard_swish")),
        *(("softsign", [-1, 1]), ("hard_sigmoid", [0, 1]), ("hard_tanh", [-1, 1]), ("relu6", [0, 6])),
    ],
)
def test_infinities_reach_the_limits(dtype, activation, expected):
    for n in (2, 30):
        got = through(activation, np.tile([-np.inf, np.inf], n), dtype)
        assert np.array_equal(got, np.tile(np.array(expected, dtype), n))
    ends = np.array([-np.inf, np.inf], dtype)
    assert np.isfinite(derive_from_inputs(activation, ends, np.ones_like(ends))).all()


def test_exp_ends_at_the_largest_power(dtype):
    low, high, highest = through("exp", np.array([-np.inf, 1e4, np.inf]), dtype)
    assert low == 0
    assert np.finfo(dtype).max / 2 < high == highest < np.inf


def test_softmax_of_minus_infinity_is_zero(dtype):
    got = through("softmax", np.array([0.0, -np.inf, 0.0]), dtype)
    assert np.array_equal(got, [0.5, 0, 0.5])


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_nan_passes_through_and_stays_in_its_place(dtype, activation):
    z = np.linspace(-20, 20, 101)
    clean = through(activation, z, dtype)
    for place in range(0, 101, 5):
        holed = z.copy()
        holed[place] = np.nan
        got = through(activation, holed, dtype)
        assert np.isnan(got[place])
        assert np.array_equal(np.delete(got, place), np.delete(clean, place))


@pytest.mark.parametrize("n", [1, 2, 10, 16, 40])
def test_nan_passes_through_softmax(dtype, n):
    for place in range(n):
        z = np.zeros(n)
        z[place] = np.nan
        assert np.isnan(through("softmax", z, dtype)).all()


def test_nan_in_one_row_leaves_the_other_rows_alone(rng, dtype):
    case = networks.draw(rng, (6, 20, 3), m=33, dtype=dtype)
    clean = case.stack.forward(case.X)
    case.X[17, 2] = np.nan
    got = case.stack.forward(case.X)
    assert np.isnan(got[17]).all()
    assert np.array_equal(np.delete(got, 17, 0), np.delete(clean, 17, 0))


def test_numpy_reports_nothing(dtype):
    with np.errstate(all="raise"):
        for activation in (*ELEMENTWISE, "softmax"):
            assert np.isfinite(through(activation, np.linspace(-1e4, 1e4, 999), dtype)).all()


# -- the processor's exception flags ---------------------------------------------------------------


@needs_fenv
def test_the_flags_can_be_seen():
    with np.errstate(all="ignore"):
        big, zero, one = np.full(8, 1e300), np.zeros(8), np.ones(8)
        invalid, division, overflow = FLAGS
        assert flags_raised(lambda: np.divide(zero, zero)) & invalid
        assert flags_raised(lambda: np.divide(one, zero)) & division
        assert flags_raised(lambda: np.multiply(big, big)) & overflow


@needs_fenv
@pytest.mark.parametrize("activation", [*ELEMENTWISE, "softmax"])
def test_no_flag_over_the_finite_range(dtype, activation):
    z = in_range(activation, finite_range(dtype), dtype)
    stack = Stack((1, len(z)), (activation,), dtype=dtype)
    stack.views()[0][1][...] = z
    x, out = np.zeros((1, 1), dtype), np.empty((1, len(z)), dtype)
    assert flags_raised(lambda: stack.forward(x, out)) == 0
    assert np.isfinite(out).all()


TRAPPING = """
import ctypes, json
import numpy as np
from cnn_core.stack import ACTIVATIONS, Objective, Stack
libm = ctypes.CDLL("libm.so.6")
for dtype in ("float32", "float64"):
    top = np.finfo(dtype).max / 4
    z = np.concatenate([np.linspace(-1e4, 1e4, 5001), np.geomspace(1e-30, float(top), 500)]).astype(dtype)
    z = np.concatenate([z, -z])
    x, out = np.zeros((1, 1), dtype), np.empty((1, len(z)), dtype)
    for activation in ACTIVATIONS:
        stack = Stack((1, len(z)), (activation,), dtype=dtype)
        stack.views()[0][1][...] = z
        libm.feenableexcept(1 | 4 | 8)
        stack.forward(x, out)
        libm.fedisableexcept(1 | 4 | 8)
    for loss in ("binary_cross_entropy", "softmax_cross_entropy"):
        stack = Stack((1, len(z)), ("identity",), dtype=dtype)
        stack.views()[0][1][...] = np.clip(z, -1e30, 1e30)
        y = (np.arange(len(z)) == 3).astype(dtype)[None]
        libm.feenableexcept(1 | 4 | 8)
        stack.gradient(x, y, Objective(loss))
        libm.fedisableexcept(1 | 4 | 8)
print(json.dumps("no trap"))
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc", reason="needs feenableexcept"
)
def test_nothing_traps_when_exceptions_are_unmasked(environment):
    """A flag raised and cleared again would pass the test above; here it would kill the process with
    SIGFPE."""
    assert networks.run_python(TRAPPING, environment) == "no trap"


def test_subnormals_survive_the_import_and_every_call(rng, n_threads):
    case = networks.draw(rng, (64, 64, 10), m=512, dtype="float32")
    case.stack.set_optimizer("adam")
    case.stack.train(
        case.X, case.y, Objective(case.loss, n_threads=n_threads), None, np.full(8, 1e-3), batch_size=64
    )
    case.stack.forward(case.X, n_threads=n_threads)
    small = np.full(64, 1e-40, "float32")
    assert (small * np.float32(0.5) > 0).all()
    assert float(small[0]) * 1e-300 == 0
    assert 5e-324 * 1.0 > 0
