"""Child processes of the tests."""

import os
import subprocess
import sys


def run_with_isa(name, *arguments):
    """Run Python in a child process in which the core uses the instruction set `name`."""
    child = {**os.environ, "CNN_CORE_ISA": name, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=child, capture_output=True, text=True, timeout=120
    )
