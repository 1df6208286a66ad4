"""Forward through dense layers: against exact integer sums, the oracle, and bit by bit itself."""

import itertools

import networks
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.stack import Objective, Stack

INPUT_DTYPES = [
    "float32",
    "float64",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
]
SIZE = st.integers(1, 130)


def integer_layer(rng, k, n, dtype, activation="identity"):
    """A layer whose sums are exact in any order: integers of at most 8 make sums far below 2**24."""
    W, b = rng.integers(-8, 9, (k, n)).astype(float), rng.integers(-8, 9, n).astype(float)
    return networks.stack_of([(W, b)], (activation,), dtype), W, b


def integer_rows(rng, m, k, dtype):
    return rng.integers(-8, 9, (m, k)).astype(dtype)


def bits(array):
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def assert_same_bits(a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert np.array_equal(bits(a), bits(b))


@pytest.mark.parametrize("k", [1, 7, 16, 67])
def test_every_row_count_and_width_is_exact(rng, dtype, k):
    X = integer_rows(rng, 130, k, dtype)
    for n in range(1, 131):
        stack, W, b = integer_layer(rng, k, n, dtype)
        exact = (X @ W + b).astype(dtype)
        for m in {*range(1, 18), n, 131 - n, 64 + n % 16, 130}:
            assert np.array_equal(stack.forward(X[:m]), exact[:m]), (m, k, n)


@pytest.mark.parametrize("n", [1, 3, 10, 16, 50])
def test_every_row_count_and_depth_of_sum_is_exact(rng, dtype, n):
    for k in range(1, 131):
        stack, W, b = integer_layer(rng, k, n, dtype)
        X = integer_rows(rng, 130, k, dtype)
        exact = (X @ W + b).astype(dtype)
        for m in {1, 2, 3, 4, 5, 8, 13, k, 131 - k}:
            assert np.array_equal(stack.forward(X[:m]), exact[:m]), (m, k, n)


@given(m=SIZE, sizes=st.lists(SIZE, min_size=2, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_drawn_shapes_are_exact(m, sizes, seed):
    rng = np.random.default_rng(seed)
    network = [(np.zeros((k, n)), rng.integers(-3, 4, n).astype(float)) for k, n in itertools.pairwise(sizes)]
    for W, _ in network:  # one or two entries a column, so that deep sums stay small integers
        W[rng.integers(0, W.shape[0], W.shape[1]), np.arange(W.shape[1])] = rng.integers(1, 4, W.shape[1])
        W[rng.integers(0, W.shape[0], W.shape[1]), np.arange(W.shape[1])] = -1
    activations = ("relu",) * (len(network) - 1) + ("identity",)
    X = rng.integers(-8, 9, (m, sizes[0]))
    exact = reference.forward(network, activations, X.astype(float))
    for dtype in ("float32", "float64"):
        stack = networks.stack_of(network, activations, dtype)
        assert np.array_equal(stack.forward(X), exact.astype(dtype))


@pytest.mark.parametrize(
    "sizes",
    [(5000, 4), (5000, 33), (3000, 50, 10), (784, 128, 10), *[(40, n) for n in range(1, 6)], (17, 200, 1)],
)
@pytest.mark.parametrize("hidden", ["relu", "tanh"])
def test_forward_equals_the_oracle(rng, dtype, sizes, hidden):
    case = networks.draw(rng, sizes, hidden, m=37, dtype=dtype)
    X, _ = case.wide
    expected = reference.forward(case.network, case.activations, X, link=False)
    got = case.stack.forward(case.X, link=False)
    # A sum of k terms errs by about sqrt(k) roundings of its size; a lost term would err by 1 / k of it.
    bound = networks.EPS[dtype] * (4 + np.sqrt(max(sizes)))
    assert np.abs(got - expected).max() <= bound * np.abs(expected).max()
    probabilities = case.stack.forward(case.X)
    assert np.abs(probabilities - reference.softmax(expected)).max() <= 2 * bound * np.abs(expected).max()
    assert np.abs(probabilities.sum(axis=1) - 1).max() <= 8 * networks.EPS[dtype]


@pytest.mark.parametrize("biases", [[True, False, True], [False, True, False], [False, False, False]])
def test_layers_without_bias(rng, dtype, biases):
    case = networks.draw(rng, (9, 17, 5, 3), "sigmoid", m=20, dtype=dtype, biases=biases)
    expected = reference.forward(case.network, case.activations, case.wide[0])
    assert [b is not None for _, b in case.stack.views()] == biases
    assert np.abs(case.stack.forward(case.X) - expected).max() <= 16 * networks.EPS[dtype]


# -- what X may be ---------------------------------------------------------------------------------


def unaligned(X):
    """The same numbers one byte off their natural alignment."""
    raw = np.empty(X.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(X.tobytes(), np.uint8)
    return np.frombuffer(raw, X.dtype, offset=1).reshape(X.shape)


def every_second(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": every_second,
    "rows reversed": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "columns reversed": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "rows apart": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "offset": lambda X: np.concatenate([X[:1, 0], X.ravel()])[1:].reshape(X.shape),
    "unaligned": unaligned,
    "read-only": read_only,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("input_dtype", INPUT_DTYPES)
def test_every_input_dtype_and_layout(rng, dtype, input_dtype, layout, n_threads):
    low, high = (0, 2) if input_dtype == "bool" else (0 if input_dtype.startswith("u") else -99, 100)
    plain = rng.integers(low, high, (43, 21)).astype(input_dtype)
    if input_dtype.startswith("float"):
        plain += rng.random(plain.shape).astype(input_dtype)
    X = LAYOUTS[layout](plain)
    assert np.array_equal(X, plain)
    assert X.dtype == plain.dtype
    before = X.tobytes()
    stack = networks.draw(rng, (21, 19, 4), "tanh", "mse", dtype=dtype).stack
    expected = stack.forward(plain.astype(dtype))
    assert_same_bits(stack.forward(X, n_threads=n_threads), expected)
    assert X.tobytes() == before
    with_scale = stack.forward(X, scale=1 / 255, n_threads=n_threads)
    assert_same_bits(with_scale, stack.forward(plain.astype(dtype) * np.dtype(dtype).type(1 / 255)))
    assert not np.array_equal(with_scale, expected)


def test_rows_repeated_by_a_stride_of_zero(rng, dtype):
    stack = networks.draw(rng, (6, 5, 3), dtype=dtype).stack
    row = rng.standard_normal((1, 6)).astype(dtype)
    assert_same_bits(
        stack.forward(np.broadcast_to(row, (100, 6))), np.repeat(stack.forward(row), 100, axis=0)
    )


@pytest.mark.parametrize("bad", ["float16", "complex64", "longdouble", "datetime64[s]", "S3", object])
def test_other_dtypes_are_refused(rng, bad):
    stack = networks.draw(rng, (6, 3)).stack
    with pytest.raises(TypeError):
        stack.forward(np.zeros((2, 6)).astype(bad))


@pytest.mark.parametrize("swapped", ["f4", "f8", "i4", "u2"])
def test_the_other_byte_order_is_refused(rng, swapped):
    stack = networks.draw(rng, (6, 3)).stack
    with pytest.raises(TypeError):
        stack.forward(np.zeros((2, 6), np.dtype(swapped).newbyteorder()))


@pytest.mark.parametrize("width", [1, 5, 7, 16])
def test_a_wrong_width_is_refused_with_both_numbers(rng, width):
    stack = networks.draw(rng, (6, 3)).stack
    with pytest.raises(ValueError, match=rf"\b{width}\b.*\b6\b"):
        stack.forward(np.zeros((2, width)))


@pytest.mark.parametrize("shape", [(), (6,), (2, 3, 6)])
def test_other_than_two_dimensions_are_refused(rng, shape):
    stack = networks.draw(rng, (6, 3)).stack
    with pytest.raises(ValueError, match="shape"):
        stack.forward(np.zeros(shape))


@pytest.mark.parametrize("value", [None, "x", 3.0, [[1.0] * 6]])
def test_other_than_arrays_are_refused(rng, value):
    stack = networks.draw(rng, (6, 3)).stack
    with pytest.raises(TypeError):
        stack.forward(value)


# -- out, link, threads, rows ----------------------------------------------------------------------


def test_out_is_filled_and_returned(rng, dtype, n_threads):
    case = networks.draw(rng, (30, 20, 7), m=50, dtype=dtype)
    expected = case.stack.forward(case.X)
    out = np.full((50, 7), np.nan, dtype)
    assert case.stack.forward(case.X, out, n_threads=n_threads) is out
    assert_same_bits(out, expected)
    frame = np.full((52, 7), -1, dtype)
    case.stack.forward(case.X, frame[1:-1])
    assert_same_bits(frame[1:-1], expected)
    assert (frame[[0, -1]] == -1).all()


def test_a_wrong_out_is_refused_and_left_alone(rng):
    case = networks.draw(rng, (6, 3), m=4)
    other = {"rows": (5, 3), "columns": (4, 2), "flat": (12,)}
    for shape in other.values():
        out = np.full(shape, 5.0)
        with pytest.raises(ValueError, match="out"):
            case.stack.forward(case.X, out)
        assert (out == 5).all()
    for wrong in (np.zeros((4, 3), "float32"), read_only(np.zeros((4, 3))), np.zeros((3, 4)).T):
        with pytest.raises(ValueError, match="out"):
            case.stack.forward(case.X, wrong)
    square = networks.draw(rng, (3, 3), m=4)
    with pytest.raises(ValueError, match="overlap"):
        square.stack.forward(square.X, square.X)


@pytest.mark.parametrize("loss", networks.LOSSES)
def test_link_false_gives_the_logits(rng, dtype, loss):
    case = networks.draw(rng, (8, 11, 5), loss=loss, m=9, dtype=dtype)
    logits = case.stack.forward(case.X, link=False)
    linked = reference.ACTIVATIONS[case.activations[-1]][0](logits.astype(float))
    assert np.abs(case.stack.forward(case.X) - linked).max() <= 8 * networks.EPS[dtype] * max(
        1, np.abs(linked).max()
    )
    assert loss == "mse" or not np.allclose(logits, linked)


# Narrow, wide, deep, one output, one input, and wide enough for blocks of W: each may take a kernel of its
# own.
SHAPES = [
    *[(784, 128, 10), (12, 5, 3), (5000, 3), (300, 1), (1, 40, 2), (64, 50, 50, 50, 1), (100, 700, 9)],
    *[
        (784, 50, 10),
        (261, 130, 300, 100),
        (2100, 26),
        (5003, 50),
    ],  # with copies for many rows, and too large for one
]


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "tanh"])
def test_a_row_has_the_same_bits_in_any_batch(rng, dtype, n_threads, sizes, hidden):
    case = networks.draw(rng, sizes, hidden, m=512, dtype=dtype)
    row_by_row = np.vstack([case.stack.forward(row[None]) for row in case.X])
    for m in (1, 2, 7, 37, 131, 262, 512):
        for start in {0, (512 - m) // 2, 512 - m}:
            batch = case.stack.forward(case.X[start : start + m], n_threads=n_threads)
            assert_same_bits(batch, row_by_row[start : start + m])


@pytest.mark.parametrize("m", [0, 1, 1000])
def test_any_number_of_rows_has_its_output(rng, dtype, n_threads, m):
    case = networks.draw(rng, (20, 30, 4), m=max(m, 1), dtype=dtype)
    assert case.stack.forward(case.X[:m], n_threads=n_threads).shape == (m, 4)


# -- the arena -------------------------------------------------------------------------------------


def test_views_are_the_parameters(rng, dtype):
    stack = Stack((7, 5, 3), ("relu", "softmax"), biases=[True, False], dtype=dtype)
    assert stack.n_parameters == 7 * 5 + 5 + 5 * 3
    assert stack.parameters.dtype == stack.gradients.dtype == np.dtype(dtype)
    shapes = [(W.shape, None if b is None else b.shape) for W, b in stack.views()]
    assert shapes == [((7, 5), (5,)), ((5, 3), None)]
    for W, b in stack.views():
        assert np.shares_memory(W, stack.parameters)
        assert b is None or np.shares_memory(b, stack.parameters)
    X = rng.standard_normal((4, 7))
    before = stack.forward(X)
    networks.write(stack, reference.initial_weights((7, 5, 3), rng, [True, False]))
    assert not np.array_equal(stack.forward(X), before)


@pytest.mark.parametrize("optimizer", networks.HYPER)
def test_padding_stays_exactly_zero(rng, dtype, n_threads, optimizer):
    case = networks.draw(rng, (21, 19, 5, 3), "sigmoid", m=50, dtype=dtype)
    case.stack.set_optimizer(optimizer)
    for _ in range(3):
        case.stack.train(
            case.X,
            case.y,
            Objective(case.loss, l1=0.01, l2=0.1, n_threads=n_threads),
            None,
            np.full(4, 0.1),
            batch_size=16,
        )
    case.stack.gradient(case.X, case.y, Objective(case.loss, l1=0.01, l2=0.1, n_threads=n_threads))
    for i, flat in enumerate((case.stack.parameters, case.stack.gradients, *case.stack.moments)):
        if (optimizer, i) != ("rprop", 2):  # its last gradients are 0 where the sign has changed
            assert np.count_nonzero(flat) >= 0.9 * case.stack.n_parameters
        assert np.count_nonzero(networks.padding(case.stack, flat)) == 0


def test_inputs_are_never_changed(rng, dtype, n_threads):
    for loss in networks.LOSSES:
        case = networks.draw(rng, (10, 8, 3), loss=loss, m=40, dtype=dtype)
        order, rates = rng.permutation(40), np.full(5, 0.1)
        arrays = (case.X, case.y, order, rates)
        before = [a.tobytes() for a in arrays]
        for a in arrays:
            a.flags.writeable = False
        parameters = case.stack.parameters.copy()
        case.stack.gradient(case.X, case.y, Objective(loss, n_threads=n_threads))
        case.stack.loss(case.X, case.y, Objective(loss, n_threads=n_threads))
        case.stack.forward(case.X, n_threads=n_threads)
        assert_same_bits(case.stack.parameters, parameters)
        case.stack.set_optimizer("adam")
        case.stack.train(case.X, case.y, Objective(loss, n_threads=n_threads), order, rates, batch_size=8)
        assert [a.tobytes() for a in arrays] == before
        assert not np.array_equal(case.stack.parameters, parameters)
