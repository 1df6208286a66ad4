"""Means of the predictions of ensembles, compared with plain NumPy; losses, derivatives and intervals of the mean."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.losses import Focal, Quantile
from ensembles import LABELS, VALUES, X_NEW, X, classifiers

BINARY = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
SEVERAL = (X[:, :3] > 0).astype(int)


def heads(n_outputs, loss, **parameters):
    options = {
        "loss": loss,
        "dtype": "float64",
        "standardize": True,
        "optimizer": cnn.Adam(0.02),
        **parameters,
    }
    return [
        cnn.Network([cnn.Dense(6, "tanh"), cnn.Dense(n_outputs)], seed=seed, **options) for seed in range(3)
    ]


CASES = {
    "softmax": (classifiers("float64", 4), LABELS),
    "sigmoid": (heads(1, "binary_cross_entropy"), BINARY),
    "indicator": (heads(3, "binary_cross_entropy"), SEVERAL),
    "focal": (heads(3, Focal()), LABELS),
    "ordinal": (heads(2, "ordinal"), np.digitize(VALUES, [9.5, 10.5])),
    "mse": (heads(1, "mse", scale_targets=True), VALUES),
    "two_values": (heads(2, "mse"), np.column_stack([VALUES, -VALUES])),
    "poisson": (heads(1, "poisson"), np.exp(VALUES / 5)),
    "quantile": (heads(3, Quantile(), scale_targets=True), VALUES),
    "gaussian_nll": (heads(2, "gaussian_nll", scale_targets=True), VALUES),
}


@pytest.fixture(params=["mean", "greedy"])
def combine(request):
    return request.param


@pytest.fixture(params=CASES)
def case(request, combine):
    nets, y = CASES[request.param]
    calibrated = (
        request.param != "focal"
    )  # its loss does not decrease with every temperature of cross-entropy
    return cnn.Ensemble(nets, combine=combine, calibrated=calibrated).fit(X, y, epochs=6), y


def mean(model, method):
    return np.average([getattr(net, method)(X_NEW) for net in model.members_], axis=0, weights=model.weights_)


def test_predictions_are_means(case):
    model, _ = case
    if hasattr(model, "classes_"):
        # Temperatures are folded into weights of float64, and the means are sums of as many numbers as members.
        np.testing.assert_allclose(model.predict_proba(X_NEW), mean(model, "predict_proba"), rtol=1e-12)
        # One of two probabilities is 1 minus the other, with an error of 1e-16: large compared with one of 1e-9.
        np.testing.assert_allclose(
            model.predict_log_proba(X_NEW), np.log(model.predict_proba(X_NEW)), rtol=1e-8, atol=1e-12
        )
    else:
        np.testing.assert_allclose(model.predict(X_NEW), mean(model, "predict"), rtol=1e-12)


def test_single_rows_and_given_arrays_have_the_same_bits(case):
    model, _ = case
    method = model.predict_proba if hasattr(model, "classes_") else model.predict
    whole = method(X_NEW)
    assert np.array_equal(np.concatenate([method(row[np.newaxis]) for row in X_NEW]), whole)
    out = np.empty_like(whole)
    assert np.array_equal(method(X_NEW, out=out), whole)
    assert np.array_equal(method(X_NEW.tolist()), whole)
    model.n_threads = 2
    assert np.array_equal(method(X_NEW), whole)


def test_a_mixture_of_normal_distributions():
    nets, y = CASES["gaussian_nll"]
    model = cnn.Ensemble(nets).fit(X, y, epochs=6)
    means, deviations = zip(*(net.predict_distribution(X_NEW) for net in model.members_), strict=True)
    expected = np.mean(means, axis=0)
    variance = np.mean([s**2 + (m - expected) ** 2 for m, s in zip(means, deviations, strict=True)], axis=0)
    found, deviation = model.predict_distribution(X_NEW)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(deviation, np.sqrt(variance), rtol=1e-10)


def test_the_loss_is_that_of_the_mean(case):
    model, y = case
    loss = model._configuration.loss
    if loss.name == "softmax_cross_entropy":
        expected = -np.log(
            model.predict_proba(X)[np.arange(len(X)), np.searchsorted(model.classes_, y)]
        ).mean()
    elif loss.name == "binary_cross_entropy":
        p, true = model.predict_proba(X), np.reshape(y == "yes" if y.ndim == 1 else y, (len(X), -1))
        p = p[:, 1:] if true.shape[1] == 1 else p
        expected = -np.log(np.where(true, p, 1 - p)).sum(axis=1).mean()
    elif loss.name == "mse":
        expected = np.square(model.predict(X) - y).reshape(len(X), -1).sum(axis=1).mean()
    else:  # the losses of the members are above that of the mean, because they are convex
        assert (
            model.loss(X, y)
            < np.average([net.loss(X, y) for net in model.members_], weights=model.weights_) + 1e-12
        )
        return
    assert model.loss(X, y) == pytest.approx(expected, rel=1e-9)


def test_derivatives_are_those_of_the_mean(case):
    model, _ = case
    if model._configuration.loss.name == "ordinal":
        with pytest.raises(
            ValueError, match="input_gradient of an ensemble is not defined for the loss ordinal"
        ):
            model.input_gradient(X_NEW)
        return
    function = model.decision_function if hasattr(model, "classes_") else model.predict
    found, step = model.input_gradient(X_NEW), 1e-5
    for j in range(X.shape[1]):
        moved = np.eye(X.shape[1])[j] * step
        expected = (function(X_NEW + moved) - function(X_NEW - moved)) / (2 * step)
        # central differences: errors of the order of step**2, and of rounding / step
        np.testing.assert_allclose(found[..., j], expected, rtol=1e-5, atol=1e-7 * abs(found).max())


def test_temperature_of_the_mean():
    model = cnn.Ensemble(CASES["softmax"][0], calibrated=False).fit(X, LABELS, epochs=6)
    p = model.predict_proba(X_NEW)
    before = model.loss(X, LABELS)
    assert model.calibrate(X, LABELS).temperature_ != 1
    tempered = p ** (1 / model.temperature_)
    np.testing.assert_allclose(
        model.predict_proba(X_NEW), tempered / tempered.sum(axis=1, keepdims=True), rtol=1e-9
    )
    assert model.loss(X, LABELS) < before
    again = cnn.load(saved(model))
    assert again.temperature_ == model.temperature_
    assert np.array_equal(again.predict_proba(X_NEW), model.predict_proba(X_NEW))


def saved(model):
    import io

    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["mse", "quantile", "gaussian_nll"])
def test_intervals(name):
    nets, y = CASES[name]
    model = cnn.Ensemble(nets).fit(X, y, epochs=6).calibrate_intervals(X, y)
    lower, upper = model.predict_interval(X, 0.9)
    assert 0.89 < np.mean((lower <= y) & (y <= upper)) <= 0.95
    again = cnn.load(saved(model)).predict_interval(X, 0.9)
    assert np.array_equal(again, (lower, upper))


def test_sets_scores_and_importance():
    model = cnn.Ensemble(CASES["softmax"][0]).fit(X, LABELS, epochs=6).calibrate_intervals(X, LABELS)
    chosen = model.predict_set(X, 0.9)
    assert 0.89 < chosen[np.arange(len(X)), np.searchsorted(model.classes_, LABELS)].mean() <= 1
    assert model.score(X, LABELS) == np.mean(model.predict(X) == LABELS)
    importance = cnn.permutation_importance(model, X, LABELS)
    assert importance.score == model.score(X, LABELS)
    assert set(importance.order[:3]) == {0, 1, 2}


def test_a_row_beyond_the_range_is_named():
    nets = [cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(1)], loss="poisson", seed=seed) for seed in range(3)]
    model = cnn.Ensemble(nets).fit(X, np.exp(VALUES / 5), epochs=2)
    rows = np.vstack([X_NEW[:2], np.full((1, 5), 1e38)])
    with pytest.raises(ValueError, match="beyond the range"):
        model.predict(rows)
    with pytest.raises(ValueError, match="X has 4 columns; the network takes 5"):
        model.predict(X_NEW[:, :4])
    with pytest.raises(ValueError, match="row 1"):
        model.predict(np.where(np.arange(50)[:, None] == 1, np.nan, X_NEW))
