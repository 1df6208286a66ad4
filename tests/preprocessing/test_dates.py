"""Dates of every library and dtype, and networks that learn from them."""

import copy
import pickle
from datetime import UTC, date, datetime, time, timedelta

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.datasets import Table
from compiled_nn.preprocessing import Tabular

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

M = 60
TIMES = [datetime(2024, 1, 30, 5) + timedelta(hours=17 * i, minutes=i % 4 * 15) for i in range(M)]
AWARE = [moment.replace(tzinfo=UTC) for moment in TIMES]
DATES = [moment.date() for moment in TIMES]
ZONE = "Europe/Berlin"


def with_gap(values):
    return [None if i == 7 else value for i, value in enumerate(values)]


def frame(values, dtype=None):
    return pandas.DataFrame({"d": pandas.Series(values, dtype=dtype)})


def objects(values):
    return np.fromiter(values, object, M)


TIMES_OF_LIBRARIES = {
    "pandas": lambda: frame(pandas.to_datetime(TIMES)),
    "pandas ns": lambda: frame(np.array(TIMES, "datetime64[ns]")),
    "pandas zone": lambda: frame(pandas.DatetimeIndex(AWARE).tz_convert(ZONE)),
    "pandas objects": lambda: frame(TIMES, object),
    "pandas objects zone": lambda: frame(AWARE, object),
    "pandas text": lambda: frame(list(map(str, TIMES))),
    "pandas text zone": lambda: frame([moment.isoformat() for moment in AWARE]),
    "pandas category": lambda: frame(pandas.Categorical(pandas.to_datetime(TIMES))),
    "pandas Arrow": lambda: frame(TIMES, pandas.ArrowDtype(pyarrow.timestamp("us"))),
    "pandas Arrow zone": lambda: frame(AWARE, pandas.ArrowDtype(pyarrow.timestamp("us", ZONE))),
    "pandas period": lambda: frame(pandas.PeriodIndex(TIMES, freq="min")),
    "polars": lambda: polars.DataFrame({"d": TIMES}),
    "polars zone": lambda: polars.DataFrame({"d": AWARE}).with_columns(
        polars.col("d").dt.convert_time_zone(ZONE)
    ),
    "pyarrow": lambda: pyarrow.table({"d": TIMES}),
    "pyarrow zone": lambda: pyarrow.table({"d": pyarrow.array(AWARE, pyarrow.timestamp("ms", ZONE))}),
    "Table": lambda: Table({"d": np.array(TIMES, "datetime64[us]")}),
    "Table objects": lambda: Table({"d": objects(TIMES)}),
    "dicts": lambda: [{"d": moment} for moment in TIMES],
}
DATES_OF_LIBRARIES = {
    "pandas objects": lambda values: frame(values, object),
    "pandas": lambda values: frame(pandas.to_datetime(values)),
    "pandas Arrow": lambda values: frame(values, pandas.ArrowDtype(pyarrow.date32())),
    "polars": lambda values: polars.DataFrame({"d": values}),
    "pyarrow": lambda values: pyarrow.table({"d": values}),
    "Table": lambda values: Table({"d": np.array(values, "datetime64[D]")}),
    "Table text": lambda values: Table({"d": objects(None if v is None else str(v) for v in values)}),
}


@pytest.mark.parametrize("name", TIMES_OF_LIBRARIES)
def test_times_are_the_same_in_every_library(name):
    expected = Tabular().fit(TIMES_OF_LIBRARIES["Table"]())
    rows = expected.transform(TIMES_OF_LIBRARIES["Table"]())
    X = TIMES_OF_LIBRARIES[name]()
    assert Tabular().fit(X).to_config() == expected.to_config()
    np.testing.assert_array_equal(expected.transform(X), rows)


@pytest.mark.parametrize("values", [DATES, with_gap(DATES)], ids=["all", "a gap"])
@pytest.mark.parametrize("name", DATES_OF_LIBRARIES)
def test_dates_are_the_same_in_every_library(name, values):
    plain = DATES_OF_LIBRARIES["Table"](values)
    expected = Tabular().fit(plain)
    assert expected.columns_[0].indicator == (None in values)
    X = DATES_OF_LIBRARIES[name](values)
    assert Tabular().fit(X).to_config() == expected.to_config()
    np.testing.assert_array_equal(expected.transform(X), expected.transform(plain))


def test_few_rows_are_read_as_many_are():
    X = TIMES_OF_LIBRARIES["pandas zone"]()
    encoder = Tabular().fit(X)
    whole = encoder.transform(X)
    np.testing.assert_array_equal([encoder.transform(X.iloc[[i]])[0] for i in range(M)], whole)


