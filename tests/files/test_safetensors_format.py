"""The container: what we write is what the package safetensors reads, and the other way round; damage is named."""

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import documents, header, safetensors_file
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small import blobs, classifier, fitted

MIB = 1 << 20


def written(tensors, documents=None):
    buffer = io.BytesIO()
    safetensors_file.write_tensors(buffer, tensors, documents or {})
    return buffer.getvalue()


def read(place, **options):
    """Return the tensors and the metadata of a place."""
    with safetensors_file.open_tensors(place, **options) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


WIDE = np.arange(70, dtype=np.float64).reshape(7, 10)
CASES = {
    "one": {"a": np.float32([1.5, -2.0, np.nan])},
    "no numbers": {"a": np.zeros((0, 5), np.float32), "b": np.zeros((3, 0)), "c": np.float32([1])},
    "no dimension": {"a": np.array(2.5), "b": np.array(-1, np.float32)},
    "wide after narrow": {"a": np.float32([1, 2, 3]), "b": np.array([4.0, 5.0])},
    "transposed": {"a": WIDE.T, "b": WIDE.T.astype(np.float32)},
    "strided": {"a": WIDE[::2, ::3], "b": WIDE[::-1], "c": WIDE[:, 1], "d": WIDE[:, 2:9]},
    "more dimensions": {"a": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)},
    "big-endian": {"a": np.array([1.0, 2.5], ">f4")},
    "larger than a block": {"a": np.arange(1.5e6, dtype=np.float32).reshape(1000, 1500).T},
    "names": {'a"b\\c': np.zeros(1), "Ω\n\t": np.ones(2), "\U0001f600": np.ones(3), "": np.ones(1)},
    "many": {f"layers.{i}.weight": np.full(i % 3, i, np.float32) for i in range(3000)},
    "none": {},
}


@pytest.mark.parametrize("case", CASES)
def test_the_package_reads_what_is_written(case, tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    data = written(CASES[case], {"document": {"text": "Ω" * 1000}})
    assert_equal(package.load(data), CASES[case])
    (tmp_path / "a").write_bytes(data)
    with package.safe_open(tmp_path / "a", framework="numpy") as file:
        assert json.loads(file.metadata()["document"]) == {"text": "Ω" * 1000}


@pytest.mark.parametrize("case", CASES)
def test_what_the_package_writes_is_read(case, tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    tensors = {
        name: np.array(a, a.dtype.newbyteorder("="), order="C", ndmin=a.ndim)
        for name, a in CASES[case].items()
    }
    data = package.save(tensors, metadata={"text": 'Ω"\\\n' * 100})
    path = tmp_path / "a"
    path.write_bytes(data)
    for place in (path, data, io.BytesIO(data)):
        found, metadata = read(place)
        assert_equal(found, tensors)
        assert metadata == {"text": 'Ω"\\\n' * 100}
    n_bytes = sum(array.nbytes for array in tensors.values())
    numbers, expected = (content[len(content) - n_bytes :] for content in (written(tensors), data))
    assert numbers == expected, "the numbers are in the order of the package"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
            lambda name: name != "__metadata__"
        ),
        arrays.arrays(
            st.sampled_from([np.float32, np.float64]), arrays.array_shapes(min_dims=0, min_side=0, max_side=5)
        ),
        max_size=5,
    )
)
def test_any_tensors_are_read_back(tensors):
    data = written(tensors, {"document": list(tensors)})
    found, metadata = read(data)
    assert_equal(found, tensors)
    assert json.loads(metadata["document"]) == list(tensors)
    size = int.from_bytes(data[:8], "little")
    assert size % 8 == 0
    for entry in json.loads(data[8 : 8 + size]).values():
        if "dtype" in entry:
            assert entry["data_offsets"][0] % (4 if entry["dtype"] == "F32" else 8) == 0


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_names_that_are_not_unicode_are_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(ValueError, match=r"'\\udc80' cannot name a tensor, because it is not Unicode"):
        safetensors_file.write_tensors(path, {"\udc80": np.zeros(1)}, {})
    assert not path.exists()


def test_a_description_that_nobody_reads_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setattr(header, "LONGEST", 1000)
    written({"a": np.zeros(1)}, {"document": "x" * 800})
    with pytest.raises(
        ValueError, match=r"1 tensors and of the network has 1\d\d\d bytes. Files have at most"
    ):
        safetensors_file.write_tensors(tmp_path / "a", {"a": np.zeros(1)}, {"document": "x" * 1000})
    assert list(tmp_path.iterdir()) == []


