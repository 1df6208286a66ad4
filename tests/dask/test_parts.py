"""Collections, files and data in memory as parts: the rows, their order, and errors that name both numbers."""

import re

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")
import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd
from compiled_nn.dask.parts import parts_of
from compiled_nn.distributed.parts import read_part

M = 30


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=M),
            "city": rng.choice(["Ulm", "Bonn"], M),
            "y": rng.choice(["no", "yes"], M),
            "w": rng.integers(1, 4, M).astype(float),
        }
    )


def loaded(parts):
    """The parts as a worker gets them; names of tasks are not needed for that."""
    sources = dask.compute(*parts.sources, scheduler="synchronous")
    return [read_part(source, number) for number, source in enumerate(sources)]


def check(parts, X, y, weights=None):
    """The parts in their order have these rows, of X as arrays."""
    found = loaded(parts)
    assert (np.concatenate([np.asarray(part.X) for part in found]) == X).all()
    assert (np.concatenate([np.asarray(part.y) for part in found]) == y).all()
    if weights is None:
        assert all(part.weights is None for part in found)
    else:
        assert (np.concatenate([np.asarray(part.weights) for part in found]) == weights).all()
    return found


# ---- Dask arrays


@pytest.mark.parametrize("chunks", [(10, 4), (10, 3), (7, 1), ((5, 25), (1, 3))])
def test_arrays(chunks):
    X, y, w = np.arange(M * 4.0).reshape(M, 4), np.arange(M), np.arange(M) + 0.5
    lazy = da.from_array(X, chunks=chunks)
    parts = parts_of(lazy, da.from_array(y, chunks=11), da.from_array(w, chunks=4), 2)
    assert len(parts.sources) == lazy.numblocks[0]
    assert (parts.n_bytes, parts.are_local) == (X.nbytes, False)
    check(parts, X, y, w)
    check(parts_of(lazy, y, w.tolist(), 2), X, y, w)


def test_several_targets_and_images():
    X, y = np.arange(M * 6.0).reshape(M, 2, 3), np.arange(M * 2).reshape(M, 2)
    check(parts_of(da.from_array(X, chunks=(10, 1, 2)), da.from_array(y, chunks=(3, 1)), None, 2), X, y)


def test_unknown_numbers_of_rows():
    X = np.arange(M * 4.0).reshape(M, 4)
    lazy = da.from_array(X, chunks=(10, 2))
    kept, some = lazy[lazy[:, 0] % 8 == 0], X[X[:, 0] % 8 == 0]
    parts = parts_of(kept, kept[:, 1], None, 2)
    assert parts.n_bytes is None
    check(parts, some, some[:, 1])
    other = parts_of(kept, lazy[lazy[:, 0] % 16 == 0][:, 1], None, 2)
    with pytest.raises(ValueError, match=r"^Part [02], counted from 0: X has 5 rows, but y has 3\."):
        loaded(other)


def test_sparse_blocks():
    sparse = pytest.importorskip("scipy.sparse")
    X = np.arange(M * 4.0).reshape(M, 4) * (np.arange(M * 4).reshape(M, 4) % 3 == 0)
    lazy = da.from_array(X, chunks=(10, 3)).map_blocks(sparse.csr_matrix)
    found = loaded(parts_of(lazy, da.from_array(np.arange(M), chunks=10), None, 2))
    assert [type(part.X).__name__ for part in found] == ["csr_matrix"] * 3
    assert (np.concatenate([part.X.toarray() for part in found]) == X).all()


# ---- Dask data frames


@pytest.mark.parametrize("y", ["name", "series", "array"])
def test_data_frames(frame, y):
    lazy = dd.from_pandas(frame, npartitions=4)
    X = frame[["a", "city"]]
    if y == "name":
        parts = parts_of(lazy, "y", "w", 2)
    elif y == "series":
        parts = parts_of(lazy[["a", "city"]], lazy["y"], lazy["w"], 2)
    else:
        parts = parts_of(
            lazy[["a", "city"]], lazy["y"].astype(object).to_dask_array(), lazy["w"].to_dask_array(), 2
        )
    assert len(parts.sources) == 4
    found = check(parts, X.to_numpy(), frame["y"].to_numpy(), frame["w"].to_numpy())
    assert all(list(part.X.columns) == ["a", "city"] for part in found)


