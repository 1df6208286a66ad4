"""Types of columns: what is inferred, what the user says instead, what is left out, and what files keep of it."""

import json
from datetime import UTC, datetime, timedelta, timezone

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from compiled_nn.datasets import Table
from compiled_nn.preprocessing import Tabular

M = 60
IDS = [f"C{i:05}" for i in range(M)]
LEFT_OUT = "ignore:.*of X (is|are) left out:compiled_nn.CompiledNNWarning"
DAYS = np.datetime64("2024-02-28") + np.arange(M) * 3


def table(**changes):
    columns = {
        "customer": np.array(IDS, object),
        "age": np.arange(M) % 7 + 20.0,
        "plan": np.array(["basic", "gold", None] * 20, object),
        "start": DAYS.astype("datetime64[us]"),
        "country": np.array(["DE"] * M, object),
        "note": np.array([*IDS[:40], *IDS[:20]], object),
    }
    return Table({**columns, **changes})


Y = (np.arange(M) % 7 > 3).astype(int)


def full(encoded):
    return encoded if isinstance(encoded, np.ndarray) else encoded.toarray()


def network(**parameters):
    return cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(2)], seed=0, standardize=True, **parameters)


def test_types_of_a_table():
    with pytest.warns(cnn.CompiledNNWarning) as caught:
        encoder = Tabular().fit(table())
    kinds = {name: kind.kind for name, kind in encoder.column_types_.items()}
    assert kinds == {
        "customer": "identifier",
        "age": "number",
        "plan": "category",
        "start": "date",
        "country": "constant",
        "note": "text",
    }
    assert [str(warning.message) for warning in caught] == [
        "3 columns of X are left out: 'customer' (its values are all different), 'country' (it has the same value in"
        " every row), 'note' (it is text with 40 levels in 60 rows). Pass column_types={'customer': 'ignore',"
        " 'country': 'ignore', 'note': 'ignore'} to leave them out without this warning, or 'number', 'category' or"
        " 'date' to use them."
    ]
    assert caught[0].filename == __file__
    names = ["age", "start_days", "start_month", "start_day", "start_weekday", "plan_basic", "plan_gold"]
    assert encoder.get_feature_names_out().tolist() == names
    assert (encoder.n_features_in_, encoder.n_columns_, encoder.n_numeric_) == (6, 7, 5)
    assert encoder.sources().tolist() == [1, 3, 3, 3, 3, 2, 2]


IGNORED = {"customer": "ignore", "country": "ignore", "note": "ignore"}


def test_the_user_decides():
    encoder = Tabular(column_types=IGNORED).fit(table())  # without a warning
    assert encoder.column_types_["note"].kind == "ignore"
    types = {**IGNORED, "note": "category", "age": "category", 3: "ignore"}
    encoder = Tabular(column_types=types).fit(table())
    assert (encoder.n_numeric_, encoder.n_columns_) == (0, 40 + 7 + 2)
    listed = Tabular(["plan"], column_types=IGNORED).fit(table())
    assert [kind.kind for kind in listed.column_types_.values()] == [
        *("ignore", "number", "category", "date", "ignore", "ignore")
    ]


