"""Files that are no networks: a ValueError each, in bounded memory, and nothing executed."""

import contextlib
import json
import os
import pickle
import struct
import tracemalloc

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import network_file, safetensors_file
from small import INDICES, X, fitted, outputs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.fixture
def content(path):
    fitted().save(path)
    return path.read_bytes()


def header_of(content):
    """Return the header of a safetensors file as a dict, and the bytes after it."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_missing_file(path):
    with pytest.raises(FileNotFoundError):
        cnn.load(path)


def test_a_folder(tmp_path):
    with pytest.raises(OSError, match=r"directory|denied"):
        cnn.load(tmp_path)


def test_a_newer_format(path, content):
    header, data = header_of(content)
    document = json.loads(header["__metadata__"]["compiled_nn"])
    header["__metadata__"]["compiled_nn"] = json.dumps({**document, "format_version": 5, "more": []})
    path.write_bytes(with_header(header, data))
    with pytest.raises(ValueError, match="it has format version 5; this compiled_nn reads versions up to 4"):
        cnn.load(path)


def _container(change):
    """A corruption of the container: header and data."""

    def corrupt(content):
        header, data = header_of(content)
        return with_header(*change(header, data))

    return corrupt


def _document(change):
    """A corruption of our JSON: `change` edits it in place, or returns the text to put there."""

    def corrupt(content):
        header, data = header_of(content)
        document = json.loads(header["__metadata__"]["compiled_nn"])
        text = change(document)
        header["__metadata__"]["compiled_nn"] = text if isinstance(text, str) else json.dumps(document)
        return with_header(header, data)

    return corrupt


def _entry(**fields):
    return _container(
        lambda header, data: ({**header, "layers.0.bias": {**header["layers.0.bias"], **fields}}, data)
    )


def _set(*path_and_value):
    *path, value = path_and_value

    def change(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return _document(change)


def _remove(*path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return _document(change)


def _rename(header, data):
    header["layers.7.bias"] = header.pop("layers.0.bias")
    return header, data


def _duplicate(content):
    header, data = header_of(content)
    text = json.dumps(header)
    return with_header(
        (text[:-1] + ',"layers.0.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}').encode(), data
    )


def _extra(header, data):
    size = len(data)
    return {
        **header,
        "extra": {"dtype": "F32", "shape": [1], "data_offsets": [size, size + 4]},
    }, data + bytes(4)


def _not_finite(content):
    header, data = header_of(content)
    start, _ = header["layers.1.weight"]["data_offsets"]
    return with_header(header, data[:start] + struct.pack("<f", float("nan")) + data[start + 4 :])


def _float64(header, data):
    entry = header["layers.0.bias"]
    return {**header, "layers.0.bias": {**entry, "dtype": "F16", "shape": [10]}}, data


BAD_FILES = {
    "empty": lambda content: b"",
    "seven bytes": lambda content: content[:7],
    "length only": lambda content: content[:8],
    "header of 0": lambda content: struct.pack("<Q", 0) + content[8:],
    "header longer than the file": lambda content: struct.pack("<Q", len(content)) + content[8:],
    "header of 2**63": lambda content: struct.pack("<Q", 2**63) + content[8:],
    "header of 2**64 - 1": lambda content: struct.pack("<Q", 2**64 - 1) + content[8:],
    "cut in the header": lambda content: content[:100],
    "cut in the data": lambda content: content[:-1],
    "no data": lambda content: with_header(header_of(content)[0], b""),
    "trailing bytes": lambda content: content + b"\0",
    "text": lambda content: b"this is no network at all, not even nearly one",
    "pickle": lambda content: pickle.dumps({"a": 1}),
    "zip": lambda content: b"PK\x03\x04" + content,
    "bad JSON": lambda content: with_header(b"{" * 50, b""),
    "NaN header": lambda content: with_header(b'{"a":NaN}', b""),
    "deep header": lambda content: with_header(b"[" * 100_000, b""),
    "header is a list": lambda content: with_header(b"[]", b""),
    "not UTF-8": lambda content: content.replace(b"relu", b"\xff\xfe\xfd\xfc"),
    "no tensors": _container(lambda header, data: ({"__metadata__": header["__metadata__"]}, b"")),
    "no metadata": _container(lambda h, d: ({k: v for k, v in h.items() if k != "__metadata__"}, d)),
    "other metadata": _container(lambda h, d: ({**h, "__metadata__": {"format": "pt"}}, d)),
    "metadata no text": _container(lambda h, d: ({**h, "__metadata__": {"compiled_nn": 3}}, d)),
    "negative shape": _entry(shape=[-5]),
    "float shape": _entry(shape=[5.0]),
    "huge shape": _entry(shape=[2**63]),
    "overflowing shape": _entry(shape=[2**32, 2**32]),
    "transposed shape": _entry(shape=[5, 1]),
    "unknown dtype": _entry(dtype="F99"),
    "other dtype": _entry(dtype="I32"),
    "half as wide": _entry(dtype="F16", shape=[10]),
    "brain floats": _entry(dtype="BF16", shape=[10]),
    "hole": _entry(data_offsets=[0, 24]),
    "overlap": _entry(data_offsets=[4, 24]),
    "backwards": _entry(data_offsets=[20, 0]),
    "beyond the end": _entry(data_offsets=[10**6, 10**6 + 20]),
    "duplicate": _duplicate,
    "extra tensor": _container(_extra),
    "renamed tensor": _container(_rename),
    "NaN weight": _not_finite,
    "JSON cut": _document(lambda document: json.dumps(document)[:-1]),
    "JSON empty": _document(lambda document: ""),
    "JSON list": _document(lambda document: "[]"),
    "JSON number": _document(lambda document: "1e999"),
    "JSON NaN": _document(lambda document: json.dumps(document).replace('"l1": 0.0', '"l1": NaN')),
    "JSON Infinity": _document(lambda document: json.dumps(document).replace('"l1": 0.0', '"l1": Infinity')),
    "JSON 1e999": _document(lambda document: json.dumps(document).replace('"l1": 0.0', '"l1": 1e999')),
    "JSON long number": _document(
        lambda document: json.dumps(document).replace('"seed": 1', '"seed": 1' + "0" * 5000)
    ),
    "JSON deep": _document(lambda document: "[" * 100_000),
    "JSON duplicate": _document(lambda document: '{"classes": null, ' + json.dumps(document)[1:]),
    "JSON extra": _set("more", 1),
    "version 0": _set("format_version", 0),
    "version true": _set("format_version", True),
    "version text": _set("format_version", "1"),
    "version 1.0": _set("format_version", 1.0),
    "library": _set("library_version", None),
    "network": _set("network", []),
    "layers": _set("network", "layers", {}),
    "no layers": _set("network", "layers", []),
    "layer": _set("network", "layers", 0, "Dense"),
    "layer missing": _remove("network", "layers", 0),
    "layer extra": _set("network", "layers", 0, "rate", 0.5),
    "units": _set("network", "layers", 0, "units", 6),
    "units huge": _set("network", "layers", 0, "units", 10**15),
    "units float": _set("network", "layers", 0, "units", 5.0),
    "units true": _set("network", "layers", 0, "units", True),
    "units null": _set("network", "layers", 0, "units", None),
    "activation": _set("network", "layers", 0, "activation", "swish"),
    "activation number": _set("network", "layers", 0, "activation", 1),
    "activation softmax": _set("network", "layers", 0, "activation", "softmax"),
    "link": _set("network", "layers", 1, "activation", "sigmoid"),
    "bias": _set("network", "layers", 0, "bias", False),
    "bias number": _set("network", "layers", 0, "bias", 1),
    "init": _set("network", "layers", 0, "init", "eval"),
    "init list": _set("network", "layers", 0, "init", [[1.0]]),
    "init unknown": _set("network", "layers", 0, "init", {"name": "exec"}),
    "init sigma": _set("network", "layers", 0, "init", {"name": "normal", "sigma": "0"}),
    "init fields": _set("network", "layers", 0, "init", {"name": "normal"}),
    "init array": _set("network", "layers", 0, "init", {"name": "array", "W": []}),
    "init interval": _set("network", "layers", 0, "init", {"name": "uniform", "low": 2, "high": 1}),
    "loss": _set("network", "loss", "mean"),
    "loss of values": _set("network", "loss", "mse"),
    "loss null": _set("network", "loss", None),
    "optimizer": _set("network", "optimizer", "adam"),
    "optimizer name": _set("network", "optimizer", "name", "rmsprop"),
    "optimizer name list": _set("network", "optimizer", "name", []),
    "optimizer fields": _remove("network", "optimizer", "epsilon"),
    "optimizer rate": _set("network", "optimizer", "learning_rate", "os.system"),
    "optimizer rate null": _set("network", "optimizer", "learning_rate", None),
    "optimizer beta": _set("network", "optimizer", "beta_1", 2),
    "l2": _set("network", "l2", -1),
    "scale": _set("network", "input_scale", 0),
    "dtype": _set("network", "dtype", "float64"),
    "dtype unknown": _set("network", "dtype", "object"),
    "dtype list": _set("network", "dtype", ["float32"]),
    "seed": _set("network", "seed", "1"),
    "features": _set("n_features", 5),
    "features 0": _set("n_features", 0),
    "features text": _set("n_features", "4"),
    "features huge": _set("n_features", 10**30),
    "targets": _set("targets", "regression"),
    "targets number": _set("targets", 3),
    "targets values": _set("targets", "values"),
    "targets indicator": _set("targets", "indicator"),
    "targets null": _set("targets", None),
    "classes null": _set("classes", None),
    "classes list": _set("classes", [0, 1, 2]),
    "classes too few": _set("classes", "values", [0, 1]),
    "classes too many": _set("classes", "values", [0, 1, 2, 3]),
    "classes none": _set("classes", "values", []),
    "classes no list": _set("classes", "values", "abc"),
    "classes mixed": _set("classes", "values", [0, "1", 2]),
    "classes bool among ints": _set("classes", "values", [0, True, 2]),
    "classes null inside": _set("classes", "values", [None, 1, 2]),
    "classes nested": _set("classes", "values", [[0], [1], [2]]),
    "classes unsorted": _set("classes", "values", [0, 2, 1]),
    "classes equal": _set("classes", "values", [0, 1, 1]),
    "classes dtype": _set("classes", "dtype", "object"),
    "classes dtype text": _set("classes", "dtype", "<U100000000"),
    "classes dtype list": _set("classes", "dtype", ["int64"]),
    "classes beyond int8": _set("classes", {"dtype": "int8", "values": [0, 1, 300]}),
    "classes negative": _set("classes", {"dtype": "uint8", "values": [-1, 1, 3]}),
    "classes beyond float16": _set("classes", {"dtype": "float16", "values": [0.5, 1.5, 1e9]}),
    "classes equal as float16": _set("classes", {"dtype": "float16", "values": [1.0, 1.00001, 2.0]}),
    "classes infinite": _document(
        lambda document: json.dumps(
            {**document, "classes": {"dtype": "float64", "values": [0.5, 1.5]}}
        ).replace("1.5]", "1.5, 1e999]")
    ),
    "classes no bytes": _set("classes", {"dtype": "bytes", "values": ["a", "b", "Ω"]}),
    "classes huge text": _set("classes", {"dtype": "str", "values": ["a", "b", "c" * 1001]}),
}


def _statistic(name, **fields):
    return _container(lambda h, d: ({**h, name: {**h[name], **fields}}, d))


def _statistic_number(name, number):
    def corrupt(content):
        header, data = header_of(content)
        start, stop = header[name]["data_offsets"]
        return with_header(
            header, data[:start] + struct.pack("<d", number) + data[start + 8 : stop] + data[stop:]
        )

    return corrupt


BAD_STATISTICS = {
    "one missing": _container(
        lambda h, d: (
            {
                ("layers.9.weight" if name == "standardization.mean" else name): entry
                for name, entry in h.items()
            },
            d,
        )
    ),
    "other shape": _statistic("standardization.mean", shape=[2, 2]),
    "other dtype": _statistic("standardization.scale", dtype="I64"),
    "mean not finite": _statistic_number("standardization.mean", float("nan")),
    "deviation zero": _statistic_number("standardization.scale", 0.0),
    "deviation negative": _statistic_number("standardization.scale", -1.0),
    "deviation infinite": _statistic_number("standardization.scale", float("inf")),
    "format 1": _set("format_version", 1),
    "no standardize": _remove("network", "standardize"),
    "standardize false": _set("network", "standardize", False),
    "standardize a number": _set("network", "standardize", 1),
}


BAD_CALIBRATIONS = {
    "temperature zero": _set("temperature", 0),
    "temperature infinite": _document(
        lambda document: json.dumps({**document, "temperature": 1.5}).replace("1.5", "1e999")
    ),
    "temperature text": _set("temperature", "2"),
    "temperature null": _set("temperature", None),
    "no temperature": _remove("temperature"),
    "format 1": _set("format_version", 1),
    "scores not finite": _statistic_number("calibration.scores", float("nan")),
    "scores of other shape": _statistic("calibration.scores", shape=[3, 10]),
    "scores of other dtype": _statistic("calibration.scores", dtype="I64"),
    "scores of no rows": _statistic("calibration.scores", shape=[0, 1]),
}


@pytest.mark.parametrize("case", BAD_CALIBRATIONS)
def test_bad_calibrations_are_value_errors(case, path):
    fitted().calibrate(X, INDICES).calibrate_intervals(X, INDICES).save(path)
    cnn.load(path)
    path.write_bytes(BAD_CALIBRATIONS[case](path.read_bytes()))
    with pytest.raises(ValueError, match="is not a readable network"):
        cnn.load(path)


@pytest.mark.parametrize("case", BAD_STATISTICS)
def test_bad_statistics_are_value_errors(case, path):
    fitted(standardize=True).save(path)
    cnn.load(path)
    path.write_bytes(BAD_STATISTICS[case](path.read_bytes()))
    with pytest.raises(ValueError, match="is not a readable network"):
        cnn.load(path)


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_value_errors(case, path, content):
    bad = BAD_FILES[case](content)
    assert bad != content
    path.write_bytes(bad)
    with pytest.raises(ValueError, match="is not a readable network"):
        cnn.load(path)


def test_the_table_starts_from_a_good_file(path, content):
    """What the corruptions take apart and put together is still a network when nothing is changed."""
    for rebuild in (_container(lambda header, data: (header, data)), _document(lambda document: None)):
        path.write_bytes(rebuild(content))
        assert outputs(cnn.load(path)) == outputs(fitted())


def loads_or_refuses(path):
    """Return whether a file loads, as a network that works; it may raise a ValueError, nothing else."""
    try:
        net = cnn.load(path)
    except ValueError:
        return False
    with contextlib.suppress(ValueError):  # finite weights may be huge
        assert net.predict(X[:, :2]).shape == (30,)
    assert all(np.isfinite(W).all() for W, _ in net.get_weights())
    return True


@pytest.fixture
def small(path):
    """A file that is changed in place, since opening one anew takes longer than reading it."""
    cnn.Network([cnn.Dense(2)], seed=0).fit(X[:, :2], INDICES > 0, epochs=1).save(path)
    with open(path, "r+b", buffering=0) as file:
        yield file


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="changes the file in place")
def test_every_flip_of_a_bit(path, small):
    """Flips in weights and in numbers of the configuration may load."""
    content = path.read_bytes()
    loaded = 0
    for position, byte in enumerate(content):
        for bit in range(8):
            os.pwrite(small.fileno(), bytes([byte ^ 1 << bit]), position)
            loaded += loads_or_refuses(path)
        os.pwrite(small.fileno(), bytes([byte]), position)
    assert path.read_bytes() == content
    assert 100 < loaded < 4 * len(content)


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="changes the file in place")
def test_random_mutations(path, small, rng):
    content = path.read_bytes()
    loaded = 0
    for _ in range(5000):
        bad = bytearray(content)
        for position in rng.integers(0, len(content), rng.integers(1, 4)):
            bad[position] = rng.integers(256)
        if rng.random() < 0.2:
            start, stop = np.sort(rng.integers(0, len(content), 2))
            del bad[start:stop]
        os.pwrite(small.fileno(), bad, 0)
        os.ftruncate(small.fileno(), len(bad))
        loaded += loads_or_refuses(path)
    assert 10 < loaded < 2500


def test_memory_is_bounded_by_the_file(path, content):
    """Short texts beside a long one, where an array of them would take a thousand times the file."""
    net = cnn.Network([cnn.Dense(3000)], seed=0)
    net.partial_fit(X[:, :1], INDICES, classes=np.arange(3000))
    net.save(path)
    names = [*(f"{i:04d}" for i in range(2999)), "x" * 500_000]
    path.write_bytes(_set("classes", {"dtype": "str", "values": names})(path.read_bytes()))
    tracemalloc.start()
    with pytest.raises(ValueError, match="a label has 500000 characters; at most 1000 are allowed"):
        cnn.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * path.stat().st_size


def test_nothing_is_executed(path, content, monkeypatch):
    """Reading goes through no unpickling, no import by name, no evaluation of text."""
    forbidden = {"pickle.loads": pickle.loads, "pickle.load": pickle.load}
    for name in forbidden:
        monkeypatch.setattr(name, lambda *arguments: pytest.fail("a file was unpickled"))
    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(f"builtins.{name}", lambda *arguments: pytest.fail("text was executed"))
    assert outputs(cnn.load(path)) == outputs(fitted())
    assert "pickle" not in {**vars(network_file), **vars(safetensors_file)}
