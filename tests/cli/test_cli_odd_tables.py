"""Tables of real life that differ from those of training, or cannot be learned as they are: what the commands say."""

import json
import os
import subprocess
import sys
from pathlib import Path

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


# ---- train


def test_rows_are_named_by_their_lines_in_the_file(run):
    columns = columns_of()
    columns["y"][[0, 3]] = ""
    columns["age"] = [*columns["age"][:9], "1e300", *columns["age"][10:]]
    columns["city"][20] = ""
    write("data.csv", columns)
    assert (
        "'age' has a number beyond 3.4e+38, the largest of float32, in 1 of 118 rows, the first of which is line 11;"
        in (train(run)[2])
    )
    assert (
        "'city' of --group has no value in 1 of 118 rows, the first of which is line 22;"
        in (train(run, "--group", "city")[2])
    )
    columns["amount"] = [*map(str, np.linspace(2, 1, ROWS).round(3)[:50]), "-0.5", *["1"] * (ROWS - 51)]
    write("data.csv", columns)
    code, _, error = train(run, "--loss", "poisson", "--ignore", "age", target="amount")
    assert code == 1
    assert "data.csv: the loss poisson takes targets >= 0, and that of line 52 is -0.5" in error


@pytest.mark.parametrize("values", [np.linspace(-1, 1, ROWS) * 1e200, np.linspace(-1, 1, ROWS) * 1e-200])
def test_targets_whose_errors_have_no_square(run, values):
    write("data.csv", columns_of() | {"amount": values.astype(str)})
    code, _, error = train(run, target="amount")
    assert code == 1
    assert "the square of such an error is beyond the range of numbers; give it in another unit" in error


def test_a_number_of_a_target_counts_the_columns_that_are_left_out(run):
    write("data.csv", columns_of())
    for target in ("3", "-1"):
        code, out, _ = train(run, "--ignore", "age", "--epochs", "1", "--json", target=target)
        assert code == 0
        assert json.loads(out)["target"] == "y"
        assert sorted(json.loads(out)["column_types"]) == ["city", "zip"]
    code, _, error = train(run, "--ignore", "y")
    assert code == 2
    assert "the column 'y' cannot be the target, because --ignore names it" in error


def test_classes_of_which_all_rows_are_held_out(run):
    columns = columns_of() | {"day": np.arange(ROWS).astype(str)}
    columns["y"] = np.where(np.arange(ROWS) < 100, "old", "new")
    write("data.csv", columns)
    code, _, error = train(run, "--time", "day")
    assert code == 1
    assert "all rows to train on have the class 'old', because those of class 'new' are held out" in error
    columns["y"] = ["older"] * 50 + columns["y"][50:].tolist()
    write("data.csv", columns)
    code, _, notes = train(run, "--time", "day", "--epochs", "1", "-q")
    assert code == 0
    assert "class 'new' is in no row to train on, so that it is never predicted" in notes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--validation-fraction", "0.3"), "--validation-fraction has no effect here"),
        (("--monitor", "roc_auc"), "--monitor has no effect without early stopping"),
    ],
)
def test_options_without_an_effect(run, options, reason):
    write("data.csv", columns_of())
    code, _, error = train(run, "--early-stopping", "none", *options)
    assert code == 2
    assert reason in error


# ---- files to write


def test_an_input_is_not_replaced_by_an_output(run, trained):
    before = Path("data.csv").read_bytes()
    for command in ("predict", "explain"):
        code, _, error = run(command, "m", "data.csv", "-o", "./data.csv")
        assert code == 2
        assert "./data.csv is the file of DATA, which the output would replace; give another name" in error
    assert Path("data.csv").read_bytes() == before


def test_a_dash_is_stdout_and_no_file(run, trained):
    assert run("predict", "m", "data.csv", "-o", "-")[1] == run("predict", "m", "data.csv")[1]
    code, _, error = run("train", "data.csv", "--target", "y", "-o", "-")
    assert code == 2
    assert "the network cannot be written to stdout; give the name of a file" in error


