"""Fixtures of the tests of the command line."""

from functools import partial

import pytest
from command_line import outcome


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder, without the environment that changes what is printed."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "TERM", "COLUMNS", "COMPILED_NN_DATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run a command line; return its exit code, stdout and stderr."""
    return partial(outcome, capsys)