def test_unknown_divisions_and_categorical_columns(frame):
    lazy = dd.from_pandas(frame.astype({"city": "category", "y": "category"}), npartitions=3)
    lazy = lazy.clear_divisions()
    found = check(parts_of(lazy, "y", None, 2), frame[["a", "city", "w"]].to_numpy(), frame["y"].to_numpy())
    assert all(part.X["city"].dtype == "category" for part in found)


def test_columns_in_another_order_and_empty_partitions(frame):
    pieces = [frame.iloc[:10], frame.iloc[:0], frame.iloc[10:][["w", "y", "city", "a"]]]
    lazy = dd.from_delayed([dask.delayed(each) for each in pieces], meta=frame.iloc[:0], verify_meta=False)
    found = check(parts_of(lazy, "y", "w", 2), frame[["a", "city"]].to_numpy(), frame["y"], frame["w"])
    assert [len(part.y) for part in found] == [10, 0, 20]


# ---- delayed objects


def test_delayed_objects(frame):
    polars = pytest.importorskip("polars")
    pieces = [frame.iloc[:10], frame.iloc[10:]]
    X, y, w = frame[["a", "city"]].to_numpy(), frame["y"].to_numpy(), frame["w"].to_numpy()
    for make in (lambda piece: piece, polars.from_pandas):
        delayed = [dask.delayed(make(piece)) for piece in pieces]
        check(parts_of(delayed, "y", "w", 2), X, y, w)
    triples = [dask.delayed((p[["a", "city"]], p["y"], p["w"])) for p in pieces]
    check(parts_of(triples, None, None, 2), X, y, w)
    pairs = [dask.delayed((p[["a", "city"]], p["y"])) for p in pieces]
    check(parts_of(pairs, None, [dask.delayed(p["w"]) for p in pieces], 2), X, y, w)
    columns = [[dask.delayed(p[each]) for p in pieces] for each in ("y", "w")]
    check(parts_of([dask.delayed(p[["a", "city"]]) for p in pieces], *columns, 2), X, y, w)


# ---- Parquet


@pytest.fixture(scope="module")
def folder(frame, tmp_path_factory):
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("parquet")
    frame.iloc[:20].to_parquet(path / "0.parquet", row_group_size=8)
    frame.iloc[20:].to_parquet(path / "1.parquet")
    return path


def test_parquet(frame, folder):
    X, y, w = frame[["a", "city"]].to_numpy(), frame["y"].to_numpy(), frame["w"].to_numpy()
    files = [folder / "0.parquet", folder / "1.parquet"]
    for place in (folder, str(folder), f"{folder}/*.parquet", files, [f"{folder}/0*", str(files[1])]):
        parts = parts_of(place, "y", "w", 2)
        assert len(parts.sources) == 4
        assert 0 < parts.n_bytes < 10_000
        found = check(parts, X, y, w)
        assert [part.X.column_names for part in found] == [["a", "city"]] * 4
    check(parts_of(files[1], "y", None, 2), frame[["a", "city", "w"]].to_numpy()[20:], y[20:])
    check(
        parts_of(files[::-1], "y", "w", 2),
        np.r_[X[20:], X[:20]],
        np.r_[y[20:], y[:20]],
        np.r_[w[20:], w[:20]],
    )


def test_errors_of_parquet(folder, tmp_path):
    with pytest.raises(ValueError, match=r"there is no column 'z'; there are 'a', 'city', 'y', 'w'"):
        parts_of(folder, "z", None, 2)
    with pytest.raises(
        TypeError, match=r"so y must be the name of one of their columns. Got ndarray instead"
    ):
        parts_of(folder, np.zeros(3), None, 2)
    with pytest.raises(FileNotFoundError, match="Pass the path of Parquet files"):
        parts_of(str(folder / "*.csv"), "y", None, 2)
    with pytest.raises(FileNotFoundError, match=r"No file matches '.*none.parquet'"):
        parts_of(str(folder / "none.parquet"), "y", None, 2)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes((folder / "1.parquet").read_bytes()[:-20])
    with pytest.raises(ValueError, match=re.escape(str(damaged))):
        parts_of(damaged, "y", None, 2)
    (source, *_) = parts_of(folder / "1.parquet", "y", None, 2).sources
    content = bytearray((folder / "1.parquet").read_bytes())
    content[4:200] = bytes(196)
    later = tmp_path / "later.parquet"
    later.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(str(later))):
        type(source)(str(later), source.filesystem, 0, source.columns, "y", None)()