# ---- streams


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_like_the_null_device(run, trained, closed):
    command = f"{sys.executable} -m compiled_nn predict m data.csv -o out.csv {closed}"
    assert subprocess.run(command, shell=True, check=False, stderr=subprocess.PIPE).stderr in (
        b"",
        b"note: 1 column is not used: 'y'\n",
    )
    assert len(Path("out.csv").read_text().splitlines()) == ROWS + 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_device_for_stdout(run, trained):
    command = f"{sys.executable} -m compiled_nn predict m data.csv > /dev/full"
    ended = subprocess.run(command, shell=True, check=False, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "compiled-nn: error: stdout: No space left on device"


# ---- scores


def test_the_score_of_quantiles_has_its_name(run):
    columns = columns_of() | {"amount": np.random.default_rng(0).normal(size=ROWS).round(3).astype(str)}
    write("data.csv", columns)
    options = ("--loss", "quantile", "--epochs", "2", "--report", "page.html")
    code, out, _ = train(run, *options, target="amount")
    assert code == 0
    assert "test D^2 " in out
    assert "R^2" not in out
    page = Path("page.html").read_text()
    assert "root mean squared error" in page
    code, out, _ = run("evaluate", "m", "data.csv", "--part", "test")
    assert code == 0
    assert "\nD^2  " in out
    found = json.loads(run("evaluate", "m", "data.csv", "--part", "test", "--json")[1])
    assert np.isfinite(found["d2_pinball"])


@pytest.mark.filterwarnings("default::compiled_nn.common.errors.CompiledNNWarning")
def test_a_score_that_is_not_defined(run):
    write("data.csv", columns_of() | {"amount": np.linspace(0, 1, ROWS).round(3).astype(str)})
    assert train(run, "--epochs", "1", target="amount")[0] == 0
    write("one.csv", {name: values[:1] for name, values in columns_of(ROWS).items()} | {"amount": ["0.5"]})
    code, out, _ = run("evaluate", "m", "one.csv")
    assert code == 0
    assert "R^2       not defined" in out
    for options in ((), ("--json",)):
        code, _, error = run("explain", "m", "one.csv", *options)
        assert code == 1
        assert "one: the score r2 is not defined for 1 row" in error


def test_two_outputs_are_not_one_file(run):
    write("data.csv", columns_of())
    code, _, error = run("train", "data.csv", "--target", "y", "-o", "x.html", "--report", "./x.html")
    assert code == 2
    assert "two outputs have the same file" in error


@pytest.mark.parametrize("options", [(), ("--time", "age"), ("--group", "group"), ("--test-fraction", "0.5")])
def test_the_scores_of_values_are_found_again_to_the_bit(run, options):
    rng = np.random.default_rng(5)
    group = {"group": rng.choice(list("abcdefgh"), ROWS), "amount": rng.normal(size=ROWS).astype(str)}
    write("data.csv", columns_of() | group)
    code, out, _ = train(run, "--epochs", "2", "--json", "--metric", "mae", *options, target="amount")
    assert code == 0
    trained = json.loads(out)["test"]
    found = json.loads(run("evaluate", "m", "data.csv", "--part", "test", "--metric", "mae", "--json")[1])
    assert [found[name] for name in ("rows", "loss", "r2", "metrics")] == [
        trained[name] for name in ("rows", "loss", "r2", "metrics")
    ]


@pytest.mark.parametrize("form", ["{:.1f}%", "{:.1f} %", "${:.2f}", "-{:,.2f} €", "{:.2f} EUR"])
def test_targets_of_numbers_with_signs(run, form):
    values = [form.format(value) for value in np.random.default_rng(1).uniform(1, 5000, ROWS)]
    write("data.csv", columns_of() | {"price": [f'"{value}"' for value in values]})
    code, _, error = train(run, target="price")
    assert code == 1
    assert f"the target 'price' is text, such as {values[0]!r}, because its numbers have signs" in error
