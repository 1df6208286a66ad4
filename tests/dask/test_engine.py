"""The engine on Dask: results in order, results that stay on workers, errors, cancellation, clean ends."""

import gc
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import clusters
import dask
import distributed
from clusters import address, address_of, arrange, fail, nap, same, state_of, total
from compiled_nn.dask import DaskEngine, failures


@pytest.fixture
def engine(client):
    return DaskEngine(client)


def test_results_in_order(engine):
    assert engine.n_workers == 2
    assert engine.map(arrange, [(i, [i + 1, (i + 2,)]) for i in range(20)]) == [
        (i, [i + 1, (i + 2,)]) for i in range(20)
    ]
    assert engine.map(arrange, []) == []
    assert engine.hold(arrange, []) == []


def test_slow_results_keep_their_places(engine):
    assert engine.map(nap, [(0.3, "a"), (0.0, "b"), (0.1, "c")], [0, 1, 1]) == ["a", "b", "c"]


def test_held_results_stay_and_are_found_in_nested_arguments(engine, client):
    handles = engine.hold(np.full, [((5,), float(i)) for i in range(3)], [0, 1, 2])
    nested = [(1, [handles[0], (handles[1], {"not": "searched"})]), (2, [handles[2]])]
    assert engine.map(total, nested) == [1 + 5 * (0 + 1), 2 + 5 * 2]
    assert all(client.who_has(handles).values())
    engine.release(handles)
    clusters.wait_until(lambda: not any(client.has_what().values()))


def test_calls_of_a_rank_run_where_its_rows_are(engine, client):
    workers = sorted(client.nthreads())
    handles = engine.hold(address, [(i,) for i in range(4)], range(4))
    assert engine.map(same, [(handle,) for handle in handles]) == [workers[i % 2] for i in range(4)]
    for _ in range(3):
        assert engine.map(address_of, [(handle,) for handle in handles], range(4)) == [
            workers[i % 2] for i in range(4)
        ]
    engine.release(handles)


def test_collections_and_delayed_are_handles(engine):
    parts = [dask.delayed(np.full)((3,), 2.0), dask.delayed(np.full)((4,), 1.0)]
    assert engine.map(total, [(0, [part]) for part in parts]) == [6, 4]
    held = engine.hold(total, [(1, parts)])
    assert engine.map(same, [(held[0],)]) == [11]
    engine.release(held)


def test_a_state_of_several_tasks_is_sent_once(engine, client, monkeypatch):
    """A state of 2.4 MB for 20 tasks would make a graph of 48 MB, with a warning of Dask, which is an error here."""
    state = {"weight": np.arange(300_000.0), "bias": np.ones(3)}
    handles = engine.hold(np.zeros, [(4,)] * 20, range(20))
    sizes = []
    compute = client.compute

    def counted(tasks, **options):
        sizes.append(len(distributed.protocol.pickle.dumps(tasks)))
        return compute(tasks, **options)

    monkeypatch.setattr(client, "compute", counted)
    found = engine.map(state_of, [(handle, state, i) for i, handle in enumerate(handles)], range(20))
    assert found == [(4, float(state["weight"].sum()), i) for i in range(20)]
    assert max(sizes) < 1.5 * state["weight"].nbytes
    large = [(np.full(2_000_000, i), i) for i in range(2)]  # 32 MB, with the limit of the warning at 10 MB
    assert engine.map(clusters.first, large) == [0, 1]
    engine.release(handles)


def test_the_first_error_is_raised_and_the_others_are_cancelled(engine, client):
    before = time.monotonic()
    with pytest.raises(ValueError, match="the part 1 is bad") as caught:
        engine.map(fail, [(5, None), (0, "the part 1 is bad")], [0, 1])
    assert time.monotonic() - before < 5
    assert "fail" in "".join(entry.name for entry in caught.traceback)
    clusters.wait_until(lambda: not client.futures)
    (note,) = caught.value.__notes__  # the error names the part itself; the note adds the worker
    assert note.startswith("The task shard 1 (fail) has failed on worker tcp://127.0.0.1:")
    assert engine.map(same, [(1,), (2,)], [1, 1]) == [1, 2]
    with pytest.raises(ValueError, match="no place") as caught:
        engine.map(fail, [(0, "no place"), (0, None)], [7, 0])
    assert caught.value.__notes__[0] == "This is an error of a task: shard 7 (fail), counted from 0."
    assert "on worker tcp://127.0.0.1:" in caught.value.__notes__[1]


def test_errors_of_held_results(engine, client):
    handles = engine.hold(fail, [(0, "unreadable"), (0, None)], [0, 1])
    with pytest.raises(ValueError, match="unreadable"):
        engine.map(same, [(handle,) for handle in handles])
    assert engine.map(same, [(handles[1],)]) == [None]
    engine.release(handles)


def test_retries(client, tmp_path):
    for retries, path in ((1, tmp_path / "a"), (2, tmp_path / "b")):
        engine = DaskEngine(client, retries=retries)
        if retries < 2:
            with pytest.raises(OSError, match="not yet"):
                engine.map(clusters.fail_twice, [(str(path),)])
        else:
            assert engine.map(clusters.fail_twice, [(str(path),)]) == [3]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no such signal")
