"""idx and npz files: every dtype and rank, and hand-made bad ones."""

import contextlib
import gzip
import io
import os
import random
import subprocess
import sys
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from compiled_nn.datasets.dataset import Dataset
from compiled_nn.datasets.idx_npz import read_idx, read_npz

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array, code=None, sizes=None):
    code = IDX_CODES[array.dtype.str[1:]] if code is None else code
    sizes = array.shape if sizes is None else sizes
    header = bytes([0, 0, code, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path, content):
    path.write_bytes(content)
    return path


def npy_bytes(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=True)
    return out.getvalue()


def raw_npy(header, data=b"", version=b"\x01\x00"):
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


# idx


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3), (0, 5), (2, 3, 4), (1, 2, 1, 2, 1)])
@pytest.mark.parametrize("dtype", IDX_CODES)
def test_idx_round_trip(tmp_path, dtype, shape, compress):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 100, shape) - (0 if dtype == "u1" else 50)
    array = np.asarray(array / 4 if dtype[0] == "f" else array, dtype)
    # The name ends in .gz or not, as it likes: the content decides.
    read = read_idx(write(tmp_path / "any.gz", compress(idx_bytes(array))))
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    assert read.flags.writeable
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, array)


def test_idx_takes_strings_and_paths(tmp_path):
    path = write(tmp_path / "a", idx_bytes(np.arange(3, dtype="i4")))
    assert read_idx(str(path)).tolist() == read_idx(path).tolist() == [0, 1, 2]


GOOD = idx_bytes(np.arange(12, dtype="u1").reshape(3, 4))
IMAGES = (60000, 28, 28)

BAD_IDX = {
    "empty": (b"", "holds 0 bytes; the magic number takes 4"),
    "short magic": (GOOD[:3], "holds 3 bytes; the magic number takes 4"),
    "not zero": (b"\x01" + GOOD[1:], "begins with 0x01000802"),
    "unknown type": (b"\0\0\x0a\x02" + GOOD[4:], "begins with 0x00000a02"),
    "rank 65": (b"\0\0\x08\x41" + bytes(400), "0 to 64 dimensions"),
    "no sizes": (GOOD[:4], "2 dimensions takes 12 bytes; the file holds 4"),
    "short sizes": (GOOD[:11], "2 dimensions takes 12 bytes; the file holds 11"),
    "no data": (GOOD[:12], r"shape \(3, 4\) of uint8 takes 12 bytes; the file holds 0"),
    "truncated": (GOOD[:-1], r"shape \(3, 4\) of uint8 takes 12 bytes; the file holds 11"),
    "trailing": (GOOD + b"\0", r"takes 12 bytes; the file holds at least 13"),
    "trailing after rank 0": (b"\0\0\x08\x00\x01\x02", r"shape \(\) of uint8 takes 1 bytes; .* at least 2"),
    "trailing after size 0": (b"\0\0\x08\x01\0\0\0\0\x02", r"takes 0 bytes; the file holds at least 1"),
    "huge": (
        b"\0\0\x0e\x02" + b"\x0f" * 8,
        r"takes \d{18} bytes(; the file holds 0| of memory; max_bytes is 4294967296)",
    ),
    "overflow": (
        b"\0\0\x0e\x03" + b"\xff" * 12,
        rf"\d{{30}} bytes in 3 dimensions; .* {sys.maxsize} bytes and 64",
    ),
    "overflow times 0": (b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8, "bytes in 3 dimensions"),
    "images cut": (idx_bytes(np.zeros(9, "u1"), sizes=IMAGES), "takes 47040000 bytes; the file holds 9"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(20), "begins with 0x89504e47"),
    "text": (b"5,0,4,1\n" * 9, "not an idx file"),
}


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx(tmp_path, case, compress):
    content, message = BAD_IDX[case]
    path = write(tmp_path / "bad-idx", compress(content))
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")


BAD_GZ = {
    "header only": (gzip.compress(GOOD)[:10], "the magic number takes 4"),
    "cut in the data": (gzip.compress(GOOD, 0)[:30], r"file holds \d+"),
    "cut in the checksum": (gzip.compress(GOOD)[:-5], "gzip stream is damaged"),
    "wrong checksum": (gzip.compress(GOOD)[:-8] + bytes(8), "gzip stream is damaged.*CRC"),
    "not deflate": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "gzip stream is damaged"),
    "rubbish behind": (gzip.compress(GOOD) + b"rubbish", "gzip stream is damaged"),
    "a second stream": (gzip.compress(GOOD) + gzip.compress(b"more"), "takes 12 bytes; .* at least 13"),
}


