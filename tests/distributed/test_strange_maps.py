"""Maps of other engines: whatever they do with tasks and results, a model has the bits of the builtin map."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.distributed import ShardedRows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 5))
Y = np.array(["a", "b", "c"])[np.abs(X).argmax(axis=1) % 3]
PARTS = [(X[i::5], Y[i::5]) for i in range(5)]


def load(i):
    return PARTS[i]


def fitted(mode, map, parts=PARTS, **options):
    rows = ShardedRows(parts, mode=mode, n_shards=3, steps_per_average=2, map=map, **options)
    net = cnn.Network([cnn.Dense(8, "relu", dropout=0.2), cnn.Dense(3)], standardize=True, seed=1)
    return net.fit(rows, epochs=2, batch_size=32)


@pytest.fixture(params=["averaging", "synchronous"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def expected():
    return {mode: fitted(mode, map).fingerprint() for mode in ("averaging", "synchronous")}


def unaligned(value):
    """Return a copy whose arrays are read-only and unaligned, as in a message that has them at any places."""
    buffers, copies = [], []
    content = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    for each in buffers:
        raw = np.frombuffer(each.raw(), np.uint8)
        space = np.empty(len(raw) + 16, np.uint8)
        start = (1 - space.ctypes.data) % 8
        space[start : start + len(raw)] = raw
        space.flags.writeable = False
        copies.append(memoryview(space)[start : start + len(raw)])
    return pickle.loads(content, buffers=copies)


class Messages:
    """Engine whose tasks, held parts and results are read-only and unaligned."""

    n_workers = 2

    def map(self, function, arguments, ranks=None):
        return [unaligned(function(*unaligned(each))) for each in arguments]

    def hold(self, function, arguments, ranks=None):
        return self.map(function, arguments)

    def release(self, handles):
        pass


@pytest.mark.parametrize("kind", ["array", "csr_matrix"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_arrays_at_any_places_of_a_message(kind, optimizer, mode):
    """A part that goes from one worker to another one, and rows of the driver, need no alignment."""
    assert not unaligned(X).flags.aligned
    form = getattr(pytest.importorskip("scipy.sparse") if kind == "csr_matrix" else np, kind)
    parts = [(form(X[i::3]), Y[i::3], np.linspace(0, 1, 200)) for i in range(3)]
    models = []
    for engine in (None, Messages()):
        rows = ShardedRows(parts, mode=mode, n_shards=2, steps_per_average=2, engine=engine)
        net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(3)], optimizer=optimizer, standardize=True, seed=1)
        models.append(net.fit(rows, epochs=2, validation_fraction=0.2))
    assert models[0].fingerprint() == models[1].fingerprint()


def lazy(function, tasks):
    return (function(task) for task in tasks)


def backwards(function, tasks):
    return [function(task) for task in list(tasks)[::-1]]


def twice(function, tasks):
    """Each task, and each again after all others, as after the loss of a worker: the results of the second time."""
    for task in tasks:
        function(task)
    return [function(task) for task in tasks]


def pickled(function, tasks):
    """Tasks and results as they come from other processes: copies, whose arrays may not be written to."""
    return [through(function(through(task))) for task in tasks]


def through(value):
    buffers = []
    content = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(content, buffers=[bytes(buffer.raw()) for buffer in buffers])


def in_new_threads(function, tasks):
    """Each task in a separate thread, which ends with it."""
    results = []

    def call(task):
        results.append(function(task))

    threads = [threading.Thread(target=call, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("map", [lazy, backwards, twice, pickled, in_new_threads])
def test_the_bits_are_those_of_the_builtin_map(map, mode, expected):
    assert fitted(mode, map).fingerprint() == expected[mode]
    assert fitted(mode, map, in_memory=False, cache_bytes=0).fingerprint() == expected[mode]


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # fork, from 3.12 on
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_daemonic_processes(start, expected):
    if start not in get_all_start_methods():
        pytest.skip("this system cannot fork")
    with get_context(start).Pool(2) as pool:
        for mode in expected:
            assert fitted(mode, pool.map).fingerprint() == expected[mode]
        loaders = [partial(load, i) for i in range(5)]
        assert fitted("averaging", pool.imap_unordered, loaders).fingerprint() == expected["averaging"]


def test_a_pickler_that_stores_functions_by_value(expected):
    parallel = pytest.importorskip("joblib", reason="joblib is not installed").Parallel(n_jobs=2)
    from joblib import delayed

    loaders = [lambda i=i: PARTS[i] for i in range(5)]
    net = fitted(
        "averaging", lambda function, tasks: parallel(delayed(function)(task) for task in tasks), loaders
    )
    assert net.fingerprint() == expected["averaging"]


def test_a_map_that_fails_leaves_the_network_as_it_was():
    net = fitted("averaging", map)
    before = net.fingerprint()

    def failing(function, tasks):
        raise ConnectionError("the cluster is gone")

    with pytest.raises(ConnectionError, match="gone"):
        net.fit(ShardedRows(PARTS, map=failing), epochs=1)
    assert net.fingerprint() == before
    with ThreadPoolExecutor(2) as pool:
        assert net.fit(ShardedRows(PARTS, map=pool.map, steps_per_average=1), epochs=1).score(X, Y) > 0.3
