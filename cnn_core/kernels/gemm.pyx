"""Products of whole arrays, for one instruction set and one type of real.

    C[m, n] = A[m, k] B[k, n]       any strides of A and B

Percentages are of the peak of fused multiply-adds of one core, in float32 (Zen 4, AVX-512, GCC 12; a core to itself).

(a) B is copied one block at a time into panels of three vectors with KC_BYTES of k, and transposed at the same time if
    it is stored that way. A panel stays in the second-level cache while the rows of A are read, the block in the third:
    in float64 512x2048x2048 reaches 72 % with blocks of 256 KiB and 1 KiB of k, 81 with 512 and 2, 84 with 4096 and 4.
(b) A is broadcast from its place. Rows a multiple of 4096 bytes apart would share one set of the first-level cache, and
    columns read across many pages miss the TLB: ROWS_BYTES of such an A are copied to contiguous memory.
(c) For few rows (m <= FEW_ROWS) the copy costs more than it saves: B is read in place; 32x512x784 goes from 73 to 90 %.
    For one row B is read from end to end, four of its rows at a time: 1x512x512 from 20 % with tiles to 30.
(d) Columns past the last whole cache line are dot products if k is long (see tiles.pxd): 2400x50x784 is 3 vectors and 2
    dots instead of 4 vectors, 90 instead of 68 %. The last line of A is read from its end, masked, so that nothing
    behind A is read and no zero is multiplied by a number that is not finite.
(e) If the columns of a narrow C are not whole lines but its rows are, and A is stored transposed, C^T = B^T A^T is
    computed instead and written transposed: 784x50x2400 (TN) 80 instead of 59 %.
(f) A last panel that is not whole starts earlier and computes some columns again, with the same bits; if it adds to C,
    it uses a buffer.
(g) Every element is summed over k in one order, and threads divide C, never a sum. The plan of a product depends on its
    shape and on its strides in lines of 64 bytes, but not on the number of threads or the width of a vector: so do its
    bits.
"""

from cnn_core.kernel_tables cimport Gemm
from cnn_core.kernels.partition cimport round_up_to_cache_line
from cnn_core.kernels.tiles cimport Operands, dot_tile_kept
from cnn_core.kernels.vec cimport (
    ACCUMULATORS, DOTS, GROUP, LANES, PREFETCH, flush_subnormals, fp_state, real, restore_fp, v_load, v_set1,
    v_store, vec)
from cnn_core.types cimport share
# from products.pyx: product_panel
# from gemm_packing.pyx: Block, copy, near_stride, pack_columns, pack_rows, panel_width, round_up, shift_of,
#     write_transposed

cdef enum:
    WHOLE_PANEL_BYTES = 384 * 1024      # bytes of B in a block with few columns
    BLOCK_BYTES = 4096 * 1024   # bytes of B in a block with many columns
    ROWS_BYTES = 512 * 1024     # bytes of A that are multiplied by a block of B before the next rows
    PAGES_BYTES = 256 * 1024    # size from which an A that is read across its rows is copied
    KC_BYTES = 4096             # bytes of a row of A in a block with many columns
    MOST_KC = 4096
    FEW_ROWS = 64               # with at most this many rows of A, B is read in place
    ROWS = 8                    # most rows of a tile

cdef struct Plan:               # C[m, n] = A[m, k] B[k, n]: the caller's product, or its transpose C^T = B^T A^T
    Py_ssize_t m, n, k
    const real *a
    Py_ssize_t a_row, a_col
    const real *b
    Py_ssize_t b_row, b_col
    real *c
    Py_ssize_t ldc
    bint transposed             # C is written transposed
    bint direct                 # whole vectors of B are read in place
    bint copied                 # rows of A are copied
    Py_ssize_t whole            # columns that are computed by panels; the others are dot products
    Py_ssize_t kc, nc, mc       # size of a block


