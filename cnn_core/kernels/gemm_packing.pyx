"""Copies that `gemm` makes: B in panels of vectors, rows of A in contiguous memory, C transposed."""

from libc.string cimport memcpy

from cnn_core.kernels.activations cimport transpose_block
from cnn_core.kernels.partition cimport round_up_to_cache_line
from cnn_core.kernels.vec cimport GROUP, LANES, PREFETCH, real, v_load, v_set1, v_store

cdef struct Block:              # part of a product: C[m, n] = or += A[m, k] B[k, n]
    Py_ssize_t m, n, k
    const real *a
    Py_ssize_t a_row, a_col
    const real *b               # B in place
    Py_ssize_t b_row
    bint direct
    bint single                 # direct, for a product of one row
    const real *panels          # copied panels of k x width vectors; of a direct B only the last one if not whole
    Py_ssize_t dots             # columns after the first n, which are dot products
    const real *columns         # copies of these columns, at a stride of `round_up_to_cache_line(k)`
    real *c
    Py_ssize_t ldc
    bint from_zero              # the first block of k: C =, else C +=


cdef inline Py_ssize_t round_up(Py_ssize_t count, Py_ssize_t group) noexcept nogil:
    """count rounded up to a multiple of group."""
    return (count + group - 1) // group * group


cdef void copy(Py_ssize_t n, const real *source, real *target) noexcept nogil:
    """target[n] = source[n] in whole vectors, the last of which overlaps the one before; few numbers in overlapping
    halves."""
    cdef Py_ssize_t j = 0, size = sizeof(real)
    if n >= LANES:
        while j + LANES < n:
            v_store(target + j, v_load(source + j))
            j += LANES
        v_store(target + n - LANES, v_load(source + n - LANES))
    elif n*size >= 32:
        memcpy(target, source, 32)
        memcpy(target + n - 32//size, source + n - 32//size, 32)
    elif n*size >= 16:
        memcpy(target, source, 16)
        memcpy(target + n - 16//size, source + n - 16//size, 16)
    else:
        for j in range(n):
            target[j] = source[j]


cdef void transpose(const real *source, Py_ssize_t lds, Py_ssize_t rows, real *target, Py_ssize_t ldt,
                    Py_ssize_t columns) noexcept nogil:
    """The only compiled copy of `transpose_block`, which is large."""
    transpose_block(source, lds, rows, target, ldt, columns)


cdef inline int panel_width(const Block *s, Py_ssize_t j) noexcept nogil:
    """Vectors of the panel at column j: three, but the last four are two and two."""
    cdef Py_ssize_t vectors = round_up(s.n - j, LANES) // LANES
    return <int>vectors if vectors <= 2 else 2 if vectors == 4 else 3


cdef inline Py_ssize_t shift_of(const Block *s, Py_ssize_t j, int width) noexcept nogil:
    """Columns by which the last panel starts earlier to be whole; they are computed again, with the same bits."""
    return max(<Py_ssize_t>0, j + width*LANES - s.n) if width*LANES <= s.n else 0


cdef void pack_panel(Py_ssize_t k, Py_ssize_t n, const real *b, Py_ssize_t row, Py_ssize_t column, int ld,
                     real *panel) noexcept nogil:
    """panel[k, ld] = B[k, n], then zeros."""
    cdef Py_ssize_t p = 0, j, v, q, count, _
    cdef real square[16*16]
    # B stored transposed: blocks are transposed in registers.
    if row == 1 and column != 1:
        while p < k:
            count = min(k - p, LANES)
            v = 0
            while v < ld:
                if count == LANES:
                    transpose(b + v*column + p, column, n - v, panel + p*ld + v, ld, LANES)
                else:
                    for q in range(min(LANES, n - v)):
                        memcpy(square + q*LANES, b + (v + q)*column + p, count*sizeof(real))
                    transpose(square, LANES, n - v, panel + p*ld + v, ld, count)
                v += LANES
            p += LANES
        return
    for _ in range(k):
        if column == 1 and n == ld:
            v = 0
            while v < ld:
                v_store(panel + v, v_load(b + v))
                v += LANES
        else:
            v = 0
            while v < ld:
                v_store(panel + v, v_set1(0))
                v += LANES
            if column == 1:
                copy(n, b, panel)
            else:
                for j in range(n):
                    panel[j] = b[j*column]
        panel += ld
        b += row


cdef void pack_columns(Block *s, Py_ssize_t row, Py_ssize_t column, real *panels) noexcept nogil:
    """Copy the panels of a block, and after them its columns that are dot products."""
    cdef Py_ssize_t j = 0, p, q, ld = round_up_to_cache_line(s.k), full = s.k - s.k % (LANES*GROUP), columns, shift
    cdef int width
    cdef const real *b
    s.panels = panels
    while j < s.n:
        width = panel_width(s, j)
        columns = min(s.n - j, <Py_ssize_t>width*LANES)
        if not s.direct or width*LANES > s.n:
            shift = shift_of(s, j, width)
            pack_panel(s.k, columns + shift, s.b + (j - shift)*column, row, column, width*LANES, panels)
            panels += s.k*width*LANES
        j += columns
    s.columns = panels
    b = s.b + s.n*column
    p = 0
    # Whole vectors of these columns may be read, except of B's last row: the numbers behind them belong to B too.
    if column == 1 and row + s.dots >= round_up(s.dots, LANES):
        while p + LANES < s.k and p < full:
            q = 0
            while q < s.dots:
                transpose(b + p*row + q, row, LANES, panels + q*ld + p, ld, s.dots - q)
                q += LANES
            p += LANES
    while p < ld:
        for q in range(s.dots):
            if p < full:
                panels[q*ld + p] = b[p*row + q*column]
            else:
                panels[q*ld + p] = b[(p + s.k - ld)*row + q*column] if p + s.k - ld >= full else 0
        p += 1


cdef void pack_rows(Block *s, real *rows) noexcept nogil:
    """Copy A's rows, or its columns, to contiguous memory."""
    cdef Py_ssize_t i, p, ld
    if s.a_row == 1:
        ld = round_up_to_cache_line(s.m)
        for p in range(s.k):
            i = 0
            while i < s.m:
                PREFETCH(s.a + (p + 8)*s.a_col + i)
                i += LANES*GROUP
            copy(s.m, s.a + p*s.a_col, rows + p*ld)
        s.a_col = ld
    else:
        ld = near_stride(s.k)
        for i in range(s.m):
            if s.a_col == 1:
                copy(s.k, s.a + i*s.a_row, rows + i*ld)
            else:
                for p in range(s.k):
                    rows[i*ld + p] = s.a[i*s.a_row + p*s.a_col]
        s.a_row, s.a_col = ld, 1
    s.a = rows


cdef inline Py_ssize_t near_stride(Py_ssize_t k) noexcept nogil:
    """Row stride of copied rows of A: an odd number of cache lines."""
    return round_up_to_cache_line(k) + (0 if round_up_to_cache_line(k) // (LANES*GROUP) % 2 else LANES*GROUP)


cdef void write_transposed(const Block *s, real *c, Py_ssize_t ldc) noexcept nogil:
    """c[n, m] = C^T."""
    cdef Py_ssize_t i = 0, j, q, rows, n = s.n + s.dots
    cdef real square[16*16]
    while i < s.m:
        rows = min(LANES, s.m - i)
        j = 0
        while j < n:
            transpose(s.c + i*s.ldc + j, s.ldc, rows, square, LANES, LANES)
            for q in range(min(LANES, n - j)):
                copy(rows, square + q*LANES, c + (j + q)*ldc + i)
            j += LANES
        i += LANES