# ---- damaged containers

ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


def file(text, numbers=bytes(8)):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(**fields):
    given = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **fields}
    return file(json.dumps({"a": {name: value for name, value in given.items() if value is not ...}}))


BAD = {
    "empty": (b"", "it is empty"),
    "three bytes": (b"abc", "it has 3 bytes, too few for a header"),
    "length only": (struct.pack("<Q", 2), r"its header would have 2 bytes; 0 bytes follow"),
    "length 0": (struct.pack("<Q", 0), "its header is not a JSON object"),
    "length 1": (file("{"), "its header is not a JSON object"),
    "length 2**63": (struct.pack("<Q", 2**63) + b"{}", "its header would have 9223372036854775808 bytes"),
    "length 2**64 - 1": (bytes([255]) * 8 + b"{}", "its header would have 18446744073709551615 bytes"),
    "above the limit": (struct.pack("<Q", 10**8 + 1) + b"{}", "its header would have 100000001 bytes"),
    "list": (file("[]"), "its header is not a JSON object"),
    "space first": (file(" {}"), "its header is not a JSON object"),
    "not UTF-8": (file(b'{"\xff":1}'), "its header is not UTF-8: invalid start byte at byte 2"),
    "zeros behind": (
        file(b"{}" + bytes(6), b""),
        "its header has content after its JSON object, at character 2",
    ),
    "second object": (file("{}{}", b""), "its header has content after its JSON object, at character 2"),
    "not closed": (file('{"a":' + ENTRY), r"'}' expected at character 53"),
    "comma last": (file('{"a":' + ENTRY + ",}"), "a text expected at character 54"),
    "comma only": (file("{,}"), "a text expected at character 1"),
    "no colon": (file('{"a" 1}'), "':' expected at character 5"),
    "name not closed": (file('{"a:1}'), "Unterminated string"),
    "control character": (file('{"a\n":1}'), "Invalid control character"),
    "name twice": (file('{"a":' + ENTRY + ',"a":' + ENTRY + "}"), "its header has 'a' twice"),
    "name twice by escapes": (
        file('{"a":' + ENTRY + ',"\\u0061":' + ENTRY + "}"),
        "its header has 'a' twice",
    ),
    "metadata twice": (
        file('{"__metadata__":{},"__metadata__":{}}', b""),
        "its header has '__metadata__' twice",
    ),
    "text of metadata twice": (file('{"__metadata__":{"a":"","a":""}}', b""), "its header has 'a' twice"),
    "metadata null": (file('{"__metadata__":null}', b""), "'{' expected at character 16"),
    "metadata number": (file('{"__metadata__":{"a":1}}', b""), "a text expected at character 21"),
    "entry number": (file('{"a":1}'), "the entry of 'a' in its header is not that of a tensor"),
    "entry nested": (file('{"a":{"b":{}}}'), "the entry of 'a' in its header is not that of a tensor"),
    "entry deep": (file('{"a":{"b":' + "[" * 4000 + "]" * 4000 + "}}"), "the entry of 'a'"),
    "entry rather deep": (
        file('{"a":{"shape":' + "[" * 2000 + "]" * 2000 + "}}"),
        r"nested too deeply|expected",
    ),
    "entry long": (file('{"a":{' + " " * 5000 + ENTRY[1:] + "}"), "the entry of 'a'"),
    "entry key twice": (file('{"a":{"dtype":"F32","dtype":"F32"}}'), "duplicate key"),
    "NaN": (file('{"a":{"dtype":NaN}}'), "NaN is not a JSON number"),
    "1e999": (file('{"a":{"shape":[1e999]}}'), "1e999 is beyond the range of float64"),
    "long number": (file('{"a":{"shape":[1' + "0" * 4000 + "]}}"), "expected data_offsets, dtype and shape"),
    "no shape": (entry(shape=...), "expected data_offsets, dtype and shape"),
    "more": (entry(more=1), "expected data_offsets, dtype and shape"),
    "dtype": (entry(dtype="F99"), "'a' has the unknown dtype 'F99'"),
    "dtype list": (entry(dtype=["F32"]), r"'a' has the unknown dtype \['F32'\]"),
    "shape number": (entry(shape=2), "'a' has the shape 2"),
    "shape negative": (entry(shape=[-2]), r"'a' has the shape \[-2\]"),
    "shape true": (entry(shape=[True, 2]), "'a' has the shape"),
    "shape float": (entry(shape=[2.0]), "'a' has the shape"),
    "shape 2**63": (entry(shape=[2**63]), "'a' has the shape"),
    "shape overflows": (entry(shape=[2**32, 2**32]), "whose size is beyond 64 bits"),
    "shape overflows beside 0": (
        entry(shape=[0, 2**62], data_offsets=[0, 0]),
        "whose size is beyond 64 bits",
    ),
    "shape wraps around": (entry(shape=[2**62 + 1, 2]), "whose size is beyond 64 bits"),
    "65 dimensions": (entry(shape=[1] * 64 + [2]), "expected at most 64 whole numbers"),
    "place": (entry(data_offsets=[0]), r"'a' is at \[0\]; expected two whole numbers"),
    "place of three": (entry(data_offsets=[0, 8, 8]), "expected two whole numbers"),
    "place negative": (entry(data_offsets=[-8, 0]), "expected two whole numbers"),
    "place backwards": (entry(data_offsets=[8, 0]), "does not match its bytes from 8 to 0"),
    "place shorter": (entry(data_offsets=[0, 7]), "does not match its bytes from 0 to 7"),
    "place later": (entry(data_offsets=[8, 16]), "'a' begins at byte 8; the tensors before end at 0"),
    "numbers missing": (file('{"a":' + ENTRY + "}", bytes(7)), "only 7 bytes follow"),
    "numbers behind": (file('{"a":' + ENTRY + "}", bytes(9)), "more bytes follow"),
    "numbers without tensors": (file("{}"), "more bytes follow"),
    "half a byte": (entry(dtype="F4", shape=[3], data_offsets=[0, 2]), "does not match its bytes"),
}


