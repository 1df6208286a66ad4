"""JSON Schema of a row: what it accepts, `predict` accepts, alone and in a list of rows."""

import functools
import json
import warnings

import compiled_nn as cnn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

jsonschema = pytest.importorskip("jsonschema", reason="rows are compared with the schema by jsonschema")

EXCEPTIONS = (
    "beyond the range",  # of the dtype, once a number is scaled and multiplied by weights
    "is not a date",  # a day that its month does not have, such as 2023-02-30
    "with and without a time zone",  # in one list of rows
    "is none in UTC",  # within a day of the years 1 and 9999
)
N = 60
LAYERS = [cnn.Dense(4, "tanh"), cnn.Dense(3)]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 3)), np.arange(N) % 3
DAYS = np.datetime64("2023-01-01") + RNG.integers(0, 300, N)
TABLE = [
    {
        "id": f"r{i}",
        "size": None if i % 7 == 0 else float(RNG.normal(3, 2)),
        "rooms": int(RNG.integers(1, 5)),
        "city": ("Ulm", "Bern", None)[RNG.integers(3)],
        "new": bool(RNG.integers(2)),
        "sold": str(DAYS[i]),
        "seen": f"{DAYS[i]} {int(RNG.integers(24)):02}:30",
        "garden": bool(RNG.integers(2)),
        "same": 1,
    }
    for i in range(N)
]
TYPES = {"rooms": "category", "new": "category"}
ENCODED = {"categorical_features": "auto", "column_types": TYPES}
BY_PLACE = {"categorical_features": "auto", "column_types": {2: "category", 4: "category", 8: "ignore"}}
NAMED = [dict(zip("abc", row, strict=True)) for row in X.tolist()]


def network(rows, **parameters):
    return lambda dtype: cnn.Network(LAYERS, dtype=dtype, seed=0, **parameters).fit(rows, Y, epochs=1)


def weights_only(dtype):
    net = cnn.Network(LAYERS, dtype=dtype)
    net.set_weights([(np.ones((3, 4)), np.zeros(4)), (np.ones((4, 3)), np.zeros(3))])
    return net


KINDS = {
    "numbers": network(X),
    "names": network(NAMED, standardize=True),
    "names that are numbers": network([dict(enumerate(row, start=1)) for row in X.tolist()]),
    "images": network(X.reshape(N, 1, 3)),
    "images with channels": network(RNG.normal(size=(N, 2, 2, 1))),
    "table": network(TABLE, standardize=True, **ENCODED),
    "table without names": network(np.array([[*row.values()] for row in TABLE], object), **BY_PLACE),
    "weights only": weights_only,
    "ensemble": lambda dtype: cnn.Ensemble(
        cnn.Network(LAYERS, dtype=dtype, seed=0, **ENCODED), n_members=2
    ).fit(TABLE, Y, epochs=1),
    "MLPClassifier": lambda dtype: cnn.MLPClassifier(max_iter=1, dtype=dtype, **ENCODED).fit(TABLE, Y),
    "MLPRegressor": lambda dtype: cnn.MLPRegressor(max_iter=1, dtype=dtype).fit(X, Y),
    "TabularClassifier": lambda dtype: cnn.TabularClassifier(
        max_iter=1, n_members=2, dtype=dtype, column_types=TYPES
    ).fit(TABLE, Y),
}
DTYPES = {"numbers": ("float32", "float64"), "table": ("float32", "float64")}
kinds = pytest.mark.parametrize(
    ("kind", "dtype"), [(kind, dtype) for kind in KINDS for dtype in DTYPES.get(kind, ("float32",))]
)


@functools.cache
def model_of(kind, dtype="float32"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # columns that are left out, and few rows
        return KINDS[kind](dtype)


ODD = [None, True, False, 0, 3, 2.5, -1e5, 1e39, -1e300, 10**400, 2**70, "", "Ulm", "1.5", "nan", [1.0], {}]
ODD += ["2024-02-29", "2023-05-31 07:15", "2021-12-01T23:59:59.123456789Z", "9999-12-31T23:00-01:00"]
ODD += [
    "0001-01-01T00:00+23:59",
    "2024-13-01",
    "2024-01-01T24:00",
    "2024-1-1",
    "2024-01-01T",
    "\u0661\u0662",
    "\0",
]
NUMBERS = st.floats(-1e6, 1e6) | st.integers(-(2**53), 2**53)


def values(schema):
    """Return a strategy for values of a schema, and with a smaller probability for other ones."""
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema["items"]] * schema["maxItems"]
        return mostly(st.tuples(*map(values, items)).map(list), st.lists(NUMBERS, max_size=5))
    if schema.get("type") == "object":
        properties = {name: values(item) for name, item in schema["properties"].items()}
        required = {name: properties.pop(name) for name in schema["required"]}
        rows = st.fixed_dictionaries(required, optional=properties)
        changes = st.sampled_from(["none"] * 8 + ["additional", *required])
        return st.builds(changed, rows, changes)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    text = st.from_regex(schema["pattern"].replace("$", r"\Z")) if "pattern" in schema else st.text()
    ways = {"null": st.none(), "boolean": st.booleans(), "number": NUMBERS, "string": text}
    known = [st.sampled_from(schema["x-categories"])] if "x-categories" in schema else []
    usual = st.one_of(*[ways[kind] for kind in kinds], *known)
    return mostly(usual, st.sampled_from(ODD))


def mostly(usual, other):
    return st.integers(0, 11).flatmap(lambda number: other if number == 7 else usual)


def changed(row, change):
    """Return a row with an additional key, or without one."""
    if change == "additional":
        return {**row, "extra": 1}
    return {name: value for name, value in row.items() if name != change}


