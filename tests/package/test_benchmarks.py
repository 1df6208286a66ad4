"""The programs in `benchmarks`: what they hand to the peers and what they report of them."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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


def test_records_begin_with_the_same_fields(benchmark, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["growth.py", "measure"])
    record = benchmark("machine").begin_record(fma={})
    assert list(record) == ["created", "command", "machine", "fma", "versions", "blas", "results"]
    assert record["command"] == ["growth.py", "measure"]
    assert record["machine"] == benchmark("machine").describe()
    for program in ("gemm.py", "growth.py", "run.py"):
        assert '"created"' not in (BENCHMARKS / program).read_text(encoding="utf-8")


def test_scores_of_precisions_on_tables(benchmark, monkeypatch, capsys):
    program = benchmark("precision_tables")
    monkeypatch.setattr(program, "TABLES", {"small": lambda: [a[:160] for a in program.made(2, True)]})
    monkeypatch.setattr(sys, "argv", ["precision_tables.py", "--seeds", "2"])
    program.main()
    perceptron, tabular = capsys.readouterr().out.split("\n", 2)[2].strip().splitlines()
    assert re.match(r"\| small \| MLPClassifier \| \d\d\.\d\d \| \S+ \(\S+ to \S+\) \| \S+ \(", perceptron)
    assert tabular.startswith("| small | TabularClassifier |")
    assert program.difference([[1.0, 2.0, 0.0], [1.0, 1.0, 0.5]], 1) == "+0.50 (+0.00 to +1.00)"


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


def test_every_workload_has_a_title_and_details(benchmark):
    shared = benchmark("workloads").WORKLOADS
    assert len({workload.title for workload in shared.values()}) == len(shared)
    assert (shared["T6"].title, shared["T6"].details) == (
        "train 784-100-10 with Adam",
        "60,000 images, batches of 200",
    )
    assert (shared["I3"].title, shared["I3"].details) == (
        "predict one row with 32-64-64-1",
        "1 table row per call",
    )
    assert shared["G2"].title == "train 12288-20-7-5-1 in 2,500 steps"
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    for name, workload in shared.items():
        assert f"| {name} | {workload.title} | {workload.details} |" in page


def record_of(times):
    """Record of a benchmark with one sample per peer: seconds by workload and peer."""
    results = [
        {"workload": name, "dtype": "float32", "threads": 1, "peer": peer, "limit": None, "peaks": [1.0]}
        | {"samples": [{"seconds": 0.9 * seconds}, {"seconds": seconds}, {"seconds": 9 * seconds}]}
        for name, peers in times.items()
        for peer, seconds in peers.items()
    ]
    return {"results": results}


TIMES = {
    "T6": {"numpy": 3.0, "torch": 4.0, "torch-fused": 2.5, "ours": 2.0, "ours-core": 1.0},
    "I3": {"onnxruntime": 30.0, "openvino": 25.0, "ours": 2.0},
}


def test_the_chart_has_the_words_of_its_workloads(benchmark):
    chart = benchmark("chart")
    record = record_of(TIMES)
    lines = chart.make_lines(record, ("T6", "I3"), 1)
    assert [line.times for line in lines] == [
        {"numpy": 1.5, "torch": 1.25},
        {"onnxruntime": 15.0, "openvino": 12.5},
    ]
    words = chart.in_words(lines, 1)
    assert "1.25 (PyTorch) to train 784-100-10 with Adam" in words
    assert "12 (OpenVINO) to predict one row with 32-64-64-1" in words
    drawn = chart.draw(lines, 1)
    assert words in drawn
    texts = ["".join(part.itertext()) for part in ElementTree.fromstring(drawn).iterfind("{*}text")]
    shown = ["Train 784-100-10 with Adam", "60,000 images, batches of 200", "PyTorch 1.25x", "NumPy", "1x"]
    assert set(shown) <= set(texts)
    assert "scikit-learn" not in texts
    assert not [text for text in texts if re.fullmatch(r"[TIG]\d.*", text)]
    assert chart.draw(chart.make_lines(json.loads(chart.medians(record)), ("T6", "I3"), 1), 1) == drawn
    with pytest.raises(ValueError, match="no results of T8 with 1 thread"):
        chart.make_lines(record, ("T8", "I3"), 1)


def luminance(colour):
    """Relative luminance of a colour, as WCAG 2 defines it."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1])
def test_the_chart_can_be_read_in_dark_mode_too(benchmark, scheme):
    chart = benchmark("chart")
    light, dark = chart.style().split("@media (prefers-color-scheme:dark){")
    rules = (light, dark)[scheme]
    back = luminance(chart.COLOURS["back"][scheme])
    for name, pair in chart.COLOURS.items():
        assert f".{name}{{color:{pair[scheme]}}}" in rules
        bright, other = sorted((back, luminance(pair[scheme])), reverse=True)
        contrast = (bright + 0.05) / (other + 0.05)
        least = {"back": 1, "edge": 1.2, "text": 7, "soft": 4.5}.get(name, 3)  # WCAG 2: text, and graphics
        assert contrast >= least, name


def of_documentation(*parts):
    """Return the text of a page or of its chart; packages of the sources have none."""
    file = BENCHMARKS.parent.joinpath(*parts)
    if not file.is_file():
        pytest.skip("docs are not here")
    return file.read_text(encoding="utf-8")


def test_chart_and_table_of_the_pages_are_those_of_the_record(benchmark):
    chart, picture = benchmark("chart"), of_documentation("docs", "benchmarks.svg")
    record = json.loads((BENCHMARKS / "results" / "chart.json").read_text(encoding="utf-8"))
    lines = chart.make_lines(record, chart.ROWS, 1)
    assert 6 <= len(lines) <= 8
    assert picture == chart.draw(lines, 1)
    assert f"![{chart.in_words(lines, 1)}](docs/benchmarks.svg)" in of_documentation("README.md")
    assert "\n".join(chart.ratios_table(lines)) in of_documentation("docs", "internals", "performance.md")


def test_growth_chart_and_tables_of_the_page_are_those_of_the_record(benchmark):
    growth, picture = benchmark("growth"), of_documentation("docs", "growth.svg")
    record = json.loads((BENCHMARKS / "results" / "growth.json").read_text(encoding="utf-8"))
    assert picture == growth.draw(record)
    page = of_documentation("docs", "internals", "performance.md")
    assert f"![{growth.in_words(record)}](../growth.svg)" in page
    assert "\n".join(growth.tables(record)).strip() in page


def test_the_growth_table_has_the_fastest_variant_of_each_library(benchmark):
    growth = benchmark("growth")
    flops = growth.find("depth-2").flops()
    seconds = {"torch": 4.0, "torch-fused": 3.0, "jax": 5.0, "ours": 2.0}
    record = {
        "fma": {"1": flops},
        "results": [
            {"series": "depth", "size": 2, "threads": 1, "peer": peer, "seconds": time}
            for peer, time in seconds.items()
        ],
    }
    assert growth.fastest(record, "depth", 1) == {"torch": {2: 3.0}, "jax": {2: 5.0}, "ours": {2: 2.0}}
    assert "| 2 | 2.00 s | 50% | 1.50 (PyTorch) |" in growth.tables(record)


def test_tables_of_the_report_have_the_words_of_the_workloads(benchmark):
    rows = benchmark("report").make_rows(record_of(TIMES))
    lines = benchmark("report").times_table(rows)
    assert [line.split(" | ")[0] for line in lines[2:4]] == [
        "| T6, train 784-100-10 with Adam",
        "| I3, predict one row with 32-64-64-1",
    ]


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
