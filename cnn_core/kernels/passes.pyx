"""Whole passes over rows, in training and in prediction: for one instruction set and one type of real.

(a) A pass of training cuts each batch into chunks of rows that stay in the level-2 cache during forward, loss and
    backward. Threads divide the rows of a chunk for these, and then the rows of W for dW and the update. They divide
    outputs and never sums, so the bits of a trained network depend neither on the number of threads nor on the chunk.
(b) Prediction computes all layers for one block of rows before the next block.
(c) Nothing here allocates, raises or calls Python.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from cnn_core.activation_codes cimport IDENTITY, SOFTMAX
from cnn_core.kernels.activations cimport activate_block, softmax_row
from cnn_core.kernels.long_rows cimport (
    LONG_ROW_GROUP, LONG_ROW_UNITS, LongRows, has_long_rows, long_row_part)
from cnn_core.kernels.optimizers cimport begin_step
from cnn_core.kernels.partition cimport (
    EPILOGUE_FLOPS, TILE_GROUP, clear_padding, divided, first_input, goes_on, is_low_precision, next_part, no_rows,
    part_of, round_up_to_cache_line, share_of_row, sync_threads, vectors_of)
from cnn_core.kernels.tiny_batch cimport is_tiny, tiny_batch
from cnn_core.kernels.vec cimport (
    LANES, LOW_PRECISION, flush_subnormals, fp_state, real, restore_fp, v_is_zero, v_load, v_set1, vec)
from cnn_core.types cimport (
    BOTH_CLASSES, GRADIENT_ONLY, LINKED, LOGITS, ROW_GROUP, SINGLE, SLICE_FLOPS, TERM_GROUP, Chunk, Layer, Net, Part,
    Rows, Run, is_frozen, share)
# from dense.pyx: backward_layer, bias_gradient, copy_weights, encoded_layer, forward_layer, gather_rows, gram_layer,
#     take_step, weight_gradient
# from mixed_precision.pyx: low_backward_layer, low_forward_layer, low_weight_gradient, operands_of, pack_gradient,
#     renew_copies
# from gemm.pyx: FEW_ROWS
# from large.pyx: is_blocked, large_backward, large_forward, large_gradient
# from norms.pyx: gain_gradient
# from epilogue.pyx: activate_output, derive_output, drop_inputs, epilogue_backward, epilogue_forward, epilogue_predict
# from updates.pyx: apply_update

cdef enum:
    FEWEST_GRADIENT_ROWS = 256      # rows of a gradient between polls: fewer would read and write it too often
    GRADIENT_SLICES = 16            # most SLICE_FLOPS of a gradient between polls, with more rows


cdef const real *chunk_inputs(Run *run, Py_ssize_t first, Py_ssize_t *ldx) noexcept nogil:
    """Address of the rows first, ... of the pass: in the caller's array, or where they are gathered."""
    if run.x.direct and run.order == NULL:
        ldx[0] = run.x.row_stride // <Py_ssize_t>sizeof(real)
        return <const real *>(run.x.data + first*run.x.row_stride)
    ldx[0] = run.net.layers[0].ldt
    if run.gathered != NULL and run.input_dropout == 0:
        return <const real *>run.gathered + (first - run.gathered_first)*ldx[0]
    return <const real *>run.inputs


cdef void fill_inputs(const Run *run, const Part *part, const Part *some, Py_ssize_t ld) noexcept nogil:
    """Fill in the buffer of the chunk's inputs for some rows of the part."""
    cdef Py_ssize_t at = part.at + some.first
    cdef real *inputs = <real *>run.inputs + some.first*ld
    if run.gathered == NULL:
        gather_rows(&run.x, run.order, at, some.m, inputs, ld)
    else:
        memcpy(inputs, <const real *>run.gathered + (at - run.gathered_first)*ld, some.m*ld*sizeof(real))


