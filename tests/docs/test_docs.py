"""README and docs: their code runs, their commands have the options shown, what they name exists."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from shown import printed

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
}
CORE, FACE = ROOT / "cnn_core", ROOT / "python" / "compiled_nn"
NOT_INSTALLED_HERE = (
    "dask",
    "distributed",
    "safetensors",
    "torch",
    "scipy",
    "threadpoolctl",
    "optuna",
    "onnxruntime",
    "lightgbm",
    "pandas",
    "skorch",
    "fastapi",
    "pyarrow",
    "sklearn",
    "PIL",
)  # what a page may use and the tests need not have
EXAMPLES = ("my_timing.py",)  # a reader's own file
PROGRAMS = (
    "docs/guide/distributed-recipes.md",
)  # whole programs, which tests/distributed/test_recipes.py runs

every_page = pytest.mark.parametrize("page", sorted(PAGES))


def fenced(page, language):
    """The blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def here(path):
    """Whether a path exists, or lies in a folder that this copy of the sources (an sdist) left out."""
    return (ROOT / path).exists() or not (ROOT / path.split("/")[0]).exists()


# -- commands --------------------------------------------------------------------------------------


def commands(page):
    """The simple commands of the shell blocks, as lists of words, and of the transcripts after a `$`."""
    lines = "".join(fenced(page, "sh")).splitlines()
    lines += re.findall(r"^\$ (.*)$", "".join(fenced(page, "text")), re.MULTILINE)
    for line in lines:
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*|sudo", words[0]):
                del words[0]
            if words:
                yield words


def options(words):
    return [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]


def program(words):
    """What to ask for help, and the words after it; None where this machine does not have it."""
    name, *rest = words
    if name == "python" and rest[0] != "-m":
        if rest[0] == "setup.py" and find_spec("Cython") is None:
            return None
        script = ROOT / rest[0]
        head = [rest[0], *(["build_ext"] if rest[0] == "setup.py" else [])]
        return ([sys.executable, *head], rest) if script.exists() else None
    if name == "python" and find_spec(rest[1].split(".")[0]) is None:
        return None
    if name in ("python", "pip"):
        module = rest[1] if name == "python" else "pip"
        return [sys.executable, "-m", module, *(["install"] if module == "pip" else [])], rest[
            name == "python" :
        ]
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    subcommand = rest[:1] if name in ("compiled-nn", "ruff") else []
    return ([found, *subcommand], rest) if found else None


def check_wrapper(words):
    """Options of programs that run another one, checked; returns the command they run."""
    while words[0] in ("taskset", "chrt"):
        inner = next(i for i, word in enumerate(words) if word in ("taskset", "python") and i)
        if shutil.which(words[0]):
            check_options([shutil.which(words[0])], words[1:inner])
        words = words[inner:]
    return words


@cache
def help_of(*command):
    # A script imports what lies beside it, which the suite's own environment forbids.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    done = subprocess.run([*command, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_options(command, words):
    text = help_of(*command)
    for option in options(words):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{command}: no {option}"


@every_page
def test_commands_have_the_options_shown(page):
    for words in commands(page):
        words = check_wrapper(words)
        if words[0] in (".", "bash"):
            assert words[1].startswith(".venv/") or here(words[1])
            continue
        scripts = [word for word in words if word.endswith(".py") and word not in EXAMPLES]
        assert all(here(script.split("::")[0]) for script in scripts), words
        if words[-1] not in EXAMPLES and (asked := program(words)):
            check_options(*asked)


def test_the_commands_are_seen():
    seen = [words[0] for page in PAGES for words in commands(page)]
    assert {"pip", "compiled-nn", "pytest"} <= set(seen)


# -- examples --------------------------------------------------------------------------------------

DRAWN = re.compile("[\u2580-\u259f]|trained for")  # lines of charts, and times
RUN = re.compile(r"compiled-nn (train|tutorial|predict|evaluate|explain|info) |python -c ")


class Example(NamedTuple):
    """A block of Python, or a command after a `$`, and the lines that the page shows as its output."""

    python: bool
    text: str
    shown: list[str]


def examples(page):
    """The examples of a page in order: a text block directly below one of Python is what it prints."""
    found, above, end = [], None, 0
    for block in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL):
        language, text = block.groups()
        if language == "python":
            found.append(Example(True, text, []))
        elif language == "text" and text.startswith("$ "):
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *lines = part.splitlines()
                if RUN.match(command):
                    found.append(Example(False, command, lines))
        elif language == "text" and above == "python" and not PAGES[page][end : block.start()].strip():
            found[-1].shown.extend(text.splitlines())
        above, end = language, block.end()
    return found


