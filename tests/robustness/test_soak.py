"""Many calls, good and refused: memory, file descriptors, threads and references do not grow."""

import gc
import io
import operator
import os
import sys
import warnings
from contextlib import suppress

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import functional
from memory import KEEPS_FREED, growth_of_memory
from processes import in_new_process
from small import INDICES, X, fitted

import cnn_core.functions
from cnn_core.stack import Objective, Stack

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="reads /proc")
BAD = np.full((3, 4), np.nan)


def files_and_threads():
    """Return the numbers of open file descriptors and of threads."""
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


class Fails(cnn.callbacks.Callback):
    """Callback that ends training with an error."""

    def on_epoch_end(self, net, epoch, history):
        raise OSError("of the test")


class FailsInBatch(cnn.callbacks.Callback):
    """The same after a step."""

    def on_batch_end(self, net, batch, loss):
        raise OSError("of the test")


def fails(z):
    raise OSError("of the test")


class World:
    """Networks and contents of files that the calls share."""

    def __init__(self):
        self.net = fitted()
        self.stack = Stack((4, 5, 3), ("relu", "softmax"))
        self.stack.set_optimizer("adam")
        self.estimator = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
        self.own = cnn.Network([cnn.Dense(3, cnn.Activation(fails, fails)), cnn.Dense(3)], seed=0)
        self.file, self.checkpoint = io.BytesIO(), io.BytesIO()
        self.net.save(self.file)
        self.net.save_checkpoint(self.checkpoint)
        self.damaged = self.file.getvalue()[:-3]
        self.weights = self.net.get_weights()
        self.rows = np.asfortranarray(X)

    def small(self, **parameters):
        return cnn.Network([cnn.Dense(2, "tanh"), cnn.Dense(3)], seed=0, **parameters)


GOOD = {
    "predict": lambda w: w.net.predict(X[:3]),
    "predict one row": lambda w: w.net.predict_proba(X[:1]),
    "predict columns": lambda w: w.net.decision_function(w.rows),
    "score": lambda w: w.net.score(X, INDICES),
    "gradients": lambda w: w.net.gradients(X, INDICES),
    "set_weights": lambda w: w.net.set_weights(w.weights),
    "partial_fit": lambda w: w.net.partial_fit(X[:4], INDICES[:4]),
    "fit": lambda w: w.small().fit(X[:9], INDICES[:9], epochs=1),
    "lbfgs": lambda w: w.small(optimizer=cnn.LBFGS()).fit(X[:9], INDICES[:9], epochs=2),
    "save": lambda w: w.net.save(io.BytesIO()),
    "load": lambda w: cnn.load(w.file.getvalue()),
    "load_checkpoint": lambda w: cnn.load_checkpoint(w.checkpoint.getvalue()),
    "functional": lambda w: functional.softmax(functional.relu(X)),
    "matmul": lambda w: cnn_core.functions.matmul(X, X.T),
    "Stack": lambda w: Stack((4, 5, 3), ("relu", "softmax")).forward(X),
    "train": lambda w: w.stack.train(
        X, INDICES, Objective("softmax_cross_entropy"), None, np.full(1, 0.01), batch_size=30
    ),
    "estimator": lambda w: w.estimator.fit(X[:9], INDICES[:9]),
}
REFUSED = {
    "columns": lambda w: w.net.predict(np.ones((2, 3))),
    "NaN": lambda w: w.net.predict(BAD),
    "text": lambda w: w.net.predict([["a", "b", "c", "d"]]),
    "out": lambda w: w.net.predict_proba(X, out=np.empty((2, 2))),
    "lengths": lambda w: w.net.partial_fit(X, INDICES[:5]),
    "labels": lambda w: w.net.score(X, INDICES + 7),
    "parameters": lambda w: cnn.Network([cnn.Dense(0)]),
    "unknown parameter": lambda w: cnn.Network([cnn.Dense(3)], learning=1),
    "damaged file": lambda w: cnn.load(w.damaged),
    "no file": lambda w: cnn.load("/nowhere/there.safetensors"),
    "folder": lambda w: w.net.save("/nowhere/there.safetensors"),
    "weights": lambda w: w.net.set_weights(w.weights[:1]),
    "callback": lambda w: w.small().fit(X[:9], INDICES[:9], epochs=1, callbacks=[Fails()]),
    "callback in a batch": lambda w: w.small().fit(X[:9], INDICES[:9], epochs=1, callbacks=[FailsInBatch()]),
    "own activation": lambda w: w.own.fit(X[:9], INDICES[:9], epochs=1),
    "functional": lambda w: functional.softmax("a"),
    "matmul": lambda w: cnn_core.functions.matmul(X, X),
    "Stack": lambda w: Stack((4, 0), ("relu",)),
    "Stack of units": lambda w: Stack((4, 5, 3), ("relu", "nothing")),
    "forward": lambda w: w.stack.forward(np.ones((2, 3), "float32")),
    "train": lambda w: w.stack.train(
        X, INDICES + 5, Objective("softmax_cross_entropy"), None, np.full(1, 0.01), batch_size=30
    ),
    "optimizer": lambda w: w.stack.set_optimizer("nothing"),
    "estimator": lambda w: w.estimator.fit(BAD, [0, 1, 0]),
}
ERRORS = (TypeError, ValueError, OSError)


def repeat(world, calls, count):
    """Make this many calls, the kinds in turns."""
    calls = list(calls.values())
    for number in range(count):
        with suppress(*ERRORS):
            calls[number % len(calls)](world)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_calls_are_refused(name):
    with pytest.raises(ERRORS):
        REFUSED[name](World())


def growth_of_resources(kind, first, count):
    """Return the growth in `count` calls, after the first ones: bytes of memory, file descriptors, threads."""
    world, calls = World(), {"good": GOOD, "refused": REFUSED}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        repeat(world, calls, first)
        before = files_and_threads()
        memory = growth_of_memory(lambda part: repeat(world, calls, part), count)
        return memory, *map(operator.sub, files_and_threads(), before)


@pytest.mark.parametrize("kind", ["good", "refused"])
def test_calls_leave_nothing(kind, effort, figures):
    count = effort.count(3_000, 100_000)
    memory, *rest = in_new_process(growth_of_resources, kind, effort.count(1_000, 10_000), count)
    figures(f"P8 {kind} calls", count)
    figures(f"P8 growth of memory in all {kind} calls, bytes", memory)
    figures(f"P8 growth of file descriptors and threads in all {kind} calls", sum(rest))
    # The allocator may take some pages. One array of 64 bytes that one kind of call leaks is 0.3 MB in the long form.
    assert memory < 2**18 or KEEPS_FREED
    assert rest == [0, 0]


@pytest.mark.parametrize("name", GOOD)
def test_nothing_waits_for_the_garbage_collector(name):
    """No call makes a cycle of references, whose memory would be freed at some later time."""
    world = World()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            GOOD[name](world)
        gc.collect()
        gc.disable()
        try:
            GOOD[name](world)
            assert gc.collect() == 0
        finally:
            gc.enable()


@pytest.mark.parametrize("name", [*GOOD, *REFUSED])
def test_reference_counts_after_calls(name):
    """Arrays, networks and stacks have as many references after a call as before, also if it raises."""
    world, call = World(), {**GOOD, **REFUSED}[name]
    held = [
        X,
        INDICES,
        BAD,
        world.net,
        world.stack,
        world.stack.parameters,
        world.own,
        world.weights,
        world.rows,
    ]

    def counts():
        return [sys.getrefcount(each) for each in held]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            repeat(world, {name: call}, 1)
        before = counts()
        repeat(world, {name: call}, 10)
    assert counts() == before
