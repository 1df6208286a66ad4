"""A diagnosis with held-out rows compares the network with the largest class or the mean, and with a linear model."""

import compiled_nn as cnn
import numpy as np
import pytest

NAME = "no_better_than_baseline"


def rows(rng, relation, kind, n=1200):
    """Return X (n, 4) and a y of some kind, whose values are a function of X and noise."""
    X = rng.normal(size=(n, 4))
    y = relation(X) + rng.normal(size=n)
    if kind == "values":
        return X, 100.0 + 20 * y
    return X, np.digitize(y, [0.0] if kind == "two classes" else [-1.0, 1.0])


def linear(X):
    return X[:, 0] + 2 * X[:, 1]


def product(X):
    return 3 * X[:, 0] * X[:, 1]


def nothing(X):
    return np.zeros(len(X))


KINDS = {
    "values": (1, "mse"),
    "two classes": (1, "binary_cross_entropy"),
    "three classes": (3, "softmax_cross_entropy"),
    "ordered": (2, "ordinal"),
}


def fitted(kind, X, y):
    n, loss = KINDS[kind]
    options = {"loss": loss, "standardize": True, "scale_targets": kind == "values", "seed": 0}
    return cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(n)], **options).fit(X, y, epochs=20)


def compared(net, X, y):
    """The finding about baselines; None if there is none."""
    found = [finding for finding in net.diagnose(X, y, held_out=True) if finding.name == NAME]
    return found[0] if found else None


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_finds_more_has_no_finding(kind, rng):
    net = fitted(kind, *rows(rng, product, kind))
    assert compared(net, *rows(rng, product, kind)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_relation_needs_no_network(kind, rng):
    net, (X, y) = fitted(kind, *rows(rng, linear, kind)), rows(rng, linear, kind)
    finding = compared(net, X, y)
    assert "a linear model has" in finding.text
    assert finding.change == {"layers": (cnn.Dense(KINDS[kind][0]),)}
    assert finding.remedy.startswith("no hidden layer")
    errors = {name: number for name, number in finding.numbers.items() if name.startswith(("share", "rel"))}
    model, constant, by_line = errors.values()
    if kind == "values":
        predicted = net.predict(X)
        assert model == pytest.approx(np.mean((predicted - y) ** 2) / y.var(), rel=1e-6)
        best = np.mean((y - 100 - 20 * linear(X)) ** 2) / y.var()
        assert by_line == pytest.approx(best, rel=0.05)  # four coefficients of 900 rows
        assert constant == pytest.approx(1, rel=1e-9)
    else:
        assert model == pytest.approx(1 - net.score(X, y), abs=1e-9)
        assert constant == pytest.approx(1 - np.bincount(y).max() / len(y), abs=1e-9)
        log_loss = cnn.metrics.log_loss(y, net.predict_proba(X))
        assert finding.numbers["log loss"] == pytest.approx(log_loss, rel=1e-5)  # probabilities in float32


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_relation_the_constant_is_as_good(kind, rng):
    net = fitted(kind, *rows(rng, nothing, kind))
    finding = compared(net, *rows(rng, nothing, kind))
    assert ("the mean of y has" if kind == "values" else "the largest class has") in finding.text
    assert not finding.change


def test_an_estimator_names_its_own_parameters(rng):
    X, y = rows(rng, linear, "two classes")
    model = cnn.MLPClassifier(max_iter=30, random_state=0).fit(X, y)
    (finding,) = [each for each in model.diagnose(*rows(rng, linear, "two classes"), held_out=True)]
    assert finding.name == NAME
    assert finding.change == {"hidden_layer_sizes": ()}
    assert not model.diagnose(X, y)


def test_an_unfitted_model_has_no_predictions_to_compare(rng):
    X, y = rows(rng, linear, "two classes", 60)
    for model in (cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy"), cnn.MLPClassifier()):
        with pytest.raises(cnn.NotFittedError):
            model.diagnose(X, y, held_out=True)


def test_few_rows_and_several_labels_are_not_compared(rng):
    X, y = rows(rng, nothing, "two classes", 30)
    assert compared(fitted("two classes", X, y), X, y) is None
    X = rng.normal(size=(200, 3))
    net = cnn.Network([cnn.Dense(2)], loss="binary_cross_entropy", seed=0)
    labels = rng.integers(0, 2, (200, 2))
    assert compared(net.fit(X, labels, epochs=3), X, labels) is None
