"""The command `export`: files in the formats of other programs, and its errors."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers

pytest.importorskip("onnx", reason="models are exported with onnx")
runtime = pytest.importorskip("onnxruntime", reason="exported models are verified by onnxruntime")


@pytest.fixture
def model(run):
    flowers()
    assert run("train", "flowers.csv", "--target", "kind", "-o", "m.safetensors", "--epochs", "20")[0] == 0
    return "m.safetensors"


def test_export_predicts_what_predict_writes(run, model, folder):
    code, out, err = run("export", model, "-o", "m.onnx")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["compared"] == f"with onnxruntime {runtime.__version__} on 64 rows"
    assert float(lines["difference"].split()[2]) < 1e-5
    assert lines["written"] == f"m.onnx, {(folder / 'm.onnx').stat().st_size:,} bytes"
    flowers("new.csv", target=False)
    assert run("predict", model, "new.csv", "-o", "labels.csv")[0] == 0
    labels = [line.split(",")[0] for line in (folder / "labels.csv").read_text().splitlines()[1:]]
    rows = np.loadtxt("new.csv", delimiter=",", skiprows=1, dtype=np.float32)
    feed = {name: rows[:, i : i + 1] for i, name in enumerate("abcd")}
    session = runtime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    assert session.run(["label"], feed)[0].tolist() == labels


def test_options_and_json(run, model):
    argv = [
        "--format",
        "onnx",
        "--inputs",
        "tensor",
        "--dtype",
        "float64",
        "--opset",
        "20",
        "--tolerance",
        "1e-4",
        "--json",
    ]
    code, out, err = run("export", model, "-o", "m.model", *argv)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["command"], result["format"], result["output"]) == ("export", "onnx", "m.model")
    assert result["verification"]["bound"] == 1e-4
    assert result["verification"]["largest_difference"] < 1e-5  # the weights are float32
    session = runtime.InferenceSession("m.model", providers=["CPUExecutionProvider"])
    assert [(each.name, each.type) for each in session.get_inputs()] == [("X", "tensor(double)")]


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (
            ["-o", "m.onxn"],
            2,
            "m.onxn does not end in .onnx, .c or .json; name the file so, or add --format. Did you mean",
        ),
        (["-o", "m.safetensors", "--format", "onnx"], 2, "m.safetensors is the file of the network"),
        (["-o", "-", "--format", "json"], 2, "not to standard output"),
        (["-o", "m.onnx", "--opset", "16"], 2, "argument --opset"),
        (["-o", "m.onnx", "--format", "onxx"], 2, "Did you mean 'onnx'?"),
        (["-o", "missing/m.onnx"], 1, "There is no such folder"),
        ([], 2, "-o/--output"),
    ],
)
def test_wrong_usage(run, folder, argv, code, message):
    model = "m.safetensors"
    cnn.Network([cnn.Dense(2)]).fit([[0.0], [1.0]], [0, 1], epochs=1).save(model)
    before = {path.name for path in folder.iterdir()}
    found, out, err = run("export", model, *argv)
    assert (found, out) == (code, "")
    assert message in err
    assert {path.name for path in folder.iterdir()} == before


def test_text_is_no_tensor(run, folder):
    rows = "".join(f"{i},{'ab'[i % 2]},{'no' if i % 3 else 'yes'}\n" for i in range(60))
    (folder / "t.csv").write_text("n,letter,y\n" + rows)
    assert run("train", "t.csv", "--target", "y", "-o", "m.safetensors", "--epochs", "2")[0] == 0
    code, _, err = run("export", "m.safetensors", "-o", "m.onnx", "--inputs", "tensor")
    assert code == 1
    assert "A single tensor needs columns of numbers; column 'letter' has text." in err
    assert not (folder / "m.onnx").exists()


def test_files_that_are_no_network(run):
    flowers()
    code, _, err = run("export", "flowers.csv", "-o", "m.onnx")
    assert code == 1
    assert "flowers.csv is not a readable network" in err
