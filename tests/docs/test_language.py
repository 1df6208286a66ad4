"""Plain English in the pages and programs: none of the phrases in tests/helpers/language.toml."""

import subprocess
import sys
from pathlib import Path

import language
import pytest

PATTERNS = pytest.mark.parametrize("pattern", language.PATTERNS, ids=[p.name for p in language.PATTERNS])
READERS = {
    ".md": "# Title\n\n{}\n",
    ".py": 'size = 1  # bytes\n\n\ndef f():\n    """\n{}\n    """\n',
    ".pyx": 'cdef int size = 1\n\ncdef f():\n    """\n{}\n    """\n',
    ".pxd": 'cdef int size\n\ncdef inline f():\n    """\n{}\n    """\n',
    ".pyi": 'size: int\n\ndef f() -> None:\n    """\n{}\n    """\n',
    ".h": "#define SIZE 1\n/*\n{}\n*/\n",
}


def names(hits):
    return [hit.pattern.name for hit in hits]


def covered():
    """Return the covered files; a copy of the sources (an sdist) may lack some."""
    paths = [language.ROOT / path for path in language.COVERED]
    return [file for path in paths if path.exists() for file in language.list_files(path)]


@pytest.mark.parametrize("file", covered(), ids=lambda file: file.relative_to(language.ROOT).as_posix())
def test_covered_files_have_no_hits(file):
    hits = [
        f"line {hit.line}: {hit.words}; write {hit.pattern.instead}" for hit in language.search_file(file)
    ]
    assert not hits, "\n".join(hits)


class TestPatterns:
    @PATTERNS
    def test_bad_example_matches_and_good_one_does_not(self, pattern):
        assert pattern.name in names(language.search(pattern.bad))
        assert not language.search(pattern.good), "the good example of a pattern must not match any"

    @PATTERNS
    @pytest.mark.parametrize("suffix", READERS)
    def test_every_reader_finds_the_bad_example(self, pattern, suffix, tmp_path):
        file = tmp_path / f"file{suffix}"
        file.write_text(READERS[suffix].format(pattern.bad))
        assert pattern.name in names(language.search_file(file))

    def test_names_are_distinct(self):
        assert len({pattern.name for pattern in language.PATTERNS}) == len(language.PATTERNS)


class TestReaders:
    def test_phrase_over_two_lines(self):
        assert names(language.search(language.read_page("The rows are\ntold."))) == ["told, asked, said"]
        assert names(language.search(language.read_code("# the rows are\n# told\n"))) == ["told, asked, said"]

    def test_message_in_two_literals(self):
        message = 'raise ValueError(\n    "the loss is"\n    f" told {x}"\n)\n'
        assert names(language.search(language.read_code(message))) == ["told, asked, said"]

    def test_program_text_is_not_read(self):
        for text in (
            "lies = anew\n",
            "x = 1  # one row\ny = 2  # a column\n",
            'f("one row")\ng("a column")\n',
        ):
            assert not language.search(language.read_code(text))
        assert not language.search(language.read_header("int lies; // a count\n"))

    def test_code_in_pages_is_not_read(self):
        page = "Call `lies`, see [here](lies.md).\n\n```text\nlies\n```\n\n```python\nlies = 1\n```\n"
        assert not language.search(language.read_page(page))

    def test_comments_of_code_in_pages_are_read(self):
        (hit,) = language.search(language.read_page("Text.\n\n```python\nx = 1\ny = 2  # lies\n```\n"))
        assert hit.line == 5

    @pytest.mark.parametrize(
        ("read", "text"),
        [
            (language.read_code, 'x = "a" \\\n    "b"  # c\n\'\'\'d\n\n# e\'\'\'\nf"""g"""\n'),
            (language.read_header, '/* a\n * b */\n#define X "c" // d\n'),
            (language.read_page, "a `b`\n\n```python\nx = 1  # y\n```\n\n[c](d)\n"),
        ],
    )
    def test_every_character_stays_in_its_place(self, read, text):
        prose = read(text)
        assert len(prose) == len(text)
        assert [i for i, c in enumerate(prose) if c == "\n"] == [i for i, c in enumerate(text) if c == "\n"]


class TestCommandLine:
    def run(self, *arguments):
        script = Path(language.__file__)
        return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)

    def test_hits(self, tmp_path):
        (tmp_path / "page.md").write_text("# Title\n\nThe rows lie here.\n")
        done = self.run(tmp_path)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{tmp_path / 'page.md'}:3: lie: ")

    def test_no_hits(self, tmp_path):
        (tmp_path / "page.md").write_text("# Title\n\nThe rows are here.\n")
        done = self.run(tmp_path)
        assert (done.returncode, done.stdout) == (0, "")

    @pytest.mark.parametrize("arguments", [[], ["missing.md"], [__file__ + ".txt"]])
    def test_wrong_arguments(self, arguments):
        done = self.run(*arguments)
        assert done.returncode == 1
        assert "usage" in done.stderr or "expected a folder" in done.stderr
