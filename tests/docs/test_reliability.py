"""docs/internals/reliability.md: every promise has tests that exist, and what is measured belongs to a promise."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "internals" / "reliability.md"
NAMES = [f"P{number}" for number in range(1, 20)]

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="this copy of the sources has no docs")


def rows(title):
    """Cells of the rows of the table in a section."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in re.findall(r"^\| ?P\d.*$", section, re.M)
    ]


def test_every_promise_is_there():
    assert [name.strip("| ") for name, *_ in rows("Promises")] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_promise_has_tests_that_exist(name):
    (tests,) = [cells[2] for cells in rows("Promises") if cells[0].strip("| ") == name]
    paths = re.findall(r"`([^`]+)`", tests)
    assert paths
    for path in paths:
        file, _, function = path.partition("::")
        if file.startswith(".ci") and not (ROOT / ".ci").exists():
            continue  # an sdist has no CI
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, path


def test_figures_belong_to_promises():
    assert {cells[0].strip("| ") for cells in rows("Measured")} <= set(NAMES)
