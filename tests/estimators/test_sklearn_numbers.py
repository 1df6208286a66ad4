"""The same weights as scikit-learn's estimators, in float64; the split of early stopping, row by row."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.estimators import random_draws

pytest.importorskip("sklearn")

from sklearn import neural_network
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

EPOCHS = 6


def digits(n_classes=10):
    X, y = load_digits(return_X_y=True)
    kept = np.flatnonzero(y < n_classes)[:450]
    return X[kept] / 16, y[kept]


def values(n_targets):
    X, y = make_regression(n_samples=230, n_features=12, n_targets=n_targets, random_state=0)
    return X, y / 100


DATA = {
    "digits": ("Classifier", lambda: digits()),
    "two digits": ("Classifier", lambda: digits(2)),
    "columns": ("Classifier", lambda: make_multilabel_classification(random_state=0)),
    "values": ("Regressor", lambda: values(1)),
    "three values": ("Regressor", lambda: values(3)),
}
HOW = [
    {},
    {"shuffle": False, "activation": "tanh", "alpha": 1.0},
    {"activation": "logistic", "hidden_layer_sizes": (20, 10), "batch_size": 64},
    {"solver": "sgd", "learning_rate_init": 1e-3},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "momentum": 0.0},
    {"hidden_layer_sizes": (), "epsilon": 1e-3},
]


def both(kind, X, y, how, sample_weight=None):
    theirs = getattr(neural_network, f"MLP{kind}")(random_state=3, max_iter=EPOCHS, **how)
    ours = getattr(cnn, f"MLP{kind}")(random_state=3, max_iter=EPOCHS, dtype="float64", **how)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X, y, sample_weight)
    if "tol" in how:
        with pytest.warns(ConvergenceWarning):
            ours.fit(X, y, sample_weight)
    else:
        ours.fit(X, y, sample_weight)
    return theirs, ours


def assert_same(theirs, ours, atol=1e-11):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(theirs, name), getattr(ours, name), strict=True):
            np.testing.assert_allclose(b, a, atol=atol, rtol=0)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(theirs, name) == getattr(ours, name), name


@pytest.mark.parametrize("how", HOW, ids=lambda how: " ".join(map(str, how.values())) or "default")
@pytest.mark.parametrize("data", DATA)
def test_same_weights(data, how):
    kind, make = DATA[data]
    X, y = make()
    theirs, ours = both(kind, X, y, how)
    assert_same(theirs, ours)
    # scikit-learn takes the penalty before each step, we after the epoch.
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, atol=1e-2 * how.get("alpha", 1e-2))


def test_same_losses_without_penalty():
    for kind, (X, y) in (("Classifier", digits(3)), ("Regressor", values(3))):
        theirs, ours = both(kind, X, y, {"alpha": 0.0})
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)
        assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-10)


def test_same_weights_for_counts():
    X, y = digits()
    assert_same(*both("Regressor", X, y.astype(float), {"loss": "poisson"}))


@pytest.mark.parametrize("data", ["two digits", "columns", "values", "three values"])
def test_same_weights_with_early_stopping(data):
    """Digits of ten kinds are left out: we keep the shares of all classes, scikit-learn those of two."""
    kind, make = DATA[data]
    X, y = make()
    theirs, ours = both(kind, X, y, {"early_stopping": True})
    assert_same(theirs, ours)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, atol=1e-12)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)
    assert ours.best_loss_ is theirs.best_loss_ is None


@pytest.mark.parametrize("data", ["digits", "three values"])
def test_same_weights_with_weights_of_rows(data):
    kind, make = DATA[data]
    X, y = make()
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    assert_same(*both(kind, X, y, {"alpha": 0.5}, weight))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_same_weights_after_partial_fit_and_warm_starts(solver):
    X, y = digits(3)
    how = {"solver": solver, "random_state": 1, "max_iter": 2, "learning_rate": "invscaling"}
    theirs = neural_network.MLPClassifier(**how, warm_start=True)
    ours = cnn.MLPClassifier(**how, warm_start=True, dtype="float64")
    for _ in range(2):
        with pytest.warns(ConvergenceWarning):
            theirs.fit(X, y)
        ours.fit(X, y)
        assert_same(theirs, ours)
        assert_same(theirs.partial_fit(X, y), ours.partial_fit(X, y))
        assert_same(theirs.partial_fit(X[:50], y[:50]), ours.partial_fit(X[:50], y[:50]))
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)


def test_same_weights_from_a_random_state():
    X, y = digits(3)
    theirs = neural_network.MLPClassifier(random_state=np.random.RandomState(5), solver="sgd")
    ours = cnn.MLPClassifier(random_state=np.random.RandomState(5), solver="sgd", dtype="float64")
    for _ in range(3):
        theirs.partial_fit(X, y, classes=[0, 1, 2])
        ours.partial_fit(X, y, classes=[0, 1, 2])
    assert_same(theirs, ours)


def test_same_end():
    """Both stop at the same epoch, by the loss and by the score."""
    X, y = load_iris(return_X_y=True)
    for how in ({"tol": 0.01}, {"tol": 0.01, "early_stopping": True}):
        kept = y < 2 if "early_stopping" in how else y < 3
        theirs = neural_network.MLPClassifier(random_state=0, max_iter=1000, **how).fit(X[kept], y[kept])
        ours = cnn.MLPClassifier(random_state=0, max_iter=1000, dtype="float64", **how).fit(X[kept], y[kept])
        assert ours.n_iter_ == theirs.n_iter_ < 1000
        assert ours.stop_reason_ == ("early_stopping" if "early_stopping" in how else "tol")


def test_lbfgs_finds_the_same_minimum():
    """Convex without hidden layers: a single minimum."""
    X, y = digits(4)
    how = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "max_iter": 2000, "tol": 1e-7}
    theirs = neural_network.MLPClassifier(random_state=0, **how).fit(X, y)
    ours = cnn.MLPClassifier(random_state=1, dtype="float64", **how).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-2)  # flat there: see the loss
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    assert ours.stop_reason_ == "tol"


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("stratified", [False, True])
def test_the_same_rows_are_held_out(fraction, stratified):
    y = np.random.default_rng(1).integers(4, size=131)
    for seed in range(5):
        expected = train_test_split(
            np.arange(131), test_size=fraction, random_state=seed, stratify=y if stratified else None
        )
        found = random_draws.split_validation_rows(
            np.random.RandomState(seed), 131, fraction, y if stratified else None
        )
        assert [rows.tolist() for rows in found] == [rows.tolist() for rows in expected]
