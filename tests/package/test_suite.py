"""The suite itself: what `pytest` without arguments leaves out."""

from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def conftest(request):
    return request.config.pluginmanager.get_plugin(str(TESTS / "conftest.py"))


def left_out(conftest, paths, source="TESTPATHS", **options):
    """Return which of these files the conftest leaves out."""
    gone = []
    hook = SimpleNamespace(pytest_deselected=lambda items: gone.extend(item.path for item in items))
    config = SimpleNamespace(
        args_source=pytest.Config.ArgsSource[source],
        getoption=lambda name, default: options.get(name, default),
        hook=hook,
    )
    items = [SimpleNamespace(path=path) for path in paths]
    conftest.pytest_collection_modifyitems(config, items)
    assert [item.path for item in items] == [path for path in paths if path not in gone]
    return gone


def test_pytest_alone_leaves_out_files_that_exist(conftest):
    paths = sorted(TESTS.glob("*/test_*.py"))
    gone = left_out(conftest, paths)
    for name in conftest.THOROUGH:
        assert any(path.is_relative_to(TESTS / name) for path in gone), name
    assert 0 < len(gone) < len(paths) / 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"all": True},
        {"long": True},
        {"keyword": "a"},
        {"markexpr": "not slow"},
        {"lf": True},
        {"source": "ARGS"},
    ],
)
def test_arguments_leave_out_nothing(conftest, arguments):
    assert left_out(conftest, sorted(TESTS.glob("*/test_*.py")), **arguments) == []
