"""Products and activations of whole arrays: for one instruction set and one type of real.

    C[m, n] = A[m, k] B[k, n]       any strides of A and B

(a) B is copied a block at a time into panels of whole vectors, zeros behind its last column: KC of its rows, so that a
    panel stays in the caches while the rows of A pass by. Where B is stored the other way it is transposed on the way.
(b) A is broadcast from where it lies.
(c) C is read and written by whole vectors; a tile over its last columns goes through a small buffer.
(d) Every element is summed over k in one order (see tiles.pxd), and threads share C, never a sum: the bits of C depend
    neither on the number of threads nor on any block size.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memcpy

from cnn_core.activations cimport softmax_row, transpose_block, v_activate, v_chain
from cnn_core.operations cimport Gemm, Operations
from cnn_core.tiles cimport Operands, tile
from cnn_core.types cimport IDENTITY, RELU, SIGMOID, TANH
from cnn_core.vec cimport ACCUMULATORS, LANES, flush_subnormals, fp_state, real, restore_fp, v_load, v_set1, v_store, vec

cdef enum:
    KC = 256                    # rows of B in a block
    PANELS = 12                 # panels of B in a block
    MC = 128                    # rows of A that pass by before the next panel


cdef struct Block:              # part of a product: C[m, n] (+)= A[m, k] B[k, n]
    Py_ssize_t m, n, k
    const real *a
    Py_ssize_t a_row, a_col
    const real *b               # panels, each k x width vectors
    real *c
    Py_ssize_t ldc
    bint opening                # from zero


cdef inline Py_ssize_t vectors_of(Py_ssize_t n) noexcept nogil:
    return (n + LANES - 1) // LANES


cdef inline int panel_width(Py_ssize_t vectors) noexcept nogil:
    """Vectors of the next panel, of those still to do: threes, but four are two and two."""
    return <int>vectors if vectors <= 2 else 2 if vectors == 4 else 3


cdef inline void tile_rows(const int N, int rows, Py_ssize_t k, const Operands *o) noexcept nogil:
    if rows == 8 and 8*N <= ACCUMULATORS:
        tile(8, N, k, o)
    elif rows == 7 and 7*N <= ACCUMULATORS:
        tile(7, N, k, o)
    elif rows == 6 and 6*N <= ACCUMULATORS:
        tile(6, N, k, o)
    elif rows == 5 and 5*N <= ACCUMULATORS:
        tile(5, N, k, o)
    elif rows == 4:
        tile(4, N, k, o)
    elif rows == 3:
        tile(3, N, k, o)
    elif rows == 2:
        tile(2, N, k, o)
    else:
        tile(1, N, k, o)


cdef inline void tile_of(int width, int rows, Py_ssize_t k, const Operands *o) noexcept nogil:
    if width == 3:
        tile_rows(3, rows, k, o)
    elif width == 2:
        tile_rows(2, rows, k, o)
    else:
        tile_rows(1, rows, k, o)


cdef inline int most_rows(int width) noexcept nogil:
    return 8 if ACCUMULATORS // width >= 8 else ACCUMULATORS // width


cdef void multiply(const Block *s) noexcept nogil:
    """A block of C: a panel of B at a time, each for all rows."""
    cdef Operands o
    cdef Py_ssize_t i, j = 0, r, columns
    cdef int width, height, rows
    cdef const real *b = s.b
    cdef real part[24*16]
    o.a_row, o.a_col = s.a_row, s.a_col
    while j < s.n:
        width = panel_width(vectors_of(s.n - j))
        height = most_rows(width)
        columns = min(s.n - j, <Py_ssize_t>width*LANES)
        o.b, o.ldb = b, width*LANES
        i = 0
        while i < s.m:
            rows = <int>min(height, s.m - i)
            o.a = s.a + i*s.a_row
            o.c, o.ldc = s.c + i*s.ldc + j, s.ldc
            if columns < width*LANES:
                o.c, o.ldc = part, width*LANES
                if not s.opening:
                    for r in range(rows):
                        memcpy(part + r*width*LANES, s.c + (i + r)*s.ldc + j, columns*sizeof(real))
            o.d, o.ldd = NULL if s.opening else o.c, o.ldc
            tile_of(width, rows, s.k, &o)
            if columns < width*LANES:
                for r in range(rows):
                    memcpy(s.c + (i + r)*s.ldc + j, part + r*width*LANES, columns*sizeof(real))
            i += height
        b += s.k*width*LANES
        j += columns


cdef void pack_panel(Py_ssize_t k, Py_ssize_t n, const real *b, Py_ssize_t row, Py_ssize_t column, int width,
                     real *panel) noexcept nogil:
    """panel[k, width*LANES] = B[k, n], zeros behind."""
    cdef Py_ssize_t p, j, v, whole = 0
    cdef int ld = width*LANES
    if column == 1 and n == ld:
        for p in range(k):
            for v in range(width):
                v_store(panel + p*ld + v*LANES, v_load(b + p*row + v*LANES))
        return
    if row == 1:
        whole = k - k % LANES
        v = 0
        while v < width:
            p = 0
            while p < whole:
                transpose_block(b + v*LANES*column + p, column, n - v*LANES, panel + p*ld + v*LANES, ld, LANES)
                p += LANES
            v += 1
    for p in range(whole, k):
        for j in range(n):
            panel[p*ld + j] = b[p*row + j*column]
        for j in range(n, ld):
            panel[p*ld + j] = 0


cdef void pack(Py_ssize_t k, Py_ssize_t n, const real *b, Py_ssize_t row, Py_ssize_t column,
               real *panels) noexcept nogil:
    cdef Py_ssize_t j = 0
    cdef int width
    while j < n:
        width = panel_width(vectors_of(n - j))
        pack_panel(k, min(n - j, <Py_ssize_t>width*LANES), b + j*column, row, column, width, panels)
        panels += k*width*LANES
        j += width*LANES


cdef inline Py_ssize_t share(Py_ssize_t count, int rank, int size, Py_ssize_t group) noexcept nogil:
    """Where the rank's part of count starts, in whole groups; the part ends where the next one starts."""
    cdef Py_ssize_t groups = (count + group - 1) // group
    return min(count, groups * rank // size * group)


cdef Py_ssize_t work(const Gemm *g, int size) noexcept nogil:
    return min(KC, g.k) * min(PANELS*3, vectors_of(g.n)) * 16


cdef void gemm(const Gemm *g, int rank, int size) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef real *panels = <real *>g.work + rank*work(g, size)
    cdef Py_ssize_t i0 = 0, i1 = g.m, j0 = 0, j1 = g.n, i, j, p
    cdef Block s
    if g.n >= g.m:
        j0, j1 = share(g.n, rank, size, 3*LANES), share(g.n, rank + 1, size, 3*LANES)
    else:
        i0, i1 = share(g.m, rank, size, 8), share(g.m, rank + 1, size, 8)
    s.a_row, s.a_col, s.ldc, s.b = g.a_row, g.a_col, g.ldc, panels
    j = j0
    while j < j1 and i0 < i1:
        s.n = min(PANELS*3*LANES, j1 - j)
        p = 0
        while p < g.k:
            s.k = min(KC, g.k - p)
            s.opening = p == 0
            pack(s.k, s.n, <const real *>g.b + p*g.b_row + j*g.b_col, g.b_row, g.b_col, panels)
            i = i0
            while i < i1:
                s.m = min(MC, i1 - i)
                s.a = <const real *>g.a + i*g.a_row + p*g.a_col
                s.c = <real *>g.c + i*g.ldc + j
                multiply(&s)
                i += MC
            p += KC
        j += PANELS*3*LANES
    restore_fp(saved)


cdef inline void activate_all(const int activation, Py_ssize_t count, const real *z, real *out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef real rest[16]
    while i + LANES <= count:
        v_store(out + i, v_activate(activation, v_load(z + i)))
        i += LANES
    if i < count:
        v_store(rest, v_set1(0))
        memcpy(rest, z + i, (count - i)*sizeof(real))
        v_store(rest, v_activate(activation, v_load(rest)))
        memcpy(out + i, rest, (count - i)*sizeof(real))


cdef void activate(int activation, Py_ssize_t count, const void *z, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    if activation == RELU:
        activate_all(RELU, count, <const real *>z, <real *>out)
    elif activation == SIGMOID:
        activate_all(SIGMOID, count, <const real *>z, <real *>out)
    elif activation == TANH:
        activate_all(TANH, count, <const real *>z, <real *>out)
    else:
        activate_all(IDENTITY, count, <const real *>z, <real *>out)
    restore_fp(saved)


cdef inline void derive_all(const int activation, Py_ssize_t count, const real *a, const real *d,
                            real *out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef real rest[16]
    cdef real slope[16]
    while i + LANES <= count:
        v_store(out + i, v_chain(activation, v_load(a + i), v_load(d + i)))
        i += LANES
    if i < count:
        v_store(rest, v_set1(0))
        v_store(slope, v_set1(0))
        memcpy(rest, a + i, (count - i)*sizeof(real))
        memcpy(slope, d + i, (count - i)*sizeof(real))
        v_store(rest, v_chain(activation, v_load(rest), v_load(slope)))
        memcpy(out + i, rest, (count - i)*sizeof(real))


cdef void derive(int activation, Py_ssize_t count, const void *a, const void *d, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    if activation == RELU:
        derive_all(RELU, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == SIGMOID:
        derive_all(SIGMOID, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == TANH:
        derive_all(TANH, count, <const real *>a, <const real *>d, <real *>out)
    else:
        derive_all(IDENTITY, count, <const real *>a, <const real *>d, <real *>out)
    restore_fp(saved)


cdef void softmax(Py_ssize_t m, Py_ssize_t n, const void *z, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef Py_ssize_t i
    for i in range(m):
        softmax_row(n, <const real *>z + i*n, <real *>out + i*n)
    restore_fp(saved)


cdef Operations exported
exported.work = work
exported.gemm = gemm
exported.activate = activate
exported.derive = derive
exported.softmax = softmax
kernels = PyCapsule_New(&exported, "cnn_core.Operations", NULL)