cdef void forward_part(Run *run, int index, const Part *part, const real *below, Py_ssize_t ldx) noexcept nogil:
    """Product of a layer for the part's rows; `below` are the rows of the chunk that it reads."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef int activation = layer.activation if index < run.net.depth - 1 else IDENTITY
    cdef Part some = no_rows(part)
    if is_blocked(run, layer) and part.m > FEW_ROWS and run.offset == NULL and run.scratch != NULL:
        large_forward(run, index, part, below, ldx, IDENTITY if layer.has_epilogue else activation)
        return
    while next_part(run, part, &some, 2.0*layer.k*layer.n):
        if index == 0 and run.offset != NULL:
            gram_layer(run, some.first, some.m, activation)
        elif is_low_precision(run):
            low_forward_layer(run.low_precision, index, layer, <const real *>run.parameters, below + some.first*ldx,
                              ldx, some.m, <real *>run.a[index] + some.first*layer.ld,
                              IDENTITY if layer.has_epilogue else activation, operands_of(run, part.rank))
        else:
            forward_layer(layer, <const real *>run.parameters, <const real *>run.wt[index], below + some.first*ldx,
                          ldx, some.m, <real *>run.a[index] + some.first*layer.ld,
                          IDENTITY if layer.has_epilogue else activation)


cdef void backward_part(Run *run, int index, const Part *part) noexcept nogil:
    """dZ of the layer below, before its epilogue, for the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const Layer *below = layer - 1
    cdef const real *wt = <const real *>run.parameters + layer.w if layer.units_major else <const real *>run.wt[index]
    cdef Part some = no_rows(part)
    if is_blocked(run, layer):
        large_backward(run, index, part)
        return
    while next_part(run, part, &some, 2.0*layer.k*layer.n):
        if is_low_precision(run):
            low_backward_layer(run, index, some.first, some.m, operands_of(run, part.rank))
            continue
        backward_layer(layer, below, wt, <const real *>run.dz[index] + some.first*layer.ld,
                       <const real *>run.a[index - 1] + some.first*below.ld, some.m,
                       <real *>run.dz[index - 1] + some.first*below.ld)


cdef void forward_rows(Run *run, const Part *part, const real *x, Py_ssize_t ldx, bint begun) noexcept nogil:
    """Gather and forward for the part's rows, up to what the loss takes. `begun`: the first layer's product is already
    computed."""
    cdef const Net *net = run.net
    cdef int index
    cdef const real *below = x
    cdef Part some = no_rows(part)
    if x == <const real *>run.inputs:
        while next_part(run, part, &some, EPILOGUE_FLOPS*ldx):
            fill_inputs(run, part, &some, ldx)
            if not net.plain:
                drop_inputs(run, &some, <real *>run.inputs + some.first*ldx, ldx)
    # Each layer's product, then what it leaves out.
    for index in range(net.depth):
        if index > 0 or not begun:
            forward_part(run, index, part, below, ldx)
        epilogue_forward(run, index, part)
        below, ldx = <const real *>run.a[index], net.layers[index].ld
    if run.activated and not run.failed:
        activate_output(run, part)


cdef void backward_rows(Run *run, const Part *part) noexcept nogil:
    """dZ of each layer for the part's rows, from what the loss has written in place of that of the last layer."""
    cdef int index = run.net.depth - 1
    if run.activated:
        derive_output(run, part)
    # dZ of each layer from dZ of the layer above.
    while index > 0:
        backward_part(run, index, part)
        index -= 1
        epilogue_backward(run, index, part)
    if is_low_precision(run):
        pack_gradient(run, 0, part.first, part.m)


cdef void rows_phase(Run *run, const Part *part, const real *x, Py_ssize_t ldx, double weight, real *scratch,
                     bint begun) noexcept nogil:
    """Gather, forward, loss and backward for the part's rows; `begun` as for `forward_rows`."""
    cdef const Layer *layer = &run.net.layers[run.net.depth - 1]
    cdef Py_ssize_t first = part.first, m = part.m
    cdef int top = run.net.depth - 1
    if m <= 0 and run.net.plain:
        return
    forward_rows(run, part, x, ldx, begun)
    if run.failed:
        return
    # Loss and its gradient with respect to the last layer's logits, or to its outputs.
    if goes_on(run, part.rank, 0):
        run.loss_and_gradient(&run.loss_spec, layer, m, <real *>run.a[top] + first*layer.ld, &run.target, run.order,
                              part.at + first, weight, <real *>run.dz[top] + first*layer.ld if run.backward else NULL,
                              scratch, run.row_loss + first)
    if run.backward:
        backward_rows(run, part)


