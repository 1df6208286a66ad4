"""Many threads on one network: the bits of serial calls, bounded memory and threads, a figure for the throughput; and
predictions while the network is trained, each of which is that of one whole state."""

import os
import signal
import sys
import threading
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Callback
from memory import memory_in_use, resident_memory
from small import blobs

CALLERS = 32
ROWS = np.random.default_rng(0).normal(size=(256, 64)).astype("float32")


def threads_in_use():
    return len(os.listdir("/proc/self/task"))


def run_all(works):
    """Run each function in a separate thread, and raise the first of their errors."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    assert not any(thread.is_alive() for thread in threads), "a thread does not end"
    if errors:
        raise errors[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("rows", [1, 256])
@pytest.mark.parametrize("standardize", [False, True])
def test_32_threads_predict_the_bits_of_serial_calls(rows, standardize, effort, figures):
    net = cnn.Network([cnn.Dense(100, "relu"), cnn.Dense(10)], standardize=standardize, seed=0)
    net.fit(ROWS, np.arange(256) % 10, epochs=1)
    X = ROWS[:rows]
    expected = net.predict_proba(X).tobytes()
    seconds, every = (60, 1000) if effort.long else (0.4, 10)  # few enough times for the bound of memory
    barrier, ends, counts, times, watch = threading.Barrier(CALLERS + 1), [], [], [], []

    def predict():
        barrier.wait()
        start, count, some = time.perf_counter(), 0, []
        while time.perf_counter() < start + seconds:
            before = time.perf_counter()
            assert net.predict_proba(X).tobytes() == expected
            if count % every == 0:
                some.append(time.perf_counter() - before)
            count += 1
        ends.append((start, time.perf_counter()))
        counts.append(count)
        times.extend(some)

    def observe():
        barrier.wait()
        while len(counts) < CALLERS:
            watch.append((resident_memory(), threads_in_use()))
            time.sleep(0.05)

    alone = alone_per_second(net, X)
    before, known = memory_in_use(), threads_in_use()
    run_all([predict] * CALLERS + [observe])
    assert len(counts) == CALLERS
    assert min(counts) > 0
    # The pool has at most as many threads as processors; the stacks of 32 threads and what they compute in take less
    # than 64 MiB.
    assert max(n for _, n in watch) <= known + CALLERS + 2 + (os.cpu_count() or 1)
    assert max(m for m, _ in watch) < before + (64 << 20)
    elapsed = max(end for _, end in ends) - min(start for start, _ in ends)
    figures(
        f"P11 {CALLERS} threads, {rows} rows, standardize={standardize}",
        {
            "calls per second": round(sum(counts) / elapsed),
            "of one thread": round(alone),
            "p50 ms": round(1e3 * float(np.quantile(times, 0.5)), 3),
            "p99 ms": round(1e3 * float(np.quantile(times, 0.99)), 3),
            "memory MiB": round((max(m for m, _ in watch) - before) / (1 << 20), 1),
        },
    )


def alone_per_second(net, X):
    """Calls per second of one thread."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + 0.1:
        net.predict_proba(X)
        count += 1
    return count / (time.perf_counter() - start)


def test_all_threads_make_the_predictor_at_once(effort):
    net = cnn.Network([cnn.Dense(50, "relu"), cnn.Dense(10)], standardize=True, seed=0)
    net.fit(ROWS, np.arange(256) % 10, epochs=1)
    expected, weights = net.predict_proba(ROWS).tobytes(), net.snapshot()
    for _ in range(effort.count(5, 500)):
        net.restore(weights)  # discards the predictor
        barrier = threading.Barrier(CALLERS)

        def predict(barrier=barrier):
            barrier.wait()
            assert net.predict_proba(ROWS).tobytes() == expected

        run_all([predict] * CALLERS)


# ---- training meanwhile


