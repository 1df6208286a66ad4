"""`max_bytes` of every reader: sizes that are compared before memory is allocated, and memory that follows the file."""

import gzip
import inspect
import io
import sys
import tracemalloc

import numpy as np
import pytest
from compiled_nn import datasets
from compiled_nn.datasets import from_hugging_face, read_csv, read_hdf5, read_idx, read_image_folder, read_npz
from compiled_nn.datasets.limits import MAX_BYTES

MIB = 1 << 20
READERS = ("from_hugging_face", "read_csv", "read_hdf5", "read_idx", "read_image_folder", "read_npz")


def peak_of(function):
    """Return the result or the error of a function, and the largest number of bytes that it allocated."""
    tracemalloc.start()
    try:
        try:
            result = function()
        except ValueError as error:
            result = error
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_the_option(name):
    parameter = inspect.signature(getattr(datasets, name)).parameters["max_bytes"]
    assert parameter.kind is parameter.KEYWORD_ONLY
    assert parameter.default == MAX_BYTES == 4 * 2**30
    assert "max_bytes : int, default 4 GiB" in getattr(datasets, name).__doc__


@pytest.mark.parametrize("bad", [0, -1, 1.5, "1", None, True])
def test_wrong_values(tmp_path, bad):
    kind = ValueError if type(bad) is int else TypeError
    for reader in (read_csv, read_hdf5, read_idx, read_image_folder, read_npz):
        with pytest.raises(kind, match=rf"'max_bytes' parameter of {reader.__name__} must be an int >= 1"):
            reader(tmp_path / "none", max_bytes=bad)


def refused(reader, path, needed, *arguments):
    """Check that a reader takes `needed` bytes and no fewer."""
    reader(path, *arguments, max_bytes=needed)
    with pytest.raises(
        ValueError, match=rf"takes \d+ bytes of memory.*max_bytes is {needed - 1}\..*max_bytes"
    ) as e:
        reader(path, *arguments, max_bytes=needed - 1)
    assert str(e.value).startswith(str(path))


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_idx(tmp_path, compress):
    (tmp_path / "x").write_bytes(compress(b"\0\0\x0c\x02\0\0\0\x03\0\0\0\x05" + bytes(60)))
    refused(read_idx, tmp_path / "x", 60)


