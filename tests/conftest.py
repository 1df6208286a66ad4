"""Fixtures shared by every test; the modules in helpers/ are imported by their own names."""

import dataclasses
import functools
import gc
import json
import os
import re
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
# Processes that tests start with multiprocessing find functions of a test by its name, tests.<folder>.<module>. The
# installed packages come first.
sys.path.append(str(TESTS.parent))
# The same for child processes, which must not take the source folder they start in for the installed package.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HELPERS, os.environ.get("PYTHONPATH")]))

# A job in the background of a shell inherits a SIGINT that is ignored, with which the tests of Ctrl-C would not end.
if signal.getsignal(signal.SIGINT) != signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run, no time limit for an example, nothing written beside the tests. The profile "long"
# (`pytest --long`) draws other ones on every run.
settings.register_profile("suite", deadline=None, derandomize=True, database=None, print_blob=False)
settings.register_profile("long", deadline=None, max_examples=20_000, database=None, print_blob=True)
settings.load_profile("suite")


# Half of the time of the suite: `pytest` without arguments leaves out these folders and files, `pytest --all` does not.
THOROUGH = (
    *("cli/test_interrupted_commands.py", "core/test_isa.py", "dask", "datasets/test_limits.py"),
    *("docs/test_commands.py", "docs/test_examples.py", "docs/test_gallery.py", "docs/test_notebooks.py"),
    *("exchange/test_quantised_exports.py", "exchange/test_sklearn.py", "report", "robustness"),
    *("serving/test_browser.py", "serving/test_http.py", "training/test_limits_of_time.py"),
    "tutorials/test_figures.py",
)


def pytest_addoption(parser):
    parser.addoption(
        "--all", action="store_true", help="run the tests that pytest without arguments leaves out, too"
    )
    group = parser.getgroup("robustness")
    group.addoption("--long", action="store_true", help="run the long form of the tests: minutes to hours")
    group.addoption(
        "--figures", metavar="FILE", help="append what the tests measure to FILE, as lines of JSON"
    )
    group.addoption(
        "--differences", metavar="FILE", help="append the largest difference of each conversion to FILE"
    )


def pytest_configure(config):
    if config.getoption("long"):
        settings.load_profile("long")


@functools.cache  # asked for each test, of which a file has up to a thousand
def is_thorough(path):
    """Whether a file of tests is left out by `pytest` without arguments."""
    return any(path.is_relative_to(TESTS / name) for name in THOROUGH)


def pytest_collection_modifyitems(config, items):
    options = ("all", "long", "keyword", "markexpr", "lf", "failedfirst", "stepwise")
    chosen = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or any(
        config.getoption(name, default=False) for name in options
    )
    if not chosen:
        left_out = [item for item in items if is_thorough(item.path)]
        items[:] = [item for item in items if not is_thorough(item.path)]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish():
    """Exclude the tests themselves, a million objects, from garbage collections: each would take half a second."""
    gc.collect()
    gc.freeze()


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


@dataclasses.dataclass(frozen=True)
class Effort:
    """Form of the tests in tests/robustness: seconds, or with the option `--long` as long as it takes."""

    long: bool

    def count(self, short, long):
        """Return the number of repetitions for this form."""
        return long if self.long else short


@pytest.fixture(scope="session")
def effort(request):
    return Effort(request.config.getoption("long"))


@pytest.fixture
def figures(request):
    """Function (name, value): a measured figure for the file of the option `--figures`, if it is given.

    A name begins with its promise in docs/internals/reliability.md: "P8 growth per refused call, bytes". The value is a
    number or text.
    """
    path = request.config.getoption("figures")

    def write(name, value):
        if not re.fullmatch(r"P\d+ .+", name):
            raise ValueError(f"a figure is named 'P<number> <what>', not {name!r}")
        line = {
            "name": name,
            "value": value,
            "test": request.node.nodeid,
            "long": request.config.getoption("long"),
        }
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, default=lambda number: number.item()) + "\n")

    return write


@pytest.fixture
def differences(request):
    """Function (conversion, kind, dtype, difference) that writes a line for the file of `--differences`, if given."""
    path = request.config.getoption("differences")

    def write(conversion, kind, dtype, difference):
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"{conversion}\t{kind}\t{dtype}\t{difference:.2g}\n")

    return write
