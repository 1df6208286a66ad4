"""``--part``: rows that train held out are found again by their hashes, in any file that holds them."""

import base64
import datetime
import json
import random
from itertools import pairwise

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers
from compiled_nn.cli.tables import hashes, record
from compiled_nn.datasets import Table, read_table
from hypothesis import given
from hypothesis import strategies as st

TRAIN = ("--layers", "8", "--epochs", "5", "--no-plot")


@pytest.fixture
def trained(run):
    """Train on flowers.csv and return what was printed."""
    flowers()
    code, out, err = run("train", "flowers.csv", *TRAIN, "--json", "-q")
    assert code == 0, err
    return json.loads(out)


def evaluated(run, *argv):
    code, out, err = run("evaluate", "flowers.safetensors", *argv, "--json")
    assert code == 0, err
    return json.loads(out), err


def test_scores_of_the_parts_are_those_of_training(run, trained):
    for part in ("test", "train"):
        result, err = evaluated(run, "flowers.csv", "--part", part)
        assert (result["part"], err) == (part, "")
        scores = {name: trained[part][name] for name in ("rows", "accuracy", "confusion")}
        assert {name: result[name] for name in (*scores, "loss")} == scores | {
            "loss": pytest.approx(trained[part]["loss"], rel=1e-6)  # the rows have another order in the sum
        }
    assert (trained["test"]["rows"], trained["train"]["rows"]) == (12, 48)


def test_a_note_without_part(run, trained):
    result, err = evaluated(run, "flowers.csv")
    assert (result["part"], result["rows"]) == ("all", 60)
    assert err == (
        "note: the rows include those that the model was trained on, so that its score on new rows may be lower; "
        "--part test uses the 12 rows that train held out\n"
    )
    assert evaluated(run, "flowers.csv", "--part", "all")[1] == ""


def test_rows_in_another_order_and_with_other_columns(run, trained, folder):
    head, *lines = (folder / "flowers.csv").read_text().splitlines()
    random.Random(0).shuffle(lines)
    order = [3, 4, 0, 2, 1]
    rows = [[*(line.split(",")[i] for i in order), "x"] for line in [head, *lines]]
    rows[0][-1] = "note"
    (folder / "other.csv").write_text("\n".join(map(",".join, rows)))
    result, err = evaluated(run, "other.csv", "--part", "test")
    assert result["confusion"] == trained["test"]["confusion"]
    assert err == "note: 1 column is not used: 'note'\n"


def test_part_of_the_rows_and_none(run, trained, folder):
    net, table = cnn.load("flowers.safetensors"), read_table("flowers.csv")
    held, repeated = record.of(net).find(table, table["kind"])
    assert (held.sum(), repeated.sum()) == (12, 48)
    head, *lines = (folder / "flowers.csv").read_text().splitlines()
    tests = [line for line, chosen in zip(lines, held, strict=True) if chosen]
    (folder / "five.csv").write_text("\n".join([head, *tests[:5]]))
    result, err = evaluated(run, "five.csv", "--part", "test")
    assert (result["rows"], err) == (5, "note: five holds 5 of the 12 rows that train held out\n")
    assert evaluated(run, "five.csv")[1] == ""  # none of these rows was trained on
    trains = [line for line, chosen in zip(lines, held, strict=True) if not chosen]
    (folder / "none.csv").write_text("\n".join([head, *trains]))
    assert "the rows include those that the model was trained on" in evaluated(run, "none.csv")[1]
    code, _, err = run("evaluate", "flowers.safetensors", "none.csv", "--part", "test")
    assert code == 1
    assert "none holds none of the 12 rows that train held out; give --part all" in err


def test_equal_rows_count_as_often_as_they_were_held_out(run, folder):
    rng = np.random.default_rng(0)
    rows = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in rng.integers(0, 3, size=(200, 2))]
    (folder / "flowers.csv").write_text("\n".join(["a,b,kind", *rows]))
    result = json.loads(run("train", "flowers.csv", *TRAIN, "--json", "-q")[1])
    again, _ = evaluated(run, "flowers.csv", "--part", "test")
    assert again["confusion"] == result["test"]["confusion"]
    assert again["rows"] == 40


def test_predict_takes_the_same_rows(run, trained):
    net, table = cnn.load("flowers.safetensors"), read_table("flowers.csv")
    held, _ = record.of(net).find(table, table["kind"])
    code, out, _ = run("predict", "flowers.safetensors", "flowers.csv", "--part", "test")
    assert code == 0
    assert out.split()[1:] == net.predict(table.drop("kind").take(held)).tolist()


def test_values(run, folder):
    x = np.linspace(0, 1, 50)
    (folder / "x.csv").write_text("x,y\n" + "\n".join(f"{a},{3 * a - 7.5}" for a in x))
    result = json.loads(run("train", "x.csv", *TRAIN, "--json", "-q")[1])
    again = json.loads(run("evaluate", "x.safetensors", "x.csv", "--part", "test", "--json")[1])
    assert again["rows"] == result["test"]["rows"] == 10
    assert again["r2"] == pytest.approx(
        result["test"]["r2"], rel=1e-6
    )  # the rows have another order in the sum


