"""Damaged files of data: seeds of every kind, mutants of them, and their examination.

A mutant is given by its kind and a number. ``python data_mutants.py KIND FIRST COUNT FOLDER`` examines some of them in
this process, which a damaged HDF5, Parquet or image file could end; :func:`run` starts it and returns the faults.
"""

import gzip
import importlib
import io
import json
import random
import struct
import subprocess
import sys
import time
import zipfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from compiled_nn import datasets

MAX_BYTES = 32 << 20  # for the readers
SLACK = 64 << 20  # beside them: buffers of the libraries, and the images that Pillow decodes
SECONDS = 5.0

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.arange(20) % 3
WORDS = np.array(["red", "green", "bl\u00fce"])[Y]


def _npy(array, version=(1, 0)):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def _zip(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _csv():
    rows = [f"{i},{i / 7},{word}\n" for i, word in enumerate(WORDS)]
    return [
        "a,b,kind\n" + "".join(rows),
        "".join(f"{i};{i * 2}\r\n" for i in range(30)),
        '"1","2"\n"3",4\n\n5,6',
    ]


def _hdf5(folder):
    import h5py

    made = []
    for i, options in enumerate(
        ({}, {"compression": "gzip", "shuffle": True}, {"chunks": (4, 3), "fletcher32": True})
    ):
        path = Path(folder) / f"seed{i}.h5"
        with h5py.File(path, "w", libver="latest" if i == 2 else None) as file:
            file.create_dataset("X", data=X, **options)
            file["y"] = Y if i else [word.encode() for word in WORDS]
            file["class_names"] = np.array(["a", "b", "c"], dtype=h5py.string_dtype())
        made.append(path.read_bytes())
    return made


def _parquet():
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"a": X[:, 0], "b": np.arange(20), "y": WORDS.tolist()})
    made = []
    for options in (
        {},
        {"compression": "gzip", "row_group_size": 7},
        {"use_dictionary": False, "version": "1.0"},
    ):
        out = io.BytesIO()
        parquet.write_table(table, out, **options)
        made.append(out.getvalue())
    return made


def _arrow():
    import pyarrow
    from pyarrow import feather, ipc

    table = pyarrow.table({"a": X[:, 0], "b": np.arange(20), "kind": WORDS.tolist()})
    file, stream, packed = (io.BytesIO() for _ in range(3))
    with ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, 7)
    with ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    feather.write_feather(table, packed, compression="zstd")
    return [out.getvalue() for out in (file, stream, packed)]


def _excel():
    import openpyxl

    book = openpyxl.Workbook()
    for row in (("a", "b", "kind"), *zip(X[:, 0].tolist(), range(20), WORDS.tolist(), strict=True)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return [out.getvalue()]


def _image(form):
    from PIL import Image

    pixels = (np.arange(12 * 10 * 3) % 251).astype(np.uint8).reshape(12, 10, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form)
    return [out.getvalue()]


def seeds(kind, folder):
    """Return the undamaged files of a kind."""
    idx = b"\0\0\x08\x02\0\0\0\x14\0\0\0\x03" + X.astype(np.uint8).tobytes()
    big = b"\0\0\x0d\x03\0\0\0\x05\0\0\0\x04\0\0\0\x03" + X.astype(">f4").tobytes()
    members = {"X.npy": _npy(X), "y.npy": _npy(WORDS), "class_names.npy": _npy(np.array(["a", "b", "c"]))}
    makers = {
        "csv": lambda: [text.encode() for text in _csv()],
        "csv.gz": lambda: [gzip.compress(text.encode(), mtime=0) for text in _csv()],
        "idx": lambda: [idx, big],
        "idx.gz": lambda: [gzip.compress(each, mtime=0) for each in (idx, big)],
        "npz": lambda: [_zip(members), _zip(members, zipfile.ZIP_STORED)],
        "h5": lambda: _hdf5(folder),
        "parquet": _parquet,
        "arrow": _arrow,
        "xlsx": _excel,
    }
    return makers[kind]() if kind in makers else _image(kind)


IMAGES = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM")
KINDS = ("csv", "csv.gz", "idx", "idx.gz", "npz", "h5", "parquet", "arrow", "xlsx", *IMAGES)
TABLES = ("csv", "csv.gz", "parquet", "arrow", "xlsx")
_TOKENS = (
    b"\0",
    b"\xef\xbb\xbf",
    b'"',
    b'""',
    b"\r",
    b"\n",
    b"\r\n",
    b",",
    b",,,",
    b";",
    b"\xff\xfe",
    b"\xed\xa0\x80",
)
_TOKENS += (
    b"1e999",
    b"nan",
    b"-inf",
    b"1_0",
    b"9" * 400,
    b"0x10",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"=1+1",
    b"\x1b[2J",
)
_NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**16, 255, 10**6)
_HEADERS = (
    b"'<f4'",
    b"'|O'",
    b"'<U9'",
    b"'<U999999999'",
    b"'>f8'",
    b"'|b1'",
    b"'<M8[s]'",
    b"[('a','<f4')]",
    b"'|V8'",
)
_SHAPES = (
    b"(20, 3)",
    b"(-1, 3)",
    b"(2147483648, 3)",
    b"()",
    b"(60,)",
    b"(20, 3, 0)",
    b"(True, 3)",
    b"(9" + b"9" * 50 + b",)",
)


