"""The two phases of a step on a chunk of rows: rows forward and backward, then the gradient of W and the step.

Threads divide the rows of the chunk in the first phase, and the rows of each W in the second one: outputs and never
sums, so that the bits of a trained network do not depend on the number of threads.
"""

from libc.string cimport memcpy

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernels.partition cimport (
    EPILOGUE_FLOPS, first_input, goes_on, is_low_precision, next_part, no_rows, vectors_of)
from cnn_core.kernels.vec cimport LANES, real
from cnn_core.types cimport GRADIENT_ONLY, Layer, Net, Part, Run, is_frozen
# from dense.pyx: backward_layer, bias_gradient, copy_weights, forward_layer, gather_rows, gram_layer, take_step,
#     weight_gradient
# from mixed_precision.pyx: low_backward_layer, low_forward_layer, low_weight_gradient, operands_of, pack_gradient
# from gemm.pyx: FEW_ROWS
# from large.pyx: is_blocked, large_backward, large_forward, large_gradient
# from norms.pyx: gain_gradient
# from epilogue.pyx: activate_output, derive_output, drop_inputs, epilogue_backward, epilogue_forward


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
            forward_layer(layer, <const real *>run.parameters, <const real *>run.wt[index], False,
                          below + some.first*ldx, ldx, some.m, <real *>run.a[index] + some.first*layer.ld,
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
