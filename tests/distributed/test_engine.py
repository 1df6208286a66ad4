"""Engines on any map: held results stay in the process that computed them, bounded in bytes."""

import pickle
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest
from compiled_nn.common.result_cache import RESULTS, size_of
from compiled_nn.distributed import MapEngine

calls = []


def counted(n, value=1.0):
    calls.append(n)
    return np.full(n, value)


def total(arrays, factor=1):
    return factor * float(sum(array.sum() for array in arrays))


def failing(x):
    raise KeyError(x)


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


def kept_bytes(_):
    return sum(size for _, size in RESULTS._entries.values())


def number_of_calls(_):
    return len(calls)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield pool


def test_results_are_in_order_and_handles_are_resolved_where_they_are():
    engine = MapEngine()
    first, second = engine.hold(counted, [(2,), (3,)])
    assert engine.map(total, [([first],), ([first, second], 2), ((first, [1 * np.ones(1)][0]),)]) == [
        2,
        10,
        3,
    ]
    assert calls == [2, 3], "each is computed once"
    assert engine.n_workers is None
    assert engine.map(total, []) == []


def test_handles_can_be_arguments_of_handles():
    engine = MapEngine()
    (inner,) = engine.hold(counted, [(4,)])
    (outer,) = engine.hold(total, [([inner],)])
    assert engine.map(partial(max, 0), [(outer,)]) == [4]


def test_a_result_that_was_used_least_recently_is_dropped_and_computed_again():
    engine = MapEngine(cache_bytes=2 * 8 * 10)
    a, b, c = engine.hold(counted, [(10,), (10, 2), (10, 3)])
    for held in (a, b, a, c, a):
        engine.map(total, [([held],)])
    assert len(calls) == 3
    assert engine.map(total, [([b],)]) == [20]
    assert len(calls) == 4
    (large,) = engine.hold(counted, [(100,)])
    engine.map(total, [([large],), ([large],)])
    assert calls[-2:] == [100, 100], "it is larger than the cache, which keeps the others"
    assert engine.map(total, [([a],)]) == [10]
    assert calls[-1] == 100


def test_released_results_are_dropped():
    engine = MapEngine()
    held = engine.hold(counted, [(5,)])
    engine.map(total, [(held,)])
    engine.release(held)
    with pytest.raises(RuntimeError, match="after its release"):
        engine.map(total, [(held,)])


def test_processes_drop_released_results_with_their_next_task(processes):
    engine = MapEngine(processes.map)
    before = engine.map(kept_bytes, [(0,)])
    held = engine.hold(np.ones, [(1000,), (500,)])
    assert engine.map(total, [(held,)]) == [1500]
    assert engine.map(kept_bytes, [(0,)]) == [before[0] + 12_000]
    engine.release(held[:1])
    assert engine.map(kept_bytes, [(0,)]) == [before[0] + 4000]
    engine.release(held[1:])
    assert engine.map(kept_bytes, [(0,)]) == before


def test_an_error_of_a_task_is_raised():
    engine = MapEngine()
    with pytest.raises(KeyError):
        engine.map(failing, [(1,)])
    (held,) = engine.hold(failing, [(1,)])
    with pytest.raises(KeyError):
        engine.map(total, [([held],)])


def test_a_map_that_loses_results_is_an_error():
    with pytest.raises(ValueError, match="returned 1 result for 2 tasks"):
        MapEngine(lambda function, tasks: [function(tasks[0])]).map(total, [([],), ([],)])


def results_of(tasks, n_times=1):
    """Results of a map over a batch of tasks that an engine has run that many times, the last one first."""
    return [MapEngine(partial(_backwards, n_times)).map(total, [([np.full(2, i)],) for i in range(tasks)])]


def _backwards(n_times, function, tasks):
    for task in list(tasks)[::-1]:
        found = [function(task) for _ in range(n_times)]
        yield found[-1]


def test_a_map_may_be_lazy_and_unordered_and_run_tasks_twice():
    assert results_of(4) == results_of(4, n_times=2) == [[0, 2, 4, 6]]
    with ThreadPool(3) as pool:
        assert MapEngine(pool.imap_unordered).map(slow, [(i,) for i in range(6)]) == list(range(6))


def slow(i):
    time.sleep(0.01 * (6 - i))
    return i


def test_a_map_that_mixes_up_results_is_an_error():
    twice = MapEngine(lambda function, tasks: [function(tasks[0])] * 2)
    with pytest.raises(ValueError, match="returned 2 results for 2 tasks, and none for task 1"):
        twice.map(total, [([],), ([],)])
    more = MapEngine(lambda function, tasks: [function(task) for task in tasks] * 2)
    with pytest.raises(ValueError, match=r"returned 4 results for 2 tasks. It must"):
        more.map(total, [([],), ([],)])


def test_a_map_that_returns_futures_is_an_error():
    with ThreadPoolExecutor(1) as pool:
        engine = MapEngine(lambda function, tasks: [pool.submit(function, task) for task in tasks])
        with pytest.raises(TypeError, match="returned Future in place of the result of a task"):
            engine.map(total, [([],)])


def test_a_function_of_the_main_program_does_not_keep_data_out_of_files(processes, tmp_path, monkeypatch):
    """The pickler of the engine stores such a function, by value; the data are written once all the same."""
    monkeypatch.setattr(total, "__module__", "__main__")
    engine = MapEngine(processes.map, folder=tmp_path)
    (held,) = engine.hold(total, [([np.zeros(100_000)], 1)])
    function, arguments = held.__reduce__()[1][1]
    assert function is total
    assert len(list(tmp_path.iterdir())) == 1
    assert arguments[1] == 1
    (by_value,) = engine.hold(len, [([total] * 2,)])
    assert by_value.__reduce__()[1][1] == (len, ([total] * 2,))


def test_threads_compute_a_result_once():
    with ThreadPoolExecutor(4) as pool:
        engine = MapEngine(pool.map)
        (held,) = engine.hold(counted, [(1000,)])
        assert engine.map(total, [([held],)] * 16) == [1000] * 16
    assert calls == [1000]


def test_processes_get_large_arguments_once(processes, tmp_path):
    engine = MapEngine(processes.map, folder=tmp_path)
    X = np.arange(100_000.0)
    held = engine.hold(np.negative, [(X,), (X[:10],)])
    assert engine.map(total, [(held,)] * 2) == [-X.sum() - 45] * 2
    assert len(pickle.dumps(held)) < 2000
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > X.nbytes
    assert engine.map(number_of_calls, [(0,)]) == [0]
    (counts,) = engine.hold(counted, [(7,)])
    assert engine.map(total, [([counts],)] * 3) == [7] * 3
    assert engine.map(number_of_calls, [(0,)]) == [1], "kept by the worker"
    engine.release(held)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_workers_do_not_share_is_an_error(processes, tmp_path):
    engine = MapEngine(processes.map, folder=tmp_path)
    held = engine.hold(np.negative, [(np.zeros(100_000),)])
    pickle.dumps(held)
    next(tmp_path.iterdir()).unlink()
    with pytest.raises(OSError, match="pass folder="):
        engine.map(total, [(held,)])


def test_a_temporary_folder_is_removed(processes):
    engine = MapEngine(processes.map)
    held = engine.hold(np.negative, [(np.zeros(100_000),)])
    assert engine.map(total, [(held,)]) == [0]
    folder = held[0]._content[1][0].path.parent
    assert folder.exists()
    del engine, held
    assert not folder.exists()


def test_sizes():
    assert size_of([np.zeros(10), {"a": np.zeros(5, "float32")}]) == 100
    assert size_of("x" * 1000) >= 1000
