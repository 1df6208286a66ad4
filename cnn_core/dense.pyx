"""Dense layers: forward, backward and whole passes of training, for one instruction set and one type of real.

    forward     A = f(X W + b)                      m x n
    backward    dX = (dZ W^T) * f'(X)               m x k       through a copy of W^T that the update keeps
                dW = X^T dZ, db = sum over rows     k x n

(a) A pass cuts each batch into chunks of rows that stay in the level-2 cache: forward, loss and backward of a chunk
    run while it is there. With several threads the rows of a chunk are shared out for these; then the rows of W are
    shared out for dW and the update. Outputs are split and sums never, so the bits of a trained network depend
    neither on the number of threads nor on the chunk.
(b) In a batch of one chunk the gradient of a block of W rows is still in the first-level cache when the optimizer
    takes its step on them: it is never written out.
(c) Weights are stored inputs x units, which makes the forward product and dW direct; dX wants W^T, and the update
    writes that copy while the rows are at hand. Where padding the units would waste work (50 of 64, 4 of 16) they are
    stored units x inputs: dW and dX then waste nothing, and forward takes the units that fill whole lines from a copy
    inputs x units, the rest by dot products.
(d) Nothing here allocates, raises or knows Python.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from cnn_core.activations cimport activate_block, derive_block, transpose_block, v_exp
from cnn_core.dense cimport DenseKernels
from cnn_core.optimizers cimport begin_step
from cnn_core.rows cimport gather
from cnn_core.small cimport is_small, small_batch
from cnn_core.tiles cimport DOT, PRODUCT, Operands, dot_width, panel, tile_at, tile_height
from cnn_core.types cimport (
    BOTH_CLASSES, GRADIENT_ONLY, IDENTITY, LINKED, LOGITS, NARROW_PANEL, ROW_GROUP, SOFTMAX, Layer, Net, Rows, Run)
from cnn_core.vec cimport (
    DOTS, GROUP, LANES, flush_subnormals, fp_state, real, restore_fp, v_div, v_first, v_is_zero, v_load, v_set1,
    v_store, vec)

cdef enum:
    TILE_GROUP = 4              # rows of a chunk are shared out to threads in multiples of this
    PANEL_BYTES = 512 * 1024    # a larger W is walked panel by panel, each serving all rows before the next


cdef inline Py_ssize_t vectors_of(Py_ssize_t n) noexcept nogil:
    return (n + LANES - 1) // LANES


cdef void product(Py_ssize_t m, Py_ssize_t vectors, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """C[m, vectors*LANES] = D + op(A) B: panel by panel of B's columns, each for all rows."""
    cdef Py_ssize_t height = tile_height(m, vectors), i, j = 0
    cdef int width
    cdef Operands o = whole[0]
    while j < vectors:
        width = panel(height, vectors - j)
        i = 0
        while i < m:
            o.a = whole.a + i*whole.a_row
            o.b = whole.b + j*LANES
            o.c = whole.c + i*whole.ldc + j*LANES
            if whole.d != NULL:
                o.d = whole.d + i*whole.ldd + j*LANES
            tile_at(PRODUCT, width, <int>min(height, m - i), k, &o)
            i += height
        j += width


