"""Layers in memory that belongs to others, such as a mapped file: used only if it has all bits of the parameters."""

import mmap

import numpy as np
import pytest

from cnn_core.layers import Layers
from cnn_core.stack import Stack

X = np.linspace(-1, 1, 40).reshape(8, 5)


def layers_of(kind, dtype):
    layers = kind((5, 7, 3), ["tanh", "softmax"], dtype=dtype, norms=["layer", None])
    rng = np.random.default_rng(0)
    for W, b in layers.views():
        W[...], b[...] = rng.normal(size=W.shape), rng.normal(size=b.shape)
    return layers


def mapped(array, shift=0):
    """Return an array with the same numbers in anonymous mapped memory, at a page and `shift` bytes."""
    memory = mmap.mmap(-1, array.nbytes + shift)
    copy = np.frombuffer(memory, np.uint8)[shift:].view(array.dtype)
    copy[...] = array
    return copy


@pytest.mark.parametrize("kind", [Layers, Stack])
def test_predicts_from_other_memory(kind, dtype):
    layers = layers_of(kind, dtype)
    expected, memory = layers.forward(X), mapped(layers.parameters)
    assert layers.adopt(memory) is True
    assert np.shares_memory(layers.parameters, memory)
    assert layers.forward(X).tobytes() == expected.tobytes()
    layers.views()[0][0][...] = 0
    assert (layers.forward(X) != expected).any()
    assert (memory != mapped(layers_of(kind, dtype).parameters)).any()


def test_memory_with_other_bits_is_not_used(dtype):
    layers = layers_of(Layers, dtype)
    before = layers.parameters
    for change in (lambda a: a.__setitem__(0, 9), lambda a: a.__setitem__(-1, 1), np.negative):
        memory = mapped(before)
        if change is np.negative:
            memory[:] = -memory  # also of the zeros of the padding
        else:
            change(memory)
        assert layers.adopt(memory) is False
    assert np.shares_memory(layers.parameters, before)


def test_memory_of_another_kind_is_not_used(dtype):
    layers = layers_of(Layers, dtype)
    good, other = layers.parameters, np.dtype("float64" if dtype == "float32" else "float32")
    read_only = mapped(good)
    read_only.flags.writeable = False
    twice = mapped(np.repeat(good, 2))
    size = np.dtype(dtype).itemsize
    for bad in (
        None,
        "text",
        good.tolist(),
        good.copy(),  # an array could move its own memory
        good.copy()[:],
        mapped(good[:-1]),
        mapped(np.append(good, good[:1])),
        mapped(good).reshape(1, -1),
        mapped(good).view("i8" if size == 8 else "i4"),
        mapped(good.astype(other)),
        mapped(good, shift=size),
        mapped(good, shift=1) if size == 1 else mapped(good, shift=32),
        twice[::2],
        read_only,
    ):
        assert layers.adopt(bad) is False
    assert np.shares_memory(layers.parameters, good)


def test_a_stack_that_others_share_keeps_their_memory(dtype):
    stack = layers_of(Stack, dtype)
    present = stack.present()
    expected = present.forward(X)
    memory = mapped(stack.parameters)
    assert stack.adopt(memory)
    with stack.changing():
        stack.parameters[:] = 0
    assert present.forward(X).tobytes() == expected.tobytes()


def test_an_output_cannot_be_the_memory(dtype):
    layers = layers_of(Layers, dtype)
    memory = mapped(layers.parameters)
    assert layers.adopt(memory)
    with pytest.raises(ValueError, match="out overlaps the parameters"):
        layers.forward(X, memory[:24].reshape(8, 3))
