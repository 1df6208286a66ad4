"""The plain routes: rows as JSON, answers as one object per row, errors that name the row and the column."""

import math

import compiled_nn as cnn
import numpy as np
import pytest
from model_kinds import KINDS
from services import get, post

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

from compiled_nn.serving import create_app

TABLE = [
    {"age": 31, "city": "Ulm", "since": "2024-01-05"},
    {"age": 48, "city": "Bonn", "since": "2023-06-01"},
    {"age": 25, "city": "Ulm", "since": "2022-02-11"},
    {"age": None, "city": "Köln", "since": "2024-11-30"},
] * 10


@pytest.fixture(scope="module")
def table():
    net = cnn.Network(
        [cnn.Dense(4, "tanh"), cnn.Dense(2)], categorical_features="auto", standardize=True, seed=0
    )
    return net.fit(TABLE, ["no", "yes", "no", "yes"] * 10, epochs=5)


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(1)], loss="mse", seed=0)
    return net.fit(X, 10 * X[:, 0] + 3, epochs=5).calibrate_intervals(X[:50], 10 * X[:50, 0] + 3)


@pytest.fixture(scope="module")
def app(table, numbers):
    return create_app({"table": table, "numbers": numbers}, max_rows=50, max_bytes=20_000)


def as_rows(X):
    """Rows of X as JSON has them."""
    if isinstance(X, np.ndarray):
        return [[plain(value) for value in row] if X.ndim == 2 else row for row in X.tolist()]
    if hasattr(X, "to_dict"):
        X = X.to_dict("list")
    if isinstance(X, dict):
        X = [dict(zip(X, row, strict=True)) for row in zip(*X.values(), strict=True)]
    return [{key: plain(value) for key, value in row.items()} for row in X]


def plain(value):
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biuf" else value


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_the_model(kind):
    """Each kind of model: labels, probabilities and values are the same numbers as those of its methods."""
    model, X = KINDS[kind]("float32")
    rows, X = as_rows(X)[:7], X[:7] if not isinstance(X, dict) else {key: X[key][:7] for key in X}
    answer = post(create_app(model), "/models/model/predict", {"rows": rows})
    assert answer.status == 200, answer.text
    found = answer.json["predictions"]
    net = getattr(model, "network_", model)
    if not hasattr(net, "classes_"):
        if net._configuration.loss.name == "gaussian_nll":
            mean, std = net.predict_distribution(X)
            assert [row["value"] for row in found] == mean.tolist()
            assert [row["std"] for row in found] == std.tolist()
            return
        (key,) = {"value", "values", "quantiles"} & found[0].keys()
        values = [list(row[key].values()) if key == "quantiles" else row[key] for row in found]
        assert values == net.predict(X).tolist()
        return
    predicted, shares = net.predict(X), net.predict_proba(X)
    probabilities = [list(row["probabilities"].values()) for row in found]
    if predicted.ndim == 2:
        assert [row["labels"] for row in found] == [np.flatnonzero(row).tolist() for row in predicted]
        probabilities = np.array(probabilities).tolist()
    else:
        assert [row["label"] for row in found] == predicted.tolist()
        assert list(found[0]["probabilities"]) == [str(label) for label in model.classes_.tolist()]
    assert (
        probabilities == (shares if len(found[0]["probabilities"]) > 1 else model.predict_proba(X)).tolist()
    )


def test_missing_values_unknown_categories_and_order(app, table):
    rows = [
        {"age": None, "city": "Paris", "since": None},
        {"since": "2024-01-05", "city": None, "age": 31.5},
        [31, "Ulm", "2024-01-05"],
    ]
    found = post(app, "/models/table/predict", {"rows": rows}).json["predictions"]
    expected = table.predict_proba(
        [
            {"age": None, "city": "Paris", "since": None},
            {"age": 31.5, "city": None, "since": "2024-01-05"},
            TABLE[0],
        ]
    )
    assert [list(row["probabilities"].values()) for row in found] == expected.tolist()


