"""Tables of Parquet, Arrow and Excel files, of pipes, and options that are wrong. CSV: test_dialects.py."""

import datetime
import io
import os
import threading
import zipfile

import numpy as np
import pytest
from compiled_nn.datasets import Table, iter_table, read_table

D = np.datetime64


def same(table, columns):
    assert table.column_names == list(columns)
    for name, (dtype, values) in columns.items():
        assert table[name].dtype == dtype, name
        expected = np.array(values, dtype)
        if dtype == "O":
            assert table[name].tolist() == values
        else:
            np.testing.assert_array_equal(table[name], expected)


US = "datetime64[us]"
ROWS = {
    "i": ([1, 2, 3], "i8", [1, 2, 3]),
    "i_gap": ([1, None, 3], "f8", [1, np.nan, 3]),
    "f": ([1.5, None, 2.0], "f8", [1.5, np.nan, 2.0]),
    "b": ([True, False, True], "?", [True, False, True]),
    "b_gap": ([True, None, False], "f8", [1, np.nan, 0]),
    "t": (["007", None, "NA"], "O", ["007", None, "NA"]),
    "big": ([2**60, None, 7], "O", [str(2**60), None, "7"]),
    "day": (
        [datetime.date(2024, 1, 2), None, datetime.date(1969, 1, 2)],
        US,
        [D("2024-01-02"), D("NaT", "D"), D("1969-01-02")],
    ),
    "when": (
        [datetime.datetime(2024, 1, 2, 3, 4), None, None],
        US,
        [D("2024-01-02T03:04"), D("NaT", "D"), D("NaT", "D")],
    ),
    "none": ([None, None, None], "f8", [np.nan] * 3),
}
EXPECTED = {name: (dtype, values) for name, (_, dtype, values) in ROWS.items()}


def arrow_table():
    pyarrow = pytest.importorskip("pyarrow")
    columns = {name: pyarrow.array(values) for name, (values, *_) in ROWS.items()}
    columns["category"] = pyarrow.array(["x", None, "y"]).dictionary_encode()
    columns["decimal"] = pyarrow.array(["1.25", None, "2"]).cast(pyarrow.decimal128(5, 2))
    zone = pyarrow.timestamp("ns", "Europe/Berlin")
    columns["zoned"] = pyarrow.array([datetime.datetime(2024, 1, 2)] * 3, pyarrow.timestamp("ns")).cast(zone)
    return pyarrow.table(columns)


ARROW = EXPECTED | {
    "category": ("O", ["x", None, "y"]),
    "decimal": ("f8", [1.25, np.nan, 2]),
    "zoned": (US, [D("2024-01-02")] * 3),
}


def written(form, table, rows=2):
    """Return the content of a file of an Arrow table, with parts of some rows."""
    out = io.BytesIO()
    if form == "parquet":
        from pyarrow import parquet

        parquet.write_table(table, out, row_group_size=rows)
        return out.getvalue()
    from pyarrow import feather, ipc

    if form == "feather":
        feather.write_feather(table, out, compression="zstd")
        return out.getvalue()
    with (ipc.new_file if form == "arrow" else ipc.new_stream)(out, table.schema) as writer:
        writer.write_table(table, rows)
    return out.getvalue()


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow", "stream"])
def test_arrow_files(form, tmp_path):
    content = written(form, arrow_table())
    (tmp_path / "x").write_bytes(content)
    for source in (tmp_path / "x", io.BytesIO(content)):
        same(read_table(source), ARROW)
        source = io.BytesIO(content) if isinstance(source, io.BytesIO) else source
        batches = list(iter_table(source, batch_rows=2, columns=["i", "t", "day"]))
        assert [len(batch) for batch in batches] == [2, 1]
        same(Table.concatenate(batches), {name: ARROW[name] for name in ("i", "t", "day")})


class Counting(io.BytesIO):
    """File that counts the bytes that were read."""

    n_read = 0

    def read(self, size=-1):
        found = super().read(size)
        self.n_read += len(found)
        return found


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow", "stream"])
def test_arrow_files_in_a_file_object_are_read_in_parts(form):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": np.random.default_rng(0).normal(size=400_000)})
    file = Counting(written(form, table.slice(0, 3)))
    assert [len(part) for part in iter_table(file, batch_rows=1)] == [1, 1, 1]
    assert not file.closed
    file = Counting(written(form, table, 20_000))
    first = next(iter_table(file, batch_rows=2))["a"]
    np.testing.assert_array_equal(first, table.column("a").to_numpy()[:2])
    assert file.n_read < 2_000_000 < 3_000_000 < len(file.getvalue())


