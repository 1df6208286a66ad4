"""Blocks of README and docs in other languages than Python: compiled, run, parsed, or compared with their source."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from page_reader import differences
from pages import ROOT, blocks, blocks_of

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")


def each(kind):
    return pytest.mark.parametrize("block", blocks_of(kind), ids=lambda block: block.name)


def output_of(block):
    """Lines that the page shows as the output of a block, or None if there are none."""
    following = blocks(block.page)[blocks(block.page).index(block) + 1 :]
    below = following[0] if following else None
    return below.text.splitlines() if below is not None and below.kind == "output" else None


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def compare(block, output):
    """Check that the page shows what a block has printed."""
    found = differences(output_of(block) or [], output)
    assert found is None, f"{found}\n-- all of the output:\n" + "\n".join(output)


# -- programs ---------------------------------------------------------------------------------------


@each("c")
def test_c_compiles_and_runs(block, readers):
    """A program is compiled with the C files that the blocks above it wrote."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    reader = readers(block.page)
    reader.read_until(block.line)
    program = block.text if "int main(" in block.text else as_program(block.text)
    (reader.folder / "main.c").write_text(program, "utf-8")
    headers = re.findall(r'#include "(\w+)\.h"', block.text)
    sources = [f"{header}.c" for header in headers]
    run([compiler, *WARNINGS, "-Wno-unused-variable", "main.c", *sources, "-lm", "-o", "main"], reader.folder)
    if "int main(" in block.text:
        compare(block, run([reader.folder / "main"], reader.folder))
    else:
        assert output_of(block) is None, "a block without `main` prints nothing"
    for source in sources:  # the command that the page shows for the self-test of such a file
        define = f"-D{source[:-2].upper()}_SELF_TEST"
        run([compiler, *WARNINGS, define, source, "-lm", "-o", "self_test"], reader.folder)
        run([reader.folder / "self_test"], reader.folder)


def as_program(text):
    """Return statements of C as a program; the directives of the preprocessor stay outside of `main`."""
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#")]
    body = [line for line in lines if not line.startswith("#")]
    return "\n".join([*head, "int main(void) {", *body, "return 0; }", ""])


@each("js")
def test_javascript_runs(block, readers):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    reader = readers(block.page)
    reader.read_until(block.line)
    for script in re.findall(r'require\("\./(\w+\.js)"\)', block.text):
        (path,) = (ROOT / "docs").rglob(script)
        shutil.copy(path, reader.folder)
    (reader.folder / "main.js").write_text(block.text, "utf-8")
    compare(block, run([node, "main.js"], reader.folder))


@each("cython")
def test_cython_compiles(block, tmp_path):
    pytest.importorskip("Cython")
    (tmp_path / "block.pyx").write_text(block.text, "utf-8")
    run([sys.executable, "-m", "cython", "-3", "-I", ROOT, "-Werror", "block.pyx"], tmp_path)


@each("beside")
def test_programs_side_by_side_are_python(block):
    lines = block.text.splitlines()
    column = re.search(r" {2,}(?=\S)", lines[0]).end()
    for side in ([line[:column] for line in lines], [line[column:] for line in lines]):
        assert side
        ast.parse("\n".join(line.rstrip() for line in side))


# -- data -------------------------------------------------------------------------------------------


@each("json")
def test_json_is_what_a_file_or_an_answer_contains(block):
    json.loads(block.text)


@each("csv")
def test_lines_are_those_of_a_file(block, readers):
    """Each line is one of a table that a block above it has written."""
    reader = readers(block.page)
    reader.read_until(block.line)
    tables = [path.read_text(encoding="utf-8-sig").splitlines() for path in reader.folder.rglob("*.csv")]
    shown = [line for line in block.text.splitlines() if line.strip() != "..."]
    assert any(set(shown) <= set(table) for table in tables)


@each("toml")
def test_toml_is_read(block):
    tomllib.loads(block.text)


@each("yaml")
def test_yaml_is_read(block):
    pytest.importorskip("yaml").safe_load(block.text)


# -- formulas and layouts ---------------------------------------------------------------------------


def sources():
    """The text of all sources of the packages."""
    files = [
        path
        for folder in (ROOT / "cnn_core", ROOT / "python")
        for path in folder.rglob("*")
        if path.suffix in (".py", ".pyx", ".pxd", ".h")
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@each("formula")
def test_names_in_formulas_exist(block):
    """Symbols with an index of one letter, such as w_j, are no names."""
    text = sources()
    names = re.findall(r"\b[a-z]+(?:_[a-z]+)*_[a-z]{2,}\b", block.text)
    assert not [name for name in names if name not in text]


@each("layout")
def test_names_in_layouts_exist(block):
    """Folders, files and names with an underscore are those of the sources."""
    files = {path.name for folder in ("python", "cnn_core") for path in (ROOT / folder).rglob("*")}
    named = re.findall(r"\b(\w+)/(?=\s)", block.text) + re.findall(r"\b\w+\.(?:pyx?|pxd|h)\b", block.text)
    names = re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", block.text)
    assert named or names
    text = sources()
    missing = [name for name in named if name not in files] + [name for name in names if name not in text]
    assert not missing
