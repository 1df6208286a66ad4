"""The installed package: what other tools find in it, and what importing it does to a process."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest

import cnn_core
from cnn_core.stack import Stack

CORE = Path(cnn_core.__file__).parent
FACE = Path(cnn.__file__).parent
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
HEADERS = Path(sysconfig.get_path("include"), "Python.h")
COMPILER = shutil.which((sysconfig.get_config_var("CC") or "cl").split()[0])

THIRD_PARTY = """
# cython: language_level=3
cimport numpy as cnp
from cnn_core.layers cimport Layers
cnp.import_array()

def forward(Layers layers, cnp.ndarray X, cnp.ndarray out):
    cdef const void *x = cnp.PyArray_DATA(X)
    cdef void *y = cnp.PyArray_DATA(out)
    cdef Py_ssize_t m = cnp.PyArray_DIM(X, 0)
    cdef int failed
    with nogil:
        failed = layers.forward_rows(x, m, y)
    if failed:
        raise MemoryError
"""

SETUP = """
import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

extension = Extension("third_party", ["third_party.pyx"], include_dirs=[numpy.get_include()])
setup(ext_modules=cythonize([extension]))
"""


def run(code, environment, folder):
    """Run `code` in a fresh interpreter, away from any source folder, and return what it prints as JSON."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_declarations_are_installed():
    names = {path.name for path in CORE.iterdir()}
    assert names >= {
        "__init__.pxd",
        "layers.pxd",
        "stack.pxd",
        "kernel_tables.pxd",
        "types.pxd",
        "threads.pxd",
    }


def test_modules_have_stubs():
    modules = {path.name.split(".")[0] for path in CORE.glob(f"*{SUFFIX}")}
    assert modules >= {"cpu", "layers", "stack", "threads"}
    assert modules <= {path.stem for path in CORE.glob("*.pyi")}


@pytest.mark.parametrize("package", [CORE, FACE], ids=lambda path: path.name)
def test_packages_are_marked_as_typed(package):
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("name", ["page.css", "page.js"])
def test_the_page_of_the_service_is_installed(name):
    assert (FACE / "serving" / name).is_file()


@pytest.fixture(scope="module")
def third_party(tmp_path_factory):
    """A folder with a module built against the installed declarations; an environment to import both."""
    pytest.importorskip("Cython")
    folder = tmp_path_factory.mktemp("third_party")
    (folder / "third_party.pyx").write_text(THIRD_PARTY)
    (folder / "setup.py").write_text(SETUP)
    child = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(CORE.parent)]),
        "CFLAGS": "-O0 -g0",
    }
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, env=child, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, child


@pytest.mark.skipif(COMPILER is None or not HEADERS.is_file(), reason="needs a C compiler and Python.h")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cython_code_of_others_calls_the_core(third_party, dtype):
    folder, child = third_party
    code = f"""
import json, numpy as np, third_party
from cnn_core.stack import Stack

stack = Stack((7, 33, 5), ("tanh", "softmax"), dtype={dtype!r})
rng = np.random.default_rng(0)
stack.parameters[:] = 0
for weights, bias in stack.views():
    weights[:], bias[:] = rng.normal(size=weights.shape), rng.normal(size=bias.shape)
X = rng.normal(size=(130, 7)).astype({dtype!r})
out = np.empty((130, 5), {dtype!r})
third_party.forward(stack, X, out)
print(json.dumps([bool((out == stack.forward(X)).all()), bool(np.ptp(out) > 0.1)]))
"""
    assert run(code, child, folder) == [True, True]


@pytest.mark.parametrize("name", cnn_core.available())
def test_only_the_chosen_kernels_are_imported(name, environment, tmp_path):
    """Importing a module that is compiled for more than the processor has can kill the process."""
    environment["CNN_CORE_ISA"] = name
    code = """
import json, sys, compiled_nn, cnn_core.stack
print(json.dumps([cnn_core.isa, [m for m in sys.modules if m.startswith("cnn_core.")]]))
"""
    isa, modules = run(code, environment, tmp_path)
    folders = {module.split(".")[1] for module in modules if module.count(".") == 2}
    assert (isa, folders) == (name, {name})


def test_importing_leaves_subnormal_numbers_alone(environment, tmp_path):
    """A library linked with -ffast-math makes them zero in the whole process."""
    code = """
import json, numpy as np
import compiled_nn, cnn_core.stack
smallest = np.array([np.finfo(np.float32).tiny]), np.array([np.finfo(np.float64).tiny])
print(json.dumps([bool((x / 4 > 0).all()) for x in smallest] + [2.0**-1074 * 1.0 > 0]))
"""
    assert run(code, environment, tmp_path) == [True, True, True]


def test_computing_leaves_subnormal_numbers_alone():
    stack = Stack((3, 4, 2), ("relu", "softmax"))
    stack.forward(np.ones((5, 3), np.float32))
    assert np.array([np.finfo(np.float32).tiny])[0] / np.float32(4) > 0


def test_no_openmp_runtime_is_linked():
    """Its pool hangs in the child of a fork, and would come into every wheel."""
    modules = list(CORE.rglob(f"*{SUFFIX}"))
    assert len(modules) >= 9
    for module in modules:
        linked = module.read_bytes().lower()
        assert not [name for name in (b"libgomp", b"libomp", b"libiomp", b"vcomp") if name in linked], module