@pytest.mark.parametrize("case", BAD_GZ)
def test_bad_gz(tmp_path, case):
    content, message = BAD_GZ[case]
    path = write(tmp_path / "bad.gz", content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")


def peak_memory(function):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="the file holds"):
            function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def gz_of_zeros(start, n_bytes):
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    packed = packer.compress(start)
    return packed + b"".join(packer.compress(block) for _ in range(n_bytes >> 20)) + packer.flush()


def test_a_gz_bomb_is_not_inflated(tmp_path):
    path = write(tmp_path / "bomb.gz", gz_of_zeros(GOOD, 64 << 20))
    assert peak_memory(lambda: read_idx(path)) < 4 << 20


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_memory_follows_what_the_file_holds(tmp_path, compress):
    claims = idx_bytes(np.zeros(1000, "u1"), sizes=(1 << 20, 1 << 20))
    path = write(tmp_path / "claims-a-terabyte", compress(claims))
    assert peak_memory(lambda: read_idx(path, max_bytes=1 << 41)) < 4 << 20


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_every_bit_flip_of_an_idx_file(tmp_path, compress):
    content = compress(GOOD)
    path = tmp_path / "flipped"
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            read_idx(path)


def test_missing_idx_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")
    with pytest.raises((IsADirectoryError, PermissionError)):  # the second on Windows
        read_idx(tmp_path)


# npz

X = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
Y = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels")])
def test_npz_whole(tmp_path, save, names):
    save(tmp_path / "leaves.npz", **{names[0]: X, names[1]: Y, "else": np.array([None])})
    data = read_npz(tmp_path / "leaves.npz")
    np.testing.assert_array_equal(data.X_train, X)
    np.testing.assert_array_equal(data.y_train, Y)
    assert data.X_train.dtype == np.float32
    assert data.y_train.dtype == np.int64
    assert data.X_test.shape == (0, 2, 3)
    assert data.y_test.shape == (0,)
    assert data.X is data.X_train
    assert data.y is data.y_train
    assert (data.name, data.class_names, data.feature_names, data.input_scale) == ("leaves", (), (), 1.0)
    assert repr(data) == "<Dataset 'leaves': X_train (4, 2, 3), y_train (4,)>"


@pytest.mark.parametrize("style", ["X_train y_train X_test y_test", "x_train y_train x_test y_test",
                                   "train_images train_labels test_images test_labels"])  # fmt: skip
def test_npz_with_a_test_part(tmp_path, style):
    path = tmp_path / "parts.npz"
    np.savez(path, **dict(zip(style.split(), (X, Y, X[:1], Y[:1]), strict=True)))
    data = read_npz(path)
    assert [len(part) for part in (data.X_train, data.y_train, data.X_test, data.y_test)] == [4, 4, 1, 1]
    assert data.X.shape == (5, 2, 3)
    assert data.y.tolist() == [0, 1, 1, 0, 0]
    np.savez(path, **dict(zip(style.split()[:2], (X, Y), strict=True)))
    assert len(read_npz(path).X_test) == 0


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i2").reshape(3, 2),
        np.arange(6, dtype=">f8").reshape(3, 2),
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.arange(6, dtype=np.float16).reshape(3, 2),
        np.ones((3, 2), bool),
        np.empty((0, 5)),
    ],
    ids=lambda array: f"{array.dtype.str}-{array.shape}",
)
def test_npz_dtypes(tmp_path, array):
    np.savez(tmp_path / "a.npz", X=array, y=np.array(["b", "a", "b"][: len(array)], ">U1"))
    data = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.X, array)
    assert data.X.dtype == array.dtype.newbyteorder("=")
    assert data.X.dtype.isnative
    assert data.y.dtype.isnative
    assert data.y.tolist() == ["b", "a", "b"][: len(array)]


def test_npz_names_of_classes_and_features(tmp_path):
    np.savez(tmp_path / "a.npz", X=X, y=Y, class_names=np.array(["sick", "well"]), feature_names=["p", "q"])
    data = read_npz(tmp_path / "a.npz")
    assert data.class_names == ("sick", "well")
    assert data.feature_names == ("p", "q")
    assert type(data.class_names[0]) is str


