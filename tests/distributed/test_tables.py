"""Training on shards of tables: the numbers of one process on the joined table."""

from itertools import pairwise

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows

pandas = pytest.importorskip("pandas", reason="the table is a data frame")
M, CUTS = 200, (0, 70, 71, 110, 200)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "size": rng.normal(size=M),
            "colour": rng.choice(["red", "green", "blue"], M),
            "kind": rng.integers(0, 5, M).astype(str),
            "weight": np.where(rng.random(M) < 0.1, np.nan, rng.normal(size=M)),
        }
    )
    return frame, np.where(frame["size"] + (frame["colour"] == "red") > 0.3, "yes", "no")


CASES = {
    "encoded": ({}, {}),
    "embeddings": ({"embeddings": "auto"}, {}),
    "bins": ({"numeric_embeddings": cnn.PiecewiseLinear(bins=4)}, {}),
    "robust": ({"standardize": "robust_smooth_clip"}, {}),
    "balanced": ({}, {"class_weight": "balanced"}),
    "weight of a class": ({}, {"class_weight": {"yes": 3.0}}),
    "mean of weights": ({}, {"averaging": cnn.SWA(0.5)}),
    "accumulate": ({}, {"accumulate": 3}),
}


@pytest.mark.parametrize("mode", ["synchronous", "averaging"])
@pytest.mark.parametrize("name", CASES)
def test_a_network_is_that_of_the_joined_table(name, mode, table):
    """One shard that averages, or three whose gradients are summed: sums are rounded differently, 1e-12 is enough."""
    frame, y = table
    parameters, options = CASES[name]
    parameters = {
        "categorical_features": "auto",
        "standardize": True,
        "dtype": "float64",
        "seed": 0,
    } | parameters
    parts = [(frame.iloc[a:b], y[a:b]) for a, b in pairwise(CUTS)]
    options = {"epochs": 4, "batch_size": 16, "shuffle": False} | options
    if mode == "synchronous":
        options["batch_size"] = "full"
        options.pop("accumulate", None)

    def network():
        layers = [cnn.Dense(8, "tanh"), cnn.Dense(1)]
        return cnn.Network(layers, loss="binary_cross_entropy", optimizer=cnn.AdamW(0.01), **parameters)

    rows = ShardedRows(parts, mode=mode, n_shards=3 if mode == "synchronous" else 1, steps_per_average=4)
    net, expected = network().fit(rows, **options), network().fit(frame, y, **options)
    assert net.classes_.tolist() == expected.classes_.tolist() == ["no", "yes"]
    assert list(net.input_names_) == list(expected.input_names_)
    np.testing.assert_allclose(net.predict_proba(frame), expected.predict_proba(frame), rtol=0, atol=1e-12)
    for name in expected.history.keys() - {"seconds"}:
        np.testing.assert_allclose(net.history[name], expected.history[name], rtol=1e-11, err_msg=name)


def test_early_stopping_on_rows_that_are_held_out_of_each_part(table):
    frame, y = table
    parts = [(frame.iloc[:120], y[:120]), (frame.iloc[120:], y[120:])]
    net = cnn.Network(
        [cnn.Dense(8, "tanh"), cnn.Dense(1)],
        loss="binary_cross_entropy",
        categorical_features="auto",
        optimizer=cnn.Adam(0.1),
        seed=0,
    )
    plateau = cnn.callbacks.Plateau(patience=1)
    net.fit(
        ShardedRows(parts, steps_per_average=4),
        epochs=60,
        validation_fraction=0.2,
        early_stopping=True,
        callbacks=[plateau],
    )
    best = min(net.history["val_loss"])
    assert net.history["val_loss"][net.best_epoch_ - 1] == best
    assert net.history["learning_rate"][-1] < net.history["learning_rate"][0]