cdef void weights_phase(Run *run, const real *inputs, Py_ssize_t ld_inputs, Py_ssize_t row, Py_ssize_t m,
                        bint first_chunk, bint last_chunk, int rank, int size, real *scratch) noexcept nogil:
    """Gradient of m rows of the chunk, from `row` on, for the rank's rows of every W, and the step after the last rows
    of the batch; inputs = NULL leaves out the first layer's W."""
    cdef const Layer *layer
    cdef const real *x
    cdef Py_ssize_t first, last, ldx
    cdef int index = run.net.depth - 1
    while index >= 0:
        if is_frozen(run, index):
            index -= 1
            continue
        layer = &run.net.layers[index]
        first, last = first_input(run, layer, rank, size), first_input(run, layer, rank + 1, size)
        if index == 0 and run.offset != NULL:
            if first < last and last_chunk:
                take_step(run, layer.w + first*layer.ld, last - first, vectors_of(layer.n)*LANES, layer.ld, True,
                          <real *>run.dz[0] + first*layer.ld, layer.ld)
        elif first < last and (index > 0 or inputs != NULL):
            if index > 0:
                x, ldx = <const real *>run.a[index - 1], run.net.layers[index - 1].ld
            else:
                x, ldx = inputs, ld_inputs
            if is_low_precision(run):
                low_weight_gradient(run, index, x + row*ldx, ldx, row, m, first, last, first_chunk, last_chunk, scratch,
                                    operands_of(run, rank))
            elif is_blocked(run, layer):
                large_gradient(run, index, x + row*ldx, ldx, row, m, first, last, first_chunk, last_chunk, scratch)
            else:
                weight_gradient(run, index, x + row*ldx, ldx, row, m, first, last, first_chunk, last_chunk, scratch)
            if run.wt[index] != NULL and last_chunk and run.step.method != GRADIENT_ONLY:
                copy_weights(layer, <const real *>run.parameters, <real *>run.wt[index], first, last)
        if layer.b >= 0 and rank == 0:
            bias_gradient(run, index, row, m, first_chunk, last_chunk)
        if layer.g >= 0 and rank == 0:
            gain_gradient(run, index, row, m, first_chunk, last_chunk)
        index -= 1


cdef inline void add_losses(const Run *run, Py_ssize_t m, double *loss) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        loss[0] += run.row_loss[i]


cdef void run_tiny_batch(Run *run, Py_ssize_t start, Py_ssize_t m, double weight, real *scratch,
                         double *loss) noexcept nogil:
    """`run_batch` for a tiny network and one thread."""
    cdef Py_ssize_t ldx
    cdef const real *x = chunk_inputs(run, start, &ldx)
    if x == <const real *>run.inputs:
        gather_rows(&run.x, run.order, start, m, <real *>run.inputs, ldx)
    tiny_batch(run, x, ldx, m, start, weight, scratch)
    add_losses(run, m, loss)


cdef double weight_flops(const Run *run, int size) noexcept nogil:
    """Operations of one rank for the gradient of one row, about."""
    cdef double total = 0
    cdef int index
    for index in range(run.net.depth):
        total += 2.0 * run.net.layers[index].k * run.net.layers[index].n
    return total / size


