"""The cluster of the tests: two separate processes, reached by the loopback interface only."""

import os

import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import clusters


def test_two_processes_on_the_loopback_interface(client):
    workers = clusters.processes(client)
    assert len(set(workers.values()) | {os.getpid()}) == 3
    addresses = [*workers, client.scheduler.address]
    assert all(address.startswith("tcp://127.0.0.1:") for address in addresses)


def test_results_of_workers(client):
    assert client.gather(client.map(abs, [-2, 3], pure=False)) == [2, 3]
