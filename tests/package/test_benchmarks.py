"""The programs in `benchmarks`: what they hand to the peers and what they report of them."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from compiled_nn.cli.support import workloads

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks are not here")
KERNELS = "import json; from protocol import openblas; print(json.dumps({'blas': openblas()}))"


@pytest.fixture
def benchmark(monkeypatch):
    """Import of a module of the folder, which is forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    # The programs are started in their folder and import its modules from there.
    monkeypatch.delenv("PYTHONSAFEPATH")
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def started(benchmark, *arguments):
    """First answer of a peer that is started with this interpreter."""
    process = benchmark("process")
    peer = process.Process(Path(sys.executable), list(arguments), 1, process.cpus_of(1, None))
    peer.close()
    return peer.hello


def test_a_peer_does_not_get_settings_of_openblas(benchmark, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    variables = started(benchmark, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    assert variables["OPENBLAS_NUM_THREADS"] == "1"
    assert [name for name in variables if name.startswith("OPENBLAS")] == ["OPENBLAS_NUM_THREADS"]


def test_a_peer_tells_the_kernels_that_openblas_chose(benchmark, monkeypatch):
    """Not those of the environment variable, which `openblas` does find where it is set."""
    pytest.importorskip("threadpoolctl")
    benchmark("numpy")
    if "OpenBLAS" not in benchmark("protocol").openblas():
        pytest.skip("NumPy is built without OpenBLAS")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    own = started(benchmark, "-c", f"import numpy; {KERNELS}")["blas"]
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    forced = subprocess.run(
        [sys.executable, "-c", f"import numpy; {KERNELS}"], cwd=BENCHMARKS, capture_output=True, text=True
    ).stdout
    if "Nehalem" in own or "Nehalem" not in forced:
        pytest.skip("OpenBLAS has no other kernels here")
    assert started(benchmark, "-m", "peers.numpy_tutorial", "--option", "")["blas"] == own


def test_a_peer_without_threadpoolctl_says_so(benchmark, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert benchmark("protocol").openblas() == "unknown"


def test_every_peer_names_its_blas(benchmark):
    peers = benchmark("peers")
    for peer in peers.PEERS.values():
        assert "\ndef blas() -> str:\n" in (BENCHMARKS / "peers" / f"{peer.module}.py").read_text()
    for name, packages in peers.ENVIRONMENTS.items():
        assert all("==" in each or each in ("setuptools", "--no-deps") for each in packages), name


def test_the_report_names_the_kernels(benchmark):
    record = {"blas": {"numpy": "OpenBLAS 0.3.30 Zen", "torch": "MKL 2024.2", "ours": "none"}}
    line = benchmark("report").blas_line(record)
    assert line == "BLAS: numpy OpenBLAS 0.3.30 Zen; torch MKL 2024.2; ours none."


def test_workloads_are_those_of_the_command(benchmark):
    shared = benchmark("workloads")
    assert not (BENCHMARKS / "workloads.py").is_symlink()
    assert [vars(workload) for workload in shared.WORKLOADS.values()] == [
        vars(workload) for workload in workloads.WORKLOADS.values()
    ]
    assert Path(shared.limit.__code__.co_filename).name == "workloads.py"


def test_the_table_of_conversions_has_the_largest_difference_of_each(benchmark, tmp_path):
    conversions = benchmark("conversions")
    lines = [
        ("onnx", "softmax", "float32", 2e-7),
        ("onnx", "softmax", "float32", 3e-7),
        ("onnx", "dates", "float64", 1e-12),
        ("JSON", "softmax", "float32", 1e-7),
    ]
    file = tmp_path / "differences.tsv"
    file.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines), encoding="utf-8")
    found = conversions.read(file)
    assert "| to ONNX | 2 | 1e-12 | 3e-07 |" in conversions.summary(found)
    assert conversions.exports(found, "float32")[2:] == ["| softmax | 3e-07 | - | 1e-07 | - | - | - |"]
    assert conversions.exports(found, "float64")[2:] == ["| dates | 1e-12 | - | - | - | - | - |"]