def test_types_of_arrow_columns():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"n": [7, 8], "t": ["1", "x"], "d": ["31.12.2024", "1.1.2024"], "l": [[1], [2]]})
    content = written("parquet", table)
    types = {"n": "category", "d": "date", "l": "ignore"}
    found = read_table(io.BytesIO(content), column_types=types)
    same(
        found, {"n": ("O", ["7", "8"]), "t": ("O", ["1", "x"]), "d": (US, [D("2024-12-31"), D("2024-01-01")])}
    )
    with pytest.raises(ValueError, match=r"^the file, row 2, column 't': 'x' is not a number$"):
        read_table(io.BytesIO(content), column_types=types | {"t": "number"})
    with pytest.raises(
        ValueError, match=r"column 'l': .*list.* cannot be read; .*column_types=\{'l': 'ignore'\}"
    ):
        read_table(io.BytesIO(content))
    with pytest.raises(ValueError, match="column 'n': it has values of the type int64; expected dates"):
        read_table(io.BytesIO(content), columns=["n"], column_types={"n": "date"})
    with pytest.raises(ValueError, match="no column is named 'm', which the option columns has"):
        read_table(io.BytesIO(content), columns=["m"])


def test_the_unnamed_index_of_pandas_is_no_column(tmp_path):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    pandas.DataFrame({"a": [1, 2, 3]}).iloc[[0, 2]].to_parquet(tmp_path / "x.parquet")
    assert read_table(tmp_path / "x.parquet").column_names == ["a"]


def test_damaged_arrow_files(tmp_path):
    for form in ("parquet", "arrow", "feather"):
        content = written(form, arrow_table())
        (tmp_path / form).write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=f"^{tmp_path / form}: "):
            read_table(tmp_path / form)


def book(*sheets):
    openpyxl = pytest.importorskip("openpyxl")
    found = openpyxl.Workbook()
    found.remove(found.active)
    for title, rows in sheets:
        sheet = found.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    found.save(out)
    return out.getvalue()


def test_excel_files(tmp_path):
    when = datetime.datetime(2024, 1, 2, 3, 4)
    rows = [
        ["n", "f", "t", "d", "b", "g"],
        [1, 1.5, "007", when, True, "#DIV/0!"],
        [],
        [2, 1.234, None, None, False, 3],
    ]
    content = book(("other", [["a"], [5]]), ("data", rows))
    (tmp_path / "x.xlsx").write_bytes(content)
    expected = {
        "n": ("i8", [1, 2]),
        "f": ("f8", [1.5, 1.234]),
        "t": ("O", ["007", None]),
        "d": (US, [D("2024-01-02T03:04"), D("NaT", "D")]),
        "b": ("?", [True, False]),
        "g": ("f8", [np.nan, 3]),
    }
    for source in (tmp_path / "x.xlsx", io.BytesIO(content)):
        same(read_table(source, sheet="data"), expected)
    same(read_table(io.BytesIO(content), sheet=1), expected)
    assert read_table(io.BytesIO(content))["a"].tolist() == [5]
    same(Table.concatenate([*iter_table(io.BytesIO(content), sheet=1, batch_rows=1)]), expected)
    with pytest.raises(
        ValueError, match=r"no sheet is named 'dta'; the sheets are 'other', 'data'. Did you mean 'data'"
    ):
        read_table(io.BytesIO(content), sheet="dta")
    with pytest.raises(ValueError, match="there is no sheet 2, counted from 0; the file has 2"):
        read_table(io.BytesIO(content), sheet=2)
    with pytest.raises(ValueError, match=r"line 2, column 3 \('t'\): '007' is not a date"):
        read_table(io.BytesIO(content), sheet=1, column_types={"t": "date"})
    with pytest.raises(ValueError, match="line 1: the file holds no rows"):
        read_table(io.BytesIO(book(("empty", []))))


def test_numbers_of_excel_keep_their_decimal_point():
    content = book(("x", [["a", "b"], [1.234, "2,5"], [1.5, "3,5"]]))
    same(read_table(io.BytesIO(content)), {"a": ("f8", [1.234, 1.5]), "b": ("f8", [2.5, 3.5])})
    content = book(("x", [["a", "b"], [1.234, "2,5"]]))
    same(read_table(io.BytesIO(content)), {"a": ("f8", [1.234]), "b": ("f8", [2.5])})


