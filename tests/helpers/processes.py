"""Child processes of the tests."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

MEMORY = 8 * 2**30  # bytes of address space of a child of `outcome`
OTHER_ERROR = 3
LONGEST = 900  # seconds of a child of `run_with_isa`: `isa_check.py` takes 4 minutes in emulation


def run_with_isa(name, *arguments):
    """Run Python in a child process in which the core uses the instruction set `name`."""
    child = {**os.environ, "CNN_CORE_ISA": name, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=child, capture_output=True, text=True, timeout=LONGEST
    )


def in_new_process(function, *arguments):
    """Return what a function of a module returns in a new process.

    Tests of memory need one. NumPy and glibc keep thousands of small blocks that were freed; after other tests, each of
    them can be alone in its page.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result(LONGEST)


def outcome(function, *arguments):
    """Run a function in a child of fork; return 0, the signal that ended it as a negative number, or OTHER_ERROR."""
    child = os.fork()
    if child == 0:
        code = OTHER_ERROR
        try:
            import resource  # imported here since Windows has neither it nor fork

            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(60)
            function(*arguments)
            code = 0
        except BaseException as error:  # the child must not return into pytest
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
