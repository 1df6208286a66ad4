"""Helpers for buffers and arguments: strides, alignment, overlap, codes of names, kernel tables; a part of `layers`.

These are not inline functions of a .pxd: a copy in each module that uses them would add 10 kB to the wheel.
"""

from importlib import import_module

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uintptr_t

cimport numpy as cnp

from cnn_core import isa

from cnn_core.threads cimport MOST_THREADS, current_threads
from cnn_core.types cimport (
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, ROW_GROUP, UINT8, UINT16, UINT32, UINT64)

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object number, int *overflow) except? -1


cdef void *kernels_of(str concept, str real, const char *capsule) except NULL:
    """Table that the kernels of the instruction set in use export as `concept`."""
    return PyCapsule_GetPointer(getattr(import_module(f"cnn_core.{isa}.kernels_{real}"), concept), capsule)


cdef Py_ssize_t padded_stride(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """Row stride of n reals: whole cache lines, but no multiple of 1024 bytes."""
    cdef Py_ssize_t line = 64 // itemsize, reals = (n + line - 1) // line * line
    return reals + line if reals * itemsize % 1024 == 0 else reals


cdef Py_ssize_t round_up_rows(Py_ssize_t n) noexcept nogil:
    """n rounded up to a multiple of ROW_GROUP."""
    return (n + ROW_GROUP - 1) // ROW_GROUP * ROW_GROUP


cdef cnp.ndarray aligned_zeros(Py_ssize_t count, dtype):
    """Vector of zeros that is aligned to a cache line."""
    cdef cnp.ndarray room = np.zeros(count + 64 // dtype.itemsize, dtype)
    cdef Py_ssize_t skip = (64 - <uintptr_t>cnp.PyArray_DATA(room) % 64) % 64 // dtype.itemsize
    return room[skip:skip + count]


cdef int thread_count(n_threads) except -1:
    """`n_threads`, checked and at most MOST_THREADS, or its default."""
    cdef int overflow
    cdef long count
    if n_threads is None:
        return current_threads()
    count = PyLong_AsLongAndOverflow(n_threads, &overflow)      # at most MOST_THREADS, whatever the size of the integer
    if overflow > 0 or count > MOST_THREADS:
        return MOST_THREADS
    if count < 1:
        raise ValueError(f"n_threads is {n_threads}; it must be at least 1")
    return <int>count


cdef int number_of(cnp.ndarray array) except -2:
    """Element type of an array as a `Number`; -1 if the kernels cannot read it."""
    cdef int kind = cnp.PyArray_TYPE(array), size = <int>cnp.PyArray_ITEMSIZE(array)
    if cnp.PyArray_ISBYTESWAPPED(array):
        return -1
    if cnp.PyTypeNum_ISFLOAT(kind):
        return FLOAT32 if size == 4 else FLOAT64 if size == 8 else -1
    if cnp.PyTypeNum_ISUNSIGNED(kind) or cnp.PyTypeNum_ISBOOL(kind):
        return UINT8 if size == 1 else UINT16 if size == 2 else UINT32 if size == 4 else UINT64
    if cnp.PyTypeNum_ISSIGNED(kind):
        return INT8 if size == 1 else INT16 if size == 2 else INT32 if size == 4 else INT64
    return -1


cdef void extent(cnp.ndarray array, uintptr_t *first, uintptr_t *last) noexcept:
    """Address range of an array's numbers, from the first byte to the one after the last; empty if the array is."""
    cdef int axis
    cdef Py_ssize_t reach
    first[0] = last[0] = <uintptr_t>cnp.PyArray_DATA(array)
    if cnp.PyArray_SIZE(array) == 0:
        return
    for axis in range(cnp.PyArray_NDIM(array)):
        reach = (cnp.PyArray_DIM(array, axis) - 1) * cnp.PyArray_STRIDE(array, axis)
        if reach < 0:
            first[0] += reach
        else:
            last[0] += reach
    last[0] += cnp.PyArray_ITEMSIZE(array)


cdef bint overlap(cnp.ndarray one, cnp.ndarray other) noexcept:
    """Whether the address ranges of two arrays overlap."""
    cdef uintptr_t first, last, start, stop
    extent(one, &first, &last)
    extent(other, &start, &stop)
    return first < stop and start < last


cdef code_of(str what, dict codes, name):
    """Code of a name, or a ValueError that lists all names."""
    try:
        return codes[name]
    except (KeyError, TypeError):
        raise ValueError(f"{what} is {name!r}; it must be one of {', '.join(map(repr, codes))}") from None
