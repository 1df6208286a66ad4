"""docs/guide/embedding.md: every promise names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide" / "embedding.md"
PROMISES = [
    "The lock of the interpreter",
    "Many threads, one model",
    "A model in training",
    "Fork, forkserver, spawn",
    "Nested pools",
    "Quota",
    "Idle threads",
    "Memory",
    "Busy processors",
    "The state of the process",
]

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="this copy of the sources has no docs")


def sections():
    """Text of each section by its title."""
    _, *parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def test_every_promise_is_there():
    assert [title for title in sections() if title != "Measured"] == PROMISES


@pytest.mark.parametrize("title", PROMISES)
def test_every_promise_has_tests_that_exist(title):
    promise, _, tests = sections()[title].partition("\nTests: ")
    assert promise.strip()
    paths = re.findall(r"`([^`]+)`", tests)
    assert paths
    for path in paths:
        file, _, function = path.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "def test_" in text
        assert not function or f"def {function}(" in text, path
