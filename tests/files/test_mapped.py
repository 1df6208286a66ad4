"""Files for mapping: processes share the memory of the weights, and predict the same bits as with their own copies."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.mean_layers import MeanLayers
from containers import CARD, NETWORK, joined, split, with_document
from model_kinds import KINDS
from small import blobs

X, Y = blobs()
ON_LINUX = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc"
)


def saved(model, path, **options):
    model.save(path, mappable=True, **options)
    return path


def loaded(model, path, **options):
    kind = type(model)
    return (kind.load if hasattr(kind, "load") else cnn.load)(path, **options)


def mapping_of(array):
    """Return the path of the file whose mapping has an array; None for other memory."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        if first <= address < last:
            return line.split(maxsplit=5)[5] if len(line.split()) > 5 and "/" in line else None
    raise AssertionError("the array has no memory")


def stacks(model):
    """Return the networks of a model, in training and in prediction."""
    net = getattr(model, "network_", model)
    layers = net._predicting().layers
    folded = list(layers.layers) if isinstance(layers, MeanLayers) else [layers]
    own = [member.stack for member in net._kept] if isinstance(net, cnn.Ensemble) else [net._trainer.stack]
    return own, folded


def bits(model, rows):
    name = "predict_proba" if hasattr(model, "classes_") else "predict"
    return getattr(model, name)(rows).tobytes()


@ON_LINUX
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_predicts_from_the_file(name, dtype, tmp_path):
    model, rows = KINDS[name](dtype)
    path = saved(model, tmp_path / "m")
    mapped, copied = loaded(model, path, mmap=True), loaded(model, path)
    for own, folded in (stacks(mapped),):
        assert {mapping_of(each.parameters) for each in (*own, *folded)} == {str(path)}
    for own, folded in (stacks(copied),):
        assert {mapping_of(each.parameters) for each in (*own, *folded)} == {None}
    path.unlink()
    assert bits(mapped, rows) == bits(copied, rows) == bits(model, rows)
    assert mapped.fingerprint() == copied.fingerprint() == model.fingerprint()
    buffer, again = io.BytesIO(), io.BytesIO()
    mapped.save(buffer)
    copied.save(again)
    assert buffer.getvalue() == again.getvalue()


CHILD = """
import json, sys
import compiled_nn as cnn, numpy as np

def dirty():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Private_Dirty"):
            return int(line.split()[1]) << 10

path, kind, mmap, k = sys.argv[1], sys.argv[2], sys.argv[3] == "True", int(sys.argv[4])
X = np.ones((4, k), np.float32)
cnn.Network([cnn.Dense(2)], standardize=True).fit(X, [0, 1, 0, 1], epochs=1).predict(X)
load = getattr(cnn, kind).load if kind else cnn.load
before = dirty()
model = load(path, mmap=mmap)
model.predict_proba(X)
print(dirty() - before)
"""


@ON_LINUX
@pytest.mark.parametrize("name", ["plain", "standardize", "batch norm", "ensemble", "MLPClassifier"])
def test_a_process_has_no_memory_of_its_own_for_the_weights(name, tmp_path, environment):
    k = 1200
    rows = np.random.default_rng(0).normal(size=(8, k)).astype(np.float32)
    labels = np.arange(8) % 2
    layers = [cnn.Dense(k, "relu", norm="batch" if name == "batch norm" else None), cnn.Dense(2)]
    kind = ""
    if name == "MLPClassifier":
        kind = name
        model = cnn.MLPClassifier(hidden_layer_sizes=(k,), max_iter=1, random_state=0, standardize=True)
        model.fit(rows, labels)
    else:
        model = cnn.Network(layers, standardize=name != "plain", seed=0)
        model = cnn.Ensemble(model, n_members=2) if name == "ensemble" else model
        model.fit(rows, labels, epochs=1)
    path, n_bytes = saved(model, tmp_path / "m"), 4 * k * k * (2 if name == "ensemble" else 1)

    def dirty(mmap):
        command = [sys.executable, "-c", CHILD, str(path), kind, str(mmap), str(k)]
        return int(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )

    assert dirty(True) < 0.3 * n_bytes
    assert dirty(False) > 0.9 * n_bytes


