"""Threads of Python on one network and on many: the bits are those of the same calls one after another.

The tests run with and without the global interpreter lock; without it the calls really overlap.
"""

import copy
import io
import os
import pickle
import sys
import threading
import time

import compiled_nn as cnn
import networks
import numpy as np
import pytest
from small import binary, bits, blobs, classifier, regressor

from cnn_core.stack import Objective, Stack

N_THREADS = 6
X, Y = blobs(120, 5, 3, seed=4)
VALUES = X[:, 0] * X[:, 1] + X[:, 2]


@pytest.fixture(autouse=True)
def switch_often():
    """With the lock: other threads run after 10 microseconds instead of 5 milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(function, n=N_THREADS):
    """Results of function(0), ..., function(n - 1), which start at the same moment in threads of their own."""
    start, results, errors = threading.Barrier(n), [None] * n, []

    def call(number):
        start.wait()
        try:
            results[number] = function(number)
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(n)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=120)
        assert not caller.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def content(value):
    """Exact content of a result: arrays as bytes, other objects as they are."""
    if isinstance(value, np.ndarray):
        return (
            value.dtype.str,
            value.shape,
            value.tobytes() if value.dtype != object else tuple(value.ravel()),
        )
    if isinstance(value, dict):
        return {name: content(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [content(item) for item in value]
    return value


def saved(net):
    file = io.BytesIO()
    net.save(file)
    return file.getvalue()


# ---- one network, many readers

READERS = {
    "predict": lambda net: net.predict(X),
    "one row": lambda net: net.predict(X[:1]),
    "predict_proba": lambda net: net.predict_proba(X),
    "decision_function": lambda net: net.decision_function(X.astype("float64")),
    "score": lambda net: net.score(X, Y),
    "loss": lambda net: net.loss(X, Y),
    "transform": lambda net: net.transform(X),
    "get_weights": lambda net: net.get_weights(),
    "snapshot": lambda net: net.snapshot(),
    "save": saved,
    "load": lambda net: cnn.load(saved(net)).predict_proba(X),
    "pickle": lambda net: pickle.loads(pickle.dumps(net)).predict_proba(X),
    "copy": lambda net: bits(copy.deepcopy(net)),
    "text": lambda net: (repr(net), str(net.summary())),
    "input_gradient": lambda net: net.input_gradient(X),
    "gradients": lambda net: net.gradients(X, Y),
}


@pytest.mark.parametrize("parameters", [{}, {"ema": 0.9, "standardize": True, "dtype": "float64"}])
def test_one_network_and_many_readers(parameters, effort):
    net = classifier(**parameters).fit(X, Y, epochs=2)
    names = list(READERS)
    expected = {name: content(read(net)) for name, read in READERS.items()}

    def read(number):
        wrong = []
        for round_ in range(effort.count(12, 300)):
            name = names[(number + round_) % len(names)]
            if content(READERS[name](net)) != expected[name]:
                wrong.append(name)
        return wrong

    assert together(read) == [[]] * N_THREADS


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_one_estimator_and_many_readers(kind, effort):
    if kind == "classes":
        model = cnn.MLPClassifier(
            hidden_layer_sizes=(8,), max_iter=5, random_state=0, tol=0, n_iter_no_change=99
        )
    else:
        model = cnn.MLPRegressor(
            hidden_layer_sizes=(8,), max_iter=5, random_state=0, tol=0, n_iter_no_change=99
        )
    with pytest.warns(Warning, match="converge"):
        model.fit(X, Y if kind == "classes" else VALUES)
    y = Y if kind == "classes" else VALUES
    readers = [
        lambda: model.predict(X),
        lambda: model.score(X, y),
        lambda: model.coefs_,
        lambda: pickle.loads(pickle.dumps(model)).predict(X),
        lambda: type(model).load(saved(model)).predict(X),
        lambda: (repr(model), model.get_params()),
    ]
    expected = [content(read()) for read in readers]

    def read(number):
        chosen = [(number + i) % len(readers) for i in range(effort.count(12, 300))]
        return [i for i in chosen if content(readers[i]()) != expected[i]]

    assert together(read) == [[]] * N_THREADS


def test_a_network_predicts_for_many_threads_at_once_after_each_change(effort):
    """Every thread makes the predictor of the new weights, or uses that of another one."""
    net = classifier().fit(X, Y, epochs=1)
    other = classifier(seed=5).fit(X, Y, epochs=3)
    weights = [net.get_weights(), other.get_weights()]
    expected = []
    for each in weights:
        net.set_weights(each)
        expected.append(net.predict_proba(X).tobytes())
    for round_ in range(effort.count(20, 1000)):
        net.set_weights(weights[round_ % 2])
        found = together(lambda _: net.predict_proba(X).tobytes(), 4)
        assert found == [expected[round_ % 2]] * 4


# ---- many networks


def life(seed, path):
    """Bits after each part of the life of a network of its own."""
    kinds = [(classifier, Y), (regressor, VALUES), (binary, Y == 1)]
    make, y = kinds[seed % 3]
    net = make(seed=seed)
    found = [bits(net.fit(X, y, epochs=2, validation_fraction=0.2)), content(dict(net.history, seconds=None))]
    net.optimizer = cnn.SGD(0.01, momentum=0.9)
    for part in (slice(0, 50), slice(50, 120)):
        found.append(bits(net.partial_fit(X[part], y[part])))
    found += [net.predict(X).tobytes(), net.score(X, y), net.loss(X, y)]
    net.save(path)
    loaded = cnn.load(path)
    found += [loaded.predict(X).tobytes(), bits(loaded.fit(X, y, epochs=1, warm_start=True))]
    state = net.snapshot()
    net.fit(X, y, epochs=1, warm_start=True)
    net.restore(state)
    found.append(bits(net))
    return found


def test_many_networks_live_as_if_each_were_alone(tmp_path, effort):
    expected = [life(seed, tmp_path / "alone") for seed in range(N_THREADS)]
    for _ in range(effort.count(2, 100)):
        assert together(lambda number: life(number, tmp_path / str(number))) == expected


def test_many_estimators_live_as_if_each_were_alone(effort):
    def live(number):
        model = cnn.MLPClassifier(hidden_layer_sizes=(6,), max_iter=3, random_state=number)
        for start in (0, 60):
            model.partial_fit(X[start : start + 60], Y[start : start + 60], classes=[0, 1, 2])
        model.set_params(alpha=0.01)
        loaded = cnn.MLPClassifier.load(saved(model))
        return content([model.predict_proba(X), model.score(X, Y), model.loss_curve_, loaded.coefs_])

    expected = [live(number) for number in range(N_THREADS)]
    for _ in range(effort.count(2, 100)):
        assert together(live) == expected


# ---- training and other calls at the same time


def test_predictions_during_training_are_those_of_one_step(effort):
    """Each answer has the weights after a whole number of steps."""
    net, alone = (classifier(hidden=32).fit(X, Y, epochs=1) for _ in range(2))
    n_steps = effort.count(60, 2000)
    allowed = {alone.predict_proba(X).tobytes()}
    for _ in range(n_steps):
        alone.partial_fit(X, Y, batch_size="full")
        allowed.add(alone.predict_proba(X).tobytes())
    trained = threading.Event()

    def work(number):
        if number == 0:
            try:
                for _ in range(n_steps):
                    net.partial_fit(X, Y, batch_size="full")
            finally:
                trained.set()
            return set()
        found = set()
        while not trained.is_set():
            found.add(net.predict_proba(X).tobytes())
        return found

    for found in together(work, 4):
        assert found <= allowed
    assert bits(net) == bits(alone)


def test_a_stack_is_read_while_its_memory_is_replaced(effort):
    """The writer may meet readers of the loss, and then tries again; other calls are never refused."""
    inputs, targets = X.astype(np.float32), np.ones((len(X), 3), np.float32)
    objective, changed = Objective("mse", n_threads=1), threading.Event()

    def made():
        stack = Stack((5, 8, 3), ("relu", "identity"), None, "float32", norms=("batch", None))
        stack.views()[0][0][...] = 0.1
        return stack

    def insist(call, *arguments, **options):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                return call(*arguments, **options)
            except RuntimeError as error:
                if "in use by a pass" not in str(error):
                    raise
        raise AssertionError("never free")

    def change(stack):
        for step in range(effort.count(100, 5000)):
            insist(stack.set_optimizer, ("adam", "sgd", "radam")[step % 3])
            insist(stack.set_update, ema=0.5, clip_norm=1.0 + step)
            insist(stack.standardize, np.full(5, 0.1), np.full(5, 2.0))
            insist(stack.set_dropout, [0, 0.1, 0], step)
            insist(stack.train, inputs, targets, objective, None, np.full(3, 0.01), batch_size=50)

    def work(number):
        if number == 0:
            try:
                change(stack)
            finally:
                changed.set()
        seen = [stack]
        while not changed.is_set():
            arrays = [stack.parameters, stack.running, *stack.moments, *(stack.statistics or ())]
            arrays += [a for a in (stack.average, stack.gradient_norms) if a is not None]
            assert all(np.isfinite(array).all() for array in arrays)
            assert stack.optimizer in (None, "adam", "sgd", "radam")
            seen = [stack.present(averaged=number == 1), stack.copy()]
            if number == 2:
                assert np.isfinite(insist(stack.loss, inputs, targets, objective)).all()
        for each in seen:
            assert np.isfinite(each.forward(inputs, n_threads=1)).all()

    stack, alone = made(), made()
    together(work, 4)
    change(alone)
    assert stack.copy().parameters.tobytes() == alone.copy().parameters.tobytes()
    assert stack.running.tobytes() == alone.running.tobytes()
    assert stack.average.tobytes() == alone.average.tobytes()


def test_the_number_of_threads_may_change_while_others_compute(effort):
    net = classifier(hidden=300, dtype="float64").fit(np.tile(X, (20, 1)), np.tile(Y, 20), epochs=1)
    rows = np.tile(X, (20, 1))
    expected, done = net.predict_proba(rows).tobytes(), threading.Event()

    def work(number):
        if number > 0:
            try:
                return {net.predict_proba(rows).tobytes() for _ in range(effort.count(20, 1000))}
            finally:
                done.set()
        seen = set()
        while not (seen and done.is_set()):
            for n in (1, 3, None):
                cnn.set_num_threads(n)
                seen.add(cnn.get_num_threads() >= 1)
        return seen

    try:
        assert together(work, 4) == [{True}, {expected}, {expected}, {expected}]
    finally:
        cnn.set_num_threads(None)


# ---- errors


def test_exceptions_of_user_functions_reach_the_caller_who_caused_them(effort):
    """Losses, activations and callbacks raise in several threads at once."""

    def fail(number):
        class OwnError(Exception):
            pass

        def raise_error(*_):
            raise OwnError(number)

        def loss(y, z):
            raise OwnError(number)

        nets = [
            cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(1)], loss=cnn.losses.CustomLoss(loss), seed=0),
            cnn.Network(
                [cnn.Dense(4, cnn.Activation(raise_error, np.cos)), cnn.Dense(1)], loss="mse", seed=0
            ),
            cnn.Network(
                [cnn.Dense(4, cnn.Activation(np.sin, raise_error)), cnn.Dense(1)], loss="mse", seed=0
            ),
        ]
        for _ in range(effort.count(5, 200)):
            for net in nets:
                with pytest.raises(OwnError, match=f"^{number}$"):
                    net.fit(X, VALUES, epochs=1)
            with pytest.raises(OwnError, match=f"^{number}$"):
                classifier().fit(X, Y, epochs=1, callbacks=[raise_error])
        return number

    assert together(fail) == list(range(N_THREADS))


# ---- files


def test_threads_may_save_to_one_path_and_read_from_it(tmp_path, effort):
    path = tmp_path / "net.safetensors"
    nets = [classifier(seed=seed).fit(X, Y, epochs=1) for seed in range(N_THREADS)]
    allowed = {bits(net) for net in nets}
    nets[0].save(path)

    def work(number):
        found = set()
        for _ in range(effort.count(5, 200)):
            nets[number].save(path)
            found.add(bits(cnn.load(path)))
        return found

    assert set().union(*together(work)) <= allowed
    assert os.listdir(tmp_path) == [path.name], "temporary files are left"


# ---- the first use of everything, and fork

FIRST_USE = """
import json, threading
import numpy as np
import compiled_nn as cnn

