"""The register tiles: the inner loops of every matrix product.

    C[M, N] = D[M, N] + op(A)[M, K] B[K, N],     op(A) = A, or A^T

(a) A tile keeps M x N vectors of C in registers while k runs: one load of B is used for M rows, one broadcast of A for
    N vectors. M and N are literals where a tile is called, so that every loop over them unrolls and the accumulators
    stay in registers; `CYTHON_INLINE` is "always inline" for these modules.
(b) The sum over k runs in one order, one fused multiply-add at a time, starting from D (zeros, a bias row, or C
    itself): the bits of C do not depend on the tile, on how rows are grouped, or on where k is cut.
(c) B is prefetched eight rows ahead, once for each cache line: its rows are too far apart for the hardware's
    prefetcher. Every third row of A has a pointer: with the stride, all addresses fit the registers (a pointer for each
    row does not fit: 4 % of the time).
    k is counted down, which needs no register for the end (counted up: 3 % more time at width 16, 2 % at 32 and 64).
(d) Where B is stored transposed, its rows are k long and the tile is a block of dot products: the lanes run along k.
    A dot product has as many partial sums as 64 bytes have reals, whatever the width of a register, and they are
    added up in one order: its bits depend on k alone. k is a multiple of 64 bytes; the operands are padded with zeros.
(e) aarch64: a multiply-add takes its number of A from one lane of a register: for each k, 8 x 3 vectors are 24
    multiply-adds in 40 (clang 22) or 41 (GCC 12) instructions, 10 of them loads, without spills. Left to itself, clang
    broadcasts seven of the eight numbers with instructions that occupy a unit for multiply-adds. Four rows have a
    separate loop: clang does not unroll longer ones with `v_broadcast`.
"""

from cnn_core.kernels.vec cimport (
    ACCUMULATORS, BY_LANE, DOTS, GROUP, LANES, PREFETCH, ZEROS, address_keep, real, v_broadcast, v_high, v_keep, v_load,
    v_low, v_lt, v_set1, v_store, v_where, vec)

cdef enum:
    PRODUCT, DOT            # kinds of tile
    MOST_ROWS = 12          # most rows of a tile: with more, their addresses no longer fit the registers

cdef struct Operands:
    const real *a           # op(A)[i, p] at a[i*a_row + p*a_col]
    Py_ssize_t a_row, a_col
    const real *b           # row stride ldb
    Py_ssize_t ldb
    const real *d           # row stride ldd; ldd = 0 repeats one row; NULL means zeros
    Py_ssize_t ldd
    real *c
    Py_ssize_t ldc


