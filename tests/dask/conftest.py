"""Cluster of two worker processes that the tests of this folder share."""

import gc
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Run the tests of this folder last: threads of the cluster would count in tests that measure memory or reads."""
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


@pytest.fixture(autouse=True)
def default_scheduler():
    """The default scheduler of Dask as before each test: a client that loses its scheduler leaves itself as default."""
    settings = pytest.importorskip("dask", reason="the extra dask is not installed").config
    before = settings.get("scheduler", None)
    yield
    settings.set(scheduler=before)


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory):
    """Client of a cluster of two worker processes with nannies; tests that end workers start their own clusters."""
    import clusters  # it needs the extra dask

    with clusters.cluster(tmp_path_factory.mktemp("workers")) as client:
        yield client


@pytest.fixture
def client(two_workers):
    """Client of the shared cluster as the default client, without tasks and data of earlier tests."""
    import clusters

    with two_workers.as_current():
        yield two_workers
    gc.collect()
    clusters.wait_until(lambda: not two_workers.futures)  # else a test left results on the workers
