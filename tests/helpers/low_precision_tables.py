"""Kernels of low precision of any instruction set, called through the tables of pointers that the core uses."""

import ctypes
import importlib

import numpy as np

from cnn_core.cpu import permit_tiles

SIZE, POINTER, INT = ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_int
# The fields of LowPrecisionKernels in kernel_tables.pxd, in their order.
FIELDS = {
    "round_rows": (SIZE, SIZE, POINTER, SIZE, POINTER, SIZE),
    "round_columns": (SIZE, SIZE, POINTER, SIZE, POINTER, SIZE),
    "pack": (SIZE, SIZE, POINTER, SIZE, POINTER, SIZE),
    "pack_transposed": (SIZE, SIZE, POINTER, SIZE, POINTER, SIZE),
    "multiply": (SIZE, SIZE, SIZE, POINTER, SIZE, POINTER, SIZE, POINTER, SIZE, POINTER, SIZE),
    "quantize_rows": (SIZE, SIZE, POINTER, SIZE, POINTER, POINTER, INT, POINTER, SIZE),
    "pack_int8": (SIZE, SIZE, POINTER, SIZE, POINTER),
    "multiply_int8": (SIZE, SIZE, SIZE, POINTER, SIZE, POINTER, POINTER, POINTER, POINTER, SIZE),
}


def up(count, multiple):
    """Return `count` rounded up to a multiple."""
    return -(-count // multiple) * multiple


def aligned(shape, dtype, fill=0):
    """Return an array that starts at a cache line; memory behind it is not part of another array."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    array = room[start : start + size].view(dtype).reshape(shape)
    array[...] = fill
    return array


def at(array):
    return None if array is None else array.ctypes.data


class Kernels:
    """Kernels of one instruction set, for NumPy arrays whose rows are contiguous. Results start filled with other
    numbers: what a kernel leaves out is seen."""

    def __init__(self, name):
        if name == "x86_amx" and not permit_tiles():
            raise OSError("the system does not permit tiles")
        capsule = importlib.import_module(f"cnn_core.{name}.low_precision").kernels
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = POINTER, (ctypes.py_object, ctypes.c_char_p)
        table = (POINTER * len(FIELDS)).from_address(get(capsule, b"cnn_core.LowPrecisionKernels"))
        self.name = name
        for (field, types), address in zip(FIELDS.items(), table, strict=True):
            setattr(self, field, ctypes.CFUNCTYPE(None, *types)(address))

    def rows(self, x, fill=0xAA):
        """Return x rounded, with padding, as uint16 (m, k rounded up to 32)."""
        m, k = x.shape
        a = aligned((m, up(k, 32)), np.uint16, fill)
        self.round_rows(m, k, at(x), x.strides[0] // 4, at(a), a.strides[0])
        return a

    def columns(self, x, fill=0xAA):
        """Return the transpose of x rounded, with padding, as uint16 (m, k rounded up to 32)."""
        k, m = x.shape
        a = aligned((m, up(k, 32)), np.uint16, fill)
        self.round_columns(m, k, at(x), x.strides[0] // 4, at(a), a.strides[0])
        return a

    def packed(self, b, transposed=False):
        """Return the panels of b, or of its transpose, as uint16 (panels, k/2, 16, 2)."""
        k, n = b.shape[::-1] if transposed else b.shape
        panels = aligned((up(n, 16) // 16, up(k, 32) // 2, 16, 2), np.uint16, 0xAA)
        pack = self.pack_transposed if transposed else self.pack
        pack(k, n, at(b), b.strides[0] // 4, at(panels), panels.strides[0])
        return panels

    def product(self, m, n, k, a, panels, d=None, repeat=False):
        """Return D + A B as float32 (m, n rounded up to 16)."""
        c = aligned((m, up(n, 16)), np.float32, np.nan)
        step = 0 if d is None or repeat else d.strides[0] // 4
        self.multiply(
            *(m, n, k, at(a), a.strides[0], at(panels), panels.strides[0]),
            at(d),
            step,
            at(c),
            c.strides[0] // 4,
        )
        return c

    def matmul(self, x, b, d=None, repeat=False):
        """Return D + X B, whose operands are rounded first."""
        (m, k), n = x.shape, b.shape[1]
        return self.product(m, n, k, self.rows(x), self.packed(b), d, repeat)

    def quantized(self, x, factor, shift):
        """Return x as uint8 (m, k rounded up to 64)."""
        m, k = x.shape
        a = aligned((m, up(k, 64)), np.uint8, 0xAA)
        factor, shift = (np.ascontiguousarray(v, np.float32) for v in (factor, shift))
        args = at(factor), at(shift), int(factor.size > 1), at(a), a.strides[0]
        self.quantize_rows(m, k, at(x), x.strides[0] // 4, *args)
        return a

    def packed_int8(self, b):
        """Return the panels of int8 b as (panels, k/4, 16, 4)."""
        k, n = b.shape
        panels = aligned((up(n, 16) // 16, up(k, 64) // 4, 16, 4), np.int8, 0x55)
        self.pack_int8(k, n, at(b), b.strides[0], at(panels))
        return panels

    def product_int8(self, n, k, a, panels, scale, bias):
        """Return bias + scale * (A B) as float32 (m, n rounded up to 16)."""
        c = aligned((len(a), up(n, 16)), np.float32, np.nan)
        self.multiply_int8(
            *(len(a), n, k, at(a), a.strides[0], at(panels), at(scale), at(bias), at(c), c.strides[0] // 4)
        )
        return c