class Reader:
    """Someone who tries the examples of a page in one folder, each once and after those above it."""

    def __init__(self, page, folder):
        self.folder, self.examples = folder, examples(page)
        self.names, self.outcomes = {"__name__": "page"}, []

    def output(self, number):
        """Lines that an example prints; its exception is raised again."""
        while len(self.outcomes) <= number:
            example = self.examples[len(self.outcomes)]
            with contextlib.chdir(self.folder):
                try:
                    self.outcomes.append(
                        self.run(example.text) if example.python else run_command(example.text)
                    )
                except (Exception, pytest.skip.Exception) as error:
                    self.outcomes.append(error)
        if isinstance(self.outcomes[number], BaseException):
            raise self.outcomes[number]
        return self.outcomes[number]

    def run(self, block):
        """The lines that a block of Python prints; warnings are errors."""
        for example, outcome in zip(self.examples, self.outcomes, strict=False):
            if example.python and isinstance(outcome, pytest.skip.Exception):
                raise outcome
        try:
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, "page", "exec"), self.names)
        except ModuleNotFoundError as error:
            if error.name not in NOT_INSTALLED_HERE:
                raise
            pytest.skip(f"{error.name} is not installed")
        except ImportError as error:  # of a library that an extra installs
            if "compiled-nn[" not in str(error):
                raise
            pytest.skip(str(error))
        except FileNotFoundError as error:
            if "was not found. Looked in" not in str(error):
                raise
            pytest.skip(str(error).splitlines()[0])
        return output.getvalue().splitlines()


def run_command(command):
    """The lines that a command prints, errors and notes first."""
    name, *words = shlex.split(command)
    if "--out" in words:
        pytest.importorskip("matplotlib")
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    done = subprocess.run([program, *words], capture_output=True, text=True)
    absent = re.search(".*was not found. Looked in", done.stderr + done.stdout)
    if absent is not None:
        pytest.skip(absent[0])
    if done.returncode and 'pip install "compiled-nn[' in done.stderr:  # a library that an extra installs
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return [*done.stderr.splitlines(), *done.stdout.splitlines()]


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """The reader of each page."""
    return cache(lambda page: Reader(page, tmp_path_factory.mktemp("page")))


@pytest.mark.parametrize(
    ("page", "number"),
    [
        pytest.param(page, i, id=f"{page}: {i if example.python else example.text}")
        for page in sorted(PAGES)
        if page not in PROGRAMS
        for i, example in enumerate(examples(page))
    ],
)
def test_examples_run_and_print_what_the_page_shows(page, number, readers):
    output, example = readers(page).output(number), examples(page)[number]
    if page == "README.md" and number == 0:
        assert float(output[-1]) >= 0.97
    shown = [line for line in example.shown if line.strip() not in ("", "...") and not DRAWN.search(line)]
    assert shown or example.python or not output  # a command shows what it prints
    missing = [line for line in shown if not printed(line, output)]
    assert not missing, "\n".join(output)


def test_other_numbers_and_words_are_seen():
    output = ["Cost at #0: 0.7045", "test accuracy  0.9805 (352 of 359 rows)"]
    assert printed("Cost at #0:  0.7046", output)
    assert not printed("Cost at #0: 0.6", output)
    assert not printed("Cost at #1: 0.7045", output)
    assert not printed("Price at #0: 0.7045", output)
    assert printed("test accuracy  0.97 (350 of 359 rows)", output)


def test_output_belongs_to_the_block_above_it(monkeypatch, tmp_path):
    text = "```python\nx = 2\nprint(x / 3)\n```\n\n```text\n0.667\n```\nProse.\n```text\nno output\n```\n"
    text += "```text\n$ python -c 'print(5)'\n$ python -c 'print(7)'\n7\n```\n```python\nx + y\n```\n"
    monkeypatch.setitem(PAGES, "page", text)
    found = examples("page")
    assert [example.shown for example in found] == [["0.667"], [], ["7"], []]
    reader = Reader("page", tmp_path)
    assert reader.output(2) == ["7"]
    assert printed("0.667", reader.output(0))
    with pytest.raises(NameError):
        reader.output(3)


# -- names -----------------------------------------------------------------------------------------


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


@pytest.mark.skipif("docs/internals/house.md" not in PAGES, reason="this copy of the sources has no docs")
class TestHouse:
    def test_every_function_on_the_way_is_where_it_is_said_to_be(self):
        lines = [line for block in fenced("docs/internals/house.md", "trace") for line in block.splitlines()]
        assert len(lines) > 40
        for line in lines:
            name, file = line.split()[:2]
            *owner, function = name.split(".")
            found = [path for folder in (CORE, FACE) for path in folder.rglob(file)]
            definition = rf"^\s*(?:def|cdef|INL)\b.*\b{function}\("
            sources = [path.read_text(encoding="utf-8") for path in found]
            assert any(re.search(definition, source, re.MULTILINE) for source in sources), line
            if owner:
                assert any(re.search(rf"class {owner[0]}\b", source) for source in sources), line

    def test_every_file_has_its_place(self):
        names = {path.stem for path in CORE.rglob("*") if path.suffix in (".pyx", ".pxd", ".h")}
        names |= {path.stem for path in FACE.iterdir() if path.suffix != ".typed"}
        text = PAGES["docs/internals/house.md"]
        unnamed = sorted(
            name for name in names if not name.startswith("_") and not re.search(rf"\b{name}\b", text)
        )
        assert not unnamed
