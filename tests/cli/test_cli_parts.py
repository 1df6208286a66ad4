"""``--part``: rows that train held out are found again by their hashes, in any file that holds them."""

import base64
import json
import random

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import flowers
from compiled_nn.cli.support import record

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
        assert {name: result[name] for name in trained[part]} == trained[part] | {
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
    net, data = cnn.load("flowers.safetensors"), cnn.datasets.read_csv("flowers.csv")
    held, repeated = record.of(net).find(data.X, data.y)
    assert (held.sum(), repeated) == (12, True)
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
    net, data = cnn.load("flowers.safetensors"), cnn.datasets.read_csv("flowers.csv")
    held, _ = record.of(net).find(data.X, data.y)
    code, out, _ = run("predict", "flowers.safetensors", "flowers.csv", "--part", "test")
    assert code == 0
    assert out.split()[1:] == net.predict(data.X[held]).tolist()


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
    assert known["split"] == {"fraction": 0.2, "seed": 0, "stratified": True, "test_rows": 12}
    card = json.loads(run("info", "flowers.safetensors", "--json")[1])
    assert card["split"] == known["split"]
    assert (
        "test rows     12, 0.2 of the rows, held out by train with seed 0\n"
        in run("info", "flowers.safetensors")[1]
    )


def test_hashes_do_not_depend_on_the_type_of_numbers():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    expected = record.row_hashes(X, np.array([1.0, 0.0]))
    assert np.array_equal(record.row_hashes(X.astype(np.uint8), np.array([1, 0])), expected)
    assert np.array_equal(
        record.row_hashes(np.float32([[-0.0, 1], [2, 3]]), np.array([[True], [False]])), expected
    )
    assert len(set(record.row_hashes(np.zeros((3, 1)), np.array(["1", "2", "3"])).tolist())) == 3


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
