"""Copies of the caller's rows, of any number type and layout, as contiguous reals, one block of rows at a time."""

from libc.math cimport copysign, fabs, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cnn_core.kernels.vec cimport LANES, real, v_load, v_lt, v_max, v_min, v_set1, v_store, v_where, vec
from cnn_core.types cimport (
    FLOAT32, FLOAT64, INT16, INT32, INT64, INT8, PIECE_GROUP, UINT16, UINT32, UINT8, Pieces, Rows)

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

cdef inline const char *row_at(const Rows *x, const int64_t *order, Py_ssize_t i) noexcept nogil:
    """Address of the row at position i of the order."""
    return x.data + (i if order == NULL else order[i])*x.row_stride


cdef inline void copy_rows(const number *_, const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                           real *target, Py_ssize_t ld) noexcept nogil:
    """Copy rows whose numbers are contiguous."""
    cdef Py_ssize_t i, j
    cdef const number *row
    cdef real scale = <real>x.scale
    for i in range(m):
        row = <const number *>row_at(x, order, first + i)
        for j in range(x.columns):
            if number is int64_t or number is uint64_t:
                target[i*ld + j] = <real><double>row[j] * scale     # as `number_at` gives them
            else:
                target[i*ld + j] = <real>row[j] * scale


cdef inline double number_at(int kind, const char *p) noexcept nogil:
    """The number at p, as a double."""
    if kind == FLOAT32:
        return (<const float *>p)[0]
    if kind == FLOAT64:
        return (<const double *>p)[0]
    if kind == UINT8:
        return (<const uint8_t *>p)[0]
    if kind == INT8:
        return (<const int8_t *>p)[0]
    if kind == INT16:
        return (<const int16_t *>p)[0]
    if kind == UINT16:
        return (<const uint16_t *>p)[0]
    if kind == INT32:
        return (<const int32_t *>p)[0]
    if kind == UINT32:
        return (<const uint32_t *>p)[0]
    if kind == INT64:
        return <double>(<const int64_t *>p)[0]
    return <double>(<const uint64_t *>p)[0]


cdef inline Py_ssize_t size_of(int kind) noexcept nogil:
    """Bytes of a number."""
    if kind == UINT8 or kind == INT8:
        return 1
    if kind == UINT16 or kind == INT16:
        return 2
    return 4 if kind == FLOAT32 or kind == INT32 or kind == UINT32 else 8


cdef inline double smooth_clip(double z) noexcept nogil:
    """z / sqrt(1 + (z / 3)^2), which is between -3 and 3; NaN if z is not finite."""
    cdef double third = z / 3
    if fabs(third) > 1e150:             # the square would overflow
        return z - z + copysign(3, z)
    return z / sqrt(1 + third*third)


cdef inline double within_range(double z) noexcept nogil:
    """z, or the largest float with its sign if reals are floats, and z is finite and beyond their range."""
    cdef double largest = 3.4028234663852886e38
    return copysign(largest, z) if sizeof(real) == 4 and fabs(z) > largest and z - z == 0 else z


cdef inline double standardized(const Rows *x, Py_ssize_t j, double value) noexcept nogil:
    """A number of column j, standardised, and clipped unless `encode` does that."""
    cdef double z = (value - x.mean[j]) * x.factor[j]
    if j >= x.clipped:
        return z
    return smooth_clip(z) if x.pieces == NULL else within_range(z)


cdef inline real read_number(const Rows *x, const char *row, Py_ssize_t j, bint exactly) noexcept nogil:
    """Number j of a row, scaled; `exactly`: standardised in double."""
    cdef double value = number_at(x.kind, row + j*x.column_stride)
    if exactly:
        return <real>standardized(x, j, value)
    return <real>value * <real>x.scale


cdef inline void copy_strided(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, bint exactly,
                              real *target, Py_ssize_t ld) noexcept nogil:
    """Copy rows of any dtype and any strides, in the order of memory."""
    cdef Py_ssize_t i, j
    if x.column_stride == size_of(x.kind):
        for i in range(m):
            for j in range(x.columns):
                target[i*ld + j] = read_number(x, row_at(x, order, first + i), j, exactly)
    else:                   # feature-major: neighbours in memory are in different rows
        for j in range(x.columns):
            for i in range(m):
                target[i*ld + j] = read_number(x, row_at(x, order, first + i), j, exactly)


cdef inline void standardize(const Rows *x, Py_ssize_t m, real *target, Py_ssize_t ld) noexcept nogil:
    """target[m, columns] = (target - mean) factor, clipped in the first columns"""
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(x.clipped):
            target[i*ld + j] = <real>standardized(x, j, target[i*ld + j])
        for j in range(x.clipped, x.columns):
            target[i*ld + j] = <real>((target[i*ld + j] - x.mean[j]) * x.factor[j])


cdef inline void scatter_rows(const number *_, const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                              real *target, Py_ssize_t ld) noexcept nogil:
    """Write the entries of sparse rows into rows that are already filled with scaled or standardised zeros."""
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
                    target[i*ld + j] = <real>standardized(x, j, <double>value)
                else:
                    target[i*ld + j] = <real>value * scale


cdef inline void gather_sparse(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                               Py_ssize_t ld) noexcept nogil:
    """`gather` for sparse rows."""
    cdef Py_ssize_t i, j
    for j in range(x.columns):
        target[j] = 0
    if x.mean != NULL:
        standardize(x, 1, target, ld)
    for i in range(1, m):
        for j in range(x.columns):
            target[i*ld + j] = target[j]
    if x.kind == FLOAT32:
        scatter_rows[float](NULL, x, order, first, m, target, ld)
    else:
        scatter_rows[double](NULL, x, order, first, m, target, ld)


