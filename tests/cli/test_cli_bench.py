"""``compiled-nn bench``: the machine's bounds, and workloads against them."""

import json
from functools import partial

import compiled_nn as cnn
import pytest
from command_line import outcome
from compiled_nn.cli.support import benchmark
from compiled_nn.cli.support.workloads import WORKLOADS, bandwidth, limit

import cnn_core
import cnn_core.bench


@pytest.fixture
def run(capsys):
    return partial(outcome, capsys, "bench")


def test_json(run):
    code, out, err = run("--only", "I2,T5", "--seconds", "0.05", "--threads", "1", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    result = json.loads(out)
    assert (result["version"], result["isa"], result["threads"]) == (cnn.__version__, cnn_core.isa, 1)
    prediction, training = result["workloads"]
    assert (prediction["name"], training["name"]) == ("I2", "T5")
    assert 0 < prediction["seconds"] <= prediction["p99"] < 0.01
    assert prediction["flops"] == pytest.approx(2 * (784 * 128 + 128 * 10) / prediction["seconds"])
    assert training["p99"] is training["of_limit"] is None  # four rows: no bound means anything
    assert training["calls"] >= 3


def test_table(run):
    code, out, err = run("--only", "I3,I5", "--seconds", "0.02", "--threads", "2")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == f"compiled-nn {cnn.__version__}, {cnn_core.isa}, 2 threads"
    rows = [line.split()[0] for line in lines if line.startswith("I")]
    assert rows in (["I3", "I5"], ["I3", "I5"] * 2)  # twice where the limit was measured again
    assert max(map(len, lines)) <= 80
    assert "\033" not in out


class Hardware:
    """Speeds that a test decides: what `peak` finds on each call, the last for ever, and seconds of a workload."""

    def __init__(self, monkeypatch, peaks, seconds):
        self.peaks = list(peaks)
        monkeypatch.setattr(benchmark, "peak", self.peak)
        monkeypatch.setattr(benchmark, "bandwidth", lambda size, seconds, n_threads: 1e15)
        monkeypatch.setattr(
            benchmark,
            "_measure",
            lambda workload, threads, _: {
                "name": workload.name,
                "what": benchmark._what(workload),
                "calls": 3,
                "seconds": seconds,
                "p99": None,
                "flops": workload.flops() / seconds,
            },
        )

    def peak(self, dtype, seconds, n_threads):
        return self.peaks.pop(0) if len(self.peaks) > 1 else self.peaks[0]


FLOPS = WORKLOADS["I6"].flops()
# The first measurement takes float32 and float64; then come the reference loop before and after the workload.
SPEEDS = {
    "quiet": [1e9, 1e9, 1e9, 0.95e9],
    "measured while busy": [0.25e9, 0.25e9, 1e9, 1e9],
    "busy later": [1e9, 1e9, 1e9, 0.6e9, 0.9e9],
}


@pytest.mark.parametrize(
    ("case", "again", "peak"),
    [
        ("quiet", [], 1e9),
        ("measured while busy", [{"after": "I6", "reason": "the result is 200% of it"}], 1e9),
        (
            "busy later",
            [{"after": "I6", "reason": "a reference loop's speed changed by 40%"}],
            1e9,
        ),
    ],
)
def test_the_limit_is_measured_again(run, monkeypatch, case, again, peak):
    """Half the limit is reached in truth, which a busy first measurement takes for twice of it."""
    Hardware(monkeypatch, SPEEDS[case], seconds=2 * FLOPS / 1e9)
    result = json.loads(run("--only", "I6", "--threads", "1", "--json")[1])
    assert result["limit_measured_again"] == again
    assert result["fma"]["float32"] == peak
    assert result["workloads"][0]["of_limit"] == pytest.approx(0.5)


def test_earlier_results_are_compared_with_the_new_limit(run, monkeypatch):
    Hardware(monkeypatch, [0.25e9, 0.25e9, *[1e9] * 9], seconds=8 * WORKLOADS["I5"].flops() / 1e9)
    result = json.loads(run("--only", "I5,I6", "--threads", "1", "--json")[1])
    assert [entry["after"] for entry in result["limit_measured_again"]] == ["I6"]
    assert result["workloads"][0]["of_limit"] == pytest.approx(1 / 8)  # half of the first limit


def test_the_table_says_that_the_limit_was_measured_again(run, monkeypatch):
    Hardware(monkeypatch, SPEEDS["measured while busy"], seconds=2 * FLOPS / 1e9)
    code, out, err = run("--only", "I6", "--threads", "1")
    assert (code, err) == (0, "")
    first, _, last = out.partition("   limit measured again: the result is 200% of it\n")
    assert first.endswith(" 200%\n")
    assert last.startswith("\nWith the best of all measurements of the limit:\nmultiply-adds ")
    assert last.endswith(" 50%\n")
    assert max(map(len, out.splitlines())) <= 80


def test_a_result_above_the_limit_at_the_end_is_explained(run, monkeypatch):
    Hardware(monkeypatch, [0.25e9], seconds=2 * FLOPS / 1e9)
    out = run("--only", "I6", "--threads", "1")[1]
    assert out.endswith(" 200%\nResults above 100%: the machine was too busy to measure the limit.\n")


def test_the_table_of_a_quiet_machine_says_nothing(run, monkeypatch):
    Hardware(monkeypatch, SPEEDS["quiet"], seconds=2 * FLOPS / 1e9)
    out = run("--only", "I6", "--threads", "1")[1]
    assert out.endswith(" 50%\n")
    assert "measured again" not in out


def test_every_line_fits(run):
    for workload in WORKLOADS.values():
        cells = (workload.name, benchmark._what(workload), "999 ms", "999 ms", "9999.9", "100%")
        assert len(benchmark._row(cells)) <= 80, workload.name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--only T0", "'T0' is not among T1, T2"),
        ("--only G1", "'G1' is not among"),
        ("--seconds 0", "'0' is not a number > 0"),
        ("--threads 0", "'0' is not a whole number >= 1"),
        ("T1", "unrecognized arguments: T1"),
    ],
)
def test_wrong_usage(run, words, message):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.50 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 us"), (0.000789, "789 us")]
)
def test_times(seconds, text):
    assert benchmark._time(seconds) == text


