"""CSV files: headers seen and said, targets of every kind, and bad ones."""

import gzip

import numpy as np
import pytest
from compiled_nn.datasets.csv import read_csv


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


PLAIN = "1,2.5,0\n3,-4e1,1\n"
NAMED = "width, height ,kind\n1,2.5,cat\n3,-4e1,dog\n5,6,cat\n"


def test_without_a_header(tmp_path):
    data = read_csv(write(tmp_path, PLAIN))
    np.testing.assert_array_equal(data.X, [[1, 2.5], [3, -40]])
    assert data.X.dtype == np.float64
    assert data.X.flags.c_contiguous
    assert data.X.flags.writeable
    assert data.y.dtype == np.int64
    assert data.y.tolist() == [0, 1]
    assert (data.name, data.feature_names, data.class_names) == ("table", (), ())
    assert data.X_test.shape == (0, 2)
    assert data.y_test.shape == (0,)


def test_with_a_header(tmp_path):
    data = read_csv(write(tmp_path, NAMED))
    assert data.X.shape == (3, 2)
    assert data.feature_names == ("width", "height")
    assert data.y.tolist() == ["cat", "dog", "cat"]
    assert data.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("target", "features", "y"),
    [
        (0, [[2.5, 0], [-40, 1]], [1, 3]),
        (1, [[1, 0], [3, 1]], [2.5, -40]),
        (-3, [[2.5, 0], [-40, 1]], [1, 3]),
        (np.int64(2), [[1, 2.5], [3, -40]], [0, 1]),
        (None, [[1, 2.5, 0], [3, -40, 1]], []),
    ],
)
def test_target_by_index(tmp_path, target, features, y):
    data = read_csv(write(tmp_path, PLAIN), target)
    assert data.X.tolist() == features
    assert data.y.tolist() == y
    assert read_csv(write(tmp_path, "a,b,c\n" + PLAIN), target).X.tolist() == features


def test_target_by_name(tmp_path):
    data = read_csv(write(tmp_path, "a,y,b\n1,2,3\n4,5,6\n"), "y")
    assert data.X.tolist() == [[1, 3], [4, 6]]
    assert data.y.tolist() == [2, 5]
    assert data.feature_names == ("a", "b")
    assert read_csv(write(tmp_path, "1,2\n3,4\n"), "2").X.tolist() == [[3]]  # a name makes line 1 a header


def test_header_said(tmp_path):
    path = write(tmp_path, "2020,2021,2022\n1,2,3\n")
    assert len(read_csv(path).X) == 2
    assert read_csv(path, header=True).feature_names == ("2020", "2021")
    path = write(tmp_path, "id,2021,2022\n1,2,3\n")
    with pytest.raises(ValueError, match=r"line 1, column 1: 'id' is not a number, .* pass header=True"):
        read_csv(path)
    assert read_csv(path, header=True).X.tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="line 1, column 1: 'id' is not a number"):
        read_csv(path, header=False)


@pytest.mark.parametrize(
    ("cells", "dtype", "y"),
    [
        (["0", "1", " 2 "], np.int64, [0, 1, 2]),
        (["0", "1.0", "2e0"], np.float64, [0, 1, 2]),
        (["-1", "+2", "0.5"], np.float64, [-1, 2, 0.5]),
        ([str(2**63 - 1), str(-(2**63)), "0"], np.int64, [2**63 - 1, -(2**63), 0]),
        ([str(2**64), "1", "2"], np.float64, [2.0**64, 1, 2]),
        (["a", "b ", "a"], np.str_, ["a", "b", "a"]),
        (["1_0", "1_1", "x"], np.str_, ["1_0", "1_1", "x"]),
        (['"a,""b"""', "é", "c"], np.str_, ['a,"b"', "é", "c"]),
    ],
)
def test_kinds_of_targets(tmp_path, cells, dtype, y):
    data = read_csv(write(tmp_path, "".join(f"1,{cell}\n" for cell in cells)))
    assert data.y.dtype.type is dtype
    assert data.y.tolist() == y
    assert data.class_names == (tuple(sorted(set(y))) if dtype is np.str_ else ())


@pytest.mark.parametrize(
    "text",
    [
        "1,2,0\r\n3,4,1\r\n",
        "\n\n1,2,0\n\n3,4,1",
        '"1","2","0"\n" 3 ",4,1\n',
        "\ufeff1,2,0\n3,4,1\n",
        "1,2,0\r3,4,1\r",
    ],
    ids=["crlf", "blank lines", "quotes", "byte order mark", "cr"],
)
def test_ways_of_writing(tmp_path, text):
    data = read_csv(write(tmp_path, text))
    assert data.X.tolist() == [[1, 2], [3, 4]]
    assert data.y.tolist() == [0, 1]


def test_delimiter(tmp_path):
    path = write(tmp_path, PLAIN.replace(",", ";"))
    assert read_csv(path, delimiter=";").X.shape == (2, 2)
    with pytest.raises(ValueError, match=r"line 1: the only column is the target.*delimiter"):
        read_csv(path)
    with pytest.raises(ValueError, match="delimiter"):
        read_csv(path, delimiter=";;")


