"""Workers that end or hang during fit: the weights and the history have the bits of a fit without a fault."""

import functools

import faults
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import clusters
from compiled_nn.dask import DaskEngine

TASKS = {"averaging": "train", "synchronous": "gradient"}
SECONDS = 240  # limit of the start of a worker, for a machine with many other programs
CALLS = (5, 0, 13, 2)  # numbers of the calls that are disturbed, in turn
LIMIT = 3.0  # seconds that a task may take; tasks here take some milliseconds


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Client of a cluster of two workers with nannies, of which tests end and stop some."""
    # LocalCluster closes the nanny of a worker that is restarted twice within this time.
    config = {"distributed.deploy.lost-worker-timeout": "1h"}
    with clusters.cluster(tmp_path_factory.mktemp("workers"), config=config, seconds=SECONDS) as client:
        yield client


@pytest.fixture
def times(effort):
    """Numbers of the repetitions of a test: one, and ten with the option `--long`."""
    return range(effort.count(1, 10))


def fit(rows):
    how = {"epochs": 4, "batch_size": 10, "validation_data": faults.Loader(99)()}
    return faults.outcome(faults.network().fit(rows, **how))


@functools.cache
def undisturbed(mode):
    """Return the outcome in this process."""
    return fit(faults.sharded(mode=mode))


def gate_in(folder, number, deed, at=0):
    folder = folder / str(number)
    folder.mkdir()
    return faults.Gate(str(folder), deed, at)


def check_left(client):
    """Both workers are there again, and nothing is left on the cluster."""
    clusters.wait_until(lambda: len(client.nthreads()) == 2, SECONDS)
    clusters.wait_until(
        lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)), 60
    )


@pytest.mark.parametrize("mode", TASKS)
def test_a_worker_that_is_killed_before_its_result_is_sent(mode, own, tmp_path, times):
    for number in times:
        gate = gate_in(tmp_path, number, "die", CALLS[number % len(CALLS)])
        own.run(faults.guard, gate, TASKS[mode])
        assert fit(faults.sharded(mode=mode, engine=DaskEngine(own))) == undisturbed(mode)
        assert gate.has_been_reached()
        check_left(own)


READING = (("load", "holding"), ("describe", "descriptions"))  # functions of tasks, and their modules


def test_a_worker_that_is_killed_while_it_reads(own, tmp_path, times):
    for number in times:
        gate = gate_in(tmp_path, number, "die", 1)
        name, module = READING[number % len(READING)]
        own.run(faults.guard, gate, name, f"compiled_nn.distributed.{module}")
        assert fit(faults.sharded(mode="averaging", engine=DaskEngine(own))) == undisturbed("averaging")
        assert gate.has_been_reached()
        check_left(own)


ENDLESS = (("averaging", "hang"), ("synchronous", "loop"))  # modes, and deeds of the gate


def test_a_task_that_does_not_end(own, tmp_path, times):
    """A stopped process does not answer; one in an endless loop does. Both are restarted after `timeout`."""
    for number in times:
        mode, deed = ENDLESS[number % len(ENDLESS)]
        gate = gate_in(tmp_path, number, deed, 5)
        own.run(faults.guard, gate, TASKS[mode])
        engine = DaskEngine(own, timeout=LIMIT, retries=3)
        assert fit(faults.sharded(mode=mode, engine=engine)) == undisturbed(mode)
        assert gate.has_been_reached()
        check_left(own)


def test_a_loader_that_does_not_end(own, tmp_path, times):
    for number in times:
        gate = gate_in(tmp_path, number, "loop", (1 + number) % 2)  # of the calls that read the part
        parts = faults.loaders(gates={1: gate})
        assert fit(faults.sharded(parts, engine=DaskEngine(own, timeout=LIMIT, retries=3))) == undisturbed(
            "averaging"
        )
        assert gate.has_been_reached()
        check_left(own)
