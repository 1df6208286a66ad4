"""Products of layers whose W takes a large part of the second-level cache, or more, by blocks, for one instruction set
and one type of real.

Times are those of one core of a Xeon (2 MiB of second-level cache; the third-level cache has a sixth of its bandwidth).

(a) A block of W is copied to panels of three vectors of columns, which stay in the second-level cache while all rows of
    a chunk pass: each row of the result is written from end to end. Read in place, the rows of a panel are in as many
    pages as k, more than the processor has translations of addresses for: a step of 1024-2048-2048-1000 with 512 rows
    took 185 ms, and takes 141. At most FEW_ROWS rows are multiplied by W in place. The copy of a smaller W, for each
    chunk, costs more than it saves: 784-196-1 took 3 to 5 % more time.
(b) For dX the panels are those of W^T. A second copy of W, transposed after each step, would be written to memory and
    read again: steps of 2048-2048-2048-10 with 32 rows took 14.9 ms, and take 11.3.
(c) For dW the panels are those of dZ. The gradient of 16 rows of W stays in the cache and is used for the step there,
    while only these rows of the weights and moments are read and written: with a narrow block of columns of many rows,
    translations of addresses took half of the time (adam, 2048-2048-2048-10 with 32 rows: 25 instead of 15 ms).
    The step's rows of W are prefetched tile by tile. All at once, they occupied the buffers for lines that the tiles
    wait for: 8 % of the time of a step of 2048-2048-2048-10 with 32 rows.
(d) Sums over k are cut into blocks, each of which starts from the sum before it: the bits are those of `dense.pyx`.
(e) For at most FEW_ROWS rows, dX^T = W dZ^T is computed instead of dX: numbers of W are broadcast, and the rows of the
    batch are the lanes. Each row of W is read once from end to end, and not transposed. Each sum has the same order.
    Steps of 1024-1024-1024-10 and of 2048-2048-2048-10 with 32 rows take 5 % less time.
"""

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernels.activations cimport activate_block, derive_block
from cnn_core.kernels.partition cimport clear_padding, goes_on, is_low_precision, round_up_to_cache_line, vectors_of
from cnn_core.kernels.tiles cimport Operands, panel_vectors, tile_height
from cnn_core.kernels.vec cimport GROUP, LANES, PREFETCH, real
from cnn_core.types cimport (
    GRADIENT_ONLY, LARGE_BLOCK, LARGE_INPUTS, LARGE_ROWS, LARGE_STRIDE, NO_NORM, ROW_GROUP, Layer, Part, Run, is_large)
# from products.pyx: product_before_step, product_panel
# from dense.pyx: take_step
# from gemm.pyx: FEW_ROWS
# from gemm_packing.pyx: copy, pack_panel, transpose

cdef enum:
    LARGE_DEPTH = 512       # most rows of a block of W
    WEIGHT_ROWS = 48        # rows of W that are multiplied by dZ^T at once: whole tiles


cdef inline bint is_blocked(const Run *run, const Layer *layer) noexcept nogil:
    """Whether the products of a layer in training are those of this file."""
    return is_large(layer, sizeof(real)) and not is_low_precision(run)


cdef void prefetch_block(Py_ssize_t rows, Py_ssize_t vectors, const real *a, Py_ssize_t ld) noexcept nogil:
    """Prefetch a[rows, vectors]."""
    cdef Py_ssize_t i, j
    for i in range(rows):
        j = 0
        while j < vectors:
            PREFETCH(a + i*ld + j*LANES)
            j += GROUP


