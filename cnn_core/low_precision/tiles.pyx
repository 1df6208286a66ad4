"""The products with the tiles of AMX."""

cdef enum:
    BLOCKS_OF_K = 16            # of 64 bytes: two panels of B, 32 KiB, stay in L1 while all rows of A pass
    ROWS_OF_A = 512             # so that A, 512 KiB, stays in L2 while all panels of B pass


cdef inline void scale_in_place(Py_ssize_t rows, Py_ssize_t panels, const Factors *f) noexcept nogil:
    """C = bias + scale * C, of int32 sums."""
    cdef Py_ssize_t i, j
    cdef real *c
    for i in range(rows):
        for j in range(panels):
            c = f.c + i*f.ldc + 16*j
            v_store(c, v_rounded(w_to_real(w_load(c)) * v_load(f.scale + 16*j)) + v_load(f.bias + 16*j))


cdef inline void tiles(const int kind, const int R, const int P, Py_ssize_t blocks, const Factors *f) noexcept nogil:
    """C[R tiles, P panels] = D + A B, for `blocks` of 64 bytes of k."""
    cdef Py_ssize_t _, panel = 64*f.words
    cdef const char *a = f.a
    cdef const char *b = f.b
    cdef int i, j
    for i in range(R):
        for j in range(P):
            t_load(2*i + j, f.d + 16*i*f.ldd + (16*j if f.d != ZEROS else 0), 4*f.ldd)
    for _ in range(blocks):
        t_load(4, a, f.lda)
        if R == 2:
            t_load(5, a + 16*f.lda, f.lda)
        for j in range(P):
            t_load(6 + j % 2, b + j*panel, 64)
            t_dot(kind, j, 0)
            if R == 2:
                t_dot(kind, 2 + j, 1)
        a += 64
        b += 1024
    for i in range(R):
        for j in range(P):
            t_store(2*i + j, f.c + 16*i*f.ldc + 16*j, 4*f.ldc)


cdef inline void tiles_of_rows(const int kind, const int R, Py_ssize_t m, Py_ssize_t n, Py_ssize_t blocks,
                               Py_ssize_t rows, bint last, Factors f) noexcept nogil:
    """C[m, n] for one block of k, m a multiple of `rows`, which are R tiles."""
    cdef Py_ssize_t i, panels, most = 2 if R == 2 else 4
    cdef Factors g
    while n > 0:
        panels = most if n > 16*(most - 1) else 1
        g = f
        for i in range(0, m // rows):
            if R == 2 and panels == 2:
                tiles(kind, 2, 2, blocks, &g)
            elif R == 2:
                tiles(kind, 2, 1, blocks, &g)
            elif panels == 4:
                tiles(kind, 1, 4, blocks, &g)
            else:
                tiles(kind, 1, 1, blocks, &g)
            if kind == INT8 and last:
                scale_in_place(rows, panels, &g)
            g.a += rows*g.lda
            g.d += rows*g.ldd
            g.c += rows*g.ldc
        f.b += panels * 64*f.words
        f.c += 16*panels
        if f.d != ZEROS:
            f.d += 16*panels
        if kind == INT8:
            f.scale += 16*panels
            f.bias += 16*panels
        n -= 16*panels


cdef inline void product_of_rows(const int kind, const int R, Py_ssize_t m, Py_ssize_t n, Py_ssize_t rows,
                                 Factors f) noexcept nogil:
    """C[m, n], m a multiple of `rows`, which are R tiles."""
    cdef Py_ssize_t k = 0, blocks = f.words // 16, some
    t_configure(<int>min(rows, <Py_ssize_t>16), <int>(rows - 16 if R == 2 else rows))
    while k < blocks:
        some = min(blocks - k, <Py_ssize_t>BLOCKS_OF_K)
        tiles_of_rows(kind, R, m, n, some, rows, k + some == blocks, f)
        f.a += 64*some
        f.b += 1024*some
        f.d, f.ldd = f.c, f.ldc
        k += some


cdef void product_of_tiles(const int kind, Py_ssize_t m, Py_ssize_t n, Factors f) noexcept nogil:
    """C[m, n] in whole panels."""
    cdef Py_ssize_t rows
    while m > 0:
        rows = min(m // 32 * 32, <Py_ssize_t>ROWS_OF_A)
        if rows > 0:
            product_of_rows(kind, 2, rows, n, 32, f)
        elif m > 16:
            rows = m
            product_of_rows(kind, 2, rows, n, rows, f)
        else:
            rows = m
            product_of_rows(kind, 1, rows, n, rows, f)
        f.a += rows*f.lda
        f.d += rows*f.ldd
        f.c += rows*f.ldc
        m -= rows
    t_release()


cdef void multiply(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const void *a, Py_ssize_t lda, const void *packed,
                   const real *d, Py_ssize_t ldd, real *c, Py_ssize_t ldc) noexcept nogil:
    """C[m, n] = D[m, n] + A[m, k] B[k, n], of bfloat16; ldd = 0 repeats a row, and D NULL means zeros."""
    cdef Factors f
    cdef fp_state saved = flush_subnormals()
    f.words, f.a, f.lda, f.b = padded(k, 32) // 2, <const char *>a, lda, <const char *>packed
    f.d, f.ldd, f.c, f.ldc = d if d != NULL else ZEROS, ldd if d != NULL else 0, c, ldc
    f.scale = f.bias = NULL
    if TILES:
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
    f.d, f.ldd, f.c, f.ldc = ZEROS, 0, c, ldc
    f.scale, f.bias = scale, bias
    if TILES:
        product_of_tiles(INT8, m, n, f)
    else:
        product(INT8, m, n, f)
    restore_fp(saved)
