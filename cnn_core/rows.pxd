"""The caller's rows, of any number type and layout, copied into adjacent reals a block at a time."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cnn_core.types cimport (
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, Rows)
from cnn_core.vec cimport real

ctypedef fused number:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    float
    double


cdef inline void copy_rows(const number *_, const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                           real *target, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef const char *row
    cdef real scale = <real>x.scale
    if x.column_stride == sizeof(number):
        for i in range(m):
            row = x.data + (first + i if order == NULL else order[first + i])*x.row_stride
            for j in range(x.columns):
                target[i*ld + j] = <real>(<const number *>row)[j] * scale
    else:                   # feature-major: neighbours in memory are rows
        for j in range(x.columns):
            row = x.data + j*x.column_stride
            for i in range(m):
                target[i*ld + j] = <real>(<const number *>(
                    row + (first + i if order == NULL else order[first + i])*x.row_stride))[0] * scale


cdef inline void gather(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                        Py_ssize_t ld) noexcept nogil:
    """target[m, columns] = scale x[order[first : first + m]]; the padding up to ld becomes zero"""
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(x.columns, ld):
            target[i*ld + j] = 0
    if x.kind == FLOAT32:
        copy_rows[float](NULL, x, order, first, m, target, ld)
    elif x.kind == FLOAT64:
        copy_rows[double](NULL, x, order, first, m, target, ld)
    elif x.kind == UINT8:
        copy_rows[uint8_t](NULL, x, order, first, m, target, ld)
    elif x.kind == INT8:
        copy_rows[int8_t](NULL, x, order, first, m, target, ld)
    elif x.kind == INT16:
        copy_rows[int16_t](NULL, x, order, first, m, target, ld)
    elif x.kind == UINT16:
        copy_rows[uint16_t](NULL, x, order, first, m, target, ld)
    elif x.kind == INT32:
        copy_rows[int32_t](NULL, x, order, first, m, target, ld)
    elif x.kind == UINT32:
        copy_rows[uint32_t](NULL, x, order, first, m, target, ld)
    elif x.kind == INT64:
        copy_rows[int64_t](NULL, x, order, first, m, target, ld)
    else:
        copy_rows[uint64_t](NULL, x, order, first, m, target, ld)