cdef inline Py_ssize_t block_width(Py_ssize_t depth) noexcept nogil:
    """Vectors of columns of a block of LARGE_BLOCK bytes: whole panels."""
    return max(<Py_ssize_t>1, LARGE_BLOCK // (depth*3*LANES*<Py_ssize_t>sizeof(real))) * 3


cdef void pack_panels(Py_ssize_t k, Py_ssize_t vectors, Py_ssize_t height, const real *b, Py_ssize_t ldb,
                      real *panels) noexcept nogil:
    """Panels of B[k, vectors], for tiles of this height."""
    cdef Py_ssize_t j = 0
    cdef int width
    while j < vectors:
        width = panel_vectors(height, vectors - j)
        pack_panel(k, width*LANES, b + j*LANES, ldb, 1, width*LANES, panels + k*j*LANES)
        j += width


cdef void pack_transposed(Py_ssize_t k, Py_ssize_t vectors, Py_ssize_t height, const real *w, Py_ssize_t ldw,
                          Py_ssize_t rows, real *panels) noexcept nogil:
    """Panels of the transpose of W[rows, k]; rows past the last are zeros."""
    cdef Py_ssize_t j = 0, q, v
    cdef int width
    cdef real *panel
    while j < vectors:
        width = panel_vectors(height, vectors - j)
        panel = panels + k*j*LANES
        q = 0
        while q < k:
            for v in range(width):
                transpose(w + (j + v)*LANES*ldw + q, ldw, rows - (j + v)*LANES, panel + (q*width + v)*LANES,
                          width*LANES, min(<Py_ssize_t>LANES, k - q))
            q += LANES
        j += width


cdef void multiply_panels(Py_ssize_t m, Py_ssize_t k, Py_ssize_t vectors, Py_ssize_t height,
                          const Operands *whole) noexcept nogil:
    """C[m, vectors] = D + op(A) B, where whole.b are panels of B[k, vectors]."""
    cdef Py_ssize_t j = 0
    cdef int width
    cdef Operands o = whole[0]
    while j < vectors:
        width = panel_vectors(height, vectors - j)
        o.a = whole.a
        o.b, o.ldb = whole.b + k*j*LANES, width*LANES
        o.c = whole.c + j*LANES
        if whole.d != NULL:
            o.d = whole.d + j*LANES
        product_panel(width, <int>height, <int>m, k, &o)
        j += width


cdef void large_product(Run *run, const Part *part, const Layer *layer, bint transposed, const real *x, Py_ssize_t ldx,
                        real *c, Py_ssize_t ldc, const real *below, int activation) noexcept nogil:
    """C = f(X W + b) for the part's rows, which start at x and c; `transposed`: C = (X W^T) f'(A) with A at `below`."""
    cdef Py_ssize_t k = layer.n if transposed else layer.k, n = vectors_of(layer.k if transposed else layer.n)
    cdef Py_ssize_t height = tile_height(part.m, 6), blocks = (k + LARGE_DEPTH - 1) // LARGE_DEPTH, p = 0, i, j
    cdef Py_ssize_t depth = round_up_to_cache_line((k + blocks - 1) // blocks), some, wide, rows
    cdef Py_ssize_t most = block_width(depth) if part.m > FEW_ROWS else 3
    cdef const real *w = <const real *>run.parameters + layer.w
    cdef const real *b = NULL
    cdef real *panels = <real *>run.scratch + part.rank*run.scratch_size
    cdef Operands o
    if not transposed and layer.b >= 0 and layer.norm == NO_NORM:
        b = <const real *>run.parameters + layer.b
    o.a_row, o.a_col, o.b, o.ldc = ldx, 1, panels, ldc
    while p < k:
        some = min(depth, k - p)
        j = 0
        while j < n:
            wide = min(most, n - j)
            if not goes_on(run, part.rank, 2.0*part.m*some*wide*LANES):
                return
            if transposed:
                pack_transposed(some, wide, height, w + j*LANES*layer.ld + p, layer.ld, layer.k - j*LANES, panels)
            else:
                pack_panels(some, wide, height, w + p*layer.ld + j*LANES, layer.ld, panels)
            i = 0
            while i < part.m:
                rows = min(height, part.m - i)
                o.a, o.c = x + i*ldx + p, c + i*ldc + j*LANES
                o.d, o.ldd = o.c, ldc
                if p == 0:
                    o.d, o.ldd = b + j*LANES if b != NULL else NULL, 0
                multiply_panels(rows, some, wide, height, &o)
                if p + some == k and transposed:
                    derive_block(activation, rows, wide*LANES, below + i*ldc + j*LANES, o.c, ldc)
                elif p + some == k:
                    activate_block(activation, rows, wide*LANES, o.c, ldc)
                i += rows
            j += wide
        p += some
    if not transposed:
        clear_padding(part.m, layer.n, c, ldc)


cdef void large_forward(Run *run, int index, const Part *part, const real *x, Py_ssize_t ldx,
                        int activation) noexcept nogil:
    """`forward_layer` for a large W and the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    large_product(run, part, layer, False, x + part.first*ldx, ldx, <real *>run.a[index] + part.first*layer.ld,
                  layer.ld, NULL, activation)


cdef void multiply_weights(Run *run, const Part *part, const Layer *layer, const real *dz, real *dx, Py_ssize_t ldx,
                           const real *below, int activation) noexcept nogil:
    """dX = (dZ W^T) f'(A) for the part's few rows, with A at `below`: see (e)."""
    cdef Py_ssize_t vectors = vectors_of(part.m), height = tile_height(WEIGHT_ROWS, vectors), i = 0, r, v, rows
    cdef real *panels = <real *>run.scratch + part.rank*run.scratch_size
    cdef Operands o
    pack_transposed(layer.n, vectors, height, dz, layer.ld, part.m, panels)
    o.a_row, o.a_col, o.b = layer.ld, 1, panels
    o.d, o.ldd = NULL, 0
    o.c, o.ldc = panels + LARGE_BLOCK // <Py_ssize_t>sizeof(real), vectors*LANES
    while i < layer.k:
        rows = min(<Py_ssize_t>WEIGHT_ROWS, layer.k - i)
        if not goes_on(run, part.rank, 2.0*part.m*layer.n*rows):
            return
        o.a = <const real *>run.parameters + layer.w + i*layer.ld
        multiply_panels(rows, layer.n, vectors, height, &o)
        r = 0
        while r < rows:
            for v in range(vectors):
                transpose(o.c + r*o.ldc + v*LANES, o.ldc, rows - r, dx + v*LANES*ldx + i + r, ldx,
                          min(<Py_ssize_t>LANES, part.m - v*LANES))
            r += LANES
        derive_block(activation, part.m, vectors_of(rows)*LANES, below + i, dx + i, ldx)
        i += rows


cdef void large_backward(Run *run, int index, const Part *part) noexcept nogil:
    """`backward_layer` for a large W and the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const Layer *below = layer - 1
    cdef const real *dz = <const real *>run.dz[index] + part.first*layer.ld
    cdef real *dx = <real *>run.dz[index - 1] + part.first*below.ld
    cdef const real *a = <const real *>run.a[index - 1] + part.first*below.ld
    cdef int activation = IDENTITY if below.has_epilogue else below.activation
    if part.m <= FEW_ROWS and vectors_of(part.m)*LANES*layer.n*<Py_ssize_t>sizeof(real) <= LARGE_BLOCK:
        multiply_weights(run, part, layer, dz, dx, below.ld, a, activation)
    else:
        large_product(run, part, layer, True, dz, layer.ld, dx, below.ld, a, activation)


cdef void gradient_rows(Run *run, const Layer *layer, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t column,
                        Py_ssize_t vectors, Py_ssize_t m, Operands *o, bint first_chunk, bint last_chunk,
                        real *scratch) noexcept nogil:
    """Gradient of some rows of W, at most ROW_GROUP, and some columns; then the step. o has the columns of X, and
    panels of m rows of dZ."""
    cdef Py_ssize_t offset = layer.w + first*layer.ld + column
    cdef bint passing = last_chunk and run.step.method != GRADIENT_ONLY
    cdef real *g = <real *>run.gradients + offset
    o.d, o.ldd = NULL if first_chunk else g, layer.ld
    o.c, o.ldc = g, layer.ld
    if passing:
        o.c, o.ldc = scratch, vectors*LANES
        product_before_step(rows, vectors, m, tile_height(ROW_GROUP, 6), o, True,
                            <const real *>run.parameters + offset, layer.ld)
    else:
        multiply_panels(rows, m, vectors, tile_height(ROW_GROUP, 6), o)
    if last_chunk:
        take_step(run, offset, rows, vectors*LANES, layer.ld, True, o.c, o.ldc)


cdef void gradient_of_rows(Run *run, const Layer *layer, const real *x, Py_ssize_t ldx, const real *dz, Py_ssize_t m,
                           Py_ssize_t first, Py_ssize_t last, bint first_chunk, bint last_chunk,
                           real *scratch) noexcept nogil:
    """`large_gradient` for at most LARGE_ROWS rows."""
    cdef Py_ssize_t n = vectors_of(layer.n), j = 0, i, r, q, some, wide, most = block_width(m)
    cdef real *panels = scratch
    cdef real *columns = panels + LARGE_BLOCK // <Py_ssize_t>sizeof(real)
    cdef Operands o
    o.a_row, o.a_col = 1, LARGE_STRIDE
    while j < n:
        wide = min(most, n - j)
        pack_panels(m, wide, tile_height(ROW_GROUP, 6), dz + j*LANES, layer.ld, panels)
        i = first
        while i < last:
            some = min(<Py_ssize_t>LARGE_INPUTS, last - i)
            for q in range(m):
                prefetch_block(1, LARGE_INPUTS // LANES, x + (q + 8)*ldx + i, ldx)
                copy(some, x + q*ldx + i, columns + q*LARGE_STRIDE)
            r = 0
            while r < some:
                o.a, o.b = columns + r, panels
                gradient_rows(run, layer, i + r, min(<Py_ssize_t>ROW_GROUP, some - r), j*LANES, wide, m, &o,
                              first_chunk, last_chunk, columns + LARGE_ROWS*LARGE_STRIDE)
                r += ROW_GROUP
            i += some
        j += wide


cdef void large_gradient(Run *run, int index, const real *x, Py_ssize_t ldx, Py_ssize_t row, Py_ssize_t m,
                         Py_ssize_t first, Py_ssize_t last, bint first_chunk, bint last_chunk,
                         real *scratch) noexcept nogil:
    """`weight_gradient` for a large W."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *dz = <const real *>run.dz[index] + row*layer.ld
    cdef Py_ssize_t at = 0, some
    while at < m:
        some = min(<Py_ssize_t>LARGE_ROWS, m - at)
        gradient_of_rows(run, layer, x + at*ldx, ldx, dz + at*layer.ld, some, first, last, first_chunk and at == 0,
                         last_chunk and at + some == m, scratch)
        at += some