WIDTH, INPUTS = 64, 2000
ONE_HOT = np.eye(INPUTS, dtype="float32")[[0, 1, INPUTS // 2, INPUTS - 1]]


def equal_weights(**parameters):
    """Network all of whose weights stay equal to one another in steps of SGD on rows of ones."""
    net = cnn.Network(
        [cnn.Dense(WIDTH, bias=False)], loss="mse", seed=0, **{"optimizer": cnn.SGD(1e-7)} | parameters
    )
    net.set_weights([(np.ones((INPUTS, WIDTH)), None)])
    return net


X_ONES, Y_ZEROS = np.ones((32, INPUTS), "float32"), np.zeros((32, WIDTH), "float32")


def values_of_state(outputs):
    """The only number of an array: the weight of all units in one state."""
    assert (outputs == outputs.flat[0]).all(), "a mixture of states"
    return float(outputs.flat[0])


READERS = {
    "predict": lambda net: net.predict(ONE_HOT),
    "decision_function": lambda net: net.decision_function(ONE_HOT),
    "transform": lambda net: net.snapshot(optimizer=False)["layers"][0]["weight"],
    "snapshot": lambda net: net.snapshot()["layers"][0]["weight"],
    "get_weights": lambda net: net.get_weights()[0][0],
    "input_gradient": lambda net: net.input_gradient(ONE_HOT, output=1)[:, :5],
    "to_dict": lambda net: net.to_dict()["W1"],
    "loss": lambda net: np.array([net.loss(ONE_HOT, np.zeros((4, WIDTH)))]),
    "score": lambda net: np.zeros(1) if np.isfinite(net.score(ONE_HOT, np.eye(4, WIDTH))) else np.arange(2),
}


class Between(Callback):
    def on_epoch_end(self, net, epoch, history):
        net.predict(ONE_HOT)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "way", ["fit", "callbacks", "partial_fit", "ema", "restore", "gram", "lbfgs", "stream"]
)
def test_reading_during_training_never_sees_a_mixture(name, way, effort):
    parameters = {"ema": {"ema": 0.9}, "lbfgs": {"optimizer": "lbfgs", "l2": 0.1}}.get(way, {})
    net, done, seen = equal_weights(**parameters), threading.Event(), []
    seconds = effort.count(0.06, 5)

    def train():
        end, state, other = time.perf_counter() + seconds, net.snapshot(), net.snapshot()
        for layer in other["layers"]:
            layer["weight"] *= 2
        options = {
            "epochs": 20,
            "batch_size": 32,
            "shuffle": False,
            "warm_start": True,
            "gram": way == "gram",
        }
        try:
            while time.perf_counter() < end or len(seen) < 3:  # on a busy machine, longer
                if way == "partial_fit":
                    net.partial_fit(X_ONES, Y_ZEROS)
                elif way == "restore":
                    net.restore(state)
                    net.set_weights(other["layers"])
                elif way == "lbfgs":
                    net.fit(X_ONES, Y_ZEROS, epochs=2, warm_start=True)
                elif way == "stream":
                    net.fit([(X_ONES, Y_ZEROS)] * 3, epochs=2, warm_start=True)
                else:
                    net.fit(X_ONES, Y_ZEROS, **options, callbacks=[Between()] if way == "callbacks" else [])
        finally:
            done.set()

    def read():
        while not done.is_set():
            if name == "input_gradient":
                seen.append(
                    READERS[name](net)[0, 0]
                )  # of one row: others may be of other bits, but all of one state
            else:
                seen.append(values_of_state(READERS[name](net)))

    run_all([train, read, read])
    assert len(seen) > 2
    assert np.isfinite(seen).all()


def test_the_weights_of_an_estimator_during_training():
    """Arrays that are read during training are copies of one state; those from before stay those of the network."""
    X, y = blobs(60)
    model, done, errors = (
        cnn.MLPClassifier(hidden_layer_sizes=64, max_iter=1).fit(X, y),
        threading.Event(),
        [],
    )

    def train():
        for _ in range(30):
            model.set_params(warm_start=True, max_iter=20).fit(X, y)
        done.set()

    def read():
        while not done.is_set():
            coefs = model.coefs_
            if not coefs[0].flags.writeable:  # during training
                before = coefs[0].copy()
                time.sleep(0.001)
                if (coefs[0] != before).any():
                    errors.append("changed")
            assert len(model.intercepts_) == 2
            model.predict_proba(X)

    run_all([train, read])
    assert not errors
    model.coefs_[0][...] = 0
    assert (model.hidden(X, 0) == np.maximum(model.intercepts_[0], 0)).all()


ROWS_OF_LONG = 3000  # a step with all of them takes some tenths of a second


def long_training(**parameters):
    """Network and data with which one epoch takes some seconds, in several slices."""
    rng = np.random.default_rng(0)
    net = cnn.Network(
        [cnn.Dense(1024, "relu"), cnn.Dense(1024, "relu"), cnn.Dense(2)], loss="mse", seed=0, **parameters
    )
    return (
        net,
        rng.normal(size=(ROWS_OF_LONG, 1024)).astype("float32"),
        rng.normal(size=(ROWS_OF_LONG, 2)).astype("float32"),
    )


# On a busy machine the time limit ends training within the first full batch, while the requests are answered.
@pytest.mark.filterwarnings("ignore:time_limit has passed before the first step")
@pytest.mark.parametrize("batch_size", [64, "full"])
def test_a_request_waits_for_the_end_of_the_slice(batch_size, effort, figures):
    """Some hundredths of a second, also within a long batch; the median, because other programs use the machine."""
    net, X, Y = long_training(n_threads=1)
    net.fit(X[:64], Y[:64], epochs=1)
    done, waits = threading.Event(), []

    def train():
        try:
            net.fit(X, Y, epochs=10**6, batch_size=batch_size, time_limit=effort.count(3, 20))
        finally:
            done.set()

    def predict():
        time.sleep(0.2)
        while not done.is_set():
            start = time.perf_counter()
            net.predict(X[:1])
            waits.append(time.perf_counter() - start)
            time.sleep(0.01)

    run_all([train, predict])
    figures(
        f"P11 wait of a prediction during training, batch_size={batch_size}, ms",
        round(1e3 * float(np.median(waits)), 1),
    )
    assert len(waits) > 5
    assert np.median(waits) < 0.1


def test_predictions_in_training_do_not_stop_it():
    """Slices wait for those who copy the state, but only once for each of them."""
    net, X, Y = long_training(n_threads=1)
    stop = threading.Event()
    net.fit(X[:64], Y[:64], epochs=1)

    def predict():
        while not stop.is_set():
            net.predict(X[:1])

    def train():
        net.fit(X[:600], Y[:600], epochs=1, batch_size=64, warm_start=True)
        stop.set()

    run_all([train, *[predict] * 8])
    assert net.history["epoch"] == [1, 2]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
@pytest.mark.parametrize("batch_size", [256, "full"])
def test_a_signal_handler_predicts(batch_size):
    net, X, Y = long_training(n_threads=1)
    net.fit(X[:64], Y[:64], epochs=1)
    outputs = []

    def handle(*_):
        outputs.append(net.predict(X[:4]))
        with pytest.raises(RuntimeError, match="is being trained"):
            net.partial_fit(X[:4], Y[:4])

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.05)
    try:
        net.fit(X, Y, epochs=4 if batch_size == "full" else 1, batch_size=batch_size)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(outputs) > 2
    assert all(np.isfinite(each).all() for each in outputs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_during_training_has_a_whole_state(effort):
    net, done = equal_weights(n_threads=1), threading.Event()
    statuses = []

    def train():
        net.fit(X_ONES, Y_ZEROS, epochs=10**6, batch_size=8, warm_start=True, time_limit=effort.count(1, 20))
        done.set()

    def fork():
        time.sleep(0.1)
        while not done.is_set():
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    signal.alarm(20)
                    values_of_state(net.predict(ONE_HOT))
                    values_of_state(net.get_weights()[0][0])
                    net.optimizer = cnn.SGD(1e-7)
                    net.partial_fit(X_ONES, Y_ZEROS)
                    values_of_state(net.predict(ONE_HOT))
                    status = 0
                finally:
                    os._exit(status)
            statuses.append(os.waitpid(child, 0)[1])
            time.sleep(0.005)

    run_all([train, fork])
    assert statuses
    assert not any(statuses)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("where", ["batch", "loss"])
def test_a_child_of_a_callback_may_go_on(where):
    X, y = blobs(40)
    children = []

    def fork():
        if not children:
            child = os.fork()
            children.append(child)
            return child == 0
        return False

    in_child = []

    def loss(y, z):
        if where == "loss" and fork():
            in_child.append(1)
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    class Forks(Callback):
        def on_batch_end(self, net, epoch, batch, loss):
            if where == "batch" and fork():
                in_child.append(1)

    net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss=cnn.losses.CustomLoss(loss), seed=0)
    status = 1
    try:
        net.fit(X, y.astype("float32"), epochs=2, batch_size=10, callbacks=[Forks()])
        status = 0 if net.history["epoch"] == [1, 2] and np.isfinite(net.predict(X)).all() else 2
    finally:
        if in_child:
            os._exit(status)
    assert os.waitpid(children[0], 0)[1] == 0
    assert status == 0


def test_a_loss_may_wait_for_a_thread_that_predicts():
    X, y = blobs(40)
    results = []

    def loss(y, z):
        if ready:
            thread = threading.Thread(target=lambda: results.append(net.predict(X)))
            thread.start()
            thread.join(30)
        return ((y - z) ** 2).sum(axis=1), 2 * (z - y)

    ready = []
    net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss=cnn.losses.CustomLoss(loss), seed=0)
    net.fit(X, y.astype("float32"), epochs=0)
    ready.append(True)
    net.fit(X, y.astype("float32"), epochs=1, batch_size=10)
    assert len(results) == 4
