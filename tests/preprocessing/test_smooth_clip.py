"""Scaling with a smooth clip: the same as by hand beforehand, in every form of X, in files and in derivatives."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import reference
from compiled_nn.files import network_file
from compiled_nn.files.safetensors_file import open_tensors
from compiled_nn.preprocessing import standardization
from small import bits

from cnn_core.stack import Stack

NAME = "robust_smooth_clip"
# Rounding errors of a few epochs; both sides standardise in float64.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def columns(m=61, seed=0):
    """Columns of unlike scales, with outliers, a constant column, and one of zeros but for 7 rows."""
    X = np.random.default_rng(seed).normal(size=(m, 5)) * [0.1, 3, 30, 1, 1] + [-5, 0, 5, 0, 0]
    X[7, 0], X[8, 1] = 1e4, -1e6
    X[:, 3] = 3.25
    X[:, 4] = 0
    X[::9, 4] = 4
    return X


def statistics(X):
    X = np.asarray(X, np.float64)
    low, median, high = np.percentile(X, (25, 50, 75), axis=0)
    scale = np.where(high == low, (X.max(axis=0) - X.min(axis=0)) / 2, high - low)
    return median, np.where(scale == 0, 1, scale)


def by_hand(X, median, scale):
    return reference.smooth_clip((np.asarray(X, np.float64) - median) / scale)


def network(loss="softmax_cross_entropy", units=3, **parameters):
    parameters = {"seed": 0, "dtype": "float64", "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(7, "tanh"), cnn.Dense(units)], loss=loss, **parameters)


Y = np.arange(61) % 3


# ---- values


def test_numbers_worked_out_by_hand():
    # The quartiles of 0, 1, 2, 3, 4 are 1, 2, 3: median 2, scale 2. z = 0 -> 0; 3 -> 3 / sqrt(2); 4 -> 12 / 5.
    stack = Stack((1, 1), ("identity",), (False,), "float64")
    stack.views()[0][0][...] = 1
    mean, scale = standardization.fit_statistics(np.arange(5.0)[:, np.newaxis], NAME)
    assert (mean.tolist(), scale.tolist()) == ([2], [2])
    stack.standardize(mean, scale, 1)
    x = np.array([[2.0], [8], [10], [-6], [1e300], [-1e308]])
    expected = [0, 3 / np.sqrt(2), 12 / 5, -12 / 5, 3, -3]
    np.testing.assert_allclose(stack.forward(x)[:, 0], expected, rtol=1e-15)
    assert np.isnan(stack.forward(np.array([[np.inf], [-np.inf], [np.nan]]))).all()
    assert stack.clipped == 1
    with pytest.raises(ValueError, match="clipped is 2; the first layer takes 1"):
        stack.standardize(mean, scale, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_statistics(dtype, order, monkeypatch):
    monkeypatch.setattr(standardization, "_COLUMNS", 130)
    X = np.array(columns(), dtype=dtype, order=order)
    for number, expected in zip(standardization.fit_statistics(X, NAME), statistics(X), strict=True):
        np.testing.assert_allclose(number, expected, rtol=1e-13, atol=1e-13)


def test_weighted_statistics_are_those_of_repeated_rows():
    X, counts = columns(), np.arange(61) % 3
    found = standardization.fit_statistics(X, NAME, weights=counts)
    for number, expected in zip(found, statistics(np.repeat(X, counts, axis=0)), strict=True):
        np.testing.assert_allclose(number, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["float64", "float32", "int32", "uint8", "F", "sparse"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_same_as_by_hand(dtype, kind, n_threads):
    X, new = columns(), columns(seed=1)
    X, new = (np.abs(X) % 250, np.abs(new) % 250) if kind in ("int32", "uint8") else (X, new)
    given, given_new = X, new
    if kind == "sparse":
        sparse = pytest.importorskip("scipy.sparse")
        given, given_new = sparse.csr_array(X), sparse.csr_array(new)
    elif kind == "F":
        given = np.asfortranarray(X)
    else:
        given, given_new = X.astype(kind), new.astype(kind)
        X, new = given, given_new
    median, scale = statistics(X)
    inside = network(standardize=NAME, dtype=dtype, n_threads=n_threads).fit(given, Y, epochs=3)
    outside = network(dtype=dtype).fit(by_hand(X, median, scale), Y, epochs=3)
    for one, other in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=TOLERANCE[dtype])
        np.testing.assert_allclose(one[1], other[1], atol=TOLERANCE[dtype])
    expected = outside.predict_proba(by_hand(new, median, scale))
    np.testing.assert_allclose(inside.predict_proba(given_new), expected, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(inside.mean_, median, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(inside.scale_, scale, rtol=1e-13)
    hidden = outside.transform(by_hand(new, median, scale))
    np.testing.assert_allclose(inside.transform(given_new), hidden, atol=TOLERANCE[dtype])
    if kind != "sparse":
        for row in range(3):
            alone = inside.predict_proba(given_new[row : row + 1])
            np.testing.assert_array_equal(alone, inside.predict_proba(given_new)[row : row + 1])
            np.testing.assert_array_equal(inside.predict(given_new[[row]]), inside.predict(given_new)[[row]])


def test_impossible_numbers_have_the_limit():
    net = network(standardize=NAME, dtype="float32").fit(columns(), Y, epochs=2)
    far = columns()
    far[:, 1] = 1e30
    near = far.copy()
    near[:, 1] = 1e300  # beyond float32, and so is its square
    np.testing.assert_array_equal(net.predict_proba(near), net.predict_proba(far))
    far[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        net.predict(far)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_the_gram_matrix(dtype):
    X = np.random.default_rng(0).standard_t(2, size=(12, 1100))  # two panels of columns and more
    parameters = {"standardize": NAME, "dtype": dtype, "optimizer": cnn.SGD(0.01, momentum=0.5)}
    plans = {"batch_size": 12, "epochs": 6}
    found = [network(**parameters).fit(X, Y[:12], gram=gram, **plans) for gram in (True, False)]
    for one, other in zip(found[0].get_weights(), found[1].get_weights(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=10 * TOLERANCE[dtype])


# ---- tables


@pytest.mark.parametrize("embeddings", [None, 2])
def test_only_numbers_of_a_table_are_clipped(embeddings):
    pd = pytest.importorskip("pandas")
    X = columns()
    table = pd.DataFrame({"a": X[:, 0], "kind": np.array(["x", "y", "z"])[np.arange(61) % 3], "b": X[:, 1]})
    median, scale = statistics(X[:, :2])
    clean = by_hand(X[:, :2], median, scale)
    options = {"categorical_features": ["kind"], "embeddings": embeddings}
    inside = network(standardize=NAME, **options).fit(table, Y, epochs=3)
    outside = network(**options).fit(table.assign(a=clean[:, 0], b=clean[:, 1]), Y, epochs=3)
    expected = outside.predict_proba(table.assign(a=clean[:, 0], b=clean[:, 1]))
    np.testing.assert_allclose(inside.predict_proba(table), expected, atol=1e-12)
    assert np.abs(expected - 1 / 3).max() > 0.05  # it has learned something
    table.loc[0, "a"] = np.nan
    assert np.isfinite(inside.predict_proba(table)).all()


# ---- derivatives


@pytest.mark.parametrize("kind", ["dense", "sparse", "table"])
def test_input_gradient(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, size=(61, 4)) * [0.5, 3, 1, 1] + [0, 10, 0, 0]
    X[:, 3] = np.arange(61) % 3
    options = {"categorical_features": [3]} if kind == "table" else {}
    net = network("mse", 2, standardize=NAME, scale_targets=True, **options)
    net.fit(X, rng.normal(size=(61, 2)), epochs=5)
    given = X
    if kind == "sparse":
        given = pytest.importorskip("scipy.sparse").csr_array(X)
    found = net.input_gradient(given)
    for k in range(3):
        step = 1e-5 * (np.arange(4) == k)
        # Central differences: an error of 1e-10 by their length and 1e-11 by rounding.
        slope = (net.predict(X + step) - net.predict(X - step)) / 2e-5
        np.testing.assert_allclose(found[:, :, k], slope, atol=1e-8)
    assert np.abs(found[:, :, :3]).max() > 1e-2


def test_input_gradient_of_many_rows():
    X = np.random.default_rng(0).standard_t(2, size=(3000, 3))
    net = network(standardize=NAME, dtype="float32").fit(X, np.arange(3000) % 3, epochs=1)
    found = net.input_gradient(X)
    np.testing.assert_allclose(found[2500:2600], net.input_gradient(X[2500:2600]), rtol=1e-4, atol=1e-6)
    z = (X - net.mean_) / net.scale_
    V, W = net.get_weights()
    A = np.tanh(reference.smooth_clip(z) @ V[0] + V[1])
    slopes = (1 + (z / 3) ** 2) ** -1.5 / net.scale_
    expected = np.einsum("mh,kh,hn->mnk", 1 - A**2, V[0], W[0]) * slopes[:, np.newaxis]
    np.testing.assert_allclose(found, expected, atol=1e-5)


# ---- files and copies


@pytest.mark.parametrize("table", [False, True])
def test_files_and_copies(table, tmp_path):
    X = columns()
    X[:, 4] = X[:, 4] > 0
    options = {"categorical_features": [4]} if table else {}
    net = network(standardize=NAME, ema=0.5, **options).fit(X, Y, epochs=2)
    net.save(tmp_path / "net")
    net.save_checkpoint(tmp_path / "point")
    found = [
        cnn.load(tmp_path / "net"),
        cnn.load_checkpoint(tmp_path / "point"),
        pickle.loads(pickle.dumps(net)),
    ]
    for other in found:
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
        assert repr(other) == repr(net)
    net.partial_fit(X, Y)
    for other in found[1:]:
        assert bits(other.partial_fit(X, Y)) == bits(net)


def test_format(tmp_path, monkeypatch):
    network(standardize=NAME).fit(columns(), Y, epochs=1).save(tmp_path / "net")
    with open_tensors(tmp_path / "net") as file:
        assert network_file.describe(file).document["format_version"] == 4
    network(standardize="robust").fit(columns(), Y, epochs=1).save(tmp_path / "robust")
    with open_tensors(tmp_path / "robust") as file:
        assert network_file.describe(file).document["format_version"] == 3
    monkeypatch.setattr(network_file, "FORMAT_VERSION", 3)  # as in older versions
    with pytest.raises(
        ValueError, match=r"format version 4; this compiled_nn reads versions up to 3\. Upgrade"
    ):
        cnn.load(tmp_path / "net")


def test_weights_alone_cannot_have_the_clip():
    net = network(standardize=NAME).fit(columns(), Y, epochs=1)
    with pytest.raises(ValueError, match="robust_smooth_clip', and the clip is not linear"):
        net.to_dict()


# ---- after the mean and the standard deviation


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_clip_of_standardised_columns(dtype, tmp_path):
    X, name = columns(), "standard_smooth_clip"
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    clipped = by_hand(X, mean, np.where(deviation == 0, 1, deviation))
    net = network(standardize=name, dtype=dtype).fit(X, Y, epochs=3)
    plain = network(dtype=dtype).fit(clipped, Y, epochs=3)
    assert net.mean_ == pytest.approx(mean, rel=1e-12)
    assert net.scale_ == pytest.approx(np.where(deviation == 0, 1, deviation), rel=1e-12)
    assert net.predict_proba(X) == pytest.approx(plain.predict_proba(clipped), abs=TOLERANCE[dtype])
    far = np.full((1, 5), 1e30)
    assert net.predict_proba(far) == pytest.approx(
        plain.predict_proba(np.full((1, 5), 3.0)), abs=TOLERANCE[dtype]
    )
    net.save(tmp_path / "net")
    assert np.array_equal(cnn.load(tmp_path / "net").predict_proba(X), net.predict_proba(X))
    with pytest.raises(ValueError, match="standard_smooth_clip', and the clip is not linear"):
        net.to_dict()


# ---- estimators and diagnosis


def test_estimators():
    X, new = columns(), columns(seed=1)
    median, scale = statistics(X)
    options = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0}
    for model, y in ((cnn.MLPClassifier, Y), (cnn.MLPRegressor, X[:, 2])):
        inside = model(standardize=NAME, **options).fit(X, y)
        outside = model(**options).fit(by_hand(X, median, scale), y)
        expected = outside.predict(by_hand(new, median, scale))
        np.testing.assert_allclose(inside.predict(new), expected, rtol=1e-4, atol=1e-4)


def test_advice_sees_the_clipped_columns():
    findings = network(standardize=NAME).fit(columns(), Y, epochs=1).diagnose(columns(), Y)
    assert "unscaled_input" not in [finding.name for finding in findings]
