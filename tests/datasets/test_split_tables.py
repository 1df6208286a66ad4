"""Splits of tables, columns and sparse matrices: the parts keep type, names, dtypes, categories and missing values."""

import numpy as np
import pytest
from compiled_nn.datasets import Dataset, only_classes, relabel, train_test_split, train_validation_test_split

M = 20
NUMBERS = [float(i) if i != 7 else None for i in range(M)]
TEXT = [None if i == 3 else "ab"[i % 2] for i in range(M)]
LABELS = ["yes" if i % 4 else "no" for i in range(M)]
POSITIONS = np.arange(M)
TRAIN, TEST, *_ = train_test_split(POSITIONS, LABELS)  # an array of positions shows the rows


def pandas_data():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    X = pd.DataFrame(
        {
            "number": NUMBERS,
            "nullable": pd.array(NUMBERS, dtype="Int64"),
            "category": pd.Categorical(TEXT, categories=["b", "a", "never"]),
            "text": TEXT,
        },
        index=[f"row {i}" for i in range(M)],
    )
    return X, pd.Series(LABELS, name="answer", index=X.index)


def polars_data():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    X = pl.DataFrame({"number": NUMBERS, "category": pl.Series(TEXT, dtype=pl.Categorical), "text": TEXT})
    return X, pl.Series("answer", LABELS)


def arrow_data():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    X = pa.table({"number": NUMBERS, "category": pa.array(TEXT).dictionary_encode(), "text": TEXT})
    return X, pa.chunked_array([LABELS[:5], LABELS[5:]])


def test_pandas():
    X, y = pandas_data()
    pandas = pytest.importorskip("pandas")
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    pandas.testing.assert_frame_equal(X_train, X.iloc[TRAIN])
    pandas.testing.assert_frame_equal(X_test, X.iloc[TEST])
    pandas.testing.assert_series_equal(y_train, y.iloc[TRAIN])
    pandas.testing.assert_series_equal(y_test, y.iloc[TEST])
    assert X_train.dtypes.tolist() == X.dtypes.tolist()
    *_, y_frame = train_test_split(X, y.to_frame())
    pandas.testing.assert_frame_equal(y_frame, y_test.to_frame())


def test_polars():
    X, y = polars_data()
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    assert X_train.equals(X[TRAIN])
    assert X_test.equals(X[TEST])
    assert X_test.schema == X.schema
    assert y_train.name == "answer"
    assert y_train.to_list() == [LABELS[i] for i in TRAIN]
    assert y_test.to_list() == [LABELS[i] for i in TEST]


def test_arrow():
    X, y = arrow_data()
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    assert X_train.schema == X.schema
    assert X_train.to_pydict() == X.take(TRAIN).to_pydict()
    assert X_test["text"].to_pylist() == [TEXT[i] for i in TEST]
    assert y_train.to_pylist() == [LABELS[i] for i in TRAIN]
    assert y_test.to_pylist() == [LABELS[i] for i in TEST]


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_matrix"])
def test_sparse(form):
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    dense = np.eye(M)
    X_train, X_test, _, _ = train_test_split(getattr(sparse, form)(dense), LABELS)
    assert sparse.issparse(X_train)
    assert (X_train.toarray() == dense[TRAIN]).all()
    assert (X_test.toarray() == dense[TEST]).all()
    three = train_validation_test_split(getattr(sparse, form)(dense), LABELS)
    assert three.X.toarray().sum() == M


def test_arrays_and_lists_become_arrays():
    X = np.arange(2 * M).reshape(M, 2)
    for samples in (X, X.tolist()):
        X_train, X_test, y_train, _ = train_test_split(samples, LABELS)
        assert type(X_train) is type(y_train) is np.ndarray
        assert (X_train == X[TRAIN]).all()
        assert (X_test == X[TEST]).all()


@pytest.mark.parametrize("data", [pandas_data, polars_data, arrow_data])
def test_three_parts_and_their_classes(data):
    X, y = data()
    split = train_validation_test_split(X, y, name="table")
    kind = type(X)
    assert [type(part) for part in (split.X_train, split.X_validation, split.X_test, split.X)] == [kind] * 4
    assert split.feature_names == tuple(map(str, getattr(X, "column_names", None) or X.columns))
    assert [len(part) for part in (split.X_train, split.X_validation, split.X_test)] == [12, 4, 4]
    assert len(split.X) == len(split.y) == M
    assert "X_train (12, " in repr(split)
    numbers = np.asarray(split.X["number"], dtype=float)
    assert np.sort(numbers[~np.isnan(numbers)]).tolist() == [i for i in range(M) if i != 7]
    no = only_classes(split, ["no"])
    assert type(no.X_train) is kind
    assert set(np.asarray(no.y_train).tolist()) == {"no"}
    assert len(no.X_train) == 3
    assert relabel(split, {"no": 0, "yes": 1}).y_test.tolist() == [
        int(label == "yes") for label in np.asarray(split.y_test).tolist()
    ]
    whole = Dataset(X, y, X[:0], y[:0])
    assert whole.X is X
    assert whole.y is y


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_labels_are_refused(missing):
    labels = np.array(LABELS, object)
    labels[4] = missing
    with pytest.raises(ValueError, match=r"Input y contains (None|NaN): row 4"):
        train_test_split(np.zeros((M, 1)), labels)
    X_train, *_ = train_test_split(np.zeros((M, 1)), labels, stratify=False)
    assert len(X_train) == 16


@pytest.mark.parametrize("data", [pandas_data, polars_data, arrow_data])
def test_other_numbers_of_rows_are_refused(data):
    X, y = data()
    with pytest.raises(ValueError, match="both must have the same number of rows"):
        train_test_split(X, y[:3])
