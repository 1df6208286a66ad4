"""Fixtures of the tests of the pages."""

import os
from functools import cache

import pytest
from page_reader import Reader


@pytest.fixture(scope="session", autouse=True)
def neither_screen_nor_colours():
    """Pictures are not shown, and programs do not colour what they print."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "Agg")
        patch.setenv("NO_COLOR", "1")
        for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"):
            patch.delenv(name, raising=False)
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
