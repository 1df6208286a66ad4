"""The products: tiles of ROWS rows and PANELS panels of 16 columns, whose sums stay in registers while k runs."""

cdef enum:
    BFLOAT16, INT8      # kinds of operands

cdef struct Factors:
    Py_ssize_t words            # of k
    const char *a
    Py_ssize_t lda              # bytes
    const char *b               # first panel of a tile
    Py_ssize_t panel            # bytes from one panel to the next
    const char *ahead           # of AMX: panels that are used next, or NULL
    Py_ssize_t lines            # cache lines of them that a step of the product fetches
    const real *d               # bfloat16: rows ldd apart
    Py_ssize_t ldd
    const real *scale           # int8: for each column
    const real *bias
    real *c
    Py_ssize_t ldc


cdef inline void tile(const int kind, const int M, const int N, const Factors *f) noexcept nogil:
    """C[M, N panels] = D + A B; for int8 bias + scale * (A B)."""
    cdef vec acc[8][16]             # one of them is used; casts between them would keep sums out of registers
    cdef ivec counts[8][16]
    cdef ivec column[16]
    cdef ivec word
    cdef int i, j
    cdef Py_ssize_t _
    cdef const char *a = f.a
    cdef const char *b = f.b
    cdef Py_ssize_t lda = f.lda, panel = f.panel
    for i in range(M):
        for j in range(N*PARTS):
            if kind == BFLOAT16:
                acc[i][j] = v_load(f.d + i*f.ldd + j*LANES)
            else:
                counts[i][j] = w_zero()
    for _ in range(f.words):
        for j in range(N*PARTS):
            column[j] = w_load(b + j // PARTS * panel + j % PARTS * 4*LANES)
        for i in range(M):
            word = w_set1(a + i*lda)
            for j in range(N*PARTS):
                if kind == BFLOAT16:
                    acc[i][j] = dot_bfloat16(acc[i][j], word, column[j])
                else:
                    counts[i][j] = dot_int8(counts[i][j], word, column[j])
        a += 4
        b += 64
    for i in range(M):
        for j in range(N*PARTS):
            if kind == BFLOAT16:
                v_store(f.c + i*f.ldc + j*LANES, acc[i][j])
            else:
                v_store(f.c + i*f.ldc + j*LANES, v_rounded(w_to_real(counts[i][j]) * v_load(f.scale + j*LANES))
                        + v_load(f.bias + j*LANES))


cdef inline void tile_column(const int kind, const int N, Py_ssize_t m, Factors f) noexcept nogil:
    """`tile` for m rows."""
    cdef int rows
    while m > 0:
        if m >= ROWS:
            rows = ROWS
            tile(kind, ROWS, N, &f)
        else:
            rows = 1
            tile(kind, 1, N, &f)
        f.a += rows*f.lda
        if kind == BFLOAT16:
            f.d += rows*f.ldd
        f.c += rows*f.ldc
        m -= rows


cdef inline void product(const int kind, Py_ssize_t m, Py_ssize_t n, Factors f) noexcept nogil:
    """C[m, n] in whole panels."""
    cdef int panels
    while n > 0:
        if m == 1 and n > 16*(PANELS_OF_ONE - 1):       # fewer sums would wait for each other
            panels = PANELS_OF_ONE
            tile(kind, 1, PANELS_OF_ONE, &f)
        elif m == 1 and PANELS_OF_ONE == 8 and n > 48:
            panels = 4
            tile(kind, 1, 4, &f)
        elif n > 16*(PANELS - 1):
            panels = PANELS
            tile_column(kind, PANELS, m, f)
        else:
            panels = 1
            tile_column(kind, 1, m, f)
        f.b += panels*f.panel
        if kind == INT8:
            f.scale += 16*panels
            f.bias += 16*panels
        elif f.d != NO_ROW:
            f.d += 16*panels
        f.c += 16*panels
        n -= 16*panels
