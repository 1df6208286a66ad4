"""``train`` on tables: the ensemble is that of the tabular estimators, and holds rows out as the options say."""

import json

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli.learning import training
from compiled_nn.datasets import read_table

ROWS = 120
FAST = ("--layers", "8", "--epochs", "6", "--no-plot", "-o", "m")


@pytest.fixture
def plans(monkeypatch):
    """Plans of the trainings of a test, with their models."""
    found, original = [], training._calibrate

    def noting(each, options):
        found.append(each.plan)
        original(each, options)

    monkeypatch.setattr(training, "_calibrate", noting)
    return found


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    age, city = rng.integers(18, 80, ROWS), rng.choice(["Rome", "Oslo", "Ulm"], ROWS)
    columns = {
        "age": age,
        "city": city,
        "day": np.datetime64("2024-01-01") + rng.permutation(ROWS),
        "shop": [f"s{i % 11}" for i in range(ROWS)],
        "amount": (age * 2.5 + 20 * (city == "Rome") + rng.normal(0, 5, ROWS)).round(3),
    }
    columns["y"] = np.where(columns["amount"] > 120, "yes", "no")
    write("data.csv", columns)
    return columns


def write(path, columns):
    rows = zip(*([str(value) for value in column] for column in columns.values()), strict=True)
    with open(path, "w") as file:
        file.write("\n".join([",".join(columns), *map(",".join, rows)]) + "\n")


