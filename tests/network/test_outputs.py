"""Predictions into arrays of the caller, in bounded memory, and never inf or NaN without an error."""

import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from golden.data import CompressedRows

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype("float32")
CLASSES = np.arange(60) % 3
V = 5 + X[:, 0].astype("float64")
TEXTS = np.array(["low", "middle", "high"])[CLASSES]


def network(outputs, loss="mse", **parameters):
    options = {"seed": 0, "optimizer": cnn.Adam(0.05), **parameters}
    return cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(outputs)], loss=loss, **options)


def classifier(y=CLASSES, **parameters):
    return network(3, "softmax_cross_entropy", **parameters).fit(X, y, epochs=3)


MODELS = {
    "classes": classifier(),
    "texts": classifier(TEXTS),
    "two classes": network(1, "binary_cross_entropy").fit(X, CLASSES > 0, epochs=3),
    "labels": network(3, "binary_cross_entropy").fit(X, X[:, :3] > 0, epochs=3),
    "ordinal": network(2, "ordinal").fit(X, CLASSES, epochs=3),
    "values": network(1).fit(X, V, epochs=3),
    "scaled": network(1, scale_targets=True).fit(X, V, epochs=3),
    "float64": network(1, dtype="float64").fit(X, V, epochs=3),
    "two columns": network(2, scale_targets=True).fit(X, np.column_stack([V, -V]), epochs=3),
    "quantiles": network(3, "quantile", scale_targets=True).fit(X, V, epochs=3),
    "normal": network(2, "gaussian_nll", scale_targets=True).fit(X, V, epochs=3),
    "counts": network(1, "poisson").fit(X, CLASSES, epochs=3),
    "estimator": cnn.MLPRegressor(max_iter=3, scale_targets=True).fit(X, V),
    "estimator of classes": cnn.MLPClassifier(max_iter=3).fit(X, CLASSES),
    "estimator of texts": cnn.MLPClassifier(max_iter=3).fit(X, TEXTS),
    "estimator of two": cnn.MLPClassifier(max_iter=3).fit(X, CLASSES > 0),
}
METHODS = ["predict", "predict_proba", "decision_function"]


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_out(name, method, rows):
    model = MODELS[name]
    try:
        expected = getattr(model, method)(X[:rows])
    except (AttributeError, ValueError):  # probabilities of values
        assert method != "predict"
        return
    for of_x in (X[:rows], X[:rows].tolist(), CompressedRows(X[:rows])):
        out = np.empty_like(expected)
        assert getattr(model, method)(of_x, out=out) is out
        assert out.tobytes() == expected.tobytes()
    for bad in (
        np.empty((rows + 1, *expected.shape[1:]), expected.dtype),
        np.empty((rows, 7), expected.dtype),
    ):
        with pytest.raises(ValueError, match=f"out has shape .*{rows}"):
            getattr(model, method)(X[:rows], out=bad)
    with pytest.raises(TypeError, match=r"out|type"):
        getattr(model, method)(X[:rows], out=[0.0] * rows)
    with pytest.raises(ValueError, match="out has"):
        getattr(model, method)(X[:rows], out=np.empty(expected.shape, "complex128"))


