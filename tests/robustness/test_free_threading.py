"""CPython without a global interpreter lock: no module of the packages switches the lock on when it is imported."""

import json
import os
import subprocess
import sys
import sysconfig

import pytest

# Libraries that the packages may use are hidden: they may switch the lock on. Kernels are those of this processor.
IMPORT_ALL = """
import json, pkgutil, sys
from importlib import import_module

for library in ("sklearn", "scipy", "pandas", "polars", "pyarrow", "h5py", "PIL", "matplotlib", "torch", "rich",
                "onnx", "onnxruntime", "keras", "fastapi", "starlette", "pydantic", "uvicorn", "prometheus_client",
                "skops", "huggingface_hub"):
    sys.modules[library] = None
import cnn_core, compiled_nn
sets = {"cnn_core." + name for name in ("x86_v2", "x86_v3", "x86_v4", "portable")}
usable = {"cnn_core." + name for name in cnn_core.available()}
done, left_out = [], []
for package in (cnn_core, compiled_nn):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("__main__") or ".".join(module.name.split(".")[:2]) in sets - usable:
            continue
        try:
            import_module(module.name)
            done.append(module.name)
        except ImportError as error:
            # an error that says how to install a library comes from the one that names its module
            left_out.append((module.name, (error if error.name else error.__cause__).name))
enabled = sys._is_gil_enabled() if hasattr(sys, "_is_gil_enabled") else None
print(json.dumps([done, left_out, enabled]))
"""


@pytest.fixture(scope="module")
def imported():
    """Names of the modules that were imported, of those that were not with the missing library, and the lock."""
    child = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    command = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(command, env=child, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_modules_are_imported(imported):
    names, left_out, _ = imported
    assert {"cnn_core.threads", "cnn_core.stack", "compiled_nn.network.fit", "compiled_nn.cli.train"} <= set(
        names
    )
    assert any(name.endswith(".kernels_f32") for name in names)
    assert {library.split(".")[0] for _, library in left_out} <= {
        *("dask", "distributed", "matplotlib", "sklearn", "torch")
    }


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this build of Python always has the lock"
)
def test_no_module_switches_the_lock_on(imported):
    assert imported[2] is False
