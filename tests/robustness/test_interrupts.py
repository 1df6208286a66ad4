"""Signals during every long call: handlers run soon, and one that raises ends the call and changes nothing.

A handler that returns leaves the result as it is, to the bit. What a network has afterwards are the weights of the last
whole step, and the next call is right.
"""

import signal
import statistics
import threading
from functools import cache
from itertools import product

import compiled_nn as cnn
import numpy as np
import pytest
from signals import PressedError, interrupted_often, stopped

from cnn_core.functions import activate, derive, derive_from_inputs, matmul

if not hasattr(signal, "setitimer"):
    pytest.skip("this system has no interval timer", allow_module_level=True)

SOON = 0.2  # seconds of this thread between two handlers; on a quiet machine they are below 0.1
X = np.random.default_rng(0).random((30000, 200), np.float32)
Y = (X[:, 0] > 0.5).astype(int)
VALUES = X[:, :2].astype(np.float64)


def network(norm=None, **options):
    layers = [
        cnn.Dense(700, "relu", norm=norm),
        cnn.Dense(700, "tanh", residual=norm is not None),
        cnn.Dense(2),
    ]
    net = cnn.Network(layers, seed=0, **{"n_threads": 1} | options)
    return net.fit(X[:64], Y[:64], epochs=1)


def contents(result):
    """Return all arrays of a result as bytes, in order."""
    if isinstance(result, dict):
        return [contents(result[key]) for key in sorted(result)]
    if isinstance(result, (list, tuple)):
        return [contents(one) for one in result]
    return result.tobytes() if isinstance(result, np.ndarray) else result


CALLS = {
    "predict": lambda net: net.predict(X),
    "predict out": lambda net: net.predict(X, out=np.empty(len(X), int)),
    "predict_proba": lambda net: net.predict_proba(X),
    "predict_log_proba": lambda net: net.predict_log_proba(X),
    "decision_function": lambda net: net.decision_function(X),
    "transform": lambda net: net.transform(X),
    "score": lambda net: net.score(X, Y),
    "loss": lambda net: net.loss(X, Y),
    "gradients": lambda net: net.gradients(X[:8000], Y[:8000]),
    "input_gradient": lambda net: net.input_gradient(X[:8000]),
    "calibrate": lambda net: net.calibrate(X, Y).temperature_,
    "predict_set": lambda net: net.predict_set(X[:20000]),
}
A = np.random.default_rng(1).random((2500, 2500), np.float32)
LONG = np.random.default_rng(2).random(30_000_000, np.float32)
FUNCTIONS = {
    "matmul": lambda n_threads: matmul(A, A.T, n_threads=n_threads),
    "matmul float64": lambda n_threads: matmul(
        A[:1200].astype(float), A.T.astype(float), n_threads=n_threads
    ),
    "one row": lambda n_threads: matmul(A[:1], A, n_threads=n_threads),
    "activate": lambda n_threads: activate("gelu", LONG),
    "softmax": lambda n_threads: activate("softmax", LONG.reshape(-1, 6)),
    "derive": lambda n_threads: derive("tanh", LONG, LONG),
    "derive_from_inputs": lambda n_threads: derive_from_inputs("gelu", LONG, LONG),
}
FITS = {
    "mini-batches": {"batch_size": 2000, "shuffle": False},
    "full batch": {"batch_size": "full", "shuffle": False},
    "shuffled": {"batch_size": "full", "shuffle": True, "sample_weight": np.linspace(0, 1, 8000)},
}


def prepared(name):
    net = network()
    return net.calibrate_intervals(X[:200], Y[:200]) if name == "predict_set" else net


@pytest.fixture(scope="module")
def expected_of():
    """Return the contents of the result of a call in one thread that no signal interrupts; each call is made once."""
    return cache(lambda name: contents(CALLS[name](prepared(name))))


@pytest.mark.parametrize("name", CALLS)
def test_a_long_call_is_interrupted_soon_and_is_not_changed_by_handlers(name, n_threads, expected_of):
    expected = expected_of(name)
    net = prepared(name)
    net.n_threads = n_threads
    result, gaps = interrupted_often(lambda: CALLS[name](net), SOON)
    assert contents(result) == expected
    assert len(gaps.times) > 2  # at least one handler ran during the call
    assert gaps.longest < SOON


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_long_function_is_interrupted_soon_and_is_not_changed_by_handlers(name, n_threads):
    expected = FUNCTIONS[name](n_threads)
    result, gaps = interrupted_often(lambda: FUNCTIONS[name](n_threads), SOON)
    assert result.tobytes() == expected.tobytes()
    assert gaps.longest < SOON


@pytest.mark.parametrize("name", CALLS)
def test_a_handler_that_raises_ends_a_call_and_changes_nothing(name, expected_of):
    net, expected = prepared(name), expected_of("predict")
    before = contents(net.snapshot())
    if (late := stopped(lambda: CALLS[name](net), 0.05)) is None:
        pytest.skip("the call ended before the signal")
    assert late < 60
    assert contents(net.snapshot()) == before
    assert contents(CALLS["predict"](net)) == expected
    if name == "calibrate":
        assert net.temperature_ == 1


