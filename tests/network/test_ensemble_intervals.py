"""Intervals and sets of classes of an ensemble, from its out-of-fold predictions."""

import copy

import compiled_nn as cnn
import numpy as np
import pytest

LEVELS = (0.1, 0.9)


def data(seed, rows=240):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (rows, 2))
    return X, X[:, 0] ** 2 + 0.5 * X[:, 1] + 0.2 * rng.standard_t(4, rows)


def ensemble(n_outputs=1, n_members=3, **options):
    layers = [cnn.Dense(8, "tanh"), cnn.Dense(n_outputs)]
    net = cnn.Network(layers, optimizer=cnn.Adam(0.02), seed=0, standardize=True, **options)
    return cnn.Ensemble(net, n_members=n_members)


def test_scores_of_values_are_errors_out_of_fold():
    X, y = data(0, 60)
    model = ensemble(loss="mse", scale_targets=True).fit(X, y, epochs=4, validation="folds")
    lower, upper = model.calibrate_intervals(None, y).predict_interval(X, 0.8)
    errors = np.sort(abs(y - model.oof_))
    margin = errors[int(np.ceil(61 * 0.8)) - 1]
    np.testing.assert_allclose(upper - model.predict(X), margin, rtol=1e-6)  # values are rounded to float32
    np.testing.assert_allclose(model.predict(X) - lower, margin, rtol=1e-6)


def test_only_rows_that_a_member_validated_have_a_score():
    X, y = data(1, 60)
    model = ensemble(loss="mse", n_members=2).fit(X, y, epochs=2, validation="random")
    n = int(np.isfinite(model.oof_).sum())
    assert 12 <= n < 60
    assert len(model.calibrate_intervals(None, y)._outputs.calibration.scores) == n


def test_scores_of_classes_and_quantiles():
    X, y = data(2, 80)
    labels = np.array(["a", "b", "c"])[np.digitize(y, [0, 0.5])]
    model = ensemble(3).fit(X, labels, epochs=4, validation="folds").calibrate_intervals(None, labels)
    p = model.oof_[np.arange(80), np.searchsorted(model.classes_, labels)]
    margin = np.sort(1 - p)[int(np.ceil(81 * 0.7)) - 1]
    assert np.array_equal(model.predict_set(X, 0.7), 1 - model.predict_proba(X).astype(float) <= margin)
    two = ensemble(2, loss=cnn.losses.Quantile(LEVELS)).fit(X, y, epochs=4, validation="folds")
    lower, upper = two.calibrate_intervals(None, y).predict_interval(X, 0.8)
    scores = np.sort(np.maximum(two.oof_[:, 0] - y, y - two.oof_[:, 1]))
    margin = scores[int(np.ceil(81 * 0.8)) - 1]
    np.testing.assert_allclose(lower, two.predict(X)[:, 0] - margin, atol=1e-6)  # rounding of float32
    np.testing.assert_allclose(upper, two.predict(X)[:, 1] + margin, atol=1e-6)


def test_coverage_of_new_rows():
    """Shares of 5 x 500 new rows in intervals and sets; their standard deviation is below .02."""
    inside = {"values": [], "classes": []}
    for seed in range(5):
        X, y = data(seed)
        X_new, y_new = data(seed + 100, 500)
        model = ensemble(loss="mse").fit(X, y, epochs=20, validation="folds").calibrate_intervals(None, y)
        lower, upper = model.predict_interval(X_new, 0.9)
        inside["values"].append(np.mean((lower <= y_new) & (y_new <= upper)))
        labels, new = (np.digitize(each, [0, 0.5]) for each in (y, y_new))
        model = ensemble(3).fit(X, labels, epochs=20, validation="folds").calibrate_intervals(None, labels)
        inside["classes"].append(model.predict_set(X_new, 0.9)[np.arange(500), new].mean())
    for shares in inside.values():
        assert 0.86 < np.mean(shares) < 0.96


def test_the_tabular_estimators_use_them_as_well(tmp_path):
    X, y = data(3, 60)
    options = {"max_iter": 2, "n_members": 2, "validation": "folds", "random_state": 0}
    model = cnn.TabularRegressor(**options).fit(X, y).calibrate_intervals(None, y)
    lower, upper = model.predict_interval(X, 0.9)
    margin = np.sort(abs(y - model.oof_))[int(np.ceil(61 * 0.9)) - 1]
    np.testing.assert_allclose(upper - lower, 2 * margin, rtol=1e-5)
    model.ensemble_.save(tmp_path / "m.safetensors")
    again = cnn.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.predict_interval(X, 0.9)[0], lower)
    with pytest.raises(AttributeError, match="no oof_"):
        again.calibrate_intervals(None, y)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(AttributeError, match=r"no oof_.*files do not contain them"):
        cnn.TabularRegressor.load(tmp_path / "m.safetensors").calibrate_intervals(None, y)
    with pytest.raises(ValueError, match="not fitted yet"):
        cnn.TabularRegressor().calibrate_intervals(X, y)


def test_refusals():
    X, y = data(4, 40)
    model = ensemble(loss="mse").fit(X, y, epochs=1, validation="folds")
    model.oof_[:] = 0  # a copy, as weights_ and validation_masks_ are
    assert model.oof_.any()
    with pytest.raises(ValueError, match=r"y has 39 rows; X of the last fit had 40\."):
        model.calibrate_intervals(None, y[:39])
    for estimator in (model, cnn.TabularRegressor(max_iter=1, n_members=2, validation="folds").fit(X, y)):
        with pytest.raises(ValueError, match=r"y is not that of the last fit"):
            estimator.calibrate_intervals(None, y[::-1])
        for same in (estimator, copy.deepcopy(estimator)):
            assert same.calibrate_intervals(None, y.tolist()).predict_interval(X, 0.9)[0].shape == (40,)
    both = ensemble(2, loss="gaussian_nll").fit(X, y, epochs=1, validation="folds")
    with pytest.raises(ValueError, match="does not apply to the loss gaussian_nll"):
        both.calibrate_intervals(None, y)
    assert both.calibrate_intervals(X, y).predict_interval(X)[0].shape == (40,)
    several = ensemble(2, loss="binary_cross_entropy").fit(
        X, np.column_stack([y > 0, y > 1]).astype(int), epochs=1
    )
    with pytest.raises(ValueError, match="any number of labels per row"):
        several.calibrate_intervals(None, np.column_stack([y > 0, y > 1]).astype(int))


def test_rows_of_weight_0_have_no_score():
    X, y = data(5, 60)
    weights = np.arange(60) % 3
    options = {"max_iter": 2, "n_members": 2, "validation": "folds", "random_state": 0}
    model = cnn.TabularRegressor(**options).fit(X, y, weights).calibrate_intervals(None, y)
    used = weights > 0
    errors = np.sort(abs(y - model.oof_)[used])
    lower, upper = model.predict_interval(X, 0.8)
    np.testing.assert_allclose(upper - lower, 2 * errors[int(np.ceil(41 * 0.8)) - 1], rtol=1e-5)
    with pytest.raises(ValueError, match="40"):
        model.calibrate_intervals(None, y[used])
