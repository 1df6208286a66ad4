"""Fixtures shared by every test; the modules in helpers/ are imported by their own names."""

import os
import signal
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

TESTS = Path(__file__).resolve().parent
HELPERS = str(TESTS / "helpers")
sys.path.insert(0, HELPERS)
# The same for child processes, which must not take the source folder they start in for the installed package.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HELPERS, os.environ.get("PYTHONPATH")]))

# A job in the background of a shell inherits a SIGINT that is ignored, with which the tests of Ctrl-C would not end.
if signal.getsignal(signal.SIGINT) != signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run, no time limit for an example, nothing written beside the tests. The profile "long"
# (`pytest --hypothesis-profile=long`) draws other ones on every run.
settings.register_profile("suite", deadline=None, derandomize=True, database=None, print_blob=False)
settings.register_profile("long", deadline=None, max_examples=20_000, database=None, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 2])
def n_threads(request):
    return request.param


@pytest.fixture
def rng(request):
    """A generator of its own for each test and each of its parameters."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def isa():
    """The instruction set this run tests; CI runs the suite once for each, under CNN_CORE_ISA."""
    import cnn_core

    return cnn_core.isa


@pytest.fixture
def environment():
    """The environment for a child process: this one, without what the core reads."""
    return {k: v for k, v in os.environ.items() if k not in ("COMPILED_NN_NUM_THREADS", "OMP_NUM_THREADS")}