@pytest.mark.parametrize(
    ("values", "word", "error", "message"),
    [
        (
            [time(3)] * 2,
            "date",
            TypeError,
            r"X\['d'\] holds datetime.time\(3, 0\) in row 0, which is not a date",
        ),
        ([date(2024, 1, 1), 5], "date", TypeError, r"X\['d'\] holds 5 in row 1, which is not a date"),
        (
            ["2024-01-01", "2024-02-30"],
            "date",
            ValueError,
            r"holds '2024-02-30' in row 1, which is not a date",
        ),
        (["2024-01-01", "today"], "date", ValueError, r"holds 'today' in row 1, which is not a date"),
        (["2024-01-01", "2024"], "date", ValueError, r"holds '2024' in row 1, which is not a date"),
        ([1, 2], "date", TypeError, r"X\['d'\] holds numbers, not dates"),
        (
            np.array([1, 2], "timedelta64[D]"),
            "date",
            TypeError,
            r"X\['d'\] holds time differences, not dates",
        ),
        (
            [date(2024, 1, 1)] * 2,
            "number",
            TypeError,
            r"holds dates; column_types states that it has numbers",
        ),
        (np.array(["2024"] * 2, "datetime64[D]"), "category", TypeError, r"holds dates; categories are text"),
        (
            np.array([300_000, -5], "datetime64[Y]"),
            "date",
            ValueError,
            r"beyond the range of .* in row 0",
        ),
        (
            ["0001-01-01T00:00+01:00"] * 2,
            "date",
            ValueError,
            r"X\['d'\] has a date that is none in UTC: 0001",
        ),
    ],
)
def test_other_values_are_refused_by_name(values, word, error, message):
    column = np.asarray(values)
    if column.dtype.kind == "U":
        column = column.astype(object)
    with pytest.raises(error, match=message):
        Tabular(column_types={"d": word}).fit(Table({"d": column}))


def test_dates_in_a_column_of_numbers():
    encoder = Tabular().fit(Table({"d": np.arange(4.0)}))
    with pytest.raises(TypeError, match=r"X\['d'\] holds dates; during fit it held only numbers"):
        encoder.transform(Table({"d": np.array(["2024-01-01"], "datetime64[D]")}))


# ---- networks

rng = np.random.default_rng(0)
ROWS = 200
DAYS = np.datetime64("2023-01-01") + rng.integers(0, 700, ROWS)
DAYS[::9] = np.datetime64("NaT", "D")
X = Table(
    {"d": DAYS, "c": np.array(["a", "b", None], object)[rng.integers(0, 3, ROWS)], "n": rng.normal(size=ROWS)}
)
y = ((np.datetime64("2024-01-01") < DAYS) | (X["c"] == "a")).astype(int)


@pytest.mark.parametrize(
    "options",
    [
        {"standardize": True},
        {"standardize": "robust_smooth_clip"},
        {"standardize": "robust", "embeddings": 2},
        {"standardize": "minmax", "dtype": "float64"},
    ],
    ids=repr,
)
def test_networks_learn_from_dates_and_files_keep_them(options, tmp_path):
    net = cnn.Network(
        [cnn.Dense(16, "relu"), cnn.Dense(2)],
        optimizer=cnn.Adam(0.02),
        categorical_features="auto",
        seed=0,
        **options,
    )
    net.fit(X, y, epochs=40)
    assert net.score(X, y) > 0.95
    assert net._known_inputs().n_clipped == (6 if options["standardize"] == "robust_smooth_clip" else 0)
    expected = net.predict_proba(X)
    net.save(tmp_path / "net")
    net.save_checkpoint(tmp_path / "checkpoint")
    others = [cnn.load(tmp_path / "net"), cnn.load_checkpoint(tmp_path / "checkpoint")]
    for other in (*others, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert repr(other.encoder_) == repr(net.encoder_)


def test_streams_and_batches_take_dates(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({**X.to_dict(), "y": y})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    batches = cnn.streams.ParquetBatches(tmp_path / "rows.parquet", target="y")

    def network():
        layers = [cnn.Dense(16, "relu"), cnn.Dense(2)]
        return cnn.Network(
            layers, optimizer=cnn.Adam(0.02), categorical_features="auto", standardize=True, seed=0
        )

    net = network().fit(batches, epochs=40, classes=[0, 1])
    assert net.score(X, y) > 0.9
    parts = network()
    for rows in (slice(0, 100), slice(100, 200)):
        parts.partial_fit(X.take(rows), y[rows], classes=[0, 1])
    assert parts.encoder_.columns_ == net.encoder_.columns_


def test_missing_categories_are_learned():
    """Missing categories are rows of zeros, which a network tells from each category."""
    table = Table({"c": np.array(["a", "b", None], object)[rng.integers(0, 3, 300)]})
    missing = np.array([value is None for value in table["c"]], int)
    net = cnn.Network([cnn.Dense(2)], optimizer=cnn.Adam(0.05), categorical_features="auto", seed=0)
    assert net.fit(table, missing, epochs=60).score(table, missing) == 1