def test_intervals(app, numbers):
    X = [[0.5, 1.0, -1.0], [0.0, 0.0, 0.0]]
    lower, upper = numbers.predict_interval(np.array(X), 0.8)
    found = post(app, "/models/numbers/predict", {"rows": X, "coverage": 0.8}).json["predictions"]
    assert [row["interval"] for row in found] == [
        {"coverage": 0.8, "lower": low, "upper": high}
        for low, high in zip(lower.tolist(), upper.tolist(), strict=True)
    ]
    default = post(app, "/models/numbers/predict", {"rows": X}).json["predictions"][0]["interval"]
    low, high = numbers.predict_interval(np.array(X), 0.9)
    assert default == {"coverage": 0.9, "lower": low[0], "upper": high[0]}


def test_sets_of_classes():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(80, 2)), np.arange(80) % 3
    net = cnn.Network([cnn.Dense(3)], seed=0).fit(X, y, epochs=2).calibrate_intervals(X, y)
    found = post(create_app(net), "/models/model/predict", {"rows": X[:5].tolist(), "coverage": 0.7})
    expected = [np.flatnonzero(row).tolist() for row in net.predict_set(X[:5], 0.7)]
    assert [row["set"] for row in found.json["predictions"]] == [
        {"coverage": 0.7, "labels": labels} for labels in expected
    ]


def test_infinite_bound_is_null():
    net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0, dtype="float32")
    X = np.zeros((20, 1), np.float32)
    net.fit(X, np.zeros(20, np.float32), epochs=1)
    scores = np.full((20, 1), 1e39)
    net._set_calibration(net._outputs.calibration._replace(scores=scores))
    found = post(create_app(net), "/models/model/predict", {"rows": [[0.0]]})
    assert found.json["predictions"][0]["interval"] == {"coverage": 0.9, "lower": None, "upper": None}


BAD_ROWS = [
    ([{"age": 1, "city": "Ulm"}], 0, "since", "lacks the column 'since'. Send a value for it, or null"),
    ([{"age": 1, "cty": "x", "since": None}], 0, "cty", "does not take. Did you mean 'city'?"),
    (
        [TABLE[0], {**TABLE[1], "age": "old"}],
        1,
        "age",
        "the text 'old' cannot be used; expected a number, or null",
    ),
    ([{**TABLE[0], "city": 5}], 0, "city", "the number 5 cannot be used; expected text, or null"),
    ([{**TABLE[0], "age": [1]}], 0, "age", "a list cannot be used; expected a single value"),
    ([{**TABLE[0], "since": "soon"}], 0, "since", "'soon'"),
    ([{**TABLE[0], "age": 10**400}], 0, "age", ""),
    ([TABLE[0], [1, "Ulm"]], 1, None, "Row 1 has 2 values; the model takes 3."),
    ([TABLE[0], "x"], 1, None, "Row 1 is the text 'x'; expected an object"),
    ([TABLE[0], None], 1, None, "Row 1 is null; expected an object"),
]


@pytest.mark.parametrize(("rows", "row", "column", "message"), BAD_ROWS)
def test_errors_name_row_and_column(app, rows, row, column, message):
    answer = post(app, "/models/table/predict", {"rows": rows})
    assert answer.status == 422
    assert (answer.json["row"], answer.json.get("column")) == (row, column)
    assert message in answer.json["error"]
    assert f"Row {row}" in answer.json["error"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [[1, 2, None]],
            "Row 0, column 'x2': null cannot be used; expected a number, and none may be missing.",
        ),
        ([[1, 2, 3], [1, 2]], "Row 1 has 2 values; the model takes 3."),
        ([[1, 2, "3"]], "column 'x2': the text '3' cannot be used"),
        ([[1, 2, 1e300]], "Row 0"),
        ([{"x0": 1, "x1": 2}], "Row 0 lacks the column 'x2'"),
        ([[[1, 2, 3]]], "Row 0 has 1 values; the model takes 3."),
        ([], "rows is an empty list"),
        ({}, "rows is an object"),
        (None, "rows is null"),
        ("x", "rows is the text 'x'"),
        ([["1", "2", "3"]], "column 'x0': the text '1' cannot be used"),
    ],
)
def test_errors_of_rows_of_numbers(app, rows, message):
    answer = post(app, "/models/numbers/predict", {"rows": rows})
    assert answer.status == 422, answer.text
    assert message in answer.json["error"]


