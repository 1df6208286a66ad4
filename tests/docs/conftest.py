"""Fixtures of the tests of the pages."""

import os
from functools import cache

import pytest
from page_reader import Reader
from settings import restored_settings


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
    """Reader of each page, in a separate folder."""
    return cache(lambda page: Reader(page, tmp_path_factory.mktemp("page")))


@pytest.fixture(autouse=True)
def same_environment():
    """Restore the environment variables after each test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module", autouse=True)
def same_settings():
    """Restore the settings of the process after each module."""
    with restored_settings():
        yield