@pytest.mark.parametrize("name", ["softmax", "piecewise linear", "embeddings", "ensemble"])
def test_training_changes_no_file(name, tmp_path):
    model, rows = KINDS[name]("float32")
    path = saved(model, tmp_path / "m")
    before = path.read_bytes()
    labels = model.predict(rows)
    mapped, copied = (cnn.load(path, mmap=mmap) for mmap in (True, False))
    for each in (mapped, copied):
        each.fit(rows, labels, epochs=2, warm_start=True)
    assert bits(mapped, rows) == bits(copied, rows) != bits(model, rows)
    assert path.read_bytes() == before
    assert bits(cnn.load(path, mmap=True), rows) == bits(model, rows)


def test_writes_to_coefs_change_no_file(tmp_path):
    model, rows = KINDS["MLPClassifier"]("float32")
    path = saved(model, tmp_path / "m")
    mapped, other = (cnn.MLPClassifier.load(path, mmap=True) for _ in range(2))
    mapped.coefs_[0][...] = 0
    assert bits(mapped, rows) != bits(model, rows) == bits(other, rows)
    assert bits(cnn.MLPClassifier.load(path), rows) == bits(model, rows)


@ON_LINUX
def test_the_number_of_threads_keeps_the_memory(tmp_path):
    path = saved(KINDS["softmax"]("float32")[0], tmp_path / "m")
    net = cnn.load(path, mmap=True)
    net.n_threads = 1
    assert mapping_of(net._predicting().layers.parameters) == str(path)
    assert net._predicting().n_threads == 1


def test_files_without_the_tensors_are_copied(tmp_path):
    model, rows = KINDS["ensemble"]("float64")
    model.save(tmp_path / "m")
    assert bits(cnn.load(tmp_path / "m", mmap=True), rows) == bits(model, rows)


def test_a_file_is_two_or_three_times_as_large(tmp_path):
    net = cnn.Network([cnn.Dense(64, "relu"), cnn.Dense(64)], seed=0)
    net.fit(np.ones((4, 64)), [0, 1, 2, 63], classes=range(64), epochs=1)
    sizes = []
    for options in ({}, {"mappable": True}):
        net.save(tmp_path / "m", **options)
        sizes.append(os.path.getsize(tmp_path / "m"))
    assert 1.8 < sizes[1] / sizes[0] < 2.2
    header, _ = split((tmp_path / "m").read_bytes())
    (size,) = np.frombuffer((tmp_path / "m").read_bytes()[:8], "<u8")
    assert (8 + size) % 64 == 0
    assert header["mapped.0.weights"]["data_offsets"][0] == 0
    assert list(json.loads(header["__metadata__"][NETWORK])["mapped"]) == ["mapped.0.weights"]


@pytest.mark.parametrize("bad", [1, "yes", None])
def test_mappable_is_a_bool(bad, tmp_path):
    for name in ("softmax", "ensemble", "MLPClassifier", "TabularClassifier"):
        with pytest.raises(TypeError, match="'mappable' parameter of save must be a bool"):
            KINDS[name]("float32")[0].save(tmp_path / "m", mappable=bad)


# ---- files from others


def rewritten(path, change, *, hashed):
    """Write a file with other numbers of its tensors for mapping; `hashed`: their hashes are those of the numbers."""
    header, numbers = split(path.read_bytes())
    numbers = bytearray(numbers)
    document = json.loads(header["__metadata__"][NETWORK])
    for name in document["mapped"]:
        place = slice(*header[name]["data_offsets"])
        changed = change(np.frombuffer(bytes(numbers[place]), np.float32).copy())
        numbers[place] = changed.tobytes()
        if hashed:
            document["mapped"][name] = hashlib.sha256(numbers[place]).hexdigest()
    header["__metadata__"][NETWORK] = json.dumps(document)
    path.write_bytes(aligned(header, bytes(numbers)))


