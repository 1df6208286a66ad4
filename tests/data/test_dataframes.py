"""Tables with named columns: the same bits from every library, and errors that name the column."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.data import arrays, class_labels, dataframes
from small import bits

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

MAKERS = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}
every_library = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


class Stream:
    """Offers an Arrow stream, and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def numbers(m=40):
    rng = np.random.default_rng(0)
    return {
        "a": rng.normal(size=m),
        "b": rng.integers(0, 9, m),
        "c": rng.random(m) < 0.5,
        "d": rng.normal(size=m).astype("float32"),
    }


def design(X):
    return arrays.design(X, dtype="float64")


def test_the_same_bits_from_every_library():
    data = numbers()
    expected = np.column_stack([column.astype("float64") for column in data.values()])
    y = np.arange(40) % 3
    tables = [make(data) for make in MAKERS.values()]
    tables += [Stream(polars.DataFrame(data)), pandas.DataFrame(data).convert_dtypes()]
    plain = cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], seed=0).fit(expected, y, epochs=2)
    for table in tables:
        np.testing.assert_array_equal(design(table), expected)
        net = cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], seed=0).fit(table, y, epochs=2)
        assert bits(net) == bits(plain)
        np.testing.assert_array_equal(net.predict_proba(table), plain.predict_proba(expected))


@every_library
@pytest.mark.parametrize("dtype", ["float32", "int16", "bool", "uint8"])
def test_columns_of_one_type_keep_it(make, dtype):
    A = (np.arange(12).reshape(4, 3) % 5).astype(dtype)
    result = design(make({"a": A[:, 0], "b": A[:, 1], "c": A[:, 2]}))
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, A)


def test_one_block_of_numbers_is_shared():
    A = np.ones((5, 3), "float32")
    assert np.shares_memory(design(pandas.DataFrame(A, copy=False)), A)


@every_library
def test_labels_of_every_library(make):
    X = np.random.default_rng(1).normal(size=(6, 2))
    text = ["u", "v", "u", "w", "v", "w"]
    expected = cnn.Network([cnn.Dense(3)], seed=0).fit(X, text, epochs=1)
    for y in (make({"y": text}), arrays.targets(make({"y": text}))):
        net = cnn.Network([cnn.Dense(3)], seed=0).fit(X, y, epochs=1)
        np.testing.assert_array_equal(net.classes_, ["u", "v", "w"])
        assert bits(net) == bits(expected)


def test_labels_in_columns_of_their_own():
    text = ["u", "v", "u", "w", "v", "w"]
    series = [
        pandas.Series(text),
        pandas.Series(pandas.Categorical(text)),
        pandas.Series(text, dtype="string"),
        polars.Series(text),
        polars.Series(text, dtype=polars.Categorical),
        pyarrow.array(text),
        pyarrow.chunked_array([text[:2], text[2:]]),
        pyarrow.chunked_array([text[:2], text[2:]]).dictionary_encode(),
    ]
    for y in series:
        assert class_labels.read(arrays.targets(y)).tolist() == text
    for y in (pandas.Series([2, 1], dtype="Int64"), polars.Series([2, 1]), pyarrow.array([2, 1])):
        assert class_labels.read(arrays.targets(y)).tolist() == [2, 1]


@every_library
def test_several_outputs(make):
    X, Y = np.random.default_rng(1).normal(size=(2, 8, 2))
    table = make({"p": Y[:, 0], "q": Y[:, 1].astype("float32")})
    net = cnn.Network([cnn.Dense(2)], loss="mse", seed=0).fit(X, table, epochs=1)
    expected = np.column_stack([Y[:, 0], Y[:, 1].astype("float32")])
    assert bits(net) == bits(cnn.Network([cnn.Dense(2)], loss="mse", seed=0).fit(X, expected, epochs=1))


# ---- what is missing, or no number


@every_library
def test_missing_numbers_are_nan(make):
    with pytest.raises(ValueError, match="Input X contains NaN: row 1, column 'a'"):
        design(make({"a": [1, None, 3], "b": [1.0, 2.0, 3.0]}))


def test_missing_numbers_of_nullable_columns():
    table = pandas.DataFrame({"a": [1, None, 3], "b": [True, None, False]}).convert_dtypes()
    (_, a), (_, b) = dataframes.columns(table)
    np.testing.assert_array_equal(a, [1, np.nan, 3])
    np.testing.assert_array_equal(b, [1, np.nan, 0])


@every_library
def test_text_is_refused_by_its_column(make):
    with pytest.raises(TypeError, match=r"X\['city'\].*the network takes real numbers"):
        design(make({"a": [1.0, 2.0], "city": ["Rome", "Bari"]}))


@every_library
def test_dates_are_refused_by_their_column(make):
    when = np.array(["2020-01-01", "2021-01-01"], "datetime64[us]")
    with pytest.raises(TypeError, match=r"X\['when'\] holds dates"):
        design(make({"a": [1.0, 2.0], "when": when}))


def test_missing_values_of_encoded_columns_stay_missing():
    column = pyarrow.chunked_array([["u", "v"], ["v", None]]).dictionary_encode()
    ((_, values),) = dataframes.columns(pyarrow.table({"a": column}))
    assert values.tolist() == ["u", "v", "v", None]
    with pytest.raises(ValueError, match="Input y contains None: row 3"):
        class_labels.read(arrays.targets(column))


def test_lazy_tables_are_refused():
    with pytest.raises(TypeError, match=r"X is a LazyFrame, which is not computed yet; pass X.collect\(\)"):
        design(polars.LazyFrame({"a": [1.0]}))


@every_library
def test_tables_without_columns(make):
    with pytest.raises(ValueError, match="X is empty"):
        design(make({}))


# ---- names


@every_library
def test_feature_names(make):
    assert dataframes.feature_names(make({"b": [1], "a": [2]})) == ("b", "a")


def test_feature_names_there_are_none_of():
    assert dataframes.feature_names(np.ones((2, 2))) is None
    assert dataframes.feature_names([[1, 2]]) is None
    assert dataframes.feature_names(pandas.DataFrame(np.ones((2, 2)))) is None
    assert dataframes.feature_names(pandas.DataFrame()) is None


def test_feature_names_of_mixed_types():
    with pytest.raises(TypeError, match="names of the types int, str"):
        dataframes.feature_names(pandas.DataFrame({"a": [1], 0: [2]}))


def test_columns_of_one_name():
    table = pandas.DataFrame(np.arange(6.0).reshape(2, 3), columns=["a", "a", "b"]).astype({"b": "float32"})
    np.testing.assert_array_equal(design(table), np.arange(6.0).reshape(2, 3))
