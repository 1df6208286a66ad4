"""Columns with several values per row, such as arrays and lists: refused in every library, naming the column."""

import re

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.preprocessing import Tabular
from small import classifier
from tables import pandas, polars, pyarrow

VALUES = np.random.default_rng(0).normal(size=(30, 3))
LABELS = np.arange(30) % 3
PLAIN = np.arange(30.0)
RAGGED = [[1.0] * (1 + i % 3) for i in range(30)]

NESTED = {
    "polars Array": polars.DataFrame({"v": VALUES}),
    "polars Array of images": polars.DataFrame({"v": VALUES[:, :, None].repeat(2, axis=2)}),
    "polars List": polars.DataFrame({"v": VALUES.tolist()}),
    "polars ragged": polars.DataFrame({"v": RAGGED}),
    "polars Struct": polars.DataFrame({"v": [{"x": 1.0, "y": 2.0, "z": 3.0}] * 30}),
    "pandas arrays": pandas.DataFrame({"v": list(VALUES)}),
    "pandas lists": pandas.DataFrame({"v": VALUES.tolist()}),
    "pandas tuples": pandas.DataFrame({"v": [tuple(row) for row in VALUES]}),
    "pandas ragged": pandas.DataFrame({"v": RAGGED}),
    "pandas dicts": pandas.DataFrame({"v": [{"x": 1.0, "y": 2.0, "z": 3.0}] * 30}),
    "pandas of arrow": pandas.DataFrame(
        {"v": pandas.Series(VALUES.tolist(), dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.float64())))}
    ),
    "pyarrow lists": pyarrow.table({"v": VALUES.tolist()}),
    "pyarrow arrays": pyarrow.table(
        {"v": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(VALUES.ravel()), 3)}
    ),
    "pyarrow ragged": pyarrow.table({"v": RAGGED}),
    "pyarrow structs": pyarrow.table({"v": [{"x": 1.0, "y": 2.0, "z": 3.0}] * 30}),
}
every_table = pytest.mark.parametrize("table", NESTED.values(), ids=NESTED)


def with_numbers(table, first):
    """Return the table with a column of numbers before the nested one, or after it."""
    if isinstance(table, pandas.DataFrame):
        return table.assign(n=PLAIN)[["n", "v"] if first else ["v", "n"]]
    if isinstance(table, polars.DataFrame):
        return table.with_columns(n=PLAIN).select(["n", "v"] if first else ["v", "n"])
    return table.append_column("n", pyarrow.array(PLAIN)).select(["n", "v"] if first else ["v", "n"])


def refused(words="X['v'] has several values per row"):
    return pytest.raises(TypeError, match=re.escape(words))


@every_table
def test_nested_columns_are_refused(table):
    for X in (table, with_numbers(table, True), with_numbers(table, False)):
        with refused():
            classifier().fit(X, LABELS)
        with refused():
            classifier().partial_fit(X, LABELS)
        with refused():
            classifier(categorical_features="auto").fit(X, LABELS)
        with refused():
            classifier(categorical_features=["v"]).fit(X, LABELS)
        with refused():
            Tabular().fit(X)
        with refused():
            cnn.MLPClassifier().fit(X, LABELS)
        with refused():
            cnn.MLPRegressor(categorical_features="auto").fit(X, PLAIN)


@every_table
def test_nested_columns_are_refused_in_prediction(table):
    numbers = pandas.DataFrame({"v": PLAIN})
    for net in (
        classifier().fit(numbers, LABELS),
        classifier(categorical_features=["v"]).fit(numbers, LABELS),
    ):
        with refused():
            net.predict(table)


def test_the_message_counts():
    with refused(
        "X['v'] has several values per row: 3 in row 0. A column has one value per row. Pass an array"
    ):
        classifier().fit(NESTED["polars Array"], LABELS)
    late = pandas.DataFrame({"v": [1.0, None, [1.0, 2.0], 3.0]})
    with refused("X['v'] has several values per row: 2 in row 2."):
        classifier().fit(late, LABELS[:4])


@pytest.mark.parametrize(
    "table", [NESTED[key] for key in ("polars Array", "polars List", "pandas arrays", "pandas lists")]
)
def test_the_remedy_works(table):
    X = np.stack(table["v"].to_numpy())
    np.testing.assert_array_equal(X, VALUES)
    classifier().fit(X, LABELS)


@pytest.mark.parametrize("key", NESTED)
def test_nested_targets_in_a_table(key):
    with pytest.raises(TypeError, match=re.escape("y['v'] has several values per row")):
        classifier(3, loss="mse").fit(VALUES, NESTED[key])


def test_a_series_of_arrays_is_a_matrix():
    """A column of arrays alone is a matrix already in polars."""
    series = NESTED["polars Array"]["v"]
    by_series = classifier(3, loss="mse").fit(VALUES, series, epochs=2)
    by_array = classifier(3, loss="mse").fit(VALUES, VALUES, epochs=2)
    np.testing.assert_array_equal(by_series.predict(VALUES), by_array.predict(VALUES))
    np.testing.assert_array_equal(by_array.predict(series), by_array.predict(VALUES))


SERIES = {
    "pandas arrays": NESTED["pandas arrays"]["v"],
    "pandas lists": NESTED["pandas lists"]["v"],
    "polars List": NESTED["polars List"]["v"],
    "pyarrow lists": NESTED["pyarrow lists"]["v"],
    "NumPy objects": NESTED["pandas arrays"]["v"].to_numpy(),
}


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_a_series_of_lists_is_refused(series):
    for X in (series, series[:1]):
        with refused("X has several values per row: 3 in row 0"):
            classifier().fit(X, LABELS[: len(X)])
    with refused("X has several values per row: 3 in row 0"):
        cnn.MLPClassifier().fit(series, LABELS)
    for model in (classifier(3, loss="mse"), cnn.MLPRegressor()):
        with refused("y has several values per row: 3 in row 0"):
            model.fit(VALUES, series)
    with refused("sample_weight has several values per row: 3 in row 0"):
        classifier().fit(VALUES, LABELS, sample_weight=series)


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame, pyarrow.table])
def test_text_and_missing_values_are_no_nested_columns(make):
    table = make({"n": [1.0, None] * 15, "c": ["a", None, "b"] * 10})
    net = classifier(categorical_features="auto").fit(table, LABELS)
    assert net.predict(table).shape == (30,)


def test_y_is_no_dict():
    with refused("y is a dict"):
        classifier().fit(VALUES, {"y": LABELS})
