"""Cluster of two worker processes that the tests of this folder share."""

import pytest


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory):
    """Client of a cluster of two worker processes with nannies; tests that end workers start their own clusters."""
    pytest.importorskip("distributed", reason="needs the extra dask")
    import clusters

    with clusters.cluster(tmp_path_factory.mktemp("workers")) as client:
        yield client


@pytest.fixture
def client(two_workers):
    """Client of the shared cluster as the default client, without tasks and data of earlier tests."""
    with two_workers.as_current():
        yield two_workers
    assert not two_workers.futures, "a test left results on the workers"
