"""Worker processes divide the processors: each of two workers on two processors uses one thread."""

import json
import multiprocessing
import os
import subprocess
import sys

import networks
import pytest

from cnn_core import siblings, threads

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="workers are counted in /proc")

PROGRAM = """
import json, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import numpy as np
import compiled_nn as cnn
from cnn_core.stack import Stack

X = np.ones((3000, 784), "float32")

def tasks():
    return len(os.listdir("/proc/self/task"))

def used(seconds=0.3):
    before = tasks()
    Stack((784, 128, 10), ("relu", "softmax")).forward(X)       # enough work for any number of threads
    time.sleep(seconds)         # the other worker takes the next task
    return cnn.get_num_threads(), tasks() - before + 1

def in_pool(context, count, **options):
    with context.Pool(count, **options) as pool:
        return [each.get() for each in [pool.apply_async(used) for _ in range(count)]]

def in_executor(context, count):
    with ProcessPoolExecutor(count, mp_context=context) as executor:
        return [each.result() for each in [executor.submit(used) for _ in range(count)]]

def alone(queue):
    queue.put(used(0))

if __name__ == "__main__":
    context, count = get_context(sys.argv[1]), int(sys.argv[2])
    X[:] = 1
    Stack((784, 128, 10), ("relu", "softmax")).forward(X)       # the parent has determined its number of threads
    queue = context.SimpleQueue()
    process = context.Process(target=alone, args=(queue,))
    process.start()
    lone = queue.get()
    process.join()
    with cnn.threads(1):        # leaves no number set
        pass
    print(json.dumps({
        "parent": cnn.get_num_threads(),
        "alone": lone,
        "pool": in_pool(context, count),
        "executor": in_executor(context, count),
    }))
"""


def answers(tmp_path, environment, method, count=2, **variables):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-P", os.fspath(program), method, str(count)],
        env={**environment, "PYTHONWARNINGS": "ignore", **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_proc
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_divide_the_processors(method, tmp_path, environment):
    found = answers(tmp_path, environment, method)
    processors = found["parent"]
    assert processors == networks.run_python(
        "import json, cnn_core.threads as t; print(json.dumps(t.default_threads()))", environment
    )
    share = max(1, processors // 2)
    assert found["pool"] == [[share, share]] * 2
    assert found["executor"] == [[share, share]] * 2
    assert found["alone"] == [processors, processors]  # a lone process has no other worker to share with


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_number_that_a_worker_sets_is_stronger(method):
    context = multiprocessing.get_context(method)
    with context.Pool(1, initializer=threads.set_num_threads, initargs=(5,)) as pool:
        assert pool.apply(threads.get_num_threads) == 5


@needs_proc
def test_the_environment_is_stronger(tmp_path, environment):
    found = answers(tmp_path, environment, "fork", OMP_NUM_THREADS="2")
    assert found["pool"] == found["executor"] == [[2, 2]] * 2


@needs_proc
def test_more_workers_than_processors_use_one_thread_each(tmp_path, environment):
    processors = len(os.sched_getaffinity(0))
    found = answers(tmp_path, environment, "fork", min(processors + 1, 16))
    assert all(count == max(1, processors // min(processors + 1, 16)) for count, _ in found["pool"])


@needs_proc
def test_loky(environment):
    pytest.importorskip("joblib")
    code = """
import json, os, joblib, compiled_nn as cnn
def number(i): return cnn.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(number)(i) for i in range(4))
print(json.dumps([found, cnn.get_num_threads()]))
"""
    found, processors = networks.run_python(code, environment)
    assert found == [[max(1, processors // 2), str(max(1, processors // 2))]] * 4


GROWING = """
import json, time
from multiprocessing import get_context
import cnn_core.threads as threads

def first(connection):
    found = [threads.get_num_threads()]
    connection.send(found)
    connection.recv()           # now there is another worker
    found = [threads.get_num_threads() for _ in range(8)]
    connection.send(found)
    connection.recv()

def second(connection):
    connection.send(threads.get_num_threads())
    connection.recv()

context, ends, processes = get_context("fork"), [], []
def start(target):
    mine, its = context.Pipe()
    process = context.Process(target=target, args=(its,))
    process.start()
    ends.append(mine)
    processes.append(process)
start(first)
alone = ends[0].recv()
start(second)
later = ends[1].recv()
ends[0].send(None)
again = ends[0].recv()
for end in ends: end.send(None)
for process in processes: process.join()
print(json.dumps([threads.get_num_threads(), alone, later, again]))
"""


@needs_proc
def test_workers_that_start_later_are_counted(environment):
    """Pools may start a worker when there is work for it: the others count again in their 2nd, 4th, 8th, ... call."""
    processors, alone, later, again = networks.run_python(GROWING, environment, PYTHONWARNINGS="ignore")
    share = max(1, processors // 2)
    assert alone == [processors]
    assert later == share
    assert again[-1] == share


def test_no_worker(monkeypatch):
    assert not siblings.is_worker()
    assert siblings.share_of(7) == 7


@pytest.mark.parametrize(("daemon", "expected"), [(True, 1), (False, 6)])
@pytest.mark.parametrize("exists", [False, True])
def test_without_proc_the_workers_of_a_pool_use_one_thread(daemon, expected, exists, monkeypatch):
    """Without /proc, and in a sandbox that does not let its folder be listed."""

    class Process:
        pass

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    Process.daemon = daemon
    monkeypatch.setattr(siblings, "is_worker", lambda: True)
    monkeypatch.setattr(os.path, "exists", lambda path: exists)
    monkeypatch.setattr(os, "listdir", refuse)
    monkeypatch.setattr(multiprocessing.process, "current_process", Process)
    assert siblings.share_of(6) == expected


@needs_proc
def test_pinned_workers_do_not_share(monkeypatch):
    """Processes on other processors are not counted."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two processors")
    code = """
import json, os
from cnn_core.siblings import workers
first, second = sorted(os.sched_getaffinity(0))[:2]
pid = os.fork()
if pid == 0:
    other = os.fork()
    if other == 0:
        os.sched_setaffinity(0, {second})
        os.read(os.pipe()[0], 1)
    while os.sched_getaffinity(other) != {second}: pass
    found = []
    for mine in ({first, second}, {first}):
        third = os.fork()
        if third == 0:
            os.sched_setaffinity(0, mine)
            os._exit(workers())
        found.append(os.waitstatus_to_exitcode(os.waitpid(third, 0)[1]))
    os.kill(other, 9); os.waitpid(other, 0)
    print(json.dumps(found), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
    assert networks.run_python(code, {**os.environ}) == [2, 1]


def test_a_number_that_is_set_is_known():
    before = threads.chosen_num_threads()  # of a controller of threadpoolctl, as in docs/guide/training.md
    try:
        threads.set_num_threads(None)
        assert threads.chosen_num_threads() is None
        threads.set_num_threads(3)
        assert threads.chosen_num_threads() == 3
        threads.set_num_threads(None)
        assert threads.chosen_num_threads() is None
    finally:
        threads.set_num_threads(before)
