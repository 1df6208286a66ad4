"""Child processes of the tests."""

import os
import subprocess
import sys


def run_with_isa(name, *arguments):
    """Run a child process of Python in which the core takes this instruction set."""
    child = {**os.environ, "CNN_CORE_ISA": name, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=child, capture_output=True, text=True, timeout=120
    )
