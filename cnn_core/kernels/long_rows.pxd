"""Batches of long rows for few units: one loop reads X once for both forward and gradient.

Where a few rows of X fill a level-2 cache, forward waits for memory, and the gradient afterwards leaves memory idle.
Here both run in one loop over the columns, four rows at a time: forward reads the next four rows from memory, and the
gradient uses the four rows before them, which are in the cache. A step of 30000-4-3-2-1 on 1034 rows takes 0.85 of its
time in chunks. Two threads each take one half of the columns: of X, of W and of its gradient, which then fit in the
level-2 cache of their cores. A dot product of long rows is always the sum of two halves, and all sums run in the same
order as in `run_batch`, so the bits are the same. The loop needs 32 registers; without them `run_batch` is used.
"""

from cnn_core.kernels.partition cimport LONG_ROW_BYTES, first_half, round_up_to_cache_line
from cnn_core.kernels.tiles cimport Operands, dot_results
from cnn_core.kernels.vec cimport DOTS, GROUP, LANES, PREFETCH, real, v_keep, v_load, v_set1, v_store, vec
from cnn_core.types cimport Layer, Run, is_frozen, share

cdef enum:
    LONG_ROW_GROUP = 4          # rows at a time
    LONG_ROW_UNITS = 4          # most units of the first layer

cdef struct LongRows:           # gradient of four rows, and the first layer's outputs for the next four
    Run *run
    const real *x               # the four rows, row stride ldx
    Py_ssize_t ldx
    bint backwards          # the second half of the columns comes first
    real rest[4 * 4]            # second halves of the sums of the outputs


cdef inline bint has_long_rows(const Run *run) noexcept nogil:
    """Whether the batches of a pass are computed this way."""
    cdef const Layer *layer = &run.net.layers[0]
    return (DOTS >= LONG_ROW_GROUP*LONG_ROW_UNITS and GROUP == 1 and run.net.plain and run.backward
            and run.offset == NULL and run.x.direct and run.order == NULL and not is_frozen(run, 0)
            and layer.units_major and layer.n <= LONG_ROW_UNITS
            and layer.k * <Py_ssize_t>sizeof(real) >= LONG_ROW_BYTES)


cdef inline void long_row_tile(const int N, Py_ssize_t k, const Operands *o, const real *before, const real *dz,
                               Py_ssize_t lddz, real *g, Py_ssize_t ldg) noexcept nogil:
    """C[4, N] = D + A[4, k] B[N, k]^T as in `dot_tile`; G[N, k] += dZ[4, N]^T A'[4, k], where A' are the four rows
    before A, at the same row stride."""
    cdef vec acc[4][4]
    cdef vec row[4]
    cdef vec total[16]
    cdef vec x, s
    cdef int i, j
    cdef Py_ssize_t p = 0
    for i in range(4):
        for j in range(N):
            acc[i][j] = v_set1(0)
    while p < k:
        # Forward for the next rows.
        for j in range(N):
            row[j] = v_load(o.b + j*o.ldb + p)
        for i in range(4):
            x = v_keep(v_load(o.a + i*o.a_row + p))
            PREFETCH(o.a + i*o.a_row + p + 8*LANES)
            for j in range(N):
                acc[i][j] = acc[i][j] + x * row[j]
        # Gradient of the rows before.
        for i in range(4):
            row[i] = v_load(before + i*o.a_row + p)
        for j in range(N):
            s = v_load(g + j*ldg + p)
            for i in range(4):
                s = s + row[i] * v_set1(dz[i*lddz + j])
            v_store(g + j*ldg + p, s)
        p += LANES
    for i in range(4):
        for j in range(N):
            total[i*N + j] = acc[i][j]
    dot_results(4, N, total, o)


cdef inline void long_row_tile_of(Py_ssize_t n, Py_ssize_t k, const Operands *o, const real *before, const real *dz,
                                  Py_ssize_t lddz, real *g, Py_ssize_t ldg) noexcept nogil:
    if n == 4:
        long_row_tile(4, k, o, before, dz, lddz, g, ldg)
    elif n == 3:
        long_row_tile(3, k, o, before, dz, lddz, g, ldg)
    elif n == 2:
        long_row_tile(2, k, o, before, dz, lddz, g, ldg)
    else:
        long_row_tile(1, k, o, before, dz, lddz, g, ldg)


cdef inline void long_row_part(LongRows *rows, int part) noexcept nogil:
    """One half of the columns: gradient of the rows, and sums for the next rows."""
    cdef Run *run = rows.run
    cdef const Layer *layer = &run.net.layers[0]
    cdef Py_ssize_t k = round_up_to_cache_line(layer.k), half = first_half(k), first = half if part > 0 else 0
    cdef const real *x = rows.x + first
    cdef Operands o
    o.a, o.a_row, o.a_col = x + LONG_ROW_GROUP*rows.ldx, rows.ldx, 1
    o.b, o.ldb = <const real *>run.parameters + layer.w + first, layer.ldt
    o.d, o.ldd = NULL, 0
    if part == 0:
        o.c, o.ldc = <real *>run.a[0], layer.ld
        if layer.b >= 0:
            o.d = <const real *>run.parameters + layer.b
    else:
        o.c, o.ldc = rows.rest, LONG_ROW_UNITS
    long_row_tile_of(layer.n, half if part == 0 else k - half, &o, x, <const real *>run.dz[0], layer.ld,
                     <real *>run.gradients + layer.w + first, layer.ldt)
