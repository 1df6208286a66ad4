"""Promises to programs that embed the library, see docs/guide/embedding.md: the lock of the interpreter, idle threads,
memory, the quota of a real control group, the state of the process."""

import os
import subprocess
import sys
import threading
import time

import compiled_nn as cnn
import networks
import numpy as np
import pytest
from memory import growth_of_memory, memory_in_use, needs_memory
from processes import in_new_process

needs_linux = pytest.mark.skipif(
    sys.platform != "linux" or not os.path.exists("/proc/self/schedstat"), reason="reads /proc"
)
needs_lock = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this interpreter runs without its lock"
)
X = np.random.default_rng(0).normal(size=(4000, 200)).astype("float32")
Y = np.arange(len(X)) % 10
VALUES = X[:, :2].copy()


def network(**parameters):
    return cnn.Network([cnn.Dense(256, "relu"), cnn.Dense(10)], seed=0, **parameters)


# ---- the lock of the interpreter

LONG = {
    "fit": lambda net: net.fit(X, Y, epochs=1),
    "partial_fit": lambda net: net.partial_fit(X, Y),
    "predict": lambda net: net.predict(X),
    "predict_proba": lambda net: net.predict_proba(X),
    "score": lambda net: net.score(X, Y),
    "loss": lambda net: net.loss(X, Y),
    "gradients": lambda net: net.gradients(X, Y),
    "input_gradient": lambda net: net.input_gradient(X, output=1),
    "functional": lambda net: cnn.functional.linear_forward(
        X.T, np.ones((200, 200), "float32"), np.zeros((200, 1))
    ),
}


class Watch:
    """Thread that notes the time whenever it has the lock of the interpreter."""

    def __enter__(self):
        self.times, self._end = [], threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        while not self._end.wait(1e-4):
            self.times.append(time.perf_counter())

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


@needs_lock
@pytest.mark.parametrize("name", LONG)
def test_other_threads_run_during_a_long_call(name):
    """A thread that waits for the lock gets it after 0.005 s if Python code runs; here it gets it at once."""
    net, interval = network().fit(X[:100], Y[:100], epochs=1), sys.getswitchinterval()
    sys.setswitchinterval(30)  # nobody gives the lock away before, except code that releases it
    try:
        with Watch() as watch:
            for _ in range(200):
                start = time.perf_counter()
                LONG[name](net)
                end = time.perf_counter()
                if any(start < each < end for each in watch.times):
                    return
    finally:
        sys.setswitchinterval(interval)
    raise AssertionError("no other thread has run during 200 calls")


@needs_lock
def test_calls_of_some_microseconds_keep_the_lock():
    """They would take longer if the lock changed hands within them: two threads take turns after many calls."""
    net, interval = network().fit(X[:100], Y[:100], epochs=1), sys.getswitchinterval()
    small = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(3)], seed=0).fit(X[:60, :8], Y[:60] % 3, epochs=1)
    row, may_run, ran = X[:1, :8].copy(), threading.Event(), []

    def wait():
        may_run.wait()
        ran.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    small.predict_proba(row)
    sys.setswitchinterval(30)
    try:
        may_run.set()  # from now on, the other thread waits for the lock
        for _ in range(20_000):
            small.predict_proba(row)
        during = list(ran)
        while not ran:
            net.predict(X)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert not during


# ---- idle threads

IDLE = """
import json, os, time
import numpy as np
import compiled_nn as cnn

X = np.random.default_rng(0).normal(size=(4000, 200)).astype("float32")
Y = np.arange(len(X)) % 10
before = set(os.listdir("/proc/self/task"))
with cnn.threads(3):
    net = cnn.Network([cnn.Dense(256, "relu"), cnn.Dense(10)], seed=0).fit(X, Y, epochs=1)
    net.predict(X)
workers = set(os.listdir("/proc/self/task")) - before

def work_done():
    found = {}
    for worker in workers:
        with open(f"/proc/self/task/{worker}/schedstat") as file:
            found[worker] = file.read()         # nanoseconds, waits, and how often it was scheduled
    return found

seen = []
for _ in range(20):         # until they have gone to sleep
    seen.append(work_done())
    time.sleep(0.05)
print(json.dumps([len(workers), seen[-5:]]))
"""


@needs_linux
def test_idle_threads_are_not_scheduled(environment):
    """After a call, the threads of the pool use no time at all, and are not woken."""
    count, seen = networks.run_python(IDLE, environment)
    assert count == 2
    assert all(each == seen[0] for each in seen)


# ---- memory


@needs_memory
def test_memory_in_use_is_that_of_what_is_held():
    """Once an array of 3.2 MB was freed, glibc keeps up to 6.4 MB for later ones."""
    np.ones(400_000)
    before = memory_in_use()
    held = [np.ones(16_000) for _ in range(40)]
    size = sum(each.nbytes for each in held)
    assert 0.9 * size < memory_in_use() - before < 1.1 * size
    held.clear()
    assert memory_in_use() - before < 0.1 * size