BAD = {
    "empty": ("", {}, "line 1: the file holds no rows"),
    "blank": ("\n\n", {}, "line 1: the file holds no rows"),
    "header only": ("a,b\n", {}, "line 1: a header, but no rows"),
    "short row": ("1,2,3\n1,2\n", {}, "line 2: 2 columns; line 1 has 3"),
    "long row": ("\n1,2,3\n\n1,2,3,4\n", {}, "line 4: 4 columns; line 2 has 3"),
    "text": ("1,2,3\n1,two,3\n", {}, "line 2, column 2: 'two' is not a number"),
    "text after the target": ("1,2,3\n1,2,x\n", {"target": 0}, "line 2, column 3: 'x' is not a number"),
    "line after quotes": ('a,b\n"1\n",0\nx,0\n', {}, "line 4, column 1: 'x' is not a number"),
    "missing": ("1,2,3\n1,,3\n", {}, "line 2, column 2: '' is not a number"),
    "underscore": ("1,2,3\n1,1_0,3\n", {}, "line 2, column 2: '1_0' is not a number"),
    "nan": ("1,2,3\n1,nan,3\n", {}, "line 2, column 2: nan is not a finite number"),
    "overflow": ("a,b,c\n1,2,3\n1,-1e999,3\n", {}, "line 3, column 2: -inf is not a finite number"),
    "no target": ("1,0\n1, \n", {}, "line 2, column 2: the target is missing"),
    "text in targets": (
        "1,0.5\n1,?\n",
        {},
        r"line 2, column 2: the target '\?' is not a number, but other.*'0.5'",
    ),
    "nan in targets": ("1,0.5\n1,nan\n", {}, "line 2, column 2: the target 'nan' is not a finite number"),
    "inf in targets": ("1,5\n2,inf\n", {}, "line 2, column 2: the target 'inf' is not a finite number"),
    "target beyond": (PLAIN, {"target": 3}, "line 1: target is column 3, .* 3 columns"),
    "target before": (PLAIN, {"target": -4}, "line 1: target is column -4, .* 3 columns"),
    "unknown target": (NAMED, {"target": "knd"}, "no column is named 'knd'; .*'kind'. Did you mean 'kind'"),
    "target twice": (
        "a,a\n1,2\n",
        {"target": "a"},
        "line 1: 2 columns are named 'a'; pass the index of the target$",
    ),
    "name, no header": (
        NAMED,
        {"target": "kind", "header": False},
        "target is 'kind', but with header=False",
    ),
    "not utf-8": ("a,é\n1,2\n".encode("latin-1"), {}, "line 1, column 2: .* is not UTF-8 text"),
    "not utf-8 below": (b"a,b\n1,2\n\xb5,2\n", {}, "line 3, column 1: .* is not a number"),
    "not utf-8 target": (b"a,b\n1,x\n1,\xb5\n", {}, "line 3, column 2: .* is not UTF-8 text"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), {}, "line 1, column 1: .* is not UTF-8 text"),
    "quote not closed": ('a,b\n1,"2\n', {}, "line 2: unexpected end of data"),
    "quote inside": ('a,b\n1,"2"x\n', {}, "line 2: ',' expected after '\"'"),
    "a long cell": ("a,b\n1," + "9" * 200_000 + "\n", {}, "line 2: field larger than field limit"),
    "zero bytes": (bytes(100), {}, "line 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_csv(tmp_path, case):
    text, options, message = BAD[case]
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_csv(path, **options)
    assert str(caught.value).startswith(f"{path}, line ")


def test_wrong_types_and_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "absent.csv")
    for target in (1.0, [1], True):
        with pytest.raises(TypeError, match="target"):
            read_csv(write(tmp_path, PLAIN), target)


def test_numbers_are_read_exactly(tmp_path):
    X = np.random.default_rng(0).standard_normal((50, 7)) * 10.0 ** np.arange(-9, 12, 3)
    lines = "".join(",".join(map(repr, row)) + "\n" for row in X.tolist())
    np.testing.assert_array_equal(read_csv(write(tmp_path, lines), None).X, X)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["007", "7", "8", "8"], ["007", "7", "8", "8"]),
        (["00", "0", "1", "1"], ["00", "0", "1", "1"]),
        (["07", "08", "09", "10"], [7, 8, 9, 10]),
        (["7", "7.0", "8", "+8"], [7.0, 7.0, 8.0, 8.0]),
        (["0", "-0", "1", "1"], [0, 0, 1, 1]),
    ],
)
def test_labels_that_differ_in_leading_zeros_stay_apart(tmp_path, targets, expected):
    path = tmp_path / "codes.csv"
    path.write_text("a,code\n" + "".join(f"{i},{target}\n" for i, target in enumerate(targets)))
    data = read_csv(path)
    assert data.y_train.tolist() == expected
    assert len(data.class_names) == (len(set(targets)) if isinstance(expected[0], str) else 0)


def test_gzip(tmp_path):
    content = b"a,b,kind\n1,2.5,x\n3,4,y\n"
    (tmp_path / "plain.csv").write_bytes(content)
    (tmp_path / "plain.csv.gz").write_bytes(gzip.compress(content))
    expected, data = (read_csv(tmp_path / name) for name in ("plain.csv", "plain.csv.gz"))
    assert np.array_equal(data.X_train, expected.X_train)
    assert data.y_train.tolist() == ["x", "y"]
    assert (data.name, data.feature_names) == ("plain", ("a", "b"))


@pytest.mark.parametrize("cut", [4, 12, -6])
def test_damaged_gzip(tmp_path, cut):
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100)[:cut])
    with pytest.raises(ValueError, match=r"bad\.csv\.gz is a damaged gzip file: "):
        read_csv(tmp_path / "bad.csv.gz")
