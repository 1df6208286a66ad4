"""Columns of X whose differences float32 loses, and statistics of a first call with one row."""

import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.common.errors import CompiledNNWarning
from tables import pandas

TIMES = 1.7e9 + np.arange(200.0)
LATE = (TIMES > 1.7e9 + 100).astype(int)


def network(**options):
    layers = [cnn.Dense(8, "tanh"), cnn.Dense(2)]
    return cnn.Network(layers, optimizer=cnn.Adam(0.05), seed=0, **options)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_a_column_that_float32_cannot_tell_apart(dtype):
    X = np.column_stack([np.arange(200), TIMES]).astype(dtype)
    with pytest.warns(
        CompiledNNWarning, match=r"standard deviation of column 1 of X, 57\.7.*Use standardize=True"
    ):
        network().fit(X, LATE, epochs=1)
    frame = pandas.DataFrame(X, columns=["a", "time"])
    with pytest.warns(CompiledNNWarning, match="column 'time' of X"):
        cnn.MLPClassifier(max_iter=1, dtype="float32").fit(frame, LATE)
    with pytest.warns(CompiledNNWarning, match="column 1 of X"):
        network().partial_fit(X, LATE)


@pytest.mark.parametrize("method", [True, "robust", "minmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_standardized_it_is_learned(method, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = network(standardize=method, dtype=dtype).fit(TIMES[:, np.newaxis], LATE, epochs=200)
    assert net.score(TIMES[:, np.newaxis], LATE) == 1


@pytest.mark.parametrize(
    "column",
    [
        TIMES - 1.7e9,
        np.linspace(1e15, 3e15, 200),
        np.full(200, 1.7e9),
        np.zeros(200),
        1e6 + np.arange(200.0),
        np.arange(200) * 1e-30,
    ],
)
def test_others_are_accepted_without_a_word(column):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network().fit(column[:, np.newaxis], LATE, epochs=1)
        network(dtype="float64").fit(TIMES[:, np.newaxis], LATE, epochs=1)
        network().fit(TIMES[:, np.newaxis].astype(np.float32), LATE, epochs=1)  # nothing is lost here


def test_statistics_of_one_row_are_refused():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = X[:, 0] * 5 + 100
    for options in ({"standardize": True}, {"standardize": "robust"}, {"scale_targets": True}):
        net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="mse", seed=0, **options)
        name = next(iter(options))
        with pytest.raises(
            ValueError, match=rf"statistics of {name} are computed from .* 1 row has no deviations"
        ):
            net.partial_fit(X[:1], y[:1])
        with pytest.raises(ValueError, match="1 row has no deviations"):
            net.fit([(X[:1], y[:1]), (X, y)], epochs=1)
        net.partial_fit(X, y).partial_fit(X[:1], y[:1])  # the statistics are those of the first call
        net.fit(X[:1], y[:1], epochs=1)
    cnn.Network([cnn.Dense(1)], loss="mse").partial_fit(X[:1], y[:1])


@pytest.mark.parametrize("name", ["standardize", "scale_targets"])
def test_statistics_of_one_row_are_refused_by_estimators(name):
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = X[:, 0] * 5 + 100
    with pytest.raises(
        ValueError, match=f"statistics of {name} are computed from .* 1 row has no deviations"
    ):
        cnn.MLPRegressor(**{name: True}).partial_fit(X[:1], y[:1])
    model = cnn.MLPRegressor(**{name: True}).partial_fit(X, y).partial_fit(X[:1], y[:1])
    assert np.isfinite(model.predict(X)).all()
    cnn.MLPRegressor(**{name: True}, max_iter=1).fit(X[:1], y[:1])
    cnn.MLPRegressor().partial_fit(X[:1], y[:1])
