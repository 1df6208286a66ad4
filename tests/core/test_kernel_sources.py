"""The sources of the kernels: each file declares what it uses of other files, though one module includes them all."""

import functools
import re
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "cnn_core"
KERNELS = CORE / "kernels"
INCLUDED = re.findall(r'^include "(\w+)\.pyx"', (KERNELS / "kernels.pyx").read_text(), re.MULTILINE)
DECLARATIONS = {
    f"cnn_core.{name}": CORE / f"{name}.pxd" for name in ("types", "activation_codes", "kernel_tables")
} | {f"cnn_core.kernels.{path.stem}": path for path in KERNELS.glob("*.pxd")}
FILES = [path for path in sorted(KERNELS.glob("*.p[yx][xd]")) if path.name not in ("kernels.pyx", "vec.pxd")]


@functools.cache
def code(path):
    """Return a source without docstrings, strings, comments and cimports."""
    text = re.sub(r'"""(?s:.*?)"""|\'[^\'\n]*\'|"[^"\n]*"', "", path.read_text())
    text = re.sub(r"[ \t]*(#.*)?$", "", text, flags=re.MULTILINE)
    return re.sub(r"^from [\w.]+ cimport (\([^)]*\)|.*)", "", text, flags=re.MULTILINE)


@functools.cache
def functions(path):
    """Return the names of the functions that a source defines or declares."""
    if path.name == "vec.pxd":
        return set(re.findall(r"\b(\w+)\(", code(path)))
    return set(re.findall(r"^cdef (?!struct|enum|extern)[^\n=]*?\b(\w+)\(", code(path), re.MULTILINE))


@functools.cache
def types_and_constants(path):
    """Return the names of the structs, enums and their members, and constants of a source."""
    text = code(path)
    names = set(re.findall(r"^cdef (?:struct|enum) (\w+)", text, re.MULTILINE))
    for members in re.findall(r"^cdef enum[^\n]*:\n((?:    [^\n]*\n|\n)+)", text, re.MULTILINE):
        names |= set(re.findall(r"\b([A-Z]\w+)\b", members))
    if path.name == "vec.pxd":
        names |= {"real", "vec", "ivec", "LANES", "GROUP", "DOTS", "ACCUMULATORS", "ROUNDING", "ZEROS"}
    return names


def used(path, other):
    """Return what a source uses of another one and does not define itself."""
    text = code(path)
    calls = {name for name in functions(other) if re.search(rf"(?<![.\w]){name}\(", text)}
    names = {name for name in types_and_constants(other) if re.search(rf"(?<![.\w]){name}\b", text)}
    return (calls | names) - functions(path) - types_and_constants(path)


def cimported(path):
    """Return module -> names of the cimports of a source."""
    found = re.findall(r"^from ([\w.]+) cimport (\([^)]*\)|.*)", path.read_text(), re.MULTILINE)
    return {module: set(re.findall(r"\w+", names)) for module, names in found}


def test_the_search_finds_names():
    assert {"share", "Run", "SGD", "ROW_GROUP", "is_frozen"} <= functions(CORE / "types.pxd") | (
        types_and_constants(CORE / "types.pxd")
    )
    assert {"v_load", "LANES"} <= used(KERNELS / "dense.pyx", KERNELS / "vec.pxd")
    assert len(FILES) > 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_file_uses_of_declarations_is_cimported(path):
    declared = cimported(path)
    for module, other in DECLARATIONS.items():
        if other != path:
            missing = used(path, other) - declared.get(module, set())
            assert not missing, f"from {module} cimport {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", INCLUDED)
def test_functions_of_other_included_files_are_named_and_come_earlier(name):
    path = KERNELS / f"{name}.pyx"
    comments = re.findall(r"^# from (\w+)\.pyx: (.*(?:\n#     .*)*)", path.read_text(), re.MULTILINE)
    stated = {file: set(re.findall(r"\w+", names)) for file, names in comments}
    needed = {other: used(path, KERNELS / f"{other}.pyx") for other in INCLUDED if other != name}
    assert stated == {other: names for other, names in needed.items() if names}
    assert set(stated) <= set(INCLUDED[: INCLUDED.index(name)])


def test_every_loop_is_included():
    assert sorted([*INCLUDED, "kernels"]) == sorted(path.stem for path in KERNELS.glob("*.pyx"))
