"""Other ways of scaling columns than by mean and deviation, and scaled targets: the same as by hand beforehand."""

import copy
import json
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from compiled_nn.data.samples import read
from compiled_nn.preprocessing import standardization
from small import bits, gradient_pairs

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def columns(m=61, k=5, seed=0):
    """Columns of unlike centres and spreads with a wild number; the last but one constant, the last mostly so."""
    X = np.random.default_rng(seed).normal(size=(m, k)) * np.geomspace(0.1, 30, k) + np.linspace(-5, 5, k)
    X[7, 0] = 1e4
    X[:, -2] = 3.25
    X[:, -1] = 0
    X[::9, -1] = 4
    return X


def by_hand(X, method):
    X = np.asarray(X, np.float64)
    if method == "minmax":
        centre, scale = X.min(axis=0), X.max(axis=0) - X.min(axis=0)
    else:
        ordered = np.sort(X, axis=0)

        def quantile(share):
            place = share * (len(X) - 1)
            low, part = int(place), place - int(place)
            return ordered[low] * (1 - part) + ordered[min(low + 1, len(X) - 1)] * part

        centre, scale = quantile(0.5), quantile(0.75) - quantile(0.25)
    return centre, np.where(scale == 0, 1, scale)


def network(**parameters):
    parameters = {"seed": 0, "dtype": "float64", "optimizer": cnn.Adam(0.01), **parameters}
    return cnn.Network([cnn.Dense(7, "tanh"), cnn.Dense(3)], **parameters)


# ---- columns


