"""Passes over rows in training: batches, chunks, polls. See `phases.pyx` for what is computed for a chunk.

(a) A pass of training cuts each batch into chunks of rows that stay in the level-2 cache during forward, loss and
    backward. The bits do not depend on the chunks either.
(b) Nothing here allocates, raises or calls Python.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t
from libc.string cimport memset

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernels.activations cimport activate_block
from cnn_core.kernels.long_rows cimport LONG_ROW_GROUP, LONG_ROW_UNITS, LongRows, has_long_rows, long_row_part
from cnn_core.kernels.optimizers cimport begin_step
from cnn_core.kernels.partition cimport (
    TILE_GROUP, clear_padding, divided, goes_on, is_low_precision, part_of, share_of_row, sync_threads, vectors_of)
from cnn_core.kernels.tiny_batch cimport is_tiny, tiny_batch
from cnn_core.kernels.vec cimport LANES, d_rounded, flush_subnormals, fp_state, real, restore_fp
from cnn_core.types cimport ROW_GROUP, SLICE_FLOPS, TERM_GROUP, Chunk, Layer, Part, Run, share
# from dense.pyx: gather_rows, weight_gradient
# from mixed_precision.pyx: renew_copies
# from updates.pyx: apply_update
# from phases.pyx: chunk_inputs, rows_phase, weights_phase

cdef enum:
    FEWEST_GRADIENT_ROWS = 256      # rows of a gradient between polls: fewer would read and write it too often
    GRADIENT_SLICES = 16            # most SLICE_FLOPS of a gradient between polls, with more rows


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
    else:
        sync_threads(run, rank, size)                   # all ranks have read the count that `begin_step` increases
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


cdef double penalty(double l1, double l2, Py_ssize_t count, const void *w_) noexcept nogil:
    """l2/2 sum w^2 + l1 sum |w|."""
    cdef const real *w = <const real *>w_
    cdef double squares = 0, magnitudes = 0
    cdef Py_ssize_t i
    for i in range(count):
        squares += d_rounded(<double>w[i]*w[i])     # GCC multiplies in vectors, and fuses nothing
        magnitudes += fabs(w[i])
    return 0.5*l2*squares + d_rounded(l1*magnitudes)