def test_hostile_zip_archives():
    pytest.importorskip("openpyxl")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", bytes(1 << 24))
    with pytest.raises(ValueError, match="takes 16777216 bytes of memory; max_bytes is 1048576"):
        read_table(io.BytesIO(out.getvalue()), max_bytes=1 << 20)
    with pytest.raises(ValueError, match="the file: it is a damaged Excel file"):
        read_table(io.BytesIO(out.getvalue()))
    with pytest.raises(ValueError, match="it is a damaged Excel file"):
        read_table(io.BytesIO(out.getvalue()[:-30]))
    np.savez(saved := io.BytesIO(), a=np.zeros(3))
    with pytest.raises(ValueError, match="it is an npz file, which read_npz reads"):
        read_table(io.BytesIO(saved.getvalue()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes(tmp_path):
    """Pipes are opened and read once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for read in (read_table, lambda source: Table.concatenate([*iter_table(source)])):
        writer = threading.Thread(target=path.write_bytes, args=(b"a;b\n1;x\n" * 1 + b"2;y\n" * 50_000,))
        writer.start()
        table = read(path)
        writer.join()
        assert len(table) == 50_001
        ends = os.pipe()
        os.write(ends[1], b"a,b\n1,x\n")
        os.close(ends[1])
        with open(ends[0], "rb", buffering=0) as file:
            same(read(file), {"a": ("i8", [1]), "b": ("O", ["x"])})


def test_reading_is_kept_by_parts():
    content = "a;b;d\n1,5;x;31.12.2019\n2;y;\n3;z;1.1.2020\n"
    whole = read_table(io.StringIO(content)).reading
    assert whole == {"decimal": ",", "date_format": {"d": "%d.%m.%Y"}}
    tables = list(iter_table(io.StringIO(content), batch_rows=2))
    assert [table.reading for table in tables] == [whole, whole]
    table = Table.concatenate(tables)
    assert table.reading == table.take([0]).reading == table.select(["d", "a"]).reading == whole
    assert table.drop("d").reading == table.select(["a"]).reading == {"decimal": ","}
    assert Table.concatenate([table, Table({name: table[name] for name in "abd"})]).reading == {}
    later = read_table(io.StringIO("a;b;d\n1,500;x;02.01.2020\n"), **table.reading)
    assert (later["a"].tolist(), later["d"][0]) == ([1.5], D("2020-01-02"))
    table.select(["a"]).reading["decimal"] = "."
    assert table.reading == whole


def test_files_of_text():
    same(read_table(io.StringIO("a,b\n1,\u00fc\n")), {"a": ("i8", [1]), "b": ("O", ["\u00fc"])})


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"header": 1}, TypeError, "'header' parameter of read_table"),
        ({"delimiter": ",,"}, ValueError, "'delimiter' parameter of read_table must be a single character"),
        ({"quote": 3}, TypeError, "'quote' parameter"),
        (
            {"delimiter": "'", "quote": "'"},
            ValueError,
            "'delimiter' and 'quote' parameters of read_table must differ",
        ),
        ({"decimal": ";"}, ValueError, """'decimal' parameter of read_table must be "." or ",". Got ';'"""),
        (
            {"decimal": ",", "thousands": ","},
            ValueError,
            "'decimal' and 'thousands' parameters of read_table must differ",
        ),
        (
            {"encoding": "utf-9"},
            ValueError,
            "'encoding' parameter of read_table must be the name of an encoding",
        ),
        ({"encoding": "base64"}, ValueError, "'encoding' parameter"),
        ({"missing": "NA"}, TypeError, "'missing' parameter of read_table must be a sequence of str"),
        ({"columns": "a"}, TypeError, "'columns' parameter of read_table must be a sequence of names"),
        ({"columns": ["a", "a"]}, ValueError, "must be different names"),
        ({"columns": []}, ValueError, "at least one"),
        ({"column_types": {"a": "numeric"}}, ValueError, "Got 'numeric' for the column 'a'"),
        ({"column_types": ["number"]}, TypeError, "must be a mapping of names to types"),
        ({"date_format": "iso"}, ValueError, "'date_format' parameter of read_table must be a format"),
        ({"date_format": {"a": 3}}, TypeError, "'date_format' parameter"),
        ({"sheet": -1}, ValueError, "'sheet' parameter"),
        ({"max_bytes": 0}, ValueError, "'max_bytes' parameter"),
    ],
)
def test_wrong_options(options, kind, words):
    with pytest.raises(kind, match=words.replace("(", r"\(")):
        read_table(io.BytesIO(b"a,b\n1,2\n"), **options)


def test_sources():
    with pytest.raises(
        TypeError, match=r"read_table takes a path or an open file\. Got an object of type int"
    ):
        read_table(3)
    with pytest.raises(FileNotFoundError):
        read_table("no such file.csv")
    with pytest.raises(FileNotFoundError, match="download it first, or pass the open file of urllib"):
        read_table("https://example.org/table.csv")
    with pytest.raises(OSError, match=r"to read text, pass io\.StringIO\(text\)"):
        read_table("a,b\n1,2\n" * 1000)
    with pytest.raises(ValueError, match="'batch_rows' parameter of iter_table"):
        iter_table(io.BytesIO(b"a\n1\n"), batch_rows=0)


def test_memory_is_compared_with_a_limit():
    content = b"a,b\n" + b"1,x\n" * 200_000
    with pytest.raises(ValueError, match=r"takes .* bytes of memory.*; max_bytes is 1048576"):
        read_table(io.BytesIO(content), max_bytes=1 << 20)
    assert sum(map(len, iter_table(io.BytesIO(content), max_bytes=1 << 20))) == 200_000


# ---- columns of Arrow that are not what is asked for


def arrow_file(**columns):
    pyarrow = pytest.importorskip("pyarrow")
    file = io.BytesIO()
    table = pyarrow.table(columns)
    with pyarrow.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return io.BytesIO(file.getvalue())


def test_types_that_arrow_columns_cannot_have():
    arrow = pytest.importorskip("pyarrow")
    cases = [
        (
            arrow.array([1], arrow.time32("s")),
            "number",
            "it has times of day; they cannot be read as numbers",
        ),
        (
            arrow.array([1], arrow.time32("s")),
            "date",
            r"it has values of the type time32\[s\]; expected dates",
        ),
        (arrow.array([1], arrow.duration("s")), "number", "it has time differences; they cannot be read"),
        (
            arrow.array([1], arrow.duration("s")),
            "category",
            r"values of the type duration\[s\] cannot be read",
        ),
        (arrow.array([b"a"]), "category", "values of the type binary cannot be read"),
        (arrow.array([10**15], arrow.timestamp("s")), None, "column 'c': it has a date beyond the range of"),
    ]
    for column, word, message in cases:
        with pytest.raises(ValueError, match=message):
            read_table(arrow_file(c=column), column_types={} if word is None else {"c": word})


def test_nan_of_arrow_is_no_category():
    table = read_table(arrow_file(c=[1.5, float("nan"), None]), column_types={"c": "category"})
    assert table["c"].tolist() == ["1.5", None, None]
    empty = read_table(arrow_file(c=[None], d=[1]), column_types={"c": "date"})
    assert empty["c"].dtype == "datetime64[us]"
    assert np.isnat(empty["c"]).all()


def test_batches_of_arrow_have_one_type(tmp_path):
    """Whole numbers with more digits than a float holds, and missing ones, are text: in all batches or in none."""
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    values = [2**60 + 1, None, 1, 2]
    parquet.write_table(arrow.table({"c": values}), tmp_path / "first.parquet")
    batches = iter_table(tmp_path / "first.parquet", batch_rows=2)
    assert [batch["c"].tolist() for batch in batches] == [[str(2**60 + 1), None], ["1", "2"]]
    parquet.write_table(arrow.table({"c": values[::-1]}), tmp_path / "later.parquet")
    batches = iter_table(tmp_path / "later.parquet", batch_rows=2)
    assert next(batches)["c"].tolist() == [2, 1]
    with pytest.raises(
        ValueError, match=r"row 3 or later, column 'c': whole numbers .*; pass column_types=\{'c'"
    ):
        next(batches)
    chosen = iter_table(tmp_path / "later.parquet", batch_rows=2, column_types={"c": "category"})
    assert [batch["c"].tolist() for batch in chosen] == [["2", "1"], [None, str(2**60 + 1)]]
