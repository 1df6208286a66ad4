"""Every fenced block of README, CONTRIBUTING, CHANGELOG and docs is run or checked by a test."""

import ast
from itertools import pairwise

import notebooks
import pytest
from page_reader import examples_of
from pages import CHECKS, DIRECTIVES, MARKS, PAGES, ROOT, blocks, blocks_of, find_blocks, find_unfenced


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_block_is_run_or_checked(page):
    without = [f"line {block.line}: ```{block.language}" for block in blocks(page) if block.kind is None]
    assert not without, (
        f"{page}: no test covers these blocks:\n"
        + "\n".join(without)
        + "\nUse one of: "
        + ", ".join(
            sorted(set(CHECKS) - {"output", "transcript", "program", "messages", "directive", *MARKS})
        )
        + "; `text` directly below a block that is run, for its output; `text` with commands after `$`; or ```text "
        + ", ```text ".join(MARKS)
    )


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_output_belongs_to_a_block_that_is_run(page):
    for above, block in pairwise(blocks(page)):
        if block.kind == "output" and above.kind == "sh":
            assert examples_of(above), f"{block.name}: the commands above it are not run"


@pytest.mark.parametrize("kind", CHECKS)
def test_the_test_of_each_kind_exists(kind):
    path, name = CHECKS[kind].split("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_fence_begins_or_ends_a_block():
    for page, text in PAGES.items():
        fences = sum(line.lstrip().startswith(("```", "~~~")) for line in text.splitlines())
        inner = sum(
            line.lstrip().startswith(("```", "~~~")) for b in blocks(page) for line in b.text.splitlines()
        )
        assert fences == 2 * len(blocks(page)) + inner, page


@pytest.mark.parametrize("block", blocks_of("directive"), ids=lambda block: block.name)
def test_directives_contain_no_code(block):
    assert block.language.strip("{}") in DIRECTIVES
    assert not find_blocks(block.page, block.text), "code in a directive is not run"
    assert not find_unfenced(block.text), "code in a directive is not run"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_code_is_without_a_fence(page):
    assert not find_unfenced(PAGES[page])


def texts_beside_pages():
    """Yield texts of the site that are not pages: cells of notebooks, introductions and headers of the gallery."""
    for path in sorted((ROOT / "docs" / "tutorials").rglob("*.ipynb")):
        cells = [cell for cell in notebooks.read(path)["cells"] if cell["cell_type"] != "code"]
        yield path, "\n\n".join(map(notebooks.source, cells))
    for path in sorted((ROOT / "docs" / "gallery").rglob("plot_*.py")):
        yield path, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    for path in sorted((ROOT / "docs" / "gallery").rglob("*.rst")):
        yield path, path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=path.relative_to(ROOT).as_posix()) for path, text in texts_beside_pages()]
)
def test_texts_beside_pages_contain_no_code(text):
    assert not find_blocks("text", text)
    assert not find_unfenced(text)


@pytest.mark.parametrize(
    "text",
    [
        *("<pre>x</pre>", "> ```python\n> x\n> ```", "- ```python\n  x\n  ```", "1. ~~~\n   x\n   ~~~"),
        *(":::{code-block} python\nx\n:::", ".. code-block:: python\n\n   x", "Text::\n\n   x"),
        *("Text:\n\n    x = 1\n", "Text:\n\n\tx = 1\n", "> >>> x"),
    ],
)
def test_code_without_a_fence_is_found(text):
    assert find_unfenced(text)


def test_prose_is_not_code():
    assert not find_unfenced(
        "A list:\n\n- one\n  two\n\n  three `x::y`, and >>> in prose\n\n:::{grid} 1 2\n:::\n> words\n"
    )


@pytest.mark.parametrize(
    "language", ["", "bash", "console", "pycon", "{code-block}", "{code-cell}", "text table", "python norun"]
)
def test_other_blocks_have_no_kind(language):
    (block,) = find_blocks("page", f"```{language}\nx\n```\n")
    assert block.kind is None


@pytest.mark.parametrize("fence", ["```", "````", "~~~"])
def test_blocks_in_lists_are_found(fence):
    (block,) = find_blocks("page", f"1. Text:\n\n   {fence}python\n   if x:\n       y\n   {fence}\n")
    assert (block.line, block.kind, block.text) == (3, "python", "if x:\n    y\n")
