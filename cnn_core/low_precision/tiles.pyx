"""The products with the tiles of AMX: 32 rows and two panels at a time, or 16 rows and four panels.

(d) B of up to CACHED bytes stays in L2 while A passes, 32 rows at a time; C is written row by row. k is cut so that
    these rows of A stay in L1 (128x512x784: 1,700 GFLOP/s, and 1,450 with whole rows of A).
(e) Of a larger B, each pair of panels is read once for a block of A that stays in L2, and the next pair is fetched
    meanwhile (512x2048x2048: 1,430 GFLOP/s, without fetching 1,300, and 1,150 in the order of (d)).
(f) C is fetched before it is written: 10000x512x512 rose from 1,150 to 1,440 GFLOP/s.
(g) The instruction tdpbf16ps adds the even and the odd numbers of 32 apart, each from 0 with fused multiply-adds, then
    their sum to C: for all of 5 million random sums, the bits are those of its documentation.
(h) Setting up the tiles takes as long as a small product. One row, and few rows of a small layer, are multiplied as
    without AMX (one row of 32-64-64-1: 320 ns, with tiles 640 ns; 784-100-10: 1,150 and 1,470); in bfloat16 one row of
    a small layer only, since two products then take four instructions (32-64-64-1: 430 ns, with tiles 650 ns).
"""

cdef enum:
    STEPS = 16                  # of 64 bytes, at which k is cut in (d)
    LONG_STEPS = 64             # in (e)
    CACHED = 1 << 20
    FEW_INT8 = 1 << 14          # products that are computed without tiles, see (h)
    FEW_BFLOAT16 = 1 << 12      # of one row


cdef inline void scale_in_place(Py_ssize_t rows, Py_ssize_t panels, const Factors *f) noexcept nogil:
    """C = bias + scale * C, of int32 sums."""
    cdef Py_ssize_t i, j
    cdef real *c
    for i in range(rows):
        for j in range(panels):
            c = f.c + i*f.ldc + 16*j
            v_store(c, v_rounded(w_to_real(w_load(c)) * v_load(f.scale + 16*j)) + v_load(f.bias + 16*j))


cdef inline void tiles(const int kind, const int R, const int P, Py_ssize_t steps, const Factors *f) noexcept nogil:
    """C[R tiles, P panels] = D + A B."""
    cdef Py_ssize_t _, panel = f.panel
    cdef const char *a = f.a
    cdef const char *b = f.b
    cdef const real *c = f.c
    cdef const char *ahead = f.ahead
    cdef Py_ssize_t line
    cdef int i, j
    for i in range(R):
        for j in range(P):
            if f.d == NULL:
                t_zero(2*i + j)
            else:
                t_load(2*i + j, f.d + 16*i*f.ldd + 16*j, 4*f.ldd)
    for _ in range(steps):
        t_load(4, a, f.lda)
        if R == 2:
            t_load(5, a + 16*f.lda, f.lda)
        for j in range(P):
            t_load(6 + j if j < 2 else 3 + j, b + j*panel, 64)
            t_dot(kind, j, 0)
            if R == 2:
                t_dot(kind, 2 + j, 1)
        a += 64
        b += 1024
        if P == 2 and ahead != NULL:
            for line in range(f.lines):
                PREFETCH(ahead + 64*line)
                PREFETCH(ahead + panel + 64*line)
            ahead += 64*f.lines
        if R == 2 and c < f.c + 32*f.ldc:
            for j in range(P):
                PREFETCH(c + 16*j)
            c += f.ldc
            for j in range(P):
                PREFETCH(c + 16*j)
            c += f.ldc
    for i in range(R):
        for j in range(P):
            t_store(2*i + j, f.c + 16*i*f.ldc + 16*j, 4*f.ldc)


cdef inline void tiles_of_rows(const int kind, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t steps, bint last,
                               Factors f) noexcept nogil:
    """C[rows, n] for one block of k, at most 32 rows."""
    cdef Py_ssize_t panels
    while n > 0:
        panels = 1
        if rows > 16 and n > 16:
            panels = 2
            tiles(kind, 2, 2, steps, &f)
        elif rows > 16:
            tiles(kind, 2, 1, steps, &f)
        elif n > 48:
            panels = 4
            tiles(kind, 1, 4, steps, &f)
        else:
            tiles(kind, 1, 1, steps, &f)
        if kind == INT8:
            if last:
                scale_in_place(rows, panels, &f)
            f.scale += 16*panels
            f.bias += 16*panels
        f.b += panels*f.panel
        f.c += 16*panels
        if f.d != NULL:
            f.d += 16*panels
        n -= 16*panels


cdef inline void tiles_of_block(const int kind, Py_ssize_t m, Py_ssize_t n, Py_ssize_t steps, bint last,
                                Factors f) noexcept nogil:
    """C[m, n] for one block of k."""
    cdef Py_ssize_t rows, before = 0
    while m > 0:
        rows = min(m, <Py_ssize_t>32)
        if rows != before:
            t_configure(<int>min(rows, <Py_ssize_t>16), <int>(rows - 16 if rows > 16 else 0))
            before = rows
        tiles_of_rows(kind, rows, n, steps, last, f)
        f.a += rows*f.lda
        f.c += rows*f.ldc
        if f.d != NULL:
            f.d += rows*f.ldd
        if f.ahead != NULL:
            f.ahead += 64*f.lines*steps
        m -= rows


