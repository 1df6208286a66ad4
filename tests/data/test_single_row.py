"""One dict as a row: the same bits, or the same error, as a list of this dict, which is read as a table."""

import pickle
from datetime import date, datetime
from unittest import mock

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.inputs import Inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import pandas

rng = np.random.default_rng(0)
M = 80
ROWS = [
    {
        "age": int(rng.integers(18, 80)),
        "height": None if i % 9 == 0 else float(rng.normal()),
        "city": [None, "Bonn", "Ulm", "Köln"][i % 4],
        "plan": i % 3,
        "id": f"C{i:05}",
        "since": None if i % 7 == 0 else datetime(2020 + i % 5, 1 + i % 12, 1 + i % 28, i % 24),
        "flag": i % 2 == 0,
    }
    for i in range(M)
]
NUMBERS = [{"age": row["age"], "weight": float(row["plan"])} for row in ROWS]
LABELS = np.arange(M) % 2
TYPES = {"plan": "category", "id": "ignore"}
MODELS = {}


def model(kind):
    if kind not in MODELS:
        options = {"embeddings": 2} if "embeddings" in kind else {}
        if "float64" in kind:
            options["dtype"] = "float64"
        if "numbers" not in kind:
            options |= {"categorical_features": "auto", "column_types": TYPES}
        if "rare" in kind:
            options["min_frequency"] = 25
        layers = [cnn.Dense(8, "tanh"), cnn.Dense(2)]
        net = cnn.Network(layers, seed=0, standardize=True, **options)
        MODELS[kind] = net.fit(NUMBERS if "numbers" in kind else ROWS, LABELS, epochs=2)
    return MODELS[kind]


KINDS = ["table", "table float64", "table embeddings", "table rare", "numbers", "numbers float64"]
VALUES = st.one_of(
    st.none(),
    st.integers(-5, 90),
    st.floats(),
    st.booleans(),
    st.sampled_from(["Bonn", "Ulm", "Berlin", "", "2021-03-04", "7"]),
    st.sampled_from([1 << 40, 1e300, 10**400, 16_777_217]),
    st.sampled_from([np.float32(1.5), np.int8(2), np.float64("nan"), np.str_("Ulm")]),
    st.sampled_from([date(2021, 3, 4), datetime(2021, 3, 4, 5), pandas.Timestamp("2021-03-04"), pandas.NaT, pandas.NA]),
    st.sampled_from([b"Ulm", [1], [], {"a": 1}, 1j, np.array(2.0), np.array([1.0])]),
)  # fmt: skip


def answer(net, X):
    """Return the outputs for X, or the type and text of the error."""
    try:
        return net.decision_function(X).tolist()
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_dict_is_a_table_of_one_row(kind, data):
    net = model(kind)
    row = dict(data.draw(st.sampled_from(NUMBERS if "numbers" in kind else ROWS)))
    row = {name: row[name] for name in data.draw(st.permutations(list(row)))}
    for name in data.draw(st.sets(st.sampled_from(sorted(row)), max_size=2)):
        row[name] = data.draw(VALUES)
    for name in data.draw(st.sets(st.sampled_from(["id", "age", "other"]), max_size=1)):
        row[name] = row.pop(name) if data.draw(st.booleans()) and name in row else 1
    if data.draw(st.integers(0, 5)) == 0:
        row.pop(data.draw(st.sampled_from(sorted(row))))
    with mock.patch.object(Inputs, "_read_row", return_value=None):
        expected = answer(net, row)
    assert answer(net, row) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_read_directly(kind):
    net = model(kind)
    rows = NUMBERS if "numbers" in kind else ROWS
    expected = net.decision_function(rows)
    with mock.patch(
        "compiled_nn.data.dataframes.opened", side_effect=AssertionError("it is read as a table")
    ):
        for i, row in enumerate(rows):
            assert (net.decision_function(row) == expected[i]).all()
        if rows is ROWS:
            without = {name: value for name, value in rows[1].items() if name != "id"}
            assert (net.decision_function(without) == expected[1]).all()


def test_models_with_readers_are_pickled_as_those_without():
    net = cnn.Network([cnn.Dense(2)], seed=0, categorical_features="auto", column_types=TYPES)
    net.fit(ROWS, LABELS, epochs=1)
    before = len(pickle.dumps(net))
    answers = net.predict_proba(ROWS[3])
    assert len(pickle.dumps(net)) == before
    assert (pickle.loads(pickle.dumps(net)).predict_proba(ROWS[3]) == answers).all()


def test_another_fit_has_another_reader():
    net = cnn.Network([cnn.Dense(2)], seed=0)
    net.fit(NUMBERS, LABELS, epochs=1).predict(NUMBERS[0])
    renamed = [{"a": row["age"], "b": row["weight"]} for row in NUMBERS]
    net.fit(renamed, LABELS, epochs=1)
    assert net.predict(renamed[0]).shape == (1,)
    with pytest.raises(ValueError, match="unseen at fit time:\n- age\n"):
        net.predict(NUMBERS[0])


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_estimators_read_a_dict_directly(kind):
    fitted = getattr(cnn, kind)(categorical_features="auto", column_types=TYPES, max_iter=2, random_state=0)
    fitted.fit(ROWS, LABELS)
    expected = fitted.predict(ROWS)
    with mock.patch(
        "compiled_nn.data.dataframes.opened", side_effect=AssertionError("it is read as a table")
    ):
        assert all((fitted.predict(row) == expected[i]).all() for i, row in enumerate(ROWS))


def test_whole_numbers_are_not_rounded_to_float32():
    days = [{"day": 20_240_100 + i // 2, "city": "ab"[i % 2]} for i in range(M)]
    net = cnn.Network([cnn.Dense(2)], dtype="float64", seed=0, categorical_features="auto")
    net.fit(days, LABELS, epochs=1)
    assert len(set(net.decision_function(days)[::2, 0].tolist())) == M // 2