X = np.random.default_rng(0).normal(size=(40, 3)); y = np.arange(40) % 3
start, results = threading.Barrier(8), [None] * 8

def network():
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], seed=0)
    net.fit(X, y, epochs=2, validation_fraction=0.3, metrics=["f1_macro"])
    return [float(net.score(X, y)), net.predict(X).tolist(), cnn.get_num_threads() > 0]

def estimator():
    model = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0, solver="lbfgs", max_fun=30)
    return model.fit(X, y).predict(X).tolist()

def names():
    made = [getattr(cnn.losses, name) for name in cnn.losses.__all__]
    made += [getattr(cnn.optimizers, name) for name in cnn.optimizers.__all__]
    made += [cnn.functional.sigmoid(np.zeros(2)), cnn.schedules, cnn.callbacks, cnn.metrics.accuracy(y, y)]
    return len(made)

def call(number):
    start.wait()
    results[number] = (network, estimator, names)[number % 3]()

import warnings
warnings.simplefilter("ignore")
threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
serial = [network(), estimator(), names()]
print(json.dumps([results[number] == serial[number % 3] for number in range(8)]))
"""


def test_everything_may_be_used_first_by_several_threads_at_once(environment, effort):
    for _ in range(effort.count(3, 50)):
        assert networks.run_python(FIRST_USE, environment) == [True] * 8


FORK = """
import json, os, signal, sys, threading, time
import numpy as np
import compiled_nn as cnn