def test_npz_without_labels(tmp_path):
    np.savez(tmp_path / "a.npz", X=X)
    data = read_npz(tmp_path / "a.npz", labels=False)
    assert data.X.shape == X.shape
    assert data.y.shape == (0,)
    np.savez(tmp_path / "b.npz", x_train=X, x_test=X[:1], y_train=np.array([None] * 4))
    data = read_npz(tmp_path / "b.npz", labels=False)
    assert len(data.X) == 5
    assert len(data.y_train) == len(data.y_test) == 0


HEADER = "{{'descr': {!r}, 'fortran_order': False, 'shape': {}}}"
Y_NPY = npy_bytes(Y)

BAD_NPZ = {
    "no arrays": ({}, "expected exactly one of the arrays 'X', .*; the file holds no arrays"),
    "no X": ({"a.npy": Y_NPY, "y.npy": Y_NPY}, "exactly one of .*; the file holds 'a', 'y'"),
    "two styles": ({"X.npy": Y_NPY, "x.npy": Y_NPY, "y.npy": Y_NPY}, "exactly one of"),
    "no y": ({"X.npy": Y_NPY, "z.npy": Y_NPY}, "no array 'y'; the file holds 'X', 'z'"),
    "no y_test": ({"X_train.npy": Y_NPY, "y_train.npy": Y_NPY, "X_test.npy": Y_NPY}, "no array 'y_test'"),
    "one name twice": ({"X": Y_NPY, "X.npy": Y_NPY, "y.npy": Y_NPY}, "two arrays have the same name"),
    "rows differ": ({"X.npy": npy_bytes(X), "y.npy": npy_bytes(Y[:3])}, r"\(4, 2, 3\); 'y' has shape \(3,\)"),
    "X a number": ({"X.npy": npy_bytes(np.array(1)), "y.npy": Y_NPY}, r"'X' has shape \(\)"),
    "X text": (
        {"X.npy": npy_bytes(np.array(["a"])), "y.npy": Y_NPY},
        "'X': its dtype is <U1; expected numbers",
    ),
    "X complex": ({"X.npy": npy_bytes(Y * 1j), "y.npy": Y_NPY}, "dtype is complex128; expected numbers"),
    "pickles": ({"X.npy": npy_bytes(np.array([None])), "y.npy": Y_NPY}, "dtype is object; expected numbers"),
    "pickled y": ({"X.npy": Y_NPY, "y.npy": npy_bytes(np.array([{}] * 4))}, "expected numbers or text"),
    "pickled names": (
        {"X.npy": Y_NPY, "y.npy": Y_NPY, "class_names.npy": npy_bytes(np.array([None]))},
        "dtype is object; expected text",
    ),
    "structured": ({"X.npy": npy_bytes(np.zeros(4, "i4,f4")), "y.npy": Y_NPY}, "expected numbers"),
    "not npy": ({"X.npy": b"hello, world", "y.npy": Y_NPY}, "array 'X': .*magic"),
    "empty member": ({"X.npy": b"", "y.npy": Y_NPY}, "array 'X': "),
    "version 2": (
        {"X.npy": raw_npy(HEADER.format("<f4", "(1,)"), bytes(4), b"\x02\x00")},
        r"\(2, 0\); supported",
    ),
    "version 9": ({"X.npy": raw_npy(HEADER.format("<f4", "(1,)"), bytes(4), b"\x09\x00")}, "array 'X': "),
    "header code": ({"X.npy": raw_npy("__import__('os').abort()")}, "header is damaged"),
    "header nested": ({"X.npy": raw_npy("(" * 4999 + ")" * 4999)}, "header is damaged"),
    "header not closed": ({"X.npy": raw_npy("((((")}, "header is damaged"),
    "header minus signs": ({"X.npy": raw_npy("-" * 9000 + "1")}, "header is damaged"),
    "header unhashable": ({"X.npy": raw_npy("{[]: 1}")}, "header is damaged"),
    "header keys": ({"X.npy": raw_npy("{1: 1, 'a': 2}")}, "header is damaged"),
    "header too long": ({"X.npy": raw_npy(HEADER.format("<f4", "(1,)") + " " * 20000)}, "header is damaged"),
    "bad dtype": ({"X.npy": raw_npy(HEADER.format("<q9", "(1,)"), bytes(4))}, "array 'X': "),
    "shape -1": ({"X.npy": raw_npy(HEADER.format("<f4", "(-1, -1)"), bytes(4))}, "sizes must be >= 0"),
    "shape 1.5": ({"X.npy": raw_npy(HEADER.format("<f4", "(1.5,)"), bytes(4))}, "array 'X': "),
    "shape huge": ({"X.npy": raw_npy(HEADER.format("<f4", "(2**40,)"), bytes(4))}, "array 'X': "),
    "shape long": (
        {"X.npy": raw_npy(HEADER.format("<f4", f"({1 << 40},)"), bytes(8))},
        rf"shape \({1 << 40},\) of float32 takes {1 << 42} bytes; the file holds 8",
    ),
    "shape overflows": (
        {"X.npy": raw_npy(HEADER.format("<f4", f"({1 << 40}, {1 << 40})"), bytes(8))},
        "in 2 dimensions; sizes must be >= 0",
    ),
    "rank 65": ({"X.npy": raw_npy(HEADER.format("<f4", (1,) * 65), bytes(4))}, "in 65 dimensions"),
    "data short": ({"X.npy": npy_bytes(X)[:-1], "y.npy": Y_NPY}, "takes 96 bytes; the file holds 95"),
    "data trailing": ({"X.npy": npy_bytes(X) + b"\0", "y.npy": Y_NPY}, "takes 96 bytes; .* at least 97"),
}


