"""Products, activations and derivatives of any arrays, against NumPy in float64."""

import math

import networks
import numpy as np
import pytest
import reference

from cnn_core.functions import activate, derive, derive_from_inputs, dot, matmul
from cnn_core.layers import ACTIVATIONS

NAMES = networks.HIDDEN
SIZES = [1, 2, 3, 5, 8, 10, 15, 16, 17, 33, 48, 50, 64, 65, 97, 200]
LAYOUTS = ["C", "F", "rows", "columns", "backwards", "between", "unaligned"]
# Shapes that take each way: turned, direct, dot products, several blocks of k and of columns, copied rows.
SHAPES = [
    (1, 1, 1),
    (1, 300, 257),
    (300, 1, 257),
    (3, 700, 10),
    (64, 64, 32),
    (200, 10, 100),
    (10, 200, 1200),
    (130, 50, 784),
    (37, 18, 4500),
    (9, 1030, 1100),
    (150, 530, 1024),
    (70, 130, 2100),
]


def matrix(rng, rows, columns, dtype, layout):
    """Return a matrix whose numbers lie as the layout says."""
    if layout == "F":
        return rng.standard_normal((columns, rows)).astype(dtype).T
    if layout == "rows":
        return rng.standard_normal((2 * rows, columns)).astype(dtype)[1::2]
    if layout == "columns":
        return rng.standard_normal((rows, 3 * columns)).astype(dtype)[:, ::3]
    if layout == "backwards":
        return rng.standard_normal((rows, columns)).astype(dtype)[::-1, ::-1]
    if layout == "between":
        return rng.standard_normal((rows, columns + 5)).astype(dtype)[:, 2 : 2 + columns]
    if layout == "unaligned":
        record = np.dtype([("byte", "u1"), ("number", dtype)])
        array = np.zeros((rows, columns), record)
        array["number"] = rng.standard_normal((rows, columns))
        return array["number"]
    return rng.standard_normal((rows, columns)).astype(dtype)


def assert_is_product(C, A, B):
    """Within what k roundings, each at random, add up to."""
    exact = A.astype(float) @ B.astype(float)
    bound = np.abs(A).astype(float) @ np.abs(B).astype(float)
    tolerance = (2 * np.sqrt(A.shape[1]) + 4) * np.finfo(C.dtype).eps
    assert (np.abs(C - exact) <= tolerance * bound).all()


def transposed(order, A, B):
    return np.ascontiguousarray(A.T).T if order == "TN" else A, (
        np.ascontiguousarray(B.T).T if order == "NT" else B
    )


@pytest.mark.parametrize("order", ["NN", "NT", "TN"])
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_product(rng, order, m, n, k, dtype):
    A, B = transposed(order, matrix(rng, m, k, dtype, "C"), matrix(rng, k, n, dtype, "C"))
    products = [matmul(A, B, n_threads=threads) for threads in (1, 2, 3)]
    assert products[0].shape == (m, n)
    assert products[0].dtype == dtype
    assert products[0].flags.c_contiguous
    assert_is_product(products[0], A, B)
    assert all(np.array_equal(products[0], other) for other in products[1:])


@pytest.mark.parametrize("seed", range(8))
def test_random_shapes_and_layouts(seed, dtype):
    rng = np.random.default_rng(seed)
    for _ in range(25):
        m, n, k = rng.choice(SIZES, 3)
        A, B = (
            matrix(rng, *shape, dtype, layout)
            for shape, layout in zip(((m, k), (k, n)), rng.choice(LAYOUTS, 2), strict=True)
        )
        before = A.copy(), B.copy()
        around = np.full((m + 2, n + 7), 7, dtype)
        out = around[1:-1, 3 : 3 + n]
        for threads in (1, 2):
            out[...] = np.nan
            assert matmul(A, B, out, n_threads=threads) is out
            assert_is_product(out, A, B)
        out[...] = 7
        assert (around == 7).all()
        assert np.array_equal(A, before[0])
        assert np.array_equal(B, before[1])