cdef Py_ssize_t gradient_rows_between_polls(const Run *run, Py_ssize_t m, int size) noexcept nogil:
    """Rows, of m, whose gradient is computed between two polls: more than in other phases."""
    cdef double rows
    if run.poll == NULL:
        return m
    rows = GRADIENT_SLICES * <double>SLICE_FLOPS / weight_flops(run, size)
    return min(m, max(<Py_ssize_t>FEWEST_GRADIENT_ROWS, <Py_ssize_t>rows // TERM_GROUP * TERM_GROUP))


cdef real *scratch_of(const Run *run, int rank) noexcept nogil:
    return <real *>run.scratch + rank*run.scratch_size


cdef void rows_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's part of the rows of a `Chunk`: see `rows_phase`."""
    cdef fp_state saved = flush_subnormals()
    cdef const Chunk *chunk = <const Chunk *>argument
    cdef Part part = part_of(chunk.run, chunk.at, chunk.m, chunk.step, rank, size)
    rows_phase(chunk.run, &part, <const real *>chunk.x, chunk.ldx, chunk.weight, scratch_of(chunk.run, rank), False)
    # Decisions are written within a phase and read after it: all ranks find the same.
    if rank == 0:
        chunk.run.ended = not goes_on(chunk.run, rank, 0)
    restore_fp(saved)


cdef void weights_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's part of W for some rows of a `Chunk`, and the step after the last ones: see `weights_phase`."""
    cdef fp_state saved = flush_subnormals()
    cdef const Chunk *chunk = <const Chunk *>argument
    cdef Run *run = chunk.run
    cdef bint steps = chunk.is_last and chunk.end == chunk.m
    cdef double flops = weight_flops(run, size) if run.poll != NULL else 0
    cdef Py_ssize_t row = chunk.row, m
    while row < chunk.end:
        m = min(chunk.some, chunk.end - row)
        if not steps and not goes_on(run, rank, flops * m):
            break
        weights_phase(run, <const real *>chunk.x, chunk.ldx, row, m, chunk.is_first and row == 0, steps, rank, size,
                      scratch_of(run, rank))
        row += m
    if rank == 0 and not steps:
        run.ended_late = not goes_on(run, rank, flops * (chunk.m - row))
    restore_fp(saved)


cdef bint divide_weights(Chunk *chunk, int rank, int size) noexcept nogil:
    """`weights_phase` for all rows of a chunk, with polls between some of them. Returns False, to all ranks, if the run
    must end before the step."""
    cdef Run *run = chunk.run
    chunk.row, chunk.end, chunk.some = 0, chunk.m, gradient_rows_between_polls(run, chunk.m, size)
    if run.poll != NULL and chunk.is_last:
        chunk.end = (chunk.m - 1) // chunk.some * chunk.some        # the step is taken with the last rows
        divided(run, weights_share, chunk, rank, size)
        if run.ended_late:
            return False
        chunk.row, chunk.end = chunk.end, chunk.m
    divided(run, weights_share, chunk, rank, size)
    return True


cdef bint run_batch(Run *run, Py_ssize_t start, Py_ssize_t count, double weight, int64_t step, int rank, int size,
                    double *loss) noexcept nogil:
    """Loss, which is added to `loss`, gradient and step for rows start, ..., start + count - 1 of the pass. Returns
    False, to all ranks, if the run ends before the step."""
    cdef Py_ssize_t end = start + count
    cdef Chunk chunk
    chunk.run, chunk.weight, chunk.step, chunk.at = run, weight, step, start
    while chunk.at < end:
        chunk.m = min(run.chunk, end - chunk.at)
        chunk.x = chunk_inputs(run, chunk.at, &chunk.ldx)
        chunk.is_first, chunk.is_last = chunk.at == start, chunk.at + chunk.m == end
        divided(run, rows_share, &chunk, rank, size)
        if run.failed or run.loss_spec.failed or run.ended:
            return False
        if rank == 0:
            add_losses(run, chunk.m, loss)
        if run.backward and run.gradients != NULL:
            if not divide_weights(&chunk, rank, size):
                return False
        else:
            sync_threads(run, rank, size)
        chunk.at += chunk.m
    return True


cdef void long_rows_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's halves of the columns of some `LongRows`."""
    cdef fp_state saved = flush_subnormals()
    cdef LongRows *rows = <LongRows *>argument
    cdef int part
    for part in range(<int>share(2, rank, size, 1), <int>share(2, rank + 1, size, 1)):
        long_row_part(rows, 1 - part if rows.backwards else part)
    restore_fp(saved)


cdef void forward_next_rows(LongRows *rows, int size) noexcept nogil:
    """Add four rows to the first layer's gradient, and compute that layer's outputs for the next four rows."""
    cdef Run *run = rows.run
    cdef const Layer *layer = &run.net.layers[0]
    cdef real *a = <real *>run.a[0]
    cdef Py_ssize_t i, j
    divided(run, long_rows_share, rows, 0, size)
    for i in range(LONG_ROW_GROUP):
        for j in range(layer.n):
            a[i*layer.ld + j] += rows.rest[i*LONG_ROW_UNITS + j]
    activate_block(layer.activation if run.net.depth > 1 else IDENTITY, LONG_ROW_GROUP, vectors_of(layer.n)*LANES, a,
                   layer.ld)
    clear_padding(LONG_ROW_GROUP, layer.n, a, layer.ld)


cdef void run_long_row_batch(Run *run, Py_ssize_t start, Py_ssize_t count, double weight, int size,
                             double *loss) noexcept nogil:
    """`run_batch` for long rows, by a thread that divides the work among `size`."""
    cdef Py_ssize_t end = start + count
    cdef const Layer *layer = &run.net.layers[0]
    cdef bint more = False      # the rows' outputs of the first layer are computed already
    cdef real *scratch = <real *>run.scratch
    cdef LongRows rows
    cdef Chunk chunk
    cdef Part part
    chunk.run, chunk.at, chunk.m, chunk.weight = run, start, min(LONG_ROW_GROUP, count), weight
    rows.run, rows.backwards, rows.x = run, False, chunk_inputs(run, start, &rows.ldx)
    chunk.ldx = rows.ldx
    memset(<real *>run.gradients + layer.w, 0, layer.n*layer.ldt*sizeof(real))
    while chunk.m > 0:
        part = part_of(run, chunk.at, chunk.m, 0, 0, 1)
        rows_phase(run, &part, rows.x, rows.ldx, weight, scratch, more)
        add_losses(run, chunk.m, loss)
        more = end - chunk.at >= 2*LONG_ROW_GROUP
        chunk.is_first, chunk.is_last, chunk.x = chunk.at == start, chunk.at + chunk.m == end, rows.x
        if more:
            weights_phase(run, NULL, rows.ldx, 0, chunk.m, chunk.is_first, chunk.is_last, 0, 1, scratch)
            forward_next_rows(&rows, size)
            rows.backwards = size == 1 and not rows.backwards
        else:
            divide_weights(&chunk, 0, size)
        chunk.at += chunk.m
        rows.x += chunk.m*rows.ldx
        chunk.m = min(LONG_ROW_GROUP, end - chunk.at)


cdef void copies_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's part of the copies of W."""
    cdef fp_state saved = flush_subnormals()
    cdef const Run *run = <const Run *>argument
    cdef int index
    for index in range(run.net.depth):
        renew_copies(run, index, rank, size)
    restore_fp(saved)


cdef void run_passes(Run *run, int rank, int size) noexcept nogil:
    """One thread's part of all passes of a run: `DenseKernels.run`."""
    cdef fp_state saved = flush_subnormals()
    cdef Py_ssize_t index, start, count, end = run.first + run.count, step = 0
    cdef int64_t taken = run.step.count if run.update == NULL else run.update.step.count
    cdef bint alone = ((size == 1 or run.divide != NULL) and run.loss_spec.function == NULL and run.poll == NULL
                       and not is_low_precision(run))
    cdef bint tiny = alone and size == 1 and is_tiny(run), long_rows = alone and has_long_rows(run), going = True
    cdef double weight
    if not run.is_packed:
        divided(run, copies_share, run, rank, size)     # afterwards each step updates them
    for index in range(run.passes):
        start = run.first
        while start < end and going:
            count = min(run.batch, end - start)
            weight = share_of_row(run, start, count)
            if rank == 0 and run.rates != NULL and weight > 0:
                if run.penalty_per_row:
                    run.step.l1, run.step.l2 = run.l1*weight, run.l2*weight
                    if run.update != NULL:
                        run.update.shrinkage = run.update.l1*weight
                begin_step(&run.step if run.update == NULL else &run.update.step, run.rates[step])
            if weight == 0:
                pass
            elif tiny:
                run_tiny_batch(run, start, count, weight, <real *>run.scratch, run.pass_loss + index)
            elif long_rows:
                run_long_row_batch(run, start, count, weight, size, run.pass_loss + index)
            else:
                going = run_batch(run, start, count, weight, taken, rank, size, run.pass_loss + index)
            if run.update != NULL and weight > 0 and going:
                apply_update(run, index, rank, size)
            start += run.batch
            step += 1
            taken += weight > 0
    if rank == 0:
        run.renews_copies = not tiny
    restore_fp(saved)


cdef void add_outer(Run *run, int rank, int size) noexcept nogil:
    """First layer's weights += X^T dZ, where run.dz[0] has dZ of all rows."""
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
        sync_threads(run, rank, size)
        if rank == 0:
            run.dz[0] = <real *>dz + at*layer.ld
        sync_threads(run, rank, size)
        weight_gradient(run, 0, x, ldx, 0, m, share(layer.k, rank, size, ROW_GROUP),
                        share(layer.k, rank + 1, size, ROW_GROUP), False, False, NULL)
        sync_threads(run, rank, size)
        at += m
    restore_fp(saved)


cdef bint is_finite(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx) noexcept nogil:
    """Whether x[m, k] has neither NaN nor infinity; 0 times either of them is NaN."""
    cdef Py_ssize_t _, j
    cdef vec zero = v_set1(0), one = zero, two = zero, three = zero     # one sum would wait for each addition
    cdef real total = 0
    for _ in range(m):
        j = 0
        while j + 4*LANES <= k:
            zero = zero + v_load(x + j) * <real>0.0
            one = one + v_load(x + j + LANES) * <real>0.0
            two = two + v_load(x + j + 2*LANES) * <real>0.0
            three = three + v_load(x + j + 3*LANES) * <real>0.0
            j += 4*LANES
        while j + LANES <= k:
            zero = zero + v_load(x + j) * <real>0.0
            j += LANES
        while j < k:
            total = total + x[j] * <real>0.0
            j += 1
        x += ldx
    return total == 0 and v_is_zero((zero + one) + (two + three))


cdef inline bint are_finite(Py_ssize_t m, Py_ssize_t vectors, const real *a, Py_ssize_t ld) noexcept nogil:
    """`is_finite` for rows of whole vectors."""
    cdef vec zero = v_set1(0)
    cdef Py_ssize_t _, j
    for _ in range(m):
        for j in range(vectors):
            zero = zero + v_load(a + j*LANES) * <real>0.0
        a += ld
    return v_is_zero(zero)


cdef void gather_for_forward(const Rows *x, Py_ssize_t first, Py_ssize_t m, void *target,
                             Py_ssize_t ld) noexcept nogil:
    """Rows as `forward` gathers them: see `DenseKernels.gather`."""
    cdef fp_state saved = flush_subnormals()
    gather_rows(x, NULL, first, m, <real *>target, ld)
    restore_fp(saved)


cdef int forward(const Net *net, const void *parameters, const Rows *x, Py_ssize_t first, Py_ssize_t count,
                 void *out_, int output, bint finite_only, Py_ssize_t block, void *work) noexcept nogil:
    """Prediction: see `DenseKernels.forward`."""
    cdef fp_state saved = flush_subnormals()
    cdef real *even = <real *>work
    cdef real *odd = even + block*net.width
    cdef real *a = even
    cdef real *out = <real *>out_
    cdef const real *below
    cdef int index, activation, top = net.depth - 1
    cdef const Layer *layer = &net.layers[top]
    cdef Py_ssize_t at = first, m, ldx, i, k = net.layers[0].k
    if x.pieces != NULL and x.pieces.table != NULL:
        k = x.columns + 2*x.pieces.count
    while at < first + count:
        m = min(block, first + count - at)
        if x.direct:
            below = <const real *>(x.data + at*x.row_stride)
            ldx = x.row_stride // <Py_ssize_t>sizeof(real)
        else:
            below, ldx = odd, net.layers[0].ldt if k == net.layers[0].k else round_up_to_cache_line(k)
            gather_rows(x, NULL, at, m, odd, ldx)
        if finite_only and not is_finite(m, k, below, ldx):
            restore_fp(saved)
            return 0
        # Outputs of the layers alternate between two buffers.
        for index in range(net.depth):
            layer = &net.layers[index]
            a = odd if index % 2 else even
            activation = layer.activation
            if index == top and (output == LOGITS or activation == SOFTMAX):
                activation = IDENTITY       # softmax is applied below, row by row
            if LOW_PRECISION and net.low_precision != NULL and net.low_precision.layers[index].precision != SINGLE:
                low_forward_layer(net.low_precision, index, layer, <const real *>parameters, below, ldx, m, a,
                                  IDENTITY if layer.has_epilogue else activation, even + 2*(block + 1)*net.width)
            elif index == 0 and x.pieces != NULL and x.pieces.table != NULL:
                encoded_layer(x, layer, <const real *>parameters, below, ldx, m, a,
                              IDENTITY if layer.has_epilogue else activation)
            else:
                forward_layer(layer, <const real *>parameters, NULL, below, ldx, m, a,
                              IDENTITY if layer.has_epilogue else activation)
            if not net.plain and not epilogue_predict(net, index, activation, <const real *>parameters, m, below, ldx,
                                                      a, odd + block*net.width):
                restore_fp(saved)
                return -1
            below, ldx = a, layer.ld
        # The padding is zero. A softmax of finite numbers is finite.
        if finite_only and not are_finite(m, vectors_of(layer.n), a, layer.ld):
            restore_fp(saved)
            return 0
        # Rows of the last layer without their padding, as the requested kind of output.
        for i in range(m):
            if output == BOTH_CLASSES:
                out[0], out[1] = 1 - a[i*layer.ld], a[i*layer.ld]
                out += 2
                continue
            if output == LINKED and layer.activation == SOFTMAX:
                softmax_row(layer.n, a + i*layer.ld, out)
            else:
                memcpy(out, a + i*layer.ld, layer.n*sizeof(real))
            out += layer.n
        at += m
    restore_fp(saved)
    return 1


cdef int forward_units(const Net *net, int index, const void *parameters, const void *x, Py_ssize_t ldx, Py_ssize_t m,
                       Py_ssize_t first, Py_ssize_t last, bint finite_only, void *a) noexcept nogil:
    """Some units of one layer, in prediction: see `DenseKernels.forward_units`."""
    cdef fp_state saved = flush_subnormals()
    cdef Layer layer = net.layers[index]
    cdef bint finite = not finite_only or is_finite(m, layer.k, <const real *>x, ldx)
    layer.w += first
    layer.b += first if layer.b >= 0 else 0
    layer.n = last - first
    if finite:
        forward_layer(&layer, <const real *>parameters, NULL, <const real *>x, ldx, m, <real *>a + first,
                      layer.activation)
    restore_fp(saved)
    return finite


cdef double penalty(double l1, double l2, Py_ssize_t count, const void *w_) noexcept nogil:
    """l2/2 sum w^2 + l1 sum |w|."""
    cdef const real *w = <const real *>w_
    cdef double squares = 0, magnitudes = 0
    cdef Py_ssize_t i
    for i in range(count):
        squares += <double>w[i]*w[i]
        magnitudes += fabs(w[i])
    return 0.5*l2*squares + l1*magnitudes
