"""Other programs on the processors: a thread of the pool that the system does not schedule delays no call."""

import os
import sys

import networks
import pytest

needs_linux = pytest.mark.skipif(
    sys.platform != "linux" or not os.path.exists("/proc/self/schedstat"),
    reason="sets the scheduling of single threads, and reads their time of the processor",
)

# The thread of the pool runs only when its processor is idle, and another process keeps that processor busy.
LATE = """
import json, os, subprocess, sys
import numpy as np
from cnn_core.functions import matmul
from cnn_core.layers import MeanOfLayers
from cnn_core.stack import Objective, Stack

def stack(seed, norm=None):
    made = Stack((784, 128, 10), ("relu", "softmax"), norms=(norm, None))
    for W, _ in made.views():
        W[...] = np.random.default_rng(seed).standard_normal(W.shape) / 30
    return made

def tasks():
    return {int(task) for task in os.listdir("/proc/self/task")}

def nanoseconds(task):
    with open(f"/proc/self/task/{task}/schedstat") as file:
        return int(file.read().split()[0])

X = np.random.default_rng(0).standard_normal((512, 784)).astype("float32")
net, mean = stack(0), MeanOfLayers([stack(0), stack(1)], [0.5, 0.5])
learner, y = stack(2, "batch" if "CALL" == "normalised" else None), np.arange(512) % 10
learner.set_optimizer("sgd")
start = learner.parameters.copy()

def trained(n):
    learner.parameters[...] = start
    learner.train(X, y, Objective("softmax_cross_entropy", n_threads=n), None, np.full(4, 0.1), batch_size=128)
    return learner.parameters

def gradient(n):
    net.gradient(X, y, Objective("softmax_cross_entropy", n_threads=n))
    return net.gradients

calls = {
    "forward": lambda n: net.forward(X, n_threads=n),
    "hidden": lambda n: net.hidden(X, 1, n_threads=n),
    "matmul": lambda n: matmul(X, X.T, n_threads=n),
    "mean": lambda n: mean.try_forward(X, None, 1, 1.0, n),
    "training": lambda n: trained(n),
    "normalised": lambda n: trained(n),
    "gradient": lambda n: gradient(n),
}
call = calls["CALL"]
expected = call(1).tobytes()
before = tasks()
same = [call(2).tobytes() == expected]
(worker,) = tasks() - before
processors = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(worker, processors[-1:])
os.sched_setscheduler(worker, os.SCHED_IDLE, os.sched_param(0))
busy = "import os; os.sched_setaffinity(0, [%d]); print(flush=True)\\nwhile True: pass" % processors[-1]
with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as neighbour:
    try:
        neighbour.stdout.readline()
        os.sched_setaffinity(0, processors[:1])
        mine, its = nanoseconds(os.getpid()), nanoseconds(worker)
        for _ in range(50):
            same.append(call(2).tobytes() == expected)
        mine, its = nanoseconds(os.getpid()) - mine, nanoseconds(worker) - its
    finally:
        neighbour.kill()
print(json.dumps([all(same), mine, its]))
"""


@needs_linux
@pytest.mark.parametrize("call", ["forward", "hidden", "matmul", "mean", "training", "gradient"])
def test_a_share_that_no_thread_has_begun_is_computed_by_the_caller(call, environment):
    """The two shares are equal: a caller that waited for its partner would have as much time as the partner."""
    same, caller, partner = networks.run_python(LATE.replace("CALL", call), environment)
    assert same
    assert partner < caller / 4


@needs_linux
def test_after_a_thread_was_late_calls_with_barriers_use_one_thread(environment):
    """Batch normalisation needs all threads, so the first call waits for its partner; the others do not."""
    same, caller, partner = networks.run_python(LATE.replace("CALL", "normalised"), environment)
    assert same
    assert partner < caller / 4
