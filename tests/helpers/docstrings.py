"""Docstrings of the public names, and their examples."""

import ast
import importlib
import importlib.util
import inspect
from functools import cache
from pathlib import Path

import compiled_nn as cnn
import pytest
from public_api import faces, member_names

import cnn_core

PACKAGES = [Path(package.__file__).parent for package in (cnn, cnn_core)]
# Packages of one optional library, which are imported when their tests run.
CHAPTERS = {"compiled_nn.dask": "distributed", "compiled_nn.serving": "fastapi", "compiled_nn.torch": "torch"}


def listed(module):
    """The names in `__all__` of a module that is not imported."""
    source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return names


def core_names():
    """The public names of each module of `cnn_core`: those of its stub."""
    yield cnn_core, ["available", "available_low_precision", "isa", "low_precision"]
    for path in sorted(PACKAGES[1].glob("*.pyi")):
        names = [getattr(node, "name", "_") for node in ast.parse(path.read_text(encoding="utf-8")).body]
        yield importlib.import_module(f"cnn_core.{path.stem}"), [name for name in names if name[0] != "_"]


def documented(owner, value):
    """Yield an object, and if it is a class of ours its public members, with their names and docstrings."""
    yield owner, inspect.getdoc(value) or ""
    if not inspect.isclass(value) or issubclass(value, BaseException):
        return
    for name in member_names(value):
        member = inspect.getattr_static(value, name)
        if isinstance(member, (classmethod, staticmethod)):
            member = member.__func__
        is_value = not hasattr(type(member), "__get__") and not inspect.isbuiltin(member)
        if not is_value:  # a method or a property
            yield f"{owner}.{name}", inspect.getdoc(member) or ""


def has_docstring(value):
    """Whether it is a class, a function or a module, rather than a constant."""
    return callable(value) or inspect.ismodule(value)


@cache
def names():
    """Public names and their objects, with the module of each; those of chapters are None."""
    found = {}
    for module, public in [*faces(), *core_names()]:
        found |= {f"{module.__name__}.{name}": (module, getattr(module, name)) for name in public}
    for chapter in CHAPTERS:
        found |= {f"{chapter}.{name}": (chapter, None) for name in listed(chapter)}
    return found


@cache
def sources():
    """Lines of examples in the packages' sources: paths and texts."""
    found = []
    for path in sorted(path for package in PACKAGES for path in package.rglob("*.py*")):
        text = path.read_text(encoding="utf-8") if path.suffix in (".py", ".pyx", ".pyi") else ""
        if ">>> " in text and path.suffix == ".py":
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
            nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
            text = "\n".join(ast.get_docstring(node) or "" for node in nodes)
        root = next(package.parent for package in PACKAGES if path.is_relative_to(package))
        lines = [line.strip() for line in text.splitlines() if line.lstrip().startswith(">>> ")]
        found += [(path.relative_to(root).as_posix(), line) for line in lines]
    return found


def in_chapter(path):
    """Whether a source belongs to a package that is imported when its tests run."""
    return path.startswith(tuple(f"{chapter.replace('.', '/')}/" for chapter in CHAPTERS))


def named(name, value):
    """Yield the docstrings of a name and its members, of a module those of all that it defines."""
    yield from documented(name, value)
    if inspect.ismodule(value):
        for each, member in vars(value).items():
            if callable(member) and getattr(member, "__module__", None) == name:
                yield from documented(f"{name}.{each}", member)


@cache
def examples():
    """Docstrings with examples by the names of their objects, each once; those of chapters are None."""
    found, seen = {}, set()
    public = [(name, value) for name, (_, value) in names().items() if has_docstring(value)]
    others = sorted({path for path, _ in sources() if path.endswith(".py") and not in_chapter(path)})
    modules = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in others]
    for name, value in [*public, *((name, importlib.import_module(name)) for name in modules)]:
        for owner, text in named(name, value) if name in modules else documented(name, value):
            if ">>> " in text and text not in seen:
                seen.add(text)
                found[owner] = text
    return found | {name: None for name, (_, value) in names().items() if value is None}


def docstrings_of_chapter(name):
    """Names and docstrings of an object of a chapter; the test is skipped if its library is absent."""
    chapter = names()[name][0]
    pytest.importorskip(CHAPTERS[chapter])
    return dict(documented(name, getattr(importlib.import_module(chapter), name.rpartition(".")[2])))


def docstrings(name):
    """Docstrings by their owners, those that one test runs: of a name of `examples()`."""
    text = examples()[name]
    return docstrings_of_chapter(name) if text is None else {name: text}
