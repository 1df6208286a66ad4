"""Batches of Parquet files: names, the index of pandas, decimals, text, weights."""

import decimal
import itertools

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.data import arrays
from compiled_nn.datasets import ParquetBatches
from small import bits
from tables import pandas, polars, pyarrow

parquet = pytest.importorskip("pyarrow.parquet")
rng = np.random.default_rng(0)
FRAME = pandas.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"]).assign(t=np.arange(60) % 3)


def network(**options):
    return cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], seed=0, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.parquet"


# ---- names


def test_a_network_knows_the_names(path):
    FRAME.to_parquet(path)
    net = network().fit(ParquetBatches(path, "t", batch_rows=25), epochs=2)
    parts = [(FRAME.iloc[i : i + 25, :3], FRAME["t"][i : i + 25]) for i in range(0, 60, 25)]
    plain = network().fit([(X.to_numpy(), y) for X, y in parts], epochs=2)
    assert bits(net) == bits(network().fit(parts, epochs=2)) == bits(plain)
    assert net.feature_names_in_.tolist() == ["a", "b", "c"]
    X = FRAME[["c", "a", "b"]]
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(FRAME.to_numpy()[:, :3]))
    with pytest.raises(ValueError, match="- d\n"):
        net.predict(FRAME.iloc[:, :3].rename(columns={"a": "d"}))


def test_columns_of_a_later_stream_are_matched(path):
    FRAME.to_parquet(path)
    net = network().fit(FRAME[["a", "b", "c"]], FRAME["t"], epochs=1)
    twin = network().fit(FRAME[["a", "b", "c"]], FRAME["t"], epochs=1)
    net.fit(ParquetBatches(path, "t", columns=["c", "a", "b"]), warm_start=True)
    assert bits(net) == bits(twin.fit(ParquetBatches(path, "t"), warm_start=True))


# ---- the index of pandas


INDEXED = {
    "sample": FRAME.sample(frac=0.8, random_state=0),
    "named": FRAME.rename_axis("customer").sample(frac=0.8, random_state=0),
    "range": FRAME,
    "text": FRAME.set_index(pandas.Index([f"row {i}" for i in range(60)])),
    "multi": FRAME.set_index(pandas.MultiIndex.from_tuples(itertools.product("xy", range(30)))),
    "multi named": FRAME.set_index(
        pandas.MultiIndex.from_tuples(itertools.product("xy", range(30)), names=["group", None])
    ),
    "dates": FRAME.set_index(pandas.date_range("2020", periods=60)),
}


@pytest.mark.parametrize("index", INDEXED)
@pytest.mark.parametrize("stored", [None, True, False], ids="index={}".format)
def test_the_index_is_left_out(index, stored, path):
    frame = INDEXED[index]
    frame.to_parquet(path, index=stored)
    batches = ParquetBatches(path, "t")
    assert batches.columns == ["a", "b", "c"]
    (X, y), *_ = batches
    np.testing.assert_array_equal(np.asarray(X), frame[["a", "b", "c"]])
    np.testing.assert_array_equal(y, frame["t"])


def test_an_index_can_be_chosen(path):
    INDEXED["named"].to_parquet(path)
    (X, _), *_ = ParquetBatches(path, "t", columns=["customer", "a"])
    np.testing.assert_array_equal(X.column(0), INDEXED["named"].index)
    (_, y), *_ = ParquetBatches(path, "customer", columns=["a"])
    np.testing.assert_array_equal(y, INDEXED["named"].index)


def test_folders_and_data_sets(tmp_path):
    import pyarrow.dataset

    for i in range(2):
        INDEXED["sample"].to_parquet(tmp_path / f"{i}.parquet")
    assert ParquetBatches(tmp_path, "t").columns == ["a", "b", "c"]
    assert ParquetBatches(pyarrow.dataset.dataset(tmp_path), "t").columns == ["a", "b", "c"]


