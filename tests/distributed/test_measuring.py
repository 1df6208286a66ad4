"""The constants of the model of costs: from times that the tests make up, and from small measurements."""

from concurrent.futures import ThreadPoolExecutor

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed.engine import MapEngine
from compiled_nn.distributed.measuring import count_workers, estimate, link


def rounds(latency, task, driver, worker, n_workers):
    """Return the function of a made-up cluster that `link` measures."""

    def seconds(tasks, n_bytes):
        turns = -(-tasks // n_workers)
        return latency + tasks * (task + 2 * n_bytes * driver) + turns * 2 * n_bytes * worker

    return seconds


@pytest.mark.parametrize("n_workers", [2, 4])
def test_link_finds_the_constants(n_workers):
    # powers of two: the differences are exact
    assert link(rounds(8.0, 2.0, 0.25, 0.5, n_workers), n_workers, 64) == (8.0, 2.0, 0.25, 0.5)


def test_one_worker_is_counted_as_the_driver():
    assert link(rounds(8.0, 2.0, 0.25, 0.5, 1), 1, 64) == (8.0, 2.0, 0.75, 0.0)


def test_noise_gives_no_negative_constants():
    assert link(lambda tasks, n_bytes: 5.0 - tasks - n_bytes, 2, 2) == (4.0, 0.0, 0.0, 0.0)


def test_workers_are_counted():
    assert count_workers(MapEngine()) == 1
    with ThreadPoolExecutor(3) as pool:
        assert count_workers(MapEngine(pool.map)) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_estimate_has_the_numbers_of_the_network(dtype):
    layers = [cnn.Dense(5, "relu"), cnn.Dense(2)]
    net = cnn.Network(layers, loss="softmax_cross_entropy", dtype=dtype, optimizer=cnn.SGD(0.1, momentum=0.9))
    X = np.zeros((20, 3), dtype)
    found = estimate(net, X, np.arange(20) % 2, n_rows=1000, batch_size=8, n_shards=4)
    assert not hasattr(net, "classes_"), "the network itself was fitted"
    assert found.n_parameters == 3 * 5 + 5 + 5 * 2 + 2
    assert (
        found.bytes_per_message == found.n_parameters * np.dtype(dtype).itemsize * 2
    )  # weights and a momentum
    assert found.seconds_alone() > 0
    assert (found.n_rows, found.batch_size, found.n_shards) == (1000, 8, 4)


def test_estimate_takes_a_fitted_estimator():
    X = np.linspace(0, 1, 40)[:, np.newaxis]
    model = cnn.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit(X, X[:, 0])
    before = model.coefs_[0].copy()
    found = estimate(model, X, X[:, 0], n_rows=1000, n_workers=1, mode="synchronous")
    assert found.n_parameters == 4 + 4 + 4 + 1
    np.testing.assert_array_equal(model.coefs_[0], before)


def test_refused_parameters():
    net = cnn.Network([cnn.Dense(1)], loss="mse")
    with pytest.raises(ValueError, match="'batch_size' parameter of estimate must be an int >= 1"):
        estimate(net, [[1.0]], [1.0], n_rows=10, batch_size=0)
    with pytest.raises(ValueError, match="'n_workers' parameter of estimate must be an int >= 1"):
        estimate(net, [[1.0]], [1.0], n_rows=10, n_workers=0)