def _damaged(draw, content, others):
    """Return bytes with one damage that does not depend on the kind of the file."""
    data, at = bytearray(content), draw.randrange(max(1, len(content)))
    way = draw.randrange(9)
    if way == 0:
        for _ in range(draw.choice((1, 1, 2, 8))):
            place = draw.randrange(len(data))
            data[place] ^= 1 << draw.randrange(8)
    elif way == 1:
        del data[at:]
    elif way == 2:
        data[at : at + 1] = bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF))])
    elif way == 3:
        form = draw.choice(("<I", ">I", "<Q", ">Q", "<H", ">H"))
        number = draw.choice(_NUMBERS) % 256 ** struct.calcsize(form)
        data[at : at + struct.calcsize(form)] = struct.pack(form, number)
    elif way == 4:
        data[at:at] = draw.randbytes(draw.choice((1, 2, 16, 200)))
    elif way == 5:
        del data[at : at + draw.choice((1, 2, 8, 100))]
    elif way == 6:
        data[at:at] = data[at : at + draw.choice((4, 64, 1000))] * draw.choice((1, 3))
    elif way == 7:
        other = draw.choice(others)
        data[at:] = other[draw.randrange(max(1, len(other))) :]
    else:
        data[at : at + draw.choice((1, 8, 64))] = bytes(draw.choice((1, 8, 64)))
    return bytes(data)


def _structured(draw, kind, content, others):
    """Return a mutant that is damaged in a part that only its kind has, where one is known."""
    if kind in ("csv", "csv.gz"):
        text = gzip.decompress(content) if kind == "csv.gz" else content
        at = draw.randrange(len(text) + 1)
        text = (
            text[:at] + draw.choice(_TOKENS) * draw.choice((1, 1, 2, 50)) + text[at + draw.choice((0, 1)) :]
        )
        return gzip.compress(text, mtime=0) if kind == "csv.gz" else text
    if kind in ("idx", "idx.gz"):
        inner = bytearray(gzip.decompress(content) if kind == "idx.gz" else content)
        if draw.random() < 0.5:
            inner[4 + 4 * draw.randrange(2) :][:4] = b""
            at = 4 + 4 * draw.randrange(2)
            inner[at : at + 4] = struct.pack(">I", draw.choice(_NUMBERS) % 2**32)
        else:
            inner = bytearray(_damaged(draw, bytes(inner), [bytes(inner)]))
        return gzip.compress(bytes(inner), mtime=0) if kind == "idx.gz" else bytes(inner)
    if kind == "xlsx":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = draw.choice([*members])
        members[name] = _damaged(draw, members[name], others)
        return _zip(members, zipfile.ZIP_DEFLATED)
    if kind == "npz":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = draw.choice([*members])
        npy = members[name]
        if draw.random() < 0.7:
            size = struct.unpack("<H", npy[8:10])[0]
            header, data = npy[10 : 10 + size], npy[10 + size :]
            parts = header.split(b", ", 2)
            if draw.random() < 0.5:
                parts[0] = b"{'descr': " + draw.choice(_HEADERS)
            else:
                parts[2] = b"'shape': " + draw.choice(_SHAPES) + b", }"
            header = b", ".join(parts).rstrip()[:900] + b"\n"
            npy = npy[:8] + struct.pack("<H", len(header)) + header + data
        else:
            npy = _damaged(draw, npy, others)
        members[name] = npy
        return _zip(members, draw.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))
    if kind == "parquet":  # its footer, whose length is in front of the last 4 bytes
        size = struct.unpack("<I", content[-8:-4])[0]
        footer = _damaged(draw, content[-8 - size : -8], [content])
        return content[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1"
    if kind == "h5":  # its first objects
        return _damaged(draw, content[:2000], [content]) + content[2000:]
    return _damaged(draw, content[:60], [content]) + content[60:]


def mutant(kind, number, found):
    """Return a mutant of one of the files `found`."""
    draw = random.Random(f"{kind} {number}")
    content = draw.choice(found)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        if not content:
            break
        whole = draw.random() < 0.5 or (
            kind in ("csv.gz", "idx.gz", "npz", "parquet", "xlsx") and content not in found
        )
        content = _damaged(draw, content, found) if whole else _structured(draw, kind, content, found)
    return content, draw


def read_as_table(path, draw):
    """Read a file as a table, whole or in batches."""
    options = {"max_bytes": MAX_BYTES, "header": draw.choice((None, None, True, False))}
    if draw.random() < 0.3:
        options["column_types"] = {
            draw.choice(("a", "b", "kind")): draw.choice(("number", "category", "date"))
        }
    with ExitStack() as stack:
        source = path if draw.random() < 0.7 else stack.enter_context(open(path, "rb"))
        if draw.random() < 0.5:
            return datasets.read_table(source, **options)
        return datasets.Table.concatenate([*datasets.iter_table(source, batch_rows=7, **options)])


def read(kind, path, draw):
    """Read a file as its kind, in one of the ways there are."""
    if kind in ("arrow", "xlsx") or (kind in TABLES and draw.random() < 0.6):
        return read_as_table(path, draw)
    if kind in ("csv", "csv.gz"):
        target, header = draw.choice((-1, -1, -1, 0, None, "kind")), draw.choice((None, None, None, True))
        return datasets.read_csv(
            path, target, header=header, delimiter=draw.choice(",,,,,;"), max_bytes=MAX_BYTES
        )
    if kind in ("idx", "idx.gz"):
        return datasets.read_idx(path, max_bytes=MAX_BYTES)
    if kind == "npz":
        return datasets.read_npz(path, max_bytes=MAX_BYTES)
    if kind == "h5":
        return datasets.read_hdf5(path, max_bytes=MAX_BYTES)
    if kind == "parquet":
        return list(datasets.ParquetBatches(path, "y", batch_rows=8, max_bytes=MAX_BYTES))
    return datasets.read_image_folder(Path(path).parent.parent, max_bytes=MAX_BYTES)


def fault_of(kind, path, draw):
    """Read a file; return the fault of the result or of the error, None for no fault, and whether it was read."""
    try:
        result = read(kind, path, draw)
    except ValueError as error:
        text = str(error)
        if str(path) not in text or len(text) > 4000:
            return f"an error without the file, or too long: {text[:300]}", False
        return None, False
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}", False
    if isinstance(result, datasets.Table):
        arrays = [*result.to_dict().values()]
        texts = [text for array in arrays if array.dtype.kind == "O" for text in array if text is not None]
        "".join(texts).encode()
        arrays = [array for array in arrays if array.dtype.kind not in "OM"]
    elif isinstance(result, datasets.Dataset):
        arrays = [result.X, result.y]
        if kind in ("csv", "csv.gz", "parquet") and not np.isfinite(result.X).all():
            return "X is not finite", True
        if not all(isinstance(name, str) for name in result.class_names):
            return f"class names {result.class_names!r}", True
    else:
        arrays = [np.asarray(y) for _, y in result] if isinstance(result, list) else [result]
    for array in arrays:
        if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
            return "booleans other than 0 and 1", True
        if array.dtype.kind not in "biufUO":
            return f"the dtype {array.dtype}", True
        if array.dtype.kind == "U":
            "".join(array.ravel().tolist()).encode()
    return None, True