@pytest.mark.parametrize("index", INDEXED)
def test_a_table_of_a_data_frame_has_no_unnamed_index(index, path):
    """An index without a name is never a feature; one with a name is a column of an Arrow table, as any other."""
    frame = INDEXED[index][["a", "b", "c"]]
    table = pyarrow.Table.from_pandas(frame)
    named = [name for name in frame.index.names if name is not None]
    if named:
        with pytest.raises(ValueError, match=f"- {named[0]}\n"):
            network().fit(frame, INDEXED[index]["t"], epochs=1).predict(table)
        return
    net = network().fit(frame, INDEXED[index]["t"], epochs=1)
    for each in (table, *table.to_batches(), table.to_reader()):
        np.testing.assert_array_equal(net.predict_proba(each), net.predict_proba(frame))
    assert bits(network().fit(table, INDEXED[index]["t"], epochs=1)) == bits(net)
    model = cnn.MLPClassifier(max_iter=2, random_state=0).fit(table, INDEXED[index]["t"])
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    encoder = cnn.preprocessing.Tabular().fit(table)
    assert encoder.feature_names_in_.tolist() == ["a", "b", "c"]


# ---- decimals and text


DECIMALS = [decimal.Decimal(int(n)).scaleb(-7) for n in rng.integers(-(10**15), 10**15, 60)]


def test_decimals_are_the_nearest_floats(path):
    """Each decimal is the float nearest to it, in every library and in batches."""
    exact = np.array([float(number) for number in DECIMALS])
    table = pyarrow.table({"price": DECIMALS, "n": np.arange(60), "t": FRAME["t"]})
    parquet.write_table(table, path)
    tables = [
        table,
        polars.from_arrow(table),
        table.to_pandas(),
        table.to_pandas(types_mapper=pandas.ArrowDtype),
    ]
    for each in [*tables, *table.to_batches(), *(X for X, _ in ParquetBatches(path, "t"))]:
        np.testing.assert_array_equal(arrays.design(each, dtype="float64")[:, 0], exact)
    for each in tables:
        np.testing.assert_array_equal(arrays.values(each["price"], n_outputs=1, dtype="float64")[:, 0], exact)
    (_, y), *_ = ParquetBatches(path, "price")
    np.testing.assert_array_equal(y, exact)
    net = network(standardize=True).fit(ParquetBatches(path, "t"), epochs=2)
    X = np.column_stack([exact, np.arange(60)])
    assert bits(net) == bits(network(standardize=True).fit([(X, FRAME["t"])], epochs=2))


def test_decimals_of_other_scales():
    numbers = [decimal.Decimal("1E+3"), decimal.Decimal("0.00"), None, decimal.Decimal("-7.25")]
    for kind in (pyarrow.decimal128(12, 2), pyarrow.decimal256(40, 5)):
        column = pyarrow.array(numbers, kind)
        with pytest.raises(ValueError, match="NaN: row 2, column 'd'"):
            arrays.design(pyarrow.table({"d": column}), dtype="float64")
        filled = pyarrow.table({"d": column.drop_null()})
        np.testing.assert_array_equal(arrays.design(filled, dtype="float64")[:, 0], [1000, 0, -7.25])


def test_text_where_it_is_named(path):
    frame = FRAME.assign(city=np.array(["Rome", "Paris", None])[np.arange(60) % 3], b=[None, *range(59)])
    frame.to_parquet(path)
    X = frame.drop(columns="t")
    for features in (["city"], "auto"):
        net = network(categorical_features=features).fit(ParquetBatches(path, "t"), epochs=3)
        twin = network(categorical_features=features).fit([(X, frame["t"])], epochs=3)
        assert bits(net) == bits(twin)
        np.testing.assert_array_equal(net.predict_proba(X), twin.predict_proba(X))
    with pytest.raises(TypeError, match=r"X\['city'\]"):
        network().fit(ParquetBatches(path, "t", columns=["a", "city"]))


# ---- weights


def test_weights(path):
    weights = rng.random(60)
    FRAME.assign(w=weights).to_parquet(path)
    batches = ParquetBatches(path, "t", weights="w")
    assert batches.columns == ["a", "b", "c"]
    (_, _, w), *_ = batches
    np.testing.assert_array_equal(w, weights)
    options = {"epochs": 3, "batch_size": 20, "shuffle": False}
    net = network().fit(batches, **options)
    twin = network().fit(FRAME[["a", "b", "c"]], FRAME["t"], sample_weight=weights, **options)
    assert bits(net) == bits(twin)
    both = ParquetBatches(path, "t", weights="a")  # a column can be weights and a feature, if it is named
    assert both.columns == ["b", "c", "w"]
    assert ParquetBatches(path, "t", columns=["a"], weights="a").columns == ["a"]
