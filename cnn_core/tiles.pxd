"""The register tiles: the inner loops of every matrix product.

    C[M, N] = D[M, N] + op(A)[M, K] B[K, N],     op(A) = A, or A^T

(a) A tile keeps M x N vectors of C in registers while k runs: one load of B serves M rows, one broadcast of A serves
    N vectors. M and N are literals where a tile is called, so that every loop over them unrolls and the accumulators
    stay in registers; `CYTHON_INLINE` is "always inline" for these modules.
(b) The sum over k runs in one order, a fused multiply-add at a time, starting from D (zeros, a bias row, or C itself):
    the bits of C do not depend on the tile, on how rows are grouped, or on where k is cut.
(c) B is prefetched eight rows ahead: its rows are too far apart for the hardware to guess.
"""

from cnn_core.vec cimport ACCUMULATORS, LANES, PREFETCH, real, v_load, v_set1, v_store, vec

cdef struct Operands:
    const real *a           # op(A)[i, p] at a[i*a_row + p*a_col]
    Py_ssize_t a_row, a_col
    const real *b           # rows ldb apart
    Py_ssize_t ldb
    const real *d           # rows ldd apart; ldd = 0 repeats one row; NULL is zero
    Py_ssize_t ldd
    real *c
    Py_ssize_t ldc


cdef inline void tile(const int M, const int N, Py_ssize_t k, const Operands *o) noexcept nogil:
    cdef vec acc[16][8]
    cdef vec row[8]
    cdef vec x
    cdef int i, j
    cdef Py_ssize_t p
    cdef const real *a = o.a
    cdef const real *b = o.b
    for i in range(M):
        for j in range(N):
            acc[i][j] = v_set1(0) if o.d == NULL else v_load(o.d + i*o.ldd + j*LANES)
    for p in range(k):
        for j in range(N):
            row[j] = v_load(b + j*LANES)
            PREFETCH(b + 8*o.ldb + j*LANES)
        for i in range(M):
            x = v_set1(a[i*o.a_row])
            for j in range(N):
                acc[i][j] = acc[i][j] + x * row[j]
        a += o.a_col
        b += o.ldb
    for i in range(M):
        for j in range(N):
            v_store(o.c + i*o.ldc + j*LANES, acc[i][j])


cdef inline void tile_rows(int rows, const int N, Py_ssize_t k, const Operands *o) noexcept nogil:
    """The tile of N vectors with the given number of rows, at most tallest(N)."""
    if rows == 1:
        tile(1, N, k, o)
    elif rows == 2 and ACCUMULATORS >= 2*N:
        tile(2, N, k, o)
    elif rows == 3 and ACCUMULATORS >= 3*N:
        tile(3, N, k, o)
    elif rows == 4 and ACCUMULATORS >= 4*N:
        tile(4, N, k, o)
    elif rows == 5 and ACCUMULATORS >= 5*N:
        tile(5, N, k, o)
    elif rows == 6 and ACCUMULATORS >= 6*N:
        tile(6, N, k, o)
    elif rows == 7 and ACCUMULATORS >= 7*N:
        tile(7, N, k, o)
    elif rows == 8 and ACCUMULATORS >= 8*N:
        tile(8, N, k, o)
    elif rows == 9 and ACCUMULATORS >= 9*N:
        tile(9, N, k, o)
    elif rows == 10 and ACCUMULATORS >= 10*N:
        tile(10, N, k, o)
    elif rows == 11 and ACCUMULATORS >= 11*N:
        tile(11, N, k, o)
    elif rows == 12 and ACCUMULATORS >= 12*N:
        tile(12, N, k, o)
    elif rows == 13 and ACCUMULATORS >= 13*N:
        tile(13, N, k, o)
    elif rows == 14 and ACCUMULATORS >= 14*N:
        tile(14, N, k, o)
    elif rows == 15 and ACCUMULATORS >= 15*N:
        tile(15, N, k, o)
    elif rows == 16 and ACCUMULATORS >= 16*N:
        tile(16, N, k, o)


cdef inline int panel(Py_ssize_t height, Py_ssize_t vectors) noexcept nogil:
    """How many of the vectors still to do the next tiles of this height take: 3 is best for tall ones, 8 for one to
    three rows; a remainder of 4 is 4, or 2 + 2 where the tile is too tall for that."""
    if vectors >= 8 and height * 8 <= ACCUMULATORS:
        return 8
    if vectors <= 3:
        return <int>vectors
    if vectors == 4:
        return 4 if height * 4 <= ACCUMULATORS else 2
    return 3


cdef inline void tile_at(int width, int rows, Py_ssize_t k, const Operands *o) noexcept nogil:
    if width == 1:
        tile_rows(rows, 1, k, o)
    elif width == 2:
        tile_rows(rows, 2, k, o)
    elif width == 3:
        tile_rows(rows, 3, k, o)
    elif width == 4:
        tile_rows(rows, 4, k, o)
    else:
        tile_rows(rows, 8, k, o)


cdef inline Py_ssize_t tile_height(Py_ssize_t m, Py_ssize_t vectors) noexcept nogil:
    """Rows a tile for a product of m rows, shared evenly: 50 rows are 5 tiles of 10."""
    cdef Py_ssize_t most, tiles
    if vectors >= 8 and m * 8 <= ACCUMULATORS:
        return m
    most = ACCUMULATORS // (vectors if vectors <= 4 else 3)
    most = min(most, 16)
    tiles = (m + most - 1) // most
    return (m + tiles - 1) // tiles