cdef inline void product_of_block(const int kind, Py_ssize_t m, Py_ssize_t n, Py_ssize_t block,
                                  Factors f) noexcept nogil:
    """C[m, n], `block` columns at a time: n, or 32."""
    cdef Py_ssize_t done, columns, some, all_steps = f.words // 16, steps
    cdef Factors g
    steps = STEPS if block == n else LONG_STEPS
    steps = (all_steps + steps - 1) // steps    # blocks of k
    steps = (all_steps + steps - 1) // steps
    while n > 0:
        columns = min(n, block)
        g = f
        done = 0
        while done < all_steps:
            some = min(steps, all_steps - done)
            g.ahead, g.lines = NULL, 0
            if block == 32 and n > 32 and m >= 64:
                g.ahead, g.lines = g.b + 2*f.panel, (16*32 + m - 1) // m
            tiles_of_block(kind, m, columns, some, done + some == all_steps, g)
            done += some
            g.a += 64*some
            g.b += 1024*some
            g.d, g.ldd = g.c, g.ldc
        f.b += columns // 16 * f.panel
        f.c += columns
        if f.d != NULL:
            f.d += columns
        if kind == INT8:
            f.scale += columns
            f.bias += columns
        n -= columns


cdef inline void row_tile(const int N, const Factors *f) noexcept nogil:
    """C[1, N panels] = D + A B, of bfloat16, in the order of (g)."""
    cdef vec total[4]
    cdef vec first[4]
    cdef vec second[4]
    cdef ivec word, column
    cdef int j, w
    cdef Py_ssize_t _, panel = f.panel
    cdef const char *a = f.a
    cdef const char *b = f.b
    for j in range(N):
        total[j] = v_load(f.d + j*LANES) if f.d != NULL else v_set1(0)
    for _ in range(f.words // 16):
        for j in range(N):
            first[j] = second[j] = v_set1(0)
        for w in range(16):
            word = w_set1(a + 4*w)
            for j in range(N):
                column = w_load(b + j*panel + 64*w)
                first[j] = first[j] + w_first(word) * w_first(column)
                second[j] = second[j] + w_second(word) * w_second(column)
        for j in range(N):
            total[j] = total[j] + (first[j] + second[j])
        a += 64
        b += 1024
    for j in range(N):
        v_store(f.c + j*LANES, total[j])


cdef void row_product(Py_ssize_t n, Factors f) noexcept nogil:
    """C[1, n] in whole panels, of bfloat16."""
    cdef Py_ssize_t panels
    while n > 0:
        panels = 4 if n > 48 else 1
        if panels == 4:
            row_tile(4, &f)
        else:
            row_tile(1, &f)
        f.b += panels*f.panel
        f.c += 16*panels
        if f.d != NULL:
            f.d += 16*panels
        n -= 16*panels


cdef void product_of_tiles(const int kind, Py_ssize_t m, Py_ssize_t n, Factors f) noexcept nogil:
    """C[m, n] in whole panels."""
    cdef Py_ssize_t rows, most = m, block = n
    if m > 32 and 4*f.words * n > CACHED:
        block = 32
        most = max(CACHED // (4*f.words) // 32 * 32, <Py_ssize_t>32)
    while m > 0:
        rows = min(m, most)
        product_of_block(kind, rows, n, block, f)
        f.a += rows*f.lda
        f.c += rows*f.ldc
        if f.d != NULL:
            f.d += rows*f.ldd
        m -= rows
    t_release()


cdef void multiply(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const void *a, Py_ssize_t lda, const void *packed,
                   Py_ssize_t panel, const real *d, Py_ssize_t ldd, real *c, Py_ssize_t ldc) noexcept nogil:
    """C[m, n] = D[m, n] + A[m, k] B[k, n], of bfloat16; ldd = 0 repeats a row, and D NULL means zeros."""
    cdef Factors f
    cdef fp_state saved = flush_subnormals()
    if d == NULL and not TILES:
        d, ldd = NO_ROW, 0
    f.words, f.a, f.lda, f.b = padded(k, 32) // 2, <const char *>a, lda, <const char *>packed
    f.panel = panel
    f.d, f.ldd, f.c, f.ldc = d, ldd, c, ldc
    f.scale = f.bias = NULL
    if TILES and m == 1 and n*k <= FEW_BFLOAT16:
        row_product(n, f)
    elif TILES:
        product_of_tiles(BFLOAT16, m, n, f)
    else:
        product(BFLOAT16, m, n, f)
    restore_fp(saved)


cdef void multiply_int8(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const void *a, Py_ssize_t lda, const void *packed,
                        const real *scale, const real *bias, real *c, Py_ssize_t ldc) noexcept nogil:
    """C[m, n] = bias[n] + scale[n] * (A[m, k] B[k, n]), of uint8 and int8."""
    cdef Factors f
    cdef fp_state saved = flush_subnormals()
    f.words, f.a, f.lda, f.b = padded(k, 64) // 4, <const char *>a, lda, <const char *>packed
    f.panel = 64*f.words
    f.d, f.ldd, f.c, f.ldc = NULL, 0, c, ldc
    f.scale, f.bias = scale, bias
    if TILES and m > 1 and m*n*k > FEW_INT8:
        product_of_tiles(INT8, m, n, f)
    else:
        product(INT8, m, n, f)
    restore_fp(saved)