def growth_over_calls(first, count):
    """Return the growth of memory in bytes in `count` predictions, after the first ones."""
    nets = [
        cnn.Network([cnn.Dense(20, "relu"), cnn.Dense(10)], seed=0).fit(X, Y, epochs=1),
        cnn.Network([cnn.Dense(20, "tanh"), cnn.Dense(2)], loss="mse", standardize=True, seed=0).fit(
            X, VALUES, epochs=1
        ),
    ]
    rng = np.random.default_rng(1)
    calls = [
        lambda net, rows: net.predict(rows),
        lambda net, rows: net.predict(rows.astype("float64")),
        lambda net, rows: net.predict(np.asfortranarray(rows), out=None),
        lambda net, rows: net.decision_function(rows) if net is nets[0] else net.predict(rows[:1]),
    ]

    def repeat(count):
        for number in range(count):
            rows = X[: int(np.exp(rng.uniform(0, np.log(2000))))]
            calls[number // 2 % len(calls)](nets[number % 2], rows)

    repeat(first)
    return growth_of_memory(repeat, count)


@needs_memory
def test_memory_is_flat_over_calls_of_varying_size(effort, figures):
    count = effort.count(6_000, 1_000_000)
    growth = in_new_process(growth_over_calls, effort.count(2_000, 20_000), count)
    figures("P8 predictions of 1 to 2,000 rows", count)
    figures("P8 growth of memory in all of them, bytes", growth)
    # The allocator may take some pages; 100 bytes that each call leaks are 0.6 MB, and 100 MB in the long form.
    assert growth < 2**18


# ---- a control group


def group_of_processors():
    """Folder of the control group of this process that limits processors, and the version of control groups."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
    except OSError:
        pytest.skip("the system has no control groups")
    for line in sorted(lines, key=lambda line: "cpu" not in line.split(":")[1].split(",")):
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return f"/sys/fs/cgroup/{controllers}{path}", 1
        if not controllers:
            return f"/sys/fs/cgroup{path}", 2
    pytest.skip("no control group limits processors")


IN_GROUP = """
import os, sys
with open(sys.argv[1] + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
import compiled_nn as cnn
print(cnn.get_num_threads())
"""


def threads_in_group(group, environment):
    done = subprocess.run(
        [sys.executable, "-c", IN_GROUP, group], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@needs_linux
@pytest.mark.parametrize("at", ["its own group", "the parent of its group"])
def test_quota_of_a_real_control_group(at, environment):
    """Needs the right to create groups, as in a container of root."""
    parent, version = group_of_processors()
    outer = os.path.join(parent, f"compiled-nn-test-{os.getpid()}")
    inner = os.path.join(outer, "inner")
    made = []
    try:
        try:
            for folder in (outer, inner):
                os.mkdir(folder)
                made.append(folder)
            limited = inner if at == "its own group" else outer
            if version == 1:
                with open(os.path.join(limited, "cpu.cfs_quota_us"), "w") as file:
                    file.write("100000")
            else:
                with open(os.path.join(outer, "cgroup.subtree_control"), "w") as file:
                    file.write("+cpu")
                with open(os.path.join(limited, "cpu.max"), "w") as file:
                    file.write("100000 100000")
        except OSError as error:
            pytest.skip(f"no control group can be made: {error}")
        assert threads_in_group(inner, environment) == 1
    finally:
        for folder in reversed(made):
            os.rmdir(folder)


# ---- the state of the process

STATE = """
import json, locale, os, signal, sys, threading, warnings

def state():
    return [
        [str(signal.getsignal(number)) for number in sorted(signal.valid_signals()) if number not in (9, 19)],
        [str(each) for each in warnings.filters],
        locale.setlocale(locale.LC_ALL),
        dict(os.environ),
        os.getcwd(),
        sys.getswitchinterval(),
        sys.getrecursionlimit(),
        str(sys.excepthook), str(threading.excepthook), sys.path, [str(each) for each in sys.meta_path],
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        threading.active_count(),
        str(np.geterr()), str(np.random.get_state()[1].tolist()),
    ]

import numpy as np
before = state()
import compiled_nn as cnn
imported = state()
X = np.random.default_rng(0).normal(size=(400, 20)).astype("float32")
net = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(3)], seed=0).fit(X, np.arange(400) % 3, epochs=2)
net.predict(X)
net.score(X, np.arange(400) % 3)
cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2).fit(X, np.arange(400) % 3).predict(X)
later = state()
print(json.dumps([before == imported, [i for i, (a, b) in enumerate(zip(before, later)) if a != b]]))
"""


def test_import_and_calls_leave_the_state_of_the_process_alone(environment):
    """Signals, warnings, locale, variables, folder, processors, NumPy's errors and random numbers."""
    assert networks.run_python(STATE, environment) == [True, []]
