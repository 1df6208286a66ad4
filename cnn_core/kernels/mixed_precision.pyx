"""Products of low precision in training and prediction: their operands are rounded here, and everything else is as in
float32; for one instruction set. The products are those of `cnn_core/low_precision`.

    forward     A = f(X W + b)                      rows of X are rounded, W is packed
    backward    dX = (dZ W^T) * f'(X)               rows of dZ are rounded, W^T is packed
                dW = X^T dZ                         columns of X are rounded, dZ is packed

(a) Rows are rounded in blocks, right after the layer below has computed them, and multiplied while they are in the
    cache. The products take a tenth of the time of those of float32 where there are tiles for them: what remains is
    memory, so that nothing is read twice.
(b) W is packed, for both products that read it, on the block that the optimizer has just stepped. The gradient of this
    block is never written out if the batch is one chunk.
(c) Rows and inputs are divided among threads in multiples of TERM_GROUP, at which sums may be cut without a change of
    bits: a sum is one sequence of terms, whatever the number of threads and the chunk.
(d) Blocks of 512 columns, not 256 or 128: a step reads longer pieces of the rows of W and of the moments, which are in
    memory or the third-level cache. 784-512-512-10 with Adam took 8 % less time, 1024-2048-2048-1000 with SGD 18 %.
    Loading a block ahead, during its product, made the step slower by 20 %.
"""

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernel_tables cimport LowPrecisionKernels
from cnn_core.kernels.activations cimport activate_block, derive_block
from cnn_core.kernels.partition cimport clear_padding, first_input, is_low_precision, vectors_of
from cnn_core.kernels.vec cimport LANES, real
from cnn_core.types cimport (
    BFLOAT16, GRADIENT_ONLY, NO_NORM, OPERAND_BYTES, OPERAND_ROWS, PANEL, QUANTIZED, Layer, LowLayer, LowPrecision, Run,
    is_frozen, operand_stride, packed_panel)
# from dense.pyx: copy_weights, take_step

cdef enum:
    STEP_ROWS = 32              # rows and columns of W whose gradient is computed before the step is taken on them
    STEP_COLUMNS = 512


cdef inline const LowPrecisionKernels *kernels_of(const LowPrecision *low) noexcept nogil:
    return <const LowPrecisionKernels *>low.kernels


cdef inline char *operands_of(const Run *run, int rank) noexcept nogil:
    """Room of a thread for rows of low precision."""
    return run.operands + rank*run.operands_size


cdef void low_forward_layer(const LowPrecision *low, int index, const Layer *layer, const real *parameters,
                            const real *x, Py_ssize_t ldx, Py_ssize_t m, real *a, int activation,
                            void *operand) noexcept nogil:
    """`forward_layer` in low precision; `operand` has room for OPERAND_ROWS rows of X."""
    cdef const LowPrecisionKernels *kernels = kernels_of(low)
    cdef const LowLayer *weights = &low.layers[index]
    cdef Py_ssize_t i = 0, rows, ldo = operand_stride(layer.k, weights.precision)
    cdef const real *b = parameters + layer.b if layer.b >= 0 and layer.norm == NO_NORM else NULL
    while i < m:
        rows = min(<Py_ssize_t>OPERAND_ROWS, m - i)
        if weights.precision == QUANTIZED:
            kernels.quantize_rows(rows, layer.k, <const float *>(x + i*ldx), ldx, weights.factor, weights.shift,
                                  weights.for_each_column, operand, ldo)
            kernels.multiply_int8(rows, layer.n, layer.k, operand, ldo, weights.weights, weights.scale, weights.bias,
                                  <float *>(a + i*layer.ld), layer.ld)
        else:
            kernels.round_rows(rows, layer.k, <const float *>(x + i*ldx), ldx, operand, ldo)
            kernels.multiply(rows, layer.n, layer.k, operand, ldo, weights.weights, packed_panel(layer.k),
                             <const float *>b, 0, <float *>(a + i*layer.ld), layer.ld)
        activate_block(activation, rows, vectors_of(layer.n)*LANES, a + i*layer.ld, layer.ld)
        clear_padding(rows, layer.n, a + i*layer.ld, layer.ld)
        i += rows


cdef void pack_gradient(const Run *run, int index, Py_ssize_t first, Py_ssize_t m) noexcept nogil:
    """Pack m rows of dZ for the gradient of W; first is a multiple of TERM_GROUP."""
    cdef const Layer *layer = &run.net.layers[index]
    if m > 0 and run.packed_dz != NULL and not is_frozen(run, index):
        kernels_of(run.low_precision).pack(m, layer.n, <const float *>run.dz[index] + first*layer.ld, layer.ld,
                                           <char *>run.packed_dz[index] + first*2*PANEL, run.dz_panel)


