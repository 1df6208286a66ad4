"""The rules of the house: imports go down only, face and core agree on names, importing stays cheap."""

import ast
import graphlib
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import compiled_nn as cnn
import compiled_nn.layers
import compiled_nn.losses
import pytest

import cnn_core.stack

PACKAGE = Path(cnn.__file__).parent
MODULES = sorted([*(path.stem for path in PACKAGE.glob("*.py")), "losses"])  # one is a folder


def imports(module):
    """Return the absolute names that a module imports when it runs, not what only a type checker reads."""
    names = set()
    files = [*PACKAGE.glob(f"{module}.py"), *PACKAGE.glob(f"{module}/*.py")]
    pending = [ast.parse(path.read_text()) for path in files]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["compiled_nn" if node.level else "", node.module]))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        pending.extend(ast.iter_child_nodes(node))
    return names


def own_imports(module):
    """Return the modules of the package that a module imports."""
    return {other for other in MODULES if f"compiled_nn.{other}" in imports(module)}


def run(code, environment):
    """Run `code` in a fresh interpreter and return what it prints as JSON."""
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_the_walk_sees_imports():
    assert {"os", "cnn_core.stack", "compiled_nn.persistence"} <= imports("model")
    assert {"calibrated", "training", "targets"} <= own_imports("learning")


def test_imports_have_no_cycle():
    graph = {module: own_imports(module) for module in MODULES if module != "__init__"}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_only_the_model_opens_the_stack():
    users = {
        module for module in MODULES if any(name.startswith("cnn_core.stack") for name in imports(module))
    }
    assert users == {"model"}


def test_only_the_functional_folder_and_arithmetic_open_the_functions():
    opens = re.compile(r"^\s*from cnn_core(\.functions import| import .*functions)", re.MULTILINE)
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if opens.search(path.read_text())]
    assert {file.parts[0] for file in files} == {"functional", "arithmetic.py"}


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
    (
        "arrays.py",
        "vdot",
    ): "a quick way to say that all is finite; where it does not, the numbers are looked at",
    ("standardization.py", "einsum"): "without optimize it calls no BLAS; its blocks are C-contiguous",
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
        if file.parts[0] not in ("plotting", "examples", "arithmetic.py"):
            uses |= {(str(file), name): path for name in uses_of_blas(path.read_text())}
    assert set(uses) == set(NO_BLAS)
    assert not uses_of_blas((PACKAGE / "arithmetic.py").read_text()) - {"dot"}  # that of the core


@pytest.mark.parametrize(
    "low", ["arrays", "checks", "errors", "initializers", "layers", "losses", "optimizers"]
)
def test_foundations_do_not_look_up(low):
    reached, pending = set(), {low}
    while pending:
        reached |= pending
        pending = set().union(*map(own_imports, pending)) - reached
    assert not reached & {
        "network",
        "learning",
        "model",
        "training",
        "persistence",
        "targets",
        "configuration",
        "__init__",
    }


def test_nothing_imports_the_package_itself():
    assert not [m for m in MODULES if {"compiled_nn.__version__", "compiled_nn.Network"} & imports(m)]


def test_the_core_does_not_know_the_face():
    core = Path(cnn_core.__file__).parent
    sources = [path for suffix in ("py", "pyx", "pxd") for path in core.rglob(f"*.{suffix}")]
    assert len(sources) > 5
    assert not [path.name for path in sources if "import compiled_nn" in path.read_text()]


def test_names_are_those_of_the_core():
    assert compiled_nn.activations.ACTIVATIONS == cnn_core.stack.ACTIVATIONS
    cores = [loss.core for loss in compiled_nn.losses.LOSSES.values()]
    assert {core if isinstance(core, str) else core[0] for core in cores} == set(cnn_core.stack.LOSSES)
    optimizers = [
        *map(compiled_nn.optimizers.resolve, compiled_nn.optimizers.OPTIMIZERS),
        cnn.SGD(momentum=0.9),
        cnn.SGD(momentum=0.9, nesterov=True),
        cnn.Adam(amsgrad=True),
        cnn.RMSprop(centered=True),
    ]
    assert {optimizer.hyperparameters()[0] for optimizer in optimizers} == set(cnn_core.stack.OPTIMIZERS)


def test_importing_loads_numpy_and_the_core_only(environment):
    code = """
import json, sys, numpy
before = set(sys.modules)
import compiled_nn
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    loaded = run(code, environment)
    assert "compiled_nn.network" in loaded
    packages = {name.split(".")[0] for name in loaded}
    allowed = {"compiled_nn", "cnn_core", "cython_runtime", *sys.stdlib_module_names}
    assert not [name for name in packages - allowed if not name.startswith("_cython")]
    lazy = {
        *("datasets", "functional", "metrics", "rates", "schedules", "streams", "checkpoints", "tutorials"),
        *("callbacks", "fitting", "validation", "averaging", "descent", "losses.base"),
    }
    lazy = {f"compiled_nn.{name}" for name in lazy} | {"cnn_core.functions"}
    assert not (lazy | {"json", "difflib", "tempfile", "pathlib"}) & set(loaded)


def test_predicting_loads_nothing_more(environment, tmp_path):
    """Loading a file needs safetensors and json; no random numbers or masked arrays: they cost 40 ms."""
    net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [0, 1], epochs=1)
    net.save(tmp_path / "net.safetensors")
    code = f"""
import json, sys, compiled_nn
labels = compiled_nn.load({str(tmp_path / "net.safetensors")!r}).predict([[0.0], [1.0]]).tolist()
print(json.dumps([labels, sorted(sys.modules)]))
"""
    labels, loaded = run(code, environment)
    assert labels == net.predict([[0.0], [1.0]]).tolist()
    assert "safetensors" in loaded
    assert not {"numpy.random", "numpy.ma", "compiled_nn.datasets"} & set(loaded)


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
