"""Passes of a caller who computes the loss: forward, backward from any gradient of the outputs, and a step with a given
gradient; for one instruction set and one type of real.

(a) The buffers of a run have all rows: forward leaves in them what backward needs. The rows are computed in blocks of
    `run.chunk`, through all layers before the next block, as those of a chunk in training.
(b) Every number is computed by the functions of a training step, in the same order: the bits are the same.
"""

from cnn_core.kernels.optimizers cimport begin_step
from cnn_core.kernels.partition cimport goes_on, is_low_precision, part_of, sync_threads, vectors_of
from cnn_core.kernels.vec cimport LANES, flush_subnormals, fp_state, real, restore_fp
from cnn_core.types cimport BATCH_NORM, ROW_GROUP, Layer, Part, Run, is_frozen, share
# from dense.pyx: take_step
# from mixed_precision.pyx: renew_copies
# from epilogue.pyx: drop_inputs
# from phases.pyx: backward_rows, chunk_inputs, forward_rows, weights_phase
# from updates.pyx: apply_update


cdef void copy_all_weights(Run *run, bint units_major, int rank, int size) noexcept nogil:
    """Second copies of W in the other memory order: forward reads those of layers stored units x inputs, backward those
    of the others. Forward makes all packed copies."""
    cdef int index
    for index in range(run.net.depth):
        if run.net.layers[index].units_major == units_major or (units_major and is_low_precision(run)):
            renew_copies(run, index, rank, size)
    sync_threads(run, rank, size)


cdef bint joins_rows(const Run *run) noexcept nogil:
    """Whether all rows have to be computed together: normalised over the rows, or by one call of a user's function."""
    cdef int index
    if run.net.call != NULL:
        return True
    for index in range(run.net.depth):
        if run.net.layers[index].norm == BATCH_NORM:
            return True
    return False


cdef inline Part block_of(const Run *run, Py_ssize_t at, Py_ssize_t rows, int rank, int size) noexcept nogil:
    """The rank's part of rows at, ..., at + rows - 1; all rows of the run are one chunk."""
    cdef Part part = part_of(run, 0, rows, run.step.count, rank, size)
    part.first += at
    part.count = run.count
    return part


cdef void copy_outputs(Run *run, const Part *part) noexcept nogil:
    """Rows of `run.outputs` from the last layer."""
    cdef int top = run.net.depth - 1
    cdef const Layer *layer = &run.net.layers[top]
    cdef Py_ssize_t i
    for i in range(part.first, part.first + part.m):
        memcpy(<real *>run.outputs + i*layer.n, <const real *>run.a[top] + i*layer.ld, layer.n*sizeof(real))


cdef void copy_output_gradient(Run *run, const Part *part) noexcept nogil:
    """dZ of the last layer, or the gradient of its outputs, from rows of `run.outputs`; padding is zero."""
    cdef int top = run.net.depth - 1
    cdef const Layer *layer = &run.net.layers[top]
    cdef real *dz
    cdef Py_ssize_t i
    for i in range(part.first, part.first + part.m):
        dz = <real *>run.dz[top] + i*layer.ld
        memset(dz + layer.n, 0, (layer.ld - layer.n)*sizeof(real))
        memcpy(dz, <const real *>run.outputs + i*layer.n, layer.n*sizeof(real))


cdef void record(Run *run, int rank, int size) noexcept nogil:
    """One thread's part of a forward pass: `DenseKernels.record`."""
    cdef fp_state saved = flush_subnormals()
    cdef Py_ssize_t at = 0, rows = run.count if joins_rows(run) else run.chunk, ldx
    cdef const real *x = chunk_inputs(run, 0, &ldx)
    cdef Part part
    copy_all_weights(run, True, rank, size)
    while at < run.count:
        part = block_of(run, at, min(rows, run.count - at), rank, size)
        forward_rows(run, &part, x, ldx, False)
        copy_outputs(run, &part)
        at += rows
    # `ended` is read by all ranks after the region.
    if rank == 0:
        run.ended = not goes_on(run, rank, 0)
    restore_fp(saved)


cdef void play_back(Run *run, int rank, int size) noexcept nogil:
    """One thread's part of a backward pass: `DenseKernels.play_back`."""
    cdef fp_state saved = flush_subnormals()
    cdef real *scratch = <real *>run.scratch + rank*run.scratch_size
    cdef Py_ssize_t at = 0, rows = run.count if joins_rows(run) else run.chunk, some, row, ldx
    cdef const real *x = chunk_inputs(run, 0, &ldx)
    cdef Part part
    copy_all_weights(run, False, rank, size)
    while at < run.count:
        some = min(rows, run.count - at)
        part = block_of(run, at, some, rank, size)
        copy_output_gradient(run, &part)
        backward_rows(run, &part)
        if rank == 0:
            run.ended = not goes_on(run, rank, 0)
        sync_threads(run, rank, size)
        if run.ended:
            break
        row = at
        while run.gradients != NULL and row < at + some:
            weights_phase(run, x, ldx, row, min(run.chunk, at + some - row), row == 0, False, rank, size, scratch)
            row += run.chunk
        sync_threads(run, rank, size)
        at += rows
    restore_fp(saved)


cdef void drop_rows(Run *run, void *x, Py_ssize_t ldx) noexcept nogil:
    """Dropout of the inputs, applied to rows x: `DenseKernels.drop_rows`."""
    cdef Part part = block_of(run, 0, run.count, 0, 1)
    drop_inputs(run, &part, <real *>x, ldx)


cdef void add_penalty(Run *run, int rank, int size) noexcept nogil:
    """Gradient of the penalty, which a step of the method GRADIENT_ONLY adds to that of each weight."""
    cdef const Layer *layer
    cdef Py_ssize_t first, last
    cdef int index
    for index in range(run.net.depth):
        layer = &run.net.layers[index]
        first, last = share(layer.k, rank, size, ROW_GROUP), share(layer.k, rank + 1, size, ROW_GROUP)
        if is_frozen(run, index) or first == last:
            continue
        if layer.units_major:
            take_step(run, layer.w + first, layer.n, vectors_of(last - first)*LANES, layer.ldt, True,
                      <real *>run.gradients + layer.w + first, layer.ldt)
        else:
            take_step(run, layer.w + first*layer.ld, last - first, vectors_of(layer.n)*LANES, layer.ld, True,
                      <real *>run.gradients + layer.w + first*layer.ld, layer.ld)


cdef void apply_gradient(Run *run, int rank, int size) noexcept nogil:
    """One thread's part of a step with `run.gradients`, which it may change: `DenseKernels.apply_gradient`."""
    cdef fp_state saved = flush_subnormals()
    if rank == 0:
        begin_step(&run.update.step, run.rates[0])
    if run.step.l1 != 0 or run.step.l2 != 0:
        add_penalty(run, rank, size)
    sync_threads(run, rank, size)
    apply_update(run, 0, rank, size)
    restore_fp(saved)
