"""Weighted means of the outputs of several networks, compared with NumPy and with each network alone."""

import threading

import numpy as np
import pytest

from cnn_core.layers import Layers, MeanOfLayers, Units
from cnn_core.sparse import SparseRows

LOGITS, LINKED, BOTH = range(3)
WEIGHTS = [0.5, 0.2, 0.3]
COLUMNS = 7


def networks(top, dtype="float32", *, n_outputs=3, encodes=False, tables=(True, True, False), scales=True):
    """Return networks of different depth and width that read rows in the same way."""
    made = []
    for seed, hidden in enumerate([(40,), (9, 9), (33,)]):
        rng = np.random.default_rng(seed)
        inputs = COLUMNS + 5 if encodes else COLUMNS
        norms = [None, "layer", None] if len(hidden) == 2 else [None, None]
        activations = ["relu", "silu", "tanh"][: len(hidden)]
        layers = Layers((inputs, *hidden, n_outputs), [*activations, top], dtype=dtype, norms=norms)
        for W, b in layers.views():
            W[...] = rng.normal(size=W.shape)
            b[...] = rng.normal(size=b.shape)
        if encodes:
            lower = [-1.0, 0.0, 0.5, -0.5, 0.5]
            layers.encode([1, 4], [3, 2], lower, np.ones(5), [-1, 0, 0, -1, 0], [1, 1, 2, 1, 2])
            if tables[seed]:
                layers.tabulate()
        if scales:
            layers.standardize(np.arange(COLUMNS) / 10, np.arange(1, COLUMNS + 1), clipped=2)
        made.append(layers)
    return made


def rows(m, dtype="float32"):
    return np.random.default_rng(m).normal(size=(m, COLUMNS)).astype(dtype)


def alone(layers, X, output, **options):
    return np.array([each.try_forward(X, None, output, 1.0, 1, **options) for each in layers], np.float64)


