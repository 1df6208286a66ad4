"""Tables of real life that differ from those of training, or cannot be learned as they are: what the commands say."""

import json

import numpy as np
import pytest

ROWS = 120


def columns_of(rows=ROWS):
    rng = np.random.default_rng(7)
    age, city = rng.integers(18, 80, rows), rng.choice(["Rome", "Oslo", "Ulm"], rows)
    return {
        "age": age.astype(str),
        "city": city,
        "zip": rng.choice(["01067", "80331"], rows),
        "y": np.where(age + 20 * (city == "Rome") > 55, "yes", "no"),
    }


def write(path, columns):
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def train(run, *options, target="y"):
    return run("train", "data.csv", "--target", target, "--layers", "8", "--no-plot", "-o", "m", *options)


@pytest.fixture
def trained(run):
    """Columns of a table of which ``m`` is the model."""
    columns = columns_of()
    write("data.csv", columns)
    assert train(run, "--epochs", "4", "-q")[0] == 0
    return columns


def test_categories_that_were_not_in_training_are_noted(run, trained):
    trained["zip"] = [text.lstrip("0") for text in trained["zip"]]
    trained["city"] = np.where(np.arange(ROWS) < 3, "", np.char.upper(trained["city"]))
    write("new.csv", trained)
    n_zip = sum(text == "1067" for text in trained["zip"])
    note = f"'city' in 117 of 120 rows, such as 'OSLO'; 'zip' in {n_zip} of 120 rows, such as '1067'"
    for command in ("predict", "evaluate"):
        code, _, notes = run(command, "m", "new.csv")
        assert code == 0
        assert note in notes
    assert "categories" not in run("predict", "m", "data.csv")[2]


def test_rows_without_a_target_are_not_scored(run, trained):
    full = json.loads(run("evaluate", "m", "data.csv", "--json")[1])
    columns = {name: [*values, *values[:5]] for name, values in trained.items()}
    columns["y"][-5:] = [""] * 5
    write("gaps.csv", columns)
    code, out, notes = run("evaluate", "m", "gaps.csv", "--json")
    assert code == 0
    assert "5 rows have no value in the target 'y' and are left out" in notes
    assert json.loads(out)["accuracy"] == full["accuracy"]
    assert json.loads(out)["rows"] == ROWS
    columns["y"] = [""] * len(columns["y"])
    write("gaps.csv", columns)
    code, _, error = run("evaluate", "m", "gaps.csv")
    assert code == 1
    assert "gaps.csv: the target 'y' has no value in any row; name another column with --target" in error


def test_targets_that_are_no_class_of_the_model(run, trained):
    trained["y"] = [*trained["y"][:3], "maybe", "maybe", *trained["y"][5:]]
    trained["y"][0] = ""
    write("new.csv", trained)
    code, _, error = run("evaluate", "m", "new.csv")
    assert code == 1
    assert "the target 'maybe' is not a class of the model: line 5, and 1 more row. The classes are" in error