cdef inline void multiply_rows(const int first, const int last, const int N, const real **third, Py_ssize_t a_row,
                               const vec *row, vec (*acc)[8]) noexcept nogil:
    """acc[first : last, N] += a[first : last] row[N]."""
    cdef vec x
    cdef int i, j
    for i in range(first, last):
        x = v_broadcast(third[i // 3] + i % 3 * a_row)
        for j in range(N):
            acc[i][j] = acc[i][j] + x * row[j]


cdef inline void multiply_columns(const int M, const int N, const real *a, Py_ssize_t a_row, const real *b,
                                  const real *ahead, vec (*acc)[8]) noexcept nogil:
    """acc[M, N] += a[M] b[N] for at most three rows, one vector of b at a time: eight do not fit beside 3 x 8 sums."""
    cdef vec x[3]
    cdef vec y
    cdef int i, j
    for i in range(M):
        x[i] = v_broadcast(a + i*a_row)
    for j in range(N):
        y = v_load(b + j*LANES)
        if (N - 1 - j) % GROUP == 0:
            PREFETCH(ahead + j*LANES)
        for i in range(M):
            acc[i][j] = acc[i][j] + x[i] * y


cdef inline void tile(const int M, const int N, Py_ssize_t k, const Operands *o) noexcept nogil:
    """C[M, N vectors] = D + op(A) B."""
    cdef vec acc[12][8]
    cdef vec row[8]
    cdef int i, j
    cdef Py_ssize_t left = k        # see (c)
    cdef const real *third[4]       # every third row of A, see (c)
    cdef const real *b = o.b
    cdef const real *ahead
    cdef const real *d = o.d if o.d != NULL else ZEROS      # a branch would compile the loop twice
    cdef real *c = o.c
    cdef Py_ssize_t ldd = o.ldd if o.d != NULL else 0
    cdef Py_ssize_t ldc = o.ldc, ldb = o.ldb, a_row = o.a_row, a_col = o.a_col
    # The accumulators start from D.
    for i in range(M):
        for j in range(N):
            acc[i][j] = v_load(d + i*ldd + j*LANES)
    for i in range((M + 2) // 3):
        third[i] = address_keep(o.a + 3*i*a_row)
    ahead = b + 8*ldb
    # One column of op(A) times one row of B at a time.
    while left > 0:
        left -= 1
        if BY_LANE and N == 8:
            multiply_columns(M, N, third[0], a_row, b, ahead, acc)
        else:
            for j in range(N):
                row[j] = v_load(b + j*LANES)
                if (N - 1 - j) % GROUP == 0:
                    PREFETCH(ahead + j*LANES)
            multiply_rows(0, min(M, 4) if BY_LANE else M, N, third, a_row, row, acc)
            if BY_LANE:
                multiply_rows(4, min(M, 8), N, third, a_row, row, acc)
                multiply_rows(8, M, N, third, a_row, row, acc)
        for i in range((M + 2) // 3):
            third[i] = third[i] + a_col
        b += ldb
        ahead += ldb
    for i in range(M):
        for j in range(N):
            v_store(c + i*ldc + j*LANES, acc[i][j])


cdef inline void fold_halves(const int half, vec *r) noexcept nogil:
    """Add pairs of lanes of 2 half vectors, which leaves half as many vectors."""
    cdef int i
    for i in range(half):
        r[i] = v_low(r[i], r[i + half]) + v_high(r[i], r[i + half])


cdef inline vec lane_sums(vec *r) noexcept nogil:
    """A vector whose lane i is the sum of the lanes of r[i], for LANES vectors. The halves are literals, which keeps
    all vectors in registers."""
    if LANES >= 16:
        fold_halves(8, r)
    if LANES >= 8:
        fold_halves(4, r)
    if LANES >= 4:
        fold_halves(2, r)
    if LANES >= 2:
        fold_halves(1, r)
    return r[0]


cdef inline void dot_tile(const int M, const int N, Py_ssize_t k, const Operands *o) noexcept nogil:
    """C[M, N] = D + A[M, k] B[N, k]^T."""
    dot_tile_kept(M, N, k, o, NULL, NULL)


cdef inline void dot_tile_kept(const int M, const int N, Py_ssize_t k, const Operands *o, const real *last,
                               const real *keep) noexcept nogil:
    """`dot_tile` with one more cache line unless `last` is NULL: of A the line at `last` (address for the first row),
    only lanes with positive `keep`; of B the line after the others."""
    cdef vec acc[12][8][4]
    cdef vec row[8]
    cdef vec total[48]
    cdef vec zero = v_keep(v_set1(0)), x        # GCC would clear the array with a call or a string instruction
    cdef int i, j, g
    cdef Py_ssize_t p = 0
    for i in range(M):
        for j in range(N):
            for g in range(GROUP):
                acc[i][j][g] = zero
    while p < k:
        for g in range(GROUP):
            for j in range(N):
                row[j] = v_load(o.b + j*o.ldb + p)
                if GROUP == 4:
                    row[j] = v_keep(row[j])         # clang for aarch64 would move the sums of 3 x 2 at each step
            for i in range(M):
                x = v_keep(v_load(o.a + i*o.a_row + p))
                if g == 0:
                    PREFETCH(o.a + i*o.a_row + p + 8*LANES*GROUP)
                for j in range(N):
                    acc[i][j][g] = acc[i][j][g] + x * row[j]
            p += LANES
    if last != NULL:
        for g in range(GROUP):
            for j in range(N):
                row[j] = v_load(o.b + j*o.ldb + p)
            for i in range(M):
                x = v_where(v_lt(zero, v_load(keep + g*LANES)), v_load(last + i*o.a_row + g*LANES))
                for j in range(N):
                    acc[i][j][g] = acc[i][j][g] + x * row[j]
            p += LANES
    for i in range(M):
        for j in range(N):
            if GROUP == 4:
                acc[i][j][0] = acc[i][j][0] + acc[i][j][2]
                acc[i][j][1] = acc[i][j][1] + acc[i][j][3]
            total[i*N + j] = acc[i][j][0] + acc[i][j][1] if GROUP >= 2 else acc[i][j][0]
    dot_results(M, N, total, o)


cdef inline void dot_results(const int M, const int N, vec *total, const Operands *o) noexcept nogil:
    """C[M, N] = D + sums of the lanes of total[M * N]; total has room for a multiple of LANES vectors."""
    cdef real sums[48]
    cdef int i, j
    for i in range(M*N, (M*N + LANES - 1) // LANES * LANES):
        total[i] = v_set1(0)
    for i in range((M*N + LANES - 1) // LANES):
        v_store(sums + i*LANES, lane_sums(total + i*LANES))
    for i in range(M):
        for j in range(N):
            o.c[i*o.ldc + j] = sums[i*N + j] if o.d == NULL else sums[i*N + j] + o.d[i*o.ldd + j]


cdef inline bint fits(const int kind, const int M, const int N) noexcept nogil:
    """Whether a tile's accumulators fit the registers."""
    return M*N <= ACCUMULATORS if kind == PRODUCT else M*N <= DOTS


cdef inline void tile_column(const int kind, const int M, const int N, int count, Py_ssize_t k,
                             Operands *o) noexcept nogil:
    """`count` tiles one below the other; advances o. Literal loops inside another loop keep their accumulators in
    registers, and so small a loop leaves registers for addresses (GCC; without either, 784-196-1 takes 10 % more
    time)."""
    cdef int _
    for _ in range(count):
        if kind == PRODUCT:
            tile(M, N, k, o)
        else:
            dot_tile(M, N, k, o)
        o.a += M*o.a_row
        o.c += M*o.ldc
        if o.d != NULL:
            o.d += M*o.ldd


cdef inline void tile_rows(const int kind, int rows, const int N, int count, Py_ssize_t k, Operands *o) noexcept nogil:
    """`tile_column` for `rows` rows, at most MOST_ROWS, if such a tile fits the registers."""
    if rows == 1:
        tile_column(kind, 1, N, count, k, o)
    elif rows == 2 and fits(kind, 2, N):
        tile_column(kind, 2, N, count, k, o)
    elif rows == 3 and fits(kind, 3, N):
        tile_column(kind, 3, N, count, k, o)
    elif rows == 4 and fits(kind, 4, N):
        tile_column(kind, 4, N, count, k, o)
    elif rows == 5 and fits(kind, 5, N):
        tile_column(kind, 5, N, count, k, o)
    elif rows == 6 and fits(kind, 6, N):
        tile_column(kind, 6, N, count, k, o)
    elif rows == 7 and fits(kind, 7, N):
        tile_column(kind, 7, N, count, k, o)
    elif rows == 8 and fits(kind, 8, N):
        tile_column(kind, 8, N, count, k, o)
    elif rows == 9 and fits(kind, 9, N):
        tile_column(kind, 9, N, count, k, o)
    elif rows == 10 and fits(kind, 10, N):
        tile_column(kind, 10, N, count, k, o)
    elif rows == 11 and fits(kind, 11, N):
        tile_column(kind, 11, N, count, k, o)
    elif rows == 12 and fits(kind, 12, N):
        tile_column(kind, 12, N, count, k, o)


cdef inline int panel_vectors(Py_ssize_t height, Py_ssize_t vectors) noexcept nogil:
    """Width of the next tiles, of `vectors` columns that are left: 3 is best for tall tiles, 8 for one to three rows;
    the last 4 are one tile of 4, or 2 + 2 if the tile is too tall for that."""
    if vectors >= 8 and height * 8 <= ACCUMULATORS:
        return 8
    if vectors <= 3:
        return <int>vectors
    if vectors == 4:
        return 4 if height * 4 <= ACCUMULATORS else 2
    return 3


cdef inline void tile_at(const int kind, int width, int rows, int count, Py_ssize_t k, Operands *o) noexcept nogil:
    """`count` tiles one below the other; advances o."""
    if width == 1:
        tile_rows(kind, rows, 1, count, k, o)
    elif width == 2:
        tile_rows(kind, rows, 2, count, k, o)
    elif width == 3 and kind == PRODUCT:
        tile_rows(kind, rows, 3, count, k, o)
    elif width == 4 and fits(kind, 1, 4):
        tile_rows(kind, rows, 4, count, k, o)
    elif fits(kind, 1, 8):
        tile_rows(kind, rows, 8, count, k, o)


cdef inline int dot_width(Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    """Width of the next dot tiles, for m rows and n units that are left: as close to a square as the registers
    allow."""
    if n >= 8 and DOTS // 8 >= min(m, 8):
        return 8
    if n >= 4 and DOTS // 4 >= min(m, 4):
        return 4
    if n >= 2 and DOTS // 2 >= min(m, 2):
        return 2
    return 1


cdef inline Py_ssize_t tile_height(Py_ssize_t m, Py_ssize_t vectors) noexcept nogil:
    """Rows of each tile in a product of m rows, evenly divided: 50 rows are 5 tiles of 10."""
    cdef Py_ssize_t most, tiles
    if vectors >= 8 and m * 8 <= ACCUMULATORS:
        return m
    if vectors == 1:
        most = MOST_ROWS
    elif vectors == 2:
        most = ACCUMULATORS // 2
    else:
        most = ACCUMULATORS // 4 if vectors == 4 else ACCUMULATORS // 3
    if m <= most:
        return m                    # a division takes as long as a small product
    tiles = (m + most - 1) // most
    return (m + tiles - 1) // tiles