@pytest.mark.parametrize("case", BAD)
def test_damaged_containers(case, tmp_path):
    data, words = BAD[case]
    (tmp_path / "a").write_bytes(data)
    for place in (tmp_path / "a", data, io.BytesIO(data)):
        stream = isinstance(place, io.BytesIO)
        if stream:  # whose size is not known
            words = words.replace("; 0 bytes follow", "")
        if stream and case == "length only":
            words = "its header is not"
        with pytest.raises(ValueError, match=f"is not a readable network: .*(?:{words})"):
            read(place)


def test_a_good_container():
    """The table of damage starts from a good file."""
    tensors, metadata = read(file('{"a":' + ENTRY + "}"))
    assert tensors["a"].tolist() == [0, 0]
    assert metadata is None
    spaced = ' { "a" : ' + ENTRY.replace(":", " : ") + ' , "__metadata__" : { } } '
    assert read(file(spaced[1:]))[1] == {}


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F8_E4M3", "BOOL", "I64", "C64", "F4", "U8"])
def test_other_dtypes_are_valid_containers(dtype):
    bits = {"F16": 16, "BF16": 16, "I64": 64, "C64": 64, "F4": 4}.get(dtype, 8)
    with safetensors_file.open_tensors(entry(dtype=dtype, shape=[64 // bits])) as opened:
        assert opened.get_slice("a").get_dtype() == dtype


# ---- memory


def peak(action):
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def described(text):
    return file(json.dumps({"__metadata__": {"compiled_nn": text}}), b"")


def empty_tensors(count):
    entries = ",".join(f'"{i:x}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(count))
    return file("{" + entries + "}", b"")


def texts(count):
    return file('{"__metadata__":{' + ",".join(f'"{i:x}":""' for i in range(count)) + "}}", b"")


BOMBS = {
    "empty tensors": lambda: empty_tensors(10_000),
    "almost too many empty tensors": lambda: empty_tensors((1 << 15) - 1),
    "texts": lambda: texts(500_000),
    "few texts": lambda: texts(10_000),
    "lists": lambda: described("[" + "[]," * 350_000 + "[]]"),
    "objects": lambda: described("[" + "{}," * 350_000 + "{}]"),
    "numbers": lambda: described("[" + "0.5," * 800_000 + "1]"),
    "whole numbers": lambda: described("[" + "777," * 800_000 + "1]"),
    "pairs": lambda: described("{" + ",".join(f'"{i:x}":1' for i in range(200_000)) + "}"),
    "short texts": lambda: described("[" + '"a1",' * 500_000 + '""]'),
    "nested": lambda: described('{"a":[' * 300 + "]}" * 300),
    "wide text": lambda: described('["' + "a" * 6_000_000 + '\\ud83d\\ude00"]'),
    "wide header": lambda: file('{"__metadata__":{"compiled_nn":"' + "a" * 12_000_000 + '\U0001f600"}}', b""),
}


SLOW = ("almost too many empty tensors", "texts", "numbers", "whole numbers", "short texts")


@pytest.mark.parametrize("case", BOMBS)
def test_memory_for_a_description_is_bounded_by_the_file(case, tmp_path, effort):
    if case in SLOW and not effort.long:
        pytest.skip("it takes many seconds, because allocations are traced")
    data = BOMBS[case]()
    (tmp_path / "a").write_bytes(data)

    def load():
        with pytest.raises(ValueError, match="is not a readable network"):
            cnn.load(tmp_path / "a")

    assert peak(load) <= 16 * MIB + 4 * len(data)


def test_large_descriptions_that_are_not_bombs_are_read():
    """A million classes, and a text of the user that looks like JSON."""
    labels = list(range(1_000_000))
    text = json.dumps({"values": labels})
    assert documents.parse_json(text, len(text) + 16_000_000)["values"] == labels
    quoted = json.dumps({"text": json.dumps([{"a": []}] * 500_000)})
    assert documents.parse_json(quoted)["text"].count("a") == 500_000


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    net = fitted()
    path = tmp_path / "net"
    for metadata in ({"a": [[]] * 600_000}, {"a": "\U0001f600" * 3_000_000}):
        with pytest.raises(ValueError, match="The file would be refused by load: its JSON of"):
            net.save(path, metadata=metadata)
        assert not path.exists()
    net.save(path, metadata={"a": [0.1] * 100_000, "b": "Ω" * 100_000})
    assert len(cnn.load(path).metadata["b"]) == 100_000


@pytest.fixture(scope="module")
def large():
    """Network with two layers of 8 MB and small ones around them, and their padding."""
    rng = np.random.default_rng(0)
    net = cnn.Network([cnn.Dense(1403, "relu"), cnn.Dense(1403, "relu"), cnn.Dense(2)], seed=0)
    shapes = [(1403, 1403), (1403, 1403), (1403, 2)]
    net.set_weights([(rng.standard_normal(shape), np.zeros(shape[1])) for shape in shapes])
    return net


def test_loading_reads_one_layer_at_a_time(large, tmp_path):
    path, layer = tmp_path / "net", 4 * 1403**2
    large.save(path)
    tracemalloc.start()
    net = cnn.load(path)
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    mapped = cnn.load(path, mmap=True)
    after, most_mapped = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most - now < 1.1 * layer
    assert most_mapped - after < 0.1 * layer, "a mapped file needs no copy of a layer"
    for (W, b), (V, c), (U, d) in zip(
        large.get_weights(), net.get_weights(), mapped.get_weights(), strict=True
    ):
        assert W.tobytes() == V.tobytes() == U.tobytes()
        assert b.tobytes() == c.tobytes() == d.tobytes()


def test_nothing_of_a_mapped_file_is_kept(tmp_path):
    path = tmp_path / "net"
    X, y = blobs()
    net = classifier(standardize=True).fit(X, y, epochs=1)
    model = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0, standardize=True).fit(X, y)
    for source, load in ((net, cnn.load), (model, cnn.MLPClassifier.load)):
        source.save(path)
        loaded = load(path, mmap=True)
        path.write_bytes(b"")  # a view of the file would end the process
        assert (loaded.predict_proba(X) == source.predict_proba(X)).all()
        source.save(path)


def test_only_files_at_paths_are_mapped(tmp_path):
    data = written({"a": np.zeros(1)})
    for place in (data, io.BytesIO(data)):
        with pytest.raises(ValueError, match=r"mmap=True needs the path of a regular file. The given"):
            cnn.load(place, mmap=True)
    with pytest.raises(FileNotFoundError):
        cnn.load(tmp_path / "missing", mmap=True)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match="it is empty"):
        cnn.load(tmp_path / "empty", mmap=True)


def test_a_file_that_becomes_shorter_is_a_value_error(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(written({"a": np.zeros(1000)}))
    with safetensors_file.open_tensors(path) as opened:
        os.truncate(path, 4000)
        with pytest.raises(ValueError, match="it became shorter while it was read"):
            opened.get_tensor("a")


# ---- file objects


class Short(io.RawIOBase):
    """Raw file that reads and writes at most 7 bytes in a call."""

    def __init__(self, data=b""):
        self.data, self.at = bytearray(data), 0

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        part = self.data[self.at : self.at + min(7, len(buffer))]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)

    def write(self, data):
        self.data += bytes(data)[:7]
        return min(7, len(data))


def test_raw_files_that_take_a_part(rng):
    net, expected = fitted(), io.BytesIO()
    net.save(expected)
    short = Short()
    net.save(short)
    assert short.data == expected.getvalue()
    assert read(Short(short.data))[1] == read(short.data)[1]


def test_objects_may_keep_what_they_are_given():
    class Keeping:
        parts = ()

        def write(self, part):
            assert type(part) is bytes
            self.parts += (part,)

    net, kept, expected = fitted(), Keeping(), io.BytesIO()
    net.save(expected)
    net.save(kept)
    assert b"".join(kept.parts) == expected.getvalue()


@pytest.mark.parametrize("count", [0, -1, 10**6, True])
def test_objects_that_write_nothing_are_errors(count):
    class Bad:
        def write(self, part):
            return count

    if count is True:
        fitted().save(Bad())  # one byte after the other
        return
    with pytest.raises(OSError, match=f"The given Bad reported {count} of "):
        fitted().save(Bad())


def test_objects_that_are_not_ready():
    class Waiting(io.RawIOBase):
        def read(self, size=-1):
            return None

        def write(self, part):
            return None

    with pytest.raises(BlockingIOError, match="The given Waiting takes no bytes at present"):
        fitted().save(Waiting())
    with pytest.raises(BlockingIOError, match="The given Waiting has no bytes at present"):
        cnn.load(Waiting())


def test_objects_that_return_too_much():
    class Much:
        def read(self, size):
            return bytes(size + 1)

    with pytest.raises(ValueError, match=r"The given Much returned 65 bytes; at most 64 were requested"):
        cnn.load(Much())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes(tmp_path):
    """A pipe and a named pipe, in both directions; a pipe has less room than a file."""
    net, expected = fitted(), io.BytesIO()
    net.save(expected)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as reader:
        net.save(path)
        assert reader.stdout.read() == expected.getvalue()
    code = "import sys; open(sys.argv[1], 'wb').write(bytes.fromhex(sys.argv[2]))"
    with subprocess.Popen([sys.executable, "-c", code, path, expected.getvalue().hex()]):
        loaded = cnn.load(path)
    assert path.is_fifo()
    source, sink = os.pipe()
    with open(source, "rb") as output, open(sink, "wb") as given:
        given.write(expected.getvalue())
        given.close()
        again = cnn.load(output)
    X = np.zeros((2, loaded.n_features_), np.float32)
    assert (loaded.predict(X) == again.predict(X)).all()


# ---- equal models


def test_equal_models_give_equal_bytes_in_any_process(environment):
    """Sets and dicts in another order, other addresses: the order of a hash is not in the file."""
    code = """
import hashlib, io, numpy as np, compiled_nn as cnn
rng = np.random.default_rng(0)
X, y = rng.standard_normal((60, 3)), np.array(["red", "green", "blue"] * 20)
table = np.array([[a, b, str(c)] for a, b, c in X.round(1)], object)
def bytes_of(save):
    buffer = io.BytesIO(); save(buffer); return hashlib.sha256(buffer.getvalue()).hexdigest()
net = cnn.Network([cnn.Dense(5, "relu", norm="batch"), cnn.Dense(3)], ema=0.9, standardize=True, seed=0)
net.metadata = {"b": {"y": 1, "x": 2}, "a": [3]}
net.fit(X, y, epochs=2)
coded = cnn.Network([cnn.Dense(5), cnn.Dense(3)], categorical_features=[2], embeddings=2, seed=0)
coded.fit(table, y, epochs=1)
model = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0, early_stopping=True).fit(X, y)
for each in (net, coded):
    each.history["seconds"] = [0.0] * len(each.history["seconds"])
for save in (net.save, net.save_checkpoint, coded.save, coded.save_checkpoint, model.save):
    print(bytes_of(save))
"""
    found = []
    for seed in ("0", "1", "4242"):
        child = {**environment, "PYTHONHASHSEED": seed, "CNN_CORE_ISA": cnn_isa()}
        result = subprocess.run(
            [sys.executable, "-c", code], env=child, capture_output=True, text=True, check=True
        )
        found.append(result.stdout.split())
    assert len(found[0]) == 5
    assert found[0] == found[1] == found[2]


def cnn_isa():
    import cnn_core

    return cnn_core.isa