@pytest.mark.parametrize("case", BAD_NPZ)
def test_bad_npz(tmp_path, case):
    members, message = BAD_NPZ[case]
    path = write_zip(tmp_path / "bad.npz", members)
    with pytest.raises(ValueError, match=message) as caught:
        read_npz(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_npz_other_compression(tmp_path, method):
    path = write_zip(tmp_path / "a.npz", {"X.npy": Y_NPY, "y.npy": Y_NPY}, method)
    with pytest.raises(ValueError, match=f"compression method {int(method)}; supported are 0 and 8"):
        read_npz(path)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\xff" * 18, npy_bytes(Y), b"1,2\n3,4\n"])
def test_not_an_npz(tmp_path, content):
    path = write(tmp_path / "a.npz", content)
    with pytest.raises(ValueError, match="not a readable npz file") as caught:
        read_npz(path)
    assert str(path) in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "absent.npz")


def test_npz_memory_follows_what_the_file_holds(tmp_path):
    claim = raw_npy(HEADER.format("<f4", f"({1 << 38},)"), bytes(1000))
    path = write_zip(tmp_path / "claims-a-terabyte.npz", {"X.npy": claim, "y.npy": Y_NPY})
    assert peak_memory(lambda: read_npz(path)) < 4 << 20
    bomb = raw_npy(HEADER.format("<f4", "(1,)"), bytes(64 << 20))
    path = write_zip(tmp_path / "bomb.npz", {"X.npy": bomb, "y.npy": Y_NPY})
    assert peak_memory(lambda: read_npz(path)) < 4 << 20


def test_bit_flips_and_cuts_of_an_npz(tmp_path):
    good, path = tmp_path / "good.npz", tmp_path / "flipped.npz"
    np.savez_compressed(good, X=X, y=Y)
    content = good.read_bytes()
    flips = random.Random(0).sample(range(8 * len(content)), 1200)
    variants = [(bit // 8, 1 << bit % 8) for bit in flips]
    for place, mask in variants:
        flipped = bytearray(content)
        flipped[place] ^= mask
        path.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            read_npz(path)
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="flipped"):
            read_npz(path)


def test_dataset_is_frozen():
    data = Dataset(X, Y, X[:0], Y[:0])
    with pytest.raises(AttributeError):
        data.name = "other"
    assert data == data
    assert data != Dataset(X, Y, X[:0], Y[:0])


def test_import_is_cheap():
    """What only some files need is not imported with the package."""
    code = (
        "import numpy, sys; before = set(sys.modules); import compiled_nn.datasets.idx_npz, compiled_nn.datasets.csv; "
        "print(*sorted((set(sys.modules) - before) & {'csv', 'gzip', 'zipfile'}))"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert output.stdout.strip() == b""
