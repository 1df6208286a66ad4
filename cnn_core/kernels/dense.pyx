"""Dense layers: the products of one layer, forward and backward, for one instruction set and one type of real.

    forward     A = f(X W + b)                      m x n
    backward    dX = (dZ W^T) * f'(X)               m x k       through a copy of W^T that the update keeps
                dW = X^T dZ, db = sum over rows     k x n

(a) Weights are stored inputs x units, the order that the forward product and dW read. dX needs W^T, and the update
    writes that copy; large layers have none, see `large.pyx`. Where padding the units would waste work (50 of 64, 4 of
    16), W is stored units x inputs: dW and dX then waste nothing, and forward computes the units that fill whole cache
    lines from a copy inputs x units, and the rest by dot products.
(b) Where a batch is one chunk, the optimizer takes its step on a block of rows of W while their gradient is still in
    the first-level cache: the gradient is never written out.
(c) Several tiles, of rows that stay in the first-level cache, are one call: the loops around a tile of 12 x 16 with 16
    inputs take as long as the tile (width 16: 9 % less time for a step than with one tile for each call, 32: 4 %).
(d) Nothing here allocates, raises or calls Python.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernels.activations cimport activate_block, derive_block, transpose_block
from cnn_core.kernels.gather cimport gather
from cnn_core.kernels.partition cimport clear_padding, round_up_to_cache_line, vectors_of
from cnn_core.kernels.tiles cimport Operands, tile_height
from cnn_core.kernels.vec cimport LANES, PREFETCH_WRITE, real, v_load, v_set1, v_store, vec
from cnn_core.types cimport (
    GRADIENT_ONLY, MOST_NARROW, NARROW_PANEL, NO_NORM, ROW_GROUP, Layer, Pieces, Rows, Run, Step)
# from products.pyx: deep_product, dot_product, is_deep, product, product_before_step
# from partial_sums.pyx: ROWS_BY_SUMS, two_products_by_sums

cdef enum:
    PANEL_BYTES = 512 * 1024    # a larger W is read panel by panel, each for all rows before the next panel
    ENCODED_ROWS = 32           # rows to which the bins of a column are added before those of the next column
    GROUP_BYTES = 16 * 1024     # rows of a product, with their inputs, or of a gradient: they stay in the level-1 cache


cdef void gather_rows(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                      Py_ssize_t ld) noexcept nogil:
    """The only compiled copy of `gather`, which is large."""
    gather(x, order, first, m, target, ld)


cdef inline void add_row(Py_ssize_t vectors, const real *b, real *a) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(vectors):
        v_store(a + j*LANES, v_load(a + j*LANES) + v_load(b + j*LANES))


cdef inline Py_ssize_t block_height(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Rows of a product to finish before the next rows, in whole tiles: see (c) where the other factor stays in the
    cache; else all."""
    cdef Py_ssize_t height = tile_height(m, vectors_of(n)), rows
    if m <= height or k * n * <Py_ssize_t>sizeof(real) > PANEL_BYTES:
        return m                    # a division takes as long as a small product
    rows = GROUP_BYTES // ((n + k) * <Py_ssize_t>sizeof(real))
    return min(m, max(height, rows // height * height))


cdef void narrow_product(const Layer *layer, const real *copy, bint by_sums, Py_ssize_t m, Operands *o) noexcept nogil:
    """Z[m, n] = X W + b for W stored units x inputs. With a copy inputs x units, or one that is made for partial sums,
    dot products compute only the units past the last whole cache line."""
    cdef Operands main = o[0]
    cdef Py_ssize_t whole = layer.whole if copy != NULL else 0
    if whole < layer.n:
        main.b += whole*layer.ldt
        main.c += whole
        if main.d != NULL:
            main.d += whole
        dot_product(m, layer.n - whole, round_up_to_cache_line(layer.k), &main)
    if whole > 0:
        main = o[0]
        main.b, main.ldb = copy, whole if by_sums else layer.ldw
        if by_sums:
            two_products_by_sums(m, whole, round_up_to_cache_line(layer.k), &main)
        else:
            product(m, whole // LANES, layer.k, &main)


cdef void forward_layer(const Layer *layer, const real *parameters, const real *copy, bint by_sums, const real *x,
                        Py_ssize_t ldx, Py_ssize_t m, real *a, int activation) noexcept nogil:
    """A[m, n] = f(X[m, k] W + b); A's padding is zero. `copy` is `Run.wt` of the layer, or, `by_sums`, from
    `copy_narrow`, or NULL."""
    cdef Py_ssize_t i = 0, height = block_height(m, layer.n, layer.k), rows, n = vectors_of(layer.n)
    cdef Operands o
    o.a_row, o.a_col = ldx, 1
    o.b, o.ldb = parameters + layer.w, layer.ldt if layer.units_major else layer.ld
    o.d = parameters + layer.b if layer.b >= 0 and layer.norm == NO_NORM else NULL      # b comes after a norm
    o.ldd = 0
    o.ldc = layer.ld
    if layer.units_major:
        height = ROWS_BY_SUMS if by_sums and copy != NULL else ROW_GROUP
    while i < m:
        rows = min(height, m - i)
        o.a = x + i*ldx
        o.c = a + i*layer.ld
        if layer.units_major:
            narrow_product(layer, copy, by_sums, rows, &o)
        elif is_deep(layer, m):
            deep_product(rows, n, layer.k, &o)
        else:
            product(rows, n, layer.k, &o)
        activate_block(activation, rows, n*LANES, a + i*layer.ld, layer.ld)
        clear_padding(rows, layer.n, a + i*layer.ld, layer.ld)
        i += height


cdef void add_bins(const Pieces *pieces, Py_ssize_t ld, Py_ssize_t n, Py_ssize_t m, const real *rows, Py_ssize_t ldx,
                   real *z) noexcept nogil:
    """Z[m, n vectors] += what the bins of each column add, from the place of its number, see `find_bins`: between two
    rows of the table of the column."""
    cdef const real *table = <const real *>pieces.table
    cdef const real *below
    cdef real *row
    cdef Py_ssize_t c, i, j
    cdef vec above, rest, total
    for c in range(pieces.count):
        for i in range(m):
            below = table + <Py_ssize_t>rows[i*ldx + 2*c]*ld
            above = v_set1(rows[i*ldx + 2*c + 1])
            rest = v_set1(1) - above
            row = z + i*ld
            for j in range(n):
                total = v_load(row + j*LANES) + rest * v_load(below + j*LANES)
                v_store(row + j*LANES, total + above * v_load(below + ld + j*LANES))
        table += (pieces.bins[c] + 1)*ld


cdef void encoded_layer(const Rows *x, const Layer *layer, const real *parameters, const real *rows, Py_ssize_t ldx,
                        Py_ssize_t m, real *a, int activation) noexcept nogil:
    """`forward_layer` for the first layer, W stored inputs x units, where rows have a place in the table of each
    encoded column instead of its bins. The work is about that of two inputs for each of these columns."""
    cdef Py_ssize_t i, n = vectors_of(layer.n), height = block_height(m, layer.n, x.columns), some
    cdef const real *b = parameters + layer.b if layer.b >= 0 and layer.norm == NO_NORM else NULL
    cdef Operands o
    o.a_row, o.a_col = ldx, 1
    o.b, o.ldb = parameters + layer.w, layer.ld
    o.ldc = o.ldd = layer.ld
    for i in range(m):
        if b != NULL:
            memcpy(a + i*layer.ld, b, n*LANES*sizeof(real))
        else:
            memset(a + i*layer.ld, 0, n*LANES*sizeof(real))
    i = 0
    while i < m:                # the rows of a block and the table of a column fit the level-1 cache
        some = min(ENCODED_ROWS, m - i)
        add_bins(x.pieces, layer.ld, n, some, rows + i*ldx + x.columns, ldx, a + i*layer.ld)
        i += some
    i = 0
    while i < m:
        some = min(height, m - i)
        o.a = rows + i*ldx
        o.c = a + i*layer.ld
        o.d = o.c
        product(some, n, x.columns, &o)
        activate_block(activation, some, n*LANES, o.c, layer.ld)
        clear_padding(some, layer.n, o.c, layer.ld)
        i += height


cdef void gram_layer(const Run *run, Py_ssize_t first, Py_ssize_t m, int activation) noexcept nogil:
    """A[first : first + m] = f(Z0 + X S + b), where X is the Gram matrix of the rows: see `gram.pyx`, `Run.offset`."""
    cdef const Layer *layer = &run.net.layers[0]
    cdef Py_ssize_t i, j, n = vectors_of(layer.n), height = tile_height(m, n)
    cdef const real *b = <const real *>run.parameters + layer.b if layer.b >= 0 else NULL
    cdef const real *z = <const real *>run.offset + first*layer.ld
    cdef real *a = <real *>run.a[0] + first*layer.ld
    cdef Operands o
    o.a_row, o.a_col = run.x.row_stride // <Py_ssize_t>sizeof(real), 1
    o.b, o.ldb = <const real *>run.parameters + layer.w, layer.ld
    o.ldc = o.ldd = layer.ld
    i = 0
    while i < m:
        o.a = <const real *>(run.x.data + (first + i)*run.x.row_stride)
        o.c = a + i*layer.ld
        o.d = o.c
        for j in range(i*layer.ld, min(i + height, m)*layer.ld):
            a[j] = z[j]
        if b != NULL:
            for j in range(min(height, m - i)):
                add_row(n, b, a + (i + j)*layer.ld)
        product(min(height, m - i), n, layer.k, &o)
        activate_block(activation, min(height, m - i), n*LANES, o.c, layer.ld)
        clear_padding(min(height, m - i), layer.n, o.c, layer.ld)
        i += height


cdef void backward_layer(const Layer *layer, const Layer *below, const real *wt, const real *dz, const real *a,
                         Py_ssize_t m, real *dx) noexcept nogil:
    """dX[m, k] = (dZ[m, n] W^T) * f'(A), where A is the output of the layer below."""
    cdef Py_ssize_t i = 0, height = block_height(m, layer.k, layer.n), rows, k = vectors_of(layer.k)
    cdef Operands o
    o.a_row, o.a_col = layer.ld, 1
    o.b, o.ldb = wt, layer.ldt          # the copy of W^T, or W itself if it is stored units x inputs
    o.d, o.ldd = NULL, 0
    o.ldc = below.ld
    while i < m:
        rows = min(height, m - i)
        o.a = dz + i*layer.ld
        o.c = dx + i*below.ld
        product(rows, k, layer.n, &o)
        derive_block(IDENTITY if below.has_epilogue else below.activation, rows, k*LANES, a + i*below.ld,
                     dx + i*below.ld, below.ld)
        i += height


cdef inline void take_step(Run *run, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight,
                           real *g, Py_ssize_t ldg) noexcept nogil:
    """Step of the run on rows[n] of the parameters from offset on, with gradient g."""
    step_with(run, &run.step, offset, rows, n, ld, is_weight, g, ldg)


cdef inline void step_with(Run *run, const Step *step, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld,
                           bint is_weight, real *g, Py_ssize_t ldg) noexcept nogil:
    """Given step on rows[n] of the parameters from offset on, with gradient g."""
    run.take_step(step, rows, n, ld, is_weight, <real *>run.parameters + offset, g, ldg,
                  <real *>run.m1 + offset if run.m1 != NULL else NULL,
                  <real *>run.m2 + offset if run.m2 != NULL else NULL,
                  <real *>run.m3 + offset if run.m3 != NULL else NULL)


cdef inline Py_ssize_t gradient_height(Py_ssize_t inputs, const Layer *layer, Py_ssize_t m) noexcept nogil:
    """Rows of dW, of `inputs`, whose gradient is computed before the next rows, in whole tiles."""
    cdef Py_ssize_t height = tile_height(inputs, vectors_of(layer.n))
    if m * layer.n * <Py_ssize_t>sizeof(real) > PANEL_BYTES:
        return inputs
    return max(GROUP_BYTES // (layer.ld * <Py_ssize_t>sizeof(real)), ROW_GROUP) // height * height


cdef void weight_gradient(Run *run, int index, const real *x, Py_ssize_t ldx, Py_ssize_t row, Py_ssize_t m,
                          Py_ssize_t first, Py_ssize_t last, bint first_chunk, bint last_chunk,
                          real *scratch) noexcept nogil:
    """dW += X[m]^T dZ[row : row + m] for inputs first to last; the first chunk of a batch starts from zero, and after
    the last chunk the step is taken."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t i = first, n = vectors_of(layer.n), inputs, height, offset, rows, vectors
    cdef Py_ssize_t ld = layer.ldt if layer.units_major else layer.ld
    cdef bint passing, before_step = last_chunk and run.threads > 1 and run.step.method != GRADIENT_ONLY
    cdef const real *dz = <const real *>run.dz[index] + row*layer.ld
    cdef real *g
    cdef Operands o
    if layer.units_major:
        height = NARROW_PANEL
        o.a, o.a_row, o.a_col, o.ldb = dz, 1, layer.ld, ldx
    else:
        height = gradient_height(last - first, layer, m)
        o.b, o.a_row, o.a_col, o.ldb = dz, 1, ldx, layer.ld
    # `scratch` has room for ROW_GROUP rows of any layer, and for NARROW_PANEL inputs of a narrow one. If the whole
    # batch is in this chunk, a block of the gradient is computed there, used for the step, and overwritten by the next
    # block.
    passing = (first_chunk and last_chunk and run.step.method != GRADIENT_ONLY
               and (layer.units_major or height <= ROW_GROUP or height*layer.ld <= MOST_NARROW*NARROW_PANEL))
    while i < last:
        inputs = min(height, last - i)
        offset = layer.w + (i if layer.units_major else i*ld)
        g = scratch if passing else <real *>run.gradients + offset
        o.ldc = o.ldd = (height if layer.units_major else ld) if passing else ld
        o.c = g
        o.d = NULL if first_chunk else g
        if layer.units_major:
            o.b = x + i
        else:
            o.a = x + i
        rows = layer.n if layer.units_major else inputs
        vectors = vectors_of(inputs) if layer.units_major else n
        if before_step:
            product_before_step(rows, vectors, m, tile_height(rows, vectors), &o, False,
                                <const real *>run.parameters + offset, ld)
        else:
            product(rows, vectors, m, &o)
        if last_chunk and layer.units_major:
            take_step(run, offset, layer.n, vectors_of(inputs)*LANES, ld, True, g, o.ldc)
        elif last_chunk:
            take_step(run, offset, inputs, n*LANES, ld, True, g, o.ldc)
        i += height


cdef void bias_gradient(Run *run, int index, Py_ssize_t row, Py_ssize_t m, bint first_chunk,
                        bint last_chunk) noexcept nogil:
    """db += sum over dZ[row : row + m]; chunks as for `weight_gradient`."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *dz = <const real *>(run.dz[index] if layer.norm == NO_NORM else run.dy[index]) + row*layer.ld
    cdef real *g = <real *>run.gradients + layer.b
    cdef Py_ssize_t i, j = 0
    cdef vec total
    while j < layer.n:
        total = v_set1(0) if first_chunk else v_load(g + j)
        for i in range(m):
            total = total + v_load(dz + i*layer.ld + j)
        v_store(g + j, total)
        j += LANES
    if last_chunk:
        take_step(run, layer.b, 1, vectors_of(layer.n)*LANES, layer.ld, False, g, layer.ld)


cdef inline void prefetch_copy(real *wt, Py_ssize_t ld) noexcept nogil:
    """Prefetch the rows of a block that is transposed soon, for writing."""
    cdef Py_ssize_t r
    for r in range(LANES):
        PREFETCH_WRITE(wt + r*ld)


cdef void copy_weights(const Layer *layer, const real *parameters, real *wt, Py_ssize_t first,
                       Py_ssize_t last) noexcept nogil:
    """Second copy of W in the other memory order, for inputs first to last, first a multiple of LANES: W^T, or the
    units that fill whole cache lines as inputs x units."""
    cdef Py_ssize_t i = first, j
    if layer.n == 1 and not layer.units_major:
        for i in range(first, last):
            wt[i] = parameters[layer.w + i*layer.ld]
        return
    while i < last:
        j = 0
        while j < (layer.whole if layer.units_major else layer.n):
            if layer.units_major:
                if i + LANES < last:
                    prefetch_copy(wt + (i + LANES)*layer.ldw + j, layer.ldw)
                transpose_block(parameters + layer.w + j*layer.ldt + i, layer.ldt, LANES, wt + i*layer.ldw + j,
                                layer.ldw, LANES)
            else:
                if j + 2*LANES < layer.n:
                    prefetch_copy(wt + (j + 2*LANES)*layer.ldt + i, layer.ldt)
                transpose_block(parameters + layer.w + i*layer.ld + j, layer.ld, last - i, wt + j*layer.ldt + i,
                                layer.ldt, LANES)
            j += LANES
        i += LANES