cdef inline int rows_of_tile(int width, Py_ssize_t left) noexcept nogil:
    """Rows of the next tile, of `left` rows: 8, 6, 4, 2 or 1."""
    cdef Py_ssize_t most = min(left, <Py_ssize_t>min(ROWS, ACCUMULATORS // width))
    if most == 8 and (left == 10 or left == 12):
        return 6
    return <int>(most if most == 1 else most - most % 2)


cdef void single_row(const Block *s, Py_ssize_t n) noexcept nogil:
    """c[n] += a B for whole vectors of B in place, four of its rows at a time from end to end; the first block of k
    starts from zero."""
    cdef Py_ssize_t p = 0, j, step, ldb = s.b_row
    cdef const real *b = s.b
    cdef vec a[4]
    cdef vec x
    cdef int q
    while p < s.k:
        step = 4 if s.k - p >= 4 else 1
        for q in range(4):
            a[q] = v_set1(s.a[(p + (q if q < step else 0))*s.a_col])
        j = 0
        while j < n:
            x = v_set1(0) if s.from_zero and p == 0 else v_load(s.c + j)
            x = x + a[0] * v_load(b + j)
            if step == 4:
                for q in range(1, 4):
                    x = x + a[q] * v_load(b + q*ldb + j)
            v_store(s.c + j, x)
            j += LANES
        b += step*ldb
        p += step


cdef void multiply(const Block *s) noexcept nogil:
    """A block of C: one panel of B at a time, each for all rows."""
    cdef Operands o
    cdef Py_ssize_t i, j = 0, r, v, shift, columns, together
    cdef int width, rows
    cdef bint apart
    cdef const real *panel = s.panels
    cdef real *c
    cdef real part[24*16]
    o.a_row, o.a_col = s.a_row, s.a_col
    # One row: whole vectors first, and the loop below computes the columns that are left.
    if s.single and s.n >= LANES:
        j = s.n - s.n % LANES
        single_row(s, j)
    while j < s.n:
        width = panel_width(s, j)
        columns = min(s.n - j, <Py_ssize_t>width*LANES)
        shift = shift_of(s, j, width)
        if s.direct and width*LANES <= s.n:
            o.b, o.ldb = s.b + j - shift, s.b_row
        else:
            o.b, o.ldb = panel, width*LANES
            panel += s.k*width*LANES
        # A last panel that adds to C must not add to the columns that the panel before has computed: it uses a buffer.
        apart = columns < width*LANES and (shift == 0 or not s.from_zero)
        i = 0
        while i < s.m:
            rows = rows_of_tile(width, s.m - i)
            together = rows         # rows of all tiles of one height: all but the last two tiles, which are balanced
            if s.from_zero and not apart:
                together *= max(<Py_ssize_t>1, (s.m - i - 2*ROWS) // rows)
            o.a = s.a + i*s.a_row
            c = s.c + i*s.ldc + j
            if apart:
                o.c, o.ldc = part, width*LANES
                if not s.from_zero:
                    for r in range(rows):
                        copy(columns, c + r*s.ldc, part + r*width*LANES + shift)
            else:
                o.c, o.ldc = c - shift, s.ldc
                if not s.from_zero:
                    for r in range(rows, min(2*rows, s.m - i)):
                        for v in range(width):
                            PREFETCH(c + r*s.ldc + v*LANES)
            o.d, o.ldd = NULL if s.from_zero else o.c, o.ldc
            product_panel(width, rows, <int>together, s.k, &o)
            if apart:
                for r in range(rows):
                    copy(columns, part + r*width*LANES + shift, c + r*s.ldc)
            i += together
        j += columns


cdef inline int columns_of_dots(Py_ssize_t n) noexcept nogil:
    return 4 if n >= 4 and DOTS >= 16 else 2 if n >= 2 and DOTS >= 4 else 1


cdef inline void dot_of(int width, Py_ssize_t k, const Operands *o, const real *last, const real *keep) noexcept nogil:
    if width == 4 and DOTS >= 16:
        dot_tile_kept(4, 4, k, o, last, keep)
    elif width == 2 and DOTS >= 4:
        dot_tile_kept(min(8, DOTS // 2), 2, k, o, last, keep)
    else:
        dot_tile_kept(min(8, DOTS), 1, k, o, last, keep)


cdef void multiply_dots(const Block *s) noexcept nogil:
    """The columns of a block of C that are dot products."""
    cdef Operands o
    cdef Py_ssize_t i, r, j = 0, done, line = LANES*GROUP, full = s.k - s.k % line, ld = round_up_to_cache_line(s.k)
    cdef int width, height, rows, v
    cdef real *c
    cdef real sums[16]
    cdef real keep[16]
    for v in range(line):
        keep[v] = v >= full + line - s.k
    o.d, o.ldb, o.c = NULL, ld, sums
    while j < s.dots:
        width = columns_of_dots(s.dots - j)
        height = min(8 if width < 4 else 4, DOTS // width)
        o.ldc = width
        o.b = s.columns + j*ld
        i = 0
        while i < s.m:
            # A last tile with too few rows starts earlier, and computes some rows again; few rows are computed singly.
            done = max(<Py_ssize_t>0, i + height - s.m) if s.m >= height else 0
            rows = height if s.m >= height else 1
            i -= done
            o.a = s.a + i*s.a_row
            o.a_row = s.a_row if rows > 1 else 0
            dot_of(width, full, &o, o.a + s.k - line if full < s.k else NULL, keep)
            for r in range(done, rows):
                c = s.c + (i + r)*s.ldc + s.n + j
                for v in range(width):
                    c[v] = sums[r*width + v] if s.from_zero else c[v] + sums[r*width + v]
            i += rows
        j += width


cdef Plan make_plan(const Gemm *g) noexcept nogil:
    """Plan of a product, which does not depend on the number of threads."""
    cdef Plan s
    cdef Py_ssize_t rest, size = sizeof(real), line = LANES*GROUP, blocks, filled
    s.m, s.n, s.k, s.c, s.ldc = g.m, g.n, g.k, <real *>g.c, g.ldc
    s.a, s.a_row, s.a_col = <const real *>g.a, g.a_row, g.a_col
    s.b, s.b_row, s.b_col = <const real *>g.b, g.b_row, g.b_col
    if g.n == 1:
        s.b_col = 1
    if g.m == 1:
        s.a_row = 1
    if g.k == 1:
        s.a_col = s.b_row = 1
    # A narrow product with A stored transposed: its vectors run along A's rows.
    s.transposed = (s.a_row == 1 and g.m > 1 and g.k >= FEW_ROWS // 2 and g.n <= FEW_ROWS
                    and round_up_to_cache_line(g.n) * 10 > g.n * 11 and round_up_to_cache_line(g.m) * 10 <= g.m * 11)
    if s.transposed or (g.m == 1 and s.b_row == 1 and s.b_col != 1):
        s.m, s.n = g.n, g.m
        s.a, s.a_row, s.a_col, s.b, s.b_row, s.b_col = s.b, s.b_col, s.b_row, s.a, s.a_col, s.a_row
        if not s.transposed:
            s.ldc = 1
    rest = s.n % line
    s.whole = s.n
    if not s.transposed and s.a_col == 1 and s.k >= 6*line and rest * (s.k + 4*line) * 10 < 9 * s.k * line:
        s.whole -= rest
    filled = round_up_to_cache_line(s.whole) // line
    s.kc = MOST_KC
    if filled > 0:
        s.kc = max(KC_BYTES // size, min(<Py_ssize_t>MOST_KC, WHOLE_PANEL_BYTES // (filled*64)))
    blocks = (s.k + s.kc - 1) // s.kc
    s.kc = round_up_to_cache_line((s.k + blocks - 1) // blocks)
    s.direct = s.b_col == 1 and s.m <= FEW_ROWS
    s.nc = min(round_up(s.whole, 3*LANES), max(<Py_ssize_t>1, BLOCK_BYTES // (s.kc*3*LANES*size)) * 3*LANES)
    s.copied = filled > 6 and s.m > ROWS and (
        s.a_row * size % 4096 == 0 if s.a_col == 1 else s.k * s.a_col * size > PAGES_BYTES or s.a_row != 1)
    s.mc = round_up(max(<Py_ssize_t>1, ROWS_BYTES // (s.kc*size)), 24)
    return s


cdef Py_ssize_t block_size(const Plan *s) noexcept nogil:
    """Reals of the copied block of B."""
    cdef Py_ssize_t columns = 3*LANES if s.direct and s.whole >= 3*LANES else round_up(min(s.nc, s.whole), LANES)
    return s.kc * (columns + s.n - s.whole)


cdef Py_ssize_t rows_size(const Plan *s) noexcept nogil:
    """Reals of the copied rows of A."""
    return max(near_stride(s.kc) * min(s.mc, s.m), s.kc * round_up_to_cache_line(min(s.mc, s.m))) if s.copied else 0


cdef Py_ssize_t workspace_size(const Gemm *g, int size) noexcept nogil:
    """Reals of workspace for each thread: `ArrayKernels.workspace_size`."""
    cdef Plan s = make_plan(g)
    return (round_up_to_cache_line(block_size(&s)) + round_up_to_cache_line(rows_size(&s))
            + (s.m * round_up_to_cache_line(s.nc) if s.transposed else 0))


cdef void gemm(const Gemm *g, int rank, int size) noexcept nogil:
    """One thread's part of a product: `ArrayKernels.gemm`."""
    cdef fp_state saved = flush_subnormals()
    cdef Plan plan = make_plan(g)
    cdef real *panels = <real *>g.work + rank*workspace_size(g, size)
    cdef real *rows = panels + round_up_to_cache_line(block_size(&plan))
    cdef real *transposed = rows + round_up_to_cache_line(rows_size(&plan))
    cdef Py_ssize_t i0 = 0, i1 = plan.m, j0 = 0, j1 = plan.whole, i, j, p, dots
    cdef Block s
    # Threads divide the columns of a wide C, else its rows.
    if size > 1 and plan.whole >= 2*LANES*size and (plan.n >= plan.m or plan.m < ROWS*size):
        j0, j1 = share(plan.whole, rank, size, LANES), share(plan.whole, rank + 1, size, LANES)
    else:
        i0, i1 = share(plan.m, rank, size, ROWS), share(plan.m, rank + 1, size, ROWS)
    dots = plan.n - plan.whole if j1 == plan.whole else 0
    s.direct, s.single, s.b_row = plan.direct, plan.direct and plan.m == 1, plan.b_row
    j = j0
    while i0 < i1 and j < j1 + dots:
        s.n = max(<Py_ssize_t>0, min(plan.nc, j1 - j))
        s.dots = dots if j + s.n == j1 else 0
        p = 0
        while p < plan.k:
            s.k = min(plan.kc, plan.k - p)
            s.b = plan.b + p*plan.b_row + j*plan.b_col
            s.from_zero = p == 0
            s.m = i1 - i0
            pack_columns(&s, plan.b_row, plan.b_col, panels)
            i = i0
            while i < i1:
                s.m = min(plan.mc, i1 - i)
                if g.poll != NULL and not g.poll(g.poller, rank, 2.0*s.m*(s.n + s.dots)*s.k):
                    restore_fp(saved)
                    return
                s.a, s.a_row, s.a_col = plan.a + i*plan.a_row + p*plan.a_col, plan.a_row, plan.a_col
                if plan.transposed:
                    s.c, s.ldc = transposed + i*round_up_to_cache_line(plan.nc), round_up_to_cache_line(plan.nc)
                else:
                    s.c, s.ldc = plan.c + i*plan.ldc + j, plan.ldc
                if plan.copied:
                    pack_rows(&s, rows)
                multiply(&s)
                multiply_dots(&s)
                i += plan.mc
            p += plan.kc
        if plan.transposed:
            s.m, s.c = i1 - i0, transposed + i0*round_up_to_cache_line(plan.nc)
            write_transposed(&s, plan.c + j*plan.ldc + i0, plan.ldc)
        j += s.n + s.dots
    restore_fp(saved)
