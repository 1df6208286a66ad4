"""The Markdown pages: README, CONTRIBUTING, CHANGELOG, docs and benchmarks/README, with their fenced blocks.

A block belongs to a kind, and `CHECKS` names the test of each kind. `tests/docs/test_inventory.py` fails for a block
without a kind, so that no page can have a block that is not run or checked.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BUILT = ("_build", "examples", "generated")  # folders of docs that the build of the site writes
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    if not set(path.relative_to(ROOT).parts) & set(BUILT)
}
MESSAGES = "reference/messages.md"  # lists of messages, which tests/helpers/messages.py writes
PROGRAMS = "distributed-recipes.md"  # whole programs, which a test of their own runs
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<text>.*?)^ *(?P=fence)[`~]* *$", re.M | re.S
)
# Code that `FENCE` does not find: in HTML, in a quotation, in a fence of colons, behind a list's mark, in
# reStructuredText, and indented below an empty line.
UNFENCED = re.compile(
    r"""^.*<(?:pre|code|script)\b.*$ | ^\s*>\s*(?:`{3}|~{3}|>>+\s).*$ | ^\s*(?:[-*+]|\d+\.)\s+(?:`{3}|~{3}).*$
    | ^\s*:{3,}\s*\{(?!grid).*$ | ^.*\.\.\s+(?:code|code-block|sourcecode|doctest|literalinclude|parsed-literal)::.*$
    | ^(?!\s*\.\.).*\w::\s*$ | (?<=\n)\s*\n(?:[ ]{4,}|\t)\S.*$""",
    re.MULTILINE | re.VERBOSE,
)
DIRECTIVES = (
    "toctree",
    "include",
    "grid",
    "grid-item-card",
    "eval-rst",
    "image",
    "figure",
    "note",
    "tab-set",
    "dropdown",
)

# The test of each kind of block. The kind is the language of the block, with these exceptions: a block of text
# directly below a block that is run is its output; one with commands after `$` is a transcript; another one says
# after the word `text` what it is (```text formula).
CHECKS = {
    "python": "tests/docs/test_examples.py::test_examples_run_and_print_what_the_page_shows",
    "output": "tests/docs/test_examples.py::test_examples_run_and_print_what_the_page_shows",
    "transcript": "tests/docs/test_examples.py::test_examples_run_and_print_what_the_page_shows",
    "sh": "tests/docs/test_commands.py::test_commands_are_run_or_have_the_options_shown",
    "program": "tests/distributed/test_recipes.py::test_every_program_is_tested",
    "js": "tests/docs/test_languages.py::test_javascript_runs",
    "c": "tests/docs/test_languages.py::test_c_compiles_and_runs",
    "cython": "tests/docs/test_languages.py::test_cython_compiles",
    "json": "tests/docs/test_languages.py::test_json_is_what_a_file_or_an_answer_contains",
    "csv": "tests/docs/test_languages.py::test_lines_are_those_of_a_file",
    "toml": "tests/docs/test_languages.py::test_toml_is_read",
    "yaml": "tests/docs/test_languages.py::test_yaml_is_read",
    "formula": "tests/docs/test_languages.py::test_names_in_formulas_exist",
    "layout": "tests/docs/test_languages.py::test_names_in_layouts_exist",
    "beside": "tests/docs/test_languages.py::test_programs_side_by_side_are_python",
    "trace": "tests/docs/test_house.py::test_every_function_is_where_the_page_says",
    "messages": "tests/docs/test_reference.py::test_every_message_is_listed",
    "directive": "tests/docs/test_inventory.py::test_directives_contain_no_code",
}
MARKS = ("formula", "layout", "beside", "trace")  # words after `text`


class Block(NamedTuple):
    """A fenced block, its line on the page, and the language of the block directly above it, if there is one."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str
    above: str | None

    @property
    def name(self):
        return f"{self.page}:{self.line}"

    @property
    def kind(self):
        """Key of `CHECKS`, or None if no test covers such a block."""
        if self.language.startswith("{"):
            return "directive" if self.language.strip("{}") in DIRECTIVES else None
        if self.language == "text":
            return self.kind_of_text
        if self.page.endswith(PROGRAMS) and self.language == "python":
            return "program"
        return self.language if self.language in CHECKS and not self.marks else None

    @property
    def kind_of_text(self):
        if self.page.endswith(MESSAGES):
            return "messages"
        if self.marks:
            return self.marks[0] if self.marks[0] in MARKS else None
        if self.text.startswith("$ "):
            return "transcript"
        is_output = self.above in ("python", "sh", "c", "js") and not self.page.endswith(PROGRAMS)
        return "output" if is_output else None


def find_blocks(page, text):
    """Return the fenced blocks of a text, in order."""
    found, above, end = [], None, 0
    for match in FENCE.finditer(text):
        language, *marks = match["info"].split() or [""]
        adjacent = above if not text[end : match.start()].strip() else None
        line = text.count("\n", 0, match.start()) + 1
        content = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(page, line, language, tuple(marks), content, adjacent))
        above, end = language, match.end()
    return found


@cache
def blocks(page):
    """Return the fenced blocks of a page, in order."""
    return find_blocks(page, PAGES[page])


def blocks_of(*kinds):
    """Return all blocks of some kinds."""
    return [block for page in sorted(PAGES) for block in blocks(page) if block.kind in kinds]


def prose(page):
    """Return a page without its blocks of code."""
    return FENCE.sub("", PAGES[page])


def find_unfenced(text):
    """Return the lines of Markdown or reStructuredText that show code without a fence at the beginning of a line."""
    return [match[0].strip() for match in UNFENCED.finditer(FENCE.sub("", text))]


def here(path):
    """Whether a path exists, or belongs to a folder that this copy of the sources (an sdist) left out."""
    return (ROOT / path).exists() or not (ROOT / path.split("/")[0]).exists()