cdef void low_backward_layer(const Run *run, int index, Py_ssize_t first, Py_ssize_t m, void *operand) noexcept nogil:
    """`backward_layer` in low precision for some rows of the chunk, whose dZ is packed for dW too."""
    cdef const LowPrecisionKernels *kernels = kernels_of(run.low_precision)
    cdef const Layer *layer = &run.net.layers[index]
    cdef const Layer *below = layer - 1
    cdef Py_ssize_t i = first, rows, ldo = operand_stride(layer.n, run.low_precision.layers[index].precision)
    cdef real *dx
    while i < first + m:
        rows = min(<Py_ssize_t>OPERAND_ROWS, first + m - i)
        dx = <real *>run.dz[index - 1] + i*below.ld
        pack_gradient(run, index, i, rows)
        kernels.round_rows(rows, layer.n, <const float *>run.dz[index] + i*layer.ld, layer.ld, operand, ldo)
        kernels.multiply(rows, layer.k, layer.n, operand, ldo, run.low_precision.layers[index].transposed,
                         packed_panel(layer.n), NULL, 0, <float *>dx, below.ld)
        derive_block(IDENTITY if below.has_epilogue else below.activation, rows, vectors_of(layer.k)*LANES,
                     <const real *>run.a[index - 1] + i*below.ld, dx, below.ld)
        i += rows


cdef void pack_weights(const Run *run, int index, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t column,
                       Py_ssize_t columns) noexcept nogil:
    """Pack a block of W for both products that read it; it starts at multiples of TERM_GROUP."""
    cdef const LowPrecisionKernels *kernels = kernels_of(run.low_precision)
    cdef const LowLayer *copy = &run.low_precision.layers[index]
    cdef const Layer *layer = &run.net.layers[index]
    cdef const float *w = <const float *>run.parameters + layer.w + first*layer.ld + column
    cdef Py_ssize_t panel = packed_panel(layer.k)
    if rows <= 0:
        return
    kernels.pack(rows, columns, w, layer.ld, <char *>copy.weights + column//PANEL*panel + first*2*PANEL, panel)
    if copy.transposed != NULL:
        panel = packed_panel(layer.n)
        kernels.pack_transposed(columns, rows, w, layer.ld,
                                <char *>copy.transposed + first//PANEL*panel + column*2*PANEL, panel)


cdef void low_weight_block(Run *run, int index, Py_ssize_t first, Py_ssize_t rows, const void *operand, Py_ssize_t ldo,
                           Py_ssize_t row, Py_ssize_t m, bint first_chunk, bint last_chunk, Py_ssize_t column,
                           Py_ssize_t columns, real *scratch) noexcept nogil:
    """A block of dW of at most STEP_ROWS rows and STEP_COLUMNS columns, and the step on it after the last chunk."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t offset = layer.w + first*layer.ld + column, ldg = layer.ld
    cdef bint steps = last_chunk and run.step.method != GRADIENT_ONLY
    cdef real *g = <real *>run.gradients + offset
    if steps and first_chunk:
        g, ldg = scratch, STEP_COLUMNS
    kernels_of(run.low_precision).multiply(
        rows, columns, m, operand, ldo, <char *>run.packed_dz[index] + column//PANEL*run.dz_panel + row*2*PANEL,
        run.dz_panel, NULL if first_chunk else <const float *>g, ldg, <float *>g, ldg)
    if last_chunk:
        take_step(run, offset, rows, vectors_of(columns)*LANES, layer.ld, True, g, ldg)
    if steps:
        pack_weights(run, index, first, rows, column, columns)


cdef void low_weight_gradient(Run *run, int index, const real *x, Py_ssize_t ldx, Py_ssize_t row, Py_ssize_t m,
                              Py_ssize_t first, Py_ssize_t last, bint first_chunk, bint last_chunk, real *scratch,
                              char *operand) noexcept nogil:
    """`weight_gradient` in low precision. The operands of some rows and columns of W stay in the second-level cache
    while these are computed; scratch has room for the gradient of a block."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t ldo = operand_stride(m, BFLOAT16), columns = min(<Py_ssize_t>STEP_COLUMNS, layer.n)
    cdef Py_ssize_t i = first, j, part
    cdef Py_ssize_t most = max(OPERAND_BYTES // ldo // STEP_ROWS * STEP_ROWS, <Py_ssize_t>STEP_ROWS), inputs
    while i < last:
        inputs = min(most, last - i)
        kernels_of(run.low_precision).round_columns(inputs, m, <const float *>(x + i), ldx, operand, ldo)
        j = 0
        while j < layer.n:
            part = 0
            while part < inputs:
                low_weight_block(run, index, i + part, min(<Py_ssize_t>STEP_ROWS, inputs - part), operand + part*ldo,
                                 ldo, row, m, first_chunk, last_chunk, j, min(columns, layer.n - j), scratch)
                part += STEP_ROWS
            j += columns
        i += inputs


cdef void renew_copies(const Run *run, int index, int rank, int size) noexcept nogil:
    """Copies of the rank's rows of W: packed ones, or that in the other memory order."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t first = first_input(run, layer, rank, size), last = first_input(run, layer, rank + 1, size)
    if is_low_precision(run):
        pack_weights(run, index, first, last - first, 0, layer.n)
    elif run.wt != NULL and run.wt[index] != NULL and first < last:
        copy_weights(layer, <const real *>run.parameters, <real *>run.wt[index], first, last)
