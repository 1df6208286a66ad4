"""--max-bytes, for every kind of file and for pipes."""

import gzip
import io
import subprocess
import sys

import numpy as np
import pytest
from command_line import write_idx

CSV = b"a,b,kind\n" + b"1,2,x\n3,4,y\n" * 5


@pytest.fixture
def files(folder):
    X, y = np.zeros((10, 3), np.uint8), np.arange(10, dtype=np.uint8) % 2
    (folder / "x.csv").write_bytes(CSV)
    (folder / "x.csv.gz").write_bytes(gzip.compress(CSV))
    np.savez("x.npz", X=X, y=y)
    write_idx("images.idx", X)
    write_idx("labels.idx", y)
    return {
        "x.csv": ("x.csv",),
        "x.csv.gz": ("x.csv.gz",),
        "x.npz": ("x.npz",),
        "images.idx": ("images.idx", "--labels", "labels.idx"),
    }


TRAIN = ("--epochs", "1", "--no-plot", "-q", "-o", "net.safetensors")


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.npz", "images.idx", "x.parquet"])
def test_every_kind_of_file(run, files, name):
    if name == "x.parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        table = arrow.table({"a": np.arange(10.0), "b": np.zeros(10), "kind": ["x", "y"] * 5})
        parquet.write_table(table, name)
        files[name] = (name,)
    assert run("train", *files[name], *TRAIN, "--max-bytes", "1M")[0] == 0
    for command in (("train", *files[name], *TRAIN), ("evaluate", "net.safetensors", *files[name])):
        code, out, err = run(*command, "--max-bytes", "20")
        assert (code, out) == (1, "")
        assert err.startswith(f"compiled-nn: error: {name}")
        assert "--max-bytes is 20. If the file is to be trusted, pass a larger --max-bytes" in err


def test_a_long_text_of_parquet(run, folder):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    y = ["a"] * 9_999 + ["b" * 1_000_000]
    parquet.write_table(arrow.table({"a": np.zeros(10_000), "y": y}), "x.parquet")
    code, _, err = run("train", "x.parquet", *TRAIN)
    assert code == 1
    assert "the target 'y' has a text of 1,000,000 characters; a label has 1,000 at most" in err


@pytest.mark.parametrize("text", ["1", "20", "20K", "20k", "20KiB", "3M", "16G", "16GB"])
def test_sizes(run, files, text):
    from compiled_nn.cli.support import values

    number = int(text.rstrip("KkiBMG"))
    assert values.size(text) == number * {"k": 1024, "m": 1024**2, "g": 1024**3}.get(
        text.lower().strip("0123456789ib"), 1
    )


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "K", "", "B", "4T", "x"])
def test_sizes_that_are_none(run, files, text):
    code, _, err = run("train", "x.csv", "--max-bytes", text)
    assert code == 2
    assert f"{text!r} is not a number of bytes, such as 4000000 or 16G" in err


def test_data_sets_have_no_limit(run):
    code, _, err = run("train", "digits", "--max-bytes", "1M")
    assert code == 2
    assert "--max-bytes applies only to files, and DATA is 'digits'; omit --max-bytes" in err


def test_a_pipe_is_read_up_to_the_limit(run, files, monkeypatch):
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = (b"1,2\n" * len(buffer))[: len(buffer)]
            Endless.given += len(buffer)
            return len(buffer)

    class Stdin:
        buffer = io.BufferedReader(Endless())

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, _, err = run("train", "-", *TRAIN, "--max-bytes", "3M")
    assert code == 1
    assert "stdin" in err
    assert "--max-bytes is 3145728. If the file is to be trusted, pass a larger --max-bytes" in err
    assert Endless.given < 5 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/zero")
def test_a_device(environment, folder):
    argv = [sys.executable, "-m", "compiled_nn", "train", "/dev/zero", "--max-bytes", "1M"]
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "/dev/zero contains an idx file, which cannot be read from a pipe" in ended.stderr