def test_ctrl_c_cancels(engine, client):
    main = threading.main_thread().ident
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        engine.map(nap, [(1.5, i) for i in range(20)])
    timer.join()
    clusters.wait_until(lambda: not client.futures)
    assert engine.map(same, [(5,)]) == [5]


def test_numpy_data_survive_the_loss_of_their_worker(engine, client):
    """They are arguments of tasks, which the scheduler has, and no scattered data."""
    rows = [(np.full(1000, float(i)),) for i in range(2)]
    handles = engine.hold(same, rows, [0, 1])
    assert engine.map(total, [(0, [handle]) for handle in handles]) == [0, 1000]
    client.restart_workers([sorted(client.nthreads())[1]])
    assert engine.map(total, [(0, [handle]) for handle in handles], [0, 1]) == [0, 1000]
    engine.release(handles)


def test_a_task_that_takes_too_long(client):
    engine = DaskEngine(client, timeout=0.5)
    with pytest.raises(
        TimeoutError,
        match=r"^shard 1 \(nap\): the task did not end within 0.5 s, 1 time, at last on worker tcp",
    ):
        engine.map(nap, [(0.0, 0), (4.0, 1)], [0, 1])
    engine = DaskEngine(client, timeout=20.0)
    assert engine.map(nap, [(0.0, 0), (0.1, 1)], [0, 1]) == [0, 1]


def test_tasks_are_not_lost_with_all_workers(tmp_path):
    """New workers get the tasks that have the hint of a worker that has left; Dask alone would never assign them."""
    with clusters.cluster(tmp_path, 1, nannies=False) as client, ThreadPoolExecutor(1) as pool:
        engine = DaskEngine(client)
        handles = engine.hold(same, [(np.ones(3),)], [0])
        assert engine.map(total, [(0, handles)], [0]) == [3]
        client.cluster.scale(0)
        clusters.wait_until(lambda: not client.nthreads())
        waiting = pool.submit(engine.map, total, [(4, handles)], [0])
        clusters.wait_until(
            lambda: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.unrunnable))
        )
        client.cluster.scale(1)
        assert waiting.result(timeout=30) == [7]
        engine.close()


def test_a_client_that_is_closed_meanwhile_is_an_error(client, caplog):
    other = distributed.Client(client.scheduler.address, set_as_default=False)
    engine = DaskEngine(other)
    engine.map(abs, [(1,)])
    timer = threading.Timer(0.3, other.close)
    timer.start()
    with pytest.raises(ConnectionError, match=r"^The connection to the scheduler of Dask at tcp://"):
        engine.map(nap, [(5.0, 0), (5.0, 1)], [0, 1])
    timer.join()
    engine.close()
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_labels_of_errors():
    killed = distributed.KilledWorker("load-7", "tcp://10.0.0.7:1234", 3)
    assert str(failures.explained(killed, {"load-7": "shard 1, part 3 (load)"}, None, "")).startswith(
        "shard 1, part 3 (load): 4 workers ended while this task ran there, at last tcp://10.0.0.7:1234."
    )
    other = KeyError("x")
    assert failures.explained(other, {}, None, "") is other


def test_parameters(client):
    with pytest.raises(
        TypeError, match=r"'client' parameter of DaskEngine must be a distributed\.Client. Got 3"
    ):
        DaskEngine(3)
    for name, value in (("timeout", 0), ("timeout", -1.0), ("retries", -1)):
        with pytest.raises(ValueError, match=f"'{name}' parameter of DaskEngine"):
            DaskEngine(client, **{name: value})


def priorities(keys, dask_scheduler=None):
    """Return the priority of each task, the smallest of which is the first."""
    return [dask_scheduler.tasks[key].priority for key in keys]


def test_tasks_are_in_their_order(client):
    """Parts are read in order, and a worker that ends has only the tasks up to the one that ended it behind it."""
    engine = DaskEngine(client)
    for ranks in ([0] * 12, None):
        futures = engine.hold(nap, [(0.0, number) for number in range(12)], ranks)
        distributed.wait(futures, timeout=60)
        found = client.run_on_scheduler(priorities, [future.key for future in futures])
        assert found == sorted(found)
        engine.close()


QUIET = """
import logging, warnings
warnings.simplefilter("error")
if __name__ == "__main__":
    import numpy as np
    from distributed import Client, LocalCluster
    from compiled_nn.dask import DaskEngine
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=r"%s") as cluster,
        Client(cluster) as client,
    ):
        engine = DaskEngine(client, timeout=60)
        handles = engine.hold(np.zeros, [(3,), (4,)], [0, 1])
        print(engine.map(len, [(handle,) for handle in handles], [0, 1]))
"""


def test_nothing_is_printed_at_the_end(tmp_path, environment):
    """Also where results are still held; with the standard level of logs."""
    program = tmp_path / "program.py"
    program.write_text(QUIET % tmp_path)
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    errors = [line for line in done.stderr.splitlines() if "still alive" not in line]  # of a busy machine
    assert (done.stdout, errors) == ("[3, 4]\n", [])
