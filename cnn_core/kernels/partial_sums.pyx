"""Dot products of many rows with the lanes along the units, with the bits of `dot_product`.

One row and many must have the same bits, and W is stored units x inputs. `dot_product`, whose lanes run along the
inputs, loads two numbers for each four multiply-adds. Many rows pay for a copy of W: with the lanes along the units, a
tile loads one for each two or three. Each partial sum of `dot_product` is then a separate product, of every
LANES*GROUP-th input; they are added up in the same order.
"""

from libc.stdint cimport uintptr_t

from cnn_core.kernels.partition cimport first_half, round_up_to_cache_line
from cnn_core.kernels.tiles cimport Operands, panel_vectors, tile_height
from cnn_core.kernels.vec cimport GROUP, LANES, PREFETCH, real, v_load, v_store, vec
from cnn_core.types cimport Layer, Net, copied_numbers
# from gemm_packing.pyx: transpose
# from products.pyx: product_panel

cdef enum:
    ROWS_BY_SUMS = 8            # rows of X whose partial sums are in memory at a time


cdef void copy_by_sums(Py_ssize_t n, Py_ssize_t k, const real *w, Py_ssize_t ldw, real *copy) noexcept nogil:
    """copy[k, n] = W[n, k]^T, with the rows of each partial sum one after the other."""
    cdef Py_ssize_t sums = LANES*GROUP, count = k // sums, q, s, j
    for q in range(count):
        s = 0
        while s < sums:
            j = 0
            while j < n:
                transpose(w + j*ldw + q*sums + s, ldw, LANES, copy + (s*count + q)*n + j, count*n, LANES)
                j += LANES
            s += LANES


cdef void copy_narrow(const Net *net, const void *parameters, void *copies) noexcept nogil:
    """See `DenseKernels.copy_narrow`."""
    cdef real *copy = <real *>copies
    cdef const real *w
    cdef const Layer *layer
    cdef Py_ssize_t index, k, half
    for index in range(net.depth):
        layer = &net.layers[index]
        if copied_numbers(layer, sizeof(real)) == 0:
            continue
        k, w = round_up_to_cache_line(layer.k), <const real *>parameters + layer.w
        half = first_half(k)
        copy_by_sums(layer.whole, half, w, layer.ldt, copy)
        if half < k:
            copy_by_sums(layer.whole, k - half, w + half, layer.ldt, copy + half*layer.whole)
        copy += copied_numbers(layer, sizeof(real))


cdef inline void add_sums(const int half, vec *sums) noexcept nogil:
    """The first half of the sums += the second half."""
    cdef int i
    for i in range(half):
        sums[i] = sums[i] + sums[i + half]


cdef inline vec total(const real *sums, Py_ssize_t stride) noexcept nogil:
    """The sum of LANES*GROUP vectors, in the order of `dot_tile`."""
    cdef vec each[16]
    cdef int i
    for i in range(LANES*GROUP):
        each[i] = v_load(sums + i*stride)
    if LANES*GROUP >= 16:
        add_sums(8, each)
    if LANES*GROUP >= 8:
        add_sums(4, each)
        add_sums(2, each)
        add_sums(1, each)
    return each[0]


cdef inline void prefetch_lines(int rows, Py_ssize_t first, Py_ssize_t last, const real *a,
                                Py_ssize_t a_row) noexcept nogil:
    """Prefetch cache lines first, ..., last - 1 of each row."""
    cdef int i
    cdef Py_ssize_t line
    for i in range(rows):
        for line in range(first, last):
            PREFETCH(a + i*a_row + line*LANES*GROUP)


cdef void sums_of_rows(int rows, int width, int height, Py_ssize_t k, bint is_first, Operands *o) noexcept nogil:
    """C[rows, width vectors] = D + A B for B from `copy_by_sums`. The first product of the rows also prefetches the
    next rows: a tenth less time for 10,000 rows of 784-50-10."""
    cdef char memory[(8 * 4 * 16 + 1) * 64]     # at most 8 x 4 vectors of each of 16 sums
    cdef real *sums = <real *>(memory + (64 - <uintptr_t>memory % 64))
    cdef Py_ssize_t stride = rows*width*LANES, count = k // (LANES*GROUP)
    cdef int s, i, j
    cdef vec row
    cdef Operands each
    each.a_row, each.a_col, each.ldb, each.d, each.ldd, each.ldc = o.a_row, LANES*GROUP, o.ldb, NULL, 0, width*LANES
    for s in range(LANES*GROUP):
        each.a, each.b, each.c = o.a + s, o.b + s*count*o.ldb, sums + s*stride
        product_panel(width, height, rows, count, &each)
        if is_first:
            prefetch_lines(rows, s*count // (LANES*GROUP), (s + 1)*count // (LANES*GROUP), o.a + rows*o.a_row, o.a_row)
    for i in range(rows):
        for j in range(width):
            row = total(sums + (i*width + j)*LANES, stride)
            v_store(o.c + i*o.ldc + j*LANES, row if o.d == NULL else row + v_load(o.d + i*o.ldd + j*LANES))


cdef void product_by_sums(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """C[m, n] = D + A[m, k] B for B from `copy_by_sums`, n and k whole cache lines."""
    cdef Py_ssize_t i = 0, j, vectors = n // LANES
    cdef int rows, width, height
    cdef Operands o = whole[0]
    while i < m:
        rows = <int>min(m - i, ROWS_BY_SUMS)
        height = <int>tile_height(rows, vectors)
        j = 0
        while j < vectors:
            width = panel_vectors(height, vectors - j)
            o.a, o.b, o.c = whole.a + i*whole.a_row, whole.b + j*LANES, whole.c + i*whole.ldc + j*LANES
            o.d = whole.d + i*whole.ldd + j*LANES if whole.d != NULL else NULL
            sums_of_rows(rows, width, height, k, j == 0, &o)
            j += width
        i += rows


cdef void two_products_by_sums(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """`dot_product` for B from `copy_narrow`."""
    cdef Py_ssize_t half = first_half(k)
    cdef Operands rest = whole[0]
    product_by_sums(m, n, half, whole)
    if half < k:
        rest.a, rest.b = whole.a + half, whole.b + half*n
        rest.d, rest.ldd = whole.c, whole.ldc
        product_by_sums(m, n, k - half, &rest)
