"""Damaged files by the hundred: a ValueError, or a network that predicts. `.ci/long` draws many thousands."""

import contextlib
import functools
import json
import struct

import compiled_nn as cnn
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small import X, fitted

SEEDS = {
    "plain": {},
    "standardised": {"standardize": True},
    "double": {"dtype": "float64"},
}


@functools.cache
def content(name, folder):
    path = folder / f"{name}.safetensors"
    fitted(**SEEDS[name]).save(path)
    return path.read_bytes()


def parts(data):
    """Entries of the tensors, the document that describes the network, and the numbers."""
    (size,) = struct.unpack("<Q", data[:8])
    tensors = json.loads(data[8 : 8 + size])
    return tensors, json.loads(tensors.pop("__metadata__")["compiled_nn"]), data[8 + size :]


def joined(tensors, document, numbers):
    metadata = {"format": "np", "compiled_nn": json.dumps(document)}
    text = json.dumps({"__metadata__": metadata, **tensors}).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def places(tree, path=()):
    """Paths to everything inside nested dicts and lists."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def edit(draw, tree):
    """Remove or replace something inside."""
    *path, last = draw(st.sampled_from(list(places(tree))))
    for key in path:
        tree = tree[key]
    if draw(st.booleans()):
        tree[last] = draw(JSON)
    else:
        del tree[last]


def check(path, data):
    path.write_bytes(data)
    try:
        net = cnn.load(path)
    except ValueError:
        return
    # ValueError: columns that X does not have, or numbers that are not finite.
    with contextlib.suppress(ValueError), np.errstate(all="ignore"):
        net.predict(X[:, : net.n_features_])


NAMES = st.sampled_from(list(SEEDS))


@given(name=NAMES, data=st.data())
def test_bytes_that_changed(tmp_path_factory, name, data):
    damaged = bytearray(content(name, tmp_path_factory.getbasetemp()))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(damaged))] * 2)))
    if data.draw(st.booleans()):
        del damaged[start:stop]
    check(tmp_path_factory.getbasetemp() / "damaged.safetensors", bytes(damaged))


@given(name=NAMES, data=st.data())
def test_headers_and_documents_that_changed(tmp_path_factory, name, data):
    tensors, document, numbers = parts(content(name, tmp_path_factory.getbasetemp()))
    edit(data.draw, document if data.draw(st.booleans()) else tensors)
    check(tmp_path_factory.getbasetemp() / "damaged.safetensors", joined(tensors, document, numbers))


def test_what_the_fuzzer_starts_from_is_a_network(tmp_path_factory):
    """Put together unchanged, it loads: a changed file is not refused for the way it is put together."""
    folder = tmp_path_factory.getbasetemp()
    for name in SEEDS:
        (folder / "same.safetensors").write_bytes(joined(*parts(content(name, folder))))
        assert cnn.load(folder / "same.safetensors").predict(X).shape == (len(X),)


@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path_factory, data):
    check(tmp_path_factory.getbasetemp() / "damaged.safetensors", data)
