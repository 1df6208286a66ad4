"""The caller's rows, of any number type and layout, copied into adjacent reals a block at a time."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cnn_core.types cimport (
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, Rows)
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

ctypedef fused wide:        # numbers that a float may not hold
    int32_t
    int64_t
    uint32_t
    uint64_t
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


cdef inline void standardize(const Rows *x, Py_ssize_t m, real *target, Py_ssize_t ld) noexcept nogil:
    """target[m, columns] = (target - mean) factor"""
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(x.columns):
            target[i*ld + j] = <real>((target[i*ld + j] - x.mean[j]) * x.factor[j])


cdef inline void standardize_wide(const wide *_, const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                                  real *target, Py_ssize_t ld) noexcept nogil:
    """The same from the caller's numbers: as floats they would lose the digits that differ from the mean."""
    cdef Py_ssize_t i, j
    cdef const char *row
    for i in range(m):
        row = x.data + (first + i if order == NULL else order[first + i])*x.row_stride
        for j in range(x.columns):
            target[i*ld + j] = <real>(
                (<double>(<const wide *>(row + j*x.column_stride))[0] - x.mean[j]) * x.factor[j])


cdef inline bint gather_wide(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                             Py_ssize_t ld) noexcept nogil:
    """Whether the caller's numbers are wide; then they have been standardised."""
    if x.kind == FLOAT64:
        standardize_wide[double](NULL, x, order, first, m, target, ld)
    elif x.kind == INT32:
        standardize_wide[int32_t](NULL, x, order, first, m, target, ld)
    elif x.kind == UINT32:
        standardize_wide[uint32_t](NULL, x, order, first, m, target, ld)
    elif x.kind == INT64:
        standardize_wide[int64_t](NULL, x, order, first, m, target, ld)
    elif x.kind == UINT64:
        standardize_wide[uint64_t](NULL, x, order, first, m, target, ld)
    else:
        return False
    return True


cdef inline void scatter_rows(const number *_, const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                              real *target, Py_ssize_t ld) noexcept nogil:
    """The numbers of sparse rows, into rows that have what a zero becomes."""
    cdef Py_ssize_t i
    cdef int64_t row, at, j
    cdef number value
    cdef real scale = <real>x.scale
    for i in range(m):
        row = first + i if order == NULL else order[first + i]
        for at in range(x.starts[row], x.starts[row + 1]):
            j = (<const int64_t *>x.indices)[at] if x.wide_indices else (<const int32_t *>x.indices)[at]
            if 0 <= j < x.columns:
                value = (<const number *>x.data)[at]
                if x.mean != NULL:
                    target[i*ld + j] = <real>((<double>value - x.mean[j]) * x.factor[j])
                else:
                    target[i*ld + j] = <real>value * scale


cdef inline void gather_sparse(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                               Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(x.columns):
            target[i*ld + j] = 0
    if x.mean != NULL:
        standardize(x, m, target, ld)
    if x.kind == FLOAT32:
        scatter_rows[float](NULL, x, order, first, m, target, ld)
    else:
        scatter_rows[double](NULL, x, order, first, m, target, ld)


cdef inline void gather(const Rows *caller, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                        Py_ssize_t ld) noexcept nogil:
    """target[m, columns] = x[order[first : first + m]], scaled or standardised; the padding up to ld becomes zero"""
    cdef Py_ssize_t i, j
    cdef Rows rows = caller[0]
    cdef const Rows *x = &rows
    for i in range(m):
        for j in range(x.columns, ld):
            target[i*ld + j] = 0
    if x.starts != NULL:
        gather_sparse(x, order, first, m, target, ld)
        return
    if x.mean != NULL:
        rows.scale = 1
        if sizeof(real) == 4 and gather_wide(x, order, first, m, target, ld):
            return
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
    if x.mean != NULL:
        standardize(x, m, target, ld)
