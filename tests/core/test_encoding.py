"""Piecewise-linear encoding in the core: every form of X, training, derivatives, and arguments that cannot be used."""

import numpy as np
import pytest
import reference

from cnn_core.encoding import first_inputs
from cnn_core.layers import Layers
from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, Stack

M, K = 83, 5
EDGES = {
    1: np.array([-1.0, -0.25, 0.5, 2.0]),
    4: np.linspace(-2, 2, 18),
}  # 3 bins, and 17: more than a vector
GAIN = 0.5
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}  # some roundings of numbers below 4


def arguments(edges=EDGES, gain=GAIN):
    lower, factor, low, high = [], [], [], []
    for e in edges.values():
        n = len(e) - 1
        lower.append(e[:-1])
        factor.append(gain / np.diff(e))
        low.append(np.append(-gain, np.zeros(n - 1)))
        high.append(np.append(np.full(n - 1, gain), 2 * gain))
    bins = [len(e) - 1 for e in edges.values()]
    return list(edges), bins, *map(np.concatenate, (lower, factor, low, high))


def by_hand(z, clipped=0, edges=EDGES):
    columns = np.concatenate([reference.smooth_clip(z[:, :clipped]), z[:, clipped:]], axis=1)
    return np.concatenate([columns, *(reference.bins(z[:, j], e, GAIN) for j, e in edges.items())], axis=1)


def drawn(seed=0):
    return np.random.default_rng(seed).normal(size=(M, K)) * 1.5