@pytest.mark.parametrize(("m", "n", "k"), [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_products(m, n, k, dtype):
    C = matmul(np.ones((m, k), dtype), np.ones((k, n), dtype))
    assert C.shape == (m, n)
    assert not C.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["NN", "NT", "TN"])
@pytest.mark.parametrize(("m", "n", "k"), [(9, 10, 131), (40, 50, 300), (1, 20, 200), (33, 4, 130)])
def test_a_number_that_is_not_finite_stays_in_its_row(rng, order, m, n, k, value):
    """Next to it lie zeros of the padding, whose product with it would be NaN."""
    A, B = np.ones((m, k)), np.ones((k, n))
    A[m // 2, -1] = value
    C = matmul(*transposed(order, A, B))
    assert np.array_equal(C, A @ B, equal_nan=True)
    A, B = np.ones((m, k)), np.ones((k, n))
    B[0, n // 2] = value
    C = matmul(*transposed(order, A, B))
    assert np.array_equal(C, A @ B, equal_nan=True)


def test_products_that_do_not_fit(dtype):
    A, B = np.ones((3, 4), dtype), np.ones((4, 5), dtype)
    other = "float64" if dtype == "float32" else "float32"
    with pytest.raises(ValueError, match=r"\(3, 4\) and B \(3, 4\)"):
        matmul(A, A)
    with pytest.raises(ValueError, match=r"\(3, 4\) and B \(4,\)"):
        matmul(A, B[:, 0])
    with pytest.raises(TypeError, match=f"A has dtype {dtype} and B {other}"):
        matmul(A, B.astype(other))
    for wrong in (int, ">f4", np.float16, complex):
        with pytest.raises(TypeError, match="float32 or float64"):
            matmul(A.astype(wrong), B)
    with pytest.raises(ValueError, match="n_threads is 0"):
        matmul(A, B, n_threads=0)


def test_outputs_that_do_not_fit(dtype):
    A, B = np.ones((4, 4), dtype), np.ones((4, 4), dtype)
    with pytest.raises(ValueError, match=r"\(3, 4\).*must have shape \(4, 4\)"):
        matmul(A, B, np.empty((3, 4), dtype))
    with pytest.raises(ValueError, match="int64"):
        matmul(A, B, np.empty((4, 4), np.int64))
    for out in (np.empty((4, 4), dtype, order="F"), np.empty((4, 4), dtype)[::-1]):
        with pytest.raises(ValueError, match="strides"):
            matmul(A, B, out)
    read_only = np.empty((4, 4), dtype)
    read_only.setflags(write=False)
    with pytest.raises(ValueError, match="writable"):
        matmul(A, B, read_only)
    room = np.ones((8, 4), dtype)
    with pytest.raises(ValueError, match="out overlaps A"):
        matmul(room[:4], B, room[2:6])
    with pytest.raises(ValueError, match="out overlaps B"):
        matmul(A, room[:4].T, room[2:6])
    assert (room == 1).all()


@pytest.mark.parametrize("n", [0, *SIZES, 7510])
def test_dot(rng, n, dtype):
    a, b = rng.standard_normal((2, n)).astype(dtype)
    before = a.copy(), b.copy()
    exact = math.fsum(a.astype(float) * b.astype(float))
    # As of a product: within what n roundings, each at random, add up to.
    tolerance = (2 * np.sqrt(n) + 4) * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b))
    assert isinstance(dot(a, b), float)
    assert abs(dot(a, b) - exact) <= tolerance
    assert dot(a, b) == dot(np.repeat(a, 2)[::2], b[::-1].copy()[::-1])
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    whole = np.arange(n, dtype=dtype) % 5
    assert dot(whole, whole) == (whole.astype(int) ** 2).sum()


def test_dot_passes_on_what_is_not_finite(dtype):
    a = np.ones(19, dtype)
    for place in (0, 18):
        for value in (np.inf, -np.inf, np.nan):
            b = a.copy()
            b[place] = value
            assert np.array_equal(dot(a, b), value, equal_nan=True)
    big = np.full(19, np.finfo(dtype).max)
    assert dot(big, big) == np.inf


def test_vectors_that_do_not_fit(dtype):
    a = np.ones(4, dtype)
    with pytest.raises(ValueError, match=r"a has shape \(4,\) and b \(3,\)"):
        dot(a, a[:3])
    with pytest.raises(ValueError, match=r"a has shape \(2, 2\)"):
        dot(a.reshape(2, 2), a)
    with pytest.raises(TypeError, match="b has dtype int64"):
        dot(a, np.ones(4, np.int64))
    with pytest.raises(TypeError, match="they must be the same"):
        dot(a, a.astype("float64" if dtype == "float32" else "float32"))


def f(name, Z):
    """The activation in float64; softmax along the last axis."""
    rows = Z.reshape(-1, Z.shape[-1]) if name == "softmax" else Z
    return reference.ACTIVATIONS[name][0](rows).reshape(Z.shape)


@pytest.mark.parametrize("shape", [(1,), (7,), (100,), (5, 16), (33, 10), (4, 3, 50), (2, 0)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(rng, name, shape, dtype):
    Z = (4 * rng.standard_normal(shape)).astype(dtype)
    if 0 in shape and name == "softmax":
        assert activate(name, Z).shape == shape
        return
    for array in (Z, Z[::-1], np.asfortranarray(Z)):
        exact, before = f(name, array.astype(float)), array.copy()
        A = activate(name, array)
        assert A.shape == shape
        assert A.dtype == dtype
        assert A.flags.c_contiguous
        assert np.array_equal(array, before)
        # A few units in the last place, and for softmax those of a sum; relative errors are larger in the tail of gelu.
        atol = 16 * np.finfo(dtype).eps if name in networks.UNFUSED else 1e-30
        assert np.allclose(A, exact, rtol=12 * np.finfo(dtype).eps, atol=atol)
        for out in (np.empty(shape, dtype), np.empty((*shape, 2), dtype)[..., 0]):
            assert activate(name, array, out) is out
            assert np.array_equal(out, A)
        work = array.copy("K")
        assert activate(name, work, work) is work
        assert np.array_equal(work, A)


@pytest.mark.parametrize("shape", [(1,), (100,), (33, 10), (4, 3, 5)])
@pytest.mark.parametrize("name", NAMES)
def test_derivative(rng, name, shape, dtype):
    Z, dA = rng.standard_normal((2, *shape)).astype(dtype)
    A = activate(name, Z)
    exact = dA.astype(float) * reference.ACTIVATIONS[name][1](Z.astype(float))
    dZ = derive(name, A, dA)
    # f' is computed from A, whose rounding error is multiplied by dA.
    assert np.allclose(dZ, exact, rtol=4 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)
    assert np.array_equal(derive(name, np.asfortranarray(A), dA[::-1][::-1]), dZ)
    for reused in (0, 1):
        arrays = [A.copy(), dA.copy()]
        assert derive(name, *arrays, arrays[reused]) is arrays[reused]
        assert np.array_equal(arrays[reused], dZ)


@pytest.mark.parametrize("shape", [(1,), (100,), (33, 10), (4, 3, 200), (2, 0)])
@pytest.mark.parametrize("name", [*NAMES, *networks.UNFUSED])
def test_derivative_from_inputs(rng, name, shape, dtype):
    Z, dA = (2 * rng.standard_normal((2, *shape))).astype(dtype)
    exact = dA.astype(float) * reference.ACTIVATIONS[name][1](Z.astype(float))
    dZ = derive_from_inputs(name, Z, dA)
    assert np.allclose(dZ, exact, rtol=4 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)
    assert np.array_equal(derive_from_inputs(name, np.asfortranarray(Z), dA[::-1][::-1]), dZ)
    if name in NAMES:
        assert np.array_equal(dZ, derive(name, activate(name, Z), dA))
    for reused in (0, 1):
        arrays = [Z.copy(), dA.copy()]
        assert derive_from_inputs(name, *arrays, arrays[reused]) is arrays[reused]
        assert np.array_equal(arrays[reused], dZ)
    work = Z.copy()
    assert np.array_equal(activate(name, work, work), activate(name, Z))


def test_relu_has_slope_zero_at_zero(dtype):
    zero = np.zeros(20, dtype)
    assert not derive("relu", zero, np.ones(20, dtype)).any()


def test_an_overlapping_output_is_as_good_as_any(rng, dtype):
    room = rng.standard_normal(60).astype(dtype)
    expected = activate("tanh", room[:50])
    assert np.array_equal(activate("tanh", room[:50], room[7:57]), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_activations_pass_on_what_is_not_finite(value, dtype):
    Z = np.full((3, 21), 0.5, dtype)
    Z[1, 20] = value
    for name in [*NAMES, "softmax"]:
        with np.errstate(invalid="ignore", over="ignore"):
            exact = f(name, Z.astype(float))
        assert np.allclose(activate(name, Z), exact, rtol=1e-6, equal_nan=True)


def test_activations_that_do_not_fit(dtype):
    Z = np.ones((3, 4), dtype)
    with pytest.raises(ValueError, match="activation is 'rleu'; it must be one of 'identity'"):
        activate("rleu", Z)
    with pytest.raises(TypeError, match="Z has dtype int64"):
        activate("relu", Z.astype(np.int64))
    with pytest.raises(ValueError, match=r"out has shape \(4, 3\).*\(3, 4\)"):
        activate("relu", Z, np.empty((4, 3), dtype))
    with pytest.raises(ValueError, match="needs an axis"):
        activate("softmax", np.array(1, dtype))
    with pytest.raises(ValueError, match="no elementwise derivative"):
        derive("softmax", Z, Z)
    with pytest.raises(ValueError, match=r"\(3, 4\) and dA \(4,\)"):
        derive("relu", Z, Z[0])
    with pytest.raises(TypeError, match="dA has dtype int64"):
        derive("relu", Z, Z.astype(np.int64))
    with pytest.raises(ValueError, match="derivative of 'gelu' takes the inputs Z; call derive_from_inputs"):
        derive("gelu", Z, Z)
    with pytest.raises(ValueError, match="no elementwise derivative"):
        derive_from_inputs("softmax", Z, Z)
    with pytest.raises(ValueError, match=r"Z has shape \(3, 4\) and dA \(4,\)"):
        derive_from_inputs("relu", Z, Z[0])
    with pytest.raises(TypeError, match="Z has dtype int64"):
        derive_from_inputs("relu", Z.astype(np.int64), Z)
