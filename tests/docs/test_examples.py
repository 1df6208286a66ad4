"""Examples in README and docs: they run in the order of the page, and print what the page shows."""

import ast

import pytest
from page_reader import Reader, differences, examples
from pages import PAGES, PROGRAMS, blocks_of, find_blocks
from shown import alike

# Commands that train for a minute on the data of a tutorial.
SLOW = ("compiled-nn tutorial fashion",)


@pytest.mark.parametrize(
    ("page", "number"),
    [
        pytest.param(
            page,
            i,
            id=f"{page}:{example.line}" + ("" if example.python else f": {example.text}"),
            marks=[pytest.mark.slow] if example.text in SLOW else [],
        )
        for page in sorted(PAGES)
        for i, example in enumerate(examples(page))
    ],
)
def test_examples_run_and_print_what_the_page_shows(page, number, readers):
    found = readers(page).compare(number)
    assert found is None, found


def test_the_readme_trains_a_good_network(readers):
    page = "README.md"
    if page not in PAGES:
        pytest.skip("this copy of the sources has no README")
    reader = readers(page)
    reader.output(next(i for i, example in enumerate(reader.examples) if example.python))
    digits = reader.names["digits"]
    assert reader.names["net"].score(digits.X_test, digits.y_test) >= 0.97


@pytest.mark.parametrize("block", blocks_of("python", "program"), ids=lambda block: block.name)
def test_blocks_are_written_for_readers(block):
    lines = [node.lineno for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.Assert)]
    assert not lines, "print the value and show the output instead of `assert`"


class TestReader:
    def test_output_belongs_to_the_block_above_it(self, monkeypatch, tmp_path):
        text = "```python\nx = 2\nprint(x / 3)\n```\n\n```text\n0.667\n```\nProse.\n```text\nno output\n```\n"
        text += "```text\n$ python -c 'print(5)'\n$ python -c 'print(7)'\n7\n```\n```python\nx + y\n```\n"
        monkeypatch.setitem(PAGES, "outputs", text)
        assert [example.shown for example in examples("outputs")] == [["0.667"], [], ["7"], []]
        reader = Reader("outputs", tmp_path)
        assert reader.output(2) == ["7"]
        assert differences(["0.667"], reader.output(0)) is None
        with pytest.raises(NameError):
            reader.output(3)

    def test_an_error_is_raised_unless_the_page_shows_it(self, monkeypatch, tmp_path):
        block = "```python\nprint(1)\nint('x')\n```\n"
        shown = "```text\n1\nValueError: invalid literal for int() with base 10: 'x'\n```\n"
        monkeypatch.setitem(PAGES, "shown", block + shown)
        monkeypatch.setitem(PAGES, "error", block)
        assert differences(examples("shown")[0].shown, Reader("shown", tmp_path).output(0)) is None
        with pytest.raises(ValueError, match="invalid literal"):
            Reader("error", tmp_path).output(0)

    def test_an_example_that_prints_what_is_absent_is_skipped(self, monkeypatch, tmp_path):
        block = "```python\nprint('needs X; pip install \"compiled-nn[x]\"')\n```\n"
        monkeypatch.setitem(PAGES, "absent", block + "```text\n1\n```\n")
        with pytest.raises(pytest.skip.Exception, match="needs X"):
            Reader("absent", tmp_path).compare(0)

    def test_blocks_below_one_that_is_skipped_are_skipped_only_if_they_need_it(self, monkeypatch, tmp_path):
        text = "```python\nimport torch_of_nobody\n```\n```python\nprint(1)\n```\n```python\nnet\n```\n"
        monkeypatch.setitem(PAGES, "skipped", text)
        monkeypatch.setattr("absent.LIBRARIES", ("torch_of_nobody",))
        reader = Reader("skipped", tmp_path)
        assert reader.output(1) == ["1"]
        for number in (0, 2):
            with pytest.raises(pytest.skip.Exception, match="torch_of_nobody is not installed"):
                reader.output(number)


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        (["a", "b", "0.7045"], True),
        (["a", "b", "0.7046"], True),
        (["a", "b", "0.6"], False),
        (["a", "b"], False),
        (["b", "0.7045"], False),
        (["b", "a", "0.7045"], False),
        (["a", "...", "0.7045"], True),
        (["...", "b", "..."], True),
        (["...", "c", "..."], False),
        (["...", "0.7045", "b"], False),
        (["a", "..."], True),
        (["b", "..."], False),
        (["...", "b"], False),
        (["", "a", "b", "trained for 3 s", "0.7045"], True),
        ([], False),
    ],
)
def test_differences(shown, same):
    assert (differences(shown, ["a", "", "b", "0.7045"]) is None) == same


def test_no_output_is_shown_by_nothing():
    assert differences([], []) is None
    assert differences(["a"], []) is not None


def test_programs_are_not_examples():
    page = next((page for page in PAGES if page.endswith(PROGRAMS)), None)
    assert page is None or not examples(page)


def test_kinds_of_text():
    page = "```python\n```\n\n```text\na\n```\n\nb\n\n```text\nc\n```\n\n```text formula\nd\n```\n\n```text\n$ e\n```\n"
    kinds = [block.kind for block in find_blocks("page", page)]
    assert kinds == ["python", "output", None, "formula", "transcript"]


def test_other_numbers_and_words_are_seen():
    def printed(line, output):
        return any(alike(line, other) for other in output)

    output = ["Cost at #0: 0.7045", "test accuracy  0.9805 (352 of 359 rows)"]
    assert printed("Cost at #0:  0.7046", output)
    assert not printed("Cost at #0: 0.6", output)
    assert not printed("Cost at #1: 0.7045", output)
    assert not printed("Price at #0: 0.7045", output)
    assert printed("test accuracy  0.97 (350 of 359 rows)", output)
