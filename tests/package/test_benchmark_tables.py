"""The benchmark of models on tables, without its peers: the tables of scikit-learn, the file of rows and the report."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("sklearn")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks are not here")


@pytest.fixture
def benchmark(monkeypatch):
    """Import of a module of the folder, which is forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def test_tables_of_scikit_learn(benchmark):
    data = benchmark("table_data")
    X, y, classifies = data.load("wine")
    assert X.shape == (178, 13)
    assert classifies
    assert np.array_equal(np.bincount(y), [59, 71, 48])
    X, y, classifies = data.load("diabetes")
    assert X.shape == (442, 10)
    assert not classifies
    assert y.min() == 25
    assert y.max() == 346


def test_columns_of_a_file_become_numbers_and_categories(benchmark, tmp_path):
    data = benchmark("table_data")
    data.TABLES["made"] = data.Origin("made.csv", "y", without=("id",), categories=("code",), day="date")
    text = "id,word,code,n,date,y\n1,b,7,1,2020-01-01,no\n2,,9,2.5,2020-02-01,yes\n"
    text += "3,a,7,,2020-12-31,no\n4,a,7,1,2020-01-02,\n"
    (tmp_path / "made.csv").write_text(text)
    X, y, classifies = data.load("made", tmp_path)
    assert classifies
    assert y.tolist() == [0, 1, 0]
    assert list(X) == ["word", "code", "n", "date"]
    assert X["word"].cat.categories.tolist() == ["a", "b"]
    assert X["word"].cat.codes.tolist() == [1, -1, 0]
    assert X["code"].cat.categories.tolist() == ["7", "9"]
    assert X["n"].dtype == float
    assert np.isnan(X["n"][2])
    assert X["date"].tolist() == [1, 32, 366]


def test_a_split_takes_the_same_share_of_each_class(benchmark):
    data = benchmark("table_data")
    table = data.load("wine")
    train, test = data.split(table, 3)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(178))
    assert np.bincount(table.y[test]).tolist() == [12, 14, 10]
    assert not np.array_equal(data.split(table, 4)[1], test)
