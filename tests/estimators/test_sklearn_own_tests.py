"""scikit-learn's own tests of its perceptrons, run with our estimators in their place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.9")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating" / "scikit-learn.md"
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
# The fixture of scikit-learn's test suite.
FIXTURES = """
import pytest

@pytest.fixture
def global_random_seed():
    return 42
"""


def documented():
    """Return the names of the tests in the table of the page."""
    section = PAGE.read_text(encoding="utf-8").split("## scikit-learn's own tests")[1].split("\n## ")[0]
    return set(re.findall(r"`(test_\w+)`", section))


def test_what_fails_is_documented(tmp_path):
    source = Path(sklearn.__file__).parent / "neural_network" / "tests" / "test_mlp.py"
    if not source.exists():
        pytest.skip("scikit-learn is installed without its tests")
    text = source.read_text(encoding="utf-8")
    assert text.count(IMPORT) == 1
    swapped = text.replace(IMPORT, "from compiled_nn import MLPClassifier, MLPRegressor")
    (tmp_path / "test_mlp.py").write_text(swapped, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(FIXTURES, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "test_mlp.py",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = re.findall(r"^(PASSED|FAILED|ERROR) test_mlp\.py::(\w+)", run.stdout, re.MULTILINE)
    assert len([name for result, name in found if result == "PASSED"]) > 30
    failed = {name for result, name in found if result != "PASSED"}
    assert failed == documented()