@pytest.mark.parametrize("method", ["robust", "minmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_statistics(method, dtype, order, monkeypatch):
    monkeypatch.setattr(standardization, "_BLOCK", 40)
    monkeypatch.setattr(standardization, "_COLUMNS", 130)
    X = np.array(columns(), dtype=dtype, order=order)
    kept = X.copy()
    found = standardization.fit_statistics(X, method)
    for number, expected in zip(found, by_hand(X, method), strict=True):
        assert number.dtype == np.float64
        np.testing.assert_allclose(number, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(X, kept)
    assert found.scale[-2] == 1


@pytest.mark.parametrize("method", ["robust", "minmax"])
def test_statistics_of_sparse_rows(method, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    monkeypatch.setattr(standardization, "_COLUMNS", 130)
    X = columns() * (np.random.default_rng(1).random((61, 5)) < 0.6)
    found = standardization.fit_statistics(read(sparse.csc_array(X), dtype="float64"), method)
    for number, expected in zip(found, standardization.fit_statistics(X, method), strict=True):
        np.testing.assert_array_equal(number, expected)


@pytest.mark.parametrize("method", ["robust", "minmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_as_by_hand(method, dtype):
    X, y = columns(), np.arange(61) % 3
    centre, scale = by_hand(X, method)
    inside = network(standardize=method, dtype=dtype).fit(X, y, epochs=3)
    outside = network(dtype=dtype).fit((X - centre) / scale, y, epochs=3)
    for (W, b), (V, c) in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_allclose(W, V, atol=TOLERANCE[dtype])
        np.testing.assert_allclose(b, c, atol=TOLERANCE[dtype])
    new = columns(seed=1)
    np.testing.assert_allclose(
        inside.predict_proba(new), outside.predict_proba((new - centre) / scale), atol=10 * TOLERANCE[dtype]
    )
    np.testing.assert_allclose(inside.mean_, centre, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(inside.scale_, scale, rtol=1e-13)


def test_minmax_takes_the_training_data_to_the_unit_interval():
    X = columns()
    net = network(standardize="minmax").fit(X, np.arange(61) % 3, epochs=1)
    Z = (X - net.mean_) / net.scale_
    assert Z.min() == 0
    assert Z.max() == 1


def test_standard_is_true():
    X, y = columns(), np.arange(61) % 3
    one, other = network(standardize=True), network(standardize="standard")
    assert repr(one) == repr(other)
    assert bits(one.fit(X, y, epochs=1)) == bits(other.fit(X, y, epochs=1))


def test_a_range_beyond_all_numbers_is_refused():
    X = np.array([[0.0, -1e308], [1.0, 1e308], [2.0, 1e308]])
    with pytest.raises(ValueError, match="Column 1 of X has the range inf"):
        network(standardize="minmax").fit(X, [0, 1, 2])


@pytest.mark.parametrize("method", ["robust", "minmax"])
def test_files_and_copies(method, tmp_path):
    X, y = columns(), np.arange(61) % 3
    net = network(standardize=method).fit(X, y, epochs=1)
    path = tmp_path / "net.safetensors"
    net.save(path)
    document = json.loads(tensors.metadata(path)["compiled_nn"])
    assert document["format_version"] == 3
    assert document["network"]["standardize"] == method
    for other in (cnn.load(path), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
        np.testing.assert_array_equal(other.mean_, net.mean_)
        assert f"standardize={method!r}" in repr(other)


# ---- targets


def line(m=80, outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m, 4))
    Y = X @ rng.normal(size=(4, outputs)) * np.geomspace(300, 0.01, outputs) + np.linspace(1000, -2, outputs)
    return X, Y[:, 0] if outputs == 1 else Y


def regressor(outputs=1, bias=True, **parameters):
    parameters = {"seed": 0, "dtype": "float64", "optimizer": cnn.Adam(0.01), **parameters}
    layers = [cnn.Dense(6, "tanh"), cnn.Dense(outputs, bias=bias)]
    return cnn.Network(layers, loss="mse", **parameters)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [False, True])
def test_targets_as_by_hand(dtype, outputs, bias, standardize):
    X, y = line(outputs=outputs)
    mean, scale = y.mean(axis=0), y.std(axis=0)
    inside = regressor(outputs, bias, dtype=dtype, scale_targets=True, standardize=standardize)
    outside = regressor(outputs, bias, dtype=dtype, standardize=standardize)
    inside.fit(X, y, epochs=3, validation_data=(X, y))
    outside.fit(X, (y - mean) / scale, epochs=3, validation_data=(X, (y - mean) / scale))
    tolerance = TOLERANCE[dtype]
    for (W, b), (V, c) in zip(inside.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_allclose(W, V, atol=tolerance)
        assert (b is None) == (c is None)
    np.testing.assert_allclose(inside.target_mean_, np.atleast_1d(mean), rtol=1e-13)
    np.testing.assert_allclose(inside.target_scale_, np.atleast_1d(scale), rtol=1e-13)
    expected = outside.predict(X) * scale + mean
    np.testing.assert_allclose(inside.predict(X), expected, rtol=10 * tolerance, atol=10 * tolerance)
    assert inside.score(X, y) == pytest.approx(outside.score(X, (y - mean) / scale), abs=10 * tolerance)
    np.testing.assert_allclose(
        inside.history["val_score"], outside.history["val_score"], atol=1e2 * tolerance
    )
    residuals = (inside.predict(X).astype("float64") - y).reshape(80, outputs)
    unit = regressor(outputs, bias, dtype=dtype)
    unit.set_weights(
        [(np.zeros((4, 6)), np.zeros(6)), (np.zeros((6, outputs)), np.zeros(outputs) if bias else None)]
    )
    measured = unit.loss(X, residuals)  # the loss of predicting zero for the residuals
    assert inside.loss(X, y) == pytest.approx(measured, rel=1e3 * tolerance)
    for (dW, _), (dV, _) in zip(
        gradient_pairs(inside, X, y), gradient_pairs(outside, X, (y - mean) / scale), strict=True
    ):
        np.testing.assert_allclose(dW, dV, atol=10 * tolerance)


def test_scaled_targets_help_where_y_is_far_from_one():
    X, y = line(400)
    how = {"dtype": "float32", "optimizer": cnn.Adam(0.01)}
    scaled = regressor(scale_targets=True, **how).fit(X, y, epochs=20).score(X, y)
    assert scaled > 0.95
    assert regressor(**how).fit(X, y, epochs=20).score(X, y) < 0.1


def test_only_the_training_data_count():
    X, y = line()
    net = regressor(scale_targets=True).fit(X[:40], y[:40], epochs=1, validation_data=(X[40:], y[40:]))
    np.testing.assert_allclose(net.target_mean_, [y[:40].mean()], rtol=1e-13)
    net.fit(X[40:], y[40:], epochs=1, warm_start=True)
    np.testing.assert_allclose(net.target_mean_, [y[:40].mean()], rtol=1e-13)
    net.fit(X[40:], y[40:], epochs=1)
    np.testing.assert_allclose(net.target_mean_, [y[40:].mean()], rtol=1e-13)


def test_partial_fit_learns_from_its_first_call():
    X, y = line()
    net = regressor(scale_targets=True).partial_fit(X[:30], y[:30])
    net.partial_fit(X[30:], y[30:] * 9)
    np.testing.assert_allclose(net.target_scale_, [y[:30].std()], rtol=1e-13)


def test_a_constant_target_is_learned():
    X, _ = line()
    net = regressor(scale_targets=True).fit(X, np.full(80, 1e6), epochs=50)
    assert net.target_scale_.tolist() == [1.0]
    np.testing.assert_allclose(net.predict(X), 1e6, atol=2)


def test_means_of_columns_far_from_zero():
    """Rows are then scaled as they are read, and the last layer is folded all the same."""
    X, y = line()
    X[:, 1] += 1e7
    net = regressor(scale_targets=True, standardize=True, dtype="float32").fit(X, y, epochs=30)
    assert net.score(X, y) > 0.5
    assert abs(net.predict(X).mean() - y.mean()) < 3 * y.std()


@pytest.mark.parametrize("outputs", [1, 2])
def test_files_and_copies_keep_the_units(outputs, tmp_path):
    X, y = line(outputs=outputs)
    net = regressor(outputs, scale_targets=True).fit(X, y, epochs=2)
    net.save(tmp_path / "net.safetensors")
    for other in (
        cnn.load(tmp_path / "net.safetensors"),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
    ):
        np.testing.assert_array_equal(other.predict(X), net.predict(X))
        np.testing.assert_array_equal(other.target_scale_, net.target_scale_)
        assert other.loss(X, y) == net.loss(X, y)
        assert bits(other.partial_fit(X, y)) is not None
    assert "scale_targets=True" in repr(cnn.load(tmp_path / "net.safetensors"))


def test_unlearned_networks(tmp_path):
    net = regressor(scale_targets=True)
    with pytest.raises(cnn.NotFittedError):
        _ = net.target_mean_
    net.set_weights([(np.ones((4, 6)), np.zeros(6)), (np.ones((6, 1)), np.zeros(1))])
    with pytest.raises(cnn.NotFittedError, match="no statistics to scale y with"):
        _ = net.target_mean_
    net.save(tmp_path / "net.safetensors")
    X, _ = line()
    np.testing.assert_array_equal(cnn.load(tmp_path / "net.safetensors").predict(X), net.predict(X))
    with pytest.raises(AttributeError, match="scale_targets=False"):
        _ = regressor().target_mean_


def test_bad_scales_in_a_file_are_refused(tmp_path):
    X, y = line()
    path = tmp_path / "net.safetensors"
    regressor(scale_targets=True).fit(X, y, epochs=1).save(path)
    metadata = tensors.metadata(path)
    for scale in (0.0, -1.0, np.nan):
        tensors.save_file({**tensors.load_file(path), "targets.scale": np.array([scale])}, path, metadata)
        with pytest.raises(
            ValueError, match=r"not a readable network: the centres and scales of the targets"
        ):
            cnn.load(path)


def test_classes_have_no_scale():
    with pytest.raises(ValueError, match="scale_targets=True is for a loss for values"):
        network(scale_targets=True)
    with pytest.raises(ValueError, match="the loss ordinal predicts classes"):
        cnn.Network([cnn.Dense(2)], loss="ordinal", scale_targets=True)
    for loss in ("poisson", "gamma", "tweedie"):
        with pytest.raises(ValueError, match=rf"{loss} predicts exp\(z\): values in the range of the link"):
            cnn.Network([cnn.Dense(1)], loss=loss, scale_targets=True)
    with pytest.raises(TypeError, match="'scale_targets' parameter of Network must be a bool"):
        regressor(scale_targets="yes")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_errors_name_the_column_of_a_table_y(library):
    module = pytest.importorskip(library)
    make = module.table if library == "pyarrow" else module.DataFrame
    X, good = columns()[:, :2], np.arange(61.0)

    def fit(values, **options):
        table = make({"p": good, "q": values})
        cnn.Network([cnn.Dense(2)], loss="mse", **options).fit(X, table, epochs=1)

    for bad, words in ((np.nan, "NaN: row 5"), (-np.inf, "infinity: row 5")):
        values = np.where(good == 5, bad, good)
        with pytest.raises(ValueError, match=f"Input y contains {words}, column 'q'"):
            fit(values)
        with pytest.raises(ValueError, match=f"Input y contains {words}, column 'q'"):
            fit(values, scale_targets=True)
        with pytest.raises(ValueError, match=f"Input y contains {words}, column 'q'"):
            cnn.MLPRegressor(max_iter=1).fit(X, make({"p": good, "q": values}))
    with pytest.raises(ValueError, match="1e\\+39, a value too large for float32: row 5, column 'q'"):
        fit(np.where(good == 5, 1e39, good))
    with pytest.raises(ValueError, match="standard deviation of column 'q' of y"):
        fit(1e9 + 1e-3 * good)
    net = cnn.Network([cnn.Dense(2)], loss="mse").fit(X, make({"p": good, "q": good}), epochs=1)
    with pytest.raises(ValueError, match="NaN: row 5, column 'q'"):
        net.score(X, make({"p": good, "q": np.where(good == 5, np.nan, good)}))
