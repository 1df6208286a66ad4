"""Threads: the same bits for any number, the rules of the default, fork, many callers at once, Ctrl-C."""

import os
import sys
import threading
import time
from itertools import pairwise

import networks
import numpy as np
import pytest

import cnn_core.threads as threads
from cnn_core.stack import Objective, Stack

# From a network far too small to share to one where every phase of a step is shared.
SIZES = [(2, 3, 1), (30, 17, 3), (784, 128, 10), (64, 300, 300, 10), (3000, 5)]


def trained_bits(sizes, optimizer, dtype, n_threads):
    rng = np.random.default_rng(7)
    loss = "binary_cross_entropy" if sizes[-1] == 1 else "softmax_cross_entropy"
    case = networks.draw(rng, sizes, "relu", loss, m=300, dtype=dtype)
    case.stack.set_optimizer(optimizer)
    losses = [
        case.stack.train(
            case.X,
            case.y,
            Objective(loss, l2=0.01, n_threads=n_threads),
            rng.permutation(300),
            np.full(3, 0.01),
            batch_size=128,
        )
        for _ in range(2)
    ]
    return losses, case.stack.parameters.tobytes(), case.stack.forward(case.X, n_threads=n_threads).tobytes()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("optimizer", networks.HYPER)
def test_any_number_of_threads_gives_the_same_bits(dtype, sizes, optimizer):
    single = trained_bits(sizes, optimizer, dtype, 1)
    for n_threads in (2, 3):
        assert trained_bits(sizes, optimizer, dtype, n_threads) == single
    assert trained_bits(sizes, optimizer, dtype, 1) == single


# Fewer inputs or units than vectors, tiles and threads, on either side of a layer that threads share.
EDGES = [(3, 1100, 17, 1), (700, 15, 33, 2), (33, 700, 1, 400, 3)]


