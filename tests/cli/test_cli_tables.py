"""``train`` on tables as they come: gaps, dates, identifiers, free text; what it does to them, and what it says."""

import io
import json
import os
import re
import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli.learning import progress, training
from compiled_nn.cli.support.terminal import Terminal
from compiled_nn.cli.tables import record
from compiled_nn.datasets import Table, read_table

ROWS = 240
FAST = ("--layers", "8", "--epochs", "8", "--no-plot", "-q")


def churn(rows=ROWS):
    """Return the columns of a table of customers; who pays much and came late leaves."""
    rng = np.random.default_rng(3)
    charge, tenure = np.round(rng.uniform(20, 90, rows), 2), rng.integers(0, 72, rows)
    leaves = charge - tenure + rng.normal(0, 5, rows) > 20
    columns = {
        "customer": [f"C{i:04d}-{code}" for i, code in enumerate(rng.integers(10**5, size=rows))],
        "plan": rng.choice(["basic", "plus, with TV", "pro"], rows),
        "tenure": tenure,
        "charge": [str(value) for value in charge],
        "since": np.datetime64("2019-01-31") + rng.integers(0, 1500, rows),
        "zip": rng.choice(["01067", "80331", "04109", "20095"], rows),
        "country": ["DE"] * rows,
        "note": [" ".join(rng.choice(list("abcdefghij"), 8)) for _ in range(rows)],
        "Churn": np.where(leaves, "Yes", "No"),
    }
    columns = {name: [str(value) for value in values] for name, values in columns.items()}
    for i in range(0, rows, 9):
        columns["charge"][i] = ""
        columns["plan"][(i * 7) % rows] = ""
    return columns


