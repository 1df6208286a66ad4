"""The rules of the house: imports go down only, face and core agree on names, importing stays cheap."""

import ast
import graphlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import compiled_nn as cnn
import pytest
from compiled_nn import losses, optimizers
from compiled_nn.spec import activations

import cnn_core.stack

PACKAGE = Path(cnn.__file__).parent
# Public paths of modules that are in chapters:
ALIASES = {"calibration", "conformal", "diagram", "optional", "streams"}
# Each chapter, or module at the top, with what it may import: lower chapters only, for type checkers too.
ALLOWED = {
    "_version": "",
    "common": "",
    "data": "common",
    "schedules": "common",
    "metrics": "common data",
    "losses": "common data metrics",
    "optimizers": "common data schedules",
    "preprocessing": "common data",
    "uncertainty": "common data metrics",
    "datasets": "common data",
    "spec": "common data losses optimizers preprocessing",
    "callbacks": "common metrics",
    "training": "callbacks common data datasets losses metrics optimizers preprocessing spec",
    "artefact": "common data losses metrics preprocessing spec training uncertainty",
    "files": "artefact common data preprocessing spec training uncertainty",
    "display": "common data spec",
    "exchange": "_version artefact common data files losses preprocessing spec training",
    "network": "_version artefact callbacks common data display exchange files losses metrics optimizers preprocessing"
    " schedules spec training uncertainty",
    "estimators": "_version artefact callbacks common data display exchange files losses metrics network"
    " optimizers preprocessing schedules spec training uncertainty",
    "tuning": "artefact callbacks common data estimators network preprocessing spec training",
    "distributed": "artefact common data network optimizers preprocessing spec training",
    "dask": "_version artefact callbacks common data datasets display distributed estimators losses metrics network"
    " spec tuning",
    "functional": "common data losses metrics network spec training",
    "plotting": "common data losses metrics network spec",
    "torch": "common data network spec training",
    "rates": "common data network plotting training",
    "report": "_version common data files metrics network plotting preprocessing",
    "serving": "_version artefact common data files losses network preprocessing uncertainty",
    "tutorials": "common data functional network optimizers plotting spec",
    "cli": "_version callbacks common data datasets estimators files losses metrics network optimizers plotting report"
    " schedules serving spec training",
    "examples": "callbacks cli plotting",
    "__main__": "cli",
}


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(module, typing=True):
    """Return the absolute names that a module imports anywhere; `typing`: also what only a type checker reads."""
    path, names = FILES[module], set()
    package = ["compiled_nn", *filter(None, module.split("."))]
    package = package if path.name == "__init__.py" else package[:-1]
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing:
            pending.extend(node.orelse)
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def own_imports(module):
    """Return the modules of the package that a module imports; a package only where no module of it is named."""
    found = {name.removeprefix("compiled_nn.") for name in imports(module) if name.startswith("compiled_nn.")}
    found = {name for name in found if name in FILES and name != module}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def chapter(module):
    return module.partition(".")[0]


def run(code, environment):
    """Run `code` in a fresh interpreter and return what it prints as JSON."""
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_the_walk_sees_imports():
    assert {"cnn_core.stack", "compiled_nn.spec.configuration"} <= imports("training.stacks")
    assert {"training.trainer", "artefact.predictor"} <= own_imports("network.model")
    assert "network.diagnosis.findings" in own_imports("network.inspection"), (
        "imports for type checkers count"
    )


def test_every_chapter_has_its_place():
    chapters = {chapter(module) for module in FILES} - {""} - ALIASES
    assert chapters == ALLOWED.keys()
    assert len(chapters) <= 32


@pytest.mark.parametrize("name", ALLOWED)
def test_chapters_import_what_lies_below(name):
    order, allowed = list(ALLOWED), set(ALLOWED[name].split())
    assert all(order.index(lower) < order.index(name) for lower in allowed)
    modules = [module for module in FILES if chapter(module) == name]
    found = {chapter(other): (module, other) for module in modules for other in own_imports(module)}
    assert not {other: where for other, where in found.items() if other not in allowed | {name}}
    assert allowed <= found.keys(), "an arrow of the table that no import needs"


def test_imports_have_no_circle():
    graph = {module: own_imports(module) for module in FILES if module}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_aliases_only_import():
    for name in ALIASES:
        _, *rest = ast.parse(FILES[name].read_text(encoding="utf-8")).body
        assert {type(node) for node in rest} == {ast.ImportFrom}, name


@pytest.mark.parametrize(
    ("core", "users"),
    [
        ("stack", {"training.stacks"}),
        ("gram", {"training.gram"}),
        ("layers", {"artefact.folding", "network.diagnosis.layers"}),
        ("functions", {"functional", "common.arithmetic"}),
        ("threads", {"common.threads", "cli"}),
    ],
)
def test_who_opens_the_core(core, users):
    opened = {f"cnn_core.{core}"}
    opens = {module for module in FILES if opened & imports(module, typing=False)}
    assert {module if module in users else chapter(module) for module in opens} == users


# What may go to a BLAS, or sums in an order that NumPy chooses by the layout.
BLAS = {
    "dot",
    "vdot",
    "inner",
    "matmul",
    "tensordot",
    "einsum",
    "linalg",
    "convolve",
    "correlate",
    "cov",
    "corrcoef",
}
NO_BLAS = {
    ("data/arrays.py", "vdot"): "a quick test that all is finite; where it fails, each number is checked",
}


