"""The same bits whatever a BLAS would do, and whatever loops NumPy chooses for the processor."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CHECK = Path(__file__).resolve().parents[1] / "helpers" / "bits_check.py"
X86 = platform.machine() in ("x86_64", "AMD64")
# Each processor of OpenBLAS that one with AVX2 can run, and NumPy without its loops for AVX2 and AVX-512.
PROCESSORS = ("Nehalem", "Sandybridge", "Haswell", "SkylakeX")


def features():
    """Return what NumPy found in this processor beyond its baseline."""
    return np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])


def digests(**variables):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **variables}
    done = subprocess.run([sys.executable, str(CHECK)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here():
    return digests()


def wide(feature):
    return any(word in feature for word in ("X86_V4", "AVX512"))


@pytest.mark.skipif(not X86, reason="the processors are those of x86")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_another_blas_gives_the_same_bits(here, processor):
    if processor == "SkylakeX" and not any(map(wide, features())):
        pytest.skip("this processor has no AVX-512")
    assert digests(OPENBLAS_CORETYPE=processor) == here


@pytest.mark.skipif(not X86 or not features(), reason="NumPy has no loops to leave out")
@pytest.mark.parametrize("kept", ["narrow", "baseline"])
def test_other_loops_of_numpy_give_the_same_bits(here, kept):
    left_out = [feature for feature in features() if kept == "baseline" or wide(feature)]
    if not left_out:
        pytest.skip("NumPy found no AVX-512")
    other = digests(NPY_DISABLE_CPU_FEATURES=" ".join(left_out))
    logarithms = {"log_loss"}  # a metric that takes one may differ in its last digits
    assert {name for name in here if here[name] != other[name]} <= logarithms
