"""Dicts as X: a list of them, one as a row, and a dict of columns; the same answers as for the table, or a refusal."""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.data import records
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import pandas, polars, pyarrow

rng = np.random.default_rng(0)
M = 60
AGES, HEIGHTS = rng.integers(18, 80, M), rng.normal(170, 10, M)
CITIES = rng.choice(["Bonn", "Köln", "Ulm"], M).tolist()
PLANS = rng.choice(["a", "b"], M).tolist()
LABELS = np.where(AGES > 45, "yes", "no")
COLUMNS = {"age": AGES.tolist(), "city": CITIES, "height": HEIGHTS.tolist(), "plan": PLANS}
ROWS = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]
NUMBERS = [{name: row[name] for name in ("age", "height")} for row in ROWS]


def make(kind, **options):
    if kind == "network":
        layers = [cnn.Dense(8, "relu"), cnn.Dense(2)]
        return cnn.Network(layers, seed=0, standardize=True, **options)
    layers = {"hidden_layer_sizes": (8,), "max_iter": 2, "standardize": True, "random_state": 0}
    return getattr(cnn, kind)(**layers, **options)


def fitted(kind, X, **options):
    y = AGES.astype(float) if kind == "MLPRegressor" else LABELS
    return make(kind, **options).fit(X, y)


every_model = pytest.mark.parametrize("kind", ["network", "MLPClassifier", "MLPRegressor"])


@every_model
@pytest.mark.parametrize("rows", [ROWS, NUMBERS], ids=["table", "numbers"])
def test_all_forms_have_the_same_answers(kind, rows):
    options = {"categorical_features": "auto"} if rows is ROWS else {}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    model = fitted(kind, pandas.DataFrame(rows), **options)
    expected = model.predict(pandas.DataFrame(rows))
    arrays = {name: np.array(values) for name, values in columns.items()}
    series = {name: pandas.Series(values) for name, values in columns.items()}
    for X in (
        rows,
        tuple(rows),
        columns,
        arrays,
        series,
        pyarrow.table(columns).to_pydict(),
        polars.DataFrame(rows).to_dicts(),
    ):
        assert (model.predict(X) == expected).all()
        again = fitted(kind, X, **options)
        assert (again.predict(X) == expected).all()
        assert again.feature_names_in_.tolist() == list(columns)
    for i in range(0, M, 7):
        assert (model.predict(rows[i]) == expected[i : i + 1]).all()
        assert model.predict(rows[i]).shape == expected[:1].shape


@every_model
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_keys_has_no_meaning(kind, data):
    rows = data.draw(st.sampled_from([ROWS, NUMBERS]))
    options = {"categorical_features": "auto"} if rows is ROWS else {}
    model = MODELS.setdefault((kind, rows is ROWS), fitted(kind, rows, **options))
    names = [data.draw(st.permutations(list(rows[0]))) for _ in range(3)]
    mixed = [{name: row[name] for name in names[i % 3]} for i, row in enumerate(rows)]
    assert (model.predict(mixed) == model.predict(rows)).all()
    i = data.draw(st.integers(0, M - 1))
    assert (model.predict(mixed[i]) == model.predict(rows)[i : i + 1]).all()
    wrong = dict(mixed[i])
    name = data.draw(st.sampled_from(sorted(wrong)))
    value = wrong.pop(name)
    with pytest.raises(ValueError, match=f"yet now missing:\n- {name}\n"):
        model.predict(wrong)
    with pytest.raises(
        ValueError, match=f"unseen at fit time:\n- {name}s\nFeature names seen .*:\n- {name}\n"
    ):
        model.predict({**wrong, f"{name}s": value})
    with pytest.raises(ValueError, match="unseen at fit time:\n- other\n"):
        model.predict([{**row, "other": 1} for row in mixed])


MODELS = {}


