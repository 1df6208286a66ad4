"""Columns of the tables that the command line reads: matched by name, the target remembered, the rest left out."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest

TRAIN = ("--members", "2", "--layers", "16", "--epochs", "200", "--no-plot", "-q")
ROWS = 120


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    a, b = (np.round(values, 4) for values in rng.normal(size=(2, ROWS)))
    return {
        "label": np.where(a > b, "yes", "no"),
        "a": a,
        "b": b,
        "id": np.array([f"C-{i}" for i in range(ROWS)]),
    }


def table(columns, names, header=True):
    lines = [",".join(names)] * header
    lines += [",".join(map(str, row)) for row in zip(*(columns[name] for name in names), strict=True)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(columns, folder):
    def write(file, names, header=True):
        (folder / file).write_text(table(columns, names.split(","), header))

    return write


@pytest.fixture
def model(run, write):
    """Train on the columns label, a, b; the target is the first one."""
    write("train.csv", "label,a,b")
    assert run("train", "train.csv", "--target", "label", *TRAIN) == (0, "", "")
    return "train.safetensors"


def predicted(run, *argv):
    code, out, err = run("predict", *argv)
    assert code == 0, err
    return out, err


def test_names_and_target_are_in_the_model(run, model):
    assert cnn.load(model).feature_names_in_.tolist() == ["a", "b"]
    card = json.loads(run("info", model, "--json")[1])
    assert (card["columns"], card["target"], card["metadata"]) == (["a", "b"], "label", {})
    out = run("info", model)[1]
    assert [each["name"] for each in card["column_types"]] == ["a", "b"]
    assert "target        label\n" in out


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        ("a,b", ""),
        ("b,a", ""),
        ("id,b,a", "note: 1 column is not used: 'id'\n"),
        ("label,a,b", "note: 1 column is not used: 'label'\n"),
        ("b,id,label,a", "note: 2 columns are not used: 'id', 'label'\n"),
    ],
)
def test_columns_are_matched_by_name(run, write, model, columns, names, left_out):
    write("new.csv", names)
    expected = cnn.load(model).predict(np.column_stack([columns["a"], columns["b"]]))
    assert np.mean(expected == columns["label"]) > 0.9
    assert predicted(run, model, "new.csv") == ("\n".join(["prediction", *expected]) + "\n", left_out)


def test_probabilities_of_a_permuted_file_are_equal_to_the_bit(run, write, model):
    write("ab.csv", "a,b")
    write("ba.csv", "b,id,a")
    for name in ("ab", "ba"):
        assert run("predict", model, f"{name}.csv", "--proba", "-o", f"{name}.npy")[0] == 0
    assert np.array_equal(np.load("ab.npy"), np.load("ba.npy"))


@pytest.mark.parametrize("names", ["label,a,b", "b,label,a", "a,id,b,label"])
def test_evaluate_finds_the_target(run, write, model, names):
    scores = []
    for file, order in (("train.csv", "label,a,b"), ("other.csv", names)):
        write(file, order)
        code, out, err = run("evaluate", model, file, "--part", "all", "--json")
        assert code == 0, err
        scores.append(json.loads(out)["confusion"])
    assert scores[0] == scores[1]
    assert err == ("note: 1 column is not used: 'id'\n" if "id" in names else "")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("label,a", "no column is named 'b', which the model takes."),
        ("label,a,B", "no column is named 'b', which the model takes. Did you mean 'B'?"),
        (
            "id,label",
            "2 of the 2 columns that the model takes are missing: 'a', 'b'; the file has 'id', 'label'",
        ),
        ("a,b,a,label", "2 columns are named 'a'"),
    ],
)
def test_missing_columns_are_named(run, write, model, columns, command, names, message):
    columns["B"] = columns["b"]
    write("new.csv", names)
    code, out, err = run(command, model, "new.csv")
    assert (code, out) == (1, "")
    assert err.startswith("compiled-nn: error: new.csv, line 1: " + message)
    assert err.count("\n") == 1


def test_another_delimiter(run, model, columns, folder):
    (folder / "semicolons.csv").write_text(table(columns, ["b", "a"]).replace(",", ";"))
    (folder / "ab.csv").write_text(table(columns, ["a", "b"]))
    assert predicted(run, model, "semicolons.csv") == predicted(run, model, "ab.csv")
    assert predicted(run, model, "semicolons.csv", "--delimiter", ";") == predicted(run, model, "ab.csv")
    code, _, err = run("predict", model, "semicolons.csv", "--delimiter", ",")
    assert code == 1
    assert err.endswith("are missing: 'a', 'b'; the file has 'b;a'; check --delimiter\n")


def test_evaluate_without_the_target(run, write, model, columns):
    columns["Label"] = columns["label"]
    write("new.csv", "a,b,Label")
    code, _, err = run("evaluate", model, "new.csv")
    assert code == 1
    assert (
        "no column is named 'label', the target in training; name the target with --target. Did you mean"
        in err
    )
    assert run("evaluate", model, "new.csv", "--target", "Label")[0] == 0
    code, _, err = run("evaluate", model, "new.csv", "--target", 0)
    assert code == 1
    assert "column 'a' cannot be the target, because it is a feature of the model" in err


def test_without_a_header_by_position(run, write, model, columns):
    write("ab.csv", "a,b")
    write("plain.csv", "a,b", header=False)
    write("target.csv", "label,a,b", header=False)  # the target has the place that it has in training
    write("wide.csv", "id,label,a,b", header=False)
    expected = predicted(run, model, "ab.csv")
    assert predicted(run, model, "plain.csv") == expected
    assert predicted(run, model, "target.csv") == expected
    assert json.loads(run("evaluate", model, "target.csv", "--part", "all", "--json")[1])["rows"] == ROWS
    code, _, err = run("predict", model, "wide.csv")
    assert code == 1
    assert "wide.csv, line 1: 4 columns and no header; a file without a header has as many columns as" in err
    assert "2, or 3 with the target" in err
    assert "3 with the target. Give" in run("evaluate", model, "plain.csv")[2]


def test_a_target_may_be_empty_in_predict(run, write, model, columns, folder):
    write("ab.csv", "a,b")
    columns["label"] = np.full(ROWS, "")
    write("empty.csv", "label,a,b")
    assert predicted(run, model, "empty.csv")[0] == predicted(run, model, "ab.csv")[0]


def test_values_whose_target_is_the_first_column(run, folder):
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1, 1, size=(2, 300))
    data = {"t": 1e6 * a + 3e6, "a": a, "b": b}
    (folder / "reg.csv").write_text(table(data, ["t", "a", "b"]))
    argv = ("train", "reg.csv", "--target", "t", "--no-plot", "--members", "2")
    code, out, _ = run(*argv)
    assert code == 0
    assert " bins of numbers, targets standardised" in " ".join(out.split())
    result = json.loads(run(*argv, "--json")[1])
    assert result["scale_targets"] is True
    assert result["test"]["r2"] > 0.99
    assert json.loads(run("info", "reg.safetensors", "--json")[1])["scale_targets"] is True
    assert json.loads(run("evaluate", "reg.safetensors", "reg.csv", "--json")[1])["r2"] > 0.99
    answers = json.loads(run("predict", "reg.safetensors", "reg.csv", "--json")[1])["predictions"]
    assert np.corrcoef(answers, data["t"])[0, 1] > 0.99
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        _, out, err = run(*argv, "--no-scale-targets", "--json", "-q")
    assert err.startswith("note: The root mean square of y is ")
    assert err.endswith("Use --scale-targets.\n")
    result = json.loads(out)
    assert result["scale_targets"] is False
    assert result["test"]["r2"] < 0.5


@pytest.mark.parametrize("loss", ["poisson", "mae", "huber"])
def test_targets_are_scaled_if_the_loss_allows_it(run, folder, loss):
    x = np.linspace(0, 1, 100)
    (folder / "x.csv").write_text(table({"x": x, "y": 100 * x + 1.5}, ["x", "y"]))
    result = json.loads(run("train", "x.csv", "--loss", loss, "--json", *TRAIN)[1])
    assert result["scale_targets"] is (loss != "poisson")


def test_targets_of_classes_are_not_scaled(run, write):
    write("train.csv", "a,b,label")
    code, _, err = run("train", "train.csv", "--scale-targets", *TRAIN)
    assert code == 2
    assert "--scale-targets does not apply to the loss binary_cross_entropy, for classes; omit it" in err


def test_decimals_that_are_whole_numbers_are_classes(run, write, columns):
    columns["y"] = (columns["label"] == "yes").astype(float)
    write("y.csv", "a,b,y")
    result = json.loads(run("train", "y.csv", "--json", *TRAIN)[1])
    assert (result["task"], result["classes"]) == ("classification", [0, 1])
    assert json.loads(run("evaluate", "y.safetensors", "y.csv", "--json")[1])["accuracy"] > 0.8
    assert set(predicted(run, "y.safetensors", "y.csv")[0].split()[1:]) == {"0", "1"}


def test_labels_that_differ_in_zeros_stay_apart(run, write, columns):
    columns["code"] = np.where(columns["a"] > columns["b"], "007", "7")
    write("code.csv", "a,b,code")
    result = json.loads(run("train", "code.csv", "--json", *TRAIN)[1])
    assert result["classes"] == ["007", "7"]
    assert set(predicted(run, "code.safetensors", "code.csv")[0].split()[1:]) == {"007", "7"}
    sevens = columns["code"] == "7"
    columns = {name: values[sevens] for name, values in columns.items()}
    with open("sevens.csv", "w") as file:
        file.write(table(columns, ["a", "b", "code"]))
    confusion = json.loads(run("evaluate", "code.safetensors", "sevens.csv", "--json")[1])["confusion"]
    assert (sum(confusion[0]), sum(confusion[1])) == (0, int(sevens.sum()))


def test_equal_names_are_refused(run, write, columns):
    write("twice.csv", "a,a,label")
    code, _, err = run("train", "twice.csv", "--layers", 4, "--epochs", 1, "--no-plot")
    assert code == 1
    assert "twice.csv, line 1: 2 columns are named 'a': columns 1, 2; rename them" in err
    assert not os.path.exists("twice.safetensors")


def test_a_model_without_names_takes_columns_by_position(run, write, columns):
    write("b.csv", "b,a,label")
    X = np.column_stack([columns["a"], columns["b"]])
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, columns["label"], epochs=30)
    net.save("net")
    expected = net.predict(X[:, ::-1])
    assert predicted(run, "net", "b.csv")[0].split() == ["prediction", *expected]


# ---- other sources


def test_standard_input(run, write, model, columns, monkeypatch):
    write("ab.csv", "b,a")
    expected = predicted(run, model, "ab.csv")
    for content in (table(columns, ["b", "a"]).encode(), gzip.compress(table(columns, ["b", "a"]).encode())):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert predicted(run, model, "-") == expected
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(table(columns, ["label", "a", "b"]).encode()))
    )
    assert run("train", "-", "--target", "label", *TRAIN) == (0, "", "")
    assert predicted(run, "stdin.safetensors", "ab.csv") == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, err = run("predict", model, "-")
    assert (code, err) == (1, "compiled-nn: error: stdin, line 1: the file holds no rows\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_pipes(run, write, model, columns, environment):
    write("ab.csv", "a,b")
    expected = predicted(run, model, "ab.csv")
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(table(columns, ["a", "b"]),))
    writer.start()
    assert predicted(run, model, "pipe") == expected
    writer.join()
    words = [sys.executable, "-m", "compiled_nn", "predict", model, "/dev/stdin"]
    content = table(columns, ["a", "b"])
    done = subprocess.run(
        words, env=environment, input=content, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == expected


def test_gzip(run, write, model, columns, folder):
    write("ab.csv", "a,b")
    content = gzip.compress(table(columns, ["id", "b", "a"]).encode())
    (folder / "new.csv.gz").write_bytes(content)
    assert predicted(run, model, "new.csv.gz")[0] == predicted(run, model, "ab.csv")[0]
    (folder / "cut.csv.gz").write_bytes(content[: len(content) // 2])
    code, _, err = run("predict", model, "cut.csv.gz")
    assert code == 1
    assert err.startswith("compiled-nn: error: cut.csv.gz is a damaged gzip file: ")
    (folder / "train.csv.gz").write_bytes(gzip.compress(table(columns, ["label", "a", "b"]).encode()))
    run("train", "train.csv.gz", "--target", "label", *TRAIN, "-o", "two.safetensors")
    assert (folder / "two.safetensors").read_bytes() == (folder / model).read_bytes()


def test_parquet(run, write, model, columns, folder):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow
    from pyarrow import parquet

    write("ab.csv", "a,b")
    expected = predicted(run, model, "ab.csv")[0]
    names = ["id", "label", "b", "a"]
    parquet.write_table(pyarrow.table({name: columns[name] for name in names}), "new.parquet")
    assert predicted(run, model, "new.parquet") == (expected, "note: 2 columns are not used: 'id', 'label'\n")
    assert json.loads(run("evaluate", model, "new.parquet", "--json", "--part", "test")[1])["rows"] == 24
    parquet.write_table(pyarrow.table({"1": columns["a"], "2": columns["b"]}), "numbers.parquet")
    assert (
        "2 of the 2 columns that the model takes are missing" in run("predict", model, "numbers.parquet")[2]
    )
    names = ["label", "a", "b"]
    parquet.write_table(pyarrow.table({name: columns[name] for name in names}), "train.parquet")
    assert run("train", "train.parquet", "--target", "label", *TRAIN, "-o", "two.safetensors") == (0, "", "")
    assert (folder / "two.safetensors").read_bytes() == (folder / model).read_bytes()
    result = json.loads(run("train", "new.parquet", "--target", "label", *TRAIN, "--json")[1])
    assert result["left_out"] == {"id": "identifier"}
    _, _, err = run("train", "new.parquet", "--target", "lable", *TRAIN)
    assert "no column is named 'lable'" in err
    assert err.endswith("Did you mean 'label'?\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"BZh91AY", "is compressed with bzip2"),
        (b"\xfd7zXZ\0", "is compressed with xz"),
        (b"\x28\xb5\x2f\xfd", "is compressed with zstd"),
    ],
)
def test_other_formats_are_named(run, folder, content, message):
    (folder / "data.csv").write_bytes(content)
    code, _, err = run("train", "data.csv", *TRAIN)
    assert code == 1
    assert message in err
    assert err.count("\n") == 1