def stacks(dtype, clipped=0, statistics=None, n_hidden=7):
    """A stack that encodes, and one with the same weights that takes encoded rows."""
    width = K + sum(len(e) - 1 for e in EDGES.values())
    found = [Stack((width, n_hidden, 2), ("tanh", "identity"), None, dtype) for _ in range(2)]
    for stack in found:
        rng = np.random.default_rng(7)
        for W, b in stack.views():
            W[...], b[...] = 0.4 * rng.normal(size=W.shape), 0.4 * rng.normal(size=b.shape)
        stack.set_optimizer("sgd")
    found[0].encode(*arguments())
    if statistics is not None:
        found[0].standardize(*statistics, clipped)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind", ["float64", "float32", "int8", "uint16", "int64", "bool", "F", "strided", "reversed", "sparse"]
)
@pytest.mark.parametrize("standardized", [False, True])
def test_every_form_of_rows(dtype, kind, standardized):
    X = drawn()
    if kind in ("int8", "uint16", "int64", "bool"):
        X = (np.abs(X * 2) if kind == "uint16" else X * 2).astype(kind)
    elif kind in ("float32", "float64"):
        X = X.astype(kind)
    given, scale = X, 1.0 if standardized else 0.75
    if kind == "F":
        given = np.asfortranarray(X)
    elif kind == "strided":
        given = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    elif kind == "reversed":
        given = X[::-1, ::-1].copy()[::-1, ::-1]
    elif kind == "sparse":
        X = np.where(np.arange(M * K).reshape(M, K) % 3 > 0, X, 0)
        filled = [np.flatnonzero(row) for row in X]
        starts = np.append(0, np.cumsum([len(row) for row in filled]))
        given = SparseRows(starts, np.concatenate(filled), X[X != 0], K)
    statistics = (np.linspace(-1, 1, K), np.linspace(0.5, 2, K)) if standardized else None
    exact = X.astype(np.float64)
    z = (exact - statistics[0]) / statistics[1] if statistics else exact * scale
    encodes, plain = stacks(dtype, 3 if standardized else 0, statistics)
    rows = by_hand(z, 3 if standardized else 0).astype(dtype)
    assert (encodes.columns, encodes.sizes[0]) == (K, rows.shape[1])
    options = {"rtol": 10 * TOLERANCE[dtype], "atol": 20 * TOLERANCE[dtype]}
    for n_threads in (1, 2):
        found = encodes.forward(given, scale=scale, n_threads=n_threads)
        np.testing.assert_allclose(found, plain.forward(rows), **options)
        np.testing.assert_allclose(encodes.hidden(given, 1, scale=scale), plain.hidden(rows, 1), **options)
        answer = encodes.try_forward(given, None, 1, scale, n_threads)
        np.testing.assert_array_equal(answer, found)
    if kind != "sparse":
        alone = np.concatenate(
            [encodes.try_forward(given[i : i + 1], None, 1, scale, None) for i in range(M)]
        )
        np.testing.assert_array_equal(alone, found)
        np.testing.assert_allclose(first_inputs(encodes, X, scale), rows, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [10, M])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_training(dtype, batch_size, n_threads):
    X, y = drawn(), np.random.default_rng(1).normal(size=(M, 2)).astype(dtype)
    statistics = np.linspace(-1, 1, K), np.linspace(0.5, 2, K)
    encodes, plain = stacks(dtype, 2, statistics)
    rows = by_hand((X - statistics[0]) / statistics[1], 2).astype(dtype)
    order = np.random.default_rng(2).permutation(M)
    objective = Objective("mse", n_threads=n_threads)
    options = {"rtol": 10 * TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    np.testing.assert_allclose(encodes.loss(X, y, objective), plain.loss(rows, y, objective), **options)
    encodes.gradient(X, y, objective)
    plain.gradient(rows, y, objective)
    np.testing.assert_allclose(encodes.gradients, plain.gradients, **options)
    for each in (encodes, plain):
        each.set_dropout([0.2, 0.1, 0], 5)
    rates = np.full(-(-M // batch_size), 0.1)
    for _ in range(3):
        one = encodes.train(X, y, objective, order, rates, batch_size=batch_size)
        other = plain.train(rows, y, objective, order, rates, batch_size=batch_size)
        np.testing.assert_allclose(one, other, **options)
    np.testing.assert_allclose(encodes.parameters, plain.parameters, **options)
    copy, captured = encodes.copy(), encodes.present()
    for other in (copy, captured):
        np.testing.assert_array_equal(other.forward(X), encodes.forward(X))
        assert other.columns == K


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clipped", [0, 3])
@pytest.mark.parametrize("standardized", [False, True])
def test_input_gradient(dtype, clipped, standardized):
    X = drawn()
    statistics = (np.linspace(-1, 1, K), np.linspace(0.5, 2, K)) if standardized else None
    clipped, scale = clipped if standardized else 0, 1.0 if standardized else 0.75
    encodes, _ = stacks(dtype, clipped, statistics)
    exact, _ = stacks("float64", clipped, statistics)
    Y = np.random.default_rng(3).normal(size=(M, 2))
    found = encodes.input_gradient(X, Y.astype(dtype), scale=scale)
    assert found.shape == (M, K)
    z = (X - statistics[0]) / statistics[1] if statistics else X * scale
    step = 1e-6
    for j in range(K):
        move = step * (np.arange(K) == j)
        high, low = (exact.forward(X + s * move, scale=scale) for s in (1, -1))
        slope = ((high - low) * Y).sum(axis=1) / (2 * step)
        inside = np.ones(M, bool)
        if j in EDGES:
            ends = np.append(EDGES[j], [2 * EDGES[j][0] - EDGES[j][1], 2 * EDGES[j][-1] - EDGES[j][-2]])
            inside = np.abs(z[:, j, np.newaxis] - ends).min(axis=1) > 1e-5
            assert inside.sum() > 0
        # Errors of the differences, and of float32 in sums of 27 products.
        np.testing.assert_allclose(found[inside, j], slope[inside], atol=1e-8 if dtype == "float64" else 2e-5)


def test_at_and_beyond_the_edges():
    layers = Layers((4, 1), ("identity",), (False,), "float64")
    layers.encode(*arguments({0: EDGES[1]}))
    rows = np.eye(4)
    x = np.array([[-1e300], [-1.75], [-1], [-0.25], [0.125], [2], [3.5], [1e300]])
    expected = [[-0.5, 0, 0], [-0.5, 0, 0], [0, 0, 0], [0.5, 0, 0], [0.5, 0.25, 0], [0.5, 0.5, 0.5]]
    expected += [[0.5, 0.5, 1], [0.5, 0.5, 1]]
    for j in range(4):
        layers.views()[0][0][...] = rows[:, j : j + 1]
        np.testing.assert_array_equal(
            layers.forward(x)[:, 0], x[:, 0] if j == 0 else np.array(expected)[:, j - 1]
        )
    assert layers.try_forward(np.array([[np.nan]]), None, 0, 1.0, None) is None
    assert layers.try_forward(np.array([[np.inf]]), None, 0, 1.0, None) is None


def test_a_clipped_number_beyond_the_range():
    layers = Layers((4, 1), ("identity",), (False,), "float32")
    layers.encode(*arguments({0: EDGES[1]}))
    layers.standardize([0.0], [1.0], 1)
    layers.views()[0][0][...] = 1
    # The clip of a number of any size is 3, and the bins are 0.5 + 0.5 + 1.
    np.testing.assert_array_equal(layers.forward(np.array([[1e30], [1e300], [-1e300]]))[:, 0], [5, 5, -3.5])
    assert layers.try_forward(np.array([[np.inf]]), None, 0, 1.0, None) is None


def test_arguments_that_cannot_be_used():
    stack, _ = stacks("float32")
    columns, bins, *numbers = arguments()
    stack.standardize(np.zeros(K), np.ones(K))
    stack.encode(columns, bins, *numbers)  # once more with as many columns
    with pytest.raises(ValueError, match="mean has shape"):
        stack.standardize(np.zeros(K + 20), np.ones(K + 20))
    with pytest.raises(ValueError, match=r"X has shape \(1, 25\); the stack takes \(m, 5\)"):
        stack.forward(np.zeros((1, K + 20)))
    with pytest.raises(ValueError, match="encode is called before standardize"):
        stack.encode([1], [3], *(part[:3] for part in numbers))
    fresh = Layers(stack.sizes, stack.activations)
    wrong = [
        ([4, 1], bins, numbers, "increasing"),
        ([1, K], bins, numbers, "X has 5 columns"),
        ([-1, 4], bins, numbers, "increasing"),
        (columns, [3, 0], numbers, "at least 1 bin"),
        (columns, [3], numbers, "at least 1 bin"),
        ([], [], [[]] * 4, "at least 1 bin"),
        (columns, [3, 16], numbers, "there are 19 bins"),
        (columns, bins, [numbers[0], -numbers[1], *numbers[2:]], "above zero"),
        (columns, bins, [numbers[0], numbers[1] * 1e-60, *numbers[2:]], "above zero"),
        (columns, bins, [numbers[0] * np.nan, *numbers[1:]], "finite in float32"),
        (columns, bins, [numbers[0], numbers[1] * 1e39, *numbers[2:]], "finite in float32"),
        (columns, bins, [*numbers[:2], numbers[3], numbers[2]], "low is above high"),
        (columns, [3, 24], [np.ones(27)] * 4, "27 are bins"),
    ]
    for chosen, counts, parts, message in wrong:
        with pytest.raises(ValueError, match=message):
            fresh.encode(chosen, counts, *parts)
    assert fresh.encoding is None
    assert fresh.columns == fresh.sizes[0]


# ---- tables for prediction


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 5, 16, 100, 130])
@pytest.mark.parametrize("clipped", [0, 3])
@pytest.mark.parametrize("norm", [None, "layer"])
def test_tables_give_the_same_outputs(dtype, n, clipped, norm):
    width = K + sum(len(e) - 1 for e in EDGES.values())
    options = {"dtype": dtype, "norms": [norm, None], "units_major": False}
    plain, tabulated = (Layers((width, n, 2), ("relu", "identity"), **options) for _ in range(2))
    rng = np.random.default_rng(0)
    for parts in zip(plain.views(), tabulated.views(), strict=True):
        for one, other in zip(*parts, strict=True):
            one[...] = other[...] = rng.normal(size=one.shape)
    for layers in (plain, tabulated):
        layers.encode(*arguments())
    tabulated.tabulate()
    for layers in (plain, tabulated):
        layers.standardize(np.linspace(-1, 1, K), np.linspace(0.5, 2, K), clipped)
    X = np.concatenate([3 * drawn(), drawn(1)])  # also far beyond the outer edges
    X[:18, 4] = EDGES[4] * np.linspace(0.5, 2, K)[4] + 1  # at the edges
    found, expected = tabulated.forward(X), plain.forward(X)
    size = np.abs(expected).max()
    # Sums of 25 products, in another order.
    np.testing.assert_allclose(found, expected, atol=50 * np.finfo(dtype).eps * size)
    for rows in (1, 7, 8, 9, 16, 17, 64, 65):  # bits do not depend on the number of rows
        np.testing.assert_array_equal(tabulated.try_forward(X[:rows], None, 1, 1.0, 1), found[:rows])
    np.testing.assert_array_equal(tabulated.forward(X, n_threads=2), found)
    np.testing.assert_allclose(
        tabulated.hidden(X, 1), plain.hidden(X, 1), atol=50 * np.finfo(dtype).eps * max(1, size)
    )
    X[3, 1] = np.nan
    assert np.isnan(tabulated.forward(X)[3]).all()
    assert tabulated.try_forward(X, None, 1, 1.0, 1) is None


def test_tables_of_other_bins_are_not_made():
    columns, bins, lower, factor, low, high = arguments()
    for changed in ((low, high + np.arange(20)), (low - 1, high)):
        layers = Layers((25, 3), ("identity",))
        layers.views()[0][0][...] = 1
        layers.encode(columns, bins, lower, factor, *changed)
        before = layers.forward(drawn())
        layers.tabulate()
        np.testing.assert_array_equal(layers.forward(drawn()), before)
    with pytest.raises(TypeError, match="tabulate is for Layers"):
        stacks("float32")[0].tabulate()