def test_every_method_takes_dicts():
    model = fitted("MLPClassifier", ROWS, categorical_features="auto")
    frame = pandas.DataFrame(ROWS)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "input_gradient",
        "hidden",
    ):
        assert np.array_equal(getattr(model, method)(ROWS), getattr(model, method)(frame)), method
        assert np.array_equal(getattr(model, method)(ROWS[5]), getattr(model, method)(frame[5:6])), method
    backwards = [dict(reversed(row.items())) for row in ROWS]
    assert model.score(backwards, LABELS) == model.score(frame, LABELS)
    assert len(model.diagnose(COLUMNS, LABELS)) == len(model.diagnose(frame, LABELS))
    importance = cnn.permutation_importance(model, backwards, LABELS)
    assert importance.feature_names == tuple(COLUMNS)
    net = fitted("network", ROWS, categorical_features="auto")
    assert net.loss(backwards, LABELS) == net.loss(frame, LABELS)
    assert (net.calibrate_intervals(backwards, LABELS).predict_set(ROWS, 0.8)).shape == (M, 2)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("rows", [ROWS, NUMBERS], ids=["table", "numbers"])
def test_training_continues_with_keys_in_another_order(kind, rows):
    options = {"categorical_features": "auto"} if rows is ROWS else {}
    y = AGES.astype(float) if kind == "MLPRegressor" else LABELS
    backwards = [dict(reversed(row.items())) for row in rows]
    for change in ({"warm_start": True}, {}):
        models = [make(kind, **options, **change).fit(rows, y) for _ in range(2)]
        for model, X in zip(models, (rows, backwards), strict=True):
            model.fit(X, y) if change else model.partial_fit(X, y)
        assert (models[0].predict(rows) == models[1].predict(rows)).all()
    if rows is NUMBERS:
        with pytest.raises(ValueError, match="must be in the same order"):
            models[0].predict(pandas.DataFrame(backwards))


def test_validation_data_and_splits():
    model = make("MLPClassifier", categorical_features="auto")
    backwards = [dict(reversed(row.items())) for row in ROWS]
    first = model.fit(ROWS, LABELS, validation_data=(backwards, LABELS)).history_["val_loss"]
    second = model.fit(ROWS, LABELS, validation_data=(pandas.DataFrame(ROWS), LABELS)).history_["val_loss"]
    assert first == second
    train, test, y_train, _ = cnn.datasets.train_test_split(ROWS, LABELS, seed=0)
    _, frame, _, _ = cnn.datasets.train_test_split(pandas.DataFrame(ROWS), LABELS, seed=0)
    model.fit(train, y_train)
    assert (model.predict(test) == model.predict(frame)).all()


def test_a_missing_key_is_a_missing_value():
    rows = [dict(row) for row in ROWS]
    for i in (3, 8):
        del rows[i]["height"]
        del rows[i]["city"]
    frame = pandas.DataFrame(rows)
    model = fitted("network", rows, categorical_features="auto")
    assert (
        model.predict_proba(rows)
        == fitted("network", frame, categorical_features="auto").predict_proba(frame)
    ).all()
    none = {**rows[3], "height": None, "city": None}
    assert (model.predict_proba(none) == model.predict_proba(frame[3:4])).all()
    assert (model.predict_proba({**none, "height": float("nan")}) == model.predict_proba(none)).all()
    with pytest.raises(ValueError, match="yet now missing:\n- city\n- height\n"):
        model.predict(rows[3])  # a single row cannot say whether the key or the value is missing
    without = [{"age": row["age"], **({"height": row["height"]} if i else {})} for i, row in enumerate(ROWS)]
    with pytest.raises(ValueError, match="contains NaN: row 0, column 'height'"):
        fitted("network", without)