X = np.random.default_rng(0).normal(size=(400, 20)); y = np.arange(400) % 3
def make(seed=0):
    return cnn.Network([cnn.Dense(60, "relu"), cnn.Dense(3)], seed=seed, n_threads=2).fit(X, y, epochs=1)

shared, trained = make(), make()
def work():
    return shared.predict_proba(X).tobytes(), make(3).predict_proba(X).tobytes()

expected, stop = work(), threading.Event()

def predict():
    while not stop.is_set():
        shared.predict_proba(X)

def train():
    while not stop.is_set():
        trained.partial_fit(X, y)

threads = [threading.Thread(target=each) for each in (predict, predict, train)]
for thread in threads: thread.start()
found = []
for _ in range(N_FORKS):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() == expected else 3)
        finally:
            os._exit(4)
    limit, status = time.monotonic() + 30, None
    while status is None and time.monotonic() < limit:
        done, ended = os.waitpid(child, os.WNOHANG)
        status = ended if done else time.sleep(0.002)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        status = "hangs"
    found.append(status)
stop.set()
for thread in threads: thread.join()
print(json.dumps([found, work() == expected]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_of_fork_works_while_threads_predict_and_train(environment, effort):
    n = effort.count(10, 200)
    code = FORK.replace("N_FORKS", str(n))
    assert networks.run_python(code, environment, PYTHONWARNINGS="ignore") == [[0] * n, True]