def test_rows_by_the_names_of_an_array(app, numbers):
    found = post(app, "/models/numbers/predict", {"rows": [{"x2": 3, "x0": True, "x1": 2}]})
    assert found.json["predictions"][0]["value"] == numbers.predict([[1.0, 2.0, 3.0]])[0]


def test_outputs_beyond_the_range():
    net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0).fit([[0.0], [1.0]], [0.0, 1.0], epochs=1)
    net.set_weights([(np.full((1, 1), 1e30, np.float32), np.zeros(1, np.float32))])
    answer = post(create_app(net), "/models/model/predict", {"rows": [[1e30]]})
    assert answer.status == 422
    assert "beyond the range" in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe{}", 400, "not JSON"),
        (b"[" * 10_000, 400, "not JSON: recursion limit exceeded"),
        (b"[]", 400, "is a list; expected a JSON object"),
        (b'{"rows": [[NaN, 1, 2]]}', 400, "A missing value is null; NaN and Infinity are not JSON."),
        (b'{"rows": [[Infinity, 1, 2]]}', 400, "NaN and Infinity are not JSON."),
        (b'{"rows": [[1e999, 1, 2]]}', 422, "Row 0"),
        (b'{"rows": [[1, 2, ' + b"9" * 5000 + b"]]}", 400, "not JSON"),
        (b'{"rows": [[1, 2, "\\ud800"]]}', 400, "not JSON"),
        (
            b'{"row": [[1, 2, 3]]}',
            422,
            "has the key 'row'; expected rows, coverage and check. Did you mean 'rows'?",
        ),
        (b'{"x0": 1}', 422, "Send one row as a list with one object."),
        (b'{"rows": [[1, 2, 3]], "coverage": 2}', 422, "coverage must be a number between 0 and 1"),
        (b'{"rows": [[1, 2, 3]], "coverage": "x"}', 422, "coverage must be a number between 0 and 1"),
        (b'{"rows": [[1, 2, 3]], "coverage": 0.999}', 422, "coverage 0.999: "),
        (
            b'{"rows": [' + b"[1, 2, 3]," * 50 + b"[1, 2, 3]]}",
            413,
            "has 51 rows; at most 50 are answered at once",
        ),
        (b" " * 20_001, 413, "has more than 20,000 bytes"),
    ],
)
@pytest.mark.parametrize("parts", [1, 3])
def test_bodies(app, body, status, message, parts):
    answer = post(app, "/models/numbers/predict", body=body, parts=parts)
    assert answer.status == status
    assert message in answer.json["error"]


def test_stated_length_is_enough_to_refuse(app):
    answer = post(app, "/models/numbers/predict", body=b"", headers=[(b"content-length", b"999999999")])
    assert answer.status == 413


def test_coverage_of_a_model_that_is_not_calibrated(app):
    answer = post(app, "/models/table/predict", {"rows": TABLE[:1], "coverage": 0.9})
    assert answer.status == 422
    assert "it was not calibrated on held-out rows" in answer.json["error"]


def test_unknown_models_versions_and_addresses(app):
    answer = post(app, "/models/numbrs/predict", {"rows": []})
    assert answer.status == 404
    assert answer.json == {
        "error": "No model is named 'numbrs'; there are table, numbers. Did you mean 'numbers'?",
        "models": ["table", "numbers"],
    }
    answer = post(app, "/models/numbers/versions/2/predict", {"rows": []})
    assert (answer.status, answer.json["versions"]) == (404, ["1"])
    assert get(app, "/nothing").json["error"] == "There is no such address; /docs lists all of them."
    answer = get(app, "/models/numbers/predict")
    assert answer.status == 405
    assert answer.headers[b"allow"] == b"POST"


