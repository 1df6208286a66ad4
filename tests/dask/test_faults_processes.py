"""Faults of separate processes: a nanny with its worker, the scheduler, the driver; and a worker that joins."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys

import drivers
import faults
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import psutil
import separate
from clusters import wait_until
from compiled_nn.dask import DaskEngine

HOW = {"epochs": 4, "batch_size": 10, "validation_data": faults.Loader(99)()}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Cluster of two workers and a client; tests that end processes start as many again."""
    with separate.cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return faults.Gate(str(folder), "wait", 5)


def undisturbed(mode="averaging"):
    return faults.outcome(faults.network().fit(faults.sharded(mode=mode), **HOW))


def fit(client, **options):
    return faults.outcome(faults.network().fit(faults.sharded(engine=DaskEngine(client), **options), **HOW))


def test_a_worker_is_killed_with_its_nanny(own, gate):
    cluster, client = own
    client.run(faults.guard, gate)

    def kill():
        worker = psutil.Process(gate.reached())
        worker.parent().kill()  # first, so that it does not start another worker
        worker.kill()
        gate.file("open").touch()

    with separate.meanwhile(kill):
        assert fit(client) == undisturbed()
    wait_until(lambda: len(client.nthreads()) == 1, 60)
    cluster.add_worker()
    client.wait_for_workers(2, timeout=faults.SECONDS)


def test_a_worker_joins(own, gate):
    cluster, client = own
    client.run(faults.guard, gate)

    def join():
        gate.reached()
        cluster.add_worker()
        wait_until(lambda: len(client.nthreads()) == 3, 60)
        gate.file("open").touch()

    with separate.meanwhile(join):
        assert fit(client, mode="averaging") == undisturbed()


def start(path, folder, address, environment):
    command = [sys.executable, drivers.__file__, "estimator", "averaging", str(path), str(folder), address]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_the_driver_is_killed_and_started_again(own, gate, tmp_path, environment):
    cluster, client = own
    path = tmp_path / "c"
    with start(path, gate.folder, cluster.address, environment) as process:
        assert gate.reached() == process.pid
        process.kill()
        assert process.wait() == -signal.SIGKILL
    with start(path, "-", cluster.address, environment) as process:
        printed = process.communicate(timeout=faults.SECONDS)[0].strip()
    assert printed == faults.outcome(drivers.train("estimator", "averaging", tmp_path / "whole"))
    wait_until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)), 60)


def test_the_scheduler_is_lost(tmp_path, gate):
    config = {"distributed.comm.timeouts.connect": "3s"}
    with (
        contextlib.suppress(OSError),
        separate.cluster(tmp_path / "cluster", config=config) as (cluster, client),
    ):
        client.run(faults.guard, gate)

        def kill():
            gate.reached()
            cluster.scheduler.kill()
            gate.file("open").touch()

        net = faults.network()
        with separate.meanwhile(kill), pytest.raises(ConnectionError, match="scheduler"):
            net.fit(faults.sharded(engine=DaskEngine(client)), **HOW)
        assert net.stop_reason_ is None
        assert net.predict(faults.Loader(99)()[0]).shape == (60,)


def test_ctrl_c_in_the_driver(own, gate, tmp_path, environment):
    """fit returns with the weights of the last complete round, and the tasks are cancelled; the next start goes on."""
    cluster, client = own
    client.run(faults.guard, gate)
    path = tmp_path / "c"
    with start(path, "-", cluster.address, environment) as process:
        gate.reached()
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=faults.SECONDS)[0].strip()
        assert process.returncode == 0
    assert "'interrupted'" in printed
    gate.file("open").touch()  # the task that was running is not ended by Dask
    wait_until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)), 60)
    whole = drivers.train("estimator", "averaging", tmp_path / "whole")
    rows = faults.sharded(engine=DaskEngine(client))
    assert faults.outcome(drivers.train("estimator", "averaging", path, rows=rows)) == faults.outcome(whole)


def test_a_worker_without_this_package(own, tmp_path):
    """The error names the worker, and says what to install."""
    cluster, client = own
    (tmp_path / "compiled_nn.py").write_text(
        "raise ModuleNotFoundError('No such package', name='compiled_nn')"
    )
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    before = set(client.nthreads())
    worker = cluster.add_worker(PYTHONPATH=path)
    (address,) = wait_until(lambda: set(client.nthreads()) - before, 60)
    try:
        with pytest.raises(
            ImportError, match=rf"Worker {address} cannot import compiled_nn: No such package"
        ):
            fit(client, n_shards=4)
    finally:
        worker.terminate()
        wait_until(lambda: set(client.nthreads()) == before, 60)


def test_a_worker_that_hangs_without_a_limit(tmp_path, gate):
    """The scheduler removes a worker that has not answered for `distributed.scheduler.worker-ttl`, here 2 seconds."""
    config = {"distributed.scheduler.worker-ttl": "2s"}
    with separate.cluster(tmp_path / "cluster", config=config) as (_, client):
        client.run(faults.guard, dataclasses.replace(gate, deed="hang"))
        assert fit(client, mode="averaging") == undisturbed()


def test_a_part_that_is_too_large_for_a_worker(tmp_path):
    """The nanny ends the worker at the memory limit, and the task is repeated elsewhere a few times."""
    config = {"distributed.scheduler.allowed-failures": 1}
    with separate.cluster(tmp_path / "cluster", config=config, memory_limit="400MB") as (_, client):
        rows = faults.sharded([*faults.loaders(3), faults.too_large], engine=DaskEngine(client))
        net = faults.network()
        with pytest.raises(
            RuntimeError, match=r"part 3.*: 2 workers ended while this task ran there.*memory of a worker"
        ):
            net.fit(rows, **HOW)
        assert not net.history["epoch"]