def test_all_rows_were_trained_on(run):
    flowers()
    run("train", "flowers.csv", *TRAIN, "-q", "--test-fraction", 0)
    _, err = evaluated(run, "flowers.csv")
    assert err.endswith("so that its score on new rows may be lower\n")
    code, _, err = run("evaluate", "flowers.safetensors", "flowers.csv", "--part", "test")
    assert code == 1
    assert "flowers has no test part: the model was trained on all rows; give --part all" in err


def test_another_split_of_a_data_set(run):
    argv = ("train", "digits", "--test-fraction", "0.5", *TRAIN, "-o", "flowers.safetensors", "--json", "-q")
    result = json.loads(run(*argv)[1])
    again, _ = evaluated(run, "digits")
    assert again["part"] == "test"
    assert again["confusion"] == result["test"]["confusion"]


def test_size_and_content_of_the_record(run, trained):
    known = cnn.load("flowers.safetensors").metadata[record.KEY]
    assert known["target"] == "kind"
    assert known["target_column"] == 4
    assert len(base64.b64decode(known["split"].pop("hashes"))) == 8 * 12
    assert len(base64.b64decode(known["trained"])) == 8 * 48
    rule = {"fraction": 0.2, "seed": 0, "stratified": True, "time": None, "group": None, "test_rows": 12}
    assert known["split"] == rule
    card = json.loads(run("info", "flowers.safetensors", "--json")[1])
    assert card["split"] == known["split"]
    assert (
        "test rows     12, 0.2 of the rows, held out by train with seed 0\n"
        in run("info", "flowers.safetensors")[1]
    )


def test_hashes_do_not_depend_on_how_a_value_is_stored():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    expected = record.row_hashes(X, np.array([1.0, 0.0]))
    for same, y in (
        (X.astype(np.uint8), np.array([1, 0])),
        (np.float32([[-0.0, 1], [2, 3]]), np.array([[True], [False]])),
        (np.array([["0", "1.0"], [2, 3.0]], object), np.array(["true", "False"])),
        (X, np.array([b"1", b"0"])),
    ):
        assert np.array_equal(record.row_hashes(same, y), expected)
    days = np.array(["2024-02-29", "NaT"], "datetime64[D]")
    expected = hashes.of_values(days)
    objects = np.array([datetime.date(2024, 2, 29), None], object)
    for same in (days.astype("datetime64[ns]"), objects):
        assert np.array_equal(hashes.of_values(same), expected)


def test_different_values_have_different_hashes():
    texts = ["1", "2", "007", "07", "", " 1", "1e3", "é", "e\u0301", "NaN", "\udc80", None]
    numbers = [0.5, -0.5, 1e300, 5e-324, 12345678901234567]
    values = np.array([*texts, *numbers], object)
    assert len(set(hashes.of_values(values).tolist())) == len(values)
    moments = np.array(["2024-01-01", "2024-01-02", "NaT"], "datetime64[us]")
    assert len(set(hashes.of_values(moments).tolist())) == 3
    assert hashes.of_values(moments)[2] == hashes.of_values(np.array([np.nan]))[0]
    ab, ba = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])
    y = np.zeros(1)
    assert record.row_hashes(ab, y) != record.row_hashes(ba, y)
    long = np.arange(200_001) % 65_536  # blocks of values, each of which has the hashes of the others
    assert len(np.unique(hashes.of_rows([long], len(long)))) == 65_536
    assert len(hashes.of_rows([np.zeros((0, 3))], 0)) == 0


def test_rows_of_a_table():
    table = Table({"a": np.array([1, 2]), "b": np.array(["x", None], object), "c": np.zeros(2)})
    y = np.array(["yes", "no"])
    expected = record.row_hashes(table, y, ["b", "a"])
    assert np.array_equal(record.row_hashes(table.drop("c"), y, ["b", "a"]), expected)
    assert np.array_equal(record.row_hashes(table, y, [1, 0]), expected)


@given(
    held=st.lists(st.integers(0, 5), max_size=20),
    rows=st.lists(st.integers(0, 7), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_batches_are_searched_like_the_whole(held, rows, cuts):
    def features(values):
        return np.array(values, float).reshape(-1, 1)

    nothing = np.zeros(1, np.uint64)
    taught = record.row_hashes(features([6]), np.zeros(1))
    test = record.row_hashes(features(held), np.zeros(len(held)))
    known = record.Record(split={}, held_out=np.sort(test), trained=np.concatenate([nothing, taught]))
    X, y = features(rows), np.zeros(len(rows))
    found, trained = known.find(X, y)
    for value in range(8):
        places = [i for i, row in enumerate(rows) if row == value]
        expected = places[: held.count(value)]
        assert [i for i in places if found[i]] == expected
    assert trained.tolist() == [row == 6 for row in rows]
    finder, edges = known.finder(), [0, *sorted(cuts), len(rows)]
    parts = [finder.find(X[a:b], y[a:b])[0] for a, b in pairwise(edges)]
    assert np.concatenate(parts).tolist() == found.tolist()
    assert finder.n_held == found.sum()


def test_a_damaged_record(run, trained):
    net = cnn.load("flowers.safetensors")
    for damage in ({}, {"target": 3}, {"trained": "?"}, {"split": {"fraction": 1}}):
        content = {**net.metadata[record.KEY], **damage} if damage else []
        net.save("flowers.safetensors", metadata={record.KEY: content})
        code, _, err = run("evaluate", "flowers.safetensors", "flowers.csv")
        assert code == 1
        assert (
            "the entry 'compiled-nn train' in the metadata of the model is not one that train writes" in err
        )
