"""Values at any level that float64 holds: predictions, score, loss and validation agree with the metrics."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses, metrics
from compiled_nn.preprocessing.standardization import fit_statistics
from golden.data import CompressedRows
from hypothesis import given, settings
from hypothesis import strategies as st

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
V = 3 * X[:, 0]
LEVELS = [  # level and unit of y
    (0, 1),
    (5e6, 1),
    (1e8, 1),
    (1.7e9, 1),
    (-1e14, 1),
    (3, 1e-9),
    (0, 1e-30),
    (1e-200, 1e-200),
    (1e200, 1e199),
]


def network(loss="mse", outputs=1, **parameters):
    options = {"scale_targets": True, "seed": 0, "optimizer": cnn.Adam(0.02), **parameters}
    return cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(outputs)], loss=loss, **options)


@pytest.mark.parametrize(("level", "unit"), LEVELS)
def test_every_level(level, unit):
    y = level + unit * V
    net = network().fit(X, y, epochs=200, validation_data=(X, y), metrics=["mae"])
    predicted = net.predict(X)
    assert predicted.dtype == np.float64
    assert net.score(X, y) > 0.9999
    assert net.score(X, y) == metrics.r2_score(y, predicted)
    assert net.history["val_score"][-1] == pytest.approx(
        net.score(X, y), abs=1e-7
    )  # folded: float32 rounds otherwise
    assert net.history["val_mae"][-1] == pytest.approx(metrics.mae(y, predicted), rel=1e-4)
    assert net.target_mean_ == pytest.approx(y.mean(), rel=1e-13)


@pytest.mark.parametrize(("level", "unit"), LEVELS[:-2])  # squares of the others are beyond float64
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_loss_in_units_of_y(level, unit, dtype):
    y, w = level + unit * V, rng.uniform(0, 2, len(X))
    net = network(dtype=dtype).fit(X, y, epochs=20)
    # the sum of squares and the rounding of the predictions to multiples of eps * level
    tolerance = 1e-6 if dtype == "float32" else 1e-9
    rounding = np.finfo(float).eps * (abs(level) / unit + 1)
    error = metrics.mse(y, net.predict(X), w)
    assert net.loss(X, y, w) == pytest.approx(error, rel=tolerance + 100 * rounding)
    assert net.history["loss"][-1] > 0


def test_a_loss_beyond_float64_is_refused():
    y = 1e200 * V
    net = network().fit(X, y, epochs=5)
    with pytest.raises(ValueError, match="The mean loss of these rows is inf: the loss of a row"):
        net.loss(X, y)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(-1e13, 1e13),
    st.integers(-30, 30),
    st.sampled_from(["mse", "mae", "huber", "quantile", "gaussian_nll"]),
    st.booleans(),
)
def test_scaling_commutes_with_units(level, exponent, loss, long):
    """Powers of 2 as units change nothing but the units; the level costs its rounding errors."""
    unit = 2.0**exponent
    outputs = {"quantile": 3, "gaussian_nll": 2}.get(loss, 1)
    options = {"dtype": "float64" if long else "float32"}
    plain = network(loss, outputs, **options).fit(X, V, epochs=3)
    moved = network(loss, outputs, **options).fit(X, unit * (level + V), epochs=3)
    # y is rounded to multiples of eps * level, which changes its mean and deviation, and the float32 training by an ulp
    tolerance = 1e-4 + 1e3 * np.finfo(float).eps * abs(level)
    assert np.allclose(moved.predict(X) / unit - level, plain.predict(X), rtol=tolerance, atol=tolerance)
    if loss == "gaussian_nll":
        _, std = moved.predict_distribution(X)
        assert np.allclose(std / unit, plain.predict_distribution(X)[1], rtol=10 * tolerance)
    assert moved.score(X, unit * (level + V)) == pytest.approx(plain.score(X, V), abs=10 * tolerance)


# ---- losses that give intervals


def test_quantiles_of_prices():
    prices = 250_000 + 40_000 * V + 20_000 * rng.normal(size=len(V))
    net = network("quantile", 3).fit(X, prices, epochs=150)
    assert net.score(X, prices) > 0.6
    low, middle, high = net.predict(X).T
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert np.mean((low <= prices) & (prices <= high)) == pytest.approx(0.8, abs=0.1)
    q = losses.Quantile().quantiles
    pinball = sum(metrics.pinball(prices, p, quantile=a) for p, a in zip((low, middle, high), q, strict=True))
    # the loss is that of the outputs as they are; predictions are sorted, which does not make them worse
    assert pinball * (1 - 1e-6) <= net.loss(X, prices) <= 1.02 * pinball


@pytest.mark.parametrize("columns", [1, 2])
def test_distribution_of_prices(columns):
    prices = 250_000 + 40_000 * V + 20_000 * rng.normal(size=len(V))
    y = prices if columns == 1 else np.column_stack([prices, -1e-3 * prices])
    net = network("gaussian_nll", 2 * columns).fit(X, y, epochs=150)
    assert net.score(X, y) > 0.9
    mean, std = net.predict_distribution(X)
    first = std if columns == 1 else std[:, 0]
    assert np.median(first) == pytest.approx(20_000, rel=0.3)
    expected = (np.log(2 * np.pi * std**2) + ((y - mean) / std) ** 2) / 2
    assert net.loss(X, y) == pytest.approx(expected.reshape(len(y), -1).sum(axis=1).mean(), rel=1e-5)
    lower, upper = net.calibrate_intervals(X, y).predict_interval(X, 0.9)
    assert np.mean((lower <= y) & (y <= upper)) == pytest.approx(0.9, abs=0.02)
    gradient = net.input_gradient(X[:5])
    step = np.zeros(3)
    step[0] = 1e-2
    slope = (net.predict(X[:5] + step) - net.predict(X[:5] - step)) / 2e-2
    assert (
        np.isclose(gradient[..., 0], slope, rtol=1e-3).mean() > 0.7
    )  # the others have a kink of relu in between


@pytest.mark.parametrize("loss", ["quantile", "gaussian_nll", "huber", "log_cosh", "mae", "squared_error"])
def test_files_and_estimators(loss, tmp_path):
    y = 1e8 + V
    outputs = {"quantile": 3, "gaussian_nll": 2}.get(loss, 1)
    net = network(loss, outputs).fit(X, y, epochs=10)
    net.save(tmp_path / "net")
    loaded = cnn.load(tmp_path / "net")
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    assert loaded.predict(X).dtype == np.float64
    model = cnn.MLPRegressor(
        hidden_layer_sizes=(16,), loss=loss, scale_targets=True, learning_rate_init=0.02, random_state=0
    )
    model.fit(X, y)
    assert model.score(X, y) > 0.9
    model.save(tmp_path / "model")
    again = cnn.MLPRegressor.load(tmp_path / "model")
    for of_x in (X, X.astype("float32")):
        assert again.predict(of_x).tobytes() == model.predict(of_x).tobytes()
        assert model.predict(of_x).dtype == np.float64


def test_many_columns():
    """The loss of more columns than are computed together."""
    Y = X @ rng.normal(size=(3, 150)) + 1e6
    net = network(outputs=150).fit(X, Y, epochs=3)
    assert net.loss(X, Y) == pytest.approx(((net.predict(X) - Y) ** 2).sum(axis=1).mean(), rel=1e-5)


# ---- dtypes


@pytest.mark.parametrize(
    ("of_y", "dtype", "expected"),
    [
        ("float64", "float32", "float64"),
        ("float32", "float32", "float32"),
        ("float16", "float32", "float32"),
        ("int8", "float32", "float64"),
        ("bool", "float32", "float64"),
        ("float32", "float64", "float64"),
    ],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_dtype_of_predictions(of_y, dtype, expected, scaled, tmp_path):
    y = V > 0 if of_y == "bool" else V.astype(of_y)
    net = network(scale_targets=scaled, dtype=dtype).fit(X, y, epochs=2)
    net.save(tmp_path / "net")
    for each in (net, cnn.load(tmp_path / "net")):
        assert each.predict(X).dtype == each.decision_function(X).dtype == expected
        assert each.predict(X).tobytes() == net.predict(X).tobytes()


def test_a_network_without_y_predicts_in_its_dtype():
    net = cnn.Network([cnn.Dense(1)], loss="mse")
    net.set_weights([(np.ones((3, 1)), np.zeros(1))])
    assert net.predict(X).dtype == np.float32


@pytest.mark.parametrize(
    ("of_y", "of_x", "scaled", "expected"),
    [
        ("int64", "float32", False, "float32"),  # as in scikit-learn
        ("int64", "float64", False, "float64"),
        ("int64", "float32", True, "float64"),
        ("float32", "float64", False, "float32"),
        ("float64", "float32", False, "float64"),
    ],
)
def test_dtype_of_an_estimator(of_y, of_x, scaled, expected):
    model = cnn.MLPRegressor(max_iter=3, scale_targets=scaled).fit(X.astype(of_x), V.astype(of_y))
    assert model.predict(X.astype(of_x)).dtype == expected


# ---- what cannot be held


@pytest.mark.parametrize("partial", [False, True])
def test_a_spread_that_float32_loses(partial):
    net = network(scale_targets=False)
    with pytest.raises(
        ValueError,
        match=r"column 0 of y, 3\.0\d+, is too small for its size: row \d+ is .*Use scale_targets=True or",
    ):
        (net.partial_fit if partial else net.fit)(X, 1.7e9 + V)
    with pytest.raises(ValueError, match="too small for its size"):
        cnn.MLPRegressor(solver="lbfgs").fit(X, 1.7e9 + V)
    counts = np.round(1e9 + V)
    with pytest.raises(ValueError, match=r"rounds to .* Use dtype='float64'"):
        network("poisson", scale_targets=False).fit(X, counts)


def test_a_constant_column_has_no_spread_to_lose():
    """Its standard deviation is not 0 in float64, because its mean is rounded."""
    y = np.full(len(X), 1e-3)
    assert y.std() > 0
    for model in (network(scale_targets=False), cnn.MLPRegressor(max_iter=1, scale_targets=False)):
        assert np.isfinite(model.fit(X, y).predict(X)).all()


def test_values_beyond_float32():
    y = np.where(np.arange(200) == 7, 1e39, V)
    net = network(scale_targets=False)
    with pytest.raises(
        ValueError, match=r"1e\+39, a value too large for float32: row 7, column 0\. Use scale_targets"
    ):
        net.fit(X, y)
    assert network().fit(X, y, epochs=1).predict(X).dtype == np.float64
    fitted = network(scale_targets=False).fit(X, V, epochs=1)
    assert np.isfinite(fitted.loss(X, y))  # y is compared in float64


@pytest.mark.parametrize("unit", [1e6, 1e-6])
def test_a_warning_for_sizes_out_of_reach(unit):
    with pytest.warns(cnn.CompiledNNWarning, match="root mean square of y is .*Use scale_targets=True"):
        network(scale_targets=False).fit(X, unit * (3 + V), epochs=1)
    network(scale_targets=False).fit(X, np.zeros(200), epochs=1)


@pytest.mark.parametrize("weight", [1e39, 1e-46, 1e300])
def test_only_ratios_of_weights_matter(weight):
    nets = [network().fit(X, V, epochs=2, sample_weight=np.full(200, w)) for w in (1, weight)]
    assert nets[1].history["loss"] == pytest.approx(nets[0].history["loss"], rel=1e-6)


@pytest.mark.parametrize("weight", [1e308, 1e-320])
def test_sums_of_weights_beyond_float64(weight):
    w = np.where(np.arange(200) < 5, weight, 0)
    net = network()
    with pytest.raises(ValueError, match="The sum of sample_weight is beyond the range of float64: row 0 is"):
        net.fit(X, V, sample_weight=w)


# ---- statistics weighted by sample_weight


@pytest.mark.parametrize("method", [True, "robust", "minmax"])
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_of_1_and_0(method, sparse):
    y, w = V + 5, np.arange(200) % 4 != 0
    table = np.where(X > 1, X, 0)
    to_sparse = CompressedRows if sparse else np.array
    options = {"standardize": method}
    plain = network(**options).fit(to_sparse(table), y, epochs=1, shuffle=False)
    ones = network(**options).fit(to_sparse(table), y, epochs=1, shuffle=False, sample_weight=np.ones(200))
    assert ones.predict(table).tobytes() == plain.predict(table).tobytes()
    some = network(**options).fit(to_sparse(table), y, epochs=1, sample_weight=w)
    absent = network(**options).fit(to_sparse(table[w]), y[w], epochs=1)
    for name in ("mean_", "scale_", "target_mean_", "target_scale_"):
        assert getattr(some, name).tobytes() == getattr(absent, name).tobytes()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_whole_weights_repeat_rows(solver):
    w = rng.integers(0, 4, 200)
    model = cnn.MLPRegressor(solver=solver, standardize=True, scale_targets=True, max_iter=2)
    net = model.fit(X, 1e5 + V, sample_weight=w).network_
    repeated = np.repeat(X, w, axis=0)
    assert np.allclose(net.mean_, repeated.mean(axis=0), rtol=1e-13, atol=1e-13)
    assert np.allclose(net.scale_, repeated.std(axis=0), rtol=1e-13)
    assert np.allclose(net.target_mean_, 1e5 + np.repeat(V, w).mean(), rtol=1e-14)
    assert np.allclose(net.target_scale_, np.repeat(V, w).std(), rtol=1e-9)  # of y at a level of 1e5


def test_weighted_quartiles():
    """Equal weights give the usual quartiles, and nearly equal ones nearly the same; weights may have any unit."""
    exact = fit_statistics(X, "robust")
    near = fit_statistics(X, "robust", weights=1 + 1e-9 * rng.random(200))
    assert np.allclose(near, exact, rtol=1e-6)
    w = rng.random(200)
    assert np.allclose(fit_statistics(X, "robust", weights=w), fit_statistics(X, "robust", weights=1e6 * w))
    whole = rng.integers(1, 5, 200)
    repeated = fit_statistics(np.repeat(X, whole, axis=0), "robust")
    assert np.allclose(fit_statistics(X, "robust", weights=0.3 * whole), repeated, rtol=1e-12)
    heavy = np.where(np.arange(200) == 3, 1e9, 1.0)
    assert np.allclose(fit_statistics(X, "robust", weights=heavy).mean, X[3], atol=1e-3)


# ---- folding


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9])
def test_folding_keeps_the_digits_of_float64(distance):
    shifted = distance + X
    net = network(dtype="float64", standardize=True).fit(shifted, V, epochs=5)
    Z = (shifted - net.mean_) / net.scale_
    (W, b), (U, c) = net.get_weights()
    z = np.maximum(np.einsum("mk,kn->mn", Z, W) + b, 0)
    expected = net.target_mean_ + net.target_scale_ * (np.einsum("mk,kn->mn", z, U) + c)
    assert np.allclose(net.predict(shifted), expected[:, 0], rtol=1e-9, atol=1e-9)