def test_large_bodies_have_the_same_answers(numbers):
    X = np.random.default_rng(2).normal(size=(3000, 3))
    answer = post(create_app(numbers), "/models/model/predict", {"rows": X.tolist()})
    assert [row["value"] for row in answer.json["predictions"]] == numbers.predict(X).tolist()
    rows = [*X.tolist(), [1, 2, "x"]]
    answer = post(create_app(numbers), "/models/model/predict", {"rows": rows})
    assert (answer.status, answer.json["row"], answer.json["column"]) == (422, 3000, "x2")


def test_description(app, table):
    found = get(app, "/models/table").json
    assert found["kind"] == "classifier"
    assert found["classes"] == ["no", "yes"]
    assert found["columns"] == ["age", "city", "since"]
    assert found["input_schema"] == table.input_schema()
    assert [each["model"] for each in get(app, "/models").json["models"]] == ["table", "numbers"]


def test_labels_of_one_class():
    model = cnn.TabularClassifier(n_members=1, max_iter=1, random_state=0).fit([[0.0], [1.0]], ["a", "a"])
    found = post(create_app(model), "/models/model/predict", {"rows": [[0.5]]}).json["predictions"]
    assert found == [{"label": "a", "probabilities": {"a": 1.0}}]


def test_images():
    X = np.random.default_rng(3).normal(size=(12, 2, 3))
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, np.arange(12) % 2, epochs=1)
    app = create_app(net)
    for rows in (X[:3].tolist(), X[:3].reshape(3, 6).tolist()):
        found = post(app, "/models/model/predict", {"rows": rows}).json["predictions"]
        assert [list(row["probabilities"].values()) for row in found] == net.predict_proba(X[:3]).tolist()
    answer = post(app, "/models/model/predict", {"rows": [[[1, 2, 3], [4, 5]]]})
    assert answer.status == 422
    assert "Row 0" in answer.json["error"]


def test_check(app, table):
    """The key `check` adds what ``check_inputs`` returns, for rows as objects and as lists."""
    rows = [{"age": 5000, "city": "Mars", "since": "2024-01-05"}, {"age": 31, "city": "Ulm", "since": None}]
    expected = table.check_inputs(rows).to_dict()
    assert expected["columns"]["city"]["unknown"] == {"Mars": 1}
    plain = post(app, "/models/table/predict", {"rows": rows}).json
    assert "check" not in plain
    for form in (rows, [list(row.values()) for row in rows], [rows[0], list(rows[1].values())]):
        answer = post(app, "/models/table/predict", {"rows": form, "check": True}).json
        assert answer.pop("check") == expected
        assert answer == plain
    assert post(app, "/models/table/predict", {"rows": rows, "check": False}).json == plain
    wrong = post(app, "/models/table/predict", {"rows": rows, "check": "yes"})
    assert (wrong.status, wrong.json["error"]) == (422, "check is the text 'yes'; expected true or false.")


@pytest.mark.parametrize("kind", KINDS)
def test_check_of_every_kind(kind):
    model, X = KINDS[kind]("float64")
    rows = as_rows(X)[:3]
    answer = post(create_app(model), "/models/model/predict", {"rows": rows, "check": True})
    if answer.status == 422:
        assert "not known" in answer.json["error"], answer.json
    else:
        assert answer.json["check"]["n_rows"] == 3


def test_check_without_training():
    net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0)
    net.set_weights([(np.ones((3, 1)), np.zeros(1))])
    answer = post(create_app(net), "/models/model/predict", {"rows": [[1, 2, 3]], "check": True})
    assert answer.status == 422
    assert answer.json["error"].startswith("The rows cannot be checked. ")