# ---- data in memory


def test_data_in_memory_are_dealt_out(frame):
    """Ordered rows would otherwise give each shard the rows of one class."""
    X, y = np.arange(M * 2.0).reshape(M, 2), np.repeat([0, 1], M // 2)
    parts = parts_of(X, y, None, 4)
    assert parts.are_local
    assert parts.n_bytes == pytest.approx(X.nbytes + y.nbytes, rel=0.2)  # and what the objects take
    for number, (rows, targets) in enumerate(parts.sources):
        assert (rows == X[number::4]).all()
        assert (targets == y[number::4]).all()
    assert len(parts_of(X[:3], y[:3], None, 4).sources) == 3


def test_large_data_in_memory_have_several_parts_for_each_shard(monkeypatch):
    monkeypatch.setattr("compiled_nn.dask.parts._PART_BYTES", 1000)
    X = np.arange(600.0).reshape(100, 6)
    parts = parts_of(X, X[:, 0], None, 2)
    assert len(parts.sources) == 6  # 5600 bytes and those of the objects
    assert (parts.sources[5][0] == X[5::6]).all()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "sparse", "list"])
def test_libraries(frame, library):
    y = frame["y"].to_numpy()
    if library in ("sparse", "list"):
        numbers = frame[["a", "w"]].to_numpy()
        X = numbers.tolist() if library == "list" else pytest.importorskip("scipy.sparse").csr_matrix(numbers)
        found = [
            (np.asarray(X.toarray() if hasattr(X, "toarray") else X), y)
            for X, y in parts_of(X, y.tolist(), None, 2).sources
        ]
        assert (found[1][0] == numbers[1::2]).all()
        assert (found[1][1] == y[1::2]).all()
        return
    table = {
        "pandas": lambda: frame,
        "polars": lambda: pytest.importorskip("polars").from_pandas(frame),
        "pyarrow": lambda: pytest.importorskip("pyarrow").Table.from_pandas(frame),
    }[library]()
    parts = parts_of(table, "y", "w", 2)
    X, targets, weights = parts.sources[1]
    assert (np.asarray(X)[:, 0] == frame["a"].to_numpy()[1::2]).all()
    assert (targets == y[1::2]).all()
    assert (weights == frame["w"].to_numpy()[1::2]).all()


# ---- errors


def test_errors(frame):
    X, y = da.zeros((30, 2), chunks=(10, 2)), da.zeros(30, chunks=10)
    lazy = dd.from_pandas(frame, npartitions=3)
    with pytest.raises(ValueError, match=r"30.*20"):
        parts_of(X, y[:20], None, 2)
    with pytest.raises(ValueError, match=r"^X has 3 partitions, but y has 2\. Divide them alike"):
        parts_of(lazy[["a"]], dd.from_pandas(frame, npartitions=2)["y"], None, 2)
    with pytest.raises(ValueError, match=r"^X has 3 partitions, but sample_weight has 1\."):
        parts_of(lazy[["a"]], lazy["y"], dd.from_pandas(frame, npartitions=1)["w"], 2)
    with pytest.raises(
        ValueError, match=r"y is 'Y', but X has no column of that name; there are 'a', .*Did you mean 'y'"
    ):
        parts_of(lazy, "Y", None, 2)
    with pytest.raises(
        TypeError, match="y is 'target', the name of a column, but X is dask's Array, without names"
    ):
        parts_of(X, "target", None, 2)
    with pytest.raises(TypeError, match="y is dask's Array, but X is numpy's ndarray"):
        parts_of(np.zeros((30, 2)), y, None, 2)
    with pytest.raises(TypeError, match="y is numpy's ndarray, but X is a collection of Dask"):
        parts_of(lazy, np.zeros(30), None, 2)
    with pytest.raises(ValueError, match="y is None, but X is dask's Array"):
        parts_of(X, None, None, 2)
    with pytest.raises(ValueError, match="y is None"):
        parts_of(np.zeros((30, 2)), None, None, 2)
    with pytest.raises(ValueError, match="X has 30 rows, but y has 29"):
        parts_of(np.zeros((30, 2)), np.zeros(29), None, 2)
    with pytest.raises(ValueError, match=r"X has no column 'Y'.*Did you mean 'y'"):
        parts_of(frame, "Y", None, 2)
