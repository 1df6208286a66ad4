"""L-BFGS over shards: the iterations of one process up to rounding, and the same bits wherever tasks run."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows

SIZES = (30, 1, 50, 19)


def part(number, weighted=True):
    rng = np.random.default_rng(number)
    X = rng.normal(size=(SIZES[number], 4))
    weights = rng.integers(0, 3, len(X)).astype(float)
    weights[0] = 1
    return (X, np.tanh(X[:, 0]) + X[:, 1] ** 2, *((weights,) if weighted else ()))


def network(**parameters):
    layers = [cnn.Dense(6, "tanh"), cnn.Dense(1)]
    options = {"dtype": "float64", "seed": 0, "optimizer": cnn.LBFGS(max_iter=12)} | parameters
    return cnn.Network(layers, loss="mse", **options)


def weights_of(net):
    return np.concatenate([array.ravel() for pair in net.get_weights() for array in pair])


@pytest.mark.parametrize(
    "parameters", [{}, {"l2": 0.01, "l1": 1e-4}, {"dtype": "float32"}, {"standardize": True}]
)
@pytest.mark.parametrize("n_shards", [1, 3])
def test_iterations_are_those_of_one_process(parameters, n_shards):
    parts = [part(number) for number in range(4)]
    X, y, w = (np.concatenate(each) for each in zip(*parts, strict=True))
    net = network(**parameters).fit(ShardedRows(parts, n_shards=n_shards))
    expected = network(**parameters).fit(X, y, sample_weight=w)
    assert net.history["epoch"] == expected.history["epoch"]
    assert net.history["loss"][-1] < 0.3 * net.history["loss"][0]
    for name in ("loss", "penalty", "learning_rate"):
        # Differences in the last bits grow with each iteration.
        np.testing.assert_allclose(net.history[name], expected.history[name], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(net.predict(X), expected.predict(X), rtol=0, atol=1e-5)


def test_bits_do_not_depend_on_where_tasks_run():
    parts = [partial(part, number, False) for number in range(4)]
    expected = weights_of(network().fit(ShardedRows(parts, n_shards=2)))
    with ThreadPoolExecutor(2) as pool:
        for options in ({"map": pool.map}, {"in_memory": False}, {"cache_bytes": 0}, {"mode": "synchronous"}):
            net = network().fit(ShardedRows(parts, n_shards=2, **options))
            np.testing.assert_array_equal(weights_of(net), expected)


def test_tolerance_and_time_limit_end_the_search():
    parts = [part(number, False) for number in range(4)]
    X, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    net = network(optimizer=cnn.LBFGS(max_iter=500, tol=1e-2)).fit(ShardedRows(parts))
    expected = network(optimizer=cnn.LBFGS(max_iter=500, tol=1e-2)).fit(X, y)
    assert net.stop_reason_ == expected.stop_reason_ == "tol"
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        stopped = network().fit(ShardedRows(parts), time_limit=0.02, callbacks=[Waiting()])
    assert stopped.stop_reason_ == "time_limit"


class Waiting(cnn.callbacks.Callback):
    """Callback that lets the time limit pass."""

    def on_epoch_begin(self, net, epoch, history):
        from time import sleep

        sleep(0.05)


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {"batch_size": 5}, "batch_size=5"),
        ({"ema": 0.9}, {}, "ema=0.9"),
        ({"clip_norm": 1.0}, {}, "clip_norm=1.0"),
    ],
)
def test_what_steps_on_batches_have_is_refused(parameters, options, message):
    with pytest.raises(
        ValueError, match=f"LBFGS uses all rows in each step, so it does not support {message}"
    ):
        network(**parameters).fit(ShardedRows([part(0)]), **options)
