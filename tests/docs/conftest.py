"""Fixtures of the tests of the pages."""

import os
from functools import cache

import pytest
from page_reader import Reader


@pytest.fixture(scope="session", autouse=True)
def pictures_without_a_screen():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "Agg")
        yield


@pytest.fixture(scope="session")
def readers(tmp_path_factory):
    """The reader of each page, with a folder of its own."""
    return cache(lambda page: Reader(page, tmp_path_factory.mktemp("page")))


@pytest.fixture(autouse=True)
def same_environment():
    """What an example changes in `os.environ` does not reach other tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