cdef inline void encode_number(const Pieces *pieces, Py_ssize_t at, Py_ssize_t n, real number,
                               real *target) noexcept nogil:
    """target[n] = min(max((number - lower) factor, low), high), with the bins at, at + 1, ... of all"""
    cdef vec z = v_set1(number), value
    cdef real last[LANES]
    cdef Py_ssize_t j = 0, i
    while j < n:
        value = v_max(v_load(<const real *>pieces.low + at + j),
                      (z - v_load(<const real *>pieces.lower + at + j)) * v_load(<const real *>pieces.factor + at + j))
        value = v_min(v_load(<const real *>pieces.high + at + j), value)
        if j + LANES <= n:
            v_store(target + j, value)
        else:
            v_store(last, value)
            for i in range(n - j):
                target[j + i] = last[i]
        j += LANES


cdef inline Py_ssize_t bin_of(const real *lower, Py_ssize_t n, real number) noexcept nogil:
    """Index of the bin of a number, from the lower edges of all bins of a column."""
    cdef Py_ssize_t first = 0, half
    while n > 1:
        half = n >> 1
        first += half * (number >= lower[first + half])     # no branch, which would be guessed wrongly
        n -= half
    return first


cdef inline void find_bins(const Rows *x, Py_ssize_t m, real *rows, Py_ssize_t ld) noexcept nogil:
    """Write two numbers for each encoded column behind the columns of a row: the index of the number's bin, and its
    place in it, 0 at the lower edge and 1 at the upper one. The high end of a column's first bin is that of all but the
    last one. Some rows at a time are compared with all edges of a column."""
    cdef const Pieces *pieces = x.pieces
    cdef Py_ssize_t c, i, r, j, some, at = 0, n
    cdef const real *lower
    cdef real *row
    cdef real numbers[LANES]
    cdef real above[LANES]          # number of edges above each number
    cdef real value, whole
    cdef vec z, count
    for r in range(LANES):
        numbers[r] = 0
    for c in range(pieces.count):
        n, lower = pieces.bins[c], <const real *>pieces.lower + at
        whole = 1 / (<const real *>pieces.high)[at]
        i = 0
        while i < m:
            some = min(m - i, <Py_ssize_t>LANES)
            row = rows + i*ld
            for r in range(some):
                numbers[r] = row[r*ld + pieces.columns[c]]
            if 2*some >= LANES:
                z, count = v_load(numbers), v_set1(0)
                for j in range(1, n):
                    count = count + v_where(v_lt(z, v_set1(lower[j])), v_set1(1))
                v_store(above, count)
            else:
                for r in range(some):
                    above[r] = <real>(n - 1 - bin_of(lower, n, numbers[r]))
            for r in range(some):
                j = n - 1 - <Py_ssize_t>above[r]
                value = (numbers[r] - lower[j]) * (<const real *>pieces.factor)[at + j]
                value = (<const real *>pieces.low)[at + j] if value < (<const real *>pieces.low)[at + j] else value
                value = (<const real *>pieces.high)[at + j] if value > (<const real *>pieces.high)[at + j] else value
                row[x.columns + 2*c] = <real>j
                row[x.columns + 2*c + 1] = value * whole
                row += ld
            i += some
        at += (n + PIECE_GROUP - 1) // PIECE_GROUP * PIECE_GROUP


cdef inline void encode(const Rows *x, Py_ssize_t m, real *target, Py_ssize_t ld) noexcept nogil:
    """Write the bins of the encoded columns behind the columns, then clip the first columns: bins are functions of
    numbers that are not clipped."""
    cdef const Pieces *pieces = x.pieces
    cdef Py_ssize_t _, c, j, at
    cdef real *row = target
    cdef real *bins
    if pieces.table != NULL:
        find_bins(x, m, target, ld)
    for _ in range(m):
        bins, at = row + x.columns, 0
        for c in range(pieces.count if pieces.table == NULL else 0):
            encode_number(pieces, at, pieces.bins[c], row[pieces.columns[c]], bins)
            bins += pieces.bins[c]
            at += (pieces.bins[c] + PIECE_GROUP - 1) // PIECE_GROUP * PIECE_GROUP
        for j in range(x.clipped):
            row[j] = <real>smooth_clip(row[j])
        row += ld


cdef inline void gather_columns(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m,
                                real *target, Py_ssize_t ld) noexcept nogil:
    """`gather` without the bins."""
    cdef Py_ssize_t i, j
    # Converted to float first, numbers of more than 24 bits would lose the digits that differ from the mean.
    cdef bint exactly = sizeof(real) == 4 and x.mean != NULL and size_of(x.kind) > 2 and x.kind != FLOAT32
    for i in range(m):
        for j in range(x.columns, ld):
            target[i*ld + j] = 0
    if x.starts != NULL:
        gather_sparse(x, order, first, m, target, ld)
        return
    if exactly or x.column_stride != size_of(x.kind):
        copy_strided(x, order, first, m, exactly, target, ld)
    elif x.kind == FLOAT32:
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
    if x.mean != NULL and not exactly:
        standardize(x, m, target, ld)


cdef inline void gather(const Rows *caller, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                        Py_ssize_t ld) noexcept nogil:
    """target[m, columns] = x[order[first : first + m]], scaled or standardised, then the bins of encoded columns; the
    padding up to ld becomes zero"""
    cdef Rows rows = caller[0]
    if rows.mean != NULL:
        rows.scale = 1
    gather_columns(&rows, order, first, m, target, ld)
    if rows.pieces != NULL:
        encode(&rows, m, target, ld)