def trained(run, *argv):
    code, out, err = run("train", "data.csv", *argv, *FAST, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("target", ["y", "amount"])
def test_the_model_is_that_of_the_tabular_estimators(run, data, plans, target):
    other = "amount" if target == "y" else "y"
    result = trained(run, "--target", target, "--seed", "3", "--ignore", other)
    part = plans[0].parts.train
    kind = cnn.TabularClassifier if target == "y" else cnn.TabularRegressor
    model = kind(hidden_layer_sizes=(8,), max_iter=6, random_state=3)
    model.fit(part.X, part.y)
    test, loaded = plans[0].parts.test, cnn.load("m")
    again = kind.load("m")
    assert np.array_equal(again.predict(test.X), model.predict(test.X))
    assert again.report_.to_dict() == result["choices"]
    assert f"\nestimator     {kind.__name__}\n" in run("info", "m")[1]
    if target == "y":
        assert np.array_equal(loaded.predict_proba(test.X), model.predict_proba(test.X))
        expected = np.mean(model.classes_[model.oof_.argmax(axis=1)] == part.y)
        assert result["out_of_fold"]["accuracy"] == expected
    else:
        assert np.array_equal(loaded.predict(test.X), model.predict(test.X))
        assert result["out_of_fold"]["rmse"] == pytest.approx(
            np.sqrt(np.mean((model.oof_ - part.y) ** 2)), rel=1e-12
        )
    choices = {name: choice["value"] for name, choice in result["choices"].items()}
    assert {**model.report_.to_dict()}.keys() == choices.keys()
    assert (choices["hidden_layer_sizes"], choices["max_iter"]) == ([8], 6)


def test_intervals_are_those_of_the_out_of_fold_predictions(run, data, plans):
    trained(run, "--target", "amount", "--interval", "0.8")
    part, oof = plans[0].parts.train, plans[0].net.oof_
    m = len(part)
    margin = np.sort(abs(part.y - oof))[int(np.ceil((m + 1) * 0.8)) - 1]
    lower, upper = cnn.load("m").predict_interval(part.X, 0.8)
    np.testing.assert_allclose(upper - lower, 2 * margin, rtol=1e-6)
    assert run("predict", "m", "data.csv")[1].splitlines()[0] == "prediction,lower_0.8,upper_0.8"


def test_few_rows_have_folds_for_intervals(run, data, plans):
    write("data.csv", {name: column[:12] for name, column in data.items()})
    for options, way in ((("--interval", "0.8"), "folds"), ((), None), (("--early-stopping", "2"), "folds")):
        result = trained(run, "--target", "amount", "--test-fraction", "0", *options)
        assert result["validation"] == way
        assert (result["out_of_fold"] is None) == (way is None)
    trained(run, "--target", "amount", "--test-fraction", "0", "--members", "1", "--interval", "0.5")
    held = np.isfinite(plans[-1].net.oof_)
    assert held.sum() == len(plans[-1].net._outputs.calibration.scores) == 2


@pytest.mark.parametrize(
    ("members", "often"), [(5, "once, in 5"), (9, "3 times, in 3"), (7, "at least once, in 4")]
)
def test_how_often_rows_are_held_out(members, often, run, data):
    write("data.csv", {**data, "shop": np.arange(ROWS) % (10 if members == 5 else 5)})
    arguments = ("--target", "amount", "--group", "shop", "--members", str(members), *FAST)
    assert f"(each is held out {often} folds)" in " ".join(run("train", "data.csv", *arguments)[1].split())


def test_networks_hold_out_whole_groups(run, data, plans):
    result = trained(run, "--target", "amount", "--group", "shop")
    masks = plans[0].net.validation_masks_
    shops = np.array(plans[0].parts.rule.groups)
    assert result["validation"] == "folds"
    for mask in masks:
        assert set(shops[mask]).isdisjoint(shops[~mask])
    assert len(set(masks.sum(axis=0).tolist())) == 1  # complete repeats of the folds
    assert set(shops).isdisjoint(data["shop"][i] for i in rows_of(plans[0].parts.test))


def test_no_network_looks_into_the_future(run, data, plans):
    result = trained(run, "--target", "amount", "--time", "day", "--interval", "0.8")
    plan = plans[0]
    assert (result["validation"], result["out_of_fold"], result["validation_rows"]) == (None, None, 19)
    assert plan.net.validation_masks_ is None
    days = read_table("data.csv")["day"]
    train, held = (days[rows_of(part)] for part in (plan.parts.train, plan.parts.validation))
    assert train.max() < held.min() <= held.max() < days[rows_of(plan.parts.test)].min()
    assert len(plan.net._outputs.calibration.scores) == 19
    assert result["monitor"] == "val_loss"


def rows_of(part):
    """Places of the rows of a part in the file, by their amount, which differs in all of them."""
    amounts = read_table("data.csv")["amount"]
    return [int(np.flatnonzero(amounts == value)[0]) for value in part.y]


ODD = {
    "2 rows": {"a": [1, 2], "t": ["u", "v"]},
    "5 rows": {"a": [1.5, 2, 4, 3, 7], "b": list("xyxyx"), "t": [1.5, 2, 3, 2.5, 9]},
    "19 rows": {"a": np.arange(19) % 7, "t": (np.arange(19) % 2).astype(float)},
    "dates": {
        "d": np.datetime64("2020-01-01") + np.arange(60) * 7,
        "e": np.datetime64("2020-01-01") + np.arange(60) % 50,
        "t": np.sin(np.arange(60)),
    },
    "one category": {"a": list("xyz") * 20, "t": np.cos(np.arange(60))},
    "200 columns": {**{f"c{i}": np.sin(np.arange(40.0) * (i + 1)) for i in range(200)}, "t": ["u", "v"] * 20},
    "a gap": {"a": [""] * 60, "b": np.sin(np.arange(60.0)), "t": np.cos(np.arange(60.0))},
    "one other value": {"a": np.sin(np.arange(60.0)), "t": [3.5] * 59 + [4]},
    "every class once": {"a": np.sin(np.arange(30.0)), "t": [f"k{i}" for i in range(30)]},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_learned(run, name):
    write("data.csv", ODD[name])
    options = ("--task", "classification") if name == "every class once" else ()
    result = trained(run, "--target", "t", *options)
    assert result["members"] >= 1
    for command in (["evaluate", "m", "data.csv"], ["predict", "m", "data.csv"], ["info", "m"]):
        code, out, err = run(*command)
        assert code == 0, err
        assert "nan" not in out.lower().split()
    code, out, _ = run("explain", "m", "data.csv", "--repeats", "1", "--part", "all")
    assert code == 0
    assert f"{'column':<{max(6, len(max(ODD[name], key=len)))}}" in out
    assert run("info", "m")[1].count("whose predictions are averaged") == 1