@pytest.mark.parametrize(("norm", "how"), [*product([None, "batch"], FITS), ("layer", "mini-batches")])
def test_a_step_is_interrupted_soon_with_the_state_of_the_last_whole_step(norm, how, n_threads):
    optimizer = "nadam" if n_threads == 1 else cnn.SGD(0.01, momentum=0.9)
    x, y, options = X[:8000], Y[:8000], FITS[how]
    states = [contents(network(norm, optimizer=optimizer, n_threads=n_threads).snapshot())]

    class Recorder(cnn.callbacks.Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            states.append(contents(net.snapshot()))

    whole = network(norm, optimizer=optimizer).fit(
        x, y, epochs=1, warm_start=True, callbacks=[Recorder()], **options
    )

    def run():
        return network(norm, optimizer=optimizer, n_threads=n_threads).fit(
            x, y, epochs=1, warm_start=True, **options
        )

    trained, gaps = interrupted_often(run, SOON)
    assert gaps.longest < SOON
    assert contents(trained.snapshot()) == contents(whole.snapshot())
    for after in (0.03, 0.1):
        again = network(norm, optimizer=optimizer, n_threads=n_threads)
        if stopped(lambda net=again: net.fit(x, y, epochs=1, warm_start=True, **options), after) is None:
            continue
        assert contents(again.snapshot()) in states
        if contents(again.snapshot()) == states[0] and not options["shuffle"]:  # as if the call had not been
            again.fit(x, y, epochs=1, warm_start=True, **options)
            assert contents(again.get_weights()) == contents(whole.get_weights())


@pytest.mark.parametrize("norm", [None, "batch"])
def test_a_full_batch_is_interrupted_by_a_time_limit_before_its_step(norm):
    net = network(norm, n_threads=1)
    before = contents(net.snapshot())
    with pytest.warns(cnn.CompiledNNWarning, match="before the first step"):
        net.fit(X, Y, epochs=1, warm_start=True, batch_size="full", time_limit=0.15)
    assert contents(net.snapshot()) == before
    assert net.stop_reason_ == "time_limit"


def test_lbfgs_is_interrupted_soon_with_the_weights_of_the_last_step():
    def fresh():
        return cnn.Network([cnn.Dense(700, "tanh"), cnn.Dense(2)], optimizer="lbfgs", seed=0, n_threads=1)

    net, gaps = interrupted_often(lambda: fresh().fit(X[:8000], Y[:8000], epochs=2), SOON)
    assert gaps.longest < SOON
    assert contents(net.get_weights()) == contents(fresh().fit(X[:8000], Y[:8000], epochs=2).get_weights())
    net, start = fresh(), fresh().fit(X[:8000], Y[:8000], epochs=0).get_weights()
    assert stopped(lambda: net.fit(X[:8000], Y[:8000], epochs=50), 0.1) is not None
    first = fresh().fit(X[:8000], Y[:8000], epochs=1).get_weights()
    assert contents(net.get_weights()) in (contents(start), contents(first))


def test_the_gram_matrix_is_interrupted_soon(n_threads):
    x = np.random.default_rng(0).random((1500, 8000), np.float32)
    y = (x[:, 0] > 0.5).astype(int)

    def run(net):
        return net.fit(x, y, epochs=2, batch_size="full", gram=True)

    def fresh(n_threads):
        layers = [cnn.Dense(8, "tanh"), cnn.Dense(2)]
        return cnn.Network(layers, optimizer="sgd", seed=0, n_threads=n_threads)

    net, gaps = interrupted_often(lambda: run(fresh(n_threads)), SOON)
    assert gaps.longest < SOON
    assert contents(net.get_weights()) == contents(run(fresh(1)).get_weights())


def test_another_thread_is_not_interrupted():
    net, other = network(), network()
    expected, results, failures = net.predict_proba(X), [], []

    def predict():
        try:
            results.extend(other.predict_proba(X) for _ in range(2))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=predict)
    thread.start()
    stopped(lambda: [net.predict(X) for _ in range(20)], 0.1)
    thread.join()
    assert failures == []
    assert all(np.array_equal(result, expected) for result in results)


def test_a_handler_may_use_the_network():
    net = network()
    expected, seen = contents(net.predict_proba(X)), []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(contents(net.predict_proba(X[:3]))))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        result = contents(net.predict_proba(X))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert result == expected
    assert set(seen) == {contents(net.predict_proba(X[:3]))}


def test_a_loss_that_raises_keeps_the_running_statistics_of_the_last_whole_step():
    def squared(y, z):
        if left.pop() == 0:
            raise PressedError
        return ((z - y) ** 2).sum(axis=1), 2 * (z - y)

    def trained(n_rows):
        layers = [cnn.Dense(8, "relu", norm="batch"), cnn.Dense(2, "identity")]
        net = cnn.Network(layers, loss=cnn.losses.CustomLoss(squared), seed=0, n_threads=1)
        if n_rows == 320:
            with pytest.raises(PressedError):
                net.fit(X[:n_rows], VALUES[:n_rows], epochs=1, batch_size=64, shuffle=False)
        else:
            net.fit(X[:n_rows], VALUES[:n_rows], epochs=1, batch_size=64, shuffle=False)
        return contents(net.snapshot()["layers"])

    left = [0, 1, 1, 1, 1]
    state = trained(320)
    left = [1] * 4
    assert state == trained(256)


@pytest.mark.parametrize("name", ["fit", "predict", "score", "loss", "gradients", "lbfgs"])
def test_the_delay_is_measured_when_a_call_is_interrupted(name, effort, figures):
    net = network()
    long = {
        "fit": lambda: net.fit(X, Y, epochs=9, batch_size="full", warm_start=True),
        "lbfgs": lambda: network(optimizer=cnn.LBFGS()).fit(X, Y, epochs=9),
        "gradients": lambda: net.gradients(X, Y),
    }
    run = long.get(name, lambda: CALLS[name](net))
    times = np.random.default_rng(0).uniform(0.02, 0.15, effort.count(3, 50))
    delays = [delay for after in times if (delay := stopped(run, after)) is not None]
    assert delays
    figures(f"P10 median delay of a signal in {name}, ms", 1e3 * statistics.median(delays))
    assert statistics.median(delays) < (0.1 if effort.long else 5)
