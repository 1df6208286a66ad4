"""The output of ``predict``: names of its columns, its formats, and that it is written in batches."""

import csv
import io
import json
import math
import os
import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli.tables import parts, writers
from compiled_nn.datasets import Table

ROWS = 60


def table(rows=ROWS):
    """Return a table of numbers and text."""
    rng = np.random.default_rng(0)
    city = np.array(["Ulm", "Rom", None], dtype=object)[rng.integers(0, 3, rows)]
    return Table({"a": rng.normal(size=rows).round(3), "city": city})


def write(path, columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        cells = [["" if value is None else value for value in values.tolist()] for values in columns.values()]
        writer.writerows(zip(*cells, strict=True))


def fitted(loss, n_outputs, y, X=None, **options):
    layers = [cnn.Dense(4, "tanh"), cnn.Dense(n_outputs)]
    net = cnn.Network(layers, loss=loss, categorical_features="auto", seed=0, **options)
    return net.fit(table() if X is None else X, y, epochs=2)


@pytest.fixture
def data(folder):
    """Write x.csv, whose rows have a number as well, and return its columns."""
    columns = {"n": np.array([f"{i:03}" for i in range(ROWS)], dtype=object), **table().to_dict()}
    write("x.csv", columns)
    return columns


def values():
    return table()["a"] * 2 + 1


def labels():
    return np.where(table()["a"] > 0, "yes", "no")


def csv_of(text):
    """Return the columns of CSV text."""
    head, *rows = csv.reader(io.StringIO(text))
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def predicted(run, *argv):
    code, out, err = run("predict", "net", "x.csv", *argv)
    assert code == 0, err
    return out


# ---- names


def test_intervals(run, data):
    net = fitted("mse", 1, values()).calibrate_intervals(table(), values())
    net.save("net")
    found = csv_of(predicted(run, "--interval", "0.5,0.9"))
    assert list(found) == ["prediction", "lower_0.5", "upper_0.5", "lower_0.9", "upper_0.9"]
    lower, upper = net.predict_interval(table(), 0.9)
    assert np.array_equal(np.float64(found["lower_0.9"]), lower)
    assert np.array_equal(np.float64(found["upper_0.9"]), upper)
    assert np.array_equal(np.float64(found["prediction"]), net.predict(table()))
    assert list(csv_of(predicted(run))) == ["prediction"]


def test_intervals_of_training_are_added(run, data):
    net = fitted("mse", 1, values()).calibrate_intervals(table(), values())
    record = {"target": None, "target_column": None, "split": None, "trained": "", "interval": 0.8}
    net.save("net", metadata={"compiled-nn train": {**record, "date_formats": {}}})
    assert list(csv_of(predicted(run))) == ["prediction", "lower_0.8", "upper_0.8"]
    assert list(csv_of(predicted(run, "--interval", "0.6"))) == ["prediction", "lower_0.6", "upper_0.6"]


def test_intervals_without_a_calibration(run, data):
    fitted("mse", 1, values()).save("net")
    code, out, err = run("predict", "net", "x.csv", "--interval", "0.9")
    assert (code, out) == (2, "")
    assert (
        "--interval needs scores of held-out rows, which net does not have; train it with --interval" in err
    )


def test_a_coverage_for_which_there_are_too_few_rows(run, data):
    fitted("mse", 1, values()).calibrate_intervals(table(), values()).save("net")
    code, out, err = run("predict", "net", "x.csv", "--interval", "0.999")
    assert (code, out, err.count("\n")) == (1, "", 2)
    assert "999" in err


def test_sets_of_classes(run, data):
    net = fitted("softmax_cross_entropy", 2, labels()).calibrate_intervals(table(), labels())
    net.save("net")
    found = csv_of(predicted(run, "--interval", "0.9"))
    assert list(found) == ["prediction", "set_0.9_no", "set_0.9_yes"]
    assert np.array_equal(np.int64(found["set_0.9_yes"]), net.predict_set(table(), 0.9)[:, 1])


def test_probabilities(run, data):
    net = fitted("softmax_cross_entropy", 2, labels())
    net.save("net")
    found = csv_of(predicted(run, "--proba"))
    assert list(found) == ["probability_no", "probability_yes"]
    assert np.array_equal(np.float32(found["probability_yes"]), net.predict_proba(table())[:, 1])


def test_quantiles(run, data):
    net = fitted(cnn.losses.Quantile((0.05, 0.5, 0.95)), 3, values())
    net.save("net")
    found = csv_of(predicted(run))
    assert list(found) == ["q0.05", "q0.5", "q0.95"]
    assert np.array_equal(np.float64(list(found.values())).T, net.predict(table()))


def test_standard_deviations(run, data):
    net = fitted("gaussian_nll", 2, values())
    net.save("net")
    found = csv_of(predicted(run))
    assert list(found) == ["prediction", "std"]
    mean, std = net.predict_distribution(table())
    assert np.array_equal(np.float64(found["std"]), std)
    assert np.array_equal(np.float64(found["prediction"]), mean)


def test_several_values(run, data):
    y = np.stack([values(), -values()], axis=1)
    net = fitted("mse", 2, y).calibrate_intervals(table(), y)
    net.save("net")
    found = csv_of(predicted(run, "--interval", "0.9"))
    bounds = [f"{side}_0.9_{i}" for side in ("lower", "upper") for i in (0, 1)]
    assert list(found) == ["prediction_0", "prediction_1", *bounds]
    assert np.array_equal(np.float64(found["upper_0.9_1"]), net.predict_interval(table(), 0.9)[1][:, 1])


# ---- columns of the input


def test_columns_of_the_input_are_kept(run, data):
    fitted("mse", 1, values()).save("net")
    found = csv_of(predicted(run, "--keep", "n,city"))
    assert list(found) == ["n", "city", "prediction"]
    assert found["n"] == data["n"].tolist()  # with zeros in front
    assert found["city"] == ["" if city is None else city for city in data["city"].tolist()]
    assert list(csv_of(predicted(run, "--keep", "city", "--keep", "0"))) == ["city", "n", "prediction"]


def test_wrong_columns_to_keep(run, data):
    fitted("mse", 1, values()).save("net")
    code, out, err = run("predict", "net", "x.csv", "--keep", "citi")
    assert (code, out) == (1, "")
    assert err == (
        "compiled-nn: error: x.csv, line 1: no column is named 'citi'; the columns are 'n', 'a', 'city'. Did you mean "
        "'city'?\n"
    )
    code, _, err = run("predict", "net", "x.csv", "--keep", "7")
    assert "there is no column 7, counted from 0; the file has 3 columns" in err
    write("x.csv", {"prediction": data["n"], **table().to_dict()})
    code, out, err = run("predict", "net", "x.csv", "--keep", "prediction")
    assert (code, out) == (1, "")
    assert "the column 'prediction' of x has the name of an output; rename it, or omit it in --keep" in err


# ---- formats


def test_formats_hold_the_same(run, data):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    fitted("mse", 1, values()).calibrate_intervals(table(), values()).save("net")
    options = ("--keep", "n,city,a", "--interval", "0.9")
    found = csv_of(predicted(run, *options))
    for ending in ("csv", "jsonl", "parquet"):
        assert predicted(run, *options, "-o", f"out.{ending}") == (
            f"predictions for {ROWS} rows (all) written to out.{ending}\n"
        )
    with open("out.csv", newline="") as file:
        assert csv_of(file.read()) == found
    with open("out.jsonl") as file:
        lines = list(map(json.loads, file))
    assert [list(line) for line in lines] == [list(found)] * ROWS
    stored = parquet.read_table("out.parquet").to_pydict()
    assert list(stored) == list(found)
    for name, texts in found.items():
        of_lines = [line[name] for line in lines]
        assert stored[name] == of_lines
        assert ["" if value is None else str(value) for value in of_lines] == texts


def test_numbers_that_json_does_not_have(run):
    batch = {"x": np.array([1.5, math.inf, math.nan]), "y": np.float32([-math.inf, 0.1, 1e-30])}
    batch |= {"z": np.array(['a"b\n', None, "%s"], dtype=object), "b": np.array([True, False, True])}
    (text,) = writers.WRITERS["jsonl"]([batch])
    rows = [json.loads(line) for line in text.decode().splitlines()]
    assert rows[0] == {"x": 1.5, "y": None, "z": 'a"b\n', "b": True}
    assert rows[1] == {"x": None, "y": 0.1, "z": None, "b": False}
    assert rows[2] == {"x": None, "y": 1e-30, "z": "%s", "b": True}


def test_dates_are_written_as_iso(run):
    days = np.array(["2020-02-29", "NaT", "2021-01-01T12:30:05"], dtype="datetime64[us]")
    assert b"".join(writers.WRITERS["csv"]([{"d": days}])) == b'd\n2020-02-29\n""\n2021-01-01 12:30:05\n'
    assert b"".join(writers.WRITERS["jsonl"]([{"d": days}])).split(b"\n")[1] == b'{"d": null}'


@pytest.mark.parametrize("proba", [(), ("--proba",)])
def test_npy_is_that_of_numpy(run, data, proba):
    net = fitted("softmax_cross_entropy", 2, labels())
    net.save("net")
    predicted(run, *proba, "-o", "out.npy")
    np.save("expected.npy", net.predict_proba(table()) if proba else net.predict(table()))
    with open("out.npy", "rb") as file, open("expected.npy", "rb") as expected:
        assert file.read() == expected.read()
    code, _, err = run("predict", "net", "x.csv", "-o", "kept.npy", "--keep", "n")
    assert code == 1
    assert "a .npy file has one type" in err
    assert not os.path.exists("kept.npy")


def test_format_is_chosen_by_option(run, data):
    fitted("mse", 1, values()).save("net")
    predicted(run, "-o", "out.csv", "--format", "jsonl")
    with open("out.csv") as file:
        assert list(json.loads(file.readline())) == ["prediction"]
        file.seek(0)
        assert predicted(run, "--format", "jsonl") == file.read()
    code, _, err = run("predict", "net", "x.csv", "--format", "json")
    assert (code, "Did you mean 'jsonl'?" in err) == (2, True)


def test_binary_formats_to_stdout(data, environment):
    fitted("mse", 1, values()).save("net")
    words = [sys.executable, "-m", "compiled_nn", "predict", "net", "x.csv", "--format", "npy"]
    done = subprocess.run(words, env=environment, capture_output=True, check=True)
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), cnn.load("net").predict(table()))


