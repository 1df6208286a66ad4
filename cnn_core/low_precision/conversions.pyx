"""Operands of the products: rounded to bfloat16 or int8, in the layouts of note (a)."""

cdef enum:
    BLOCK = 64          # bytes to whose multiple k is padded
    ROWS_OF_B = 16      # that are packed together


cdef inline Py_ssize_t padded(Py_ssize_t k, Py_ssize_t each) noexcept nogil:
    """k rounded up to a multiple of `each`."""
    return (k + each - 1) // each * each


cdef inline void transpose(vec *r) noexcept nogil:
    """Transpose LANES x LANES words."""
    cdef vec s[LANES]
    cdef int i, half = LANES // 2, width = 1
    while width < LANES:
        for i in range(LANES // 2):
            s[2*i], s[2*i + 1] = v_low(r[i], r[i + half]), v_high(r[i], r[i + half])
        for i in range(LANES):
            r[i] = s[i]
        width *= 2


cdef void round_rows(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx, void *a, Py_ssize_t lda) noexcept nogil:
    """A[m, k] = X[m, k]."""
    cdef Py_ssize_t i, p, whole = k // (2*LANES) * (2*LANES), end = padded(k, BLOCK // 2)
    cdef char *row
    for i in range(m):
        row = <char *>a + i*lda
        p = 0
        while p < whole:
            w_store(row + 2*p, w_row(v_load(x + p), v_load(x + p + LANES)))
            p += 2*LANES
        while p < end:
            w_store(row + 2*p, w_row(v_load_first(x + p, max(k - p, 0)),
                                     v_load_first(x + p + LANES, max(k - p - LANES, 0))))
            p += 2*LANES
        x += ldx


cdef inline vec row_part(Py_ssize_t p, Py_ssize_t k, Py_ssize_t n, const real *x, Py_ssize_t ldx) noexcept nogil:
    """The first n numbers of row p of k rows; zeros behind the last row."""
    return v_load_first(x + p*ldx, n) if p < k else v_set1(0)


cdef void round_columns(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx, void *a,
                        Py_ssize_t lda) noexcept nogil:
    """A[m, k] = X[k, m]^T."""
    cdef vec r[LANES]
    cdef Py_ssize_t i, p = 0, end = padded(k, BLOCK // 2), n
    cdef int t
    while p < end:      # rows of X are read from end to end
        i = 0
        while i < m:
            n = min(m - i, <Py_ssize_t>LANES)
            for t in range(LANES):
                r[t] = w_real(w_pairs(row_part(p + 2*t, k, n, x + i, ldx), row_part(p + 2*t + 1, k, n, x + i, ldx)))
            transpose(r)
            for t in range(LANES):
                if t < n:
                    v_store(<real *>(<char *>a + (i + t)*lda + 2*p), r[t])
            i += LANES
        p += 2*LANES


cdef void pack(Py_ssize_t k, Py_ssize_t n, const real *b, Py_ssize_t ldb, void *packed,
               Py_ssize_t panel) noexcept nogil:
    """Panels of B[k, n], `panel` bytes apart: a block of rows at a time, of all panels."""
    cdef Py_ssize_t start = 0, j, p, end = padded(k, BLOCK // 2)
    cdef char *out
    cdef int t
    while start < end:
        for j in range(padded(n, 16) // LANES):
            out = <char *>packed + j // PARTS * panel + j % PARTS * 4*LANES + 32*start
            for t in range(ROWS_OF_B // 2):
                p = start + 2*t
                w_store(out, w_pairs(row_part(p, k, max(n - j*LANES, 0), b + j*LANES, ldb),
                                     row_part(p + 1, k, max(n - j*LANES, 0), b + j*LANES, ldb)))
                out += 64
        start += ROWS_OF_B


cdef void pack_transposed(Py_ssize_t k, Py_ssize_t n, const real *b, Py_ssize_t ldb, void *packed,
                          Py_ssize_t panel) noexcept nogil:
    """Panels of B[n, k]^T, `panel` bytes apart."""
    cdef vec r[LANES]
    cdef Py_ssize_t j = 0, p, end = padded(k, BLOCK // 2)
    cdef char *out
    cdef int t
    while j < padded(n, 16):
        out = <char *>packed + j // 16 * panel + j % 16 * 4
        p = 0
        while p < end:
            for t in range(LANES):
                r[t] = w_real(w_row(row_part(j + t, n, max(k - p, 0), b + p, ldb),
                                    row_part(j + t, n, max(k - p - LANES, 0), b + p + LANES, ldb)))
            transpose(r)
            for t in range(LANES):
                v_store(<real *>(out + 32*p + 64*t), r[t])
            p += 2*LANES
        j += LANES


cdef void quantize_rows(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx, const real *factor,
                        const real *shift, bint for_each_column, void *a, Py_ssize_t lda) noexcept nogil:
    """A[m, k] = clamp(round(X[m, k] * factor + shift), 0, 255); factor and shift have one number or k numbers."""
    cdef Py_ssize_t i, p, n, end = padded(k, BLOCK)
    cdef vec by = v_set1(factor[0]), plus = v_set1(shift[0])
    for i in range(m):
        p = 0
        while p < k:
            n = k - p
            if for_each_column:
                by, plus = v_load_first(factor + p, n), v_load_first(shift + p, n)
            store_quantized(<char *>a + i*lda + p, v_load_first(x + i*ldx + p, n), by, plus)
            p += LANES
        memset(<char *>a + i*lda + k, 0, end - k)


cdef void pack_int8(Py_ssize_t k, Py_ssize_t n, const int8_t *b, Py_ssize_t ldb, void *packed) noexcept nogil:
    """Panels of B[k, n]."""
    cdef Py_ssize_t j, p, end = padded(k, BLOCK)
    cdef int8_t *out = <int8_t *>packed
    memset(out, 0, padded(n, 16)*end)
    for p in range(k):
        for j in range(n):
            out[j // 16 * 16*end + p // 4 * 64 + j % 16 * 4 + p % 4] = b[p*ldb + j]
