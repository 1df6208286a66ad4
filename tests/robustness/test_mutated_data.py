"""Hostile and damaged files of data: each is refused with a ValueError that names it, or read, in bounded memory.

The hand-made files are in `HOSTILE`; mutants are made and examined in `data_mutants.py`, in a child process.
"""

import gzip
import io
import os
import struct
import time
import zipfile
import zlib

import data_mutants
import numpy as np
import pytest
from compiled_nn.datasets import (
    ParquetBatches,
    iter_table,
    read_csv,
    read_hdf5,
    read_idx,
    read_image_folder,
    read_npz,
    read_table,
)
from data_mutants import X, Y

LIMIT = 32 << 20


class Touch:
    """Object whose unpickling makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def npy(array, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def raw_npy(header, data=b"", version=b"\x01\x00"):
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def archive(method=zipfile.ZIP_DEFLATED, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return out.getvalue()


def header(shape, descr="<f8", order=False):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


def idx(code, *sizes, data=b""):
    return bytes([0, 0, code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + data


def zeros(n_bytes):
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(n_bytes >> 20)) + packer.flush()


GOOD_NPZ = archive(X=npy(X), y=npy(Y))
OBJECTS = np.array([Touch()] * 20, object)

# Name: (reader, content, words of the error); None: it is read
HOSTILE = {
    # CSV
    "csv empty": (read_csv, b"", "the file holds no rows"),
    "csv NUL": (read_csv, bytes(1000), "has a character NUL"),
    "csv NUL in a label": (read_csv, b"1,a\n2,b\0c\n", "line 2, column 2: 'b.*' has a character NUL"),
    "csv NUL in a number": (read_csv, b"1,a\n2\0,b\n", "line 2, column 1: .* is not a number"),
    "csv NUL in a name": (read_csv, b"a,b\0\n1,2\n", "line 1, column 2: .* NUL"),
    "csv mixed line ends": (read_csv, b"1,2\r\n3,4\r5,6\n7,8", None),
    "csv BOM": (read_csv, b"\xef\xbb\xbf1,2\n3,4\n", None),
    "csv two BOMs": (read_csv, b"\xef\xbb\xbf\xef\xbb\xbf1,2\n3,4\n", None),
    "csv BOM inside": (read_csv, b"1,2\n\xef\xbb\xbf3,4\n", "line 2, column 1: .* is not a number"),
    "csv UTF-16": (read_csv, "1,2\n3,4\n".encode("utf-16"), "line 1"),
    "csv UTF-32": (read_csv, "1,2\n3,4\n".encode("utf-32"), "line 1"),
    "csv invalid UTF-8": (read_csv, b"1,a\n2,\xff\xfe\n", "line 2, column 2: .* is not UTF-8 text"),
    "csv surrogate": (read_csv, b"1,a\n2,\xed\xa0\x80\n", "line 2, column 2: .* is not UTF-8 text"),
    "csv overlong UTF-8": (read_csv, b"1,a\n2,\xc0\xaf\n", "line 2, column 2: .* is not UTF-8 text"),
    "csv open quote": (read_csv, b'1,2\n1,"' + b"x\n" * 100_000, "field larger than field limit"),
    "csv open quote at the end": (read_csv, b'1,2\n3,"4', "line 2: unexpected end of data"),
    "csv quotes": (read_csv, b'"' * 99_999, "line 1"),
    "csv long field": (read_csv, b"1" * 200_000 + b",1\n", "field larger than field limit"),
    "csv many digits": (read_csv, b"1" * 120_000 + b",1\n", "line 1, column 1: inf is not a finite number"),
    "csv digits of a target": (
        read_csv,
        b"1,1\n2," + b"9" * 5000 + b"\n",
        "line 2, column 2: .* is not a finite",
    ),
    "csv 10**5 columns": (read_csv, b"1," * 10**5 + b"1\n", None),
    "csv too many columns": (read_csv, b"1," * 2**18 + b"1\n", "more than 262144 columns"),
    "csv blank lines": (read_csv, b"\n" * 10**6 + b"1,2\n", None),
    "csv carriage returns": (read_csv, b"\r" * 10**6, "the file holds no rows"),
    "csv long label": (
        read_csv,
        b"1,a\n" * 20_000 + b"1," + b"b" * 90_000,
        "line 20001, .* 90000 characters",
    ),
    "csv special numbers": (read_csv, b"1,2\nnan,3\n", "line 2, column 1: nan is not a finite number"),
    "csv underscores": (read_csv, b"1,2\n1_0,3\n", "line 2, column 1: '1_0' is not a number"),
    "csv other digits": (read_csv, "\u0661,2\n3,4\n".encode(), None),
    "csv control characters": (read_csv, b"1,\x1b[2J\n2,b\n", None),
    "csv formula": (read_csv, b"1,=cmd|' /C calc'!A0\n2,b\n", None),
    "csv ragged": (read_csv, b"1,2\n3\n", "line 2: 1 columns; line 1 has 2"),
    "csv gzip of gzip": (read_csv, gzip.compress(gzip.compress(b"1,2\n3,4\n")), "line 1"),
    "csv gzip bomb": (
        read_csv,
        zeros(64 << 20),
        "it has 2097152 characters or more, .*max_bytes is 33554432",
    ),
    "csv gzip of rows": (read_csv, gzip.compress(b"1,2\n" * 2 * 10**6), "takes .*max_bytes is 33554432"),
    "csv gzip cut": (read_csv, gzip.compress(b"1,2\n" * 100)[:-9], "damaged gzip file"),
    "csv gzip wrong checksum": (read_csv, gzip.compress(b"1,2\n")[:-8] + bytes(8), "damaged gzip file"),
    "csv gzip unknown method": (read_csv, b"\x1f\x8b\x07" + bytes(20), "damaged gzip file"),
    "csv gzip endless name": (read_csv, b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 100_000, "damaged gzip file"),
    # idx
    "idx 2**31 rows": (read_idx, idx(0x08, 2**31), "takes 2147483648 bytes; the file holds 0"),
    "idx 2**32 - 1 twice": (read_idx, idx(0x0E, 2**32 - 1, 2**32 - 1), "the limits are"),
    "idx 2**31 rows of 0": (read_idx, idx(0x08, 2**31, 0), "of memory; max_bytes is 33554432"),
    "idx 255 dimensions": (read_idx, bytes([0, 0, 8, 255]) + bytes(2000), "0 to 64 dimensions"),
    "idx gz 2**31 rows": (
        read_idx,
        gzip.compress(idx(0x08, 2**31)),
        "takes 2147483648 bytes .* max_bytes is 33554432",
    ),
    "idx gz bomb": (read_idx, gzip.compress(idx(0x08, 2**25)) + zeros(64 << 20), "holds at least 33554433"),
    "idx gz of gz": (read_idx, gzip.compress(gzip.compress(idx(0x08, 1, data=b"\0"))), "not an idx file"),
    "idx of 10**4 streams": (
        read_idx,
        gzip.compress(b"") * 10**4 + gzip.compress(idx(8, 1, data=b"a")),
        None,
    ),
    # npz
    "npz pickle": (read_npz, archive(X=npy(OBJECTS, allow_pickle=True), y=npy(Y)), "its dtype is object"),
    "npz pickle of y": (
        read_npz,
        archive(X=npy(X), y=npy(OBJECTS, allow_pickle=True)),
        "its dtype is object",
    ),
    "npz only a pickle": (
        read_npz,
        archive(X=b"\x80\x04c__builtin__\neval\n", y=npy(Y)),
        "array 'X': .*magic string",
    ),
    "npz records": (read_npz, archive(X=npy(np.zeros(20, "f4,O")[["f0"]]), y=npy(Y)), "array 'X': "),
    "npz dates": (read_npz, archive(X=npy(np.zeros(20, "M8[s]")), y=npy(Y)), "expected numbers"),
    "npz bomb": (
        read_npz,
        archive(X=npy(np.zeros((10**6, 100), np.uint8)), y=npy(Y)),
        "takes 100000000 bytes",
    ),
    "npz announces more": (read_npz, archive(X=raw_npy(header((2**40,))), y=npy(Y)), "the file holds 0"),
    "npz negative": (read_npz, archive(X=raw_npy(header((-3, 1))), y=npy(Y)), "sizes must be >= 0"),
    "npz overflow": (read_npz, archive(X=raw_npy(header((2**62, 2**62))), y=npy(Y)), "the limits are"),
    "npz sizes that are bool": (
        read_npz,
        archive(X=raw_npy(header((True,)), bytes(8)), y=npy(Y[:1])),
        None,
    ),
    "npz nested header": (read_npz, archive(X=raw_npy("(" * 9000), y=npy(Y)), "its header is damaged"),
    "npz code in the header": (
        read_npz,
        archive(X=raw_npy("__import__('os').mkdir('unpickled')"), y=npy(Y)),
        "damaged",
    ),
    "npz long header": (
        read_npz,
        archive(X=raw_npy(" " * 60_000 + header((1,))), y=npy(Y)),
        "its header is damaged",
    ),
    "npz long texts": (
        read_npz,
        archive(X=npy(X), y=raw_npy(header((0,), "<U99999999"))),
        "takes 399999996 bytes",
    ),
    "npz not Unicode": (
        read_npz,
        archive(X=npy(X[:1]), y=raw_npy(header((1,), "<U1"), b"\xff" * 4)),
        "not Unicode",
    ),
    "npz surrogate": (
        read_npz,
        archive(X=npy(X[:1]), y=raw_npy(header((1,), "<U1"), b"\0\xd8\0\0")),
        "not Unicode",
    ),
    "npz boolean 255": (
        read_npz,
        archive(X=raw_npy(header((1, 1), "|b1"), b"\xff"), y=npy(Y[:1])),
        "is 0 or 1",
    ),
    "npz version 3": (
        read_npz,
        archive(X=raw_npy(header((1,)), version=b"\x03\x00"), y=npy(Y)),
        "supported is",
    ),
    "npz two of a name": (
        read_npz,
        GOOD_NPZ.replace(b"y.npy", b"X.npy"),
        "two arrays have the same name|expected",
    ),
    "npz path names": (read_npz, archive(**{"../../X": npy(X)}, X=npy(X), y=npy(Y)), None),
    "npz lzma": (read_npz, archive(zipfile.ZIP_LZMA, X=npy(X), y=npy(Y)), "compression method 14"),
    "npz cut": (read_npz, GOOD_NPZ[:-30], "not a readable npz file"),
    "npz encrypted": (read_npz, GOOD_NPZ.replace(b"\x14\0\0\0", b"\x14\0\1\0"), "npz"),
    "npz empty archive": (read_npz, archive(), "the file holds no arrays"),
    "npz scalar X": (read_npz, archive(X=npy(np.float64(1)), y=npy(np.float64(1))), r"shape \(\)"),
}


def write(folder, name, content):
    path = folder / f"{name.split()[0]}-file"
    path.write_bytes(content)
    return path


def refused(reader, path, words, **options):
    if words is None:
        return reader(path, **options)
    with pytest.raises(ValueError, match=f"(?s){words}") as caught:
        reader(path, **options)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 2000
    return None


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(folder, name):
    reader, content, words = HOSTILE[name]
    start = time.process_time()
    refused(reader, write(folder, name, content), words, max_bytes=LIMIT)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("csv")])
def test_hostile_files_as_tables(folder, name):
    """Each is a table with what the file has, or refused with its name."""
    path = write(folder, name, HOSTILE[name][1])
    start = time.process_time()
    for read in (read_table, lambda *source, **options: [*iter_table(*source, **options)]):
        try:
            read(path, max_bytes=LIMIT)
        except ValueError as error:
            words = str(error)
        else:
            continue
        assert words.startswith(str(path))
        assert len(words) < 2000
    assert time.process_time() - start < 20


def test_enough_of_them():
    assert len(HOSTILE) >= 60


# ---- HDF5


def pipe(folder):
    """Return the path of a pipe: a reader that opens it never returns."""
    path = folder / "pipe"
    os.mkfifo(path)
    return str(path)


def hdf5_external_link(h5py, file, folder):
    file["X"], file["y"] = h5py.ExternalLink(pipe(folder), "X"), [1]


def hdf5_soft_link(h5py, file, folder):
    file["a"], file["X"], file["y"] = h5py.ExternalLink(pipe(folder), "X"), h5py.SoftLink("/a"), [1]


def hdf5_link_in_a_loop(h5py, file, folder):
    file["X"], file["y"] = h5py.SoftLink("/X"), [1]


def hdf5_virtual(h5py, file, folder):
    layout = h5py.VirtualLayout((3,), np.uint8)
    layout[:] = h5py.VirtualSource(pipe(folder), "X", (3,))
    file.create_virtual_dataset("X", layout)
    file["y"] = [1]


def hdf5_external_storage(h5py, file, folder):
    file.create_dataset("X", (3, 8), np.uint8, external=[(pipe(folder), 0, 24)])
    file["y"] = [1, 2, 3]


def hdf5_terabytes(h5py, file, folder):
    file.create_dataset("X", (10**9, 10**4), np.float64, chunks=(100, 100), compression="gzip")
    file["y"] = [1]


def hdf5_zeros(h5py, file, folder):
    file.create_dataset("X", data=np.zeros((10**6, 50), np.uint8), compression="gzip")
    file["y"] = [1]


def hdf5_large_chunk(h5py, file, folder):
    X = file.create_dataset("X", (10,), np.uint8, maxshape=(None,), chunks=(60_000_000,), compression="gzip")
    X[:] = 1
    file["y"] = np.zeros(10)


def hdf5_long_text(h5py, file, folder):
    file["X"] = np.zeros((3000, 2))
    file["y"] = np.array([b"a"] * 2999 + [b"b" * 100_000], dtype=h5py.string_dtype())


def hdf5_texts_of_a_length(h5py, file, folder):
    file["X"] = np.zeros((100, 2))
    file.create_dataset("y", data=np.array([b"a" * 200_000] * 100), compression="gzip")


def hdf5_text_that_is_not_utf8(h5py, file, folder):
    file["X"], file["y"] = np.zeros((1, 2)), np.array([b"\xff"], dtype=h5py.string_dtype("ascii"))


def hdf5_objects(h5py, file, folder):
    file["X"] = np.zeros((1, 2))
    file.create_dataset("y", (1,), h5py.ref_dtype)


def hdf5_records(h5py, file, folder):
    file["X"], file["y"] = np.zeros(3, "f4,i4"), np.zeros(3)


def hdf5_lists(h5py, file, folder):
    file["y"] = np.zeros(3)
    file.create_dataset("X", (3,), h5py.vlen_dtype(np.float32))


def hdf5_empty(h5py, file, folder):
    file["X"], file["y"] = h5py.Empty("f4"), np.zeros(3)


def hdf5_unknown_filter(h5py, file, folder):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3,))
    properties.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3,)), properties)
    file["y"] = np.zeros(3)


def hdf5_text_in_two_dimensions(h5py, file, folder):
    file["X"], file["y"] = np.zeros((2, 2)), np.array([[b"a", b"b"], [b"c", b"d"]])


HDF5 = {
    hdf5_external_link: "'X' is a link, possibly to another file",
    hdf5_soft_link: "'X' is a link, possibly to another file",
    hdf5_link_in_a_loop: "'X' is a link",
    hdf5_virtual: "the numbers of 'X' are in another file",
    hdf5_external_storage: "the numbers of 'X' are in another file",
    hdf5_terabytes: "takes 80000000000000 bytes; the file stores only 0",
    hdf5_zeros: "'X' of shape .* takes 50000000 bytes of memory; max_bytes is 33554432",
    hdf5_large_chunk: "a chunk of 'X' takes 60000000 bytes of memory; max_bytes is 33554432",
    hdf5_long_text: "'y' of 3000 texts, one with 100000 characters, takes 1200000000 bytes .* max_bytes is 33554432",
    hdf5_texts_of_a_length: "'y' of 100 texts, one with 200000 characters, takes 80000000 bytes",
    hdf5_text_that_is_not_utf8: "decode",
    hdf5_objects: "'y' has the dtype object",
    hdf5_records: "'X' has the dtype .*; expected numbers",
    hdf5_lists: "'X' has the dtype object; expected numbers",
    hdf5_empty: "",
    hdf5_unknown_filter: "'X' is compressed with the filter 305 of another library",
    hdf5_text_in_two_dimensions: r"'y' is text of shape \(2, 2\)",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("make", HDF5, ids=lambda make: make.__name__)
def test_hostile_hdf5(folder, make):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.h5", "w") as file:
        make(h5py, file, folder)
    assert (folder / "x.h5").stat().st_size < 1 << 20
    refused(read_hdf5, folder / "x.h5", HDF5[make], max_bytes=LIMIT)


def test_a_heap_that_would_be_read_for_ever(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.h5", "w") as file:
        file["X"], file["y"] = np.zeros((3, 1)), np.array(["a", "b", "c"], dtype=h5py.string_dtype())
    content = bytearray((folder / "x.h5").read_bytes())
    start = content.index(b"GCOL") + 16
    content[start : start + 200] = bytes(200)
    (folder / "x.h5").write_bytes(content)
    refused(
        read_hdf5,
        folder / "x.h5",
        "the heap at byte .* is damaged: free space of the size 0",
        max_bytes=LIMIT,
    )


def test_heaps_of_sound_files(folder):
    h5py = pytest.importorskip("h5py")
    words = [f"{'GCOL' * (i % 5)}{i}" for i in range(3000)]
    for i, options in enumerate(({}, {"libver": "latest"}, {"userblock_size": 512})):
        with h5py.File(folder / f"{i}.h5", "w", **options) as file:
            file["X"], file["y"] = np.zeros((3000, 1)), words
        assert read_hdf5(folder / f"{i}.h5", max_bytes=LIMIT).y.tolist() == words


@pytest.mark.parametrize("options", [{}, {"chunks": (2,)}, {"compression": "gzip", "shuffle": True}])
def test_a_text_longer_than_the_file(folder, options):
    h5py = pytest.importorskip("h5py")
    words = [f"{i:04}" for i in range(5)]
    with h5py.File(folder / "x.h5", "w") as file:
        file["X"] = np.zeros((5, 1))
        y = file.create_dataset("y", data=np.array(words, h5py.string_dtype()), **options)
        place = y.id.get_offset() or y.id.get_chunk_info(0).byte_offset
    assert read_hdf5(folder / "x.h5").y.tolist() == words
    if "compression" in options:
        return  # its bytes cannot be changed in place
    content = bytearray((folder / "x.h5").read_bytes())
    assert content[place : place + 4] == struct.pack("<I", 4)
    content[place : place + 4] = struct.pack("<I", 2**30)
    (folder / "x.h5").write_bytes(content)
    refused(read_hdf5, folder / "x.h5", "a text has 1073741824 bytes; the file has", max_bytes=LIMIT)


def test_a_pipe_is_no_hdf5_file(folder):
    pytest.importorskip("h5py")
    with pytest.raises(ValueError, match="null: it is a pipe or a device"):
        read_hdf5(os.devnull)


# ---- Parquet and images


def test_hostile_parquet(folder):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"a": X[:, 0], "y": Y})
    parquet.write_table(table, "x.parquet")
    good = (folder / "x.parquet").read_bytes()
    size = struct.unpack("<I", good[-8:-4])[0]
    for content in (
        b"",
        b"PAR1",
        b"PAR1" * 3,
        good[:-4],
        good[:-4] + b"PARE",
        good[:-8] + struct.pack("<I", 2**32 - 1) + b"PAR1",
        good[:-8] + struct.pack("<I", size - 1) + b"PAR1",
        good[: -8 - size] + b"\xff" * size + good[-8:],
        good[4:],
    ):
        path = write(folder, "parquet", content)
        refused(lambda path, **options: list(ParquetBatches(path, "y", **options)), path, "", max_bytes=LIMIT)


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", start)
        + chunk(b"IDAT", zlib.compress(bytes(9)))
        + chunk(b"IEND", b"")
    )


IMAGES = {
    "png of 2**31 columns": (png(2**31 - 1, 1), ""),
    "png of 10**10 pixels": (png(10**5, 10**5), ""),
    "png of 6000 x 6000": (
        png(6000, 6000),
        "to decode 6000 x 6000 pixels takes 288000000 bytes",
    ),
    "png of no pixels": (png(0, 0), ""),
    "png cut": (png(10, 10)[:40], ""),
    "ppm of 10**9 rows": (b"P5 10 1000000000 255\n", ""),
    "bmp negative": (
        b"BM" + struct.pack("<IHHIIiiHHII", 54, 0, 0, 54, 40, 2**30, -(2**30), 1, 24, 0, 0) + bytes(16),
        "",
    ),
    "gif of 65535": (b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20), ""),
    "postscript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(unpickled) (w) file\n",
        "cannot identify",
    ),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "cannot identify"),
    "text": (b"hello", "cannot identify"),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.filterwarnings("ignore:Image size:Warning")
def test_hostile_images(folder, name):
    pytest.importorskip("PIL.Image")
    content, words = IMAGES[name]
    (folder / "images" / "a").mkdir(parents=True)
    path = folder / "images" / "a" / "0.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s)0\.png is not a readable image: .*{words}"):
        read_image_folder(folder / "images", max_bytes=LIMIT)


# ---- mutants


@pytest.mark.parametrize("kind", data_mutants.KINDS)
def test_mutants(effort, figures, tmp_path, kind):
    libraries = {
        "h5": "h5py",
        "parquet": "pyarrow",
        "arrow": "pyarrow",
        "xlsx": "openpyxl",
        **dict.fromkeys(data_mutants.IMAGES, "PIL"),
    }
    if kind in libraries:
        pytest.importorskip(libraries[kind])
    first, count = effort.count(0, time.time_ns() % 10**9), effort.count(75, 8000)
    faults, n_read, largest = data_mutants.run(kind, first, count, tmp_path / "mutants")
    assert not faults, faults[:5]
    assert 0 < n_read < count
    figures(f"P14 mutated data files examined, {kind}", count)
    figures(f"P14 mutated data files that were read, {kind}", n_read)
    figures(f"P14 largest memory of a mutated data file, {kind}, bytes", largest)


def test_a_fault_is_found(tmp_path, monkeypatch):
    """The examination finds what it is for: another exception, an error without the file, numbers that are wrong."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"1,2\n3,4\n")
    draw = data_mutants.random.Random(0)
    for result, words in (
        (KeyError("x"), "KeyError"),
        (ValueError("no file"), "an error without the file"),
        (np.zeros(2, "M8[s]"), "the dtype"),
        (np.array([255], np.uint8).view(bool), "booleans"),
    ):

        def fake(*_, result=result):
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(data_mutants, "read", fake)
        assert words in data_mutants.fault_of("idx", path, draw)[0]
