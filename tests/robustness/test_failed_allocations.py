"""Every allocation of an operation fails once: MemoryError or the right result, then the right result; no leak."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter

import allocations
import pytest


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The library of `failing_malloc.c`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this build of Python has only its own allocator, and no PYTHONMALLOC=malloc")
    if "LD_PRELOAD" in os.environ:
        pytest.skip("another library is preloaded, as for the sanitizers")
    path = tmp_path_factory.mktemp("malloc") / "failing_malloc.so"
    source = os.path.join(os.path.dirname(allocations.__file__), "failing_malloc.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"the library needs glibc: {result.stderr.strip().splitlines()[-1]}")
    return path


def scan(library, folder, kind, points, names):
    """Return what happened in a process in which allocations of these operations fail."""
    child = {**os.environ, "LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", allocations.__file__, kind, str(points), str(folder), *names]
    result = subprocess.run(command, env=child, capture_output=True, text=True)
    point = (folder / "point").read_text().strip()
    assert result.returncode == 0, f"{point}: status {result.returncode}\n{result.stderr[-3000:]}"
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("kind", allocations.LIBRARIES)
def test_every_allocation_fails_once(library, tmp_path, kind, effort, figures):
    has_scipy = importlib.util.find_spec("scipy") is not None
    names = [name for name in allocations.OPERATIONS if has_scipy or name != "sparse"]
    groups = [[name] for name in names] if effort.long else [names]
    results = [line for group in groups for line in scan(library, tmp_path, kind, effort.count(5, 0), group)]
    assert [result["operation"] for result in results] == names
    assert not {result["operation"]: result["bad"] for result in results if result["bad"]}
    totals = Counter()
    for result in results:
        totals.update({key: result[key] for key in ("points", *allocations.OUTCOMES)})
    assert totals["refuses"] > totals["points"] / 3
    figures(f"P6 failed allocations ({kind}), of {len(names)} operations", totals["points"])
    figures(f"P6 failed allocations ({kind}), MemoryError", totals["refuses"] + totals["refuses otherwise"])
    figures(f"P6 failed allocations ({kind}), right result", totals["answers"])
