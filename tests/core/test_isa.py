"""Every instruction set that this processor runs: right, the same bits for any threads, alike to each other.

The instruction set is chosen once at import, so each has a process of its own (`isa_check.py`).
"""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import networks
import numpy as np
import pytest
from instruction_sets import NAMES, WITH_FMA, WITHOUT_FMA
from processes import run_with_isa

import cnn_core

CHECK = Path(__file__).resolve().parents[1] / "helpers" / "isa_check.py"
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
# These run the same operations in the same order on every element, with and without fused multiply-add: not a
# bit differs within a group.
SAME_BITS = (set(WITH_FMA), set(WITHOUT_FMA))


@pytest.fixture(scope="module")
def checks(tmp_path_factory):
    """{name: (report, arrays)} of every available instruction set."""
    folder, results = tmp_path_factory.mktemp("isa"), {}
    for name in cnn_core.available():
        path = folder / f"{name}.npz"
        done = run_with_isa(name, str(CHECK), str(path))
        assert done.returncode == 0, f"{name}: {done.stderr}"
        results[name] = json.loads(done.stdout), dict(np.load(path))
    return results


def test_the_choice_is_the_best_or_the_one_asked_for(isa):
    names = cnn_core.available()
    assert names
    assert set(names) <= set(NAMES)
    assert list(names) == [name for name in NAMES if name in names]  # best first
    assert isa == (os.environ.get("CNN_CORE_ISA") or names[0])


@pytest.mark.parametrize("name", NAMES)
def test_an_instruction_set_is_right(checks, name):
    if name not in checks:
        pytest.skip(f"{name} does not run on this processor, or is not in this build")
    report, _ = checks[name]
    assert report["isa"] == name
    for dtype, errors in report["errors"].items():
        assert set(errors) == {"forward", "loss", "gradient", "product", "activation", *networks.SMOOTH_HYPER}
        assert max(errors.values()) <= TOLERANCE[dtype], (dtype, errors)
        digests = report["digests"][dtype]
        assert digests["1"] == digests["2"], f"{dtype}: one and two threads differ"


def test_instruction_sets_agree(checks):
    """Bit by bit where the same fused operations run, else within the tolerance of ten training steps."""
    if len(checks) < 2:
        pytest.skip("only one instruction set runs here")
    for (first, (report, arrays)), (second, (other, others)) in itertools.combinations(checks.items(), 2):
        if any({first, second} <= group for group in SAME_BITS):
            assert report["digests"] == other["digests"], (first, second)
        assert arrays.keys() == others.keys()
        for key, array in arrays.items():
            difference = np.abs(array.astype(float) - others[key]).max() / max(np.abs(array).max(), 1e-300)
            assert difference <= TOLERANCE[key.split()[0]], (first, second, key)


def test_two_runs_give_the_same_bits(checks, tmp_path, isa):
    again = run_with_isa(isa, str(CHECK), str(tmp_path / "again.npz"))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["digests"] == checks[isa][0]["digests"]


@pytest.mark.parametrize("nonsense", ["nonsense", "x86_v9", "X86_V3"])
def test_an_unknown_instruction_set_is_refused_with_the_choices(nonsense):
    done = run_with_isa(nonsense, "-c", "import cnn_core")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith(("ImportError", "ValueError"))
    assert nonsense in message
    for name in cnn_core.available():
        assert name in message


@pytest.mark.parametrize("variable", ["CNN_CORE_ISA", "COMPILED_NN_ISA"])
def test_both_names_of_the_variable_are_read(variable):
    def chosen(**variables):
        child = {name: value for name, value in os.environ.items() if name != "CNN_CORE_ISA"}
        command = [sys.executable, "-c", "import cnn_core; print(cnn_core.isa)"]
        return subprocess.run(command, env=child | variables, capture_output=True, text=True)

    for name in cnn_core.available():
        assert chosen(**{variable: name}).stdout.strip() == name
    assert chosen(**{variable: "baseline"}).stdout.strip() == cnn_core.available()[-1]
    assert f"{variable} is 'sse9'" in chosen(**{variable: "sse9"}).stderr
    both = {"CNN_CORE_ISA": cnn_core.available()[0], "COMPILED_NN_ISA": "baseline"}
    assert chosen(**both).stdout.strip() == cnn_core.available()[0]


def test_an_empty_choice_is_no_choice():
    done = run_with_isa("", "-c", "import cnn_core; print(cnn_core.isa)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == cnn_core.available()[0]