@pytest.mark.parametrize("make", [cnn.Network, cnn.MLPClassifier, cnn.MLPRegressor])
def test_every_entrance_takes_column_types(make, tmp_path):
    def model(**parameters):
        if make is cnn.Network:
            return network(categorical_features="auto", **parameters)
        return make(categorical_features="auto", max_iter=3, random_state=0, standardize=True, **parameters)

    with pytest.warns(cnn.CompiledNNWarning, match="3 columns of X are left out") as caught:
        model().fit(table(), Y)
    assert len([each for each in caught if "left out" in str(each.message)]) == 1
    fitted = model(column_types=IGNORED).fit(table(), Y)
    expected = fitted.predict(table())
    fitted.save(tmp_path / "model")
    loaded = (cnn if make is cnn.Network else make).load(tmp_path / "model")
    assert loaded.predict(table()).tolist() == expected.tolist()
    inner, again = (each if make is cnn.Network else each.network_ for each in (fitted, loaded))
    assert again.encoder_.column_types_ == inner.encoder_.column_types_
    assert again.encoder_.columns_ == inner.encoder_.columns_
    assert json.loads(tensors.metadata(tmp_path / "model")["compiled_nn"])["format_version"] == 4
    assert repr(loaded) == repr(fitted)
    fewer = table().drop("customer", "note").select(["start", "plan", "country", "age"])
    assert loaded.predict(fewer).tolist() == expected.tolist()
    with pytest.raises(ValueError, match=r"now missing:\n- age\n"):
        loaded.predict(table().drop("age"))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- more\n"):
        loaded.predict(table(more=np.zeros(M)))
    strange = table(customer=np.full(M, np.nan), country=np.array([1j] * M, object))
    assert loaded.predict(strange).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"column_types": {"a": "numeric"}},
            ValueError,
            r"column_types\['a'\] is 'numeric'; it must be one of",
        ),
        ({"column_types": {"a": None}}, TypeError, r"column_types\['a'\] is None"),
        ({"column_types": {-1: "date"}}, ValueError, "'column_types' parameter"),
        ({"column_types": {1.5: "date"}}, TypeError, "'column_types' parameter"),
        ({"column_types": "date"}, TypeError, "'column_types' parameter"),
        ({"column_types": [("a", "date"), ("a", "date")]}, ValueError, "has the column 'a' twice"),
        (
            {"categorical_features": ["a"], "column_types": {"a": "number"}},
            ValueError,
            r"'a' is in categorical_features, but column_types\['a'\] is 'number'",
        ),
    ],
)
def test_parameters(parameters, error, message):
    parameters = {"categorical_features": "auto", **parameters}
    for make in (Tabular, lambda **parameters: network(**parameters)):
        with pytest.raises(error, match=message):
            make(**parameters)
    with pytest.raises(error, match=message):
        cnn.MLPClassifier(max_iter=2, **parameters).fit(table(), Y)


def test_columns_that_are_not_there():
    with pytest.raises(ValueError, match=r"column_types has 'plna'; .* Did you mean 'plan'\?"):
        Tabular(column_types={"plna": "ignore"}).fit(table())
    with pytest.raises(ValueError, match="column_types has column 6, counted from 0; X has 6 columns"):
        Tabular(column_types={6: "ignore"}).fit(table())
    with pytest.raises(ValueError, match=r"'plan' is in|2 is in categorical_features"):
        Tabular(["plan"], column_types={2: "number"}).fit(table())
    with pytest.raises(ValueError, match="column_types is given, but categorical_features is not"):
        network(column_types={"a": "number"})


@pytest.mark.filterwarnings(LEFT_OUT)
def test_repr_of_a_fitted_encoder():
    assert repr(Tabular(min_frequency=5).fit(table())).splitlines() == [
        "Tabular(min_frequency=5)",
        "  customer  identifier  left out: its values are all different",
        "  age       number      mean 22.9",
        "  plan      category    2 categories: basic, gold",
        "  start     date        days, month, day, weekday; from 2024-02-28",
        "  country   constant    left out: it has the same value in every row",
        "  note      text        left out: it is text with 40 levels in 60 rows",
    ]
    wide = Table({f"column {'x' * i}": np.arange(3) for i in range(50)})
    lines = repr(Tabular(column_types={49: "ignore"}).fit(wide)).splitlines()
    assert lines[-1] == "  and 10 more: 9 number, 1 ignore"
    assert len(lines) == 42
    assert max(map(len, lines)) < 60


def test_a_table_without_a_column_to_learn_from():
    with pytest.raises(
        ValueError, match=r"X has no column to learn from: 'customer' \(its values are all diff"
    ):
        Tabular().fit(table().select(["customer"]))


def test_small_tables_and_arrays_keep_all_columns():
    Tabular().fit(table().take(slice(49)))
    numbers = np.column_stack([np.arange(M), np.zeros(M)])
    assert Tabular().fit(numbers).n_columns_ == 2
    objects = numbers.astype(object)
    with pytest.raises(ValueError, match="X has no column to learn from: 0 "):
        Tabular().fit(objects)


# ---- dates