def aligned(header, numbers):
    text = json.dumps(header).encode()
    return joined(text + b" " * (-(8 + len(text)) % 64), numbers)


def first(array):
    array[0] += 1
    return array


def padding(array):
    array[-1] = 7
    return array


def not_finite(array):
    array[:] = np.nan
    return array


@pytest.mark.parametrize("change", [first, padding, not_finite, np.negative])
@pytest.mark.parametrize("name", ["softmax", "ensemble", "MLPClassifier"])
def test_other_numbers_are_never_used(change, name, tmp_path):
    model, rows = KINDS[name]("float32")
    path = saved(model, tmp_path / "m")
    rewritten(path, change, hashed=True)
    assert bits(loaded(model, path, mmap=True), rows) == bits(model, rows)
    rewritten(path, np.negative, hashed=False)
    assert bits(loaded(model, path), rows) == bits(model, rows)
    with pytest.raises(
        ValueError, match=r"mapped\.0\.weights has another SHA-256 than in mapped: the file was damaged"
    ):
        loaded(model, path, mmap=True)


@pytest.mark.parametrize("shift", [8, 4, 1])
def test_a_place_that_is_not_aligned_is_not_used(shift, tmp_path):
    model, rows = KINDS["softmax"]("float32")
    path = saved(model, tmp_path / "m")
    header, numbers = split(path.read_bytes())
    text = json.dumps(header).encode()
    path.write_bytes(joined(text + b" " * ((-(8 + len(text)) % 64) + shift), numbers))
    assert bits(cnn.load(path, mmap=True), rows) == bits(model, rows)


BASE = io.BytesIO()
cnn.Network([cnn.Dense(3)], seed=0).fit(X, Y, epochs=1).save(BASE, mappable=True)
DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "mapped must be a JSON object that is not empty|mapped is empty"),
        ([], "mapped must be a JSON object|mapped is empty"),
        ({"mapped.0.weights": 3}, "64 hexadecimal digits"),
        ({"mapped.0.weights": "0" * 63}, "64 hexadecimal digits"),
        ({"mapped.00.weights": DIGEST}, "not the name of such a tensor"),
        ({"mapped.0.other": DIGEST}, "not the name of such a tensor"),
        ({"layers.0.weight": DIGEST}, "not the name of such a tensor"),
        ({"mapped.0.weights": DIGEST, "mapped.1.weights": DIGEST}, r"lacks the tensor mapped\.1\.weights"),
        ({"mapped.0.predictor": DIGEST}, "lacks the tensor|unknown tensor"),
        (None, "mapped must be a JSON object|expected a JSON object"),
    ],
)
def test_the_object_is_checked(value, message):
    def change(document):
        document["mapped"] = value

    with pytest.raises(ValueError, match=message):
        cnn.load(with_document(BASE.getvalue(), NETWORK, change))


def test_a_tensor_without_the_object_is_refused():
    def change(document):
        del document["mapped"]
        document.update(format_version=1)
        del document["temperature"]

    with pytest.raises(ValueError, match=r"unknown tensor mapped\.0\.weights"):
        cnn.load(with_document(BASE.getvalue(), NETWORK, change))


def test_a_tensor_of_another_shape_or_type(tmp_path):
    for shape, dtype in (([1, 48], "F32"), ([24], "F64"), ([192], "U8")):
        header, numbers = split(BASE.getvalue())
        del header["__metadata__"][CARD]
        start, stop = header["mapped.0.weights"]["data_offsets"]
        size = (stop - start) // {"F32": 4, "F64": 8, "U8": 1}[dtype]
        shape = [1, size] if len(shape) == 2 else [size]
        header["mapped.0.weights"] |= {"shape": shape, "dtype": dtype}
        with pytest.raises(ValueError, match=r"mapped\.0\.weights is"):
            cnn.load(joined(header, numbers))
