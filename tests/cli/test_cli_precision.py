"""Narrow precisions on the command line: `train --precision`, and the command `quantize`."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers

TRAIN = ("train", "digits", "--epochs", "5", "--no-plot", "-q", "-o", "m.safetensors")


def test_train_in_bfloat16(run):
    assert run(*TRAIN, "--precision", "bfloat16")[0] == 0
    assert cnn.load("m.safetensors").precision_ == "bfloat16"
    assert "precision     products of bfloat16" in run("info", "m.safetensors")[1]
    code, _, err = run(*TRAIN, "--precision", "bfloat16", "--dtype", "float64")
    assert code == 1
    assert "is for networks of dtype 'float32'" in err
    assert run(*TRAIN, "--precision", "half")[0] == 2


def test_quantize_a_network(run, folder):
    assert run(*TRAIN)[0] == 0
    assert "precision" not in run("info", "m.safetensors")[1]
    code, out, err = run("quantize", "m.safetensors", "digits", "-o", "small.safetensors")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["ranges"] == "digits, train rows: 1,438"
    assert lines["compared"] == "with float32 on test rows: 359"
    assert lines["written"] == f"small.safetensors, {(folder / 'small.safetensors').stat().st_size:,} bytes"
    small, data = cnn.load("small.safetensors"), cnn.datasets.load_digits()
    report = small.compare_precision(data.X_test, data.y_test)
    assert lines["score"] == f"{report.score:.4f}, with float32 {report.score_float32:.4f}"
    expected = cnn.load("m.safetensors").quantize(data.X_train)
    assert (small.predict_proba(data.X_test) == expected.predict_proba(data.X_test)).all()
    code, out, _ = run(
        "quantize", "m.safetensors", "digits", "-o", "small.safetensors", "--part", "test", "--json"
    )
    result = json.loads(out)
    assert (code, result["command"], result["part"], result["rows"]) == (0, "quantize", "test", 359)
    assert result["compared"]["precision"] == "int8"
    assert "precision     products of int8" in run("info", "small.safetensors")[1]
    assert run("evaluate", "small.safetensors", "digits")[0] == 0


@pytest.mark.parametrize("members", [[], ["--optimizer", "adam"]])
def test_quantize_models_of_tables(run, members):
    flowers()
    options = ["--target", "kind", "--epochs", "10", "--no-plot", "-q", "-o", "m.safetensors", *members]
    assert run("train", "flowers.csv", *options)[0] == 0
    code, out, err = run("quantize", "m.safetensors", "flowers.csv", "-o", "small.safetensors")
    assert (code, err) == (0, "")
    assert "train rows" in out
    assert "with float32 on test rows" in out
    flowers("new.csv", target=False)
    assert run("predict", "small.safetensors", "new.csv", "-o", "labels.csv")[0] == 0


def test_the_copy_of_an_estimator_is_one(run):
    flowers()
    options = ["--target", "kind", "--epochs", "3", "--no-plot", "-q", "-o", "m.safetensors"]
    assert run("train", "flowers.csv", *options)[0] == 0
    assert run("quantize", "m.safetensors", "flowers.csv", "-o", "small.safetensors")[0] == 0
    small, model = (cnn.TabularClassifier.load(f"{name}.safetensors") for name in ("small", "m"))
    assert (small.precision_, model.precision_) == ("int8", "float32")
    assert small.get_params() == model.get_params()
    assert run("evaluate", "small.safetensors", "flowers.csv", "--part", "test")[0] == 0
    assert "estimator     TabularClassifier" in run("info", "small.safetensors")[1]
    data = cnn.datasets.load_digits()
    perceptron = cnn.MLPClassifier(max_iter=2, random_state=0).fit(data.X_train, data.y_train)
    perceptron.save("p.safetensors")
    assert run("quantize", "p.safetensors", "digits", "-o", "small.safetensors", "--part", "train")[0] == 0
    small = cnn.MLPClassifier.load("small.safetensors")
    expected = perceptron.quantize(data.X_train)
    assert (small.predict_proba(data.X_test) == expected.predict_proba(data.X_test)).all()


def test_values(run):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    lines = ["a,b,c,y", *(f"{a:.4f},{b:.4f},{c:.4f},{a - 2 * b:.4f}" for a, b, c in X)]
    with open("values.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
    net.fit({name: X[:, i] for i, name in enumerate("abc")}, X[:, 0] - 2 * X[:, 1], epochs=5)
    net.save("m.safetensors")
    code, out, _ = run("quantize", "m.safetensors", "values.csv", "--target", "y", "-o", "small.safetensors")
    assert code == 0
    assert "ranges      values, all rows: 200" in out
    assert "labels" not in out
    assert "of values" in out


def test_errors(run):
    assert run(*TRAIN)[0] == 0
    code, _, err = run("quantize", "m.safetensors", "digits", "-o", "m.safetensors")
    assert code == 2
    assert "is the file of MODEL" in err
    code, _, err = run("quantize", "m.safetensors", "digits", "-o", "-")
    assert code == 2
    assert "not to standard output" in err
    assert run("quantize", "m.safetensors", "digits", "-o", "small.safetensors")[0] == 0
    code, _, err = run("quantize", "small.safetensors", "digits", "-o", "again.safetensors")
    assert code == 1
    assert "is quantised already" in err
    assert run("export", "small.safetensors", "-o", "small.json")[0] == 1
    assert run("export", "small.safetensors", "-o", "small.c")[0] == 0
