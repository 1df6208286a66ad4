"""Public names: every path in the documentation can be imported, and the packages list what they have."""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import compiled_nn as cnn
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "house.md"]
FACES = (
    "",
    "callbacks",
    "datasets",
    "losses",
    "metrics",
    "network",
    "optimizers",
    "plotting",
    "preprocessing",
)
MODULES = (
    *("callbacks", "calibration", "conformal", "datasets", "diagram", "estimators", "functional", "losses"),
    *(
        "metrics",
        "optimizers",
        "plotting",
        "preprocessing",
        "rates",
        "report",
        "schedules",
        "streams",
        "tutorials",
    ),
)


def documented():
    """The dotted names below compiled_nn in the pages, and those that their code imports."""
    names = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        names |= set(re.findall(r"(?:compiled_nn|cnn)((?:\.[a-z_]\w*)+)", text, re.IGNORECASE))
        for module, imported in re.findall(r"from compiled_nn([\w.]*) import ([\w, ]+)", text):
            plain = (name.split(" as ")[0].strip() for name in imported.split(","))
            names |= {f"{module}.{name}" for name in plain if name}
    return sorted(name for name in names if not name.endswith((".py", ".svg", ".md")))


@pytest.mark.skipif(not PAGES, reason="this copy of the sources has no documentation")
def test_every_documented_path_can_be_imported():
    names = documented()
    assert len(names) > 30
    for library, chapter in (("torch", ".torch"), ("distributed", ".dask")):
        if importlib.util.find_spec(library) is None:
            names = [name for name in names if chapter not in name]
    for name in names:
        found = cnn
        for part in name.split(".")[1:]:
            try:
                found = getattr(found, part)
            except AttributeError:
                found = importlib.import_module(f"{found.__name__}.{part}")


def test_modules_are_attributes_of_a_fresh_import(environment):
    code = f"import compiled_nn as cnn\nfor name in {MODULES}: assert getattr(cnn, name).__doc__, name"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_lazy_face_is_listed_and_typed():
    assert set(MODULES) <= set(dir(cnn))
    tree = ast.parse(Path(cnn.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))  # what type checkers read
    names = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(MODULES) <= names
    with pytest.raises(AttributeError, match=r"Did you mean 'plotting'\?"):
        _ = cnn.ploting


@pytest.mark.parametrize("name", FACES)
def test_packages_have_what_they_list(name):
    package = importlib.import_module(f"compiled_nn.{name}".rstrip("."))
    assert len(set(package.__all__)) == len(package.__all__)
    for each in package.__all__:
        assert getattr(package, each) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="nonsense"):
        package.nonsense  # noqa: B018


def test_aliases_are_the_same_objects():
    from compiled_nn import calibration, conformal, datasets, diagram, streams
    from compiled_nn.display import diagram as drawn
    from compiled_nn.uncertainty import calibration as learned
    from compiled_nn.uncertainty import conformal as sets

    assert streams.ParquetBatches is datasets.ParquetBatches
    assert conformal.lac is sets.lac
    assert calibration.fit_temperature is learned.fit_temperature
    assert diagram.network_diagram is drawn.network_diagram


def test_every_public_method_has_a_docstring():
    """The docstring of an overridden method does not count: the site does not show it."""
    names = ("Network", "Ensemble", "MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor")
    missing = [
        f"{name}.{method}"
        for name in names
        for method, value in inspect.getmembers(getattr(cnn, name), inspect.isfunction)
        if not method.startswith("_") and not value.__doc__
    ]
    assert missing == []