def write(path, columns, *, delimiter=";", decimal=",", header=True):
    """Write a CSV file; numbers of the column "charge" have this decimal mark."""

    def cell(name, text):
        text = text.replace(".", decimal) if name == "charge" else text
        return f'"{text}"' if delimiter in text or '"' in text else text

    lines = [delimiter.join(columns)] * header
    lines += [
        delimiter.join(cell(name, text) for name, text in zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


@pytest.fixture
def train(run):
    """Train with --json; return the JSON object and the notes."""

    def train(*argv):
        code, out, err = run("train", *argv, *FAST, "--json")
        assert code == 0, err
        return json.loads(out), err

    return train


@pytest.fixture
def refused(run):
    """Return the error of a command line that is refused."""

    def refused(*argv, code=1):
        before = sorted(os.listdir())
        found, out, err = run("train", *argv, *FAST, "-o", "new")
        assert (found, out) == (code, "")
        assert err.startswith("compiled-nn: error: ")
        assert err.count("\n") == 1
        assert sorted(os.listdir()) == before
        return err.removeprefix("compiled-nn: error: ")

    return refused


# ---- the first attempt


def test_first_attempt(run):
    write("churn.csv", churn())
    code, out, err = run("train", "churn.csv", "--target", "Churn", "--no-plot")
    assert code == 0, err
    assert out.startswith("churn: 240 rows; target 'Churn', 2 classes\n")
    said = " ".join(out.split())
    assert "columns: 2 categories, 2 numbers, 1 date used; left out: " in said
    assert "customer (identifier), country (constant), note (identifier)" in said
    assert "rows: 192 to train on (each is held out once, in " in said
    assert " folds), 48 to test with (drawn at random, with" in said
    assert re.search("(epochs|at most), and keeps the best weights [0-9]+ networks [0-9]+-[0-9]+-", said)
    assert ", binary_cross_entropy, input standardised (" in said
    assert "chosen for classes (2 classes, the smallest with 0." in said
    assert "of the work of --budget 1; each row is held out by a member; " in said
    assert "test accuracy        0." in out
    assert "out-of-fold accuracy 0." in out
    assert "baseline             0." in out
    assert "; weights of the best epochs, " in out
    assert "train accuracy" not in out  # the networks were trained on these rows
    assert max(map(len, out.splitlines())) <= 80
    assert "note: " not in err
    types = cnn.load("churn.safetensors").encoder_.column_types_
    assert [types[name].kind for name in ("zip", "since", "charge")] == ["category", "date", "number"]


def test_facts_in_json(train):
    write("churn.csv", churn())
    result, err = train("churn.csv", "--target", "Churn")
    assert err == ""
    assert result["column_types"]["plan"] == "category"
    assert result["left_out"] == {"customer": "identifier", "country": "constant", "note": "identifier"}
    assert result["split"] == {
        **{"fraction": 0.2, "seed": 0, "stratified": True, "time": None, "group": None},
        "test_rows": 48,
    }
    assert (result["validation_rows"], result["validation"], result["monitor"]) == (0, "folds", "val_loss")
    assert result["standardize"] == "standard_smooth_clip"
    assert result["members"] == len(result["best_epochs"]) == len(result["temperatures"]) == 10
    assert result["choices"]["n_members"]["value"] == 10
    assert result["out_of_fold"]["rows"] == 192
    net, table = cnn.load("churn.safetensors"), read_table("churn.csv")
    assert isinstance(net, cnn.Ensemble)
    held, _ = record.of(net).find(table, table["Churn"])
    rows, labels = table.drop("Churn").take(held), table["Churn"][held].astype(str)
    assert result["test"]["accuracy"] == net.score(rows, labels)
    assert result["train"]["rows"] == 192
    most = max(sum(row) for row in result["test"]["confusion"]) / 48
    assert result["test"]["baseline"]["accuracy"] == most < result["test"]["accuracy"]
    assert result["rows_without_target"] == 0


def test_values_with_a_baseline(run, train):
    columns = churn()
    write("t.csv", columns)
    result, _ = train("t.csv", "--target", "tenure")
    table = read_table("t.csv")
    held, _ = record.of(cnn.load("t.safetensors")).find(table, table["tenure"])
    y = table["tenure"].astype(float)
    expected = np.sqrt(np.mean((y[held] - y[~held].mean()) ** 2))
    assert result["test"]["baseline"]["rmse"] == pytest.approx(expected, rel=1e-12)
    assert result["test"]["rmse"] > 0
    out = run("train", "t.csv", "--target", "tenure", *FAST[:-1])[1]
    assert "test error" in out
    assert "with the mean for each row" in out


def test_nothing_of_the_test_rows_is_in_the_encoder(train):
    """Levels, means and scales are those of the rows that the network was trained on."""
    columns = churn()
    columns["plan"] = [
        f"plan {i % 60}" for i in range(ROWS)
    ]  # four rows per level: some have none to train on
    write("t.csv", columns)
    train("t.csv", "--target", "Churn")
    net = cnn.load("t.safetensors")
    table = read_table("t.csv")
    held, _ = record.of(net).find(table, table["Churn"])
    charges = net.encoder_.columns_[net.encoder_.feature_names_in_.tolist().index("charge")]
    present = table["charge"][~held & ~np.isnan(table["charge"])]
    assert charges.mean != pytest.approx(np.nanmean(table["charge"]), rel=1e-9)
    assert charges.mean == pytest.approx(present.mean(), rel=1e-12)
    train_only, _ = train("t.csv", "--target", "Churn", "--early-stopping", "none", "--optimizer", "adam")
    net = cnn.load("t.safetensors")
    assert isinstance(net, cnn.Network)
    charges = net.encoder_.columns_[net.encoder_.feature_names_in_.tolist().index("charge")]
    assert charges.mean == pytest.approx(present.mean(), rel=1e-12)
    plans = net.encoder_.columns_[net.encoder_.feature_names_in_.tolist().index("plan")]
    assert set(plans.categories) == set(table["plan"][~held])
    assert train_only["validation_rows"] == 0


# ---- types of columns


def test_types_that_the_user_gives(train):
    columns = churn()
    columns["a, b"] = columns["tenure"]
    write("t.csv", columns)
    argv = ("--categorical", "tenure", "--numeric", "zip", "--ignore", "since,country", "--ignore", "a, b")
    result, _ = train("t.csv", "--target", "Churn", *argv)
    types = result["column_types"]
    assert (types["tenure"], types["zip"], "since" in types) == ("category", "number", False)
    assert result["left_out"]["a, b"] == result["left_out"]["since"] == "ignored"
    assert train("t.csv", "--target", "Churn", "--ignore", '"a, b",note')[0]["left_out"]["note"] == "ignored"
    by_number, _ = train("t.csv", "--target", "8", "--categorical", "2", "--ignore", "-1")
    assert by_number["target"] == "Churn"
    assert by_number["column_types"]["tenure"] == "category"
    assert by_number["left_out"]["a, b"] == "ignored"


def test_columns_that_are_no_columns(refused):
    write("t.csv", churn())
    assert "Did you mean 'Churn'?" in refused("t.csv", "--target", "Chrun")
    assert "Did you mean 'tenure'?" in refused("t.csv", "--categorical", "tenur")
    assert "--ignore: there is no column 9, counted from 0" in refused("t.csv", "--ignore", "9")
    both = refused("t.csv", "--numeric", "zip", "--categorical", "zip", code=2)
    assert both == "--categorical and --numeric both name the column 'zip'; omit one of them\n"
    assert "names the column 'zip', which another" in refused(
        "t.csv", "--ignore", "zip", "--time", "zip", code=2
    )
    assert "--weight applies only to tables" in refused("digits", "--weight", "3", code=2)
    assert "'charge' of" in refused("t.csv", "--target", "Churn", "--time", "charge")


def test_a_file_without_a_header(train):
    columns = churn()
    write("t.csv", columns, header=False)
    result, _ = train("t.csv", "--target", "8", "--ignore", "0,7", "--time", "4", "--no-header")
    assert result["column_types"]["0"] == "ignore"
    assert result["left_out"] == {"6": "constant", "0": "ignored", "7": "ignored", "4": "time of the rows"}
    net = cnn.load("t.safetensors")
    assert net.n_features_ == 8
    table = read_table("t.csv", header=False).drop(8)
    held, _ = record.of(net).find(table, read_table("t.csv", header=False)[8])
    assert held.sum() == result["test"]["rows"]


# ---- targets


def test_rows_without_a_target_are_left_out(train):
    columns = churn()
    for i in (3, 5, 8):
        columns["Churn"][i] = ""
    write("t.csv", columns)
    result, err = train("t.csv", "--target", "Churn")
    assert err == "note: 3 rows have no value in the target 'Churn' and are left out\n"
    assert result["rows_without_target"] == 3
    assert result["classes"] == ["No", "Yes"]
    assert result["train"]["rows"] + result["test"]["rows"] == ROWS - 3


def test_columns_that_cannot_be_a_target(refused):
    columns = churn()
    columns["empty"] = [""] * ROWS
    columns["number"] = [str(i + 1000) for i in range(ROWS)]
    write("t.csv", columns)
    assert "'customer' looks like a name of each row ('C0000-" in refused("t.csv", "--target", "customer")
    assert "'number' looks like a name of each row (1000, 1001, ...)" in refused(
        "t.csv", "--target", "number"
    )
    assert "the same value, 'DE', in all 240 rows" in refused("t.csv", "--target", "country")
    assert "no value in any row" in refused("t.csv", "--target", "empty")
    assert "has dates, such as 20" in refused("t.csv", "--target", "since")
    message = refused("t.csv", "--target", "plan", "--task", "regression")
    assert "the target is text, such as '" in message
    assert "which another option names" in refused("t.csv", "--weight", "tenure", "--time", "tenure", code=2)
    assert "cannot be the target" in refused("t.csv", "--target", "tenure", "--time", "tenure", code=2)


def test_a_class_that_may_be_a_missing_value_is_noted(train):
    columns = churn()
    for i in range(0, 30, 3):
        columns["Churn"][i] = "NA"
    write("t.csv", columns)
    result, err = train("t.csv", "--target", "Churn")
    assert result["classes"] == ["NA", "No", "Yes"]
    assert err == "note: 'NA' is taken for a class; if it stands for a missing value, give --missing NA\n"
    result, err = train("t.csv", "--target", "Churn", "--missing", "NA")
    assert result["classes"] == ["No", "Yes"]
    assert err == "note: 10 rows have no value in the target 'Churn' and are left out\n"


def test_columns_by_number_from_a_pipe(train, monkeypatch, refused):
    write("t.csv", churn())
    expected, _ = train("t.csv", "--target", "8", "--categorical", "2")
    with open("t.csv", "rb") as file:
        content = file.read()
    for argv, found in (((), train), (("--max-bytes", "1K"), refused)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        result = found("-", "--target", "8", "--categorical", "2", *argv)
        if found is refused:
            assert "more than 1024 bytes, which is --max-bytes" in result
        else:
            assert result[0]["test"]["confusion"] == expected["test"]["confusion"]
            assert result[0]["column_types"]["tenure"] == "category"


def test_a_number_per_row_can_be_a_quantity(train):
    columns = churn()
    columns["number"] = [str(i + 1000) for i in range(ROWS)]
    write("t.csv", columns)
    assert train("t.csv", "--target", "number", "--task", "regression")[0]["task"] == "regression"


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (("0.0", "1.0"), "classification", [0, 1]),
        (("007", "7"), "classification", ["007", "7"]),
        (("a", "b"), "classification", ["a", "b"]),
        (("1.5", "2"), "regression", None),
    ],
)
def test_targets_of_two_values(train, labels, task, classes):
    columns = churn()
    columns["Churn"] = [labels[value == "Yes"] for value in columns["Churn"]]
    write("t.csv", columns, delimiter=",", decimal=".")
    result, _ = train("t.csv", "--target", "Churn")
    assert (result["task"], result["classes"]) == (task, classes)


def test_whole_numbers_of_many_levels_are_values(train):
    write("t.csv", churn())  # tenure has 72 levels
    assert train("t.csv", "--target", "tenure")[0]["task"] == "regression"
    assert len(train("t.csv", "--target", "tenure", "--task", "classification")[0]["classes"]) > 20


def test_a_class_with_one_row_is_trained_on(train):
    columns = churn()
    columns["Churn"][7] = "Maybe"
    write("t.csv", columns)
    result, err = train("t.csv", "--target", "Churn")
    assert (
        err
        == "note: class 'Maybe' has 1 row, which is trained on and not tested; a score says nothing about it\n"
    )
    assert result["classes"] == ["Maybe", "No", "Yes"]
    assert sum(result["train"]["confusion"][0]) == 1
    assert sum(result["test"]["confusion"][0]) == 0


# ---- splits


def test_the_last_rows_by_time(train):
    columns = churn()
    write("t.csv", columns)
    result, _ = train("t.csv", "--target", "Churn", "--time", "since")
    assert result["split"]["time"] == "since"
    assert result["left_out"]["since"] == "time of the rows"
    table = read_table("t.csv")
    held, trained = record.of(cnn.load("t.safetensors")).find(table, table["Churn"])
    assert table["since"][held].min() > table["since"][~held].max()
    assert held.sum() == result["test"]["rows"] == pytest.approx(48, abs=1)
    assert trained.sum() == ROWS - held.sum()
    assert (
        train("t.csv", "--target", "Churn", "--time", "since", "--date", "since")[0]["column_types"]["since"]
        == "date"
    )


def test_whole_groups(train, run):
    columns = churn()
    columns["shop"] = [f"s{i % 12}" for i in range(ROWS)]
    write("t.csv", columns)
    result, _ = train("t.csv", "--target", "Churn", "--group", "shop")
    assert result["left_out"]["shop"] == "group of the rows"
    table = read_table("t.csv")
    held, _ = record.of(cnn.load("t.safetensors")).find(table, table["Churn"])
    assert set(table["shop"][held]).isdisjoint(table["shop"][~held])
    assert "of the rows, whole groups by 'shop', drawn with seed 0" in run("info", "t.safetensors")[1]
    code, _, err = run("train", "t.csv", "--time", "since", "--group", "shop")
    assert (code, "--time and --group exclude each other" in err) == (2, True)


def test_columns_of_splits_must_be_complete(refused):
    columns = churn()
    columns["since"][4] = ""
    columns["shop"] = ["a", "b"] * (ROWS // 2)
    write("t.csv", columns)
    message = refused("t.csv", "--target", "Churn", "--time", "since")
    assert "'since' of --time has no value in 1 of 240 rows, the first of which is line 6" in message
    assert "is text, such as '" in refused("t.csv", "--target", "Churn", "--time", "note")
    assert "has 2 different values; at least 3" in refused("t.csv", "--target", "Churn", "--group", "shop")


def test_weights_of_rows(run):
    columns = churn()
    rng = np.random.default_rng(5)
    wrong = rng.random(ROWS) < 0.5
    columns["Churn"] = [
        {"Yes": "No", "No": "Yes"}[label] if bad else label
        for label, bad in zip(columns["Churn"], wrong, strict=True)
    ]
    columns["w"] = ["0" if bad else "1" for bad in wrong]
    write("t.csv", columns)
    argv = ("--weight", "w", "--epochs", 150, "--early-stopping", "none", "--layers", 8, "--no-plot", "-q")
    result = json.loads(run("train", "t.csv", "--target", "Churn", *argv, "--json")[1])
    assert result["left_out"]["w"] == "weight of the rows"
    table = read_table("t.csv")
    right = cnn.load("t.safetensors").predict(table.drop("Churn")) == table["Churn"]
    assert right[~wrong].mean() > 0.8 > 0.3 > right[wrong].mean()
    n_right = round(result["test"]["accuracy"] * result["test"]["rows"])
    assert sum(result["test"]["confusion"][i][i] for i in (0, 1)) == n_right  # each row counts 1


def test_weights_are_not_in_the_scores(run, folder):
    write("t.csv", churn() | {"w": ["1"] * ROWS})
    for options, n in ((("--weight", "w"), 1), ((), 0)):
        code, out, _ = run("train", "t.csv", "--target", "Churn", "--epochs", 2, "--no-plot", *options)
        assert code == 0
        assert (
            " ".join(out.split()).count("weights not in the scores above, in which all rows count the same")
            == n
        )


# ---- what the options of training do


def test_class_weights(train, refused):
    write("t.csv", churn())
    shares = []
    for weights in ("Yes=50", "No=50", "balanced"):
        result, _ = train("t.csv", "--target", "Churn", "--class-weight", weights)
        confusion = np.array(result["train"]["confusion"])
        shares.append(confusion[:, 1].sum() / confusion.sum())
    assert shares[1] < shares[2] < shares[0]
    message = refused("t.csv", "--target", "Churn", "--class-weight", "yes=2")
    assert "'yes', which is not a class; the classes are 'No', 'Yes'. Did you mean 'Yes'?" in message
    assert "--class-weight is for classes" in refused(
        "t.csv", "--target", "tenure", "--class-weight", "a=1", code=2
    )


def test_intervals(train, refused, run):
    write("t.csv", churn())
    result, _ = train("t.csv", "--target", "tenure", "--interval", "0.8")
    interval = result["test"]["interval"]
    net = cnn.load("t.safetensors")
    assert record.of(net).interval == 0.8
    table = read_table("t.csv")
    held, _ = record.of(net).find(table, table["tenure"])
    lower, upper = net.predict_interval(table.drop("tenure").take(held), 0.8)
    y = table["tenure"][held]
    assert interval["inside"] == np.mean((lower <= y) & (y <= upper))
    assert interval["inside"] > 0.6
    for options, n in (((), 192), (("--optimizer", "adam"), 19), (("--members", "1"), 38)):
        few = refused("t.csv", "--target", "tenure", "--interval", "0.999", *options)
        assert few == (
            f"--interval 0.999 needs at least 999 rows that are held out of training, and there are {n}; give a larger "
            "--validation-fraction, or a smaller coverage\n"
        )
    out = run("train", "t.csv", "--target", "tenure", "--interval", "0.8", *FAST[:-1])[1]
    assert "interval 0.8" in out
    sets = train("t.csv", "--target", "Churn", "--interval", "0.9")[0]["test"]["interval"]
    assert 0.7 < sets["inside"] <= 1


def test_a_temperature(train, refused):
    write("t.csv", churn())
    one = ("--optimizer", "adam")
    result, _ = train("t.csv", "--target", "Churn", "--calibrate", *one)
    assert result["temperature"] == cnn.load("t.safetensors").temperature_ != 1
    assert result["temperatures"] is None
    assert train("t.csv", "--target", "Churn", *one)[0]["temperature"] is None
    result, _ = train("t.csv", "--target", "Churn", "--calibrate")
    assert result["temperatures"] == cnn.load("t.safetensors").temperatures_.tolist()
    assert 1 not in result["temperatures"]
    assert set(train("t.csv", "--target", "Churn")[0]["temperatures"]) == {1}
    last, _ = train("t.csv", "--target", "Churn", "--calibrate", "--early-stopping", "none")
    assert last["temperature"] == cnn.load("t.safetensors").temperature_ != 1
    assert (last["validation_rows"], last["best_epoch"], last["out_of_fold"]) == (38, None, None)
    assert "--calibrate is for classes" in refused("t.csv", "--target", "tenure", "--calibrate", code=2)


def test_metrics(train, refused, run):
    write("t.csv", churn())
    result, _ = train("t.csv", "--target", "Churn", "--metric", "roc_auc,log_loss", "--monitor", "brier")
    assert list(result["test"]["metrics"]) == ["roc_auc", "log_loss", "brier"]
    net, table = cnn.load("t.safetensors"), read_table("t.csv")
    held, _ = record.of(net).find(table, table["Churn"])
    p = net.predict_proba(table.drop("Churn").take(held))
    expected = cnn.metrics.roc_auc(table["Churn"][held].astype(str), p)
    assert result["test"]["metrics"]["roc_auc"] == pytest.approx(expected, rel=1e-9)
    assert result["monitor"] == "val_brier"
    best = int(np.argmin(result["history"]["val_brier"]))
    assert result["best_epoch"] == best + 1
    message = refused("t.csv", "--target", "Churn", "--metric", "mae", code=2)
    assert message == "the metric mae is for values, but the target has classes\n"
    assert "test roc_auc" in run("train", "t.csv", "--target", "Churn", "--metric", "roc_auc", *FAST[:-1])[1]


def test_early_stopping_can_be_left_out(train):
    write("t.csv", churn())
    result, _ = train("t.csv", "--target", "Churn", "--early-stopping", "none")
    assert (result["validation_rows"], result["patience"], result["best_epoch"]) == (0, None, None)
    assert result["epochs"] == 8
    half = ("--validation-fraction", "0.5", "--early-stopping", "2")
    result, _ = train("t.csv", "--target", "Churn", *half, "--optimizer", "adam")
    assert (result["validation_rows"], result["patience"]) == (96, 2)
    result, _ = train("t.csv", "--target", "Churn", *half, "--members", "5")
    assert (result["validation"], result["patience"]) == ("random", 2)
    assert 96 < result["out_of_fold"]["rows"] < 192  # five halves, drawn at random


def test_ctrl_c_keeps_the_best_weights(run, monkeypatch):
    def press(self, net, epoch, history):
        if epoch == 5:
            raise KeyboardInterrupt

    class Second(cnn.callbacks.EarlyStopping):
        def on_epoch_end(self, net, epoch, history):
            history["val_loss"][-1] = abs(epoch - 2.0)
            return super().on_epoch_end(net, epoch, history)

    monkeypatch.setattr(progress.Progress, "on_epoch_end", press)
    monkeypatch.setattr(training, "EarlyStopping", Second)
    write("t.csv", churn())
    argv = ("train", "t.csv", "--target", "Churn", "--optimizer", "adamw", *FAST[:-1], "--json")
    code, out, err = run(*argv)
    assert code == 130
    result = json.loads(out)
    assert (result["interrupted"], result["stop_reason"], result["best_epoch"]) == (True, "interrupted", 2)
    assert result["test"] is None
    assert err.endswith(
        "interrupted after 5 of 8 epochs; the weights of the best epoch, 2, are saved in t.safetensors\n"
    )
    interrupted = cnn.load("t.safetensors")
    assert record.of(interrupted).target == "Churn"
    monkeypatch.setattr(progress.Progress, "on_epoch_end", lambda *_: None)
    assert run(*argv)[0] == 0
    X = read_table("t.csv").drop("Churn")
    assert np.array_equal(cnn.load("t.safetensors").predict_proba(X), interrupted.predict_proba(X))


def test_ctrl_c_keeps_the_best_weights_of_each_network(run, monkeypatch):
    def at(stop):
        def press(self, net, epoch, history):
            if epoch == 5:
                raise KeyboardInterrupt
            return False

        monkeypatch.setattr(
            progress.Progress, "on_epoch_end", press if stop is None else lambda *each: each[2] == 5
        )
        return run("train", "t.csv", "--target", "Churn", *FAST[:-1], "--json")

    write("t.csv", churn())
    code, out, err = at(None)
    assert code == 130
    result = json.loads(out)
    assert (result["interrupted"], result["stop_reason"], result["test"]) == (True, "interrupted", None)
    assert err.endswith(
        "interrupted after 5 of 8 epochs; the weights of the best epoch, 5, are saved in t.safetensors\n"
    )
    interrupted = cnn.load("t.safetensors")
    assert record.of(interrupted).target == "Churn"
    X = read_table("t.csv").drop("Churn")
    p = interrupted.predict_proba(X)
    assert at(True)[0] == 0
    assert np.array_equal(cnn.load("t.safetensors").predict_proba(X), p)


def test_options_that_replace_the_defaults_of_tables(train, run):
    write("t.csv", churn())
    argv = ("--standardize", "none", "--optimizer", "sgd", "--learning-rate", "0.1", "--batch-size", "16")
    result, _ = train("t.csv", "--target", "Churn", *argv, "--activation", "tanh", "--dropout", "0")
    assert (result["standardize"], result["optimizer"], result["learning_rate"]) == (False, "sgd", 0.1)
    assert result["batch_size"] == 16
    layer = cnn.load("t.safetensors").layers[0]
    assert (layer.units, layer.activation, layer.dropout) == (8, "tanh", 0)
    argv = ("--standardize", "none", "--learning-rate", "0.1", "--batch-size", "16", "--members", "2")
    more = ("--numeric-embeddings", "none", "--dtype", "float64", "--budget", "0.5")
    result, _ = train("t.csv", "--target", "Churn", *argv, *more, "--activation", "tanh", "--dropout", "0")
    assert (result["standardize"], result["optimizer"], result["learning_rate"]) == (False, "adamw", 0.1)
    assert (result["batch_size"], result["members"], result["validation"]) == (16, 2, "random")
    members = cnn.load("t.safetensors").members_
    layer = members[0].layers[0]
    assert (layer.units, layer.activation, layer.dropout) == (8, "tanh", 0)
    assert members[0].get_weights()[0][0].shape == (result["sizes"][0], 8)
    assert members[0].get_weights()[0][0].dtype == np.float64
    assert members[0].optimizer.learning_rate.initial == 0.1
    argv = ("--batch-size", "full", "--layers", "none", "--members", "1", "--epochs", 2, "--no-plot", "-q")
    full = json.loads(run("train", "t.csv", "--target", "Churn", *argv, "--json")[1])
    assert (full["batch_size"], full["members"], full["sizes"][1:]) == (192, 1, [1])


def test_options_that_only_one_network_can_have(train, run, refused):
    write("t.csv", churn())
    for option in (
        ("--l2", "0.1"),
        ("--l1", "0.1"),
        ("--optimizer", "sgd"),
        ("--monitor", "brier"),
        ("--scale", "2"),
    ):
        result, _ = train("t.csv", "--target", "Churn", *option)
        assert (result["members"], result["choices"], result["out_of_fold"]) == (None, None, None)
        assert isinstance(cnn.load("t.safetensors"), cnn.Network)
        message = refused("t.csv", "--target", "Churn", *option, "--members", "3", code=2)
        name = " ".join(option) if option[0] == "--monitor" else option[0]
        assert message == (
            "--members is for the networks of a table whose predictions are averaged, and "
            f"{name} is for one network; omit one of them\n"
        )
    assert (
        "one network because of --l2"
        in run("train", "t.csv", "--target", "Churn", "--l2", "1", *FAST[:-1])[1]
    )
    for option in (("--budget", "2"), ("--refit",), ("--members", "3")):
        assert f"averaged, and DATA is not a table; omit {option[0]}\n" in refused("digits", *option, code=2)


def test_time_limits_and_refit(train, refused, run):
    write("t.csv", churn())
    argv = ("train", "t.csv", "--target", "Churn", "--no-plot", "--layers", "8")
    long = ("--epochs", 10**6, "--early-stopping", 10**6)
    code, out, _ = run(*argv, *long, "--time-limit", "0.8", "-q", "--json")
    assert code == 0
    result = json.loads(out)
    assert (result["stop_reason"], result["epochs"] < 10**6) == ("time_limit", True)
    assert result["seconds"] > 0.2
    assert "until --time-limit; weights of the best epoch" in run(*argv, *long, "--time-limit", "0.8")[1]
    result = json.loads(
        run("train", "xor", "--epochs", 10**8, "--time-limit", "0.5", "-q", "--no-plot", "--json")[1]
    )
    assert result["stop_reason"] == "time_limit"
    assert refused("t.csv", "--time-limit", "1e-9") == (
        "--time-limit has passed while the data were read and checked, before the first step of training. Give a "
        "larger --time-limit, or fewer rows.\n"
    )
    before, _ = train("t.csv", "--target", "tenure")
    weights = cnn.load("t.safetensors").members_[0].get_weights()[0][0]
    after, _ = train("t.csv", "--target", "tenure", "--refit")
    assert before["out_of_fold"] == after["out_of_fold"]
    assert not np.array_equal(weights, cnn.load("t.safetensors").members_[0].get_weights()[0][0])
    for options in (("--time", "since"), ("--early-stopping", "none")):
        assert "--refit has no effect here" in refused(
            "t.csv", "--target", "Churn", "--refit", *options, code=2
        )


def test_scores_out_of_fold(train):
    columns = churn()
    write("t.csv", columns | {"w": ["0" if i % 5 == 0 else "1" for i in range(ROWS)]})
    for target in ("Churn", "tenure"):
        metric = "roc_auc" if target == "Churn" else "mae"
        result, _ = train("t.csv", "--target", target, "--metric", metric, "--weight", "w", "--epochs", "30")
        scored = result["out_of_fold"]
        assert 120 < scored["rows"] < 192  # those of a weight above 0
        score = "accuracy" if target == "Churn" else "r2"
        assert scored[score] < result["train"][score]  # which the networks have learned
        assert np.isfinite(scored["metrics"][metric])
        if target == "Churn":
            confusion = np.array(scored["confusion"])
            assert confusion.sum() == scored["rows"]
            assert np.trace(confusion) == round(scored["accuracy"] * scored["rows"])
            assert scored["baseline"]["accuracy"] == confusion.sum(axis=1).max() / scored["rows"]
        else:
            error = scored["rmse"] ** 2 / scored["baseline"]["rmse"] ** 2
            assert scored["r2"] == pytest.approx(1 - error, rel=1e-9)


# ---- rows that were held out


@pytest.mark.parametrize("target", ["Churn", "tenure"])
def test_held_out_rows_are_found_in_any_file_that_holds_them(train, target):
    columns = churn()
    write("t.csv", columns)
    result, _ = train("t.csv", "--target", target)
    known = record.of(cnn.load("t.safetensors"))
    table = read_table("t.csv")
    held, _ = known.find(table, table[target])
    assert held.sum() == result["test"]["rows"] == 48
    order = np.random.default_rng(1).permutation(ROWS)
    names = ["extra", *reversed(columns)]
    columns["extra"] = ["x"] * ROWS
    shuffled = {name: [columns[name][i] for i in order] for name in names}
    write("other.csv", shuffled, delimiter="\t", decimal=".")
    other = read_table("other.csv")
    assert np.array_equal(known.find(other, other[target])[0], held[order])
    assert not known.find(other.take(~held[order]), other[target][~held[order]])[0].any()


def test_held_out_rows_are_found_in_parquet(train):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow
    from pyarrow import parquet

    write("t.csv", churn())
    train("t.csv", "--target", "Churn")
    table = read_table("t.csv")
    known = record.of(cnn.load("t.safetensors"))
    parquet.write_table(pyarrow.table(table.to_dict()), "t.parquet")
    again = read_table("t.parquet")
    assert np.array_equal(known.find(again, again["Churn"])[0], known.find(table, table["Churn"])[0])


# ---- progress


class Tty:
    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Stepping:
    """Network in training, whose number of steps increases."""

    def __init__(self):
        self._trainer = self.stack = self
        self.steps = 0


def test_progress_within_a_long_epoch(monkeypatch):
    monkeypatch.setattr(progress, "_LONG_EPOCH", 0.0)
    monkeypatch.setattr(progress, "_LOOK_INTERVAL", 0.001)
    stream, net, history = Tty(), Stepping(), {"loss": []}
    shown = progress.Progress(Terminal(stream), 2, 10, "accuracy")
    shown.on_train_begin(net)
    for epoch in (1, 2):
        shown.on_epoch_begin(net, epoch, history)
        net.steps += 4
        deadline = time.monotonic() + 10
        while f"epoch {epoch}/2  40 %" not in stream.text:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        net.steps += 6
        history["loss"].append(0.5)
        shown.on_epoch_end(net, epoch, history)
    shown.finish()
    lines = stream.text.split("\r")[1:]
    assert any(line.startswith("epoch 1/2  40 %  ━━╌╌╌╌╌╌╌╌╌╌") for line in lines)
    assert any(line.startswith("epoch 2/2  40 %  ━━━━━━━━╌╌╌╌  loss 0.5000") for line in lines)
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("epoch 2/2  ━━━━━━━━━━━━  loss 0.5000")
    assert lines[-1].endswith("\n")


def test_progress_does_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(progress, "_LONG_EPOCH", 0.0)
    monkeypatch.setattr(progress, "_LOOK_INTERVAL", 0.001)
    X, y = np.random.default_rng(0).normal(size=(1000, 50)), np.arange(1000) % 2
    found = []
    for shown in ([progress.Progress(Terminal(Tty()), 3, 500, "accuracy")], []):
        net = cnn.Network([cnn.Dense(100, "relu"), cnn.Dense(2)], seed=0)
        net.fit(X, y, epochs=3, batch_size=2, callbacks=shown)
        found.append(net.predict_proba(X))
        for each in shown:
            each.finish()
    assert np.array_equal(*found)


def test_a_short_training_has_no_progress_within_epochs(run):
    table = Table({"x": np.arange(60.0), "y": np.arange(60.0) * 2.5})
    with open("t.csv", "w") as file:
        file.write("x,y\n" + "\n".join(f"{a},{b}" for a, b in zip(table["x"], table["y"], strict=True)))
    err = run("train", "t.csv", "--layers", "4", "--epochs", "3", "--no-plot")[2]
    assert " % " not in err
