"""Statistics of X and y: those of the training rows alone, whatever rows are held out, in every entrance."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.training import loop

M = 80
RNG = np.random.default_rng(0)
X = RNG.normal(size=(M, 3)) * [1, 5, 0.1] + [0, 3, 9]
Y = (X @ [1.0, 2, 3] * 50 + 1e4).round(2)
WEIGHTS = RNG.integers(0, 4, M).astype(float)
GROUPS = np.arange(M) // 8


@pytest.fixture
def trained_rows(monkeypatch):
    """The indices of the rows of each run, as training has them."""
    seen, usual = [], loop.InMemory.__init__

    def init(self, trainer, data, objective):
        seen.append(np.arange(M) if data.batches.rows is None else np.array(data.batches.rows))
        usual(self, trainer, data, objective)

    monkeypatch.setattr(loop.InMemory, "__init__", init)
    return seen


def check(net, rows, weights, y=Y):
    assert 0 < len(rows) < M
    w = None if weights is None else weights[rows]
    for mean, scale, values in (
        (net.mean_, net.scale_, X[rows]),
        (net.target_mean_, net.target_scale_, y.reshape(M, -1)[rows]),
    ):
        centre = np.average(values, axis=0, weights=w)
        np.testing.assert_allclose(mean, centre, rtol=1e-12)
        np.testing.assert_allclose(
            scale, np.sqrt(np.average((values - centre) ** 2, axis=0, weights=w)), rtol=1e-9
        )
    everything = y.reshape(M, -1).mean(axis=0)
    assert (abs(net.target_mean_ - everything) > 1e-6 * abs(everything)).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("held_out", [{"validation_fraction": 0.3}, {"validation_groups": GROUPS}])
@pytest.mark.parametrize("two_columns", [False, True])
def test_network(held_out, weights, two_columns, trained_rows):
    y = np.column_stack([Y, -2 * Y]) if two_columns else Y
    net = cnn.Network(
        [cnn.Dense(4, "relu"), cnn.Dense(1 + two_columns)],
        loss="mse",
        standardize=True,
        scale_targets=True,
        seed=0,
    )
    net.fit(X, y, epochs=2, sample_weight=weights, **held_out)
    check(net, trained_rows[0], weights, y)
    before = net.target_mean_
    net.fit(X[:9], Y[:9] if not two_columns else y[:9], epochs=1, warm_start=True)
    np.testing.assert_array_equal(net.target_mean_, before)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_estimator(groups, weights, trained_rows):
    model = cnn.MLPRegressor(
        hidden_layer_sizes=(4,),
        standardize=True,
        scale_targets=True,
        early_stopping=True,
        max_iter=2,
        random_state=0,
    )
    model.fit(X, Y, sample_weight=weights, validation_groups=groups)
    check(model.network_, trained_rows[0], weights)


def test_validation_loss_is_in_the_units_of_training(trained_rows):
    net = cnn.Network([cnn.Dense(1)], loss="mse", scale_targets=True, seed=0)
    net.fit(X, Y, epochs=1, validation_fraction=0.25)
    held_out = np.setdiff1d(np.arange(M), trained_rows[0])
    errors = (net.predict(X[held_out]) - Y[held_out]) / net.target_scale_
    assert net.history["val_loss"][0] == pytest.approx(np.mean(errors**2), rel=1e-5)


def test_validation_data_is_not_used():
    net = cnn.Network([cnn.Dense(1)], loss="mse", standardize=True, scale_targets=True, seed=0)
    net.fit(X, Y, epochs=1, validation_data=(X * 2, Y * 3))
    np.testing.assert_allclose(net.target_mean_, [Y.mean()], rtol=1e-13)
    np.testing.assert_allclose(net.mean_, X.mean(axis=0), rtol=1e-13)
