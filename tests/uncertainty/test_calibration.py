"""Temperatures: against a search of the log loss itself, and what a network does with them."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
import small
from compiled_nn import metrics
from compiled_nn.artefact import folding
from compiled_nn.calibration import fit_temperature


def log_loss(logits, y, w, temperature):
    z = logits / temperature
    z -= z.max(axis=1, keepdims=True)
    return np.average(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y], weights=w)


def best(loss):
    """Search 1 / T for the least loss, by halving intervals of a convex function."""
    low, high = 0.01, 100.0
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(1 / a) < loss(1 / b) else (a, high)
    return 1 / low


def drawn(rng, m=400, n=3, temperature=2.5):
    """Logits that are too large by this factor, and labels drawn from the true probabilities."""
    true = 2 * rng.normal(size=(m, n))
    p = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    return temperature * true, np.array([rng.choice(n, p=row) for row in p])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 2.5, 20.0])
def test_the_least_log_loss(rng, temperature, weighted):
    logits, y = drawn(rng, temperature=temperature)
    w = rng.random(400) if weighted else None
    found = fit_temperature(logits, y, w)
    assert found == pytest.approx(best(lambda t: log_loss(logits, y, w, t)), rel=1e-5)  # the search's own
    assert found == pytest.approx(temperature, rel=0.25)  # as drawn


def test_one_logit_is_one_of_two_classes(rng):
    logits, y = drawn(rng, n=2)
    z = logits[:, 1] - logits[:, 0]
    expected = fit_temperature(logits, y)
    for given in (z, z[:, np.newaxis]):
        assert fit_temperature(given, y) == pytest.approx(expected, rel=1e-9)
        assert fit_temperature(given, y.astype(float)) == pytest.approx(expected, rel=1e-9)


def test_soft_labels(rng):
    logits, y = drawn(rng)
    assert fit_temperature(logits, np.eye(3)[y]) == pytest.approx(fit_temperature(logits, y), rel=1e-9)
    p = np.exp(logits / 3) / np.exp(logits / 3).sum(axis=1, keepdims=True)
    assert fit_temperature(logits, p) == pytest.approx(3, rel=1e-6)


def test_the_bounds():
    z = np.array([[3.0, 0.0], [0.0, 2.0]])
    assert fit_temperature(z, [0, 1]) == 0.01  # all right: as sure as can be
    assert fit_temperature(z, [1, 0]) == 100
    assert fit_temperature(np.zeros((2, 2)), [0, 1]) == 1.0
    assert fit_temperature([[1e30, 0], [0, 1e30]], [0, 0]) == 100


def test_what_is_refused():
    with pytest.raises(ValueError, match="Input logits contains NaN"):
        fit_temperature([[0, np.nan]], [0])
    with pytest.raises(ValueError, match="y has 1 row; logits has 2"):
        fit_temperature([[0, 1], [1, 0]], [0])
    with pytest.raises(ValueError, match=r"y has shape \(2, 3\); logits has \(2, 2\)"):
        fit_temperature([[0, 1], [1, 0]], np.eye(3)[:2])
    with pytest.raises(ValueError, match="classes not in"):
        fit_temperature([[0, 1], [1, 0]], [0, 2])


# ---- in a network


def noisy(rng, m=1300, classes=3):
    """Rows whose labels, as text, are drawn from probabilities that depend on them."""
    X = rng.normal(size=(m, 4)).astype("float32")
    odds = np.exp(X @ (2 * rng.normal(size=(4, classes))))
    return X, np.array([rng.choice(["a", "b", "c"][:classes], p=row / row.sum()) for row in odds])


def overfitted(rng, **parameters):
    X, y = noisy(rng)
    net = small.classifier(hidden=64, **parameters).fit(X[:100], y[:100], epochs=200)
    return net, X[300:], y[300:]


@pytest.mark.parametrize("parameters", [{}, {"standardize": True}, {"dtype": "float64"}])
def test_of_a_network(rng, parameters):
    net, X, y = overfitted(rng, **parameters)
    before, labels, logits = net.predict_proba(X), net.predict(X), net.decision_function(X)
    loss, weights = net.loss(X, y), small.bits(net)
    assert net.calibrate(X, y) is net
    assert net.temperature_ == pytest.approx(
        fit_temperature(logits, np.searchsorted(net.classes_, y)), rel=1e-5
    )
    assert net.temperature_ > 1.5
    after = net.predict_proba(X)
    np.testing.assert_array_equal(net.predict(X), labels)
    np.testing.assert_allclose(net.decision_function(X), logits / net.temperature_, rtol=1e-4, atol=1e-5)
    expected = np.exp(logits.astype(float) / net.temperature_)
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)
    assert metrics.log_loss(y, after) < metrics.log_loss(y, before)
    assert metrics.ece(y, after) < metrics.ece(y, before) / 2
    assert (net.loss(X, y), small.bits(net)) == (loss, weights)
    net.calibrate(X, y)  # from the network as it was trained
    np.testing.assert_array_equal(net.predict_proba(X), after)


def test_where_a_column_is_far_from_zero(rng):
    """There the first layer is not folded: what predicts must still standardise."""
    X, y = noisy(rng)
    X = X + np.array([0, 1e6, 0, 0])
    net = small.classifier(standardize=True).fit(X[:100], y[:100], epochs=30)
    logits = net.decision_function(X)
    net.calibrate(X[300:], y[300:])
    np.testing.assert_allclose(net.decision_function(X), logits / net.temperature_, rtol=1e-4, atol=1e-5)


def test_two_classes_and_one_output(rng):
    X, y = noisy(rng, classes=2)
    net = small.binary(hidden=64).fit(X[:100], y[:100], epochs=200)
    logits = net.decision_function(X)
    net.calibrate(X[300:], y[300:])
    expected = fit_temperature(logits[300:], (y[300:] == "b").astype(float))
    assert net.temperature_ == pytest.approx(expected, rel=1e-5)
    p = 1 / (1 + np.exp(-logits / net.temperature_))
    np.testing.assert_allclose(net.predict_proba(X)[:, 1], p, rtol=1e-4, atol=1e-6)


def test_several_sigmoids(rng):
    X = rng.normal(size=(200, 4)).astype("float32")
    y = (X[:, :2] + rng.normal(size=(200, 2)) > 0).astype(int)
    net = small.classifier(2, loss="binary_cross_entropy").fit(X, y, epochs=5)
    w = rng.random(200)
    expected = fit_temperature(net.decision_function(X).ravel(), y.ravel().astype(float), np.repeat(w, 2))
    assert net.calibrate(X, y, sample_weight=w).temperature_ == pytest.approx(expected, rel=1e-6)


def test_a_layer_without_biases(rng):
    X, y = noisy(rng)
    net = cnn.Network([cnn.Dense(3, bias=False)], seed=0).fit(X, y, epochs=2)
    logits = net.decision_function(X)
    np.testing.assert_allclose(
        net.calibrate(X, y).decision_function(X), logits / net.temperature_, rtol=1e-5, atol=1e-6
    )


def test_training_forgets_it(rng):
    net, X, y = overfitted(rng)
    for again in (
        lambda: net.fit(X, y, epochs=1),
        lambda: net.fit(X, y, epochs=1, warm_start=True),
        lambda: net.partial_fit(X, y),
        lambda: net.set_weights(net.get_weights()),
    ):
        assert net.calibrate(X, y).temperature_ != 1
        again()
        assert net.temperature_ == 1
        net.calibrate(X, y)
        with pytest.raises(ValueError, match="y has"):
            net.fit(X, y[:5])
        assert net.temperature_ != 1  # nothing has changed


@pytest.mark.parametrize("parameters", [{}, {"standardize": True}])
def test_files_and_copies_keep_it(rng, tmp_path, parameters):
    net, X, y = overfitted(rng, **parameters)
    net.calibrate(X, y)
    path = tmp_path / "net.safetensors"
    net.save(path)
    for other in (cnn.load(path), pickle.loads(pickle.dumps(net))):
        assert other.temperature_ == net.temperature_
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
        np.testing.assert_array_equal(other.set_weights(net.get_weights()) or other.temperature_, 1)


def test_values_have_no_temperature(rng):
    net = small.regressor().fit(small.X, small.X[:, 0], epochs=1)
    with pytest.raises(ValueError, match="calibrate is for classes; the loss mse predicts values"):
        net.calibrate(small.X, small.X[:, 0])
    with pytest.raises(cnn.NotFittedError):
        small.classifier().calibrate(small.X, small.INDICES)
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4"):
        small.fitted().calibrate(small.X[:, :3], small.INDICES)


def test_thresholds_have_no_temperature():
    net = cnn.Network([cnn.Dense(2)], loss="ordinal", seed=0).fit(small.X, small.INDICES, epochs=1)
    with pytest.raises(ValueError, match="the loss ordinal has thresholds instead"):
        net.calibrate(small.X, small.INDICES)


def test_at_a_temperature_of_one_there_is_no_copy():
    stack = small.fitted()._fitted()
    assert folding.folded(stack, temperature=1.0) is stack
