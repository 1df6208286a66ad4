"""The range test of learning rates: near the best of a grid, and the network as it was."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import datasets
from compiled_nn.rates import find_learning_rate
from small import bits, blobs, classifier, sealed

X, y = blobs()
GRID = np.geomspace(1e-4, 2, 15)


@pytest.mark.parametrize(
    "make", [cnn.Adam, cnn.SGD, lambda rate: cnn.SGD(rate, momentum=0.9)], ids=["adam", "sgd", "momentum"]
)
def test_within_three_times_of_the_best_of_a_grid(make):
    """By the loss on test rows after three epochs of the bundled digits, averaged over two seeds."""
    data = datasets.load_digits()

    def network(rate, seed=0):
        layers = [cnn.Dense(64, "relu"), cnn.Dense(10)]
        return cnn.Network(layers, optimizer=make(rate), seed=seed, input_scale=1 / 16)

    def loss(rate, seed):
        try:
            net = network(rate, seed).fit(data.X_train, data.y_train, epochs=3)
        except cnn.DivergenceError:
            return np.inf
        return net.loss(data.X_test, data.y_test)

    best = GRID[np.argmin([loss(rate, 0) + loss(rate, 1) for rate in GRID])]
    found = find_learning_rate(network(1e-3), data.X_train, data.y_train)
    assert best / 3 < found.suggestion < best * 3


def test_the_network_is_as_it_was():
    net, twin = (classifier(standardize=True).fit(X, y, epochs=2) for _ in range(2))
    find_learning_rate(net, sealed(X.copy()), sealed(y.copy()))
    assert bits(net) == bits(twin)
    assert net.optimizer == twin.optimizer
    assert bits(net.fit(X, y, epochs=2, warm_start=True)) == bits(twin.fit(X, y, epochs=2, warm_start=True))
    fresh = classifier()
    find_learning_rate(fresh, X, y)
    with pytest.raises(cnn.NotFittedError):
        fresh.get_weights()


def test_rates_and_losses():
    net = classifier(optimizer=cnn.SGD(1.0))
    test = find_learning_rate(net, X, y, batch_size="full", lowest=1e-3, highest=1.0, steps=20)
    np.testing.assert_allclose(test.rates, np.geomspace(1e-3, 1, 20)[: len(test.losses)])
    schedule = classifier(optimizer=cnn.SGD(lambda step: test.rates[step]))
    schedule.fit(X, y, epochs=len(test.rates), batch_size="full")
    assert test.losses[:-1] == pytest.approx(schedule.history["loss"][1:], rel=1e-5)


def test_sparse_rows_and_tables():
    sparse = pytest.importorskip("scipy.sparse")
    full, few = (find_learning_rate(classifier(), rows, y) for rows in (X, sparse.csr_array(X)))
    assert (full.losses == few.losses).all()
    table = [[str(round(row[0])), row[1]] for row in X.tolist()]
    net = classifier(categorical_features="auto", standardize=True)
    assert 1e-6 < find_learning_rate(net, table, y).suggestion < 10


def test_plot():
    pytest.importorskip("matplotlib")
    test = find_learning_rate(classifier(), X, y)
    ax = test.plot()
    assert ax.get_xscale() == "log"
    assert ax.get_legend_handles_labels()[1] == [f"{test.suggestion:.2g}"]
    assert test.plot(ax) is ax


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lowest": 1.0, "highest": 0.1}, "'highest' parameter of find_learning_rate"),
        ({"steps": 3}, "'steps'"),
        ({"lowest": 1e30, "highest": 1e36}, r"explodes at the learning rate 1e\+30, before"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_learning_rate(classifier(optimizer="sgd"), X, y, **arguments)


@pytest.mark.parametrize("kind", [cnn.MLPClassifier, cnn.MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_estimators_have_a_learning_rate_too(kind, solver, rng):
    X = rng.normal(size=(200, 4))
    y = (X[:, 0] > 0).astype(int)
    model = kind(solver=solver, random_state=0, early_stopping=True, learning_rate_init=123.0)
    test = cnn.rates.find_learning_rate(model, X, y)
    assert 1e-4 < test.suggestion < 5
    assert not hasattr(model, "network_")
    assert model.learning_rate_init == 123.0
    with pytest.raises(ValueError, match="solver='lbfgs' has no learning rate"):
        cnn.rates.find_learning_rate(kind(solver="lbfgs"), X, y)