@pytest.mark.parametrize(
    "name", ["values", "scaled", "float64", "two columns", "quantiles", "normal", "estimator"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_in_either_dtype(name, dtype):
    model = MODELS[name]
    expected = model.predict(X)
    out = np.empty(expected.shape, dtype)
    assert model.predict(X, out=out) is out
    assert np.allclose(out, expected, rtol=1e-6)
    assert out.dtype == dtype


def test_distributions():
    mean, std = MODELS["normal"].predict_distribution(X)
    out = np.empty(60), np.empty(60, "float32")
    found = MODELS["normal"].predict_distribution(X, out=out)
    assert all(a is b for a, b in zip(found, out, strict=True))
    assert np.allclose(out[0], mean)
    assert np.allclose(out[1], std)


@pytest.mark.parametrize("name", ["values", "scaled", "two columns", "estimator"])
def test_values_need_no_memory(name):
    model = MODELS[name]
    many = np.repeat(X, 5000, axis=0)
    out = model.predict(many)
    tracemalloc.start()
    model.predict(many, out=out)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    model.predict(many, out=out)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 200  # of the interpreter
    assert peak - before < 200_000  # workspace of the core for some rows; `out` has 2.4 MB


# ---- memory


@pytest.mark.parametrize("estimator", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_many_classes_in_bounded_memory(estimator, sparse):
    """The probabilities of all rows would take 48 MB."""
    y = np.arange(600)
    few = rng.normal(size=(600, 5)).astype("float32")
    net = cnn.Network([cnn.Dense(600)], seed=0).fit(few, y, epochs=1)
    if estimator:
        net = cnn.MLPClassifier(hidden_layer_sizes=(), max_iter=1).fit(few, y)
    many = np.tile(few, (34, 1))[:20_001]
    expected = np.argmax(net.predict_proba(many), axis=1)
    X = CompressedRows(many) if sparse else many
    out = np.empty(20_001, np.int64)
    tracemalloc.start()
    predicted = net.predict(X)
    assert net.predict(X, out=out) is out
    score = net.score(X, expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert predicted.tolist() == expected.tolist() == out.tolist()
    assert score == 1
    assert peak < (
        20e6 if sparse else 8e6
    )  # 4 MB of probabilities, and labels; sparse rows are checked and copied


def test_the_row_of_an_error_counts_from_the_first_block():
    net = cnn.Network([cnn.Dense(600)], seed=0).fit(X.repeat(10, axis=0), np.arange(600), epochs=1)
    many = np.tile(X, (100, 1))
    many[5001, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN: row 5001, column 2"):
        net.predict(many)


# ---- finite


def huge(row=7, number=3e38):
    far = X.copy()
    far[row] = number
    return far


ENTRANCES = {
    "predict": ("identity", lambda net, X: net.predict(X)),
    "predict_proba": ("identity", lambda net, X: net.predict_proba(X)),
    "decision_function": ("identity", lambda net, X: net.decision_function(X)),
    "score": ("identity", lambda net, X: net.score(X, CLASSES)),
    "out": ("identity", lambda net, X: net.predict(X, out=np.empty(60, int))),
    "transform": ("identity", lambda net, X: net.transform(X)),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_outputs_beyond_the_range(entrance):
    activation, call = ENTRANCES[entrance]
    layers = [cnn.Dense(8, activation, init=cnn.Normal(9.0)), cnn.Dense(3, init=cnn.Normal(9.0))]
    net = cnn.Network(layers, seed=0, optimizer=cnn.SGD(1e-9)).fit(X, CLASSES, epochs=1)
    with pytest.raises(ValueError, match=r"Row 7 of X has .* beyond the range of float32 \(1 of 60 rows\)"):
        call(net, huge())
    assert np.isfinite(call(net, X)).all()


@pytest.mark.parametrize("rows", [slice(7, 8), slice(None)])
@pytest.mark.parametrize("link", ["poisson", "gaussian_nll"])
def test_exponentials_beyond_the_range(link, rows):
    outputs = 2 if link == "gaussian_nll" else 1
    net = cnn.Network([cnn.Dense(outputs, init=np.ones((4, outputs)))], loss=link, optimizer=cnn.SGD(1e-9))
    net.fit(X, CLASSES, epochs=1)
    far = huge(number=1e3)[rows]
    call = net.predict if link == "poisson" else net.predict_distribution
    first = 7 if len(far) > 1 else 0
    with pytest.raises(ValueError, match=f"Row {first} of X has .* beyond the range of float"):
        call(far)
    call(X[rows])


def test_weights_that_are_not_finite():
    model = cnn.MLPRegressor(max_iter=2).fit(X, V)
    model.coefs_[0][0, 0] = np.inf
    for call in (model.predict, model.network_.predict, lambda X: model.score(X, V)):
        with pytest.raises(ValueError, match="The network has weights that are not finite"):
            call(X)


def test_a_scaled_row_beyond_the_range():
    net = network(1, input_scale=1e10, standardize=False).fit(1e-10 * X, V, epochs=1)
    with pytest.raises(ValueError, match=r"X is beyond the range of float32 once scaled by 1e\+10"):
        net.predict(huge(number=1e30))


def test_predictions_that_only_float64_holds():
    net = network(1, scale_targets=True).fit(X, 1e200 * V, epochs=1)
    assert np.isfinite(net.predict(X)).all()
    with pytest.raises(ValueError, match="A prediction in units of y is beyond the range of its dtype"):
        net.predict(X, out=np.empty(60, "float32"))


def test_a_network_that_diverged_predicts_finite_numbers():
    net = network(1, optimizer=cnn.SGD(1.0))
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, V, epochs=1000, batch_size="full")
    assert np.isfinite(net.predict(X)).all()
