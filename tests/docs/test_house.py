"""The page about the architecture: the functions and files that it names are where it says."""

import re

import pytest
from pages import PAGES, ROOT, blocks_of

CORE, FACE = ROOT / "cnn_core", ROOT / "python" / "compiled_nn"
PAGE = next((page for page in PAGES if page.endswith("house.md")), None)

pytestmark = pytest.mark.skipif(PAGE is None, reason="this copy of the sources has no docs")


def traced():
    return [line for block in blocks_of("trace") for line in block.text.splitlines()]


@pytest.mark.parametrize("line", traced(), ids=lambda line: line.split()[0])
def test_every_function_is_where_the_page_says(line):
    name, file = line.split()[:2]
    *owner, function = name.split(".")
    found = [path for folder in (CORE, FACE) for path in folder.rglob(file)]
    definition = rf"^\s*(?:def|cdef|INL)\b.*\b{function}\("
    sources = [path.read_text(encoding="utf-8") for path in found]
    assert any(re.search(definition, source, re.MULTILINE) for source in sources)
    if owner:
        assert any(re.search(rf"class {owner[0]}\b", source) for source in sources)


def test_the_functions_are_seen():
    assert len(traced()) > 40


def test_every_file_has_its_place():
    names = {path.stem for path in CORE.rglob("*") if path.suffix in (".pyx", ".pxd", ".h")}
    names |= {path.stem for path in FACE.iterdir() if path.suffix != ".typed"}
    text = PAGES[PAGE]
    unnamed = sorted(
        name for name in names if not name.startswith("_") and not re.search(rf"\b{name}\b", text)
    )
    assert not unnamed