def expected(layers, X, output):
    """Return the mean with the sum of each number in the order of the networks."""
    total = 0.0
    for weight, outputs in zip(WEIGHTS, alone(layers, X, output), strict=True):
        total = total + outputs * weight
    return total.astype(layers[0].dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("top", ["identity", "softmax", "sigmoid", "exp"])
def test_the_mean_is_that_of_each_network_alone(top, dtype):
    layers = networks(top, dtype)
    together = MeanOfLayers(layers, WEIGHTS)
    for m in (1, 3, 64, 700):
        for output in (LOGITS, LINKED):
            found = together.try_forward(rows(m), None, output, 1.0, 1)
            assert np.array_equal(found, expected(layers, rows(m), output))


@pytest.mark.parametrize(
    "options", [{"scales": False}, {"encodes": True}, {"encodes": True, "tables": [1, 1, 1]}]
)
def test_every_form_of_rows(options):
    layers = networks("softmax", **options)
    together = MeanOfLayers(layers, WEIGHTS)
    X = rows(301)
    whole = (X * 10).astype(np.int32)
    sparse = SparseRows(
        np.arange(0, 7 * 301 + 1, 7), np.tile(np.arange(7, dtype=np.int32), 301), X.ravel(), 7
    )
    for form in (
        X,
        X.astype("float64"),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[::-1, ::2],
        whole,
        sparse,
    ):
        found = together.try_forward(form, None, LINKED, 1.0, 1)
        assert np.array_equal(found, expected(layers, form, LINKED))


def test_threads_and_other_rows_change_no_bits():
    for layers in (networks("softmax"), networks("sigmoid", encodes=True)):
        together = MeanOfLayers(layers, WEIGHTS)
        X = rows(6000)
        found = together.try_forward(X, None, LINKED, 1.0, 1)
        _, logits = together.try_logits(X, None, LINKED, 1.0, 1)
        assert np.array_equal(together.try_forward(X, None, LINKED, 1.0, 2), found)
        assert np.array_equal(together.try_logits(X, None, LINKED, 1.0, 2)[1], logits)
        for start, stop in ((0, 1), (5, 6), (7, 300), (1000, 3003), (5999, 6000)):
            assert np.array_equal(
                together.try_forward(X[start:stop], None, LINKED, 1.0, 1), found[start:stop]
            )
            part = together.try_logits(X[start:stop], None, LINKED, 1.0, 1)[1]
            assert np.array_equal(part, logits[start:stop])


@pytest.mark.parametrize("top", ["softmax", "sigmoid"])
def test_logits_of_the_mean(top):
    layers = networks(top, "float64")
    X = rows(50)
    out, logits = MeanOfLayers(layers, WEIGHTS).try_logits(X, None, LINKED, 1.0, 1)
    mean = expected(layers, X, LINKED)
    assert out.shape == (50, 3)
    assert out.dtype == np.float64
    if top == "softmax":
        linked = np.exp(logits)  # they are logarithms of the mean itself
        np.testing.assert_allclose(linked.sum(axis=1), 1, rtol=1e-14)
    else:
        linked = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(linked, mean, rtol=1e-13)  # exp multiplies the rounding of logits up to 10


def test_logits_where_probabilities_round_to_0():
    layers = networks("sigmoid", n_outputs=1)
    for each in layers:
        each.views()[-1][1][...] = -1000
    _, logits = MeanOfLayers(layers, WEIGHTS).try_logits(rows(5), None, LINKED, 1.0, 1)
    z = alone(layers, rows(5), LOGITS)
    # The logit of a mean of tiny probabilities is the log of the mean of exp(z).
    shifted = z.max(axis=0)
    mean = shifted + np.log(np.average(np.exp(z - shifted), axis=0, weights=WEIGHTS))
    np.testing.assert_allclose(logits, mean, rtol=1e-13)
    assert (logits < -900).all()


def test_both_classes_and_given_arrays():
    layers = networks("sigmoid", n_outputs=1)
    together = MeanOfLayers(layers, WEIGHTS)
    X = rows(20)
    out = np.empty((20, 2), np.float32)
    assert together.try_forward(X, out, BOTH, 1.0, 1) is out
    assert np.array_equal(out, expected(layers, X, BOTH))
    assert together.try_logits(X, out, BOTH, 1.0, 1)[0] is out
    for wrong in (np.empty((20, 1), np.float32), np.empty((20, 2))):
        with pytest.raises(ValueError, match="out has shape"):
            together.try_forward(X, wrong, BOTH, 1.0, 1)
    with pytest.raises(ValueError, match="no such form"):
        MeanOfLayers(networks("softmax"), WEIGHTS).try_forward(X, None, BOTH, 1.0, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units(dtype):
    layers = networks("identity", n_outputs=2)
    units = Units(dtype, [2.0, 3.0], [1e6, -1.0])
    found = MeanOfLayers(layers, WEIGHTS).try_forward(rows(100), None, LINKED, 1.0, 1, units)
    total = np.zeros((100, 2))
    for weight, outputs in zip(WEIGHTS, alone(layers, rows(100), LINKED), strict=True):
        total = total + outputs * weight
    assert found.dtype == dtype
    assert np.array_equal(found, (total * [2.0, 3.0] + [1e6, -1.0]).astype(dtype))


@pytest.mark.parametrize(
    "units", [Units("float64", as_vector=True), Units("float32", [2.0], [5.0], as_vector=True)]
)
def test_vectors_in_units(units):
    """A new array of one output per row is a vector; one that is passed keeps its shape."""
    layers = networks("identity", n_outputs=1)
    for one in (layers[0], MeanOfLayers(layers, WEIGHTS)):
        column = np.empty((7, 1), np.float32)
        assert one.try_forward(rows(7), column, LINKED, 1.0, 1, units) is column
        found = one.try_forward(rows(7), None, LINKED, 1.0, 1, units)
        assert found.shape == (7,)
        np.testing.assert_array_equal(found.astype(column.dtype), column[:, 0])
    several = networks("identity", n_outputs=2)[0]
    units = Units("float64", as_vector=True)
    assert several.try_forward(rows(7), None, LINKED, 1.0, 1, units).shape == (7, 2)


def test_rows_that_cannot_be_read_or_are_not_finite():
    together = MeanOfLayers(networks("softmax"), WEIGHTS)
    X = rows(500)
    for form in (X[:0], X[:, :3], X.tolist(), X.astype(complex), None):
        assert together.try_forward(form, None, LINKED, 1.0, 1) is None
        assert together.try_logits(form, None, LINKED, 1.0, 1) is None
    broken = X.copy()
    for bad in (np.nan, np.inf):
        broken[499, 3] = bad
        assert together.try_forward(broken, None, LINKED, 1.0, 1) is None
    plain = networks("identity", scales=False)
    broken[499, 3] = 3e38  # an output of one network overflows
    assert MeanOfLayers(plain, WEIGHTS).try_forward(broken, None, LINKED, 1.0, 1) is None


def test_networks_that_differ():
    layers = networks("softmax")
    user = Layers((COLUMNS, 3), [(np.tanh, np.cos)])
    others = [
        networks("sigmoid")[0],
        networks("softmax", "float64")[0],
        networks("softmax", n_outputs=2)[0],
        networks("softmax", encodes=True)[0],
        networks("softmax", scales=False)[0],
        user,
        "no layers",
    ]
    assert MeanOfLayers.fits(layers)
    assert not MeanOfLayers.fits([user])
    assert not MeanOfLayers.fits([])
    for other in others:
        assert not MeanOfLayers.fits([layers[0], other])
        with pytest.raises(ValueError, match="differ in their inputs"):
            MeanOfLayers([layers[0], other], [0.5, 0.5])
    for weights in ([1.0], [0.5, 0.0, 0.5], [0.5, np.nan, 0.5]):
        with pytest.raises(ValueError, match="each network needs one above 0"):
            MeanOfLayers(layers, weights)


def test_several_threads_predict_at_once():
    together = MeanOfLayers(networks("softmax"), WEIGHTS)
    X = rows(3000)
    want = together.try_forward(X, None, LINKED, 1.0, 1)
    same = []

    def predict():
        same.extend(np.array_equal(together.try_forward(X, None, LINKED, 1.0, 2), want) for _ in range(5))

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 15