def refused(model, rows):
    """Return the error of `predict` for rows, "" if there is none or it is a documented exception."""
    try:
        assert len(model.predict(rows)) == len(rows)
    except ValueError as error:
        return "" if any(text in str(error) for text in EXCEPTIONS) else str(error)
    return ""


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@kinds
def test_what_the_schema_accepts_is_predicted(kind, dtype):
    model = model_of(kind, dtype)
    whole = model.input_schema()
    for schema in filter(None, (whole, whole.get("x-array"))):
        validator, counts = jsonschema.Draft202012Validator(schema), {True: 0, False: 0}
        validator.check_schema(schema)
        (example,) = schema["examples"]
        assert validator.is_valid(example)
        assert not refused(model, [example])
        check_rows(model, validator, values(schema), example, counts)
        assert min(counts.values()) >= 3, counts


def check_rows(model, validator, rows, example, counts):
    """Check that rows which the schema accepts are predicted, alone and after another one; count both kinds."""

    @settings(max_examples=50, deadline=None, database=None, derandomize=True)
    @given(rows)
    def check(row):
        valid = validator.is_valid(row)
        counts[valid] += 1
        if valid:
            assert not refused(model, [row])
            assert not refused(model, [example, row])

    check()


def test_keywords_of_columns():
    schema = model_of("table").input_schema()
    properties = schema["properties"]
    assert {name: column["x-kind"] for name, column in properties.items()} == {
        "id": "left out",
        "size": "number",
        "rooms": "category",
        "city": "category",
        "new": "category",
        "sold": "date",
        "seen": "date",
        "garden": "number",
        "same": "left out",
    }
    assert schema["required"] == ["size", "rooms", "city", "new", "sold", "seen", "garden"]
    assert schema["additionalProperties"] is False
    assert properties["city"]["x-categories"] == ["Bern", "Ulm"]
    assert [properties[name]["type"][0] for name in ("rooms", "city", "new")] == [
        "number",
        "string",
        "boolean",
    ]
    assert [properties[name]["format"] for name in ("sold", "seen")] == ["date", "date-time"]
    assert schema["x-array"]["prefixItems"] == list(properties.values())


@pytest.mark.parametrize("kind", ["table", "images", "MLPClassifier"])
def test_schema_is_json(kind):
    schema = model_of(kind).input_schema()
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_array_forms():
    numbers, image = model_of("numbers").input_schema(), model_of("images with channels").input_schema()
    largest = float(np.finfo(np.float32).max)
    assert numbers["items"] == {"type": "number", "minimum": -largest, "maximum": largest}
    assert (numbers["minItems"], numbers["maxItems"]) == (3, 3)
    assert np.shape(image["examples"][0]) == (2, 2, 1)
    assert image["items"]["items"]["maxItems"] == 1


def test_many_categories_are_cut():
    rows = [{"city": f"town {i}"} for i in range(1200)]
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features=["city"], seed=0)
    column = net.fit(rows, np.zeros(1200), epochs=1).input_schema()["properties"]["city"]
    assert len(column["x-categories"]) == 1000
    assert column["description"].startswith("One of 1,200 categories: town 0, town 1, ")


def test_column_without_values():
    rows = [{"city": None, "day": None, "size": 1.0}] * 3
    net = cnn.Network(
        [cnn.Dense(1)], loss="mse", categorical_features=["city"], column_types={"day": "date"}, seed=0
    )
    schema = net.fit(rows, np.zeros(3), epochs=1).input_schema()
    assert schema["examples"] == [{"city": None, "day": None, "size": 1.0}]
    assert len(net.predict([{"city": "x", "day": "2024-01-01", "size": 2}])) == 1


def test_names_from_a_file_are_printable():
    rows = [{"city": "a\x1b[2J"}, {"city": "b"}]
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features=["city"], seed=0)
    column = net.fit(rows, np.zeros(2), epochs=1).input_schema()["properties"]["city"]
    assert "\x1b" not in column["description"]
    assert column["x-categories"] == ["a\x1b[2J", "b"]


def test_before_fit():
    with pytest.raises(cnn.NotFittedError):
        cnn.Network(LAYERS).input_schema()
    with pytest.raises(cnn.NotFittedError):
        cnn.MLPClassifier().input_schema()


def test_ranges_of_training():
    size = model_of("table").input_schema()["properties"]["size"]["x-training"]
    values = [row["size"] for row in TABLE if row["size"] is not None]
    assert (size["minimum"], size["maximum"]) == (min(values), max(values))
    # All but the range have six digits.
    assert size["mean"] == pytest.approx(np.mean(values), rel=1e-5)
    assert size["missing"] == pytest.approx(1 - len(values) / N, rel=1e-5)
    numbers = model_of("numbers").input_schema()
    assert [each["minimum"] for each in numbers["x-training"]] == X.min(axis=0).tolist()
    assert "x-training" not in model_of("weights only").input_schema()


@pytest.mark.parametrize("parameters", [{}, {"categorical_features": "auto"}])
def test_rows_of_booleans_are_valid(parameters):
    rows = [{"wet": bool(i % 3), "height": float(i % 9)} for i in range(N)]
    model = network(rows, **parameters)("float32")
    schema = model.input_schema()
    assert schema["properties"]["wet"]["type"][:2] == ["number", "boolean"]
    assert "boolean" not in schema["properties"]["height"]["type"]
    validator = jsonschema.Draft202012Validator(schema)
    for wet in (True, 0.5, False):
        row = {"wet": wet, "height": 1.0}
        assert validator.is_valid(row)
        assert not refused(model, [row])