def test_npz_counts_all_arrays(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", X=np.zeros((10, 4)), y=np.array(["a", "bcd"] * 5))
    refused(read_npz, tmp_path / "x.npz", 320 + 120)


def test_hdf5_counts_all_arrays(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"], file["y"] = np.zeros((10, 4)), [b"a", b"bcd"] * 5
    refused(read_hdf5, tmp_path / "x.h5", 320 + 120)


def test_images_are_compared_before_they_are_decoded(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    for i in range(9):
        image.new("RGB", (30, 20)).save(tmp_path / "a" / f"{i}.png")
    needed = 9 * 30 * 20 * 3
    assert read_image_folder(tmp_path, max_bytes=needed).X.nbytes == needed
    with pytest.raises(
        ValueError, match=rf"0\.png: an array of shape .* takes {needed} .*max_bytes is {needed - 1}\."
    ):
        read_image_folder(tmp_path, max_bytes=needed - 1)
    with pytest.raises(ValueError, match=r"to decode 20 x 30 pixels takes 4800 bytes .*max_bytes is 4799\."):
        read_image_folder(tmp_path, max_bytes=4799)


def test_a_small_image_of_many_pixels(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    image.new("1", (9000, 9000)).save(tmp_path / "a" / "0.png")
    result, peak = peak_of(lambda: read_image_folder(tmp_path, max_bytes=100 * MIB))
    assert "to decode 9000 x 9000 pixels takes 648000000 bytes of memory" in str(result)
    assert peak < MIB


class Columns:
    column_names = ("x", "y")

    def __getitem__(self, name):
        return [[1.0, 2.0]] * 10 if name == "x" else ["a", "bcd"] * 5


def test_columns_of_hugging_face():
    data = Columns()
    assert from_hugging_face(data, "x", "y", max_bytes=160 + 120).X.shape == (10, 2)
    with pytest.raises(
        ValueError, match=r"'y' with 10 texts, one with 3 .*takes 120 bytes .*max_bytes is 279\."
    ):
        from_hugging_face(data, "x", "y", max_bytes=279)


# CSV: 16 MiB and 16 times the file


def lines(m, line):
    return "".join(line % i for i in range(m)).encode()


CSV = {
    "short rows": lines(20_000, "1,1%.0d\n"),
    "numbers": lines(10_000, "1,%d.5\n"),
    "codes": lines(10_000, "1,%06d\n"),
    "different labels": lines(10_000, "1,a%d\n"),
    "many columns": b"10," * 50_000 + b"1\n",
    "names": lines(30_000, "c%d,") + b"y\n" + b"10," * 30_000 + b"1\n",
    "one long label": b"1,a\n" * 18_500 + b"1," + b"b" * 74_000 + b"\n",
    "a character of 4 bytes": b"1" * 120_000 + b"," + "\U0001f600".encode() + b"\n",
    "blank lines": b"\n" * 300_000,
    "quotes": b'"' * 1_000_000,
    "an open quote": b'1,"' + b"\n" * 300_000,
    "commas": b"," * 1_000_000,
    "lines in a row": b'"1\n",' * 100_000 + b"1",
    "zeros": bytes(1_000_000),
}


@pytest.mark.parametrize("case", CSV)
def test_memory_of_csv(tmp_path, case):
    path = tmp_path / "x.csv"
    path.write_bytes(CSV[case])
    result, peak = peak_of(lambda: read_csv(path))
    assert peak <= 2 * MIB + 16 * len(
        CSV[case]
    )  # a smaller constant than is promised, for files of this size
    if isinstance(result, ValueError):
        assert str(result).startswith(f"{path}, line ")
        assert len(str(result)) < 1000


def test_a_long_label_names_its_line(tmp_path):
    (tmp_path / "x.csv").write_bytes(CSV["one long label"])
    with pytest.raises(
        ValueError, match=r"line 18501, column 2: the target has 74000 characters; .* 5476296000 bytes"
    ):
        read_csv(tmp_path / "x.csv")


def test_too_many_columns(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"10," * (2**18 - 1) + b"1\n" + b"20," * (2**18 - 1) + b"1\n")
    assert read_csv(path).X[:, -1].tolist() == [10, 20]
    path.write_bytes(b"1,2\n" + b"10," * 2**18 + b"1\n")
    with pytest.raises(ValueError, match="line 2: the row has more than 262144 columns"):
        read_csv(path)


def test_csv_that_is_compressed(tmp_path):
    path = tmp_path / "x.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(20):
            file.write(b"1,2,3\n" * 5000)
    assert len(read_csv(path, max_bytes=5 * 10**6).X) == 100_000
    result, peak = peak_of(lambda: read_csv(path, max_bytes=10**5))
    assert "the row takes 49 bytes of memory beside" in str(result)
    assert "max_bytes is 100000" in str(result)
    assert peak < 10**6


def test_a_line_without_an_end(tmp_path):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(64):
            file.write(b"1" * MIB)
    (tmp_path / "x.csv").write_bytes(packed.getvalue())
    result, peak = peak_of(lambda: read_csv(tmp_path / "x.csv", max_bytes=16 * MIB))
    assert (
        "line 1: it has 1048576 characters or more, which may take 16777216 bytes of memory; max_bytes"
        in str(result)
    )
    assert peak < 8 * MIB


# Parquet


def written(path, columns, **options):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), path, **options)
    return path


def batches(path, **options):
    return list(datasets.ParquetBatches(path, "y", **options))


def test_rows_of_a_parquet_file(tmp_path):
    path = written(tmp_path / "x.parquet", {"a": np.zeros(10**6), "y": np.zeros(10**6, np.int64)})
    assert path.stat().st_size < 20_000
    assert sum(len(y) for _, y in batches(path, batch_rows=1000, max_bytes=10**5)) == 10**6
    with pytest.raises(
        ValueError, match=r"x\.parquet: 1000 rows of 2 columns takes 16000 .*max_bytes is 15999\."
    ):
        batches(path, batch_rows=1000, max_bytes=15_999)


def test_one_long_text_many_times(tmp_path):
    path = written(tmp_path / "x.parquet", {"a": np.zeros(5000), "y": ["b" * 100_000] * 5000})
    assert path.stat().st_size < 400_000
    result, peak = peak_of(lambda: batches(path, max_bytes=100 * MIB))
    assert "column 'y', with 5000 texts, takes 500000000 bytes of memory; max_bytes is 104857600." in str(
        result
    )
    assert str(result).startswith(str(path))
    assert peak < 10 * MIB


def test_texts_of_parquet_are_as_before(tmp_path):
    y = ["a", "b", "a", "c"]
    path = written(tmp_path / "x.parquet", {"a": np.arange(4.0), "t": ["x", None, "y", "x"], "y": y})
    ((X, labels),) = batches(path)
    assert labels.tolist() == y
    assert X.column("t").to_pylist() == ["x", None, "y", "x"]
    assert str(X.schema.field("t").type) == "string"


@pytest.mark.parametrize("cut", [1, 4, 8, 100, 300])
def test_damaged_parquet_names_the_file(tmp_path, cut):
    path = written(tmp_path / "x.parquet", {"a": np.zeros(100), "y": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"^[^:]*x\.parquet"):
        batches(path)


# Arrow: sizes of buffers before they are decompressed


def arrow_file(make, compression, columns, n_batches=1):
    ipc, arrow = pytest.importorskip("pyarrow.ipc"), pytest.importorskip("pyarrow")
    out, table = io.BytesIO(), arrow.table(columns)
    with getattr(ipc, make)(
        out, table.schema, options=ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        for _ in range(n_batches):
            writer.write_table(table)
    return out.getvalue()


@pytest.mark.parametrize("make", ["new_file", "new_stream"])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("place", ["path", "file", "pipe"])
def test_a_small_arrow_file_of_many_zeros(tmp_path, make, compression, place):
    """Nothing is decompressed that is larger than `max_bytes`."""
    arrow = pytest.importorskip("pyarrow")
    content = arrow_file(make, compression, {"a": np.zeros(4_000_000)})
    assert len(content) < 200_000
    source = tmp_path / "x.arrow"
    source.write_bytes(content)
    pool = arrow.proxy_memory_pool(arrow.default_memory_pool())
    for read in (datasets.read_table, lambda *source, **options: [*datasets.iter_table(*source, **options)]):
        opened = {"path": source, "file": io.BytesIO(content), "pipe": Pipe(content)}[place]
        before = arrow.default_memory_pool()
        arrow.set_memory_pool(pool)
        try:
            with pytest.raises(ValueError, match=r"takes 32000000 bytes of memory; max_bytes is 10000000"):
                read(opened, max_bytes=10**7)
        finally:
            arrow.set_memory_pool(before)
    assert pool.max_memory() < MIB


class Pipe:
    """File that can only be read once."""

    def __init__(self, content):
        self.read = io.BytesIO(content).read


@pytest.mark.parametrize("make", ["new_file", "new_stream"])
def test_batches_of_arrow_are_compared_one_by_one(make):
    columns = {"a": np.zeros(100_000), "t": np.array(["x", "y"] * 50_000)}
    content = arrow_file(make, "zstd", columns, 10)
    needed = 800_000 + 400_004 + 100_000
    tables = list(datasets.iter_table(io.BytesIO(content), batch_rows=100_000, max_bytes=needed * 2))
    assert [len(table) for table in tables] == [100_000] * 10
    with pytest.raises(
        ValueError, match=rf"part \d+ of the content takes {needed} bytes .*max_bytes is 1000"
    ):
        list(datasets.iter_table(io.BytesIO(content), max_bytes=1000))
    with pytest.raises(ValueError, match=r"beside .*max_bytes is 5000000"):
        datasets.read_table(io.BytesIO(content), max_bytes=5 * 10**6)
    assert len(datasets.read_table(io.BytesIO(content), max_bytes=10**8)) == 10**6


# Tables of CSV files: 16 MiB, 24 times the file, and 1 KiB for each column

TABLES = {
    "different texts": b"id\n" + lines(130_000, "t%05x\n"),
    "gaps": b"a,b\n1,\n" + b",\n" * 250_000,
    "decimal commas": b"a;b\n" + lines(70_000, "%d,5;1\n"),
    "moments": b"a\n" + b"".join(b"%s\n" % str(np.datetime64(i * 997, "s")).encode() for i in range(60_000)),
    "codes": b"a\n" + lines(90_000, "%06d\n"),
    "many columns": b"10," * 10_000 + b"1\n",
}


@pytest.mark.parametrize("reader", ["csv", "pyarrow"])
@pytest.mark.parametrize("case", TABLES)
def test_memory_of_tables(tmp_path, case, reader, monkeypatch):
    if reader == "csv":
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    else:
        arrow = pytest.importorskip("pyarrow")
        pool, before = arrow.proxy_memory_pool(arrow.default_memory_pool()), arrow.default_memory_pool()
        arrow.set_memory_pool(pool)
    path, content = tmp_path / "x.csv", TABLES[case]
    path.write_bytes(content)
    try:
        result, peak = peak_of(lambda: datasets.read_table(path))
    finally:
        if reader == "pyarrow":
            arrow.set_memory_pool(before)
            peak += pool.max_memory()
    assert isinstance(result, datasets.Table)
    assert peak <= 12 * MIB + 24 * len(content) + 1024 * result.shape[1]  # pieces of rows take up to 12 MiB


@pytest.mark.parametrize("max_bytes", [1, 100, 10_000])
@pytest.mark.parametrize("form", ["csv", "gz", "parquet", "new_file", "new_stream"])
def test_small_limits(tmp_path, form, max_bytes):
    """Each format is refused with both numbers, or, in parts that fit, read right."""
    values = np.arange(50_000) / 8
    if form in ("csv", "gz"):
        content = b"a\n" + "\n".join(map(str, values)).encode()
        content = gzip.compress(content) if form == "gz" else content
    elif form == "parquet":
        content = written(tmp_path / "x.parquet", {"a": values}).read_bytes()
    else:
        content = arrow_file(form, "zstd", {"a": values})
    (tmp_path / "x").write_bytes(content)
    for source in (lambda: tmp_path / "x", lambda: io.BytesIO(content), lambda: Pipe(content)):
        with pytest.raises(ValueError, match=rf"bytes of memory.*max_bytes is {max_bytes}\b"):
            datasets.read_table(source(), max_bytes=max_bytes)
        try:
            parts = list(datasets.iter_table(source(), max_bytes=max_bytes, batch_rows=1000))
        except ValueError as error:
            words = str(error)
        else:
            words = f"max_bytes is {max_bytes}"
            np.testing.assert_array_equal(np.concatenate([part["a"] for part in parts]), values)
        assert f"max_bytes is {max_bytes}" in words