@pytest.mark.parametrize("sizes", EDGES, ids=str)
@pytest.mark.parametrize(("norms", "clip_norm"), [(None, None), ("batch", None), (None, 0.5)])
def test_edges_of_layers_have_the_same_bits(rng, dtype, sizes, norms, clip_norm):
    m, X, results = 260, rng.standard_normal((260, sizes[0])).astype(dtype), []
    y = rng.standard_normal((m, sizes[-1])).astype(dtype)
    weights = [rng.standard_normal(shape) / 10 for shape in pairwise(sizes)]
    for n_threads in (1, 2, 3):
        kinds = None if norms is None else (*[norms] * (len(sizes) - 2), None)
        stack = Stack(sizes, (*["relu"] * (len(sizes) - 2), "identity"), dtype=dtype, norms=kinds)
        for views, W in zip(stack.views(), weights, strict=True):
            views[0][:] = W
        stack.set_optimizer("adam")
        if clip_norm is not None:
            stack.set_update(clip_norm=clip_norm)
        objective = Objective("mse", l2=0.01, n_threads=n_threads)
        losses = stack.train(X, y, objective, np.arange(m)[::-1].copy(), np.full(2, 0.01), batch_size=130)
        results.append((losses, stack.parameters.tobytes()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("sizes", [(300, 600, 300, 10), (784, 100, 10)], ids=str)
def test_a_call_of_many_parts_has_the_bits_of_many_calls(rng, dtype, sizes, n_threads):
    """The second copies of W are made once for each call, and each step keeps them up to date."""
    case = networks.draw(rng, sizes, m=600, dtype=dtype)
    objective, results = Objective(case.loss, n_threads=n_threads), []
    for calls in (1, 6):
        stack = networks.stack_of(case.network, case.activations, dtype)
        stack.set_optimizer("adam")
        rates = np.full(12 // calls, 0.01)
        for _ in range(calls):
            stack.train_epochs(case.X, case.y, objective, None, rates, epochs=6 // calls, batch_size=300)
        results.append(stack.parameters.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(("precision", "width", "epochs"), [("float32", 300, 1000), ("bfloat16", 1200, 50)])
def test_threads_of_each_part_of_a_call_drop_the_same_units(rng, precision, width, epochs):
    """A thread that starts late has the number of the same step: here it decides on dropout in each of many parts."""
    X, y = (
        rng.standard_normal((128, 60)).astype(np.float32),
        rng.standard_normal((128, 10)).astype(np.float32),
    )
    weights, results = [rng.standard_normal(shape) / 10 for shape in ((60, width), (width, 10))], []
    for n_threads in (1, 2, 3):
        stack = Stack((60, width, 10), ("relu", "identity"), norms=("batch", None), precision=precision)
        for views, W in zip(stack.views(), weights, strict=True):
            views[0][:] = W
        stack.set_optimizer("sgd")
        stack.set_dropout([0.0, 0.5, 0.0], 7)
        objective = Objective("mse", l2=1e-6, n_threads=n_threads)  # with a penalty, each epoch is a part
        losses, _ = stack.train_epochs(
            X, y, objective, None, np.full(epochs, 1e-3), epochs=epochs, batch_size=128
        )
        results.append((losses.tobytes(), stack.parameters.tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_step_uses_parameters_that_a_function_has_assigned(rng, dtype, n_threads):
    """Also their second copy."""
    case = networks.draw(rng, (20, 300, 60, 3), m=300, dtype=dtype)
    objective, results = Objective(case.loss, n_threads=n_threads), []

    def assign(_batch, _loss):
        stack.views()[1][0][:] *= 0.5

    for calls in (1, 3):
        stack = networks.stack_of(case.network, case.activations, dtype)
        stack.set_optimizer("momentum")
        rates = np.full(3 // calls, 0.1)
        for _ in range(calls):
            stack.train_epochs(
                case.X, case.y, objective, None, rates, epochs=3 // calls, batch_size=300, on_step=assign
            )
        results.append(stack.parameters.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("m", [1, 33, 700])
def test_gradients_have_the_same_bits(rng, dtype, sizes, m):
    loss = "binary_cross_entropy" if sizes[-1] == 1 else "softmax_cross_entropy"
    case = networks.draw(rng, sizes, "tanh", loss, m=m, dtype=dtype)
    results = []
    for n_threads in (1, 2, 3):
        value = case.stack.gradient(case.X, case.y, Objective(loss, l1=0.1, l2=0.1, n_threads=n_threads))
        results.append((value, case.stack.gradients.tobytes()))
    assert results[0] == results[1] == results[2]


def test_the_number_of_threads_may_change_from_call_to_call(rng):
    case = networks.draw(rng, (300, 100, 10), m=300, dtype="float32")
    expected = case.stack.forward(case.X).tobytes()
    for n_threads in rng.integers(1, 5, 300).tolist():
        assert case.stack.forward(case.X, n_threads=n_threads).tobytes() == expected


COUNT_THREADS = """
import json, os
import numpy as np
from cnn_core.stack import Stack
stack = Stack((784, 128, 10), ("relu", "softmax"))
X = np.ones((2000, 784), "float32")
counts = []
for n_threads in (1, 2, 3):
    stack.forward(X, n_threads=n_threads)
    counts.append(len(os.listdir("/proc/self/task")))
for _ in range(20):
    stack.forward(X, n_threads=2)
counts.append(len(os.listdir("/proc/self/task")))
print(json.dumps(counts))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_threads_are_really_used_and_kept(environment):
    one, two, three, later = networks.run_python(COUNT_THREADS, environment, OPENBLAS_NUM_THREADS="1")
    assert (two - one, three - one) == (1, 2)
    assert later == three  # nothing is founded again


@pytest.mark.parametrize("n_threads", [0, -1])
def test_less_than_one_thread_is_refused(rng, n_threads):
    case = networks.draw(rng, (3, 2))
    with pytest.raises(ValueError, match=str(n_threads)):
        case.stack.forward(case.X, n_threads=n_threads)


IDLE = """
import json, time
import numpy as np
from cnn_core.stack import Objective, Stack
stack = Stack((784, 512, 512, 10), ("relu", "relu", "softmax"))
X, y = np.ones((256, 784), "float32"), np.arange(256) % 10
spent = []
for call in (
    lambda: stack.forward(X[:1], n_threads=2),
    lambda: stack.forward(X[:64], n_threads=2),
    lambda: stack.gradient(X, y, Objective("softmax_cross_entropy", n_threads=2)),
):
    for _ in range(30):
        call()
    start = time.process_time()
    time.sleep(0.5)
    spent.append(time.process_time() - start)
print(json.dumps(spent))
"""


def test_idle_threads_take_no_processor_time(environment):
    """After calls in quick succession, a worker spins for some microseconds only."""
    assert max(networks.run_python(IDLE, environment, OPENBLAS_NUM_THREADS="1")) < 0.01


WIDE = [(784, 512, 512, 10), (300, 1000, 7), (100, 33, 700, 700, 3), (784, 513, 50, 10)]


@pytest.mark.parametrize("sizes", WIDE)
@pytest.mark.parametrize("m", [1, 2, 15, 16, 33, 64, 65])
def test_few_rows_of_wide_layers_have_the_same_bits(rng, dtype, sizes, m):
    """Threads divide units instead of rows; short calls do so only if they follow one another."""
    case = networks.draw(rng, sizes, "tanh", "softmax_cross_entropy", m=m, dtype=dtype)
    fortran, other = np.asfortranarray(case.X), case.X.astype("float32" if dtype == "float64" else "float64")
    for X in (case.X, fortran, other):
        for output in (0, 1):
            expected = case.stack.try_forward(X, None, output, 1.0, 1).tobytes()
            for n_threads in (2, 2, 2, 3):
                assert case.stack.try_forward(X, None, output, 1.0, n_threads).tobytes() == expected
    expected = case.stack.hidden(case.X, 1, n_threads=1).tobytes()
    assert case.stack.hidden(case.X, 1, n_threads=2).tobytes() == expected
    case.X[-1, -1] = np.nan
    for n_threads in (2, 2, 2):
        assert case.stack.try_forward(case.X, None, 1, 1.0, n_threads) is None
    assert np.isnan(case.stack.forward(case.X, n_threads=2)[-1]).all()


# -- the default -----------------------------------------------------------------------------------

DEFAULT = "import json; from cnn_core.threads import default_threads; print(json.dumps(default_threads()))"
PINNED = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});" + DEFAULT


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"COMPILED_NN_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"COMPILED_NN_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "many", "OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "0", "OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": " 4 , 2"}, 4),
        ({"COMPILED_NN_NUM_THREADS": "²", "OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "٣", "OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "+3", "OMP_NUM_THREADS": "5"}, 5),
        ({"COMPILED_NN_NUM_THREADS": "-3", "OMP_NUM_THREADS": "1_0"}, None),
        ({"COMPILED_NN_NUM_THREADS": "3.0", "OMP_NUM_THREADS": ",5"}, None),
        ({"COMPILED_NN_NUM_THREADS": "\u20033", "OMP_NUM_THREADS": "0x5"}, None),
        ({"OMP_NUM_THREADS": "1000000"}, threads.MOST),
        ({"OMP_NUM_THREADS": "9" * 5000}, threads.MOST),
        ({"OMP_NUM_THREADS": "0" * 5000 + "5"}, 5),
        ({"OMP_NUM_THREADS": "0" * 5000}, None),
    ],
)
def test_the_environment_comes_first(environment, variables, expected):
    if expected is None:  # as without variables
        expected = networks.run_python(DEFAULT, environment)
    assert networks.run_python(DEFAULT, environment, **variables) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_affinity_comes_next(environment):
    assert networks.run_python(PINNED, environment) == 1
    assert networks.run_python(PINNED, environment, COMPILED_NN_NUM_THREADS="4") == 4
    assert 1 <= networks.run_python(DEFAULT, environment) <= len(os.sched_getaffinity(0))


def test_the_number_can_be_set_and_forgotten():
    default = threads.default_threads()
    assert default >= 1
    try:
        threads.set_num_threads(default + 3)
        assert threads.get_num_threads() == default + 3
        assert threads.default_threads() == default
        for bad in (0, -2):
            with pytest.raises(ValueError, match=str(bad)):
                threads.set_num_threads(bad)
        for bad in ("2", 1.5):
            with pytest.raises(TypeError):
                threads.set_num_threads(bad)
        assert threads.get_num_threads() == default + 3
    finally:
        threads.set_num_threads(None)
    assert threads.get_num_threads() == default


# -- fork ------------------------------------------------------------------------------------------

FORK = """
import json, os, signal, sys, threading, time
import numpy as np
from cnn_core.stack import Objective, Stack

stack = Stack((784, 128, 10), ("relu", "softmax"))
rng = np.random.default_rng(0)
stack.parameters[...] = 0
for W, b in stack.views():
    W[...] = rng.standard_normal(W.shape)
X = rng.standard_normal((500, 784)).astype("float32")
y = rng.integers(0, 10, 500)

def work():
    outputs = stack.forward(X, n_threads=2)
    stack.gradient(X, y, Objective("softmax_cross_entropy", n_threads=2))
    return outputs.tobytes()

expected, stop = work(), threading.Event()

def keep_busy():
    other = Stack((784, 128, 10), ("relu", "softmax"))
    while not stop.is_set():
        other.forward(X, n_threads=2)

if BUSY:
    thread = threading.Thread(target=keep_busy)
    thread.start()
slowest = 0
for _ in range(20):
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(0 if work() == expected else 3)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - start > 10:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = "hangs"
            break
        time.sleep(0.001)
    if status != 0:
        break
    slowest = max(slowest, time.monotonic() - start)
stop.set()
print(json.dumps([status, slowest, work() == expected]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "another thread computes"])
def test_a_child_of_fork_works_with_two_threads(environment, busy):
    code = FORK.replace("BUSY", str(busy))
    status, slowest, parent_works = networks.run_python(code, environment, PYTHONWARNINGS="ignore")
    assert status == 0
    assert slowest < 5
    assert parent_works


# -- many callers ----------------------------------------------------------------------------------


def test_eight_callers_get_the_serial_bits(rng, dtype, n_threads):
    case = networks.draw(rng, (200, 100, 50, 10), m=160, dtype=dtype)
    parts = [slice(0, m) for m in (1, 2, 7, 16, 33, 64, 100, 160)]
    expected = [case.stack.forward(case.X[part]).tobytes() for part in parts]
    start, wrong = threading.Barrier(8), []

    def call(number):
        start.wait()
        for _ in range(50):
            if case.stack.forward(case.X[parts[number]], n_threads=n_threads).tobytes() != expected[number]:
                wrong.append(number)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    assert not wrong


def test_stacks_of_their_own_train_side_by_side(dtype):
    expected = trained_bits((784, 128, 10), "adam", dtype, 1)
    results = [None] * 4

    def train(number):
        results[number] = trained_bits((784, 128, 10), "adam", dtype, 1 + number % 3)

    callers = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    assert all(result == expected for result in results)


def test_the_lock_of_the_interpreter_is_free_meanwhile(rng):
    """Another Python thread goes on while a long call runs."""
    case = networks.draw(rng, (784, 500, 500, 10), m=3000, dtype="float32")
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.monotonic()
    for _ in range(3):
        case.stack.forward(case.X)
    end = time.monotonic()
    done.set()
    ticker.join()
    within = [t for t in ticks if start < t < end]
    assert len(within) > 3


# -- Ctrl-C ----------------------------------------------------------------------------------------

INTERRUPTED = """
import json, os, signal, threading, time
import numpy as np
import networks
from cnn_core.stack import Objective

rng = np.random.default_rng(3)
case = networks.draw(rng, (20, 64, 64, 10), m=1, dtype="float32")
start_weights, m = case.stack.parameters.copy(), 4_000_000
# Four million rows that overlap in memory: far more work than the test waits for.
X = np.lib.stride_tricks.sliding_window_view(rng.standard_normal(m + 19, "float32"), 20)
y, rates = rng.integers(0, 10, m), np.full(m // 4, 1e-4)

def interrupt():
    global pressed
    while case.stack.steps == 0:
        time.sleep(0.01)
    time.sleep(0.3)
    pressed = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)

def train(X, y, rates):
    case.stack.set_optimizer("adam")
    case.stack.train(X, y, Objective(case.loss, n_threads=N_THREADS), None, rates, batch_size=4)

threading.Thread(target=interrupt).start()
try:
    train(X, y, rates)
    result = ["finished"]
except KeyboardInterrupt:
    delay = time.monotonic() - pressed
    steps, stopped = case.stack.steps, case.stack.parameters.copy()
    case.stack.parameters[...] = start_weights
    train(X[:4 * steps], y[:4 * steps], rates[:steps])
    same = stopped.tobytes() == case.stack.parameters.tobytes()
    result = ["interrupted", delay, steps, bool(np.isfinite(stopped).all()), same]
print(json.dumps(result))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_returns_soon_with_the_weights_of_a_whole_step(environment, n_threads):
    code = INTERRUPTED.replace("N_THREADS", str(n_threads))
    how, delay, steps, finite, same = networks.run_python(code, environment)
    assert how == "interrupted"
    assert delay < 0.5
    assert steps > 0
    assert finite
    assert same, "the weights are not those of the steps counted"