def _peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


def _reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main(kind, first, count, folder):
    """Examine mutants; write the number of the present one to a file, and faults as lines of JSON to stdout."""
    measured = sys.platform.startswith("linux")
    folder = Path(folder)
    path = folder / "class" / f"x.{kind.lower()}" if kind in IMAGES else folder / f"x.{kind}"
    path.parent.mkdir(exist_ok=True)
    found = seeds(kind, folder)
    if kind in ("csv", "csv.gz") and find_spec("pyarrow"):  # which reads only tables of some size
        importlib.import_module("pyarrow.csv"), importlib.import_module("pyarrow.compute")
    for content in found:  # undamaged, so that the libraries are in memory
        path.write_bytes(content)
        fault = fault_of(kind, path, random.Random(3))
    n_read = largest = 0
    opened = []
    sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == "open" else None)
    for number in range(first, first + count):
        content, draw = mutant(kind, number, found)
        path.write_bytes(content)
        (folder / "number").write_text(str(number))
        if measured:
            _reset_peak()
            before = _peak()
        opened.clear()
        start = time.process_time()
        fault, was_read = fault_of(kind, path, draw)
        seconds = time.process_time() - start
        n_read += was_read
        others = [each for each in opened if each != str(path) and not each.endswith((".py", ".pyc", ".so"))]
        if others:
            fault = f"opens {others}"
        if measured:
            largest = max(largest, _peak() - before)
            if _peak() - before > MAX_BYTES + SLACK:
                fault = f"{_peak() - before} bytes of memory"
        if seconds > SECONDS:
            fault = f"{seconds} s"
        if fault is not None:
            print(json.dumps({"number": number, "fault": fault}), flush=True)
    print(json.dumps({"read": n_read, "largest": largest}), flush=True)


def run(kind, first, count, folder):
    """Examine mutants in a child process; return their faults, how many were read, and the largest memory."""
    folder.mkdir(exist_ok=True)
    argv = [sys.executable, "-W", "ignore", __file__, kind, str(first), str(count), str(folder)]
    timeout = 120 + count / 20
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
        code, out, err = ended.returncode, ended.stdout, ended.stderr
    except subprocess.TimeoutExpired as error:
        code, out, err = "timeout", (error.stdout or b"").decode(), ""
    lines = [json.loads(line) for line in out.splitlines()]
    faults = [line for line in lines if "fault" in line]
    if code != 0:
        number = (folder / "number").read_text() if (folder / "number").exists() else None
        faults.append({"number": number, "fault": f"the process ended with {code}: {err[-600:]}"})
    last = lines[-1] if lines and "read" in lines[-1] else {"read": 0, "largest": 0}
    return faults, last["read"], last["largest"]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
