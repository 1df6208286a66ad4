"""Docstrings: the examples of every public name run and print what they show, and every public name has one."""

import doctest
import inspect
import os
import pkgutil
import re

import pytest
from absent import KERAS, absent
from docstrings import CHAPTERS, docstrings, documented, examples, has_docstring, in_chapter, names, sources
from settings import restored_settings
from shown import alike


class Checker(doctest.OutputChecker):
    """Comparison of outputs as on the pages: numbers may differ by 5 %."""

    def check_output(self, want, got, flags):
        return super().check_output(want, got, flags) or alike(want, got)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function (name, docstring) that runs the examples of a docstring in a separate folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))

    def run(name, text):
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
        runner = doctest.DebugRunner(Checker(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        try:
            runner.run(test)
        except doctest.DocTestFailure as failure:
            difference = Checker().output_difference(failure.example, failure.got, runner.optionflags)
            pytest.fail(f"{name}\n{failure.example.source}{difference}", pytrace=False)
        except doctest.UnexpectedException as failure:
            error = failure.exc_info[1]
            if reason := absent(error):
                pytest.skip(reason)
            raise error from None

    with restored_settings():
        yield run


@pytest.mark.filterwarnings(f"ignore:{KERAS}:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(examples()))
def test_examples_run_and_print_what_they_show(name, run):
    for owner, docstring in docstrings(name).items():
        run(owner, docstring)


@pytest.mark.parametrize("name", sorted(examples()))
def test_examples_show_their_output(name):
    for owner, docstring in docstrings(name).items():
        found = doctest.DocTestParser().get_examples(docstring)
        drawn = found and ".savefig(" in found[-1].source
        assert not found or drawn or any(step.want for step in found), owner


def test_no_example_is_skipped():
    assert not [(path, line) for path, line in sources() if re.search(r"doctest:.*SKIP", line)]


def test_every_example_of_the_sources_is_run():
    run = {line.strip() for text in examples().values() for line in (text or "").splitlines()}
    lost = [(path, line) for path, line in sources() if line not in run and not in_chapter(path)]
    assert not lost


def docstrings_of(name):
    """Docstrings of a public name and its members by their owners; none for a constant."""
    _, value = names()[name]
    if value is None:
        return docstrings(name)
    return dict(documented(name, value)) if has_docstring(value) else {}


@pytest.mark.parametrize("name", sorted(names()))
def test_every_public_name_has_an_example(name):
    module, value = names()[name]
    if value is None or has_docstring(value):
        assert any(">>> " in text for text in docstrings_of(name).values())
    else:  # a constant: in the docstring of its module
        code = re.findall("^(?:>>>|\\.\\.\\.) (.*)$", inspect.getdoc(module) or "", re.MULTILINE)
        assert any(re.search(rf"\b{name.rpartition('.')[2]}\b", line) for line in code)


def related(text):
    """The names in the section "See Also" of a docstring."""
    section = re.search(r"^See Also\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    for line in section[1].splitlines() if section else ():
        if line[:1].strip():
            yield from (name.strip() for name in line.partition(" : ")[0].split(","))


def is_object(path):
    """Whether a dotted name is that of a module, or of something in one."""
    try:
        pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", sorted(names()))
def test_names_in_see_also_exist(name):
    _, value = names()[name]
    found = docstrings_of(name)
    home = getattr(value, "__module__", None) or "compiled_nn"
    for owner, text in found.items():
        scopes = [
            owner,
            owner.rpartition(".")[0],
            name.rpartition(".")[0],
            home.rpartition(".")[0],
            "compiled_nn",
        ]
        for other in related(text):
            late = other.startswith(tuple(CHAPTERS))  # in a package of an optional library
            assert late or is_object(other) or any(is_object(f"{scope}.{other}") for scope in scopes), other


class TestRunner:
    def test_other_output_fails(self, run):
        with pytest.raises(pytest.fail.Exception, match="Expected"):
            run("example", ">>> 2.0\n2.5\n")
        with pytest.raises(ZeroDivisionError):
            run("example", ">>> 1 / 0\n")
        with pytest.raises(UserWarning, match="late"):
            run("example", ">>> import warnings\n>>> warnings.warn('late')\n")

    def test_about_the_same_numbers_pass(self, run):
        run("example", ">>> [0.98, 'a', 5]\n[0.97, 'a', 5]\n>>> 1.0\n1.0\n")
        run(
            "example",
            ">>> 1 / 0\nTraceback (most recent call last):\n    ...\nZeroDivisionError: division by zero\n",
        )

    def test_absent_libraries_and_data_skip(self, run):
        with pytest.raises(pytest.skip.Exception, match="compiled-nn\\[x"):
            run("example", ">>> raise ImportError('needs X; pip install \"compiled-nn[x]\"')\n")
        with pytest.raises(pytest.skip.Exception, match="beans"):
            run("example", ">>> raise FileNotFoundError('beans was not found. Looked in: here')\n")
        with pytest.raises(ModuleNotFoundError):
            run("example", ">>> import nonsense_library\n")

    def test_dots_stand_for_any_text(self):
        assert alike("a ... 5 rows", "a b 3 c 5 rows")
        assert not alike("a ... 5 rows", "a b 5 c 3 rows")
        assert not alike("a ... 5 rows", "a b 5 columns")
        assert not alike("# ... 5 rows", "# b 7 rows")
        assert alike("array([1., 2.])", "array([0.99, 2.  ])")
        assert not alike("array([1., 2.])", "array([0.9, 2. ])")
