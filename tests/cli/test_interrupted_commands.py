"""SIGINT during commands on large files: they end soon, with one line and exit code 130, without parts of files."""

import os
import signal
import statistics
import subprocess
import sys
import time

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome
from compiled_nn.datasets import csv_targets
from signals import stopped

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timer")

ROWS = 20_000
COMMANDS = {
    "train": "train large.csv --epochs 100 --no-plot -o new.safetensors --threads 1",
    "train npz": "train large.npz --epochs 1000 --no-plot -o new.safetensors --threads 1 --quiet",
    "predict": "predict net.safetensors large.csv -o new.csv --threads 1",
    "predict npz": "predict net.safetensors large.npz --proba -o new.csv --threads 1",
    "predict json": "predict net.safetensors large.csv --json --threads 1",
    "evaluate": "evaluate net.safetensors large.csv --threads 1",
    "evaluate part": "evaluate net.safetensors large.csv --part train --threads 1",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Contents of a large table, as CSV and npz, and a network for it."""
    folder = tmp_path_factory.mktemp("large")
    X = np.random.default_rng(0).normal(size=(ROWS, 20)).round(4)
    y = (X[:, 0] > 0).astype(int)
    with open(folder / "large.csv", "w") as file:
        file.write(",".join(f"c{i}" for i in range(20)) + ",kind\n")
        for row, label in zip(X.tolist(), y, strict=True):
            file.write(",".join(map(str, row)) + f",{('no', 'yes')[label]}\n")
    np.savez(folder / "large.npz", X=np.repeat(X, 5, axis=0), y=np.repeat(y, 5))
    layers = [cnn.Dense(64, "relu"), cnn.Dense(2)]
    net = cnn.Network(layers, seed=0).fit(X[:100], np.array(["no", "yes"])[y[:100]], epochs=1)
    net.save(folder / "net.safetensors")
    return folder


@pytest.fixture(autouse=True)
def in_files(files, folder):
    """The files are in the folder of the test; `folder` makes it the present one."""
    for name in ("large.csv", "large.npz", "net.safetensors"):
        os.symlink(files / name, folder / name)


def interrupted(capsys, command, after):
    """Return the delay of a command in seconds of this thread and of the clock, and its outcome; None if it ended."""
    pressed = []

    def press(*_):
        pressed.append((time.thread_time(), time.perf_counter()))
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        result = outcome(capsys, *command.split())
        ended = time.thread_time(), time.perf_counter()
    except KeyboardInterrupt:  # after the command
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if not pressed:
        return None
    return ended[0] - pressed[0][0], ended[1] - pressed[0][1], result


def taken(folder, before):
    """Remove the files that are new in a folder, and return their contents by name."""
    contents = {}
    for name in sorted(set(os.listdir(folder)) - before):
        contents[name] = (folder / name).read_bytes()
        os.remove(folder / name)
    return contents


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_interrupted_soon(name, capsys, folder, effort, figures, rng):
    trains, names = name.startswith("train"), set(os.listdir(folder))
    duration, printed, written = 1.0, "", {}
    if trains:  # imports are done before, so that the delay is that of the command
        (folder / "few.csv").write_text("x,y\n1,2.5\n2,3.5\n")
        assert outcome(capsys, "train", "few.csv", "--epochs", "1", "--no-plot", "-q")[0] == 0
        names |= {"few.csv", "few.safetensors"}
    else:
        begin = time.perf_counter()
        code, printed, _ = outcome(capsys, *COMMANDS[name].split())
        duration, written = time.perf_counter() - begin, taken(folder, names)
        assert code == 0
    delays = []
    for after in rng.uniform(0.05, 0.95, effort.count(4, 50)) * duration:
        ended = interrupted(capsys, COMMANDS[name], after)
        left = taken(folder, names)
        if ended is None:
            continue
        busy, waited, (code, out, err) = ended
        assert code == 130, err
        lines = [line for line in err.splitlines() if not line.startswith(("epoch ", "note: "))]
        assert len(lines) == 1
        assert lines[0].startswith("compiled-nn: interrupted")
        if trains:
            assert list(left) == ["new.safetensors"] * (" saved in " in lines[0])
            assert all(cnn.load(content).n_features_ == 20 for content in left.values())
        else:  # nothing, or the whole after the last write
            assert out in ("", printed)
            assert left in ({}, written)
        delays.append(waited if effort.long else busy)
    assert delays
    figures(f"P10 median delay of a signal in the command {name}, ms", 1e3 * statistics.median(delays))
    assert statistics.median(delays) < 0.1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("name", ["train", "predict", "evaluate"])
def test_a_process_that_is_interrupted_prints_one_line(name, environment, folder):
    (folder / "new.csv").write_text("old")
    words = [sys.executable, "-m", "compiled_nn", *COMMANDS[name].split()]
    child = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if name == "train":
        child.stderr.readline()
    else:  # as soon as it reads the table
        while child.poll() is None and not reads(child.pid, "large.csv"):
            time.sleep(0.002)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert [line.startswith("compiled-nn: interrupted") for line in err.splitlines()][-1:] == [True]
    assert name == "train" or out == ""
    assert (folder / "new.csv").read_text() == "old"
    assert [entry for entry in os.listdir(folder) if entry.endswith(".tmp")] == []


class Finalized:
    def __init__(self, error):
        self.error = error

    def __del__(self):
        raise self.error


@pytest.mark.parametrize("works", [0, 30])
def test_an_interrupt_in_a_finalizer(works, capsys, monkeypatch):
    """Python drops exceptions of finalizers, and of weak references, which imports have."""
    from compiled_nn.cli import train

    def run(options):
        Finalized(KeyboardInterrupt)
        end = time.perf_counter() + works
        while time.perf_counter() < end:
            time.sleep(0.01)
        return 0

    monkeypatch.setattr(train, "run", run)
    hook = sys.unraisablehook
    code, _, err = outcome(capsys, "train", "x.csv")
    assert (code, err) == ((130, "compiled-nn: interrupted\n") if works else (0, ""))
    assert sys.unraisablehook is hook


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_errors_in_a_finalizer_are_those_of_python(capsys, monkeypatch):
    from compiled_nn.cli import train

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    monkeypatch.setattr(train, "run", lambda options: Finalized(ValueError) and 0)
    outcome(capsys, "train", "x.csv")
    assert [each.exc_type for each in seen] == [ValueError]


def test_an_interrupt_within_a_class_body(capsys, monkeypatch):
    """Before Python 3.12, exceptions of `__set_name__` become a RuntimeError."""
    from compiled_nn.cli import train

    class Named:
        def __set_name__(self, owner, name):
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", lambda options: type("Owner", (), {"attribute": Named()}))
    code, _, err = outcome(capsys, "train", "x.csv")
    assert (code, err) == (130, "compiled-nn: interrupted\n")


def reads(pid, name):
    """Whether a process has opened a file of this name; True where the system does not tell, after a while."""
    descriptors = f"/proc/{pid}/fd"
    if not os.path.isdir("/proc/self/fd"):
        time.sleep(1)
        return True
    try:
        return any(os.readlink(f"{descriptors}/{one}").endswith(name) for one in os.listdir(descriptors))
    except OSError:
        return False


def test_targets_that_are_text_do_not_hide_that_the_reader_is_interrupted():
    y = np.array(["yes", "no"] * 1_000_000)
    late = [stopped(lambda: csv_targets.class_names(y), 0.001 + 0.0005 * i) for i in range(40)]
    assert csv_targets.class_names(y) == ("no", "yes")
    assert (
        sum(each is not None for each in late) >= 30
    )  # an iteration over the array loses about half of them
