"""Any number of threads counts as at most 64, in every entrance; memory does not grow with it."""

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers, outcome
from small import X

from cnn_core import bench, functions, threads
from cnn_core.stack import Objective, Stack

resource = pytest.importorskip("resource")

COUNTS = [65, 10**6, 2**31, 2**62, 2**63, 2**200]
LIMIT = 8 * 2**30  # bytes of address space: 10**6 threads had asked for 68 GiB


@pytest.fixture(autouse=True)
def little_memory():
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def core_results(n_threads):
    stack = Stack((4, 6, 1), ["tanh", "identity"])
    for weight, _ in stack.views():
        weight[...] = np.linspace(-1, 1, weight.size).reshape(weight.shape)
    inputs, y = X.astype(np.float32)[:, :4], np.ones((len(X), 1), np.float32)
    objective = Objective("mse", n_threads=n_threads)
    results = [
        stack.forward(inputs, n_threads=n_threads),
        stack.hidden(inputs, 1, n_threads=n_threads),
        stack.try_forward(inputs, None, 1, 1.0, n_threads),
        stack.input_gradient(inputs, y, n_threads=n_threads),
        functions.matmul(inputs, inputs.T, n_threads=n_threads),
        stack.loss(inputs, y, objective),
    ]
    stack.set_optimizer("adam")
    results.append(stack.train(inputs, y, objective, None, np.full(1, 0.1), batch_size=len(X)))
    return [*map(np.asarray, results), stack.parameters]


@pytest.mark.parametrize("n_threads", COUNTS)
def test_core(n_threads):
    for many, one in zip(core_results(n_threads), core_results(1), strict=True):
        np.testing.assert_array_equal(many, one)


@pytest.mark.parametrize("n_threads", COUNTS)
def test_probes(n_threads):
    assert bench.peak(seconds=1e-4, n_threads=n_threads) > 0
    assert bench.bandwidth(1024, seconds=1e-4, n_threads=n_threads) > 0


@pytest.mark.parametrize("n_threads", COUNTS)
@pytest.mark.parametrize("kind", [cnn.Network, cnn.MLPRegressor])
def test_models(kind, n_threads):
    def fitted(count):
        if kind is cnn.Network:
            return cnn.Network([cnn.Dense(8), cnn.Dense(1)], loss="mse", n_threads=count, seed=0).fit(
                X, np.arange(len(X)), epochs=2
            )
        model = cnn.MLPRegressor(hidden_layer_sizes=(8,), max_iter=2, n_threads=count, random_state=0)
        return model.fit(X, np.arange(len(X)))

    np.testing.assert_array_equal(fitted(n_threads).predict(X), fitted(1).predict(X))


@pytest.mark.parametrize("n_threads", COUNTS)
def test_process(n_threads):
    before = cnn.get_num_threads()
    for module in (cnn, threads):
        try:
            module.set_num_threads(n_threads)
            assert cnn.get_num_threads() == threads.MOST
        finally:
            module.set_num_threads(before)
    with cnn.threads(n_threads):
        assert cnn.get_num_threads() == threads.MOST
    assert cnn.get_num_threads() == before


@pytest.mark.parametrize("value", [0, -1, -(2**31), -(2**63), -(2**200)])
def test_less_than_one_is_refused(value):
    stack = Stack((4, 1), ["identity"])
    for call in (stack.forward, lambda X, **options: functions.matmul(X, X.T, **options)):
        with pytest.raises(ValueError, match=f"n_threads is {value}"):
            call(np.ones((2, 4), np.float32), n_threads=value)


@pytest.mark.parametrize("value", [1.0, "1", None.__class__, [1], np.ones(2), 1j])
def test_other_types_are_refused(value):
    with pytest.raises(TypeError):
        Stack((4, 1), ["identity"]).forward(np.ones((2, 4), np.float32), n_threads=value)


def test_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flowers()
    options = ["--target", "kind", "-o", "model.safetensors", "--epochs", "2", "--threads", 10**6]
    assert outcome(capsys, "train", "flowers.csv", *options)[0] == 0
    assert outcome(capsys, "evaluate", "model.safetensors", "flowers.csv", "--threads", 10**6)[0] == 0


def test_functional_uses_the_number_of_the_process():
    A = np.ones((50, 50), np.float32)
    with cnn.threads(10**6):
        np.testing.assert_array_equal(
            cnn.functional.linear_forward(A, A, np.zeros((50, 1)))[0], np.full((50, 50), 50)
        )
