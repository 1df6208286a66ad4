"""Equal columns of every library are encoded as the same rows, or refused by name."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.datasets import Table
from compiled_nn.preprocessing import Tabular

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

LARGE = 2**53
TEXT = {
    "a zero at the end": ["a\0", "a", None],
    "words for missing values": ["nan", "None", "NaT", "<NA>", "NA", None],
    "spaces and nothing": ["", " ", "x", "x ", None],
    "composed and decomposed": ["\u00e9", "e\u0301", "e"],
}


def objects(values):
    return np.fromiter(values, object, len(values))


LIBRARIES = {
    "dicts": lambda values: [{"c": value} for value in values],
    "Table": lambda values: Table({"c": objects(values)}),
    "pandas objects": lambda values: pandas.DataFrame({"c": pandas.Series(values, dtype=object)}),
    "pandas str": lambda values: pandas.DataFrame({"c": pandas.Series(values, dtype="str")}),
    "pandas Arrow": lambda values: pandas.DataFrame({"c": pandas.Series(values, dtype="string[pyarrow]")}),
    "pandas categories": lambda values: pandas.DataFrame({"c": pandas.Categorical(values)}),
    "polars": lambda values: polars.DataFrame({"c": values}),
    "polars Categorical": lambda values: polars.DataFrame(
        {"c": polars.Series(values, dtype=polars.Categorical)}
    ),
    "pyarrow": lambda values: pyarrow.table({"c": values}),
    "pyarrow dictionary": lambda values: pyarrow.table({"c": pyarrow.array(values).dictionary_encode()}),
}


@pytest.mark.parametrize("m", [6, 60])  # few rows are read one by one
@pytest.mark.parametrize("values", TEXT.values(), ids=TEXT)
def test_text(values, m):
    values = [values[i % len(values)] for i in range(m)]
    expected = Tabular().fit(LIBRARIES["Table"](values))
    rows = expected.transform(LIBRARIES["Table"](values)).toarray()
    assert rows.sum() == sum(value is not None for value in values)
    for make in LIBRARIES.values():
        X = make(values)
        assert Tabular().fit(X).to_config() == expected.to_config()
        np.testing.assert_array_equal(expected.transform(X).toarray(), rows)


@pytest.mark.parametrize("m", [6, 60])
def test_large_whole_numbers_are_exact_categories_or_refused(m):
    """Beyond 2**53 a column of floats, as libraries make of integers with gaps, may hold other numbers."""
    values = [(LARGE + 1, None, LARGE + 3, 5)[i % 4] for i in range(m)]
    encoder = Tabular(column_types={"c": "category"})
    exact = {"Table": LIBRARIES["Table"], "pandas": LIBRARIES["pandas categories"]}
    for make in exact.values():
        assert encoder.fit(make(values)).columns_[0].categories == (5, LARGE + 1, LARGE + 3)
        for other in exact.values():
            numbers = encoder.transform(other(values)).toarray() @ [5.0, 1.0, 3.0]
            assert numbers.tolist() == [(1, 0, 3, 5)[i % 4] for i in range(m)]
    rounded = {
        "dicts": LIBRARIES["dicts"],
        "pandas": lambda values: pandas.DataFrame({"c": values}),
        "polars": LIBRARIES["polars"],
        "pyarrow": LIBRARIES["pyarrow"],
    }
    message = r"X\['c'\] holds 9007199254740992.0 in row 0; a float beyond 2\*\*53"
    for make in rounded.values():
        with pytest.raises(ValueError, match=message):
            encoder.transform(make(values))
        with pytest.raises(ValueError, match=message):
            Tabular(column_types={"c": "category"}).fit(make(values))


def test_a_rounded_number_in_a_dict_is_no_category():
    X = {"c": objects([5, LARGE, LARGE + 1] * 4)}
    net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features=["c"], seed=0)
    net.fit(X, np.arange(12.0), epochs=1)
    assert net.predict({"c": LARGE}) == net.predict({"c": objects([LARGE])})
    with pytest.raises(ValueError, match="a float beyond"):
        net.predict({"c": float(LARGE)})


def test_polars_integers_of_128_bits():
    X = polars.DataFrame({"c": polars.Series([2**70, 1, None], dtype=polars.Int128)})
    np.testing.assert_array_equal(
        Tabular().fit(X).transform(X), Tabular().fit({"c": [2**70, 1, None]}).transform(X)
    )


def test_large_whole_numbers_are_different():
    """Those that float64 rounds to one number are neither constant nor equal."""
    values = [2**60 + i * i % 50 for i in range(60)]
    for make in (LIBRARIES["Table"], LIBRARIES["pandas objects"], LIBRARIES["dicts"], LIBRARIES["pyarrow"]):
        assert Tabular().fit(make(values)).column_types_["c"].kind == "number"
    ids = pandas.DataFrame({"user_id": pandas.Series([2**60 + i * i for i in range(60)], dtype=object)})
    with pytest.warns(cnn.CompiledNNWarning, match="'user_id' \\(its values are all different\\)"):
        Tabular().fit(ids.assign(z=np.arange(60) % 7))


@pytest.mark.parametrize("m", [1, 40])
def test_columns_without_values_have_the_mean(m):
    encoder = Tabular().fit({"c": [1.0, None, 1 / 3]})
    for make in (LIBRARIES["polars"], LIBRARIES["pyarrow"], LIBRARIES["pandas objects"], LIBRARIES["dicts"]):
        np.testing.assert_array_equal(encoder.transform(make([None] * m)), [[(1 + 1 / 3) / 2, 1]] * m)


@pytest.mark.parametrize("year", ["300000", "-300000"])
def test_dates_beyond_the_range_are_refused(year):
    """NumPy would convert them to other dates."""
    encoder = Tabular().fit({"c": np.datetime64("2024-01-01") + np.arange(60)})
    day = np.datetime64(f"{year}-01-01")
    for X in ({"c": day}, [{"c": day}], {"c": [day]}, {"c": objects([day])}, {"c": np.array([day])}):
        with pytest.raises(ValueError, match=rf"X\['c'\] has a date beyond the range .*: {year}-01-01"):
            encoder.transform(X)


@pytest.mark.parametrize("m", [6, 60])
def test_dates_that_are_all_missing(m):
    """A column without values has no dates, whatever a library makes of it."""
    encoder = Tabular().fit({"c": np.datetime64("2024-01-01") + np.arange(60)})
    rows = encoder.transform({"c": np.full(m, "NaT", "M8[us]")})
    for X in (
        [{"c": None}] * m,
        pandas.DataFrame({"c": [np.nan] * m}),
        pandas.DataFrame({"c": [pandas.NaT] * m}),
        pandas.DataFrame({"c": pandas.Series([None] * m, dtype=object)}),
        polars.DataFrame({"c": [None] * m}),
        pyarrow.table({"c": pyarrow.nulls(m)}),
    ):
        np.testing.assert_array_equal(encoder.transform(X), rows)