@every_model
def test_text_and_missing_numbers_name_the_remedy(kind):
    text = "categorical_features='auto'"
    for X in (ROWS, COLUMNS, pandas.DataFrame(ROWS), polars.DataFrame(ROWS), pyarrow.table(COLUMNS)):
        with pytest.raises(TypeError, match=re.escape("X['city']")) as error:
            fitted(kind, X)
        assert text in str(error.value)
    with pytest.raises((TypeError, ValueError)) as error:
        fitted(kind, [list(row.values()) for row in ROWS])
    assert text in str(error.value)
    gaps = [{**row, "age": None if i == 4 else row["age"]} for i, row in enumerate(NUMBERS)]
    for X in (gaps, pandas.DataFrame(gaps), polars.DataFrame(gaps), pyarrow.Table.from_pylist(gaps)):
        with pytest.raises(ValueError, match="NaN: row 4, column 'age'") as error:
            fitted(kind, X)
        assert text in str(error.value)
    with pytest.raises(ValueError, match="NaN: row 0, column 'age'") as error:
        fitted(kind, NUMBERS).predict(gaps[4])
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([1, None], np.array([1.0, np.nan])),
        ([1, 2.5], np.array([1.0, 2.5])),
        ([True, False], np.array([True, False])),
        ([np.array(1.5), 2], np.array([1.5, 2.0])),
        ([True, None], np.array([True, None], object)),
        ([True, 2], np.array([True, 2], object)),
        ([np.float32(1), None], np.array([1.0, np.nan])),
        ([1, pandas.NA], np.array([1.0, np.nan])),
        (["a", pandas.NA], np.array(["a", None], object)),
        (["a", None], np.array(["a", None], object)),
        (["1", 2], np.array(["1", 2], object)),
        ([None, None], np.array([None, None], object)),
        ([date(2024, 1, 5), None], np.array(["2024-01-05", "NaT"], "datetime64[us]")),
        ([datetime(2024, 1, 5, 6), date(2024, 1, 5)], np.array(["2024-01-05T06", "2024-01-05"], "datetime64[us]")),
        ([np.datetime64("2024-01-05"), pandas.NaT], np.array(["2024-01-05", "NaT"], "datetime64[us]")),
        ([pandas.Timestamp("2024-01-05")], np.array(["2024-01-05"], "datetime64[us]")),
        ([1 << 70], np.array([1 << 70], object)),
        ([10**400, None], np.array([10**400, None], object)),
        ([Decimal("1.5")], np.array([Decimal("1.5")], object)),
    ],
    ids=str,
)  # fmt: skip
def test_types_of_values(values, expected):
    found = records.typed(values)
    assert found.dtype == expected.dtype
    assert str(found.tolist()) == str(expected.tolist())


def test_dates_with_a_time_zone_and_lists_stay_objects():
    zone = timezone(timedelta(hours=2))
    assert records.typed([datetime(2024, 1, 5, tzinfo=zone)]).dtype == object
    assert records.typed([[1, 2], [3, 4]]).shape == (2,)


def test_keys_that_are_numbers():
    X = np.column_stack([AGES, HEIGHTS])
    net = fitted("network", X)
    assert (net.predict({1: HEIGHTS, 0: AGES}) == net.predict(X)).all()
    assert (net.predict({1: HEIGHTS[3], 0: AGES[3]}) == net.predict(X[3:4])).all()
    years = fitted("network", [{2023: a, 2024: h} for a, h in X.tolist()])
    assert (years.predict({2024: HEIGHTS, 2023: AGES}) == net.predict(X)).all()
    with pytest.raises(ValueError, match="yet now missing:\n- 2024\n"):
        years.predict({2023: 1.0})
    with pytest.raises(TypeError, match="int, str"):
        fitted("network", {0: AGES, "h": HEIGHTS})


@every_model
def test_keys_are_refused_by_a_model_without_names(kind):
    for options in ({}, {"categorical_features": [0]}):
        model = fitted(kind, np.column_stack([AGES % 5, HEIGHTS]), **options)
        for X in (NUMBERS, NUMBERS[0]):
            with pytest.raises(
                ValueError, match="X has the keys 'age', 'height', but the network was fitted without"
            ):
                model.predict(X)