def uses_of_blas(source):
    """Return the names of `np` that a source uses and that may go to a BLAS, and "@"."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
            found.add("@")
        elif isinstance(node, ast.Attribute) and node.attr in BLAS:
            called_on = ast.unparse(node.value)
            if (node.attr == "dot" and called_on != "arithmetic") or called_on in ("np", "numpy"):
                found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numpy"):
            found |= BLAS & {node.module.rpartition(".")[2], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.keyword) and node.arg == "optimize":
            found.add("optimize")
    return found


@pytest.mark.parametrize(
    "source",
    [
        *(
            "a @ b",
            "a @= b",
            "np.dot(a, b)",
            "a.dot(b)",
            "np.linalg.norm(a)",
            "from numpy.linalg import norm",
        ),
        *("from numpy import einsum", "f(a, b, optimize=True)", "numpy.convolve(a, b)"),
    ],
)
def test_the_walk_sees_a_blas(source):
    assert uses_of_blas(source)


def test_no_module_calls_the_blas():
    """Its bits depend on the processor; `arithmetic.py` has what takes its place."""
    uses = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        if file.parts[0] not in ("plotting", "examples") and file.name != "arithmetic.py":
            uses |= {(file.as_posix(), name): path for name in uses_of_blas(path.read_text())}
    assert set(uses) == set(NO_BLAS)
    assert not uses_of_blas((PACKAGE / "common" / "arithmetic.py").read_text()) - {"dot"}  # that of the core


def imports_at_import(module):
    """Return the relative imports that run while a module is imported: not those of functions or of type checkers."""
    pending: list[ast.AST] = [ast.parse(FILES[module].read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node


def test_no_chapter_imports_its_own_modules_while_it_is_imported():
    """Else two threads, of which one imports the chapter and one a module of it, wait for each other."""
    entrances = {"", "cli", "torch"}  # they are always imported before their modules
    chapters = {name for name, path in FILES.items() if path.name == "__init__.py"} - entrances
    own = {
        name: [ast.unparse(node) for node in imports_at_import(name) if node.level == 1] for name in chapters
    }
    assert len(own) > 25
    assert not {name: found for name, found in own.items() if found}


def test_nothing_imports_the_package_itself():
    names = {"compiled_nn.__version__", "compiled_nn.Network"}
    assert not [module for module in FILES if module and names & imports(module)]


def test_the_core_does_not_know_the_face():
    core = Path(cnn_core.__file__).parent
    sources = [path for suffix in ("py", "pyx", "pxd") for path in core.rglob(f"*.{suffix}")]
    assert len(sources) > 5
    assert not [path.name for path in sources if "import compiled_nn" in path.read_text()]


def test_names_are_those_of_the_core():
    assert activations.ACTIVATIONS == cnn_core.stack.ACTIVATIONS
    cores = [loss.core for loss in losses.LOSSES.values()]
    assert {core if isinstance(core, str) else core[0] for core in cores} == set(cnn_core.stack.LOSSES)
    known = [
        *map(optimizers.resolve, optimizers.OPTIMIZERS),
        cnn.SGD(momentum=0.9),
        cnn.SGD(momentum=0.9, nesterov=True),
        cnn.Adam(amsgrad=True),
        cnn.RMSprop(centered=True),
    ]
    assert {optimizer.hyperparameters()[0] for optimizer in known} == set(cnn_core.stack.OPTIMIZERS)


def test_importing_loads_numpy_and_the_core_only(environment):
    code = """
import json, sys, numpy
before = set(sys.modules)
import compiled_nn
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    loaded = run(code, environment)
    assert "compiled_nn.network.network" in loaded
    packages = {name.split(".")[0] for name in loaded}
    allowed = {"compiled_nn", "cnn_core", "cython_runtime", *sys.stdlib_module_names}
    assert not [name for name in packages - allowed if not name.startswith("_cython")]
    lazy = {
        *(
            "datasets",
            "functional",
            "metrics",
            "rates",
            "schedules",
            "streams",
            "files.checkpoint_file",
            "tutorials",
        ),
        *("callbacks", "training.loop", "training.plan", "training.validation", "training.averaging"),
        *("optimizers.base", "optimizers.classes", "losses.base", "display.notebook", "network.diagnosis"),
        *("common.hints", "common.counterparts"),
    }
    lazy = {f"compiled_nn.{name}" for name in lazy} | {"cnn_core.functions"}
    assert not (lazy | {"json", "difflib", "tempfile", "pathlib"}) & set(loaded)


def test_predicting_loads_nothing_more(environment, tmp_path):
    """Loading a file needs json; no random numbers or masked arrays: they cost 40 ms."""
    net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [0, 1], epochs=1)
    net.save(tmp_path / "net.safetensors")
    code = f"""
import json, sys, compiled_nn
labels = compiled_nn.load({str(tmp_path / "net.safetensors")!r}).predict([[0.0], [1.0]]).tolist()
print(json.dumps([labels, sorted(sys.modules)]))
"""
    labels, loaded = run(code, environment)
    assert labels == net.predict([[0.0], [1.0]]).tolist()
    assert not {"safetensors", "numpy.random", "numpy.ma", "compiled_nn.datasets"} & set(loaded)


def test_importing_costs_little(environment, tmp_path):
    """A small part of NumPy's own, in processor time of the same process, with bytecode as installed: the first run
    writes it."""
    code = """
import json, time
start = time.process_time()
import numpy
middle = time.process_time()
import compiled_nn
print(json.dumps((time.process_time() - middle) / (middle - start)))
"""
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    assert min(run(code, environment) for _ in range(6)) < 0.4


def test_public_names():
    for name in cnn.__all__:
        assert getattr(cnn, name) is not None
    assert dir(cnn) == sorted(cnn.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        cnn.nonsense  # noqa: B018


def test_version():
    assert cnn.__version__ == importlib.metadata.version("compiled-nn")