def test_parts_of_dates():
    moments = [datetime(2023, 12, 31, 6), None, datetime(2024, 2, 29, 18, 30), datetime(2023, 12, 30)]
    column = np.empty((4, 1), object)
    column[:, 0] = moments
    encoder = Tabular().fit(column)
    names = ["x0_days", "x0_year", "x0_month", "x0_day", "x0_weekday", "x0_hour", "missingindicator_x0"]
    assert encoder.get_feature_names_out().tolist() == names
    present = [moment for moment in moments if moment]
    first = min(present)
    rows = np.array(
        [
            [(m - first) / timedelta(1), m.year, m.month, m.day, m.weekday(), m.hour + m.minute / 60, 0]
            for m in present
        ]
    )
    expected = np.insert(rows, 1, [*rows[:, :-1].mean(axis=0), 1], axis=0)
    np.testing.assert_allclose(encoder.transform(column), expected, rtol=1e-15)  # the mean is rounded


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_dates_of_every_unit(unit):
    moments = np.array(["1969-07-20", "2024-02-29", "NaT"], "datetime64[D]").astype(f"datetime64[{unit}]")
    plain = Tabular().fit(moments.astype("datetime64[us]")[:, None])
    encoder = Tabular().fit(moments[:, None])
    assert encoder.to_config() == plain.to_config()
    same = plain.transform(moments.astype("datetime64[us]")[:, None])
    np.testing.assert_array_equal(encoder.transform(moments[:, None]), same)


def test_time_zones_become_utc():
    zone = timezone(timedelta(hours=5, minutes=30))
    aware = [[datetime(2024, 1, 1, 2, tzinfo=zone)], [datetime(2024, 1, 3, tzinfo=UTC)]]
    naive = [[datetime(2023, 12, 31, 20, 30)], [datetime(2024, 1, 3)]]
    assert Tabular().fit(aware).to_config() == Tabular().fit(naive).to_config()
    with pytest.raises(ValueError, match="Column 0 of X mixes dates with and without a time zone"):
        Tabular().fit([aware[0], naive[0]])


def test_text_of_dates():
    texts = np.array([str(day) for day in DAYS], object)
    encoder = Tabular(column_types=IGNORED).fit(table(start=texts))
    assert encoder.column_types_["start"].kind == "date"
    assert encoder.to_config() == Tabular(column_types=IGNORED).fit(table()).to_config()
    texts[7] = "31.12.2024"
    with pytest.raises(ValueError, match=r"X\['start'\] holds '31.12.2024' in row 7, which is not a date"):
        Tabular(column_types={**IGNORED, "start": "date"}).fit(table(start=texts))
    with pytest.raises(ValueError, match=r"X\['start'\] holds '31.12.2024' in row 7"):
        encoder.transform(table(start=texts))


@pytest.mark.parametrize(
    "spoil",
    [
        {"first": 1.5},
        {"first": 1 << 63},
        {"parts": ["days", "days"]},
        {"parts": ["month", "days", "day", "weekday"]},
        {"parts": "days"},
        {"parts": [1, 2, 3, 4]},
        {"means": [0.0]},
        {"means": [0.0, "x", 0.0, 0.0]},
        {"means": None},
        {"indicator": 0},
        {"more": 1},
        {"name": 1},
    ],
)
@pytest.mark.filterwarnings(LEFT_OUT)
def test_dates_in_files_are_checked(spoil):
    encoder = Tabular().fit(table())
    config = json.loads(json.dumps(encoder.to_config()))
    assert Tabular().restore(config, 7).columns_ == encoder.columns_
    config[3] |= spoil
    with pytest.raises((ValueError, TypeError)):
        Tabular().restore(config, 7)


@pytest.mark.parametrize(
    "spoil",
    [{"kind": "number"}, {"kind": 1}, {"reason": 3}, {"reason": "x" * 201}, {"mean": 1.0}, {"name": 1}],
)
@pytest.mark.filterwarnings(LEFT_OUT)
def test_columns_left_out_in_files_are_checked(spoil):
    config = json.loads(json.dumps(Tabular().fit(table()).to_config()))
    config[0] |= spoil
    with pytest.raises((ValueError, TypeError)):
        Tabular().restore(config, 7)


@pytest.mark.parametrize(
    "wrong", [{"age": "category"}, {"plan": "ignore"}, {"customer": "ignore"}, {"x": "date"}, {9: "date"}]
)
@pytest.mark.filterwarnings(LEFT_OUT)
def test_stated_types_in_files_are_those_of_the_encoder(wrong):
    types = {"age": "number", "start": "date", 2: "category"}
    encoder = Tabular(column_types=types).fit(table())
    assert Tabular(column_types=types).restore(encoder.to_config(), 7).columns_ == encoder.columns_
    with pytest.raises(ValueError, match="column_types"):
        Tabular(column_types=wrong).restore(encoder.to_config(), 7)