# ---- batches


def test_an_error_in_a_later_batch_names_its_row_and_leaves_the_file(run, data, folder, monkeypatch):
    monkeypatch.setattr(parts, "_TOGETHER", 10)
    X = np.arange(60.0).reshape(30, 2)
    cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit(X, X[:, 0], epochs=1).save("net")
    X[25, 1] = np.nan
    np.savez("x.npz", X=X, y=X[:, 0])
    (folder / "out.csv").write_text("old")
    code, out, err = run("predict", "net", "x.npz", "-o", "out.csv")
    assert (code, out) == (1, "")
    assert "row 25, counted from 0, column 1" in err
    assert (folder / "out.csv").read_text() == "old"
    assert [name for name in os.listdir() if name.endswith(".tmp")] == []


def test_batches_of_arrays_are_the_whole(run, data, monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 3))
    net = cnn.Network([cnn.Dense(3)], seed=0).fit(X, np.arange(100) % 3, epochs=1)
    net.save("net")
    np.savez("x.npz", X=X, y=np.arange(100) % 3)
    outputs = []
    for together in (7, 1000):
        monkeypatch.setattr(parts, "_TOGETHER", together)
        outputs.append([run("predict", "net", "x.npz", "--format", name)[1] for name in ("csv", "jsonl")])
        assert run("predict", "net", "x.npz", "--proba", "-o", "p.npy")[0] == 0
        assert np.array_equal(np.load("p.npy"), net.predict_proba(X))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_an_error_of_the_network_names_the_line(run, data, folder, command):
    fitted("mse", 1, values()).save("net")
    text = 'city,a,y\n\nUlm,1,2\n"Rom\nOst",inf,3\n'  # a blank line, and a cell of two lines
    (folder / "x.csv").write_text(text)
    code, out, err = run(command, "net", "x.csv", *(["--target", "y"] if command != "predict" else []))
    assert (code, out) == (1, "")
    assert err.endswith("compiled-nn: error: x: column 'a' contains infinity: line 5.\n")
