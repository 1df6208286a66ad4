"""Links, files and tests that README and docs name exist."""

import re

import pytest
from pages import PAGES, ROOT, here, prose

every_page = pytest.mark.parametrize("page", sorted(PAGES))


@every_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose(page)):
        if not target.startswith("http"):
            path = (ROOT / page).parent / target
            assert here(path.resolve().relative_to(ROOT).as_posix()), f"{page}: {target}"


@every_page
def test_files_and_tests_named_exist(page):
    for path in re.findall(r"`((?:tests|docs|benchmarks|cnn_core|python|\.ci)/[\w./]+)`", PAGES[page]):
        assert here(path), f"{page}: {path}"
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGES[page]):
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{page}: {path}::{test}"
