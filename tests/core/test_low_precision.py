"""Kernels of bfloat16 and int8, of every instruction set that this processor can run."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from instruction_sets import LOW_PRECISION_NAMES
from low_precision_tables import Kernels, aligned, at, up

import cnn_core

SIZES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 49, 64, 65, 100)
SHAPES = [(m, n, 40) for m, n in itertools.product((1, 3, 8, 16, 17, 35, 64), (1, 16, 17, 33, 100))]
SHAPES += [(5, 20, k) for k in SIZES] + [
    (33, 50, 784),
    (130, 70, 1100),
    (1, 512, 784),
    (40, 600, 96),
    (130, 600, 1000),
    (40, 70, 9000),
]
# Each product is exact; a sum of s products in any order is off by less than s * 2^-24 times the sum of their sizes.
UNIT = 2.0**-24


@pytest.fixture(params=cnn_core.available_low_precision())
def kernels(request):
    return Kernels(request.param)


def rounded(x):
    """Numbers as bfloat16 in uint16: to nearest, ties to even, without subnormal numbers."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    size = bits & 0x7FFFFFFF
    up_ = bits + 0x7FFF + ((bits >> 16) & 1)
    up_ = np.where(size < 0x00800000, bits & 0x80000000, np.where(size > 0x7F800000, bits | 0x400000, up_))
    return (up_ >> 16).astype(np.uint16)