def test_the_machine(dtype):
    """A processor does between one operation in some cycles and 64 in one, at 0.5 to 8 GHz."""
    assert 1e8 < cnn_core.bench.peak(dtype, seconds=0.005, n_threads=1) < 64 * 8e9
    assert 1e8 < cnn_core.bench.bandwidth(16 * 1024, seconds=0.005, n_threads=1) < 128 * 8e9
    with pytest.raises(ValueError, match="size is 0"):
        cnn_core.bench.bandwidth(0)


def test_the_limit_is_the_larger_of_arithmetic_and_traffic():
    machine = {"fma": {"float32": 1e9}, "read": [[1000, 1e12], [10**9, 1e12]]}
    assert limit(WORKLOADS["I6"], "float32", 1, machine) == WORKLOADS["I6"].flops() / 1e9
    machine["read"] = [[1000, 1e6], [10**9, 1e6]]
    assert limit(WORKLOADS["I4"], "float32", 1, machine) == pytest.approx(
        WORKLOADS["I4"].n_parameters * 4 / 1e6
    )
    assert limit(WORKLOADS["T5"], "float32", 1, machine) is None


def test_bandwidth_between_two_sizes():
    read = [[100, 8.0], [400, 2.0]]
    assert bandwidth(50, 1, read) == 8
    assert bandwidth(200, 1, read) == pytest.approx(4)
    assert bandwidth(400, 2, read) == pytest.approx(4)  # each thread has half of it
    assert bandwidth(1000, 1, read) == 2
