"""The tutorials as programs: `compiled-nn tutorial` and the modules of `compiled_nn.examples`."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome, write_idx
from compiled_nn.cli.tutorial import TUTORIALS
from compiled_nn.datasets import bundled

DATA = Path(os.environ.get("COMPILED_NN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
PICTURES = {
    "beans": {"beans-cost.png", "beans-classes.png", "beans-leaves.png"},
    "cats": {"cats-cost.png", "cats-predictions.png"},
    "mnist": {"mnist-cost.png", "mnist-accuracy.png", "mnist-mistakes.png"},
    "fashion": {
        f"fashion-{name}.png" for name in ("loss", "raw", "standardised", "probabilities", "weights")
    },
    "xor": {"xor-loss.png", "xor-plane.png"},
}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data on this machine; this folder is where pictures go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPILED_NN_DATA", raising=False)
    monkeypatch.setattr(bundled, "_SYSTEM_FOLDER", str(tmp_path / "system"))
    return tmp_path


@pytest.fixture
def run(capsys):
    return partial(outcome, capsys, "tutorial")


@pytest.fixture
def draws():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def pictures(folder):
    found = {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}
    assert all(content.startswith(b"\x89PNG") for content in found.values())
    return set(found)


# ---- small files in the layout of the real ones


def beans(folder):
    rng = np.random.default_rng(0)
    for part in ("train", "validation", "test"):
        y = np.repeat([0, 1, 2], 6)
        X = rng.integers(0, 120, (18, 6, 6, 3)) + 60 * y[:, None, None, None]
        names = np.array(["angular_leaf_spot", "bean_rust", "healthy"])
        np.savez(folder / f"beans_{part}_100x100.npz", X=X.astype(np.uint8), y=y, class_names=names)


def photographs(folder):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for part in ("train", "validation", "test"):
        for i, name in enumerate(("angular_leaf_spot", "bean_rust", "healthy")):
            (folder / part / name).mkdir(parents=True)
            for k in range(3):
                image.new("RGB", (12, 12), (80 * i, 20 * k, 99)).save(folder / part / name / f"{k}.png")


def cats(folder):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    y = np.arange(12) % 2
    X = (np.random.default_rng(0).integers(0, 128, (12, 6, 6, 3)) + 100 * y[:, None, None, None]).astype(
        np.uint8
    )
    for part in ("train", "test"):
        with h5py.File(folder / f"{part}_catvnoncat.h5", "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = X, y
            file["list_classes"] = np.array([b"non-cat", b"cat"])


def idx(counts, folder):
    """As many labels of each class as the real set has; pictures of four pixels."""
    rng = np.random.default_rng(0)
    for part, y in (("train", np.repeat(np.arange(10), counts)), ("t10k", np.arange(100) % 10)):
        X = rng.integers(0, 80, (len(y), 2, 2)) + 17 * y[:, None, None]
        write_idx(str(folder / f"{part}-images-idx3-ubyte"), X.astype(np.uint8))
        write_idx(str(folder / f"{part}-labels-idx1-ubyte"), y.astype(np.uint8))


MADE = {
    "beans": beans,
    "cats": cats,
    "mnist": partial(idx, bundled._MNIST_COUNTS),
    "fashion": partial(idx, bundled._FASHION_COUNTS),
}
LINES = {
    "beans": (
        "Number of layers:  4",
        "Number of examples:  18",
        "Cost at #0: ",
        "Accuracy on the dev set:  ",
    ),
    "cats": ("Cost at #0: 0.69", "vanishing_signal", "Train accuracy: ", "Test accuracy: "),
    "mnist": ("train_x's shape: (12700, 4)", "test_x's shape: (20, 4)", "Accuracy: 0."),
    "fashion": ("standardize=True", "unscaled_input", "Train Accuracy: ", "Test Accuracy: "),
}


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("name", MADE)
def test_tutorials_run_on_small_files(name, nowhere, run):
    (nowhere / "files").mkdir()
    MADE[name](nowhere / "files")
    code, out, err = run(name, "--data", nowhere / "files", "--out", "a/b", "--seed", 3, "--epochs", 2)
    assert (code, err) == (0, "")
    for line in LINES[name]:
        assert line in out
    assert pictures("a/b") == PICTURES[name]
    assert sorted(path.name for path in nowhere.iterdir()) == ["a", "files"]


@pytest.mark.usefixtures("draws")
def test_beans_from_photographs(nowhere, run):
    photographs(nowhere / "files")
    code, out, _ = run("beans", "--data", nowhere / "files", "--epochs", 1)
    assert code == 0
    assert "Number of examples:  9" in out


@pytest.mark.usefixtures("draws")
def test_exclusive_or(nowhere, run):
    code, out, err = run("xor")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.startswith("error sum") for line in lines] == [True] * 10 + [False] * 4
    assert float(lines[9].split()[-1]) < 1e-10
    for line, value in zip(lines[10:], (0, 1, 1, 0), strict=True):
        assert float(line.split()[-1]) == pytest.approx(value, abs=1e-6)
    assert pictures(nowhere) == PICTURES["xor"]
    assert run("xor")[1] == out
    assert run("xor", "--seed", 5)[1] != out


@pytest.mark.usefixtures("draws")
def test_exclusive_or_of_any_length(nowhere, run):
    """The last stretch may be shorter than the others."""
    code, out, _ = run("xor", "--epochs", 5001)
    assert code == 0
    assert out.count("error sum") == 2


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_digits_of_the_package_instead(name, nowhere, run):
    code, out, err = run(name, "--epochs", 30)
    assert (code, err) == (0, "")
    assert "MNIST was not found" in out
    assert "The digits of the package are used instead" in out
    accuracy = float(out.split()[-1].rstrip("%"))
    assert accuracy > (70 if name == "fashion" else 0.8)


@pytest.mark.parametrize("name", MADE)
def test_data_that_are_not_there(name, nowhere, run):
    code, out, err = run(name, "--data", "no-such-folder")
    assert (code, out) == (1, "")
    assert "no-such-folder: no such folder" in err
    assert len(err.splitlines()) == 1
    assert not pictures(nowhere)


def test_where_data_come_from(nowhere, run):
    assert "github.com/AI-Lab-Makerere/ibean" in run("beans")[2]
    assert "Deep Learning Specialization" in run("cats")[2]


def test_list(run):
    code, out, _ = run("--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(TUTORIALS)
    assert set(TUTORIALS) == set(PICTURES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the NAME of a tutorial is missing; the tutorials are beans, cats, mnist, fashion, xor"),
        ("bean", "Did you mean 'beans'?"),
        ("xor --epochs 0", "'0' is not a whole number >= 1"),
        ("xor --seed -1", "'-1' is not a whole number >= 0"),
        ("xor --epohcs 3", "Did you mean '--epochs'?"),
        ("xor --json", "unrecognized arguments: --json"),
    ],
)
def test_wrong_usage(words, message, run):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert message in err


def test_folder_for_pictures_that_cannot_be(nowhere, run):
    (nowhere / "file").write_text("")
    code, out, err = run("xor", "--out", "file")
    assert (code, out) == (1, "")
    assert "file" in err


def test_without_matplotlib(nowhere, run, monkeypatch):
    for module in [module for module in sys.modules if module.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, module, None)
    code, out, err = run("xor", "--epochs", 10)
    assert code == 1
    assert "gives" in out
    assert 'pip install "compiled-nn[plot]"' in err


@pytest.mark.parametrize("name", TUTORIALS)
def test_modules_are_programs(name, environment, tmp_path):
    command = [sys.executable, "-m", f"compiled_nn.examples.{name}"]
    asked = subprocess.run(
        [*command, "--help"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for option in ("--data", "--out", "--seed", "--epochs"):
        assert option in asked.stdout
    refused = subprocess.run(
        [*command, "--data", "no-such-folder", "--epochs", "x"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "'x' is not a whole number" in refused.stderr


def test_a_script_does_what_the_command_does(environment, nowhere, run):
    command = [sys.executable, "-m", "compiled_nn.examples.cats", "--data", "no-such-folder"]
    done = subprocess.run(command, env=environment, cwd=nowhere, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == run("cats", "--data", "no-such-folder")[2]


# ---- the real data


@pytest.mark.slow
@pytest.mark.usefixtures("draws")
def test_cats_and_beans_learn(run, tmp_path):
    """From seeds that learn; the figures of other seeds are in docs/tutorials."""
    for folder in ("beans", "catvnoncat"):
        if not (DATA / folder).is_dir():
            pytest.skip(f"no folder {folder} in the data; COMPILED_NN_DATA names where it lies")
    pytest.importorskip("h5py", reason="h5py is not installed")
    _, out, _ = run("beans", "--data", DATA, "--out", tmp_path)
    train, dev, _, three, _ = (
        float(line.split()[-1]) for line in out.splitlines() if line[:1] in "AS" and ":" in line
    )
    assert train > 0.82
    assert dev > 0.77
    assert three > 0.68
    _, out, _ = run("cats", "--data", DATA, "--out", tmp_path)
    train = [float(line.split()[-1]) for line in out.splitlines() if line.startswith("Train")]
    assert train[0] == pytest.approx(0.6555, abs=1e-4)  # initial weights of 0.01: every picture is no cat
    assert min(train[1:]) > 0.95


def test_each_tutorial_is_a_module():
    names = {path.name for path in (Path(cnn.__file__).parent / "examples").glob("*.py")}
    assert names == {"__init__.py", *(f"{name}.py" for name in TUTORIALS)}


def test_examples_are_short_and_use_what_is_public():
    for name in TUTORIALS:
        source = (Path(cnn.__file__).parent / "examples" / f"{name}.py").read_text(encoding="utf-8")
        assert "._" not in source
        assert len(source.splitlines()) < 100
