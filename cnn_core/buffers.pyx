"""Helpers for buffers and arguments: strides, alignment, overlap, codes of names, kernel tables; a part of `layers`.

These are not inline functions of a .pxd: a copy in each module that uses them would add 10 kB to the wheel.
"""

from importlib import import_module

import numpy as np

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uintptr_t

cimport numpy as cnp

import cnn_core
from cnn_core.cpu import permit_tiles

from cnn_core.kernel_tables cimport LowPrecisionKernels
from cnn_core.threads cimport MOST_THREADS, current_threads
from cnn_core.types cimport (
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, ROW_GROUP, UINT8, UINT16, UINT32, UINT64)

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object number, int *overflow) except? -1
    object PyWeakref_NewRef(object target, void *callback)

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
      static __declspec(thread) int cnn_nested;
    #else
      static __thread int cnn_nested;
    #endif
    """
    int nested "cnn_nested"     # calls of users' functions in which this thread is

cdef enum:
    MOST_NESTED = 20


cdef void *kernels_of(str concept, str real, const char *capsule) except NULL:
    """Table that the kernels of the instruction set in use export as `concept`."""
    return PyCapsule_GetPointer(getattr(import_module(f"cnn_core.{cnn_core.isa}.kernels_{real}"), concept), capsule)


cdef LowPrecisionKernels *_low_precision = NULL


cdef LowPrecisionKernels *low_precision_kernels() except NULL:
    """Table of the instruction set for low precision; that of the next one if the system refuses the tiles of AMX. The
    permission is requested when the table is first needed, not while importing, since it changes the process."""
    global _low_precision
    if _low_precision == NULL:
        if cnn_core.low_precision == "x86_amx" and not permit_tiles():
            cnn_core.low_precision = cnn_core.available_low_precision()[1]
        module = import_module(f"cnn_core.{cnn_core.low_precision}.low_precision")
        _low_precision = <LowPrecisionKernels *>PyCapsule_GetPointer(module.kernels, "cnn_core.LowPrecisionKernels")
    return _low_precision


cdef Py_ssize_t padded_stride(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """Row stride of n reals: whole cache lines, but no multiple of 1024 bytes."""
    cdef Py_ssize_t line = 64 // itemsize, reals = (n + line - 1) // line * line
    return reals + line if reals * itemsize % 1024 == 0 else reals


cdef Py_ssize_t round_up_rows(Py_ssize_t n) noexcept nogil:
    """n rounded up to a multiple of ROW_GROUP."""
    return (n + ROW_GROUP - 1) // ROW_GROUP * ROW_GROUP


@cython.final
cdef class Block:
    """Memory of the core: a vector of zeros that is aligned to a cache line, made by `allocate`.

    `data` and `count` are what the core uses. Python only gets arrays of `array_of`, whose base is the block: nothing
    that can be done to such an array, as `ndarray.resize` or another shape, moves or frees the memory.
    """

    def __reduce__(self):
        raise TypeError("the memory of a stack is not pickled")


cdef Block allocate(Py_ssize_t count, dtype):
    """Block of `count` zeros."""
    cdef Block block = Block.__new__(Block)
    cdef cnp.ndarray room = np.zeros(count + 64 // dtype.itemsize, dtype)
    block.room, block.count, block.type_number = room, count, cnp.PyArray_TYPE(room)
    block.data = <char *>cnp.PyArray_DATA(room) + (64 - <uintptr_t>cnp.PyArray_DATA(room) % 64) % 64
    return block


cdef cnp.ndarray array_of(Block block):
    """New array of all numbers of a block."""
    cdef cnp.npy_intp shape[1]
    cdef cnp.ndarray array
    shape[0] = block.count
    array = cnp.PyArray_SimpleNewFromData(1, shape, block.type_number, block.data)
    cnp.set_array_base(array, block)
    return array


cdef cnp.ndarray aligned_zeros(Py_ssize_t count, dtype):
    """Vector of zeros that is aligned to a cache line."""
    return array_of(allocate(count, dtype))


cdef object pinned(cnp.ndarray array):
    """Weak reference to the array that owns the memory of `array`: as long as there is one, `ndarray.resize` refuses to
    move it. Functions that are called during a computation cannot take its memory away then."""
    base = cnp.get_array_base(array)
    while base is not None and cnp.PyArray_Check(base):
        array = base
        base = cnp.get_array_base(array)
    return PyWeakref_NewRef(array, NULL)


cdef bint is_borrowed(cnp.ndarray array) noexcept:
    """Whether the memory of an array belongs to another object than an array, which neither moves nor frees it."""
    base = cnp.get_array_base(array)
    while base is not None and cnp.PyArray_Check(base):
        base = cnp.get_array_base(<cnp.ndarray>base)
    return base is not None


cdef int enter_user() except -1:
    """Count a call of a user's function by this thread, before it: each level takes some kilobytes of the C stack,
    which Python's limit of recursion does not count."""
    global nested
    if nested >= MOST_NESTED:
        raise RecursionError("functions of activations, losses and steps call the core within each other, "
                             f"{MOST_NESTED} times; it must be less")
    nested += 1
    return 0


cdef void leave_user() noexcept:
    global nested
    nested -= 1


cdef bint same_shape(cnp.ndarray one, cnp.ndarray other) noexcept:
    """Whether two arrays have one shape, whatever the attribute `shape` of a subclass is."""
    cdef int axis
    if cnp.PyArray_NDIM(one) != cnp.PyArray_NDIM(other):
        return False
    for axis in range(cnp.PyArray_NDIM(one)):
        if cnp.PyArray_DIM(one, axis) != cnp.PyArray_DIM(other, axis):
            return False
    return True


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


cdef bint is_in(cnp.ndarray array, Block block) noexcept:
    """Whether the address range of an array overlaps a block."""
    cdef uintptr_t first, last, start = <uintptr_t>block.data
    extent(array, &first, &last)
    return first < start + block.count*cnp.PyArray_ITEMSIZE(block.room) and start < last


cdef code_of(str what, dict codes, name):
    """Code of a name, or a ValueError that lists all names."""
    try:
        return codes[name]
    except (KeyError, TypeError):
        raise ValueError(f"{what} is {name!r}; it must be one of {', '.join(map(repr, codes))}") from None
