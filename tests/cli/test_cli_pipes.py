"""Rows of a pipe: predicted as they arrive, with the answers and the errors of a file."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="the arrival of bytes in a pipe is not noticed on Windows"
)

ROWS = [f"{i % 7 + 0.5},{'xyz'[i % 3]},{i * i % 11}" for i in range(60)]


@pytest.fixture
def model(run, folder):
    rows = [f"{row},{'yes' if i % 7 > 3 else 'no'}" for i, row in enumerate(ROWS)]
    (folder / "train.csv").write_text("\n".join(["a,kind,n,label", *rows]) + "\n")
    assert run("train", "train.csv", "--epochs", 3, "--no-plot", "-q")[0] == 0
    return "train.safetensors"


@pytest.fixture
def predict(model, environment):
    """Start predict on a pipe."""
    started = []

    def predict(*options):
        words = [sys.executable, "-m", "compiled_nn", "predict", model, "-", *options]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(words, env=environment, text=True, bufsize=1, **pipes))
        return started[-1]

    yield predict
    for process in started:
        process.kill()
        process.communicate()


def send(process, text):
    process.stdin.write(text)
    process.stdin.flush()


def finished(process, code=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return out, err


def test_rows_are_predicted_as_they_arrive(run, folder, predict):
    (folder / "rows.csv").write_text("n,a,kind\n3,1.5,x\n4,6.5,z\n5,2.5,y\n")
    _, expected, _ = run("predict", "train.safetensors", "rows.csv")
    process, lines = predict(), expected.splitlines(keepends=True)
    alarm = threading.Timer(60, process.kill)
    alarm.start()
    send(process, "n,a,kind\n3,1.5,x\n4,6")
    assert [process.stdout.readline() for _ in range(2)] == lines[:2]  # before the end of the input
    send(process, ".5,z\n")
    assert process.stdout.readline() == lines[2]
    send(process, "5,2.5,y")  # without a line break
    out, err = finished(process)
    alarm.cancel()
    assert (out, err) == (lines[3], "")


def test_later_rows_decide_the_decimal_mark(run, folder, predict):
    """Whole numbers do not tell the mark of the numbers that follow."""
    rows = ["a;kind;n", "3;x;1", "4,5;y;2", "1.234,5;z;3"]
    (folder / "rows.csv").write_text("\n".join(rows))
    process = predict()
    send(process, "a;kind;n\n3;x;1\n")
    out = [process.stdout.readline() for _ in range(2)]
    send(process, "\n".join(rows[2:]))
    assert "".join(out) + finished(process)[0] == run("predict", "train.safetensors", "rows.csv")[1]


def test_later_rows_that_contradict(predict):
    process = predict()
    send(process, "a,kind,n\n1,x,1\n")
    assert process.stdout.readline() == "prediction\n"
    process.stdout.readline()
    send(process, "2,y,\n\nmany,z,3\n")
    _, err = finished(process, 1)
    assert err == "compiled-nn: error: stdin, line 5, column 1 ('a'): 'many' is not a number\n"


def test_later_rows_that_change_the_order_of_dates(run, folder, predict):
    days = [f"{i % 28 + 1:02}/{i % 12 + 1:02}/2024,{'yes' if i % 12 > 5 else 'no'}" for i in range(60)]
    (folder / "train.csv").write_text("\n".join(["day,label", *days]) + "\n")
    assert run("train", "train.csv", "--epochs", 3, "--no-plot", "-q")[0] == 0
    process = predict()
    send(process, "day\n03/02/2024\n")
    assert process.stdout.readline() == "prediction\n"
    process.stdout.readline()
    send(process, "12/31/2024\n")
    _, err = finished(process, 1)
    assert "stdin, line 2, column 'day': 2024-03-02" in err
    assert "by later rows, but 2024-02-03" in err
    assert "--date-format" in err


@pytest.mark.parametrize("blank", ["", "\n"])
def test_errors_of_the_network_name_the_line(predict, blank):
    """An infinite number is found by the network, not by the reader."""
    text = f"a,kind,n\n{blank}" + "1,x,1\n" * 5 + "inf,x,1\n"
    _, err = predict().communicate(text, timeout=60)
    assert err.startswith("compiled-nn: error: ")
    assert f"line {len(text.splitlines())}" in err


def test_a_large_pipe_has_the_answers_of_the_file(run, folder, predict):
    rng = np.random.default_rng(0)
    rows = [ROWS[i] for i in rng.integers(0, len(ROWS), size=100_000)]
    (folder / "rows.csv").write_text("\n".join(["a,kind,n", *rows]))
    assert run("predict", "train.safetensors", "rows.csv", "--proba", "-o", "file.csv")[0] == 0
    with open("rows.csv") as file:
        out, _ = predict("--proba").communicate(file.read(), timeout=60)
    assert out == (folder / "file.csv").read_text()