cdef void dot_product(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const Operands *whole) noexcept nogil:
    """C[m, n] = D + A[m, k] B[n, k]^T for k a multiple of 64 bytes: all units of a few rows before the next rows."""
    cdef Py_ssize_t i = 0, j, r, height, rows
    cdef int width
    cdef Operands o = whole[0]
    while i < m:
        rows = min(m - i, ROW_GROUP)
        j = 0
        while j < n:
            width = dot_width(rows, n - j)
            height = min(DOTS // width, 16)
            o.b = whole.b + j*whole.ldb
            o.d = whole.d + j if whole.d != NULL else NULL
            r = 0
            while r < rows:
                o.a = whole.a + (i + r)*whole.a_row
                o.c = whole.c + (i + r)*whole.ldc + j
                tile_at(DOT, width, <int>min(height, rows - r), k, &o)
                r += height
            j += width
        i += rows


cdef void gather_rows(const Rows *x, const int64_t *order, Py_ssize_t first, Py_ssize_t m, real *target,
                      Py_ssize_t ld) noexcept nogil:
    """One compiled copy of `gather`, which is large."""
    gather(x, order, first, m, target, ld)


cdef inline void add_row(Py_ssize_t vectors, const real *b, real *a) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(vectors):
        v_store(a + j*LANES, v_load(a + j*LANES) + v_load(b + j*LANES))


cdef inline Py_ssize_t lines(Py_ssize_t n) noexcept nogil:
    """n rounded up to whole lines of 64 bytes."""
    return (n + LANES*GROUP - 1) // (LANES*GROUP) * (LANES*GROUP)


cdef inline void clear_padding(Py_ssize_t m, Py_ssize_t n, real *a, Py_ssize_t ld) noexcept nogil:
    """Columns n up to the next line become zero: dot products and dW of the next layer read them."""
    cdef Py_ssize_t _, j, whole = n // LANES * LANES
    if n == lines(n):
        return
    for _ in range(m):
        v_store(a + whole, v_first(<int>(n - whole), v_load(a + whole)))
        j = whole + LANES
        while j % (LANES*GROUP) != 0:
            v_store(a + j, v_set1(0))
            j += LANES
        a += ld


cdef inline Py_ssize_t block_height(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Rows of a product to finish before the next ones: one tile's where the other factor stays in cache."""
    if k * n * <Py_ssize_t>sizeof(real) > PANEL_BYTES:
        return m
    return tile_height(m, vectors_of(n))


cdef void narrow_rows(const Layer *layer, const real *copy, Py_ssize_t m, Operands *o) noexcept nogil:
    """Z[m, n] = X W + b for W stored units x inputs. With a copy inputs x units, only the units past the last whole
    line are left to dot products."""
    cdef Operands main = o[0]
    cdef Py_ssize_t whole = layer.whole if copy != NULL else 0
    if whole > 0:
        main.b, main.ldb = copy, layer.ldw
        product(m, whole // LANES, layer.k, &main)
    if whole < layer.n:
        main = o[0]
        main.b += whole*layer.ldt
        main.c += whole
        if main.d != NULL:
            main.d += whole
        dot_product(m, layer.n - whole, lines(layer.k), &main)


cdef void forward_layer(const Layer *layer, const real *parameters, const real *copy, const real *x, Py_ssize_t ldx,
                        Py_ssize_t m, real *a, int activation) noexcept nogil:
    """A[m, n] = f(X[m, k] W + b); A's padding is zero. `copy` is `Run.wt` of the layer, or NULL."""
    cdef Py_ssize_t i = 0, height = block_height(m, layer.n, layer.k), rows, n = vectors_of(layer.n)
    cdef Operands o
    o.a_row, o.a_col = ldx, 1
    o.b, o.ldb = parameters + layer.w, layer.ldt if layer.units_major else layer.ld
    o.d = parameters + layer.b if layer.b >= 0 else NULL
    o.ldd = 0
    o.ldc = layer.ld
    if layer.units_major:
        height = ROW_GROUP
    while i < m:
        rows = min(height, m - i)
        o.a = x + i*ldx
        o.c = a + i*layer.ld
        if layer.units_major:
            narrow_rows(layer, copy, rows, &o)
        else:
            product(rows, n, layer.k, &o)
        activate_block(activation, rows, n*LANES, a + i*layer.ld, layer.ld)
        clear_padding(rows, layer.n, a + i*layer.ld, layer.ld)
        i += height


cdef void span_layer(const Run *run, Py_ssize_t first, Py_ssize_t m, int activation) noexcept nogil:
    """A[first : first + m] = f(Z0 + X S + b), for X the rows' products with one another: see `Run.offset`."""
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
    """dX[m, k] = (dZ[m, n] W^T) * f'(A), for the outputs A of the layer below"""
    cdef Py_ssize_t i = 0, height = block_height(m, layer.k, layer.n), rows, k = vectors_of(layer.k)
    cdef Operands o
    o.a_row, o.a_col = layer.ld, 1
    o.b, o.ldb = wt, layer.ldt          # either the copy or W itself where it is stored so
    o.d, o.ldd = NULL, 0
    o.ldc = below.ld
    while i < m:
        rows = min(height, m - i)
        o.a = dz + i*layer.ld
        o.c = dx + i*below.ld
        product(rows, k, layer.n, &o)
        derive_block(below.activation, rows, k*LANES, a + i*below.ld, dx + i*below.ld, below.ld)
        i += height


cdef inline void take_step(Run *run, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t ld, bint is_weight,
                           real *g, Py_ssize_t ldg) noexcept nogil:
    """The optimizer's step on rows[n] of the arena from offset on, with gradient g."""
    run.take_step(&run.step, rows, n, ld, is_weight, <real *>run.parameters + offset, g, ldg,
                  <real *>run.m1 + offset if run.m1 != NULL else NULL,
                  <real *>run.m2 + offset if run.m2 != NULL else NULL)


cdef void weight_gradient(Run *run, int index, const real *x, Py_ssize_t ldx, Py_ssize_t m, Py_ssize_t first,
                          Py_ssize_t last, bint opening, bint closing, real *scratch) noexcept nogil:
    """dW (+)= X[m]^T dZ[m] for inputs first to last, from zero if opening; if closing, the step on them."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t i = first, n = vectors_of(layer.n), inputs, height, offset
    cdef Py_ssize_t ld = layer.ldt if layer.units_major else layer.ld
    cdef bint passing
    cdef real *g
    cdef Operands o
    if layer.units_major:
        height = NARROW_PANEL
        o.a, o.a_row, o.a_col, o.ldb = <const real *>run.dz[index], 1, layer.ld, ldx
    else:
        height = block_height(last - first, layer.n, m)
        o.b, o.a_row, o.a_col, o.ldb = <const real *>run.dz[index], 1, ldx, layer.ld
    # The scratch holds ROW_GROUP rows of any layer, or NARROW_PANEL inputs of a narrow one.
    passing = (opening and closing and run.step.method != GRADIENT_ONLY
               and (layer.units_major or height <= ROW_GROUP))
    while i < last:
        inputs = min(height, last - i)
        offset = layer.w + (i if layer.units_major else i*ld)
        g = scratch if passing else <real *>run.gradients + offset
        o.ldc = o.ldd = (height if layer.units_major else ld) if passing else ld
        o.c = g
        o.d = NULL if opening else g
        if layer.units_major:
            o.b = x + i
            product(layer.n, vectors_of(inputs), m, &o)
        else:
            o.a = x + i
            product(inputs, n, m, &o)
        if closing and layer.units_major:
            take_step(run, offset, layer.n, vectors_of(inputs)*LANES, ld, True, g, o.ldc)
        elif closing:
            take_step(run, offset, inputs, n*LANES, ld, True, g, o.ldc)
        i += height


cdef void bias_gradient(Run *run, int index, Py_ssize_t m, bint opening, bint closing) noexcept nogil:
    """db (+)= sum over rows of dZ[m], and the step if closing."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *dz = <const real *>run.dz[index]
    cdef real *g = <real *>run.gradients + layer.b
    cdef Py_ssize_t i, j = 0
    cdef vec total
    while j < layer.n:
        total = v_set1(0) if opening else v_load(g + j)
        for i in range(m):
            total = total + v_load(dz + i*layer.ld + j)
        v_store(g + j, total)
        j += LANES
    if closing:
        take_step(run, layer.b, 1, vectors_of(layer.n)*LANES, layer.ld, False, g, layer.ld)


cdef void copy_weights(const Layer *layer, const real *parameters, real *wt, Py_ssize_t first,
                       Py_ssize_t last) noexcept nogil:
    """What W is not, for inputs first to last, first a multiple of LANES: W^T, or the whole lines inputs x units."""
    cdef Py_ssize_t i = first, j
    if layer.n == 1 and not layer.units_major:
        for i in range(first, last):
            wt[i] = parameters[layer.w + i*layer.ld]
        return
    while i < last:
        j = 0
        while j < (layer.whole if layer.units_major else layer.n):
            if layer.units_major:
                transpose_block(parameters + layer.w + j*layer.ldt + i, layer.ldt, LANES, wt + i*layer.ldw + j,
                                layer.ldw, LANES)
            else:
                transpose_block(parameters + layer.w + i*layer.ld + j, layer.ld, last - i, wt + j*layer.ldt + i,
                                layer.ldt, LANES)
            j += LANES
        i += LANES


cdef inline Py_ssize_t share(Py_ssize_t count, int rank, int size, Py_ssize_t group) noexcept nogil:
    """Where the rank's part of count rows starts, in whole groups; the part ends where the next one starts."""
    cdef Py_ssize_t groups = (count + group - 1) // group
    if size == 1:
        return count if rank > 0 else 0
    return min(count, groups * rank // size * group)


cdef const real *chunk_inputs(Run *run, Py_ssize_t first, Py_ssize_t *ldx) noexcept nogil:
    """Where the rows first, ... of the pass lie: in the caller's array, or in the buffer they are gathered into."""
    if run.x.direct and run.order == NULL:
        ldx[0] = run.x.row_stride // <Py_ssize_t>sizeof(real)
        return <const real *>(run.x.data + first*run.x.row_stride)
    ldx[0] = run.net.layers[0].ldt
    return <const real *>run.inputs


cdef void rows_phase(Run *run, Py_ssize_t at, Py_ssize_t first, Py_ssize_t last, const real *x, Py_ssize_t ldx,
                     double weight, real *scratch) noexcept nogil:
    """Rows first..last of the chunk that starts at row `at` of the pass: gather, forward, loss, backward."""
    cdef const Net *net = run.net
    cdef const Layer *layer
    cdef Py_ssize_t m = last - first
    cdef int index, top = net.depth - 1
    cdef const real *below = x + first*ldx
    if m <= 0:
        return
    if x == <const real *>run.inputs:
        gather_rows(&run.x, run.order, at + first, m, <real *>run.inputs + first*ldx, ldx)
    for index in range(net.depth):
        layer = &net.layers[index]
        if index == 0 and run.offset != NULL:
            span_layer(run, first, m, layer.activation if index < top else IDENTITY)
        else:
            forward_layer(layer, <const real *>run.parameters, <const real *>run.wt[index], below, ldx, m,
                          <real *>run.a[index] + first*layer.ld, layer.activation if index < top else IDENTITY)
        below = <const real *>run.a[index] + first*layer.ld
        ldx = layer.ld
    layer = &net.layers[top]
    run.loss_and_gradient(run.loss, layer, m, <real *>run.a[top] + first*layer.ld, &run.target, run.order, at + first,
                          weight, <real *>run.dz[top] + first*layer.ld if run.backward else NULL, scratch,
                          run.row_loss + first)
    index = top if run.backward else 0
    while index > 0:
        layer = &net.layers[index]
        backward_layer(layer, &net.layers[index - 1],
                       <const real *>run.parameters + layer.w if layer.units_major else <const real *>run.wt[index],
                       <const real *>run.dz[index] + first*layer.ld,
                       <const real *>run.a[index - 1] + first*net.layers[index - 1].ld, m,
                       <real *>run.dz[index - 1] + first*net.layers[index - 1].ld)
        index -= 1


cdef void weights_phase(Run *run, const real *x, Py_ssize_t ldx, Py_ssize_t m, bint opening, bint closing, int rank,
                        int size, real *scratch) noexcept nogil:
    """The gradient of the chunk for the rank's rows of every W, and the step when the batch closes."""
    cdef const Layer *layer
    cdef Py_ssize_t first, last
    cdef int index = run.net.depth - 1
    while index >= 0:
        layer = &run.net.layers[index]
        first, last = share(layer.k, rank, size, ROW_GROUP), share(layer.k, rank + 1, size, ROW_GROUP)
        if first < last and index == 0 and run.offset != NULL:
            take_step(run, layer.w + first*layer.ld, last - first, vectors_of(layer.n)*LANES, layer.ld, True,
                      <real *>run.dz[0] + first*layer.ld, layer.ld)
        elif first < last:
            weight_gradient(run, index, x if index == 0 else <const real *>run.a[index - 1],
                            ldx if index == 0 else run.net.layers[index - 1].ld, m, first, last, opening, closing,
                            scratch)
            if run.wt[index] != NULL and closing and run.step.method != GRADIENT_ONLY:
                copy_weights(layer, <const real *>run.parameters, <real *>run.wt[index], first, last)
        if layer.b >= 0 and rank == size - 1:
            bias_gradient(run, index, m, opening, closing)
        index -= 1


cdef inline void meet(Run *run, int rank, int size) noexcept nogil:
    if size > 1:
        run.wait(run.team, rank)


cdef void gathered_batch(Run *run, Py_ssize_t start, Py_ssize_t m, real *scratch, double *loss) noexcept nogil:
    """`one_batch` for a small network and one thread."""
    cdef Py_ssize_t ldx, i
    cdef const real *x = chunk_inputs(run, start, &ldx)
    if x == <const real *>run.inputs:
        gather_rows(&run.x, run.order, start, m, <real *>run.inputs, ldx)
    small_batch(run, x, ldx, m, start, 1.0/m, scratch)
    for i in range(m):
        loss[0] += run.row_loss[i]


cdef void one_batch(Run *run, Py_ssize_t start, Py_ssize_t count, int rank, int size, real *scratch,
                    double *loss) noexcept nogil:
    """Rows start, ..., start + count - 1 of the pass: their loss is added to `loss`, their gradient is taken, and the
    step."""
    cdef Py_ssize_t at = start, m, ldx, i
    cdef const real *x
    while at < start + count:
        m = min(run.chunk, start + count - at)
        x = chunk_inputs(run, at, &ldx)
        rows_phase(run, at, share(m, rank, size, TILE_GROUP), share(m, rank + 1, size, TILE_GROUP), x, ldx, 1.0/count,
                   scratch)
        meet(run, rank, size)
        if rank == 0:
            for i in range(m):
                loss[0] += run.row_loss[i]
        if run.backward:
            weights_phase(run, x, ldx, m, at == start, at + m == start + count, rank, size, scratch)
        meet(run, rank, size)
        at += m


cdef void run_passes(Run *run, int rank, int size) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef real *scratch = <real *>run.scratch + rank*run.scratch_size
    cdef Py_ssize_t index, start, end = run.first + run.count, step = 0
    cdef bint small = size == 1 and is_small(run)
    cdef const Layer *layer
    for index in range(run.net.depth):
        layer = &run.net.layers[index]
        if run.wt[index] != NULL:
            copy_weights(layer, <const real *>run.parameters, <real *>run.wt[index],
                         share(layer.k, rank, size, ROW_GROUP), share(layer.k, rank + 1, size, ROW_GROUP))
    meet(run, rank, size)
    for index in range(run.passes):
        start = run.first
        while start < end:
            if rank == 0 and run.rates != NULL:
                begin_step(&run.step, run.rates[step])
            if small:
                gathered_batch(run, start, min(run.batch, end - start), scratch, run.pass_loss + index)
            else:
                one_batch(run, start, min(run.batch, end - start), rank, size, scratch, run.pass_loss + index)
            start += run.batch
            step += 1
    restore_fp(saved)


cdef inline real total_of(vec *partial) noexcept nogil:
    """The sum of GROUP vectors, by halves: the same order whatever the width of a vector."""
    cdef real lanes[16]
    cdef int h = GROUP // 2, i
    while h >= 1:
        for i in range(h):
            partial[i] = partial[i] + partial[i + h]
        h = h // 2
    v_store(lanes, partial[0])
    h = LANES // 2
    while h >= 1:
        for i in range(h):
            lanes[i] = lanes[i] + lanes[i + h]
        h = h // 2
    return lanes[0]


cdef void softmax_row(Py_ssize_t n, real *z) noexcept nogil:
    """z[n] = softmax(z), in a row with room for whole lines, whose padding becomes zero."""
    cdef Py_ssize_t j, room = lines(n)
    cdef int g
    cdef real largest = z[0], total
    cdef vec partial[16]
    for j in range(1, n):
        largest = z[j] if z[j] > largest else largest
    for j in range(n, room):
        z[j] = -INFINITY
    for g in range(GROUP):
        partial[g] = v_set1(0)
    j = 0
    while j < room:
        for g in range(GROUP):
            v_store(z + j, v_exp(v_load(z + j) - largest))
            partial[g] = partial[g] + v_load(z + j)
            j += LANES
    total = total_of(partial)
    j = 0
    while j < room:
        v_store(z + j, v_div(v_load(z + j), v_set1(total)))
        j += LANES


cdef void add_outer(Run *run, int rank, int size) noexcept nogil:
    """Weights of the first layer += X^T dZ, for the dZ of all rows in run.dz[0]."""
    cdef fp_state saved = flush_subnormals()
    cdef const Layer *layer = &run.net.layers[0]
    cdef Py_ssize_t at = 0, m, ldx, r0, r1
    cdef const real *x
    cdef void *dz = run.dz[0]
    while at < run.count:
        m = min(run.chunk, run.count - at)
        x = chunk_inputs(run, at, &ldx)
        r0, r1 = share(m, rank, size, TILE_GROUP), share(m, rank + 1, size, TILE_GROUP)
        if x == <const real *>run.inputs:
            gather_rows(&run.x, NULL, at + r0, r1 - r0, <real *>run.inputs + r0*ldx, ldx)
        meet(run, rank, size)
        if rank == 0:
            run.dz[0] = <real *>dz + at*layer.ld
        meet(run, rank, size)
        weight_gradient(run, 0, x, ldx, m, share(layer.k, rank, size, ROW_GROUP),
                        share(layer.k, rank + 1, size, ROW_GROUP), False, False, NULL)
        meet(run, rank, size)
        at += m
    restore_fp(saved)


cdef bint finite(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx) noexcept nogil:
    """Whether x[m, k] has neither NaN nor infinity: zero times either is NaN."""
    cdef Py_ssize_t _, j
    cdef vec zero = v_set1(0)
    cdef real total = 0
    for _ in range(m):
        j = 0
        while j + LANES <= k:
            zero = zero + v_load(x + j) * <real>0.0
            j += LANES
        while j < k:
            total = total + x[j] * <real>0.0
            j += 1
        x += ldx
    return total == 0 and v_is_zero(zero)


cdef bint forward(const Net *net, const void *parameters, const Rows *x, Py_ssize_t first, Py_ssize_t count,
                  void *out_, int output, bint finite_only, Py_ssize_t block, void *work) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef real *even = <real *>work
    cdef real *odd = even + block*net.width
    cdef real *a = even
    cdef real *out = <real *>out_
    cdef const real *below
    cdef int index, activation, top = net.depth - 1
    cdef const Layer *layer = &net.layers[top]
    cdef Py_ssize_t at = first, m, ldx, i
    while at < first + count:
        m = min(block, first + count - at)
        if x.direct:
            below = <const real *>(x.data + at*x.row_stride)
            ldx = x.row_stride // <Py_ssize_t>sizeof(real)
        else:
            below, ldx = odd, net.layers[0].ldt
            gather_rows(x, NULL, at, m, odd, ldx)
        if finite_only and not finite(m, net.layers[0].k, below, ldx):
            restore_fp(saved)
            return False
        for index in range(net.depth):
            layer = &net.layers[index]
            a = odd if index % 2 else even
            activation = layer.activation
            if index == top and (output == LOGITS or activation == SOFTMAX):
                activation = IDENTITY       # softmax comes last, row by row
            forward_layer(layer, <const real *>parameters, NULL, below, ldx, m, a, activation)
            below, ldx = a, layer.ld
        for i in range(m):
            if output == BOTH_CLASSES:
                out[0], out[1] = 1 - a[i*layer.ld], a[i*layer.ld]
                out += 2
                continue
            if output == LINKED and layer.activation == SOFTMAX:
                softmax_row(layer.n, a + i*layer.ld)
            memcpy(out, a + i*layer.ld, layer.n*sizeof(real))
            out += layer.n
        at += m
    restore_fp(saved)
    return True


cdef double penalty(double l1, double l2, Py_ssize_t count, const void *w_) noexcept nogil:
    cdef const real *w = <const real *>w_
    cdef double squares = 0, magnitudes = 0
    cdef Py_ssize_t i
    for i in range(count):
        squares += <double>w[i]*w[i]
        magnitudes += fabs(w[i])
    return 0.5*l2*squares + l1*magnitudes


cdef DenseKernels exported
exported.forward = forward
exported.run = run_passes
exported.penalty = penalty
exported.add_outer = add_outer
kernels = PyCapsule_New(&exported, "cnn_core.DenseKernels", NULL)