def widened(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


def values(a):
    """The rounded numbers of an array, in float64."""
    return widened(rounded(a)).astype(np.float64)


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def every_pattern(rng):
    """float32 numbers of all kinds: ties, the largest, subnormal, infinite and not-a-number patterns, of both signs."""
    some = [0, 1, 0x7FFFFF, 0x800000, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0x7F7F7FFF, 0x7F7F8000]
    some += [0x7F800000, 0x7F800001, 0x7FFFFFFF, 0x7FC00000, 0x7F80FFFF, 0x3F7FFFFF]
    bits = np.array(some, np.uint32)
    bits = np.concatenate([bits, bits | 0x80000000, rng.integers(0, 2**32, 5000 - 2 * len(some), np.uint32)])
    return rng.permutation(bits).view(np.float32).reshape(50, 100)


def test_names_of_the_sets(isa):
    names = cnn_core.available_low_precision()
    assert set(cnn_core.available()) <= set(names)
    assert list(names) == [name for name in LOW_PRECISION_NAMES if name in names]
    default = names[0] if isa == "x86_v4" else isa
    assert cnn_core.low_precision == (os.environ.get("CNN_CORE_LOW_PRECISION") or default)


def test_the_environment_chooses_a_set(environment):
    code = "import cnn_core; print(cnn_core.low_precision)"
    for name in cnn_core.available_low_precision():
        child = {**environment, "CNN_CORE_LOW_PRECISION": name}
        done = subprocess.run(
            [sys.executable, "-c", code], env=child, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == name
    child["CNN_CORE_LOW_PRECISION"] = "x86_v9"
    done = subprocess.run([sys.executable, "-c", code], env=child, capture_output=True, text=True)
    assert "CNN_CORE_LOW_PRECISION is 'x86_v9'; this build on this processor has" in done.stderr


def test_rounding_of_every_kind_of_number(kernels, rng):
    x = every_pattern(rng)
    expected = rounded(x)
    assert np.isnan(widened(expected[np.isnan(x)])).all()
    for result in (kernels.rows(x)[:, :100], kernels.columns(np.ascontiguousarray(x.T))[:, :100]):
        assert (result == expected).all()
    panels = kernels.packed(x)  # [panel, pair, column, element]
    unpacked = panels.transpose(1, 3, 0, 2).reshape(64, -1)
    assert (unpacked[:50, :100] == expected).all()
    assert (kernels.packed(np.ascontiguousarray(x.T), transposed=True) == panels).all()


@pytest.mark.parametrize("m", [1, 3, 16, 35])
def test_layouts_and_their_padding(kernels, rng, m):
    """Sizes of all edges; arrays end where the numbers end, rows of operands are not aligned."""
    for k in SIZES:
        x = normal(rng, m, k + 3)[:, :k]
        expected = np.zeros((m, up(k, 32)), np.uint16)
        expected[:, :k] = rounded(np.ascontiguousarray(x))
        assert (kernels.rows(x) == expected).all()
        across = normal(rng, k, m + 3)[:, :m]
        across[...] = x.T
        assert (kernels.columns(across) == expected).all()
        panels = np.zeros((up(m, 16), up(k, 32)), np.uint16)
        panels[:m] = expected
        panels = panels.reshape(-1, 16, up(k, 32) // 2, 2).transpose(0, 2, 1, 3)
        assert (kernels.packed(across) == panels).all()
        assert (kernels.packed(x, transposed=True) == panels).all()


def test_nothing_outside_of_the_results_is_written(kernels, rng):
    """Rows of A further apart than k needs keep what is between them; C keeps what is behind its panels."""
    x, b = normal(rng, 19, 40), normal(rng, 40, 20)
    a, c = aligned((19, 96), np.uint16, 0xAAAA), aligned((21, 64), np.float32, 7)
    kernels.round_rows(19, 40, at(x), 40, at(a), 192)
    assert (a[:, 64:] == 0xAAAA).all()
    panels = kernels.packed(b)
    kernels.multiply(19, 20, 40, at(a), 192, at(panels), panels.strides[0], None, 0, at(c), 64)
    assert (c[:, 32:] == 7).all()
    assert (c[19:] == 7).all()
    assert (c[:19, :20] == kernels.matmul(x, b)[:, :20]).all()


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_products(kernels, rng, m, n, k):
    x, b, d = normal(rng, m, k), normal(rng, k, n), aligned((m, up(n, 16)), np.float32)
    d[:, :n] = normal(rng, m, n)
    bound = (k + 2) * UNIT * (abs(values(x)) @ abs(values(b)) + abs(d).max())
    exact = values(x) @ values(b)
    for start, repeat, added in ((None, False, 0), (d, False, d[:, :n]), (d, True, d[:1, :n])):
        result = kernels.matmul(x, b, start, repeat)
        assert (abs(result[:, :n] - (exact + added)) <= bound).all()
        assert (result[:, n:] == 0).all()


@pytest.mark.parametrize(("n", "k"), [(10, 40), (100, 784), (64, 32), (33, 1100)])
def test_a_row_has_the_bits_of_the_row_in_a_batch(kernels, rng, n, k):
    x, b = normal(rng, 70, k), normal(rng, k, n)
    together = kernels.matmul(x, b)
    for rows in (1, 2, 5, 16, 33):
        apart = np.concatenate([kernels.matmul(x[i : i + rows], b) for i in range(0, 70, rows)])
        assert (apart == together).all()


def test_a_row_of_large_and_subnormal_sums_has_the_bits_of_the_row_in_a_batch(kernels, rng):
    x, b = normal(rng, 70, 60), normal(rng, 60, 64)
    x *= 10.0 ** rng.uniform(-22, 19, size=x.shape)
    b *= 10.0 ** rng.uniform(-18, 19, size=b.shape)
    x[:20] *= np.float32(1e-18)  # the largest products of these rows are hardly normal numbers
    together = kernels.matmul(x, b)
    apart = np.concatenate([kernels.matmul(x[i : i + 1], b) for i in range(70)])
    np.testing.assert_array_equal(apart, together)


def test_k_may_be_cut_at_multiples_of_32(kernels, rng):
    x, b = normal(rng, 20, 300), normal(rng, 300, 40)
    total = None
    for start in range(0, 300, 96):
        total = kernels.matmul(x[:, start : start + 96], b[start : start + 96], total)
    assert (total == kernels.matmul(x, b)).all()


@pytest.mark.parametrize("transposed", [False, True])
def test_parts_of_taller_panels(kernels, rng, transposed):
    """Panels that are packed in parts of k, and products of such parts: each adds to the result of those before."""
    m, n, k = 35, 40, 200
    x, b = normal(rng, m, k), normal(rng, k, n)
    source = np.ascontiguousarray(b.T) if transposed else b
    pack = kernels.pack_transposed if transposed else kernels.pack
    a, panels = kernels.rows(x), aligned((3, up(k, 32) // 2, 16, 2), np.uint16, 0xAA)
    c = aligned((m, 48), np.float32)
    for start in (0, 32, 128):
        some = {0: 32, 32: 96, 128: 72}[start]
        part = at(source) + 4 * start * (1 if transposed else n)
        pack(some, n, part, k if transposed else n, at(panels) + 32 * start, panels.strides[0])
        operands = at(a) + 2 * start, a.strides[0], at(panels) + 32 * start, panels.strides[0]
        kernels.multiply(m, n, some, *operands, at(c), 48, at(c), 48)
    assert (panels == kernels.packed(b)).all()
    assert (c == kernels.matmul(x, b)).all()


def test_sums_of_large_and_small_numbers(kernels, rng):
    """Infinite and not-a-number operands pass through; sums overflow to infinity."""
    x, b = normal(rng, 4, 64), normal(rng, 64, 16)
    x[0, 3], x[1, 5], x[2] = np.inf, np.nan, 0
    x[3], b[:, 1] = 3e38, 2
    result = kernels.matmul(x, b)
    assert np.isinf(result[0]).all()
    assert np.isnan(result[1]).all()
    assert (result[2] == 0).all()
    assert result[3, 1] == np.inf
    tiny = np.full((4, 64), 1e-30, np.float32), np.full((64, 16), 1e-12, np.float32)
    assert (kernels.matmul(*tiny) == 0).all()


def test_sets_give_the_same_bits(rng):
    """All but x86_amx add the products in one order; each product is exact."""
    x, b, d = normal(rng, 50, 300), normal(rng, 300, 70), normal(rng, 50, 80)
    names = [name for name in cnn_core.available_low_precision() if name != "x86_amx"]
    results = [Kernels(name).matmul(x, b, d) for name in names]
    assert all((result == results[0]).all() for result in results)


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_products_of_int8(kernels, rng, m, n, k):
    a = aligned((m, up(k, 64)), np.uint8)
    a[:, :k] = rng.integers(0, 256, (m, k))
    b = rng.integers(-127, 128, (k, n)).astype(np.int8)
    a[0], b[:, 0] = 255, -127  # the largest sums
    a[:, k:] = 0
    scale, bias = aligned(up(n, 16), np.float32), aligned(up(n, 16), np.float32)
    scale[:n], bias[:n] = normal(rng, n), normal(rng, n)
    exact = a[:, :k].astype(np.int64) @ b.astype(np.int64)
    expected = exact.astype(np.float32) * scale[:n] + bias[:n]
    result = kernels.product_int8(n, k, a, kernels.packed_int8(b), scale, bias)
    assert (result[:, :n] == expected).all()
    assert (result[:, n:] == 0).all()


def test_the_longest_sums_of_int8_are_exact(kernels):
    k = 65_000
    a, b = aligned((2, up(k, 64)), np.uint8, 255), np.full((k, 3), 127, np.int8)
    b[:, 1], b[:, 2] = -127, 1
    one, zero = aligned(16, np.float32, 1), aligned(16, np.float32)
    result = kernels.product_int8(3, k, a, kernels.packed_int8(b), one, zero)
    assert (result[:, :3] == np.float32([255 * 127 * k, -255 * 127 * k, 255 * k])).all()


@pytest.mark.parametrize("m", [1, 3, 17])
def test_quantized_rows(kernels, rng, m):
    for k in (*SIZES, 127, 128, 130):
        x = normal(rng, m, k + 1)[:, :k]
        x[0, 0], x[-1, -1] = np.nan, np.inf
        x[0, k // 2] = -np.inf
        columns = 20 + 50 * rng.random(k).astype(np.float32), 128 + 9 * normal(rng, k)
        for factor, shift in ((np.float32(37.5), np.float32(100.5)), columns):
            expected = np.zeros((m, up(k, 64)), np.uint8)
            numbers = np.clip(np.rint(x * factor + shift), 0, 255)
            expected[:, :k] = np.where(np.isnan(numbers), 0, numbers)
            assert (kernels.quantized(x, factor, shift) == expected).all()


def test_quantized_ties_are_rounded_to_even(kernels):
    x = np.arange(-3, 513, dtype=np.float32)[None] / 2
    result = kernels.quantized(x, 1.0, 0.0)
    assert (result[0, : x.size] == np.clip(np.rint(x[0]), 0, 255)).all()


REFUSING = """
import ctypes, struct, sys

# A filter of system calls: arch_prctl(ARCH_REQ_XCOMP_PERM) returns EPERM, everything else is allowed.
program = ((0x20, 0, 0, 0), (0x15, 0, 3, 158), (0x20, 0, 0, 16), (0x15, 0, 1, 0x1023))
program += ((0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))

class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Filter(6, ctypes.addressof(code))), 0, 0):
    sys.exit("no filters")

import numpy as np

import cnn_core
from cnn_core.cpu import permit_tiles
from cnn_core.layers import Layers

before = cnn_core.low_precision
layers = Layers((40, 7), ("identity",), precision="bfloat16")
W, b = layers.views()[0]
W[...], b[...] = np.arange(280).reshape(40, 7) % 3 - 1, 1
X = np.arange(200.0).reshape(5, 40) % 5
assert (layers.forward(X) == X @ W + b).all()
layers.quantize([np.zeros(40)], [np.full(40, 4.0)])
assert abs(layers.forward(X) - X @ W - b).max() < 0.1
print(before, cnn_core.low_precision, permit_tiles())
"""


@pytest.mark.skipif("x86_amx" not in cnn_core.available_low_precision(), reason="the processor has no AMX")
@pytest.mark.parametrize("chosen", [None, "x86_amx"])
def test_without_permission_for_tiles_the_next_set_is_used(environment, chosen):
    environment = {name: value for name, value in environment.items() if not name.startswith("CNN_CORE_")}
    environment |= {"CNN_CORE_LOW_PRECISION": chosen} if chosen else {}
    done = subprocess.run([sys.executable, "-c", REFUSING], env=environment, capture_output=True, text=True)
    if "no filters" in done.stderr:
        pytest.skip("the system allows no filters of system calls")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["x86_amx", cnn_core.available_low_precision()[1], "False"]
