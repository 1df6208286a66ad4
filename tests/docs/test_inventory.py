"""Every fenced block of README, CONTRIBUTING, CHANGELOG and docs is run or checked by a test."""

from itertools import pairwise

import pytest
from page_reader import examples_of
from pages import CHECKS, DIRECTIVES, MARKS, PAGES, ROOT, blocks, blocks_of, find_blocks


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


@pytest.mark.parametrize(
    "language", ["", "bash", "console", "pycon", "{code-block}", "text table", "python norun"]
)
def test_other_blocks_have_no_kind(language):
    (block,) = find_blocks("page", f"```{language}\nx\n```\n")
    assert block.kind is None


def test_blocks_in_lists_are_found():
    (block,) = find_blocks("page", "1. Text:\n\n   ```python\n   if x:\n       y\n   ```\n")
    assert (block.line, block.kind, block.text) == (3, "python", "if x:\n    y\n")
