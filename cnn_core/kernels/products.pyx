"""Products of whole matrices from register tiles: the loops around the tiles of `tiles.pxd`.

(a) With several threads, all of them read W in the forward pass: the first write to a line of W waits for the other
    cores, longer than the step itself takes. These lines are prefetched for writing during the product before
    the step, some before each tile: 784-512-512-10 with batches of 128, adam and two threads from 2.19 ms to 1.83. The
    same for moments, which only one thread uses, takes longer than it saves.
(b) The rows of a large W are in as many pages as k, more than the processor has translations of addresses for. Where W
    is read in place, all units are computed from DEPTH rows of W, then from the next rows, which starts from the sums
    so far: a prediction of 2048-2048-2048-10 takes 8 to 12 % less time for 1, 8, 32 and 64 rows.
(c) Nothing here allocates, raises or calls Python.
"""

from cnn_core.kernels.partition cimport first_half
from cnn_core.kernels.tiles cimport DOT, MOST_ROWS, PRODUCT, Operands, dot_width, panel_vectors, tile_at, tile_height
from cnn_core.kernels.vec cimport DOTS, GROUP, LANES, PREFETCH_WRITE, real
from cnn_core.types cimport ROW_GROUP, Layer, is_large

cdef enum:
    DEPTH = 128                 # rows of a large W from which all units are computed before the next rows, if W
    MOST_PAGES = 1024           # has more rows than this,
    MOST_STREAMED = 8           # or X has at most this many rows


cdef void product_panel(int width, int height, int m, Py_ssize_t k, Operands *o) noexcept nogil:
    """C[m, width vectors] = D + op(A) B in tiles of `height` rows; advances o. The only compiled table of these
    tiles."""
    cdef int rows, count
    while m > 0:
        rows = min(height, m)
        count = 1 if m < 2*rows else m // rows
        tile_at(PRODUCT, width, rows, count, k, o)
        m -= count*rows


cdef void product(Py_ssize_t m, Py_ssize_t vectors, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """C[m, vectors*LANES] = D + op(A) B: panel by panel of B's columns, each for all rows."""
    cdef Py_ssize_t height = tile_height(m, vectors), j = 0
    cdef int width
    cdef Operands o = whole[0]
    while j < vectors:
        width = panel_vectors(height, vectors - j)
        o.a = whole.a
        o.b = whole.b + j*LANES
        o.c = whole.c + j*LANES
        if whole.d != NULL:
            o.d = whole.d + j*LANES
        product_panel(width, <int>height, <int>m, k, &o)
        j += width


cdef inline void prefetch_write(Py_ssize_t n, const real *w) noexcept nogil:
    """Prefetch w[n] for writing: see (a)."""
    cdef Py_ssize_t j = 0
    while j < n:
        PREFETCH_WRITE(w + j)
        j += GROUP*LANES


cdef void product_before_step(Py_ssize_t m, Py_ssize_t vectors, Py_ssize_t k, Py_ssize_t height, const Operands *whole,
                              bint in_panels, const real *w, Py_ssize_t ldw) noexcept nogil:
    """`product`, or `multiply_panels`, in tiles of `height` rows, that prefetches w[m, vectors], which the step
    writes next: see (a)."""
    cdef Py_ssize_t j = 0, i, r, rows
    cdef int width
    cdef Operands o = whole[0]
    while j < vectors:
        width = panel_vectors(height, vectors - j)
        o.a, o.b, o.c = whole.a, whole.b + j*LANES, whole.c + j*LANES
        if in_panels:
            o.b, o.ldb = whole.b + k*j*LANES, width*LANES
        if whole.d != NULL:
            o.d = whole.d + j*LANES
        i = 0
        while i < m:
            rows = min(height, m - i)
            for r in range(i, i + rows):
                prefetch_write(width*LANES, w + r*ldw + j*LANES)
            product_panel(width, <int>rows, <int>rows, k, &o)
            i += rows
        j += width


cdef inline bint is_deep(const Layer *layer, Py_ssize_t m) noexcept nogil:
    """Whether `deep_product` is faster for m rows."""
    return is_large(layer, sizeof(real)) and (layer.k > MOST_PAGES or m <= MOST_STREAMED)


cdef void deep_product(Py_ssize_t m, Py_ssize_t vectors, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """`product` for A in rows, from some rows of B at a time: see (b)."""
    cdef Py_ssize_t p = 0
    cdef Operands o
    while p < k:
        o = whole[0]
        o.a += p
        o.b += p*o.ldb
        if p > 0:
            o.d, o.ldd = o.c, o.ldc
        product(m, vectors, min(<Py_ssize_t>DEPTH, k - p), &o)
        p += DEPTH


cdef void dot_product(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """C[m, n] = D + A[m, k] B[n, k]^T for k a multiple of 64 bytes; all units of ROW_GROUP rows, then the next rows.
    Two sums where k is large: see `first_half`."""
    cdef Py_ssize_t half = first_half(k)
    cdef Operands rest = whole[0]
    dot_sums(m, n, half, whole)
    if half < k:
        rest.a, rest.b = whole.a + half, whole.b + half
        rest.d, rest.ldd = whole.c, whole.ldc
        dot_sums(m, n, k - half, &rest)


cdef void dot_sums(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """`dot_product` as one sum."""
    cdef Py_ssize_t i = 0, j
    cdef int width, left, rows, count
    cdef Operands o = whole[0]
    while i < m:
        j = 0
        while j < n:
            left = <int>min(m - i, ROW_GROUP)
            width = dot_width(left, n - j)
            o.a = whole.a + i*whole.a_row
            o.b = whole.b + j*whole.ldb
            o.c = whole.c + i*whole.ldc + j
            o.d = whole.d + i*whole.ldd + j if whole.d != NULL else NULL
            while left > 0:
                rows = min(left, min(DOTS // width, MOST_ROWS))
                count = 1 if left < 2*rows else left // rows
                tile_at(DOT, width, rows, count, k, &o)
                left -= count*rows
            j += width
        i += ROW_GROUP
